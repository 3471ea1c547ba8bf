/* walk.h: resolves a path beneath a directory without openat2(2), one component at a time. For path.c alone.
 */
#ifndef BASE_WALK_H
#define BASE_WALK_H

/* Like openat2(2) with RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS and O_CLOEXEC: the descriptor, or -errno. flags
 * without O_CREAT and O_TMPFILE, and O_PATH only with O_DIRECTORY and O_NOFOLLOW.
 *
 * Stricter than the kernel in one point: of the links in a procfs only those in its root (self, thread-self,
 * mounts, net) are followed, the others are -ELOOP. No system call tells a magic link from an ordinary one,
 * and all of the former are further down. More lenient in another: the sysctl protected_symlinks is not
 * applied. */
int walk_open(int root, const char *path, int flags);

#endif
