/* fs_serve.c: see fs_serve.h. */
#include "vmm/virtio/fs_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/table.h"

typedef int operation(struct fs_server *s, struct fs_request *r, struct fs_answer *a);

static int forget(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_forget_in *in = r->body;

	(void)a;
	fs_inodes_forget(s->inodes, r->h.nodeid, in->nlookup);
	return 0;
}

static int forget_many(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_batch_forget_in *in = r->body;
	size_t there = r->n_rest / sizeof(struct fuse_forget_one);

	(void)a;
	for (size_t i = 0; i < in->count && i < there; i++) {
		struct fuse_forget_one one;

		memcpy(&one, r->rest + i * sizeof(one), sizeof(one));
		fs_inodes_forget(s->inodes, one.nodeid, one.nlookup);
	}
	return 0;
}

static int destroy(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	(void)r;
	(void)a;
	fs_inodes_clear(s->inodes);
	return 0;
}

static operation *const operations[FS_OPS] = {
    [FUSE_LOOKUP] = fs_serve_lookup,
    [FUSE_FORGET] = forget,
    [FUSE_BATCH_FORGET] = forget_many,
    [FUSE_DESTROY] = destroy,
    [FUSE_GETATTR] = fs_serve_getattr,
    [FUSE_SETATTR] = fs_serve_setattr,
    [FUSE_READLINK] = fs_serve_readlink,
    [FUSE_SYMLINK] = fs_serve_symlink,
    [FUSE_MKNOD] = fs_serve_mknod,
    [FUSE_MKDIR] = fs_serve_mkdir,
    [FUSE_UNLINK] = fs_serve_unlink,
    [FUSE_RMDIR] = fs_serve_rmdir,
    [FUSE_RENAME] = fs_serve_rename,
    [FUSE_RENAME2] = fs_serve_rename2,
    [FUSE_LINK] = fs_serve_link,
    [FUSE_OPEN] = fs_serve_open,
    [FUSE_OPENDIR] = fs_serve_opendir,
    [FUSE_CREATE] = fs_serve_create,
    [FUSE_TMPFILE] = fs_serve_tmpfile,
    [FUSE_STATFS] = fs_serve_statfs,
    [FUSE_SYNCFS] = fs_serve_syncfs,
    [FUSE_SETXATTR] = fs_serve_setxattr,
    [FUSE_GETXATTR] = fs_serve_getxattr,
    [FUSE_LISTXATTR] = fs_serve_listxattr,
    [FUSE_REMOVEXATTR] = fs_serve_removexattr,
    [FUSE_READDIRPLUS] = fs_serve_lookup_all,
};

int fs_server_init(struct fs_server *s, const struct fs_share *shares, size_t n, size_t descriptors,
		   struct error *err)
{
	*s = (struct fs_server){.shares = shares, .n_shares = n};
	if (n > FS_SHARES_MAX)
		return error_set(err, -EINVAL, "share file systems: %zu are more than %d", n, FS_SHARES_MAX);
	for (size_t i = 0; i < n; i++)
		if (fs_name_check(shares[i].name) < 0)
			return error_set(err, -EINVAL, "share a file system as '%s': not a name",
					 shares[i].name);
	if (fs_identity_ask(&s->me, err) < 0)
		return err ? err->code : -EIO;
	if (fs_inodes_new(descriptors, &s->inodes) < 0)
		return error_set(err, -ENOMEM, "share file systems: out of memory");
	return 0;
}

void fs_server_free(struct fs_server *s)
{
	fs_inodes_free(s->inodes);
	s->inodes = NULL;
}

void *fs_answer_add(struct fs_answer *a, size_t len)
{
	void *p = a->body + a->len;

	memset(p, 0, len);
	a->len += len;
	return p;
}

bool fs_read_only(const struct fs_server *s, const struct fs_inode *i)
{
	return i->key.share == FS_NO_SHARE || s->shares[i->key.share].read_only;
}

struct fs_number fs_number(int fd)
{
	struct fs_number n;

	snprintf(n.text, sizeof(n.text), "%d", fd);
	return n;
}

/* What every request has to stand before it is looked at. */
static int admit(struct fs_server *s, struct fs_request *r, const void *request, size_t len)
{
	if (len < sizeof(r->h))
		return -EINVAL;
	memcpy(&r->h, request, sizeof(r->h));
	if (r->h.len != len || r->h.total_extlen)
		return -EINVAL;
	if (r->h.opcode >= FS_OPS || !operations[r->h.opcode])
		return -ENOSYS;
	r->op = &fs_ops[r->h.opcode];
	r->body = (const char *)request + sizeof(r->h);
	if (fs_op_parse(r->op, r->body, len - sizeof(r->h), r->names, &r->rest) < 0)
		return -EINVAL;
	r->n_rest = len - (size_t)(r->rest - (const char *)request);
	/* These name no file of their own, or one that may be gone already. */
	if (r->op->silent || r->h.opcode == FUSE_DESTROY)
		return 0;
	r->inode = fs_inodes_get(s->inodes, r->h.nodeid);
	if (!r->inode)
		return -ESTALE;
	if (r->op->writes && fs_read_only(s, r->inode))
		return -EROFS;
	if (r->h.nodeid == FUSE_ROOT_ID && !r->op->top)
		return -EOPNOTSUPP;
	return 0;
}

void fs_serve(struct fs_server *s, const void *request, size_t len, struct fs_answer *a)
{
	struct fs_request r = {.h.unique = 0};
	int ret;

	a->len = 0;
	a->fd = -EBADF;
	fs_inodes_trim(s->inodes);
	ret = admit(s, &r, request, len);
	if (ret == 0)
		ret = operations[r.h.opcode](s, &r, a);
	if (ret < 0)
		a->len = 0;
	if (ret < 0 && a->fd >= 0) {
		close(a->fd);
		a->fd = -EBADF;
	}
	a->h = (struct fuse_out_header){
	    .len = (uint32_t)(sizeof(a->h) + a->len), .error = ret < 0 ? ret : 0, .unique = r.h.unique};
	a->silent = r.op && r.op->silent;
}
