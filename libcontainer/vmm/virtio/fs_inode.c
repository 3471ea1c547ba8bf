/* fs_inode.c: see fs_inode.h. */
#include "vmm/virtio/fs_inode.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

enum { SLOTS_FIRST = 256, BUCKETS_FIRST = 256 };

struct fs_inodes {
	struct fs_inode **slots; /* [0] is never used: 0 is no id */
	uint32_t n_slots, room;	 /* used up to, allocated */
	uint32_t *free;		 /* slots that were given back */
	uint32_t n_free;
	uint32_t serial; /* the upper half of the next id */
	struct fs_inode **buckets;
	uint32_t n_buckets;
	size_t count, open, limit;
	size_t trim_at; /* this many descriptors are too many */
	uint32_t hand;	/* of the clock in close_one() */
};

int fs_key_of(int fd, uint32_t share, struct fs_key *key, struct statx *st)
{
	struct statx mine;

	st = st ? st : &mine;
	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID,
		  st) < 0)
		return -errno;
	*key = (struct fs_key){
	    .mount = st->stx_mask & STATX_MNT_ID ? st->stx_mnt_id : 0,
	    .device = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor,
	    .inode = st->stx_ino,
	    .born = st->stx_mask & STATX_BTIME
			? (uint64_t)st->stx_btime.tv_sec * 1000000000u + st->stx_btime.tv_nsec
			: 0,
	    .share = share,
	};
	return 0;
}

static bool same_file(const struct fs_key *a, const struct fs_key *b)
{
	return a->inode == b->inode && a->device == b->device && a->mount == b->mount && a->share == b->share;
}

static uint32_t bucket_of(const struct fs_inodes *t, const struct fs_key *key)
{
	uint64_t h = key->inode * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ h >> 32 ^ key->device ^ key->mount << 20 ^ (uint64_t)key->share << 40) *
	    UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32) & (t->n_buckets - 1);
}

static int grow_buckets(struct fs_inodes *t)
{
	uint32_t n = t->n_buckets ? t->n_buckets * 2 : BUCKETS_FIRST;
	struct fs_inode **old = t->buckets, **buckets = calloc(n, sizeof(struct fs_inode *));
	uint32_t n_old = t->n_buckets;

	if (!buckets)
		return -ENOMEM;
	t->buckets = buckets;
	t->n_buckets = n;
	for (uint32_t b = 0; b < n_old; b++)
		for (struct fs_inode *i = old[b], *next; i; i = next) {
			struct fs_inode **to = &buckets[bucket_of(t, &i->key)];

			next = i->next;
			i->next = *to;
			*to = i;
		}
	free(old);
	return 0;
}

static int grow_slots(struct fs_inodes *t)
{
	uint32_t n = t->room ? t->room * 2 : SLOTS_FIRST;
	struct fs_inode **slots = realloc(t->slots, n * sizeof(struct fs_inode *));
	uint32_t *given_back;

	if (!slots)
		return -ENOMEM;
	t->slots = slots;
	given_back = realloc(t->free, n * sizeof(uint32_t));
	if (!given_back)
		return -ENOMEM;
	t->free = given_back;
	t->room = n;
	return 0;
}

int fs_inodes_new(size_t descriptors, struct fs_inodes **out)
{
	struct fs_inodes *t = calloc(1, sizeof(*t));
	struct fs_inode *top = calloc(1, sizeof(*top));

	if (!t || !top || grow_slots(t) < 0 || grow_buckets(t) < 0) {
		free(top);
		fs_inodes_free(t);
		return -ENOMEM;
	}
	*top = (struct fs_inode){
	    .id = FUSE_ROOT_ID, .type = S_IFDIR, .fd = -EBADF, .pinned = true, .key.share = FS_NO_SHARE};
	t->slots[0] = NULL;
	t->slots[FUSE_ROOT_ID] = top;
	t->n_slots = FUSE_ROOT_ID + 1;
	t->serial = 1;
	t->limit = descriptors;
	t->trim_at = descriptors - descriptors / 8;
	*out = t;
	return 0;
}

/* Out of everything. */
static void drop(struct fs_inodes *t, struct fs_inode *i)
{
	uint32_t slot = (uint32_t)i->id;

	for (struct fs_inode **p = &t->buckets[bucket_of(t, &i->key)]; *p; p = &(*p)->next)
		if (*p == i) {
			*p = i->next;
			break;
		}
	t->slots[slot] = NULL;
	t->free[t->n_free++] = slot;
	t->count--;
	if (i->fd >= 0) {
		close(i->fd);
		t->open--;
	}
	free(i->name);
	free(i);
}

void fs_inodes_clear(struct fs_inodes *t)
{
	for (uint32_t s = FUSE_ROOT_ID + 1; s < t->n_slots; s++)
		if (t->slots[s])
			drop(t, t->slots[s]);
}

void fs_inodes_free(struct fs_inodes *t)
{
	if (!t)
		return;
	if (t->n_slots) {
		fs_inodes_clear(t);
		free(t->slots[FUSE_ROOT_ID]);
	}
	free(t->slots);
	free(t->free);
	free(t->buckets);
	free(t);
}

size_t fs_inodes_count(const struct fs_inodes *t)
{
	return t->count;
}

size_t fs_inodes_open(const struct fs_inodes *t)
{
	return t->open;
}

struct fs_inode *fs_inodes_get(struct fs_inodes *t, uint64_t id)
{
	uint32_t slot = (uint32_t)id;

