/* fs_file.c: what the monitor does with descriptors; see fs_turn.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/sys.h"
#include "vmm/virtio/fs_turn.h"

enum {
	WRITE_AT = sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in),
	READ_AT = sizeof(struct fuse_out_header),
	COPY_MAX = 64 << 20, /* of one request: the others behind it wait */
	SETATTR_ELSEWHERE = FATTR_MODE | FATTR_UID | FATTR_GID | FATTR_ATIME | FATTR_MTIME | FATTR_ATIME_NOW |
			    FATTR_MTIME_NOW,
};

/* The part of `from` that begins `skip` bytes into it and has at most `len`; how many pieces of to[] that
 * are. */
static int window(const struct iovec *from, size_t n, uint64_t skip, uint64_t len, struct iovec *to)
{
	int pieces = 0;

	for (size_t i = 0; i < n && len; i++) {
		uint64_t have = from[i].iov_len;

		if (skip >= have) {
			skip -= have;
			continue;
		}
		have -= skip;
		have = have < len ? have : len;
		to[pieces++] = (struct iovec){(char *)from[i].iov_base + skip, have};
		skip = 0;
		len -= have;
	}
	return pieces;
}

static struct fs_handle *file_of(struct fs *fs, const struct fs_turn *t, uint64_t id)
{
	return fs_handles_get(&fs->handles, id, t->h.nodeid, false);
}

static bool range_is_sane(uint64_t at, uint64_t len)
{
	return at <= INT64_MAX && len <= INT64_MAX - at;
}

/* The descriptor that came with the answer becomes a handle of `node`; *out is what the guest is told. */
static int take_handle(struct fs *fs, uint64_t node, bool folder, const struct fs_opened *opened,
		       struct fuse_open_out *out)
{
	struct fs_handle h = {
	    .node = node,
	    .fd = fs->peer.fd,
	    .folder = folder,
	    .writable = !folder && opened->flags & FS_OPENED_WRITABLE,
	    .above = opened->flags & FS_OPENED_ABOVE,
	};
	int ret;

	/* The kernel drops a descriptor for which this process has no room. */
	if (h.fd < 0 && !(folder && node == FUSE_ROOT_ID))
		return -EMFILE;
	ret = fs_handles_add(&fs->handles, &h);
	if (ret < 0)
		return ret;
	TAKE_FD(fs->peer.fd);
	*out = (struct fuse_open_out){.fh = h.id, .open_flags = opened->open_flags & FOPEN_KEEP_CACHE};
	return 0;
}

int fs_file_open(struct fs *fs, struct fs_turn *t)
{
	struct fs_opened opened;
	int ret = t->room < sizeof(t->out.open) ? -EINVAL : fs_forward(fs, t);

	if (ret < 0)
		return ret;
	memcpy(&opened, fs_peer_body(&fs->peer), sizeof(opened));
	t->len = sizeof(t->out.open);
	return take_handle(fs, t->h.nodeid, t->h.opcode == FUSE_OPENDIR, &opened, &t->out.open);
}

int fs_file_create(struct fs *fs, struct fs_turn *t)
{
	struct {
		struct fuse_entry_out entry;
		struct fs_opened opened;
	} got;
	int ret = t->room < sizeof(t->out.create) ? -EINVAL : fs_forward(fs, t);

	if (ret < 0)
		return ret;
	memcpy(&got, fs_peer_body(&fs->peer), sizeof(got));
	t->len = sizeof(t->out.create);
	t->out.create.entry = got.entry;
	return take_handle(fs, got.entry.nodeid, false, &got.opened, &t->out.create.open);
}

int fs_file_release(struct fs *fs, struct fs_turn *t)
{
	struct fs_handle *h =
	    fs_handles_get(&fs->handles, t->in.release.fh, t->h.nodeid, t->h.opcode == FUSE_RELEASEDIR);

	if (!h)
		return -EBADF;
	if (fs->listing.handle == h->id)
		fs->listing.handle = 0;
	fs_handles_close(&fs->handles, h);
	return 0;
}

