/* unpack.c: see unpack.h. */
#include "vmm/unpack.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "vmm/x86_64/image.h"

#define ZSTD_MAGIC "\x28\xb5\x2f\xfd"
#define LZ4_MAGIC "\x02\x21\x4c\x18"
/* Of a kernel, unpacked. Debian's are 60 MiB. */
#define KERNEL_MOST (256u << 20)
#define PAYLOAD_MOST (128u << 20)
/* The least that is left out of a file: many small reads would cost more than they save. */
#define HOLE 65536

/* The functions that we use of the libraries; both have kept them since their first release. */
struct zstd {
	size_t (*decompress)(void *to, size_t room, const void *from, size_t n);
	unsigned int (*is_error)(size_t n);
};
struct lz4 {
	int (*decompress)(const char *from, char *to, int n, int room);
};

static void *load(const char *library, struct error *err)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		error_set(err, -ENOTSUP, "unpack the kernel: %s is not installed", library);
	return handle;
}

static int unpack_zstd(const void *from, size_t n, void *to, size_t size, struct error *err)
{
	void *handle = load("libzstd.so.1", err);
	struct zstd z;
	size_t got;

	if (!handle)
		return -ENOTSUP;
	*(void **)&z.decompress = dlsym(handle, "ZSTD_decompress");
	*(void **)&z.is_error = dlsym(handle, "ZSTD_isError");
	got = z.decompress && z.is_error ? z.decompress(to, size, from, n) : 0;
	if (z.is_error && z.is_error(got))
		got = 0;
	dlclose(handle);
	return got == size ? 0 : error_set(err, -EBADMSG, "unpack the kernel: its ZSTD stream is damaged");
}

/* Blocks, each with its length before it (lz4's lz4_Frame_format.md, "Legacy frame"). */
static size_t unpack_blocks(const struct lz4 *z, const char *from, size_t n, char *to, size_t size)
{
	size_t done = 0;

	for (size_t at = 4; n - at > 4 && done < size;) {
		uint32_t length;
		size_t room = size - done;
		int got;

		memcpy(&length, from + at, sizeof(length));
		at += sizeof(length);
		if (!length || length > n - at || length > INT_MAX)
			return 0;
		got = z->decompress(from + at, to + done, (int)length, room > INT_MAX ? INT_MAX : (int)room);
		if (got <= 0)
			return 0;
		at += length;
		done += (size_t)got;
	}
	return done;
}

static int unpack_lz4(const void *from, size_t n, void *to, size_t size, struct error *err)
{
	void *handle = load("liblz4.so.1", err);
	struct lz4 z;
	size_t got;

	if (!handle)
		return -ENOTSUP;
	*(void **)&z.decompress = dlsym(handle, "LZ4_decompress_safe");
	got = z.decompress ? unpack_blocks(&z, from, n, to, size) : 0;
	dlclose(handle);
	return got == size ? 0 : error_set(err, -EBADMSG, "unpack the kernel: its LZ4 stream is damaged");
}

int unpack(const void *payload, size_t n, size_t max, void **out, size_t *size, struct error *err)
{
	const char *p = payload;
	auto_free void *to = NULL;
	uint32_t length;
	int ret;

	if (n < 16)
		return error_set(err, -EBADMSG, "unpack the kernel: %zu bytes are none", n);
	/* Behind the stream: how long it will be. */
	memcpy(&length, p + n - sizeof(length), sizeof(length));
	n -= sizeof(length);
	if (!length || length > max)
		return error_set(err, -EBADMSG, "unpack the kernel: it claims to have %u bytes", length);
	to = malloc(length);
	if (!to)
		return error_set(err, -ENOMEM, "unpack the kernel: out of memory");
	if (!memcmp(p, ZSTD_MAGIC, 4))
		ret = unpack_zstd(p, n, to, length, err);
	else if (!memcmp(p, LZ4_MAGIC, 4))
		ret = unpack_lz4(p, n, to, length, err);
	else
		return error_set(err, -ENOTSUP, "unpack the kernel: neither ZSTD nor LZ4");
	if (ret < 0)
		return ret;
	*out = TAKE_PTR(to);
	*size = length;
	return 0;
}

/* The compressed kernel in the file, and how long it says it will be. */
struct payload {
	uint64_t at;
	uint32_t size, unpacked;
};

static int find_payload(const struct kernel *k, struct payload *out, struct error *err)
{
	struct setup_header h;
	uint64_t size;
	int ret = image_header(k->fd, k->path, &h, &size, err);

	if (ret < 0)
		return ret;
	out->at = (uint64_t)((h.setup_sects ? h.setup_sects : 4) + 1) * 512 + h.payload_offset;
	out->size = h.payload_length;
	if (h.version < 0x0208 || out->size < 16 || out->size > PAYLOAD_MOST || out->at > size || out->size > size - out->at)
		return error_set(err, -ENOEXEC, "%s: there is nothing in it to be unpacked", k->path);
	return image_read(k->fd, k->path, out->at + out->size - sizeof(out->unpacked), &out->unpacked, sizeof(out->unpacked), err);
}

/* Ours alone, else somebody could put a kernel there. */
static int open_folder(const char *folder, struct error *err)
{
	auto_close int fd = -EBADF;
	struct stat st;

	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return error_errno(err, "make %s", folder);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open %s", folder);
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return error_set(err, -EPERM, "%s: others can write to it", folder);
	return TAKE_FD(fd);
}

