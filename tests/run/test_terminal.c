/* test_terminal.c: terminals: sent to a console socket, or relayed by the foreground command. */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(s >= 0 && !bind(s, (struct sockaddr *)&address, sizeof(address)) && !listen(s, 4));
	return s;
}

/* The master side that comes over the console socket. */
static int receive_master(int s, struct job *job)
{
	struct pollfd p = {s, POLLIN, 0};
	MUST_SAY(poll(&p, 1, PATIENCE * 1000) == 1, "nobody called: %s", file_text(job->err));
	int c = accept(s, NULL, NULL), fd = -1;
	char text[4096], control[256];
	struct iovec io = {text, sizeof(text)};
	struct msghdr m = {
	    .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	MUST(recvmsg(c, &m, MSG_CMSG_CLOEXEC) > 0);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	MUST(h && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)));
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	close(c);
	return fd;
}

/* What comes out of a terminal until `needle` has come. */
static char *read_until(int master, const char *needle)
{
	static char text[65536];
	size_t n = 0;
	struct pollfd p = {master, POLLIN, 0};
	text[0] = '\0';
	while (!strstr(text, needle) && n < sizeof(text) - 1 && poll(&p, 1, patiently(PATIENCE) * 1000) == 1) {
		ssize_t got = read(master, text + n, sizeof(text) - 1 - n);
		if (got <= 0)
			break;
		text[n += (size_t)got] = '\0';
	}
	for (char *s = text; *s; s++)
		if (*s == '\r')
			*s = ' ';
	return text;
}

RUN_TEST(console_socket,
	 "create sends the master over the console socket; the size is set, /dev/console is there")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'terminal':true,'consoleSize':{'height':33,'width':77}}}");
	bundle_inside(&b, "tty", ";", "stat", "/dev/console", ";", "fds", ";", "echo", "the", "end", ";",
		      "sleep", "600", NULL);
	char *path = format("%s/console", test_dir());
	int s = listen_at(path);
	struct job job = nacre_start(NULL, "create", "--console-socket", path, "--bundle", b.dir, b.id, NULL);
	int master = receive_master(s, &job);
	struct result r = job_wait(&job, PATIENCE);
	must_succeed(&r);
	MUST(isatty(master));
	r = nacre("start", b.id, NULL);
	must_succeed(&r);
	char *text = read_until(master, "the end");
	MUST_SAY(strstr(text, "tty 0 yes") && strstr(text, "tty 1 yes") && strstr(text, "tty 2 yes"), "%s",
		 text);
	MUST_SAY(strstr(text, "size 33 77"), "%s", text);
	MUST_SAY(strstr(text, "controlling yes") && strstr(text, "foreground yes"), "%s", text);
	MUST_SAY(strstr(text, "/dev/console: c 6") || strstr(text, "/dev/console: l"), "%s", text);
	MUST_SAY(strstr(text, "fd 0 /dev/pts/0") || strstr(text, "fd 0 /dev/console"), "%s", text);
	MUST_SAY(!strstr(text, "fd 3 "), "%s", text);
}

RUN_TEST(console_lets_go, "what create was given as stdout and stderr ends with create, where there is a terminal")
{
	struct bundle b;
	need_root();
	bundle_make(&b);
	bundle_config(&b, "{'process':{'terminal':true}}");
	bundle_inside(&b, "sleep", "600", NULL);
	char *path = format("%s/console", test_dir());
	int s = listen_at(path), seen = 0;
	struct job job = nacre_start(NULL, "create", "--console-socket", path, "--bundle", b.dir, b.id, NULL);
	receive_master(s, &job);
	struct result r = job_wait(&job, PATIENCE);
	must_succeed(&r);
	/* containerd waits for the end of both before it says `start`. */
	char *folder = format("/proc/%d/fd", bundle_pid(&b));
	DIR *d = opendir(folder);
	MUST(d);
	for (struct dirent *e; (e = readdir(d));) {
		char target[256] = "";
		if (readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1) < 0)
			continue;
		seen++;
		MUST_SAY(!strstr(target, job.out) && !strstr(target, job.err), "descriptor %s is %s", e->d_name, target);
	}
	closedir(d);
	MUST(seen >= 3);
}

RUN_TEST(console_long, "a console socket whose path is longer than a socket address")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'terminal':true}}");
	char *deep = format("%s/%0120d", test_dir(), 0);
	make_folder(deep);
	char *path = format("%s/console", deep);
	MUST(!chdir(deep));
	int s = listen_at("console");
	struct job job = nacre_start(NULL, "create", "--console-socket", path, "--bundle", b.dir, b.id, NULL);
	int master = receive_master(s, &job);
	struct result r = job_wait(&job, PATIENCE);
	must_succeed(&r);
	MUST(isatty(master));
}

RUN_TEST(mismatch, "a terminal without a console socket, or the other way round, is an error of create")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'terminal':true}}");
	struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, "console");
	must_leave_nothing(&b);
	bundle_config(&b, "{'process':{'terminal':false}}");
	char *path = format("%s/console", test_dir());
	listen_at(path);
	r = nacre("create", "--console-socket", path, "--bundle", b.dir, b.id, NULL);
	must_fail(&r, "terminal");
	must_leave_nothing(&b);
}

RUN_TEST(nobody_listens, "a console socket where nobody listens is an error that names it")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'terminal':true}}");
	struct result r =
	    nacre("create", "--console-socket", "/no/such/socket", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, "/no/such/socket");
	must_leave_nothing(&b);
	char *plain = format("%s/plain", test_dir());
	file_write(plain, "%s", "");
	r = nacre("create", "--console-socket", plain, "--bundle", b.dir, b.id, NULL);
	must_fail(&r, plain);
	must_leave_nothing(&b);
}

