/* fs.c: see fs.h. The device: queues, INIT, and who does what. */
#include "vmm/virtio/fs.h"

#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/virtio/fs_turn.h"

enum {
	QUEUES = 2,	     /* the one for FORGET, and one for all else */
	/* Descriptors of the rest of the monitor: without one it could not even hear who comes to end it. */
	NOFILE_OTHERS = 1024,
	BACKGROUND = 64,
	PAGES = FS_IO_MAX / 4096,
	MINOR_LEAST = 31,
	/* Of fuse_init_out.flags. No POSIX_LOCKS nor FLOCK_LOCKS: locks are the guest's. No WRITEBACK_CACHE:
	 * the host writes, too. No POSIX_ACL: see fs_serve_xattr.c. */
	OFFERED = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA |
		  FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS |
		  FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS | FUSE_SUBMOUNTS | FUSE_HANDLE_KILLPRIV_V2,
};

const int fs_monitor_calls[] = {
    __NR_preadv,    __NR_pwritev, __NR_pwritev2,	__NR_ftruncate,
    __NR_fallocate, __NR_lseek,	  __NR_copy_file_range, __NR_fsync,
    __NR_fdatasync, __NR_fstat,	  __NR_getdents64,	__NR_close,
    __NR_sendmsg,   __NR_recvmsg, -1,
};

void fs_place(struct fs_turn *t, size_t at, const void *from, size_t len)
{
	chain_write(t->c, sizeof(struct fuse_out_header) + at, from, len);
}

int fs_forward(struct fs *fs, struct fs_turn *t)
{
	return fs_peer_ask(&fs->peer, t->op, t->h.len);
}

int fs_pass_on(struct fs *fs, struct fs_turn *t)
{
	int ret = fs_forward(fs, t);

	if (ret < 0 || t->op->silent)
		return ret;
	if (fs->peer.len > t->room)
		return -EINVAL;
	t->len = fs->peer.len;
	fs_place(t, 0, fs_peer_body(&fs->peer), t->len);
	t->placed = true;
	return 0;
}

/* Nothing is open or known any more, here and there. */
static int forget_all(struct fs *fs, uint64_t unique)
{
	struct fuse_in_header h = {.len = sizeof(h), .opcode = FUSE_DESTROY, .unique = unique};

	fs_handles_close_all(&fs->handles);
	fs->listing.handle = 0;
	fs->ready = fs->stale = false;
	memcpy(fs->peer.request, &h, sizeof(h));
	return fs_peer_ask(&fs->peer, &fs_ops[FUSE_DESTROY], sizeof(h));
}

static int init(struct fs *fs, struct fs_turn *t)
{
	const struct fuse_init_in *in = &t->in.init;
	int ret;

	t->len = sizeof(t->out.init);
	t->out.init =
	    (struct fuse_init_out){.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION};
	/* A later protocol asks again with ours. */
	if (in->major > FUSE_KERNEL_VERSION)
		return 0;
	if (in->major < FUSE_KERNEL_VERSION || in->minor < MINOR_LEAST)
		return -EPROTO;
	ret = forget_all(fs, t->h.unique);
	if (ret < 0)
		return ret;
	t->out.init.max_readahead = in->max_readahead < FS_IO_MAX ? in->max_readahead : FS_IO_MAX;
	t->out.init.flags = in->flags & OFFERED;
	t->out.init.max_background = BACKGROUND;
	t->out.init.congestion_threshold = BACKGROUND * 3 / 4;
	t->out.init.max_write = FS_IO_MAX;
	t->out.init.max_pages = PAGES;
	t->out.init.time_gran = 1;
	fs->ready = true;
	return 0;
}

static int destroy(struct fs *fs, struct fs_turn *t)
{
	return forget_all(fs, t->h.unique);
}

/* What is not here is passed on. */
static int (*const operations[FS_OPS])(struct fs *fs, struct fs_turn *t) = {
    [FUSE_INIT] = init,
    [FUSE_DESTROY] = destroy,
    [FUSE_OPEN] = fs_file_open,
    [FUSE_OPENDIR] = fs_file_open,
    [FUSE_CREATE] = fs_file_create,
    [FUSE_TMPFILE] = fs_file_create,
    [FUSE_RELEASE] = fs_file_release,
    [FUSE_RELEASEDIR] = fs_file_release,
    [FUSE_READ] = fs_file_read,
    [FUSE_WRITE] = fs_file_write,
    [FUSE_FSYNC] = fs_file_sync,
    [FUSE_FSYNCDIR] = fs_file_sync,
    [FUSE_FALLOCATE] = fs_file_allocate,
    [FUSE_LSEEK] = fs_file_seek,
    [FUSE_COPY_FILE_RANGE] = fs_file_copy,
    [FUSE_GETATTR] = fs_file_getattr,
    [FUSE_SETATTR] = fs_file_setattr,
    [FUSE_READDIR] = fs_dir_read,
    [FUSE_READDIRPLUS] = fs_dir_read,
};

/* The rest of the request is read, once: into the line to the broker if it may go there, else no more than
 * its fixed part. */
static int read_body(struct fs *fs, struct fs_turn *t)
{
	const size_t head = sizeof(t->h);
	size_t len = t->h.len - head, fixed = len < sizeof(t->in) ? len : sizeof(t->in);

	memset(&t->in, 0, sizeof(t->in));
	if (len < t->op->body)
		return -EINVAL;
	if (t->op->place == FS_MONITOR) {
		chain_read(t->c, head, &t->in, fixed);
		return 0;
	}
	if (t->h.len > FS_MESSAGE_MAX)
		return -E2BIG;
	memcpy(fs->peer.request, &t->h, head);
	chain_read(t->c, head, fs->peer.request + head, len);
	memcpy(&t->in, fs->peer.request + head, fixed);
	return 0;
}

