/* test_bridge.c: a namespace joined to a bridge, in namespaces of the test's own. */
#include "net/bridge.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"

TestSuite(bridge, .timeout = 100);

enum { SKIP = 77 };
#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, err.msg);                 \
			return 1;                                                                            \
		}                                                                                            \
	} while (0)

static struct error err;

static void in_namespace(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0)
			_exit(SKIP);
		_exit(fn());
	}
	waitpid(pid, &status, 0);
	cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == SKIP)
		cr_skip_test("no right to make a network namespace, or no bridge devices");
	cr_assert_eq(WEXITSTATUS(status), 0);
}

/* Outside: the bridge br7. */
static int make_scene(struct netlink *outside, struct netlink *inside, int *inner)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	struct request q;
	size_t nest;
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	MUST(netlink_open(outside, &err) == 0);
	request_begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	request_put_text(&q, IFLA_IFNAME, "br7");
	nest = request_nest(&q, IFLA_LINKINFO);
	request_put_text(&q, IFLA_INFO_KIND, "bridge");
	request_unnest(&q, nest);
	if (netlink_ask(outside, &q, NULL, NULL, &err) < 0 || unshare(CLONE_NEWNET) < 0)
		return SKIP;
	*inner = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	MUST(netlink_open(inside, &err) == 0 && setns(own, CLONE_NEWNET) == 0);
	close(own);
	return 0;
}

/* Counts messages that carry this attribute with this value. */
struct search {
	uint16_t type;
	size_t header;
	const void *value;
	size_t len;
	int found;
};

static int hear(void *data, const struct nlmsghdr *message, struct error *e)
{
	struct search *s = data;
	const struct nlattr *table[IFLA_MASTER + 1];
	size_t len;

	netlink_attributes(message, s->header, table, IFLA_MASTER);
	if (table[s->type] && !memcmp(attribute_data(table[s->type], &len), s->value, s->len) &&
	    len == s->len)
		s->found++;
	return 0;
}

static int count(struct netlink *nl, uint16_t question, size_t header, uint16_t type, const void *value,
		 size_t len)
{
	char zero[sizeof(struct ifinfomsg)] = "";
	struct search s = {type, header, value, len, 0};
	struct request q;

	request_begin(&q, question, NLM_F_DUMP, zero, header);
	return netlink_ask(nl, &q, hear, &s, &err) < 0 ? -1 : s.found;
}

static int joins(const char *address_text, const char *gateway_text)
{
	struct netlink outside = NETLINK_NONE, inside = NETLINK_NONE;
	struct bridge_request b = {.bridge = "br7", .outer = "veth12", .inner = "eth0"};
	struct address address, gateway;
	struct device device, bridge;
	int inner, r = make_scene(&outside, &inside, &inner);

	if (r)
		return r;
	MUST(address_parse(address_text, &address, &err) == 0 &&
	     address_parse(gateway_text, &gateway, &err) == 0);
	b.address = &address;
	b.gateway = &gateway;
	MUST(bridge_join(&b, inner, &err) == 0);
	MUST(device_find(&outside, "veth12", &device, &err) == 0 && (device.flags & IFF_UP));
	MUST(device_find(&outside, "eth0", &device, NULL) == -ENODEV);
	MUST(device_find(&outside, "br7", &bridge, &err) == 0);
	MUST(count(&outside, RTM_GETLINK, sizeof(struct ifinfomsg), IFLA_MASTER, &bridge.index, 4) == 1);
	MUST(device_find(&inside, "eth0", &device, &err) == 0 && (device.flags & IFF_UP));
	MUST(count(&inside, RTM_GETADDR, sizeof(struct ifaddrmsg), IFA_ADDRESS, address.local,
		   address.local_len) == 1);
	MUST(count(&inside, RTM_GETROUTE, sizeof(struct rtmsg), RTA_GATEWAY, gateway.local,
		   gateway.local_len) == 1);
	MUST(device_find(&inside, "lo", &device, &err) == 0 && (device.flags & IFF_UP));
	/* A second time: the name is taken, and what is there stays. */
	MUST(bridge_join(&b, inner, &err) == -EEXIST && strstr(err.msg, "veth12"));
	MUST(device_find(&outside, "veth12", &device, &err) == 0);
	return 0;
}

