/* blk.c: see blk.h. */
#include "vmm/virtio/blk.h"

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	SEGMENTS_MAX = 32,               /* of one discard */
	SEGMENT_SECTORS_MAX = 1 << 21,   /* 1 GiB */
};

struct blk {
	struct device device;
	int fd;
	bool read_only;
	uint64_t capacity; /* sectors */
	struct virtio_blk_config config;
	char id[BLK_ID_MAX];
};

/* What the driver wants, copied out of its memory. The status is the last byte of what we may write, data what stands between. */
struct request {
	const struct chain *chain;
	struct virtio_blk_outhdr header;
	uint64_t in, out; /* bytes of data: from the driver, to it */
};

/* [sector, sector+n) of the disk. */
static bool on_disk(const struct blk *b, uint64_t sector, uint64_t n)
{
	return sector <= b->capacity && n <= b->capacity - sector;
}

/* All of the request's data, to or from the place it names. */
static uint8_t transfer(const struct blk *b, const struct request *r, bool write)
{
	uint64_t len = write ? r->in : r->out;
	struct iovec v[QUEUE_CHAIN_MAX];

	if (len % BLK_SECTOR || !on_disk(b, r->header.sector, len / BLK_SECTOR) || (write && b->read_only))
		return VIRTIO_BLK_S_IOERR;
	for (uint64_t done = 0; done < len;) {
		off_t at = (off_t)(r->header.sector * BLK_SECTOR + done);
		size_t n = write ? chain_readable(r->chain, sizeof(r->header) + done, len - done, v)
				 : chain_writable(r->chain, done, len - done, v);
		ssize_t got = write ? pwritev(b->fd, v, (int)n, at) : preadv(b->fd, v, (int)n, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) /* 0: somebody has made the file shorter */
			return VIRTIO_BLK_S_IOERR;
		done += (uint64_t)got;
	}
	return VIRTIO_BLK_S_OK;
}

static uint8_t flush(const struct blk *b)
{
	return !b->read_only && fdatasync(b->fd) < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static uint8_t get_id(const struct blk *b, const struct request *r)
{
	if (r->out < sizeof(b->id))
		return VIRTIO_BLK_S_IOERR;
	chain_write(r->chain, 0, b->id, sizeof(b->id));
	return VIRTIO_BLK_S_OK;
}

static uint8_t clear_segment(const struct blk *b, const struct virtio_blk_discard_write_zeroes *s, bool discard)
{
	bool unmap = s->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	int mode = discard || unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	if (s->flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP || (discard && unmap))
		return VIRTIO_BLK_S_UNSUPP;
	if (s->num_sectors > SEGMENT_SECTORS_MAX || !on_disk(b, s->sector, s->num_sectors))
		return VIRTIO_BLK_S_IOERR;
	if (!s->num_sectors)
		return VIRTIO_BLK_S_OK;
	if (!fallocate(b->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)(s->sector * BLK_SECTOR), (off_t)s->num_sectors * BLK_SECTOR))
		return VIRTIO_BLK_S_OK;
	return errno == EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR; /* the driver then writes zeroes itself, or leaves it */
}

static uint8_t clear(const struct blk *b, const struct request *r, uint64_t feature)
{
	struct virtio_blk_discard_write_zeroes s[SEGMENTS_MAX];
	uint8_t status = VIRTIO_BLK_S_OK;

	if (!(b->device.features >> feature & 1))
		return VIRTIO_BLK_S_UNSUPP;
	if (!r->in || r->in % sizeof(*s) || r->in > sizeof(s) || b->read_only)
		return VIRTIO_BLK_S_IOERR;
	chain_read(r->chain, sizeof(r->header), s, r->in);
	for (size_t i = 0; i < r->in / sizeof(*s) && status == VIRTIO_BLK_S_OK; i++)
		status = clear_segment(b, &s[i], feature == VIRTIO_BLK_F_DISCARD);
	return status;
}