/* A read that ends early is the end of the file to the guest, so it goes on until there is nothing more. */
static ssize_t read_all(int fd, struct iovec *v, int n, off_t at, size_t len)
{
	struct iovec rest[QUEUE_CHAIN_MAX];
	size_t done = 0;

	while (done < len) {
		int pieces = window(v, (size_t)n, done, len - done, rest);
		ssize_t got = preadv(fd, rest, pieces, at + (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && !done)
			return -errno;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

int fs_file_read(struct fs *fs, struct fs_turn *t)
{
	const struct fuse_read_in *in = &t->in.read;
	struct fs_handle *h = file_of(fs, t, in->fh);
	struct iovec v[QUEUE_CHAIN_MAX];
	ssize_t n;

	if (!h)
		return -EBADF;
	if (in->size > FS_IO_MAX || in->size > t->room || !range_is_sane(in->offset, in->size))
		return -EINVAL;
	n = read_all(h->fd, v, window(t->c->v + t->c->n_in, t->c->n_out, READ_AT, in->size, v),
		     (off_t)in->offset, in->size);
	if (n < 0)
		return (int)n;
	t->len = (size_t)n;
	t->placed = true;
	return 0;
}

int fs_file_write(struct fs *fs, struct fs_turn *t)
{
	const struct fuse_write_in *in = &t->in.write;
	struct fs_handle *h = file_of(fs, t, in->fh);
	struct iovec v[QUEUE_CHAIN_MAX];
	/* Pages that were written into by mmap have their place, whatever the file was opened for. */
	bool append = in->flags & O_APPEND && !(in->write_flags & FUSE_WRITE_CACHE);
	ssize_t n;
	int pieces;

	if (!h || !h->writable)
		return -EBADF;
	if (in->size > FS_IO_MAX || in->size > t->h.len - WRITE_AT)
		return -EINVAL;
	if (!range_is_sane(in->offset, in->size))
		return -EFBIG;
	pieces = window(t->c->v, t->c->n_in, WRITE_AT, in->size, v);
	do {
		n = append ? pwritev2(h->fd, v, pieces, (off_t)in->offset, RWF_APPEND)
			   : pwritev(h->fd, v, pieces, (off_t)in->offset);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	t->out.write = (struct fuse_write_out){.size = (uint32_t)n};
	t->len = sizeof(t->out.write);
	return 0;
}

int fs_file_sync(struct fs *fs, struct fs_turn *t)
{
	struct fs_handle *h =
	    fs_handles_get(&fs->handles, t->in.fsync.fh, t->h.nodeid, t->h.opcode == FUSE_FSYNCDIR);

	if (!h)
		return -EBADF;
	if (h->fd < 0)
		return 0;
	return (t->in.fsync.fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync(h->fd) : fsync(h->fd)) < 0 ? -errno
												      : 0;
}

int fs_file_allocate(struct fs *fs, struct fs_turn *t)
{
	const struct fuse_fallocate_in *in = &t->in.fallocate;
	struct fs_handle *h = file_of(fs, t, in->fh);

	if (!h || !h->writable)
		return -EBADF;
	if (in->mode & ~(unsigned)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if (!range_is_sane(in->offset, in->length))
		return -EFBIG;
	return fallocate(h->fd, (int)in->mode, (off_t)in->offset, (off_t)in->length) < 0 ? -errno : 0;
}

int fs_file_seek(struct fs *fs, struct fs_turn *t)
{
	const struct fuse_lseek_in *in = &t->in.lseek;
	struct fs_handle *h = file_of(fs, t, in->fh);
	off_t at;

	if (!h)
		return -EBADF;
	if ((in->whence != SEEK_DATA && in->whence != SEEK_HOLE) || in->offset > INT64_MAX)
		return -EINVAL;
	at = lseek(h->fd, (off_t)in->offset, (int)in->whence);
	if (at < 0)
		return -errno;
	t->out.lseek = (struct fuse_lseek_out){.offset = (uint64_t)at};
	t->len = sizeof(t->out.lseek);
	return 0;
}

int fs_file_copy(struct fs *fs, struct fs_turn *t)
{
	const struct fuse_copy_file_range_in *in = &t->in.copy;
	struct fs_handle *from = file_of(fs, t, in->fh_in);
	struct fs_handle *to = fs_handles_get(&fs->handles, in->fh_out, in->nodeid_out, false);
	off_t from_at = (off_t)in->off_in, to_at = (off_t)in->off_out;
	size_t len = in->len < COPY_MAX ? (size_t)in->len : COPY_MAX;
	ssize_t n;

	if (!from || !to || !to->writable)
		return -EBADF;
	if (in->flags || !range_is_sane(in->off_in, len) || !range_is_sane(in->off_out, len))
		return -EINVAL;
	n = copy_file_range(from->fd, &from_at, to->fd, &to_at, len, 0);
	if (n < 0)
		return -errno;
	t->out.write = (struct fuse_write_out){.size = (uint32_t)n};
	t->len = sizeof(t->out.write);
	return 0;
}

static int tell(struct fs_turn *t, int fd)
{
	struct stat st;

	if (sys_fstat(fd, &st) < 0)
		return -errno;
	t->out.attr = (struct fuse_attr_out){.attr_valid = FS_VALID_SECONDS};
	fs_attr_from_stat(&t->out.attr.attr, &st);
	t->len = sizeof(t->out.attr);
	return 0;
}

/* Of an open file we can tell by ourselves. */
int fs_file_getattr(struct fs *fs, struct fs_turn *t)
{
	struct fs_handle *h =
	    t->in.getattr.getattr_flags & FUSE_GETATTR_FH ? file_of(fs, t, t->in.getattr.fh) : NULL;
	int ret;

	if (h)
		return tell(t, h->fd);
	ret = fs_pass_on(fs, t);
	/* The broker lost it to somebody outside who took its name away; the guest has not. */
	h = ret == -ESTALE ? fs_handles_find(&fs->handles, t->h.nodeid) : NULL;
	return h ? tell(t, h->fd) : ret;
}

/* ftruncate(2) is ours, on the file that the guest means: its name may be gone, and its mode forbid to open
 * it again. */
int fs_file_setattr(struct fs *fs, struct fs_turn *t)
{
	struct fuse_setattr_in *in = &t->in.setattr;
	struct fs_handle *h = in->valid & FATTR_FH ? file_of(fs, t, in->fh) : NULL;

	if (!(in->valid & FATTR_SIZE) || !h || !h->writable)
		return fs_pass_on(fs, t);
	if (in->size > INT64_MAX)
		return -EFBIG;
	if (ftruncate(h->fd, (off_t)in->size) < 0)
		return -errno;
	if (!(in->valid & SETATTR_ELSEWHERE))
		return tell(t, h->fd);
	in->valid &= SETATTR_ELSEWHERE;
	memcpy(fs->peer.request + sizeof(struct fuse_in_header), in, sizeof(*in));
	return fs_pass_on(fs, t);
}
