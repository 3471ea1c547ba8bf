/* descriptors.c: see descriptors.h. */
#include "src/descriptors.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

int descriptors_guard_stdio(struct error *err)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* The lowest free number is what open(2) gives: this one. It is to be inherited, like a stdio
		 * that was there. */
		if (open("/dev/null", O_RDWR) < 0)
			return error_errno(err, "open /dev/null in place of the closed descriptor %d", fd);
	}
	return 0;
}

int descriptors_keep(int n, struct error *err)
{
	const int first = STDERR_FILENO + 1;

	if (n > INT_MAX - first)
		n = INT_MAX - first;
	if (n > 0 && fcntl(first + n - 1, F_GETFD) < 0)
		return error_set(err, -EBADF, "cannot hand on %d descriptor%s: %d is not open", n,
				 n == 1 ? "" : "s", first + n - 1);
	for (int fd = first; fd < first + n; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) < 0)
			return error_errno(err, "open /dev/null in place of the closed descriptor %d", fd);
	return fd_cloexec_from(first + n, err);
}

int descriptors_listen(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t n, whose;

	if (!pid || !fds || number_parse_u64(pid, 1, INT_MAX, &whose) < 0 || whose != (uint64_t)getpid())
		return 0;
	return number_parse_u64(fds, 0, INT_MAX / 2, &n) < 0 ? 0 : (int)n;
}