/* `run` or `exec -t` on a terminal of ours, in a session of its own. */
static int on_terminal(const char *const *argv, int *master, int rows, int columns)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	MUST(*master >= 0 && !grantpt(*master) && !unlockpt(*master) && !ioctl(*master, TIOCSWINSZ, &size));
	char *name = format("%s", ptsname(*master));
	int pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		setsid();
		int slave = open(name, O_RDWR);
		ioctl(slave, TIOCSCTTY, 0);
		dup2(slave, 0);
		dup2(slave, 1);
		dup2(slave, 2);
		close(slave);
		execvp(argv[0], (char *const *)argv);
		_exit(126);
	}
	return pid;
}

static const char *const *command(const char *const *args)
{
	static const char *argv[64];
	size_t n = 0;
	/* NACRE may be several words. */
	char *words = format("%s", getenv("NACRE") ? getenv("NACRE") : "./nacre"), *save;
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n++] = "--root";
	argv[n++] = state_root();
	while (*args)
		argv[n++] = *args++;
	argv[n] = NULL;
	return argv;
}

struct waited {
	int pid, status;
	bool over;
};

static bool has_ended(void *arg)
{
	struct waited *w = arg;
	w->over = w->over || waitpid(w->pid, &w->status, WNOHANG) == w->pid;
	return w->over;
}

static int status_of(int pid)
{
	struct waited w = {.pid = pid};
	if (wait_until(has_ended, &w, PATIENCE))
		return WIFEXITED(w.status) ? WEXITSTATUS(w.status) : 128 + WTERMSIG(w.status);
	kill(pid, SIGKILL);
	return -1;
}

RUN_TEST(foreground, "a foreground run relays its terminal: output, input, size, status")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'terminal':true}}");
	bundle_inside(&b, "tty", ";", "read", ";", "exit", "5", NULL);
	const char *args[] = {"run", "--bundle", b.dir, b.id, NULL};
	int master, pid = on_terminal(command(args), &master, 44, 99);
	char *text = read_until(master, "foreground");
	MUST_SAY(strstr(text, "tty 0 yes") && strstr(text, "size 44 99") && strstr(text, "controlling yes"),
		 "%s", text);
	MUST(write(master, "typed\n", 6) == 6);
	text = read_until(master, "line typed");
	MUST_SAY(strstr(text, "line typed"), "%s", text);
	int status = status_of(pid);
	MUST_SAY(status == 5, "status %d", status);
	must_leave_nothing(&b);
}

RUN_TEST(interrupt, "an interrupt typed at a foreground run reaches the program")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'terminal':true}}");
	bundle_inside(&b, "trap", "INT", "4", NULL);
	const char *args[] = {"run", "--bundle", b.dir, b.id, NULL};
	int master, pid = on_terminal(command(args), &master, 24, 80);
	read_until(master, "ready");
	MUST(write(master, "\003", 1) == 1);
	char *text = read_until(master, "caught 2");
	MUST_SAY(strstr(text, "caught 2"), "%s", text);
	int status = status_of(pid);
	MUST_SAY(status == 4, "status %d", status);
}

RUN_TEST(resize, "a new size of the terminal reaches the program")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'terminal':true}}");
	bundle_inside(&b, "trap", "WINCH", "0", NULL);
	const char *args[] = {"run", "--bundle", b.dir, b.id, NULL};
	int master, pid = on_terminal(command(args), &master, 24, 80);
	read_until(master, "ready");
	struct winsize size = {.ws_row = 50, .ws_col = 132};
	MUST(!ioctl(master, TIOCSWINSZ, &size));
	char *text = read_until(master, "caught 28");
	MUST_SAY(strstr(text, "caught 28"), "%s", text);
	MUST(status_of(pid) == 0);
}

RUN_TEST(exec_tty, "exec --tty in the foreground, and over a console socket")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	const char *args[] = {"exec", "--tty", b.id, "/bin/inside", "tty", ";", "exit", "3", NULL};
	int master, pid = on_terminal(command(args), &master, 21, 65);
	char *text = read_until(master, "foreground");
	MUST_SAY(strstr(text, "tty 0 yes") && strstr(text, "size 21 65") && strstr(text, "controlling yes"),
		 "%s", text);
	MUST(status_of(pid) == 3);
	char *path = format("%s/console", test_dir());
	int s = listen_at(path);
	struct job job =
	    nacre_start(NULL, "exec", "--tty", "--detach", "--console-socket", path, b.id, "/bin/inside",
			"tty", ";", "echo", "the", "end", ";", "sleep", "600", NULL);
	int other = receive_master(s, &job);
	struct result r = job_wait(&job, PATIENCE);
	must_succeed(&r);
	text = read_until(other, "the end");
	MUST_SAY(strstr(text, "tty 0 yes"), "%s", text);
}

RUN_TEST(closed_stdio, "run with stdin, stdout and stderr closed")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'root':{'readonly':false}}");
	bundle_inside(&b, "write", "/tmp/done", "yes", NULL);
	const char *args[] = {"run", "--bundle", b.dir, b.id, NULL};
	const char *const *argv = command(args);
	int pid = fork();
	if (!pid) {
		close(0);
		close(1);
		close(2);
		execvp(argv[0], (char *const *)argv);
		_exit(126);
	}
	int status = status_of(pid);
	MUST_SAY(status == 0, "status %d", status);
	MUST(!strcmp(file_text(format("%s/tmp/done", b.rootfs)), "yes"));
}
