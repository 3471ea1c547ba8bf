/* test_network.c: the network of a container as engines prepare it: devices that are there before it, devices
 * that a hook brings, and none; the same in a namespace and in a virtual machine.
 *
 * The host of these tests is a network namespace of the test's own, so that nothing of the machine's network
 * is touched.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static void must_ip(const char *arguments)
{
	const char *argv[] = {"/bin/sh", "-ec", format("PATH=/usr/sbin:/sbin:/usr/bin:/bin; %s", arguments),
			      NULL};
	struct result r = run_program(&(struct spawn){.argv = argv});

	MUST_SAY(r.status == 0, "%s: %s", arguments, r.err);
}

static void needs(void)
{
	need_root();
	need_file("/bin/busybox");
	if (access("/sbin/ip", X_OK) && access("/usr/sbin/ip", X_OK))
		test_skip("this machine has no ip (iproute2)");
	if (unshare(CLONE_NEWNET) < 0)
		test_skip("no right to make a network namespace");
	must_ip("ip link set lo up");
}

/* An engine's namespace: it lasts until the test ends, whatever becomes of containers in it. With
 * eth0, 10.77.0.2 and fd77::2, whose other end is out0 here. */
static pid_t make_namespace(int flags)
{
	int pair[2];
	char byte;
	pid_t pid;

	MUST(pipe2(pair, O_CLOEXEC) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(flags) == 0 && write(pair[1], "!", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(pair[1]);
	MUST(read(pair[0], &byte, 1) == 1);
	close(pair[0]);
	must_ip(
	    format("ip link add out0 type veth peer name eth0 netns %d\n"
		   "ip addr add 10.77.0.1/24 dev out0; ip -6 addr add fd77::1/64 dev out0 nodad; ip link set "
		   "out0 up\n"
		   "nsenter -t %d -n sh -ec 'ip link set eth0 address 02:77:00:00:00:02 mtu 1400; ip addr "
		   "add 10.77.0.2/24 dev eth0\n"
		   "ip -6 addr add fd77::2/64 dev eth0 nodad; ip link set lo up; ip link set eth0 up\n"
		   "ip route add default via 10.77.0.1; ip route add 10.99.0.0/16 via 10.77.0.9 metric 7'",
		   pid, pid));
	return pid;
}

static void end_namespace(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void make_joined(struct bundle *b, pid_t holder, const char *script)
{
	bundle_make(b);
	bundle_config(b,
		      "{'linux':{'namespaces':[{'type':'pid'},{'type':'ipc'},{'type':'uts'},{'type':'mount'},"
		      "{'type':'cgroup'},"
		      "{'type':'network','path':'/proc/%d/ns/net'}]}}",
		      holder);
	bundle_config(b, "{'process':{'args':['/bin/busybox','sh','-c','%s']}}", script);
}

/* A connection to the container's port; asked for again until somebody listens there, if `patient`. -errno
 * where there is none. */
static int try_connect(int family, int port)
{
	struct sockaddr_in four = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(0x0a4d0002)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	struct timeval patience = {.tv_sec = PATIENCE};
	int s = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	inet_pton(AF_INET6, "fd77::2", &six.sin6_addr);
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	r = family == AF_INET ? connect(s, (struct sockaddr *)&four, sizeof(four))
			      : connect(s, (struct sockaddr *)&six, sizeof(six));
	if (r == 0)
		return s;
	r = -errno;
	close(s);
	return r;
}

struct target {
	int family, port, socket;
};

static bool is_connected(void *arg)
{
	struct target *t = arg;

	t->socket = try_connect(t->family, t->port);
	return t->socket >= 0;
}

/* What the container's server says. */
static char *fetch(int family, int port)
{
	struct target t = {family, port, -1};
	struct timeval patience = {.tv_sec = PATIENCE};
	static char text[4096];
	size_t len = 0;

	MUST_SAY(wait_until(is_connected, &t, PATIENCE), "nobody answers on port %d: %s", port,
		 strerror(-t.socket));
	setsockopt(t.socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (ssize_t n;
	     len < sizeof(text) - 1 && (n = read(t.socket, text + len, sizeof(text) - 1 - len)) > 0;)
		len += (size_t)n;
	close(t.socket);
	text[len] = '\0';
	return text;
}

RUN_TEST(prepared, "a namespace with a device: addresses, routes, MTU and MAC are the container's, and both "
		   "families are served")
{
	needs();
	pid_t holder = make_namespace(CLONE_NEWNET);
	struct bundle b;
	char *out;

	make_joined(&b, holder,
		    "busybox ip addr; busybox ip route; "
		    "busybox nc -l -p 80 -e busybox echo from the container; busybox nc -l -p 81 -e busybox "
		    "echo by version six");
	bundle_start(&b, &out);
	char *text = fetch(AF_INET, 80);
	MUST_SAY(!strcmp(text, "from the container\n"), "%s", text);
	text = fetch(AF_INET6, 81);
	MUST_SAY(!strcmp(text, "by version six\n"), "%s", text);
	MUST(bundle_wait_status(&b, "stopped"));
	text = file_text(out);
	MUST_SAY(strstr(text, "eth0") && strstr(text, "mtu 1400"), "%s", text);
	MUST_SAY(strstr(text, "02:77:00:00:00:02"), "%s", text);
	MUST_SAY(strstr(text, "inet 10.77.0.2/24") && strstr(text, "inet6 fd77::2/64"), "%s", text);
	MUST_SAY(strstr(text, "default via 10.77.0.1 dev eth0"), "%s", text);
	MUST_SAY(strstr(text, "10.99.0.0/16 via 10.77.0.9 dev eth0") && strstr(text, "metric 7"), "%s", text);
	MUST_SAY(strstr(text, "lo: <LOOPBACK,UP"), "%s", text);
	/* The namespace lives on, and answers for itself again. */
	struct result r = nacre("delete", b.id, NULL);
	must_succeed(&r);
	int refused = try_connect(AF_INET, 80);
	MUST_SAY(refused == -ECONNREFUSED, "%s", strerror(-refused));
	end_namespace(holder);
}

/* A megabyte and more each way, in frames as large as they get. */
RUN_TEST(much, "a large file goes both ways unharmed")
{
	needs();
	pid_t holder = make_namespace(CLONE_NEWNET);
	struct bundle b;
	char *out, chunk[65536];
	long sum = 0;

	make_joined(
	    &b, holder,
	    "busybox nc -l -p 80 -e busybox sh -c \\\"busybox head -c 3000000 | busybox tee /tmp/copy\\\"; "
	    "busybox cksum </tmp/copy; busybox wc -c </tmp/copy");
	bundle_config(&b, "{'+mounts':[{'destination':'/tmp','type':'tmpfs','source':'tmpfs'}]}");
	bundle_start(&b, &out);
	struct target t = {AF_INET, 80, -1};
	MUST(wait_until(is_connected, &t, PATIENCE));
	pid_t writer = fork();
	if (writer == 0) {
		for (size_t i = 0; i < 3000000; i += sizeof(chunk)) {
			size_t len = 3000000 - i < sizeof(chunk) ? 3000000 - i : sizeof(chunk);

			for (size_t k = 0; k < len; k++)
				chunk[k] = (char)((i + k) * 7 + (i + k) / 251);
			for (size_t done = 0; done < len;) {
				ssize_t n = write(t.socket, chunk + done, len - done);

				if (n <= 0)
					_exit(1);
				done += (size_t)n;
			}
		}
		_exit(0);
	}
	long wrong = 0;
	struct timeval patience = {.tv_sec = PATIENCE};
	setsockopt(t.socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (ssize_t n; (n = read(t.socket, chunk, sizeof(chunk))) > 0;)
		for (ssize_t k = 0; k < n; k++, sum++)
			wrong += chunk[k] != (char)(sum * 7 + sum / 251);
	int status;
	waitpid(writer, &status, 0);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	MUST_SAY(sum == 3000000 && wrong == 0, "%ld bytes, %ld of them wrong", sum, wrong);
	close(t.socket);
	MUST(bundle_wait_status(&b, "stopped"));
	MUST_SAY(strstr(file_text(out), "3000000"), "%s", file_text(out));
	end_namespace(holder);
}

/* As Docker does it: the namespace is the container's own, a hook puts the device into it. */
RUN_TEST(hooked, "a device that a hook brings")
{
	needs();
	struct bundle b;
	char *hook = format("%s/hook", test_dir());

	file_write(hook,
		   "#!/bin/sh -e\nPATH=/usr/sbin:/sbin:/usr/bin:/bin\n"
		   "pid=$(tr -d ' \\n' | sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/')\n"
		   "ip link add out0 type veth peer name net7 netns $pid\n"
		   "ip addr add 10.77.0.1/24 dev out0; ip link set out0 up\n"
		   "nsenter -t $pid -n sh -ec 'ip addr add 10.77.0.2/24 dev net7; ip link set net7 up'\n");
	chmod(hook, 0755);
	bundle_make(&b);
	bundle_config(&b, "{'hooks':{'createRuntime':[{'path':'%s'}]}}", hook);
	bundle_config(&b, "{'process':{'args':['/bin/busybox','sh','-c','busybox ip link; busybox nc -l -p "
			  "80 -e busybox echo hooked']}}");
	char *out;
	bundle_start(&b, &out);
	char *text = fetch(AF_INET, 80);
	MUST_SAY(!strcmp(text, "hooked\n"), "%s", text);
	MUST(bundle_wait_status(&b, "stopped"));
	text = file_text(out);
	/* A machine gets more cards than one in hope, and lets go of those that are not needed, whatever their name. */
	char *one = strstr(text, "link/ether");
	MUST_SAY(strstr(text, "net7") && one && !strstr(one + 1, "link/ether"), "one device and no other: %s", text);
}

RUN_TEST(between, "a device that comes between create and start")
{
	needs();
	struct bundle b;
	char *out;

	bundle_make(&b);
	bundle_config(
	    &b, "{'process':{'args':['/bin/busybox','sh','-c','busybox nc -l -p 80 -e busybox echo late']}}");
	bundle_create(&b, &out);
	must_ip(format("ip link add out0 type veth peer name eth0 netns %d\n"
		       "ip addr add 10.77.0.1/24 dev out0; ip link set out0 up\n"
		       "nsenter -t %d -n sh -ec 'ip addr add 10.77.0.2/24 dev eth0; ip link set eth0 up'",
		       bundle_pid(&b), bundle_pid(&b)));
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	char *text = fetch(AF_INET, 80);
	MUST_SAY(!strcmp(text, "late\n"), "%s", text);
}

RUN_TEST(alone, "a namespace of its own without a device: loopback, which works, and nothing else")
{
	needs();
	struct bundle b;

	bundle_make(&b);
	bundle_config(&b, "{'process':{'args':['/bin/busybox','sh','-c','busybox ip -o link; "
			  "busybox nc -l -p 80 -e busybox echo to myself & "
			  "until busybox nc 127.0.0.1 80 2>/dev/null; do busybox usleep 100000; done']}}");
	struct result r = bundle_run(&b);
	must_succeed(&r);
	must_print(&r, "to myself");
	MUST_SAY(strstr(r.out, "lo: <LOOPBACK,UP"), "%s", r.out);
	MUST_SAY(!strstr(r.out, "eth0") && !strstr(r.out, "card"), "%s", r.out);
}

RUN_TEST(taken, "the device of a machine that runs is nobody else's")
{
	if (!in_vm())
		test_skip("namespaces share a network");
	needs();
	pid_t holder = make_namespace(CLONE_NEWNET);
	struct bundle one, two;

	make_joined(&one, holder, "busybox nc -l -p 80 -e busybox echo still there");
	bundle_start(&one, NULL);
	make_joined(&two, holder, "exit 0");
	struct result r = bundle_run(&two);
	must_fail(&r, "eth0");
	must_leave_nothing(&two);
	char *text = fetch(AF_INET, 80);
	MUST_SAY(!strcmp(text, "still there\n"), "%s", text);
	end_namespace(holder);
}

/* As rootless Podman calls us: as root of a user namespace, to which the network namespace we stand in does not belong. */
RUN_TEST(rootless_engine, "delete takes the cables from a namespace without a word, also where there is no way back from it")
{
	if (!in_vm())
		test_skip("is about the cables of virtual machines");
	needs();
	pid_t holder = make_namespace(CLONE_NEWNET | CLONE_NEWUSER);
	struct bundle b;

	file_write(format("/proc/%d/uid_map", holder), "0 0 4294967295");
	file_write(format("/proc/%d/gid_map", holder), "0 0 4294967295");
	make_joined(&b, holder, "busybox nc -l -p 80 -e busybox echo rootless");
	bundle_config(&b, "{'linux':{'resources':null}}");
	int users = open(format("/proc/%d/ns/user", holder), O_RDONLY | O_CLOEXEC);
	MUST(users >= 0 && setns(users, CLONE_NEWUSER) == 0);
	bundle_start(&b, NULL);
	char *text = fetch(AF_INET, 80);
	MUST_SAY(!strcmp(text, "rootless\n"), "%s", text);
	MUST(bundle_wait_status(&b, "stopped"));
	struct result r = nacre("delete", b.id, NULL);
	must_succeed(&r);
	MUST_SAY(!*r.err, "%s", r.err);
	int refused = try_connect(AF_INET, 80);
	MUST_SAY(refused == -ECONNREFUSED, "%s", strerror(-refused));
	end_namespace(holder);
}
