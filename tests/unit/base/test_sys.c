/* test_sys.c: each number reaches its system call: the kernel complains of the arguments, in that call's own
 * words. */
#include "base/sys.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define EXPECT(call, e)                                                                                      \
	do {                                                                                                 \
		errno = 0;                                                                                   \
		cr_expect_eq((call), -1, #call " worked");                                                   \
		if (errno == ENOSYS)                                                                         \
			cr_log_warn("kernel lacks " #call);                                                  \
		else                                                                                         \
			cr_expect_eq(errno, (e), #call ": %s", strerror(errno));                             \
	} while (0)

Test(sys, calls_arrive)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = ~0ull};
	char *const none[] = {NULL};

	EXPECT(sys_clone3(NULL, 0), EINVAL);
	EXPECT(sys_openat2(AT_FDCWD, "/", &how, 0), EINVAL);
	EXPECT(sys_openat2(AT_FDCWD, "/", &how, sizeof(how)), EINVAL);
	EXPECT(sys_close_range(5, 4, 0), EINVAL);
	EXPECT(sys_pidfd_open(-1, 0), EINVAL);
	EXPECT(sys_pidfd_send_signal(-1, 0, NULL, 0), EBADF);
	EXPECT(sys_execveat(-1, "no-such-file", none, none, 0), EBADF);
	EXPECT(sys_open_tree(-1, "x", 0), EBADF);
	EXPECT(sys_mount_setattr(-1, "x", 0, NULL, 0), EINVAL);
	if (geteuid())
		cr_skip_test("root, for the calls that ask who we are first");
	EXPECT(sys_move_mount(-1, "x", -1, "y", ~0u), EINVAL);
	EXPECT(sys_fsopen("no-such-file-system", 0), ENODEV);
	EXPECT(sys_fsconfig(-1, 0, NULL, NULL, 0), EINVAL);
	EXPECT(sys_fsmount(-1, 0, 0), EBADF);
	EXPECT(sys_pivot_root("/no-such-folder", "/no-such-folder"), ENOENT);
}

Test(sys, missing_is_enosys_and_on_request_eperm)
{
	cr_assert(sys_missing(ENOSYS, false));
	cr_assert(sys_missing(ENOSYS, true));
	cr_assert(sys_missing(EPERM, true));
	cr_assert_not(sys_missing(EPERM, false));
	cr_assert_not(sys_missing(EINVAL, true));
	cr_assert_not(sys_missing(0, true));
}