static int perform(struct fs *fs, struct fs_turn *t)
{
	int ret;

	if (t->op->place == FS_UNKNOWN)
		return -ENOSYS;
	if ((!fs->ready || fs->stale) && t->h.opcode != FUSE_INIT)
		return -EIO;
	if (t->op->answer > 0 && (size_t)t->op->answer > t->room)
		return -EINVAL;
	ret = read_body(fs, t);
	if (ret < 0)
		return ret;
	return operations[t->h.opcode] ? operations[t->h.opcode](fs, t) : fs_pass_on(fs, t);
}

/* One request, from its header to its answer in the guest's memory; *written are the bytes of it. */
static int take_turn(struct fs *fs, const struct chain *c, uint32_t *written, struct error *err)
{
	static const struct fs_op unknown;
	struct fs_turn t = {.c = c};
	struct fuse_out_header head;
	int ret;

	*written = 0;
	if (chain_read(c, 0, &t.h, sizeof(t.h)) < sizeof(t.h))
		return error_set(err, -EPROTO, "a request without a header");
	if (t.h.len < sizeof(t.h) || t.h.len > c->in_size)
		return error_set(err, -EPROTO, "a request of %u bytes in %llu", t.h.len,
				 (unsigned long long)c->in_size);
	t.op = t.h.opcode < FS_OPS ? &fs_ops[t.h.opcode] : &unknown;
	if (!t.op->silent && c->out_size < sizeof(head))
		return error_set(err, -EPROTO, "a request without room for an answer");
	t.room = t.op->silent ? 0 : c->out_size - sizeof(head);
	ret = perform(fs, &t);
	if (t.op->silent)
		return 0;
	if (ret == 0 && t.len > t.room)
		ret = -EINVAL;
	if (ret < 0)
		t.len = 0;
	else if (!t.placed)
		fs_place(&t, 0, &t.out, t.len);
	head = (struct fuse_out_header){
	    .len = (uint32_t)(sizeof(head) + t.len), .error = ret, .unique = t.h.unique};
	chain_write(c, 0, &head, sizeof(head));
	*written = head.len;
	return 0;
}

static int fs_kick(struct device *d, uint16_t q, struct error *err)
{
	struct fs *fs = (struct fs *)d;
	struct queue *queue = &d->queues[q];
	uint32_t written;
	int ret;

	while ((ret = queue_next(queue, &fs->chain, err)) > 0) {
		ret = take_turn(fs, &fs->chain, &written, err);
		if (ret < 0)
			return ret;
		queue_done(queue, &fs->chain, written);
		/* Each for itself: the next one may take its time. */
		device_interrupt(d, queue);
	}
	return ret;
}

/* struct virtio_fs_config: the tag, NUL-padded, and how many request queues there are. */
static void fs_config_read(struct device *d, uint32_t at, void *to, uint32_t len)
{
	const struct fs *fs = (struct fs *)d;
	unsigned char config[FS_TAG_MAX + sizeof(uint32_t)] = {0};

	memcpy(config, fs->tag, FS_TAG_MAX);
	config[FS_TAG_MAX] = QUEUES - 1;
	memset(to, 0, len);
	for (uint32_t i = 0; i < len && at + i < sizeof(config); i++)
		((unsigned char *)to)[i] = config[at + i];
}

/* On a processor's thread, which may close nothing: the next INIT cleans up. */
static void fs_reset(struct device *d)
{
	((struct fs *)d)->stale = true;
}

static void fs_free(struct device *d)
{
	struct fs *fs = (struct fs *)d;

	fs_handles_close_all(&fs->handles);
	fs_peer_close(&fs->peer);
	for (size_t i = 0; i < fs->n_names; i++)
		free(fs->names[i]);
	free(fs->names);
	device_fini(d);
	free(fs);
}

static const struct device_ops fs_device_ops = {
    .name = "fs",
    .id = VIRTIO_ID_FS,
    .n_queues = QUEUES,
    .queue_size = QUEUE_SIZE_MAX,
    .config_read = fs_config_read,
    .kick = fs_kick,
    .reset = fs_reset,
    .free = fs_free,
};

int fs_new(const char *tag, const struct fs_share *shares, size_t n, int broker, struct device **out,
	   struct error *err)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	size_t allowed;

	if (!fs) {
		close(broker);
		return error_set(err, -ENOMEM, "share file systems: out of memory");
	}
	allowed = fs_descriptors_allow(FS_HANDLES_MAX + NOFILE_OTHERS);
	fs->handles.most = (uint32_t)(allowed < 2 * NOFILE_OTHERS ? allowed / 2 : allowed - NOFILE_OTHERS);
	device_init(&fs->device, &fs_device_ops, 0);
	fs_peer_init(&fs->peer, broker);
	memcpy(fs->tag, tag, strnlen(tag, FS_TAG_MAX));
	fs->names = calloc(n + 1, sizeof(char *));
	for (size_t i = 0; fs->names && i < n; i++) {
		fs->names[i] = strdup(shares[i].name);
		if (!fs->names[i])
			break;
		fs->n_names++;
	}
	if (!fs->names || fs->n_names < n) {
		fs_free(&fs->device);
		return error_set(err, -ENOMEM, "share file systems: out of memory");
	}
	*out = &fs->device;
	return 0;
}
