/* gate.c: where a created container waits. See gate.h. */
#include "core/gate.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"

static const char go[] = "go";

/* The state root may be deep: 108 bytes are reached by way of the descriptor. */
static struct sockaddr_un address_of(int folder)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/gate", fd_path(folder).text);
	return a;
}

int gate_open(int folder, struct error *err)
{
	struct sockaddr_un a = address_of(folder);
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_errno(err, "gate: socket");
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return error_errno(err, "gate: bind");
	if (listen(fd, 4) < 0)
		return error_errno(err, "gate: listen");
	return TAKE_FD(fd);
}

/* Whether the word is said is known at once: it is sent right after the connection. But who connects need not say it. */
#define PATIENCE_MS 1000

static int hear_word(int fd, bool patient, struct error *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char word[sizeof(go)];
	ssize_t n;

	if (!patient && poll(&p, 1, PATIENCE_MS) <= 0)
		return 0;
	n = recv(fd, word, sizeof(word), 0);
	/* A seccomp profile that forbids it: better to end than to wait for ever. */
	if (n < 0 && errno != EINTR && errno != ECONNRESET)
		return error_errno(err, "gate: receive");
	return n == sizeof(go) && !memcmp(word, go, sizeof(go));
}

int gate_wait(int gate, struct error *err)
{
	for (;;) {
		auto_close int fd = accept4(gate, NULL, NULL, SOCK_CLOEXEC);
		int ret;

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return error_errno(err, "gate: accept");
		ret = hear_word(fd, true, err);
		if (ret < 0)
			return ret;
		if (ret)
			return TAKE_FD(fd);
	}
}

int gate_answer(int gate, int *knock, struct error *err)
{
	auto_close int fd = accept4(gate, NULL, NULL, SOCK_CLOEXEC);
	int ret;

	if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
		return 0;
	if (fd < 0)
		return error_errno(err, "gate: accept");
	ret = hear_word(fd, false, err);
	if (ret == 1)
		*knock = TAKE_FD(fd);
	return ret;
}

static int connect_to(int folder)
{
	struct sockaddr_un a = address_of(folder);
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	do {
		ret = connect(fd, (struct sockaddr *)&a, sizeof(a));
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : TAKE_FD(fd);
}

int gate_knock(int folder, struct error *err)
{
	auto_close int fd = connect_to(folder);

	if (fd < 0)
		return error_set(err, fd, "no process waits to be started: %s", strerror(-fd));
	if (send(fd, go, sizeof(go), MSG_NOSIGNAL) < 0)
		return error_errno(err, "knock at the gate");
	return TAKE_FD(fd);
}

bool gate_is_closed(int folder)
{
	auto_close int fd = connect_to(folder);

	return fd == -ECONNREFUSED || fd == -ENOENT;
}
