/* folder.h: a folder that stands for a container's root. */
#ifndef TESTS_PROCESS_FOLDER_H
#define TESTS_PROCESS_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[64];
	int fd;
};

static inline int folder_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline struct folder folder_new(void)
{
	struct folder f = {.path = "/tmp/nacre-test-XXXXXX", .fd = -1};

	if (!mkdtemp(f.path) || chmod(f.path, 0755) < 0)
		abort();
	f.fd = open(f.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f.fd < 0)
		abort();
	return f;
}

static inline void folder_end(struct folder *f)
{
	close(f->fd);
	nftw(f->path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Writes a file, and the folders above it. */
static inline void folder_write(const struct folder *f, const char *name, mode_t mode, const void *data,
				size_t n)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s", name);
	for (char *p = path; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdirat(f->fd, path, 0755);
		*p = '/';
	}
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0 || write(fd, data, n) != (ssize_t)n || fchmod(fd, mode) < 0)
		abort();
	close(fd);
}

static inline void folder_text(const struct folder *f, const char *name, mode_t mode, const char *text)
{
	folder_write(f, name, mode, text, strlen(text));
}

#endif
