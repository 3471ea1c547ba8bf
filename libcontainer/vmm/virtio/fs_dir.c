/* fs_dir.c: reading folders; see fs_turn.h. Names come from getdents64(), the nodes of READDIRPLUS from the
 * broker, which is asked once for all that one answer holds.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/virtio/fs_turn.h"

enum {
	NAMES_AT = sizeof(struct fuse_in_header) + sizeof(struct fuse_read_in),
	ENTRIES_MAX = (FS_MESSAGE_MAX - sizeof(struct fuse_out_header)) / sizeof(struct fuse_entry_out),
};

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* The top folder: ".", ".." and the shares; an offset is the number of the next. */
static void list_top(struct fs *fs, uint64_t from)
{
	struct fs_listing *l = &fs->listing;

	l->len = 0;
	for (uint64_t k = from; k < fs->n_names + 2; k++) {
		const char *name = k == 0 ? "." : k == 1 ? ".." : fs->names[k - 2];
		size_t n = strlen(name) + 1, size = (offsetof(struct dirent64, d_name) + n + 7) & ~(size_t)7;
		struct dirent64 *d = (void *)(l->bytes + l->len);

		if (size > sizeof(l->bytes) - l->len)
			break;
		d->d_ino = FUSE_ROOT_ID;
		d->d_off = (off64_t)k + 1;
		d->d_reclen = (unsigned short)size;
		d->d_type = DT_UNKNOWN;
		memcpy(d->d_name, name, n);
		l->len += size;
	}
}

/* Entries of h from offset `from` on stand in the listing. */
static int list(struct fs *fs, const struct fs_handle *h, uint64_t from)
{
	struct fs_listing *l = &fs->listing;
	ssize_t n;

	if (l->handle == h->id && from && l->start == from && l->at < l->len)
		return 0;
	l->handle = 0;
	l->at = 0;
	if (h->fd < 0) {
		list_top(fs, from);
	} else {
		if (from > INT64_MAX || lseek(h->fd, (off_t)from, SEEK_SET) < 0)
			return from > INT64_MAX ? -EINVAL : -errno;
		n = getdents64(h->fd, l->bytes, sizeof(l->bytes));
		if (n < 0)
			return -errno;
		l->len = (size_t)n;
	}
	l->handle = h->id;
	l->start = from;
	return 0;
}

static const struct dirent64 *entry_at(const struct fs_listing *l, size_t at)
{
	return at < l->len ? (const void *)(l->bytes + at) : NULL;
}

static size_t size_in_answer(const struct dirent64 *d, bool plus)
{
	size_t name = strlen(d->d_name);

	return FUSE_DIRENT_ALIGN((plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET) + name);
}

/* How far the answer goes: *end is the place in the listing behind its last entry. For READDIRPLUS the names
 * stand in the request then; how many there are. */
static size_t gather(struct fs *fs, bool plus, size_t room, size_t *end, size_t *request_len)
{
	size_t used = 0, names = 0, len = NAMES_AT;
	const struct dirent64 *d;

	for (*end = fs->listing.at; (d = entry_at(&fs->listing, *end)); *end += d->d_reclen) {
		size_t size = size_in_answer(d, plus), name = strlen(d->d_name) + 1;

		if (size > room - used)
			break;
		if (plus && !is_dot(d->d_name)) {
			if (names == ENTRIES_MAX || name > FS_MESSAGE_MAX - len)
				break;
			memcpy(fs->peer.request + len, d->d_name, name);
			len += name;
			names++;
		}
		used += size;
	}
	*request_len = len;
	return names;
}

static int ask_for_nodes(struct fs *fs, struct fs_turn *t, size_t names, size_t request_len)
{
	int ret;

	t->h.len = (uint32_t)request_len;
	memcpy(fs->peer.request, &t->h, sizeof(t->h));
	ret = fs_peer_ask(&fs->peer, t->op, request_len);
	if (ret == 0 && fs->peer.len != names * sizeof(struct fuse_entry_out))
		ret = -EIO;
	return ret;
}

static void place(struct fs_turn *t, const struct fs_handle *h, const struct dirent64 *d,
		  const struct fuse_entry_out *entry)
{
	static const char padding[sizeof(uint64_t)];
	size_t name = strlen(d->d_name), at = t->len, size = size_in_answer(d, entry);
	struct fuse_dirent head = {
	    /* ".." of a share is a folder of the host's. */
	    .ino = h->above && is_dot(d->d_name) ? FUSE_ROOT_ID : d->d_ino,
	    .off = (uint64_t)d->d_off,
	    .namelen = (uint32_t)name,
	    .type = d->d_type,
	};

	if (entry) {
		fs_place(t, at, entry, sizeof(*entry));
		at += sizeof(*entry);
	}
	fs_place(t, at, &head, FUSE_NAME_OFFSET);
	fs_place(t, at + FUSE_NAME_OFFSET, d->d_name, name);
	at += FUSE_NAME_OFFSET + name;
	fs_place(t, at, padding, t->len + size - at);
	t->len += size;
}

int fs_dir_read(struct fs *fs, struct fs_turn *t)
{
	static const struct fuse_entry_out none;
	bool plus = t->h.opcode == FUSE_READDIRPLUS;
	struct fs_handle *h = fs_handles_get(&fs->handles, t->in.read.fh, t->h.nodeid, true);
	size_t room = t->in.read.size < t->room ? t->in.read.size : t->room, names, end, request_len;
	const struct fuse_entry_out *entry = fs_peer_body(&fs->peer);
	const struct dirent64 *d;
	int ret = h ? list(fs, h, t->in.read.offset) : -EBADF;

	if (ret < 0)
		return ret;
	names = gather(fs, plus, room, &end, &request_len);
	if (end == fs->listing.at)
		return end < fs->listing.len ? -EINVAL : 0;
	ret = names ? ask_for_nodes(fs, t, names, request_len) : 0;
	if (ret < 0)
		return ret;
	for (; fs->listing.at < end; fs->listing.at += d->d_reclen) {
		d = entry_at(&fs->listing, fs->listing.at);
		place(t, h, d, !plus ? NULL : is_dot(d->d_name) ? &none : entry++);
		fs->listing.start = (uint64_t)d->d_off;
	}
	t->placed = true;
	return 0;
}
