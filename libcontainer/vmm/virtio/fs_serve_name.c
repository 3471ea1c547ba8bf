/* fs_serve_name.c: looking up, making, removing and renaming; see fs_serve.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "vmm/virtio/fs_serve.h"

#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT (1 << 2)
#endif

enum { SHARE_VALID_SECONDS = 24 * 60 * 60 };

int fs_enter(struct fs_server *s, const struct fs_inode *dir, const char *name, int fd,
	     struct fuse_entry_out *to, struct fs_inode **out)
{
	auto_close int mine = fd;
	struct fs_inode *i;
	struct fs_key key;
	struct statx st;
	int ret = fs_key_of(mine, dir->key.share, &key, &st);

	if (ret < 0)
		return ret;
	ret = fs_inodes_look_up(s->inodes, &key, st.stx_mode, mine, dir, name, &i);
	if (ret < 0)
		return ret;
	TAKE_FD(mine);
	*to = (struct fuse_entry_out){
	    .nodeid = i->id, .entry_valid = FS_VALID_SECONDS, .attr_valid = FS_VALID_SECONDS};
	fs_attr_from_statx(&to->attr, &st);
	/* Another file system of the host's is one in the guest: inode numbers mean nothing across them.
	 * Older guests forget the folder it stands on before its top. */
	if (S_ISDIR(i->type) && key.mount != dir->key.mount) {
		to->attr.flags |= FUSE_ATTR_SUBMOUNT;
		i->pinned = true;
	}
	if (out)
		*out = i;
	return 0;
}

