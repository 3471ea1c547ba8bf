/* test_notify.c: what arrives at the listener's socket. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seccomp/filter.h"
#include "seccomp/notify.h"

/* A listening socket in a new folder; the path is written to `path`. */
static int listen_at(const char *name, char *path, size_t size)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char folder[] = "/tmp/nacre-test-XXXXXX";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(mkdtemp(folder));
	snprintf(path, size, "%s/%s", folder, name);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", folder);
	cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	if (strcmp(name, "s")) {
		char *slash = strrchr(path, '/');

		for (char *p = path + sizeof(folder); (p = strchr(p, '/')); p++) {
			*p = '\0';
			mkdir(path, 0700);
			*p = '/';
		}
		cr_assert_eq(rename(addr.sun_path, path), 0);
		cr_assert(slash);
	}
	return fd;
}

static void clean(char *path)
{
	unlink(path);
	for (char *slash; (slash = strrchr(path, '/')) && slash - path > 4;) {
		*slash = '\0';
		rmdir(path);
	}
}

/* Accepts one connection and reads it to its end: text and exactly one descriptor. */
static size_t receive(int fd, char *text, size_t size, int *got)
{
	int c = accept(fd, NULL, NULL);
	size_t at = 0;

	*got = -1;
	cr_assert_geq(c, 0);
	for (;;) {
		union {
			char bytes[256];
			struct cmsghdr align;
		} control;
		struct iovec iov = {text + at, size - at};
		struct msghdr m = {.msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = control.bytes,
				   .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(c, &m, MSG_CMSG_CLOEXEC);

		cr_assert_geq(n, 0);
		for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
			cr_assert_eq(*got, -1, "a second descriptor");
			cr_assert_eq(h->cmsg_type, SCM_RIGHTS);
			cr_assert_eq(h->cmsg_len, CMSG_LEN(sizeof(int)));
			memcpy(got, CMSG_DATA(h), sizeof(int));
		}
		if (n == 0)
			break;
		at += (size_t)n;
	}
	close(c);
	return at;
}

static void send_and_check(const char *name, size_t len)
{
	char path[512];
	int fd = listen_at(name, path, sizeof(path)), got, status;
	char *text = malloc(len + 1), *back = malloc(len + 1);
	struct stat a, b;

	memset(text, 'x', len);
	text[len] = '\0';
	pid_t pid = fork();
	if (pid == 0) {
		struct error err = ERROR_NONE;
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		int to = notify_connect(path, &err);

		if (to < 0 || notify_send(to, text, null, &err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			_exit(1);
		}
		_exit(0);
	}
	cr_assert_eq(receive(fd, back, len + 1, &got), len);
	cr_assert_eq(memcmp(text, back, len), 0);
	cr_assert_eq(fstat(got, &a), 0);
	cr_assert_eq(stat("/dev/null", &b), 0);
	cr_assert_eq(a.st_rdev, b.st_rdev);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	close(got);
	close(fd);
	clean(path);
	free(text);
	free(back);
}

Test(notify, sends_one_state)
{
	send_and_check("s", 300);
}

/* More than the socket's buffer holds: the descriptor only once. */
Test(notify, long_state, .timeout = 100)
{
	send_and_check("s", 3 * 1024 * 1024);
}

Test(notify, path_longer_than_an_address)
{
	send_and_check("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"
		       "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/sock",
		       10);
}

Test(notify, nobody_listens)
{
	struct error err = ERROR_NONE;
	char name[300];

	cr_assert_eq(notify_connect("/does/not/exist", &err), -ENOENT);
	cr_assert_eq(strncmp(err.msg, "seccomp listener: connect to /does/not/exist: ", 46), 0, "%s",
		     err.msg);
	cr_assert_eq(notify_connect("", &err), -EINVAL);
	cr_assert_eq(notify_send(0, "", 0, &err), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	cr_assert_eq(notify_connect(name, &err), -ENAMETOOLONG);
}

/* A filter that asks the agent about sendmsg itself, and about everything else that could be used to wake somebody. */
Test(notify, the_messenger_is_outside_of_the_filter, .timeout = 100)
{
	static char *names[] = {"sendmsg", "sendto", "futex", "sched_yield", "close", NULL};
	static struct oci_syscall calls[] = {{.names = {names, 5}, .action = "SCMP_ACT_NOTIFY"}};
	static struct oci_seccomp profile = {.default_action = "SCMP_ACT_ALLOW", .syscalls = {calls, 1}};
	struct filter filter = {0};
	struct error err = ERROR_NONE;
	char path[512], back[64];
	int fd = listen_at("s", path, sizeof(path)), got, status;

	cr_assert_eq(filter_compile(&profile, &filter, &err), 0, "%s", err.msg);
	pid_t pid = fork();
	if (pid == 0) {
		int to = notify_connect(path, &err);

		if (to < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || notify_load(&filter, to, "{\"a\":1}", &err) < 0)
			_exit(1);
		_exit(syscall(SYS_sendto, -1, NULL, 0, 0, NULL, 0) == 77 ? 0 : 2);
	}
	cr_assert_eq(receive(fd, back, sizeof(back), &got), 7);
	cr_assert_geq(got, 0);
	struct seccomp_notif ask = {0};
	struct seccomp_notif_resp answer = {0};
	cr_assert_eq(ioctl(got, SECCOMP_IOCTL_NOTIF_RECV, &ask), 0);
	cr_assert_eq(ask.data.nr, SYS_sendto);
	answer.id = ask.id;
	answer.val = 77;
	cr_assert_eq(ioctl(got, SECCOMP_IOCTL_NOTIF_SEND, &answer), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	filter_free(&filter);
	close(got);
	close(fd);
	clean(path);
}
