/* initramfs.c: see initramfs.h. */
#include "vmm/initramfs.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/auto.h"

enum { HEADER = 110, ENTRIES_MAX = 1024, PATH_LEN_MAX = 255 };
#define FILE_MAX (UINT64_C(256) << 20) /* far below what a header's 32 bits can say */

static const char trailer[] = "TRAILER!!!";

struct entry {
	char *path; /* as it stands in the archive: no leading slash */
	mode_t mode;
	dev_t device;
	const void *data;
	size_t size;
	bool mapped;
};

struct initramfs {
	struct entry *v;
	size_t n;
	uint64_t size; /* of all entries, without the trailer */
};

int initramfs_new(struct initramfs **out, struct error *err)
{
	struct initramfs *i = calloc(1, sizeof(*i));

	if (!i)
		return error_set(err, -ENOMEM, "out of memory");
	*out = i;
	return 0;
}

void initramfs_free(struct initramfs *i)
{
	if (!i)
		return;
	for (size_t k = 0; k < i->n; k++) {
		if (i->v[k].mapped)
			munmap((void *)i->v[k].data, i->v[k].size);
		free(i->v[k].path);
	}
	free(i->v);
	free(i);
}

static uint64_t padded(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

static uint64_t entry_size(size_t name, size_t data)
{
	return padded(HEADER + name + 1) + padded(data);
}

/* Takes over nothing on failure. */
static int add(struct initramfs *i, const struct entry *template, struct error *err)
{
	const char *path = template->path;
	struct entry *more;
	char *copy;

	while (*path == '/')
		path++;
	if (!*path || strlen(path) > PATH_LEN_MAX || !strcmp(path, trailer))
		return error_set(err, -EINVAL, "initramfs: \"%s\" cannot be a name in it", template->path);
	if (i->n == ENTRIES_MAX)
		return error_set(err, -E2BIG, "initramfs: %s: more than %d files", path, ENTRIES_MAX);
	if (template->size > FILE_MAX)
		return error_set(err, -EFBIG, "initramfs: %s: %zu bytes are too many", path, template->size);
	copy = strdup(path);
	more = copy ? reallocarray(i->v, i->n + 1, sizeof(*i->v)) : NULL;
	if (!more) {
		free(copy);
		return error_set(err, -ENOMEM, "out of memory");
	}
	i->v = more;
	more[i->n] = *template;
	more[i->n++].path = copy;
	i->size += entry_size(strlen(copy), template->size);
	return 0;
}

int initramfs_add_folder(struct initramfs *i, const char *path, mode_t mode, struct error *err)
{
	return add(i, &(struct entry){ .path = (char *)path, .mode = S_IFDIR | (mode & 07777) }, err);
}

int initramfs_add_node(struct initramfs *i, const char *path, mode_t mode, dev_t device, struct error *err)
{
	if (!S_ISCHR(mode) && !S_ISBLK(mode))
		return error_set(err, -EINVAL, "initramfs: %s: mode %o is no device's", path, mode);
	return add(i, &(struct entry){ .path = (char *)path, .mode = mode, .device = device }, err);
}

int initramfs_add_text(struct initramfs *i, const char *path, mode_t mode, const void *text, size_t size, struct error *err)
{
	return add(i, &(struct entry){ .path = (char *)path, .mode = S_IFREG | (mode & 07777), .data = text, .size = size }, err);
}

int initramfs_add_file(struct initramfs *i, const char *path, mode_t mode, int fd, struct error *err)
{
	struct entry e = { .path = (char *)path, .mode = S_IFREG | (mode & 07777) };
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0)
		return error_errno(err, "initramfs: %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "initramfs: %s: not a regular file", path);
	if ((uint64_t)st.st_size > FILE_MAX)
		return error_set(err, -EFBIG, "initramfs: %s: %lld bytes are too many", path, (long long)st.st_size);
	e.size = (size_t)st.st_size;
	if (e.size) {
		e.data = mmap(NULL, e.size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (e.data == MAP_FAILED)
			return error_errno(err, "initramfs: map %s", path);
		e.mapped = true;
	}
	ret = add(i, &e, err);
	if (ret < 0 && e.mapped)
		munmap((void *)e.data, e.size);
	return ret;
}

uint64_t initramfs_size(const struct initramfs *i)
{
	return i->size + entry_size(strlen(trailer), 0);
}

/* One entry; where the next one goes. */
static unsigned char *write_entry(unsigned char *to, unsigned int number, const struct entry *e)
{
	size_t name = strlen(e->path) + 1, head = padded(HEADER + name), data = padded(e->size);
	char text[HEADER + 1];

	/* inode, mode, uid, gid, links, time (0: the same archive for the same contents), size, the device it is on, the device it is, the
	 * name's length, no checksum */
	snprintf(text, sizeof(text), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", number, (unsigned int)e->mode, 0u, 0u,
		 S_ISDIR(e->mode) ? 2u : 1u, 0u, (unsigned int)e->size, 0u, 0u, major(e->device), minor(e->device), (unsigned int)name, 0u);
	memcpy(to, text, HEADER);
	memcpy(to + HEADER, e->path, name);
	memset(to + HEADER + name, 0, head - HEADER - name);
	if (e->size)
		memcpy(to + head, e->data, e->size);
	memset(to + head + e->size, 0, data - e->size);
	return to + head + data;
}

void initramfs_write(const struct initramfs *i, void *to)
{
	unsigned char *p = to;

	for (size_t k = 0; k < i->n; k++)
		p = write_entry(p, (unsigned int)k + 1, &i->v[k]);
	(void)write_entry(p, 0, &(struct entry){ .path = (char *)trailer });
}