/* The top folder's entries are the shares. */
static int look_up_share(struct fs_server *s, const char *name, struct fuse_entry_out *to)
{
	for (size_t n = 0; n < s->n_shares; n++) {
		const struct fs_share *share = &s->shares[n];
		struct fs_inode as_parent = {.key.share = (uint32_t)n}, *i;
		int fd, ret;

		if (strcmp(share->name, name))
			continue;
		fd = fcntl(share->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		ret = fs_enter(s, &as_parent, NULL, fd, to, &i);
		if (ret < 0)
			return ret;
		i->pinned = true;
		to->entry_valid = SHARE_VALID_SECONDS;
		if (S_ISDIR(i->type))
			to->attr.flags |= FUSE_ATTR_SUBMOUNT;
		return 0;
	}
	return -ENOENT;
}

static int look_up(struct fs_server *s, struct fs_inode *dir, const char *name, struct fuse_entry_out *to,
		   struct fs_inode **out)
{
	int at, fd, ret = fs_name_check(name);

	if (ret < 0)
		return ret;
	if (dir->id == FUSE_ROOT_ID)
		return look_up_share(s, name, to);
	at = fs_inode_fd(s->inodes, dir);
	if (at < 0)
		return at;
	fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fs_enter(s, dir, name, fd, to, out);
}

int fs_serve_lookup(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	return look_up(s, r->inode, r->names[0], fs_answer_add(a, sizeof(struct fuse_entry_out)), NULL);
}

/* Every name of a part of a folder. One that went away, or that no descriptor was left for, is an entry
 * without a node: the guest shows the name and looks it up if it wants more. */
int fs_serve_lookup_all(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const char *name = r->rest, *end = r->rest + r->n_rest;

	while (name < end) {
		const char *nul = memchr(name, '\0', (size_t)(end - name));
		struct fuse_entry_out entry = {0};

		if (!nul || sizeof(a->body) - a->len < sizeof(entry))
			return -EINVAL;
		/* Not of the top folder: its entries never go away, and "." and ".." are the guest's own. */
		if (look_up(s, r->inode, name, &entry, NULL) < 0)
			entry = (struct fuse_entry_out){0};
		memcpy(fs_answer_add(a, sizeof(entry)), &entry, sizeof(entry));
		name = nul + 1;
	}
	return 0;
}

/* Where something is to be made: the folder's descriptor, with the request's user in charge until made(). */
static int make_in(struct fs_server *s, struct fs_request *r, const char *name)
{
	int at, ret = fs_name_check(name);

	if (ret < 0)
		return ret;
	at = fs_inode_fd(s->inodes, r->inode);
	if (at < 0)
		return at;
	ret = fs_identity_take(&s->me, r->h.uid, r->h.gid);
	return ret < 0 ? ret : at;
}

/* What the system call that makes it said, once we are ourselves again; then what was made is looked up. */
static int made(struct fs_server *s, struct fs_request *r, struct fs_answer *a, const char *name, int ret)
{
	int e = errno;

	fs_identity_return(&s->me);
	if (ret < 0)
		return -e;
	return look_up(s, r->inode, name, fs_answer_add(a, sizeof(struct fuse_entry_out)), NULL);
}

int fs_serve_symlink(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	int at = make_in(s, r, r->names[0]);

	return at < 0 ? at : made(s, r, a, r->names[0], symlinkat(r->names[1], at, r->names[0]));
}

int fs_serve_mknod(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_mknod_in *in = r->body;
	int at = make_in(s, r, r->names[0]);

	return at < 0 ? at
		      : made(s, r, a, r->names[0],
			     mknodat(at, r->names[0], in->mode, fs_device_decode(in->rdev)));
}

int fs_serve_mkdir(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_mkdir_in *in = r->body;
	int at = make_in(s, r, r->names[0]);

	return at < 0 ? at : made(s, r, a, r->names[0], mkdirat(at, r->names[0], in->mode & 07777));
}

/* The node of the file called so, if the guest knows it, kept open: its name is about to go. */
static struct fs_inode *losing_name(struct fs_server *s, const struct fs_inode *dir, int at, const char *name)
{
	auto_close int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct fs_inode *i;
	struct fs_key key;

	if (fd < 0 || fs_key_of(fd, dir->key.share, &key, NULL) < 0)
		return NULL;
	i = fs_inodes_find(s->inodes, &key);
	if (i)
		fs_inode_unname(s->inodes, i);
	return i;
}

static int remove_name(struct fs_server *s, struct fs_request *r, int flags)
{
	int at, ret = fs_name_check(r->names[0]);

	if (ret < 0)
		return ret;
	at = fs_inode_fd(s->inodes, r->inode);
	if (at < 0)
		return at;
	losing_name(s, r->inode, at, r->names[0]);
	return unlinkat(at, r->names[0], flags) < 0 ? -errno : 0;
}

int fs_serve_unlink(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	(void)a;
	return remove_name(s, r, 0);
}

int fs_serve_rmdir(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	(void)a;
	return remove_name(s, r, AT_REMOVEDIR);
}

/* The second folder of a request about two, which has to be of the first one's share: between two of the same
 * host file system the kernel would do it. */
static int other_folder(struct fs_server *s, struct fs_request *r, uint64_t id, struct fs_inode **out)
{
	*out = fs_inodes_get(s->inodes, id);
	if (!*out)
		return -ESTALE;
	return (*out)->key.share == r->inode->key.share ? 0 : -EXDEV;
}

static int rename_flags(struct fs_server *s, struct fs_request *r, uint64_t to_id, unsigned int flags)
{
	const char *name = r->names[0], *new_name = r->names[1];
	struct fs_inode *to, *moved, *hit;
	int at, to_at, ret;

	if (fs_name_check(name) < 0 || fs_name_check(new_name) < 0)
		return -EINVAL;
	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	ret = other_folder(s, r, to_id, &to);
	if (ret < 0)
		return ret;
	at = fs_inode_fd(s->inodes, r->inode);
	to_at = fs_inode_fd(s->inodes, to);
	if (at < 0 || to_at < 0)
		return at < 0 ? at : to_at;
	moved = losing_name(s, r->inode, at, name);
	hit = losing_name(s, to, to_at, new_name);
	if (renameat2(at, name, to_at, new_name, flags) < 0)
		return -errno;
	if (moved)
		fs_inode_rename(moved, to, new_name);
	if (hit && flags & RENAME_EXCHANGE)
		fs_inode_rename(hit, r->inode, name);
	return 0;
}

int fs_serve_rename(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_rename_in *in = r->body;

	(void)a;
	return rename_flags(s, r, in->newdir, 0);
}

int fs_serve_rename2(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_rename2_in *in = r->body;

	(void)a;
	return rename_flags(s, r, in->newdir, in->flags);
}

int fs_serve_link(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_link_in *in = r->body;
	struct fs_inode *old;
	int at, fd, ret = fs_name_check(r->names[0]);

	if (ret < 0)
		return ret;
	ret = other_folder(s, r, in->oldnodeid, &old);
	if (ret < 0)
		return ret;
	fd = fs_inode_fd(s->inodes, old);
	at = fs_inode_fd(s->inodes, r->inode);
	if (fd < 0 || at < 0)
		return fd < 0 ? fd : at;
	if (linkat(AT_FDCWD, fs_number(fd).text, at, r->names[0], AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return look_up(s, r->inode, r->names[0], fs_answer_add(a, sizeof(struct fuse_entry_out)), NULL);
}

int fs_serve_readlink(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	int fd = fs_inode_fd(s->inodes, r->inode);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (!S_ISLNK(r->inode->type))
		return -EINVAL;
	n = readlinkat(fd, "", (char *)a->body, PATH_MAX);
	if (n < 0)
		return -errno;
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	a->len = (size_t)n;
	return 0;
}