	return slot < t->n_slots && t->slots[slot] && t->slots[slot]->id == id ? t->slots[slot] : NULL;
}

struct fs_inode *fs_inodes_find(struct fs_inodes *t, const struct fs_key *key)
{
	struct fs_inode *i = t->buckets[bucket_of(t, key)];

	/* While we hold a descriptor the inode's number cannot be given to another file; else `born` tells.
	 */
	while (i && !(same_file(&i->key, key) && (i->fd >= 0 || i->key.born == key->born)))
		i = i->next;
	return i;
}

static int add(struct fs_inodes *t, const struct fs_key *key, mode_t type, struct fs_inode **out)
{
	struct fs_inode *i, **bucket;
	uint32_t slot;

	if (t->count >= FS_NODES_MAX)
		return -ENFILE;
	if (!t->n_free && t->n_slots == t->room && grow_slots(t) < 0)
		return -ENOMEM;
	if (t->count >= t->n_buckets && grow_buckets(t) < 0)
		return -ENOMEM;
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	slot = t->n_free ? t->free[--t->n_free] : t->n_slots++;
	*i = (struct fs_inode){
	    .id = (uint64_t)t->serial++ << 32 | slot, .key = *key, .type = type & S_IFMT, .fd = -EBADF};
	if (!t->serial)
		t->serial = 1; /* 0 is the top's */
	t->slots[slot] = i;
	bucket = &t->buckets[bucket_of(t, key)];
	i->next = *bucket;
	*bucket = i;
	t->count++;
	*out = i;
	return 0;
}

int fs_inodes_look_up(struct fs_inodes *t, const struct fs_key *key, mode_t type, int fd,
		      const struct fs_inode *parent, const char *name, struct fs_inode **out)
{
	struct fs_inode *i = fs_inodes_find(t, key);
	int ret = i ? 0 : add(t, key, type, &i);

	if (ret < 0)
		return ret;
	if (i->fd < 0) {
		i->fd = fd;
		t->open++;
	} else {
		close(fd);
	}
	fs_inode_rename(i, parent, name);
	i->recent = true;
	i->lookups++;
	*out = i;
	return 0;
}

void fs_inodes_forget(struct fs_inodes *t, uint64_t id, uint64_t n)
{
	struct fs_inode *i = fs_inodes_get(t, id);

	if (!i)
		return;
	i->lookups -= n < i->lookups ? n : i->lookups;
	if (!i->lookups && !i->pinned)
		drop(t, i);
}

void fs_inode_rename(struct fs_inode *i, const struct fs_inode *parent, const char *name)
{
	char *copy;

	if (parent && name && i->name && i->parent == parent->id && !strcmp(i->name, name))
		return;
	/* Out of memory, it merely cannot be opened again. */
	copy = parent && name ? strdup(name) : NULL;
	free(i->name);
	i->name = copy;
	i->parent = copy ? parent->id : 0;
}

void fs_inode_unname(struct fs_inodes *t, struct fs_inode *i)
{
	fs_inode_fd(t, i);
	fs_inode_rename(i, NULL, NULL);
}

/* By folder and name, and only if it is still the same file. Folders are never closed, so there is no chain
 * of them to follow. */
static int open_again(struct fs_inodes *t, const struct fs_inode *i)
{
	struct fs_inode *parent = i->name ? fs_inodes_get(t, i->parent) : NULL;
	auto_close int fd = -EBADF;
	struct fs_key key;
	int ret;

	if (!parent || parent->fd < 0)
		return -ESTALE;
	fd = openat(parent->fd, i->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
	ret = fs_key_of(fd, i->key.share, &key, NULL);
	if (ret < 0)
		return ret;
	return same_file(&key, &i->key) && key.born == i->key.born ? TAKE_FD(fd) : -ESTALE;
}

int fs_inode_fd(struct fs_inodes *t, struct fs_inode *i)
{
	if (i->id == FUSE_ROOT_ID)
		return -EBADF;
	if (i->fd < 0) {
		int fd = open_again(t, i);

		if (fd < 0)
			return fd;
		i->fd = fd;
		t->open++;
	}
	i->recent = true;
	return i->fd;
}

static bool may_close(struct fs_inodes *t, const struct fs_inode *i)
{
	struct fs_inode *parent;

	if (!i || i->fd < 0 || i->pinned || !i->name || S_ISDIR(i->type))
		return false;
	parent = fs_inodes_get(t, i->parent);
	return parent && parent->fd >= 0;
}

/* The clock algorithm: who was used since the hand came by last is spared this time. False: nobody is left.
 */
static bool close_one(struct fs_inodes *t)
{
	for (uint64_t n = 0; n < 2 * (uint64_t)t->n_slots; n++) {
		struct fs_inode *i;

		t->hand = t->hand + 1 < t->n_slots ? t->hand + 1 : 0;
		i = t->slots[t->hand];
		if (!may_close(t, i))
			continue;
		if (i->recent) {
			i->recent = false;
			continue;
		}
		close(i->fd);
		i->fd = -EBADF;
		t->open--;
		return true;
	}
	return false;
}

void fs_inodes_trim(struct fs_inodes *t)
{
	/* An eighth at once, so that a folder can be read without coming here for every entry. */
	size_t usual = t->limit - t->limit / 8, target = usual - t->limit / 8;

	if (t->open <= t->trim_at)
		return;
	while (t->open > target && close_one(t))
		;
	/* Where little can be closed, as there are so many folders, do not look at everything again soon. */
	t->trim_at = t->open <= usual ? usual : t->open + t->limit / 8;
}
