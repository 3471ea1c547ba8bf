/* walk.c: see walk.h. */
#include "base/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"

enum { LINKS_MAX = 40, SWAPS_MAX = 1000, PROC_ROOT_INO = 1 };

/* The directories from the root (which is the caller's and not on the stack) to where we are. ".." takes one
 * off, and is never asked of the kernel: whatever is moved meanwhile, what we return to is where we came
 * from. */
struct walk {
	int root;
	int *stack;
	size_t depth, room;
	char *rest; /* what remains to be walked */
	int links, swaps;
};

static int here(const struct walk *w)
{
	return w->depth ? w->stack[w->depth - 1] : w->root;
}

static void go_up(struct walk *w)
{
	if (w->depth)
		close(w->stack[--w->depth]);
}

static int go_down(struct walk *w, int fd)
{
	if (w->depth == w->room) {
		size_t room = w->room ? w->room * 2 : 16;
		int *bigger = reallocarray(w->stack, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		w->stack = bigger;
		w->room = room;
	}
	w->stack[w->depth++] = fd;
	return 0;
}

static bool is_magic(const struct walk *w, int link)
{
	struct stat st;

	if (!fd_is_on(link, PROC_SUPER_MAGIC))
		return false;
	return !fd_is_on(here(w), PROC_SUPER_MAGIC) || fstat(here(w), &st) < 0 || st.st_ino != PROC_ROOT_INO;
}

/* Puts the link's text in front of what remains. It is read from the descriptor that was seen to be a link,
 * not by name. */
static int follow(struct walk *w, int link, const char *behind)
{
	char target[PATH_MAX];
	char *rest;
	ssize_t n;

	if (++w->links > LINKS_MAX || is_magic(w, link))
		return -ELOOP;
	n = readlinkat(link, "", target, sizeof(target));
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ENOENT;
	if ((size_t)n >= sizeof(target))
		return -ENAMETOOLONG;
	target[n] = '\0';
	rest = str_printf("%s%s", target, behind);
	if (!rest)
		return -ENOMEM;
	if (target[0] == '/')
		while (w->depth)
			go_up(w);
	free(w->rest);
	w->rest = rest;
	return 0;
}

/* One component, `name`, that is neither "." nor "..". `behind` starts at the slash or the end after it.
 * Returns 0 to go on with w->rest, with *fd set once the last one is open. */
static int step(struct walk *w, const char *name, const char *behind, int flags, int *fd)
{
	bool last = !behind[strspn(behind, "/")], bare = !*behind;
	auto_close int at = openat(here(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int ret;

	if (at < 0 || fstat(at, &st) < 0)
		return -errno;
	/* A slash behind the last link has it followed in spite of O_NOFOLLOW. */
	if (S_ISLNK(st.st_mode) && bare && flags & O_NOFOLLOW) {
		if (flags & O_DIRECTORY)
			return -ENOTDIR;
		if (!(flags & O_PATH))
			return -ELOOP;
		*fd = TAKE_FD(at);
		return 0;
	}
	if (S_ISLNK(st.st_mode))
		return follow(w, at, behind);
	if (!S_ISDIR(st.st_mode) && (!bare || flags & O_DIRECTORY))
		return -ENOTDIR;
	if (last && flags & O_PATH) {
		*fd = TAKE_FD(at);
		return 0;
	}
	if (last) {
		ret = openat(here(w), name, flags | (bare ? 0 : O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
		if (ret >= 0)
			*fd = ret;
		/* It was no link when we looked; if it has become one, look again. */
		return ret >= 0 || (errno == ELOOP && ++w->swaps < SWAPS_MAX) ? 0 : -errno;
	}
	ret = go_down(w, at);
	if (ret < 0)
		return ret;
	TAKE_FD(at);
	memmove(w->rest, behind, strlen(behind) + 1);
	return 0;
}

static int walk(struct walk *w, int flags)
{
	for (;;) {
		char name[NAME_MAX + 1];
		const char *p = w->rest + strspn(w->rest, "/"), *behind = p + strcspn(p, "/");
		size_t n = (size_t)(behind - p);
		int ret, fd = -EBADF;

		if (n == 0)
			break;
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, p, n);
		name[n] = '\0';
		if (!strcmp(name, ".") || !strcmp(name, "..")) {
			if (n == 2)
				go_up(w);
			memmove(w->rest, behind, strlen(behind) + 1);
			continue;
		}
		ret = step(w, name, behind, flags, &fd);
		if (ret < 0 || fd >= 0)
			return ret < 0 ? ret : fd;
	}
	/* It ended in ".", ".." or "/": at a directory. */
	int fd = openat(here(w), ".", flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int walk_open(int root, const char *path, int flags)
{
	struct walk w = {.root = root};
	int ret;

	if (!*path)
		return -ENOENT;
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	w.rest = strdup(path);
	ret = w.rest ? walk(&w, flags) : -ENOMEM;
	while (w.depth)
		go_up(&w);
	free(w.stack);
	free(w.rest);
	return ret;
}
