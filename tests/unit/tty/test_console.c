/* test_console.c: pairs of terminals, and descriptors through console sockets. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "tty/console.h"

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Runs fn in a child, whose exit status is the number of the line that went wrong (modulo 256, but never 0).
 */
static void in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(fn());
	waitpid(pid, &status, 0);
	cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 77)
		cr_skip_test("no right to make a mount namespace");
	cr_assert_eq(WEXITSTATUS(status), 0, "line %d (modulo 256)", WEXITSTATUS(status));
}
#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			return __LINE__ % 256 ? __LINE__ % 256 : 1;                                          \
	} while (0)

static int talks(const struct console *c)
{
	struct termios t;
	char got[8] = "";

	MUST(tcgetattr(c->slave, &t) == 0);
	cfmakeraw(&t);
	MUST(tcsetattr(c->slave, TCSANOW, &t) == 0);
	MUST(write(c->slave, "out", 3) == 3 && read(c->master, got, sizeof(got)) == 3 &&
	     !memcmp(got, "out", 3));
	MUST(write(c->master, "in", 2) == 2 && read(c->slave, got, sizeof(got)) == 2 &&
	     !memcmp(got, "in", 2));
	MUST(fcntl(c->master, F_GETFD) == FD_CLOEXEC && fcntl(c->slave, F_GETFD) == FD_CLOEXEC);
	return 0;
}

Test(console, opens_a_pair_from_an_open_ptmx)
{
	struct console c = CONSOLE_NONE;
	struct error err = ERROR_NONE;
	struct winsize size;
	int before = count_descriptors();
	int ptmx = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (ptmx < 0)
		cr_skip_test("no /dev/ptmx");
	cr_assert_eq(console_open(ptmx, 33, 44, &c, &err), 0, "%s", err.msg);
	close(ptmx);
	cr_assert_eq(strncmp(c.name, "/dev/pts/", 9), 0);
	cr_assert_eq(talks(&c), 0);
	cr_assert_eq(ioctl(c.slave, TIOCGWINSZ, &size), 0);
	cr_assert_eq(size.ws_row, 33);
	cr_assert_eq(size.ws_col, 44);
	console_close(&c);
	cr_assert_eq(c.master, -EBADF);
	cr_assert_eq(c.slave, -EBADF);
	cr_assert_eq(count_descriptors(), before);
}

