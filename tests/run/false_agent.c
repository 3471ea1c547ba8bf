/* false_agent.c: in place of the agent in a guest's first root, by $NACRE_AGENT: what a guest that was taken over might say. Which lie is named
 * by the kernel's parameter FALSE_AGENT=…, which the kernel hands on as a variable.
 */
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/agent/wire.h"

static void load_modules(void)
{
	char order[4096] = "", *rest = order;
	int fd = open("/modules/order", O_RDONLY);

	if (fd >= 0 && read(fd, order, sizeof(order) - 1) < 0)
		*order = '\0';
	for (char *name; (name = strsep(&rest, "\n"));) {
		char path[256];
		size_t n = strlen(name);

		snprintf(path, sizeof(path), "/modules/%s", name);
		fd = *name ? open(path, O_RDONLY) : -1;
		if (fd >= 0)
			(void)syscall(SYS_finit_module, fd, "", n > 3 && !strcmp(name + n - 3, ".ko") ? 0 : 4);
	}
}

static int dial(unsigned int port)
{
	const struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = AGENT_CID_HOST, .svm_port = port };
	/* The monitor listens to reserved ports only. */
	struct sockaddr_vm own = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
	int fd = -1;

	for (unsigned int i = 0; i < 1000; i++) {
		fd = socket(AF_VSOCK, SOCK_STREAM, 0);
		own.svm_port = i + 1;
		if (fd >= 0 && bind(fd, (const struct sockaddr *)&own, sizeof(own)) == 0 && connect(fd, (const struct sockaddr *)&host, sizeof(host)) == 0)
			return fd;
		close(fd);
		usleep(10000);
	}
	return -1;
}

static void say(int fd, enum agent_kind kind, uint32_t id, int value, const struct text *body)
{
	const struct agent_frame f = { .kind = kind, .id = id, .value = value, .size = (uint32_t)body->n, .body = body->v };

	(void)agent_frame_send(fd, &f, NULL);
}

static void greet(int fd)
{
	struct text hello = { 0 };

	agent_hello_encode(&hello);
	say(fd, AGENT_HELLO, 0, 0, &hello);
}

/* Until the host has told of the container. */
static void hear_of_container(int fd)
{
	struct agent_reader r = AGENT_READER(false);
	struct agent_frame f = { 0 };

	while (f.kind != AGENT_CREATE && agent_reader_read(&r, fd, &f, NULL) >= 0)
		;
}

static void claim(int fd, enum msg_kind kind, int stage, const char *text)
{
	struct msg m = { .kind = kind, .stage = stage, .error = { .code = -EIO } };
	struct text body = { 0 };

	snprintf(m.error.msg, sizeof(m.error.msg), "%s", text);
	agent_walk_encode(&m, &body);
	say(fd, AGENT_WALK, 0, 0, &body);
}

/* The number of a row of the guest's list: a parameter, too. */
static int row(const char *name)
{
	const char *number = getenv(name);

	return number ? atoi(number) : 0;
}

static void answer_stats(int fd)
{
	static int asked;
	/* None at first, and then more than there can ever be. */
	const struct agent_stats s = { .oom_kills = asked++ ? UINT64_C(1) << 62 : 0 };
	struct text body = { 0 };

	agent_stats_encode(&s, &body);
	say(fd, AGENT_REPLY, 0, 0, &body);
}

static void claim_end(int fd, int status)
{
	struct text body = { 0 };

	agent_exited_encode(&(struct agent_exited){ 0 }, &body);
	say(fd, AGENT_EXITED, 0, status, &body);
}

/* As if there were a container, to all that the host wants of it: the lies are in what it says of that one. */
static void pretend(int fd, const char *lie)
{
	const struct text nothing = { 0 };
	struct agent_reader r = AGENT_READER(false);
	struct agent_frame f = { 0 };

	greet(fd);
	while (agent_reader_read(&r, fd, &f, NULL) >= 0)
		switch (f.kind) {
		case AGENT_CREATE:
			claim(fd, MSG_DONE, row("FALSE_CREATED"), "");
			break;
		case AGENT_NET:
			say(fd, AGENT_REPLY, 0, 0, &nothing);
			claim(fd, MSG_DONE, row("FALSE_RUNS"), "");
			if (!strcmp(lie, "stopped"))
				claim_end(fd, SIGSTOP);
			break;
		case AGENT_STATS:
			answer_stats(fd);
			break;
		case AGENT_END:
			reboot(RB_POWER_OFF);
			break;
		default:
			break;
		}
}

int main(void)
{
	const char *lie = getenv("FALSE_AGENT");
	char garbage[256];
	int fd;

	if (!lie || !strcmp(lie, "leave"))
		reboot(RB_POWER_OFF);
	if (!strcmp(lie, "die"))
		_exit(1);
	(void)mkdir("/proc", 0555);
	(void)mount("proc", "/proc", "proc", 0, NULL);
	load_modules();
	fd = dial(AGENT_PORT_CONTROL);
	if (!strcmp(lie, "garbage")) {
		memset(garbage, 0xa5, sizeof(garbage));
		(void)!write(fd, garbage, sizeof(garbage));
	} else if (!strcmp(lie, "start")) {
		/* The host's rows are not the guest's to speak for: as if the container had been started. */
		greet(fd);
		hear_of_container(fd);
		claim(fd, MSG_DONE, 1000000, "");
	} else if (!strcmp(lie, "negative")) {
		greet(fd);
		hear_of_container(fd);
		claim(fd, MSG_DONE, -2147483647 - 1, "");
	} else if (!strcmp(lie, "words")) {
		/* A text that would be more than a line, and other than a text. */
		greet(fd);
		hear_of_container(fd);
		claim(fd, MSG_FAIL, 3, "first line\nsecond line\033[2J\302\2332J");
	} else if (!strcmp(lie, "early")) {
		/* The program has ended before there was one. */
		greet(fd);
		claim_end(fd, 0);
	} else if (!strcmp(lie, "hang")) {
		greet(fd);
	} else if (!strcmp(lie, "stopped") || !strcmp(lie, "killed")) {
		pretend(fd, lie);
	}
	for (;;)
		pause();
}
