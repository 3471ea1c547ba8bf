/* console.c: pseudo terminals: opened from a container's own devpts, sent to and received from console
 * sockets. */
#include "tty/console.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* Each open of a ptmx makes a new pair, so a descriptor that was opened for reading and writing already is a
 * master; one opened O_PATH only names the file, and has to be opened now. What the caller verified is
 * compared with what was opened, because the proc this goes through may not be the kernel's (CVE-2025-52565
 * and its kin). */
static int open_master(int ptmx, int *out, struct error *err)
{
	auto_close int master = -EBADF;
	struct stat named, opened;
	int flags = fcntl(ptmx, F_GETFL);

	if (flags < 0)
		return error_errno(err, "ptmx: read descriptor flags");
	if (!(flags & O_PATH)) {
		master = fcntl(ptmx, F_DUPFD_CLOEXEC, 3);
		if (master < 0)
			return error_errno(err, "ptmx: duplicate descriptor");
		*out = TAKE_FD(master);
		return 0;
	}
	/* Asked first, so that nothing but a ptmx is ever opened: opening other devices can do things. */
	if (fstat(ptmx, &named) < 0)
		return error_errno(err, "stat ptmx");
	if (!S_ISCHR(named.st_mode) || named.st_rdev != makedev(5, 2))
		return error_set(err, -ENODEV, "ptmx: not the character device 5:2");
	master = open(fd_path(ptmx).text, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return error_errno(err, "open ptmx");
	if (fstat(master, &opened) < 0)
		return error_errno(err, "stat ptmx");
	if (opened.st_dev != named.st_dev || opened.st_ino != named.st_ino)
		return error_set(err, -EXDEV, "ptmx: another file was opened than the one that was verified");
	*out = TAKE_FD(master);
	return 0;
}

/* For kernels before 4.13: by name, below a directory that is shown to be the devpts the master belongs to.
 * Nothing but terminals can be made in a devpts, so the last component needs no more than O_NOFOLLOW. */
static int open_slave_by_name(int master, int number, int *out, struct error *err)
{
	auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), dir = -EBADF, slave = -EBADF;
	struct stat master_st, dir_st;
	char name[16];

	if (root < 0)
		return error_errno(err, "open /");
	dir = path_open_beneath(root, "/dev/pts", O_PATH | O_DIRECTORY, err);
	if (dir < 0)
		return dir;
	if (fstat(master, &master_st) < 0 || fstat(dir, &dir_st) < 0)
		return error_errno(err, "stat /dev/pts");
	if (!fd_is_on(dir, DEVPTS_SUPER_MAGIC) || master_st.st_dev != dir_st.st_dev)
		return error_set(err, -EXDEV, "/dev/pts is not the devpts that the terminal was made in");
	snprintf(name, sizeof(name), "%d", number);
	slave = openat(dir, name, O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (slave < 0)
		return error_errno(err, "open /dev/pts/%d", number);
	*out = TAKE_FD(slave);
	return 0;
}

static int open_slave(int master, int number, int *out, struct error *err)
{
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0 && (errno == EINVAL || errno == ENOTTY || errno == ENOSYS))
		return open_slave_by_name(master, number, out, err);
	if (slave < 0)
		return error_errno(err, "open the peer of /dev/pts/%d", number);
	*out = slave;
	return 0;
}

int console_open(int ptmx, unsigned height, unsigned width, struct console *out, struct error *err)
{
	auto_close int master = -EBADF, slave = -EBADF;
	int number, unlock = 0, r;

	if (height > USHRT_MAX || width > USHRT_MAX)
		return error_set(err, -EINVAL, "console size %ux%u: more than %d rows or columns", height,
				 width, USHRT_MAX);
	r = open_master(ptmx, &master, err);
	if (r < 0)
		return r;
	if (ioctl(master, TIOCGPTN, &number) < 0)
		return error_errno(err, "ptmx: ask for the terminal's number");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return error_errno(err, "unlock /dev/pts/%d", number);
	r = open_slave(master, number, &slave, err);
	if (r < 0)
		return r;
	if (height || width) {
		struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};

		if (ioctl(master, TIOCSWINSZ, &size) < 0)
			return error_errno(err, "set the size of /dev/pts/%d", number);
	}
	snprintf(out->name, sizeof(out->name), "/dev/pts/%d", number);
	out->master = TAKE_FD(master);
	out->slave = TAKE_FD(slave);
	return 0;
}

