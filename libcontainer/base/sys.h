/* sys.h: system calls that the C library does not wrap, or wraps only in newer versions.
 *
 * Each behaves like a libc wrapper: -1 and errno on failure. None has a fallback: what to do on a kernel
 * that answers ENOSYS is the business of the one caller named beside the call; `sys_missing()` is how it
 * asks whether the kernel lacks a call (or a filter above us denies it), and is the only place that decides.
 */
#ifndef BASE_SYS_H
#define BASE_SYS_H

#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* True where errno value `e` (positive) says that the call itself is not to be had: ENOSYS, or the EPERM
 * that older container engines' filters answer instead when `eperm_too` is set. */
bool sys_missing(int e, bool eperm_too);

pid_t sys_clone3(struct clone_args *args, size_t size);  /* fallback: ns/spawn.c */
int sys_openat2(int dir, const char *path, const struct open_how *how, size_t size);  /* fallback: base/path.c */
int sys_close_range(unsigned first, unsigned last, unsigned flags);  /* fallback: base/fd.c */
int sys_pidfd_open(pid_t pid, unsigned flags);  /* fallback: base/proc.c */
int sys_pidfd_send_signal(int pidfd, int signo, siginfo_t *info, unsigned flags);  /* fallback: base/proc.c */
/* fstat(2) and nothing else: for who may call that, but nothing that takes a path. The C library's is newfstatat(2) before glibc 2.39. */
int sys_fstat(int fd, struct stat *st);
int sys_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags);

/* The mount API; fallbacks: mount/attach.c, base/seal.c */
int sys_open_tree(int dir, const char *path, unsigned flags);
int sys_move_mount(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int sys_fsopen(const char *type, unsigned flags);
int sys_fsconfig(int fs, unsigned cmd, const char *key, const void *value, int aux);
int sys_fsmount(int fs, unsigned flags, unsigned attr);
int sys_mount_setattr(int dir, const char *path, unsigned flags, struct mount_attr *attr, size_t size);
int sys_pivot_root(const char *new_root, const char *put_old);

#endif