static uint8_t serve(const struct blk *b, const struct request *r)
{
	switch (r->header.type) {
	case VIRTIO_BLK_T_IN:
		return transfer(b, r, false);
	case VIRTIO_BLK_T_OUT:
		return transfer(b, r, true);
	case VIRTIO_BLK_T_FLUSH:
		return flush(b);
	case VIRTIO_BLK_T_GET_ID:
		return get_id(b, r);
	case VIRTIO_BLK_T_DISCARD:
		return clear(b, r, VIRTIO_BLK_F_DISCARD);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return clear(b, r, VIRTIO_BLK_F_WRITE_ZEROES);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* How much of the writable part there is something in; of a request that failed, the status and whatever may be before it. */
static int answer(const struct blk *b, const struct chain *c, uint32_t *written, struct error *err)
{
	struct request r = {.chain = c};
	uint8_t status;

	if (c->in_size < sizeof(r.header) || !c->out_size)
		return error_set(err, -EPROTO, "a request of %llu bytes with room for %llu", (unsigned long long)c->in_size,
				 (unsigned long long)c->out_size);
	chain_read(c, 0, &r.header, sizeof(r.header));
	r.in = c->in_size - sizeof(r.header);
	r.out = c->out_size - sizeof(status);
	status = serve(b, &r);
	chain_write(c, r.out, &status, sizeof(status));
	*written = c->out_size > UINT32_MAX ? UINT32_MAX : (uint32_t)c->out_size;
	return 0;
}

static int blk_kick(struct device *d, uint16_t q, struct error *err)
{
	const struct blk *b = (struct blk *)d;
	struct queue *queue = &d->queues[q];
	struct chain c;
	int ret;

	while ((ret = queue_next(queue, &c, err)) > 0) {
		uint32_t written = 0;

		ret = answer(b, &c, &written, err);
		if (ret)
			return ret;
		queue_done(queue, &c, written);
		device_interrupt(d, queue); /* each: the next may take long */
	}
	return ret;
}

static void blk_config_read(struct device *d, uint32_t at, void *to, uint32_t len)
{
	const struct blk *b = (struct blk *)d;

	device_config_copy(&b->config, sizeof(b->config), at, to, len);
}

static void blk_free(struct device *d)
{
	struct blk *b = (struct blk *)d;

	close(b->fd);
	device_fini(d);
	free(b);
}

static const struct device_ops blk_ops = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.n_queues = 1,
	.queue_size = 128,
	.config_read = blk_config_read,
	.kick = blk_kick,
	.free = blk_free,
};

static int check(const struct blk_config *config, uint64_t *sectors, struct error *err)
{
	struct stat st;
	int flags = fcntl(config->fd, F_GETFL);
	off_t size;

	if (flags < 0 || fstat(config->fd, &st) < 0)
		return error_errno(err, "disk %s", config->name);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(err, -EINVAL, "disk %s: neither a file nor a block device", config->name);
	/* Linux lets pwrite(2) append where O_APPEND is set. */
	if (flags & (O_APPEND | O_PATH) || (flags & O_ACCMODE) == O_WRONLY || (!config->read_only && (flags & O_ACCMODE) != O_RDWR))
		return error_set(err, -EINVAL, "disk %s: not opened for what the guest may do", config->name);
	if (config->id && strlen(config->id) > BLK_ID_MAX)
		return error_set(err, -EINVAL, "disk %s: a serial number of more than %d bytes", config->name, BLK_ID_MAX);
	size = lseek(config->fd, 0, SEEK_END);
	if (size < 0)
		return error_errno(err, "disk %s: size", config->name);
	if (!size || size % BLK_SECTOR)
		return error_set(err, -EINVAL, "disk %s: its size, %lld bytes, is no multiple of %d", config->name, (long long)size, BLK_SECTOR);
	*sectors = (uint64_t)size / BLK_SECTOR;
	return 0;
}

static void fill_config(struct blk *b)
{
	b->config.capacity = b->capacity;
	b->config.seg_max = QUEUE_CHAIN_MAX - 2; /* header and status are the others */
	b->config.max_discard_sectors = b->config.max_write_zeroes_sectors = SEGMENT_SECTORS_MAX;
	b->config.max_discard_seg = b->config.max_write_zeroes_seg = SEGMENTS_MAX;
	b->config.discard_sector_alignment = 4096 / BLK_SECTOR;
	b->config.write_zeroes_may_unmap = 1;
}

int blk_new(const struct blk_config *config, struct device **out, struct error *err)
{
	uint64_t writable = 1 << VIRTIO_BLK_F_FLUSH | 1 << VIRTIO_BLK_F_DISCARD | 1 << VIRTIO_BLK_F_WRITE_ZEROES;
	uint64_t capacity = 0;
	struct blk *b;
	int ret = check(config, &capacity, err);

	if (ret)
		return ret;
	b = calloc(1, sizeof(*b));
	if (!b)
		return error_set(err, -ENOMEM, "disk %s: out of memory", config->name);
	device_init(&b->device, &blk_ops, 1 << VIRTIO_BLK_F_SEG_MAX | (config->read_only ? 1 << VIRTIO_BLK_F_RO : writable));
	b->fd = config->fd;
	b->read_only = config->read_only;
	b->capacity = capacity;
	fill_config(b);
	if (config->id)
		memcpy(b->id, config->id, strlen(config->id));
	*out = &b->device;
	return 0;
}