int console_attach(const struct console *console, struct error *err)
{
	/* EPERM: this process leads a session already, which does as well if it has no terminal yet. */
	if (setsid() < 0 && errno != EPERM)
		return error_errno(err, "setsid");
	if (ioctl(console->slave, TIOCSCTTY, 0) < 0)
		return error_errno(err, "make %s the controlling terminal", console->name);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* dup2() onto itself does nothing, and would leave close-on-exec set. */
		if (fd == console->slave ? fcntl(fd, F_SETFD, 0) < 0 : dup2(console->slave, fd) < 0)
			return error_errno(err, "make %s descriptor %d", console->name, fd);
	}
	return 0;
}

void console_fit(const struct console *console, int terminal)
{
	struct winsize size;

	if (ioctl(terminal, TIOCGWINSZ, &size) == 0 && (size.ws_row || size.ws_col))
		ioctl(console->master, TIOCSWINSZ, &size);
}

/* connect() takes no descriptor and at most 107 bytes of path; a longer one goes through its directory's
 * descriptor. */
static int address_of(const char *path, struct sockaddr_un *address, int *dir, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	auto_free char *parent = NULL;
	int n;

	if (strlen(path) < sizeof(address->sun_path)) {
		memcpy(address->sun_path, path, strlen(path) + 1);
		return 0;
	}
	parent = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	if (!parent)
		return error_set(err, -ENOMEM, "out of memory");
	*dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return error_errno(err, "open the socket's directory %s", parent);
	n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", fd_path(*dir).text, name);
	if (n < 0 || (size_t)n >= sizeof(address->sun_path))
		return error_set(err, -ENAMETOOLONG, "a socket's name may have at most %zu bytes",
				 sizeof(address->sun_path) - strlen(fd_path(*dir).text) - 2);
	return 0;
}

int console_socket_connect_for(const char *option, const char *path, struct error *err)
{
	auto_close int fd = -EBADF, dir = -EBADF;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r;

	if (!*path)
		return error_set(err, -EINVAL, "%s: an empty path", option);
	r = address_of(path, &address, &dir, err);
	if (r < 0)
		return error_wrap(err, "%s %s", option, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, "%s: make a socket", option);
	do {
		r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_errno(err, "%s: connect to %s", option, path);
	return TAKE_FD(fd);
}

int console_socket_connect(const char *path, struct error *err)
{
	return console_socket_connect_for("--console-socket", path, err);
}

int console_socket_send(int socket, const char *payload, int fd, struct error *err)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	/* On a stream a descriptor travels with a byte, so an empty name is sent as its NUL. */
	size_t len = *payload ? strlen(payload) : 1;
	struct iovec iov = {(void *)payload, len};
	struct msghdr h = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	do {
		n = sendmsg(socket, &h, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, "send a descriptor through the socket");
	if ((size_t)n != len)
		return error_set(err, -EIO,
				 "send a descriptor through the socket: only %zd of %zu bytes went", n, len);
	return 0;
}

/* Takes every descriptor that came along: the first is the result, the others are closed. The number of them.
 */
static int take_descriptors(struct msghdr *h, int *first)
{
	int n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(int));
			if (n++ == 0)
				*first = fd;
			else
				close(fd);
		}
	}
	return n;
}

int console_socket_receive(int socket, struct error *err)
{
	union {
		char space[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	auto_close int fd = -EBADF;
	char payload[PATH_MAX];
	struct iovec iov = {payload, sizeof(payload)};
	struct msghdr h = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n;
	int came;

	do {
		n = recvmsg(socket, &h, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, "receive a terminal");
	came = take_descriptors(&h, &fd);
	if (n == 0 && came == 0)
		return error_set(err, -ECONNRESET,
				 "receive a terminal: the other side closed without sending one");
	if (came != 1 || (h.msg_flags & MSG_CTRUNC))
		return error_set(err, -EPROTO, "receive a terminal: %d descriptors came instead of one",
				 came);
	return TAKE_FD(fd);
}

void console_close(struct console *console)
{
	if (console->master >= 0)
		close(console->master);
	if (console->slave >= 0)
		close(console->slave);
	*console = CONSOLE_NONE;
}
