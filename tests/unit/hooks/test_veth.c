/* test_veth.c: the hook program veth, run as a hook against a process in a network namespace of its own. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "hooks/hook.h"
#include "net/device.h"

TestSuite(veth, .timeout = 100);

enum { SKIP = 77 };

static struct error err;
static char program[PATH_MAX];

static int make_bridge(void)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	struct netlink nl = NETLINK_NONE;
	struct request q;
	size_t nest;
	int r = netlink_open(&nl, &err);

	request_begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	request_put_text(&q, IFLA_IFNAME, "br7");
	nest = request_nest(&q, IFLA_LINKINFO);
	request_put_text(&q, IFLA_INFO_KIND, "bridge");
	request_unnest(&q, nest);
	if (r == 0)
		r = netlink_ask(&nl, &q, NULL, NULL, &err);
	netlink_close(&nl);
	return r;
}

/* A process that waits to be killed, in a network namespace of its own if so asked. */
static pid_t start_container(bool own)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (own && unshare(CLONE_NEWNET) < 0)
			_exit(1);
		if (write(ready[1], "", 1) != 1)
			_exit(2);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

static int run_veth(pid_t pid, int n, char **args)
{
	struct oci_hook hook = {
	    .path = program, .args = {args, (size_t)n}
	      };
	struct oci_hooks hooks = {
	    .create_runtime = {&hook, 1}
	};
	char json[128];

	snprintf(
	    json, sizeof(json),
	    "{\"ociVersion\":\"1.3.0\",\"id\":\"x\",\"status\":\"creating\",\"pid\":%d,\"bundle\":\"/\"}",
	    pid);
	return hook_run_list(&hooks, HOOK_CREATE_RUNTIME, json, NULL, false, &err);
}

static bool has_device(pid_t pid, const char *name)
{
	struct netlink host = NETLINK_NONE, inside = NETLINK_NONE;
	struct device device = {0};
	char path[64];
	int own = -1, netns;
	bool up;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	up = netlink_open(&host, &err) == 0 && netlink_open_inside(&host, netns, &inside, &own, &err) == 0 &&
	     device_find(&inside, name, &device, &err) == 0 && (device.flags & IFF_UP);
	netlink_close(&inside);
	netlink_close(&host);
	close(own);
	close(netns);
	return up;
}

#define ARGS(...)                                                                                            \
	(char *[])                                                                                           \
	{                                                                                                    \
		(char *)"veth", __VA_ARGS__, NULL                                                            \
	}
#define A(text) ((char *)text)
#define EXPECT(condition)                                                                                    \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, err.msg);                 \
			bad = 1;                                                                             \
		}                                                                                            \
	} while (0)

static int look(void)
{
	pid_t pid, same;
	int bad = 0;

	if (unshare(CLONE_NEWNET) < 0 || make_bridge() < 0)
		return SKIP;
	pid = start_container(true);
	same = start_container(false);
	EXPECT(pid > 0 && same > 0);
	EXPECT(run_veth(pid, 3, ARGS(A("--bridge"), A("br8"))) < 0 && strstr(err.msg, "br8"));
	EXPECT(run_veth(pid, 1, ARGS(NULL)) < 0 && strstr(err.msg, "--bridge"));
	EXPECT(run_veth(pid, 4, ARGS(A("--bridge"), A("br7"), A("more"))) < 0 && strstr(err.msg, "more"));
	EXPECT(run_veth(pid, 4, ARGS(A("--bridge"), A("br7"), A("--what"))) < 0 && strstr(err.msg, "--what"));
	EXPECT(run_veth(pid, 2, ARGS(A("--bridge"))) < 0 && strstr(err.msg, "--bridge"));
	EXPECT(run_veth(pid, 5, ARGS(A("--bridge"), A("br7"), A("--address"), A("10.0.0.2"))) < 0 &&
	       strstr(err.msg, "--address"));
	EXPECT(run_veth(pid, 5, ARGS(A("--bridge"), A("br7"), A("--gateway"), A("me"))) < 0 &&
	       strstr(err.msg, "--gateway"));
	EXPECT(run_veth(0, 3, ARGS(A("--bridge"), A("br7"))) < 0 && strstr(err.msg, "no process"));
	EXPECT(run_veth(same, 3, ARGS(A("--bridge"), A("br7"))) < 0 &&
	       strstr(err.msg, "network namespace of its own"));
	EXPECT(!has_device(pid, "eth0"));
	EXPECT(run_veth(pid, 7,
			ARGS(A("--bridge"), A("br7"), A("--address"), A("10.0.0.2/24"), A("--gateway"),
			     A("10.0.0.1"))) == 0);
	EXPECT(has_device(pid, "eth0") && has_device(pid, "lo"));
	if (pid > 0)
		kill(pid, SIGKILL);
	if (same > 0)
		kill(same, SIGKILL);
	return bad;
}

Test(veth, joins_a_container_to_a_bridge)
{
	pid_t pid;
	int status;

	/* Tests are run in the folder of the build. */
	cr_assert_not_null(realpath("hooks/veth", program), "hooks/veth has not been built");
	pid = fork();
	if (pid == 0)
		_exit(look());
	waitpid(pid, &status, 0);
	cr_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIP)
		cr_skip_test("no right to make a network namespace, or no bridge devices");
	cr_assert_eq(WEXITSTATUS(status), 0);
}