static int joins_4(void)
{
	return joins("10.1.2.3/24", "10.1.2.1/32");
}
static int joins_6(void)
{
	return joins("2001:db8::3/64", "2001:db8::1/128");
}

Test(bridge, joins_by_ipv4)
{
	in_namespace(joins_4);
}
Test(bridge, joins_by_ipv6)
{
	in_namespace(joins_6);
}

static int plain(void)
{
	struct netlink outside = NETLINK_NONE, inside = NETLINK_NONE;
	struct bridge_request b = {.bridge = "br7", .outer = "veth12", .inner = "net0"};
	struct device device;
	int inner, r = make_scene(&outside, &inside, &inner);

	if (r)
		return r;
	MUST(bridge_join(&b, inner, &err) == 0);
	MUST(device_find(&inside, "net0", &device, &err) == 0 && (device.flags & IFF_UP));
	return 0;
}

Test(bridge, needs_no_address)
{
	in_namespace(plain);
}

static int failures(void)
{
	struct netlink outside = NETLINK_NONE, inside = NETLINK_NONE;
	struct bridge_request b = {.bridge = "br7", .outer = "veth12", .inner = "eth0"};
	struct address address, far, six;
	struct device device;
	int inner, r = make_scene(&outside, &inside, &inner);

	if (r)
		return r;
	MUST(address_parse("10.1.2.3/24", &address, &err) == 0 &&
	     address_parse("10.9.9.9/32", &far, &err) == 0);
	MUST(address_parse("2001:db8::1/128", &six, &err) == 0);
	b.address = &address;
	b.gateway = &six;
	MUST(bridge_join(&b, inner, &err) == -EINVAL);
	/* Out of reach: found only after everything else was made. */
	b.gateway = &far;
	MUST(bridge_join(&b, inner, &err) == -ENETUNREACH && strstr(err.msg, "default route"));
	MUST(device_find(&outside, "veth12", &device, NULL) == -ENODEV);
	MUST(device_find(&inside, "eth0", &device, NULL) == -ENODEV);
	b.gateway = NULL;
	b.bridge = "br8";
	MUST(bridge_join(&b, inner, &err) == -ENODEV && strstr(err.msg, "br8"));
	b.bridge = "lo";
	MUST(bridge_join(&b, inner, &err) < 0);
	MUST(device_find(&outside, "veth12", &device, NULL) == -ENODEV);
	b.bridge = "br7";
	b.inner = "lo";
	MUST(bridge_join(&b, inner, &err) == -EEXIST);
	b.inner = "a/b";
	MUST(bridge_join(&b, inner, &err) == -EINVAL && strstr(err.msg, "a/b"));
	b.inner = "eth%d";
	MUST(bridge_join(&b, inner, &err) == -EINVAL);
	return 0;
}

Test(bridge, leaves_nothing_behind)
{
	in_namespace(failures);
}

Test(address, reads_what_is_one)
{
	static const char *const bad[] = {"",
					  "10.0.0.1",
					  "10.0.0.1/",
					  "10.0.0.1/33",
					  "10.0.0.1/0",
					  "10.0.0/8",
					  "10.0.0.1/-1",
					  "10.0.0.1/ 8",
					  "10.0.0.256/8",
					  "::1/129",
					  "::g/64",
					  "/24",
					  "a.b.c.d/8",
					  "10.0.0.1/8/8",
					  "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/64"};
	struct address a = {.family = 99};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_expect_eq(address_parse(bad[i], &a, &err), -EINVAL, "%s", bad[i]);
		cr_expect_eq(a.family, 99);
	}
	cr_expect_eq(address_parse("192.0.2.7/24", &a, &err), 0);
	cr_expect(a.family == AF_INET && a.prefix == 24 && a.local_len == 4 &&
		  !memcmp(a.local, "\300\0\2\7", 4));
	cr_expect_eq(address_parse("2001:db8::/128", &a, &err), 0);
	cr_expect(a.family == AF_INET6 && a.prefix == 128 && a.local_len == 16 && a.local[1] == 1 &&
		  a.local[3] == 0xb8);
}
