/* path.h: the one door for paths that somebody else wrote.
 *
 * All of these resolve `path` beneath the descriptor `root`, as a process chrooted there would: symbolic links
 * and ".." stay inside, an absolute path starts at root, and magic links (/proc/PID/fd/N and the like) are
 * refused. By openat2(2) with RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS, repeated while it answers EAGAIN; without it
 * by a walk over the components with O_PATH|O_NOFOLLOW, chosen in one place.
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Opens what is there. flags as for open(2) without O_CREAT; O_CLOEXEC is added. The descriptor, or negative. */
int path_open_beneath(int root, const char *path, int flags, struct error *err);

/* Opens the directory `path` (O_PATH|O_DIRECTORY), making it and missing parents with `mode` less the umask. A dangling
 * link on the way is an error, never followed to create something. What was made is taken back if a later step fails. */
int path_make_dir(int root, const char *path, mode_t mode, struct error *err);

/* Opens (O_PATH) the file `path`, making an empty regular one and missing parents (0755) if nothing is there. Whatever
 * kind of file exists is returned as it is, but a final symbolic link is resolved inside root. */
int path_make_file(int root, const char *path, mode_t mode, struct error *err);

/* Opens the parent directory of `path` (O_PATH|O_DIRECTORY), made if `make`; *name (malloc()ed, caller frees) is the last
 * component, never "." or ".." or empty: those are -EINVAL. */
int path_open_parent(int root, const char *path, bool make, char **name, struct error *err);

/* True where `path` is absolute and has no ".", ".." or empty component (one trailing slash is fine). */
bool path_is_clean(const char *path);

/* Text only: joins dir and name by exactly one slash ("" and "b" are "/b"). malloc()ed, NULL when out of memory. */
char *path_join(const char *dir, const char *name);

/* An absolute, link-free form of an *own* (trusted) path, as realpath(3). malloc()ed. */
int path_absolute(const char *path, char **out, struct error *err);

#endif
