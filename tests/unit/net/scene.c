/* scene.c: see scene.h. */
#include "scene.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "net/bridge.h"
#include "net/device.h"

struct error scene_error;

void scene_run(int (*fn)(void), const char *reason_to_skip)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0)
			_exit(SCENE_SKIP);
		_exit(fn());
	}
	waitpid(pid, &status, 0);
	cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == SCENE_SKIP)
		cr_skip_test("%s", reason_to_skip);
	cr_assert_eq(WEXITSTATUS(status), 0);
}

static int here(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

int scene_socket(int namespace, int family, int type)
{
	auto_close int before = here();
	int s;

	if (setns(namespace, CLONE_NEWNET) < 0)
		return -1;
	s = socket(family, type | SOCK_CLOEXEC, 0);
	return setns(before, CLONE_NEWNET) < 0 ? -1 : s;
}

int scene_add_device(struct netlink *nl, const char *name, const char *kind)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	struct request q;
	size_t nest;

	request_begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	request_put_text(&q, IFLA_IFNAME, name);
	nest = request_nest(&q, IFLA_LINKINFO);
	request_put_text(&q, IFLA_INFO_KIND, kind);
	request_unnest(&q, nest);
	return netlink_ask(nl, &q, NULL, NULL, &scene_error);
}

int scene_index(struct netlink *nl, const char *device)
{
	struct device d;

	return device_find(nl, device, &d, &scene_error) < 0 ? -1 : d.index;
}

int scene_add_address(struct netlink *nl, const char *device, const char *address)
{
	struct address a;
	int index = scene_index(nl, device);
	int r = index < 0 ? -ENODEV : address_parse(address, &a, &scene_error);

	if (r == 0 && a.family == AF_INET6)
		a.flags = IFA_F_NODAD;
	return r < 0 ? r : device_add_address(nl, index, &a, &scene_error);
}

int scene_make(struct scene *s)
{
	struct bridge_request b = {.bridge = "br7", .outer = "veth12", .inner = "eth0"};
	struct address address, gateway;

	s->outside = here();
	MUST(netlink_open(&s->out, &scene_error) == 0);
	if (scene_add_device(&s->out, "br7", "bridge") < 0 || unshare(CLONE_NEWNET) < 0)
		return SCENE_SKIP;
	s->inside = here();
	MUST(netlink_open(&s->in, &scene_error) == 0 && setns(s->outside, CLONE_NEWNET) == 0);
	MUST(address_parse("10.1.2.3/24", &address, &scene_error) == 0);
	MUST(address_parse("10.1.2.1/32", &gateway, &scene_error) == 0);
	b.address = &address;
	b.gateway = &gateway;
	MUST(bridge_join(&b, s->inside, &scene_error) == 0);
	MUST(scene_add_address(&s->out, "br7", "10.1.2.1/24") == 0);
	MUST(scene_add_address(&s->out, "br7", "2001:db8::1/64") == 0);
	MUST(device_set_up(&s->out, scene_index(&s->out, "br7"), &scene_error) == 0);
	MUST(scene_add_address(&s->in, "eth0", "2001:db8::3/64") == 0);
	MUST(setns(s->inside, CLONE_NEWNET) == 0);
	return 0;
}
