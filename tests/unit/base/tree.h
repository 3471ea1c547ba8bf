/* tree.h: a folder with a root in it, full of traps, and things outside it that nobody may reach. */
#ifndef TEST_BASE_TREE_H
#define TEST_BASE_TREE_H

struct tree {
	char path[64]; /* the folder; below it root/ and outside/ */
	int base, root, outside;
};
extern struct tree tree;

/*  secret                     outside, as is all but root/
 *  outside/secret
 *  root/etc/passwd            a file
 *  root/etc/deep/er           a directory
 *  root/abs   -> /etc/passwd      root/up -> ../../../../etc/passwd
 *  root/slash -> /                root/etc/self -> .
 *  root/out   -> ../outside       root/far -> <absolute path of outside/>
 *  root/loop1 -> loop2 -> loop1   root/dangling -> /etc/none
 *  root/hole  -> ../outside/new   root/fark -> <absolute path of outside/>/new
 */
void tree_make(void);
void tree_remove(void);

/* Are these the same file? path below base. */
int tree_is(int fd, const char *path);

/* How many entries the folder at `path` below base has. */
int tree_count(const char *path);

#endif
