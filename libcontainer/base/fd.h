/* fd.h: descriptors: whole files in and out, and what survives an execve.
 *
 * Every descriptor made here is close-on-exec from birth.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Reads to the end of fd, at most `max` bytes (-EFBIG beyond). *text is malloc()ed and NUL-terminated, to be
 * freed by the caller; *len (may be NULL) is its length without the NUL. */
int fd_read_all(int fd, size_t max, char **text, size_t *len, struct error *err);

/* Writes all of it, over short writes and EINTR. */
int fd_write_all(int fd, const void *data, size_t len, struct error *err);

/* Opens `path` below dir (AT_FDCWD allowed) and reads it as fd_read_all() does. For trusted paths only. */
int file_read_at(int dir, const char *path, size_t max, char **text, size_t *len, struct error *err);

/* One write() of `text` into the existing file; for files of proc, sysfs and cgroups. Trusted paths only.
 * errno's text and the path are in the error. */
int file_write_at(int dir, const char *path, const char *text, struct error *err);

/* Replaces `name` below dir by a file with this text: temporary file, rename. Never follows a link at `name`. */
int file_replace_at(int dir, const char *name, const char *text, size_t len, mode_t mode, struct error *err);

/* Marks every descriptor >= first close-on-exec. Falls back to /proc/self/fd without close_range(2). */
int fd_cloexec_from(int first, struct error *err);

/* Closes every descriptor >= first but those in keep[] (n of them, any order). */
int fd_close_from(int first, const int *keep, size_t n, struct error *err);

/* Is the descriptor on a file system of this magic (linux/magic.h)? */
bool fd_is_on(int fd, long magic);

/* "/proc/self/fd/N" for the few system calls that take no descriptor. */
struct fd_path { char text[32]; };
struct fd_path fd_path(int fd);

#endif