/* Whole, and nobody else's work. */
static int open_kept(int folder, const char *name, uint32_t size)
{
	auto_close int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022 || st.st_size != size)
		return -ENOENT;
	return TAKE_FD(fd);
}

static bool is_zero(const char *p, size_t n)
{
	return !*p && !memcmp(p, p + 1, n - 1);
}

/* A quarter of a kernel is zeroes. Where they are holes in the file, they cost no room on the disk, and in a guest no time and no memory. */
static int write_sparse(int fd, const char *image, size_t size, struct error *err)
{
	int ret = 0;

	for (size_t at = 0, n; ret == 0 && at < size; at += n) {
		n = size - at < HOLE ? size - at : HOLE;
		if (is_zero(image + at, n))
			continue;
		while (size - at - n >= HOLE && !is_zero(image + at + n, HOLE))
			n += HOLE;
		ret = lseek(fd, (off_t)at, SEEK_SET) < 0 ? error_errno(err, "seek") : fd_write_all(fd, image + at, n, err);
	}
	return ret == 0 && ftruncate(fd, (off_t)size) < 0 ? error_errno(err, "ftruncate") : ret;
}

/* The name comes last, when all of it is on the disk: whoever sees it sees a whole kernel, also after a power cut. */
static int write_kept(int folder, const char *name, const void *image, size_t size, struct error *err)
{
	auto_free char *temporary = str_printf(".%s.%d", name, getpid());
	auto_close int fd = temporary ? openat(folder, temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600) : -EBADF;
	int ret;

	if (fd < 0)
		return error_errno(err, "keep the unpacked kernel %s", name);
	ret = write_sparse(fd, image, size, err);
	if (ret == 0 && (fsync(fd) < 0 || renameat(folder, temporary, folder, name) < 0))
		ret = error_errno(err, "keep the unpacked kernel %s", name);
	if (ret < 0)
		unlinkat(folder, temporary, 0);
	return ret;
}

/* Those of the same release that are another's, and what a killed process left half done. */
static void remove_old(int folder, const char *name)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t release = strcspn(name, "@") + 1;
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		const char *other = d->d_name + (*d->d_name == '.');

		if (!strncmp(other, name, release) && strcmp(d->d_name, name))
			unlinkat(folder, d->d_name, 0);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

static int keep(int folder, const char *name, const void *payload, size_t n, struct error *err)
{
	auto_free void *image = NULL;
	size_t size = 0;
	int ret = unpack(payload, n, KERNEL_MOST, &image, &size, err);

	if (ret < 0)
		return ret;
	remove_old(folder, name);
	return write_kept(folder, name, image, size, err);
}

/* "vmlinux-RELEASE@INODE.SIZE.TIMES": '@' is in no release. */
static char *name_of(const struct kernel *k)
{
	struct stat st;

	if (fstat(k->fd, &st) < 0)
		return NULL;
	return str_printf("vmlinux-%s@%llu.%llu.%lld.%ld.%lld.%ld", k->release, (unsigned long long)st.st_ino, (unsigned long long)st.st_size,
			  (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

static int find_or_keep(const struct kernel *k, int folder, struct error *err)
{
	struct payload where;
	auto_free char *name = name_of(k);
	auto_free void *payload = NULL;
	int fd, ret = name ? find_payload(k, &where, err) : error_set(err, -ENOMEM, "%s: out of memory", k->path);

	if (ret < 0)
		return ret;
	fd = open_kept(folder, name, where.unpacked);
	if (fd >= 0)
		return fd;
	payload = malloc(where.size);
	if (!payload)
		return error_set(err, -ENOMEM, "%s: out of memory", k->path);
	ret = image_read(k->fd, k->path, where.at, payload, where.size, err);
	if (ret == 0)
		ret = keep(folder, name, payload, where.size, err);
	if (ret < 0)
		return ret;
	fd = open_kept(folder, name, where.unpacked);
	return fd < 0 ? error_set(err, fd, "%s: what was kept is gone", k->path) : fd;
}

int kernel_unpack_in(struct kernel *k, const char *folder, struct error *err)
{
	auto_close int dir = open_folder(folder, err);
	int fd = dir < 0 ? dir : find_or_keep(k, dir, err);

	if (fd < 0)
		return 1;
	close(k->fd);
	k->fd = fd;
	return 0;
}

static char *own_folder(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (geteuid() == 0)
		return strdup("/var/cache/nacre");
	if (cache && *cache == '/')
		return str_printf("%s/nacre", cache);
	return home && *home == '/' ? str_printf("%s/.cache/nacre", home) : NULL;
}

int kernel_unpack(struct kernel *k, struct error *err)
{
	auto_free char *folder = own_folder();
	struct stat st;

	if (!folder) {
		error_set(err, -ENOENT, "%s: no folder to unpack it to", k->path);
		return 1;
	}
	if (fstat(k->fd, &st) < 0 || st.st_uid != 0 || st.st_mode & 022) {
		error_set(err, -EPERM, "%s: not unpacked: it does not belong to root alone", k->path);
		return 1;
	}
	return kernel_unpack_in(k, folder, err);
}
