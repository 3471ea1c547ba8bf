/* lack.h: makes the calling process live on a kernel without a certain system call. */
#ifndef TEST_BASE_LACK_H
#define TEST_BASE_LACK_H

/* From now on system call nr answers with errno value e (ENOSYS: an old kernel; EPERM: an old engine's
 * filter). */
void lack_call(long nr, int e);

/* How many descriptors this process has open. */
int count_fds(void);

#endif