Test(console, fits_our_own_window)
{
	struct winsize size = {.ws_row = 21, .ws_col = 55};
	struct console ours = CONSOLE_NONE, its = CONSOLE_NONE;
	auto_close int ptmx = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	auto_close int other = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (ptmx < 0 || other < 0)
		cr_skip_test("no /dev/ptmx");
	cr_assert_eq(console_open(ptmx, 21, 55, &ours, NULL), 0);
	cr_assert_eq(console_open(other, 7, 8, &its, NULL), 0);
	console_fit(&its, ours.slave);
	cr_expect(ioctl(its.slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 21 && size.ws_col == 55);
	/* One that knows no size, and what is no terminal, change nothing. */
	size = (struct winsize){0};
	cr_assert_eq(ioctl(ours.master, TIOCSWINSZ, &size), 0);
	console_fit(&its, ours.slave);
	console_fit(&its, -1);
	cr_expect(ioctl(its.slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 21 && size.ws_col == 55);
	console_close(&ours);
	console_close(&its);
}

static int private_devpts(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	return mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666") < 0 ? 77 : 0;
}

static int from_path_descriptor(void)
{
	struct console one = CONSOLE_NONE, two = CONSOLE_NONE;
	struct winsize size;
	int r = private_devpts(), ptmx;

	if (r)
		return r;
	ptmx = open("/dev/pts/ptmx", O_PATH | O_CLOEXEC);
	MUST(ptmx >= 0);
	MUST(console_open(ptmx, 0, 0, &one, NULL) == 0);
	MUST(console_open(ptmx, 5, 0, &two, NULL) == 0);
	MUST(!strcmp(one.name, "/dev/pts/0") && !strcmp(two.name, "/dev/pts/1"));
	MUST(ioctl(one.master, TIOCGWINSZ, &size) == 0 && size.ws_row == 0 && size.ws_col == 0);
	MUST(ioctl(two.master, TIOCGWINSZ, &size) == 0 && size.ws_row == 5 && size.ws_col == 0);
	r = talks(&one);
	return r ? r : talks(&two);
}

Test(console, opens_a_pair_from_a_path_descriptor)
{
	in_child(from_path_descriptor);
}

/* What stands at /proc was made by somebody else: the number leads to the ptmx of another devpts. */
static int hostile_proc(void)
{
	struct console c = CONSOLE_NONE;
	char path[64];
	int r = private_devpts(), ptmx;

	if (r)
		return r;
	MUST(mount("devpts", "/mnt", "devpts", 0, "newinstance,ptmxmode=0666") == 0);
	ptmx = open("/dev/pts/ptmx", O_PATH | O_CLOEXEC);
	MUST(ptmx >= 0 && mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
	MUST(mkdir("/proc/self", 0755) == 0 && mkdir("/proc/self/fd", 0755) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ptmx);
	MUST(symlink("/mnt/ptmx", path) == 0);
	MUST(console_open(ptmx, 0, 0, &c, NULL) == -EXDEV && c.master == -EBADF);
	MUST(unlink(path) == 0 && console_open(ptmx, 0, 0, &c, NULL) == -ENOENT);
	return 0;
}

Test(console, does_not_believe_proc)
{
	in_child(hostile_proc);
}

/* As before Linux 4.13: the ioctl that opens the peer is answered with ENOTTY. */
static int forbid_peer(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, _IO('T', 0x41), 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int by_name(void)
{
	struct console c = CONSOLE_NONE;
	struct error err = ERROR_NONE;
	int r = private_devpts(), ptmx;

	if (r)
		return r;
	ptmx = open("/dev/pts/ptmx", O_PATH | O_CLOEXEC);
	MUST(ptmx >= 0 && forbid_peer() == 0);
	MUST(console_open(ptmx, 0, 0, &c, &err) == 0);
	r = talks(&c);
	MUST(r == 0);
	console_close(&c);
	/* Another devpts on top: /dev/pts/0 there is not this terminal's. */
	MUST(mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666") == 0);
	int other = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	MUST(other >= 0);
	MUST(console_open(ptmx, 0, 0, &c, &err) == -EXDEV);
	MUST(c.master == -EBADF && c.slave == -EBADF && c.name[0] == '\0');
	return 0;
}

Test(console, falls_back_to_the_name_beneath_its_own_devpts)
{
	in_child(by_name);
}

Test(console, refuses_what_is_no_ptmx)
{
	char path[] = "/tmp/nacre-test-XXXXXX";
	auto_close int file = mkstemp(path);
	auto_close int by_path = open(path, O_PATH | O_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	auto_close int null_path = open("/dev/null", O_PATH | O_CLOEXEC);
	struct console c = CONSOLE_NONE;
	struct error err = ERROR_NONE;
	int before = count_descriptors();

	unlink(path);
	cr_expect_eq(console_open(by_path, 0, 0, &c, &err), -ENODEV);
	cr_expect_eq(console_open(null_path, 0, 0, &c, &err), -ENODEV);
	cr_expect_eq(console_open(null, 0, 0, &c, &err), -ENOTTY);
	cr_expect_eq(console_open(file, 0, 0, &c, &err), -ENOTTY);
	cr_expect_eq(console_open(-1, 0, 0, &c, &err), -EBADF);
	cr_expect_eq(console_open(null, 65536, 0, &c, &err), -EINVAL);
	cr_expect_eq(console_open(null, 0, 65536, &c, &err), -EINVAL);
	cr_expect_eq(c.master, -EBADF);
	cr_expect_eq(count_descriptors(), before);
}

static int attach_and_look(int slave_at)
{
	struct console c = CONSOLE_NONE;
	int ptmx = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), tty;
	struct stat a, b;

	MUST(ptmx >= 0 && console_open(ptmx, 0, 0, &c, NULL) == 0);
	if (slave_at >= 0) {
		MUST(dup3(c.slave, slave_at, O_CLOEXEC) == slave_at);
		c.slave = slave_at;
	}
	MUST(console_attach(&c, NULL) == 0);
	MUST(getsid(0) == getpid() && fstat(c.slave, &a) == 0);
	for (int fd = 0; fd <= 2; fd++) {
		MUST(isatty(fd) && fcntl(fd, F_GETFD) == 0);
		MUST(fstat(fd, &b) == 0 && a.st_rdev == b.st_rdev && a.st_ino == b.st_ino);
	}
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	MUST(tty >= 0 && tcgetsid(tty) == getpid());
	return 0;
}

static int attach_high(void)
{
	return attach_and_look(-1);
}
static int attach_at_0(void)
{
	return attach_and_look(0);
}
static int attach_at_2(void)
{
	return attach_and_look(2);
}
static int attach_as_leader(void)
{
	return setsid() < 0 ? 1 : attach_and_look(-1);
}
static int attach_no_terminal(void)
{
	struct console c = {-EBADF, open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null"};
	struct error err = ERROR_NONE;

	MUST(console_attach(&c, &err) == -ENOTTY && strstr(err.msg, "/dev/null"));
	return 0;
}

Test(console, attach_makes_it_the_controlling_terminal)
{
	in_child(attach_high);
	in_child(attach_at_0);
	in_child(attach_at_2);
	in_child(attach_as_leader);
	in_child(attach_no_terminal);
}

/* A listening socket `name` in a directory made of `depth` times a hundred characters; the path is returned.
 */
struct place {
	char base[32], path[1024];
	int listener;
};

static void place_make(struct place *p, int depth, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int dir = -EBADF;

	strcpy(p->base, "/tmp/nacre-test-XXXXXX");
	cr_assert_not_null(mkdtemp(p->base));
	strcpy(p->path, p->base);
	for (int i = 0; i < depth; i++) {
		size_t at = strlen(p->path);

		p->path[at] = '/';
		memset(p->path + at + 1, 'd', 100);
		p->path[at + 101] = '\0';
		cr_assert_eq(mkdir(p->path, 0700), 0);
	}
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_geq(p->listener, 0);
	dir = open(p->path, O_PATH | O_CLOEXEC);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%.80s", dir, name);
	cr_assert_eq(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(p->listener, 4), 0);
	strcat(p->path, "/");
	strcat(p->path, name);
}

static void place_remove(struct place *p)
{
	close(p->listener);
	unlink(p->path);
	for (char *slash; (slash = strrchr(p->path, '/')) && strlen(p->path) > strlen(p->base); *slash = '\0')
		rmdir(p->path);
	rmdir(p->base);
}

static void connect_at_depth(int depth)
{
	struct error err = ERROR_NONE;
	struct place p;
	int before = count_descriptors(), fd, peer, pair[2], got;
	struct stat a, b;

	place_make(&p, depth, "console.sock");
	cr_assert(depth == 0 || strlen(p.path) > 107);
	fd = console_socket_connect(p.path, &err);
	cr_assert_geq(fd, 0, "%s", err.msg);
	cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	peer = accept4(p.listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(peer, 0);
	cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
	cr_assert_eq(console_socket_send(fd, "/dev/pts/7", pair[1], &err), 0, "%s", err.msg);
	got = console_socket_receive(peer, &err);
	cr_assert_geq(got, 0, "%s", err.msg);
	cr_assert_eq(fcntl(got, F_GETFD), FD_CLOEXEC);
	cr_assert(fstat(got, &a) == 0 && fstat(pair[1], &b) == 0 && a.st_ino == b.st_ino &&
		  a.st_dev == b.st_dev);
	for (int *f = (int[]){fd, peer, pair[0], pair[1], got, -1}; *f >= 0; f++)
		close(*f);
	place_remove(&p);
	cr_assert_eq(count_descriptors(), before);
}

Test(console_socket, connects_and_carries_a_descriptor)
{
	connect_at_depth(0);
}
Test(console_socket, takes_a_path_longer_than_an_address)
{
	connect_at_depth(3);
}

Test(console_socket, says_what_is_wrong_with_the_path)
{
	char longish[512] = "/tmp/";
	struct error err = ERROR_NONE;
	int before = count_descriptors();

	cr_expect_eq(console_socket_connect("", &err), -EINVAL);
	cr_expect_eq(console_socket_connect("/nonexistent/s", &err), -ENOENT);
	cr_expect_not_null(strstr(err.msg, "--console-socket"), "%s", err.msg);
	cr_expect_eq(console_socket_connect("/dev/null", &err), -ECONNREFUSED);
	cr_expect_eq(console_socket_connect_for("--pidfd-socket", "/nonexistent/s", &err), -ENOENT);
	cr_expect_str_eq(err.msg, "--pidfd-socket: connect to /nonexistent/s: No such file or directory");
	memset(longish + 5, 'n', 150);
	cr_expect_eq(console_socket_connect(longish, &err), -ENAMETOOLONG);
	cr_expect_not_null(strstr(err.msg, "--console-socket"), "%s", err.msg);
	memset(longish + 5, 'n', 150);
	strcpy(longish + 155, "/s");
	cr_expect_eq(console_socket_connect(longish, &err), -ENOENT);
	cr_expect_not_null(strstr(err.msg, "--console-socket"), "%s", err.msg);
	cr_expect_eq(count_descriptors(), before);
}

/* Sends n descriptors with one byte. */
static void send_many(int socket, int n)
{
	_Alignas(struct cmsghdr) char space[CMSG_SPACE(16 * sizeof(int))] = {0};
	struct iovec iov = {(void *)"x", 1};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = space,
			   .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	if (n == 0) {
		h.msg_control = NULL;
		h.msg_controllen = 0;
	} else if (c) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		for (int i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &socket, sizeof(int));
	}
	cr_assert_eq(sendmsg(socket, &h, 0), 1);
}

Test(console_socket, receives_exactly_one)
{
	struct error err = ERROR_NONE;
	int pair[2], before, fd;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	before = count_descriptors();
	for (int n = 0; n <= 12; n++) {
		if (n == 1)
			continue;
		send_many(pair[0], n);
		cr_expect_eq(console_socket_receive(pair[1], &err), -EPROTO, "%d descriptors", n);
		cr_expect_eq(count_descriptors(), before, "%d descriptors", n);
	}
	cr_expect_eq(console_socket_send(pair[0], "", pair[0], &err), 0, "%s", err.msg);
	fd = console_socket_receive(pair[1], &err);
	cr_expect_geq(fd, 0, "an empty name is no hindrance: %s", err.msg);
	close(fd);
	close(pair[0]);
	cr_expect_eq(console_socket_receive(pair[1], &err), -ECONNRESET);
	/* Nobody listens any more: an error, not a deadly signal. */
	cr_expect_eq(console_socket_send(pair[1], "name", pair[1], &err), -EPIPE);
	cr_expect_eq(console_socket_send(pair[1], "name", -1, &err), -EBADF);
	close(pair[1]);
}
