/* test_vm_control.c: the control socket: what passes, and what does not. */
#include "core/vm/control.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int folder(void)
{
	char path[] = "/tmp/nacre-control-XXXXXX";
	int fd;

	cr_assert(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(fd >= 0);
	return fd;
}

Test(vm_control, only_for_its_owner)
{
	int dir = folder();
	struct error err = ERROR_NONE;
	struct stat st;

	cr_expect(control_connect(dir, &err) == -ESRCH);
	cr_expect(strstr(err.msg, "container not running"), "%s", err.msg);
	cr_assert(control_open(dir, &err) >= 0, "%s", err.msg);
	cr_assert(fstatat(dir, "control", &st, 0) == 0);
	cr_expect((st.st_mode & 0777) == 0600);
	unlinkat(dir, "control", 0);
}

Test(vm_control, descriptors_pass)
{
	int pair[2], fds[CONTROL_FDS_MAX], text = control_text("hello", 5, NULL);
	const int send[] = { text, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	struct control_msg m = { .kind = CONTROL_EXEC, .value = 7, .rows = 24, .cols = 80 }, got;
	struct error err = ERROR_NONE;
	char word[8] = "";
	size_t n = 0;

	cr_assert(text >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	cr_assert(control_send(pair[0], &m, send, 4, &err) == 0, "%s", err.msg);
	cr_assert(control_recv(pair[1], &got, fds, &n, &err) == 0, "%s", err.msg);
	cr_expect(got.kind == CONTROL_EXEC && got.value == 7 && got.rows == 24 && got.cols == 80 && n == 4);
	cr_expect(read(fds[0], word, sizeof(word)) == 5 && !memcmp(word, "hello", 5));
	for (size_t i = 0; i < n; i++)
		cr_expect(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
	close(pair[0]);
	cr_expect(control_recv(pair[1], &got, fds, &n, &err) == -ECONNRESET);
}

Test(vm_control, nonsense)
{
	struct control_msg m = { .kind = CONTROL_KIND_MAX }, got = { .value = 3 };
	int pair[2], fds[CONTROL_FDS_MAX];
	struct error err = ERROR_NONE;
	size_t n = 9;

	cr_assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	cr_assert(send(pair[0], &m, sizeof(m), 0) == sizeof(m));
	cr_expect(control_recv(pair[1], &got, fds, &n, &err) == -EPROTO);
	cr_assert(send(pair[0], &m, 5, 0) == 5);
	cr_expect(control_recv(pair[1], &got, fds, &n, &err) == -EPROTO);
	cr_expect(got.value == 3 && n == 9, "touched on failure");
	m.kind = CONTROL_FAILED;
	memset(m.error.msg, '\n', sizeof(m.error.msg));
	cr_assert(send(pair[0], &m, sizeof(m), 0) == sizeof(m));
	cr_expect(control_recv(pair[1], &got, fds, &n, &err) == 0);
	cr_expect(strlen(got.error.msg) == sizeof(got.error.msg) - 1 && !strchr(got.error.msg, '\n'));
}

Test(vm_control, a_question)
{
	int dir = folder(), socket = control_open(dir, NULL);
	struct control_msg m = { .kind = CONTROL_SIGNAL, .value = 15 }, answer;
	struct error err = ERROR_NONE;
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 2; i++) {
			int fd = accept(socket, NULL, NULL), fds[CONTROL_FDS_MAX];
			struct control_msg got;
			size_t n;

			if (control_recv(fd, &got, fds, &n, NULL) < 0)
				_exit(1);
			got.kind = i ? CONTROL_FAILED : CONTROL_DONE;
			if (i)
				got.error = (struct error){ -EBUSY, "not now" };
			(void)control_send(fd, &got, NULL, 0, NULL);
			close(fd);
		}
		_exit(0);
	}
	cr_expect(control_ask(dir, &m, NULL, 0, &answer, &err) == 0 && answer.value == 15, "%s", err.msg);
	cr_expect(control_ask(dir, &m, NULL, 0, &answer, &err) == -EBUSY && !strcmp(err.msg, "not now"), "%s", err.msg);
	cr_expect(waitpid(pid, NULL, 0) == pid);
	unlinkat(dir, "control", 0);
}

Test(vm_control, the_last_count)
{
	int dir = folder(), socket = control_open(dir, NULL), fds[CONTROL_FDS_MAX];
	struct control_msg got, last = { .kind = CONTROL_DONE, .stats = { .oom_kills = 3 } };
	struct error err = ERROR_NONE;
	uint64_t kills = 7;
	size_t n = 0;
	int watch = control_watch(dir, &err), fd = accept(socket, NULL, NULL);

	cr_assert(watch >= 0 && fd >= 0, "%s", err.msg);
	cr_expect(control_recv(fd, &got, fds, &n, NULL) == 0 && got.kind == CONTROL_WATCH);
	cr_expect(control_watched(watch, &kills, &err) == -EAGAIN && kills == 7, "%s", err.msg);
	cr_assert(control_send(fd, &last, NULL, 0, NULL) == 0);
	close(fd);
	cr_expect(control_watched(watch, &kills, &err) == 0 && kills == 3, "%s", err.msg);
	cr_expect(control_watched(watch, &kills, &err) == -ECONNRESET && kills == 3, "%s", err.msg);
	close(watch);
	unlinkat(dir, "control", 0);
}
