/* fs_serve_xattr.c: extended attributes; see fs_serve.h.
 *
 * The guest has what a file's owner has on any file system, and the capabilities of programs. What else the
 * host keeps in extended attributes is the host's: labels of its security modules, trusted.* (by which
 * overlayfs tells what a folder is made of), and access control lists, which the guest's kernel would not
 * heed.
 */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/str.h"
#include "vmm/virtio/fs_serve.h"

static bool is_the_guests(const char *name)
{
	return str_starts(name, "user.") || !strcmp(name, "security.capability");
}

int fs_serve_setxattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_setxattr_in *in = r->body;
	int fd = fs_inode_fd(s->inodes, r->inode);

	(void)a;
	if (fd < 0)
		return fd;
	if (!is_the_guests(r->names[0]))
		return -EOPNOTSUPP;
	if (in->size > r->n_rest)
		return -EINVAL;
	return setxattr(fs_number(fd).text, r->names[0], r->rest, in->size, (int)in->flags) < 0 ? -errno : 0;
}

/* n bytes of value stand in the body; the guest may only have asked how many there are, or have less room. */
static int give(struct fs_answer *a, ssize_t n, uint32_t room)
{
	struct fuse_getxattr_out *out;

	if (n < 0)
		return -errno;
	if (room) {
		a->len = (size_t)n;
		return (size_t)n > room ? -ERANGE : 0;
	}
	out = fs_answer_add(a, sizeof(*out));
	out->size = (uint32_t)n;
	return 0;
}

int fs_serve_getxattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_getxattr_in *in = r->body;
	int fd = fs_inode_fd(s->inodes, r->inode);

	if (fd < 0)
		return fd;
	if (!is_the_guests(r->names[0]))
		return -EOPNOTSUPP;
	return give(a, getxattr(fs_number(fd).text, r->names[0], a->body, XATTR_SIZE_MAX), in->size);
}

int fs_serve_listxattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_getxattr_in *in = r->body;
	int fd = fs_inode_fd(s->inodes, r->inode);
	char *list = (char *)a->body, *to = list;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = listxattr(fs_number(fd).text, list, XATTR_LIST_MAX);
	for (char *name = list; n > 0 && name < list + n;) {
		size_t len = strlen(name) + 1;

		if (is_the_guests(name)) {
			memmove(to, name, len);
			to += len;
		}
		name += len;
	}
	return give(a, n < 0 ? n : to - list, in->size);
}

int fs_serve_removexattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	int fd = fs_inode_fd(s->inodes, r->inode);

	(void)a;
	if (fd < 0)
		return fd;
	if (!is_the_guests(r->names[0]))
		return -EOPNOTSUPP;
	return removexattr(fs_number(fd).text, r->names[0]) < 0 ? -errno : 0;
}
