/* test_link.c: loopback, and devices moved between network namespaces that the test makes for itself. */
#include "net/link.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "net/netlink.h"

TestSuite(link, .timeout = 100);

enum { SKIP = 77 };
#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, err.msg);                 \
			return 1;                                                                            \
		}                                                                                            \
	} while (0)

static struct error err;

/* In a child, in a fresh network namespace. */
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
		cr_skip_test("no right to make a network namespace, no veth devices, or no IPv6");
	cr_assert_eq(WEXITSTATUS(status), 0);
}

static int flags_of(const char *name)
{
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {0};

	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	return ioctl(fd, SIOCGIFFLAGS, &r) < 0 ? -1 : (unsigned short)r.ifr_flags;
}

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int loopback(void)
{
	int before = count_descriptors();

	MUST(!(flags_of("lo") & IFF_UP));
	MUST(link_loopback_up(&err) == 0);
	MUST(flags_of("lo") & IFF_UP);
	MUST(link_loopback_up(&err) == 0);
	MUST(count_descriptors() == before);
	return 0;
}

Test(link, loopback_comes_up)
{
	in_namespace(loopback);
}

static int loopback_forbidden(void)
{
	MUST(setuid(65534) == 0);
	MUST(link_loopback_up(&err) == -EPERM && strstr(err.msg, "lo"));
	MUST(!(flags_of("lo") & IFF_UP));
	return 0;
}

Test(link, loopback_needs_the_right)
{
	in_namespace(loopback_forbidden);
}

/* A pair of veth devices, a and b, in the current namespace. */
static int make_pair(const char *a, const char *b)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	struct netlink nl = NETLINK_NONE;
	struct request q;
	size_t one, two, three;
	int r;

	request_begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	request_put_text(&q, IFLA_IFNAME, a);
	one = request_nest(&q, IFLA_LINKINFO);
	request_put_text(&q, IFLA_INFO_KIND, "veth");
	two = request_nest(&q, IFLA_INFO_DATA);
	three = request_nest(&q, VETH_INFO_PEER);
	/* A header stands before the peer's attributes: as an attribute without its own header it is put by
	 * hand. */
	struct nlmsghdr *h = (struct nlmsghdr *)q.space;
	memcpy(q.space + h->nlmsg_len, &info, sizeof(info));
	h->nlmsg_len += sizeof(info);
	request_put_text(&q, IFLA_IFNAME, b);
	request_unnest(&q, three);
	request_unnest(&q, two);
	request_unnest(&q, one);
	r = netlink_open(&nl, &err);
	if (r == 0)
		r = netlink_ask(&nl, &q, NULL, NULL, &err);
	netlink_close(&nl);
	return r;
}

static int add_address(const char *name, int family, const char *text, uint8_t prefix, uint8_t scope,
		       uint32_t lifetime)
{
	struct ifaddrmsg info = {.ifa_family = (uint8_t)family,
				 .ifa_prefixlen = prefix,
				 .ifa_scope = scope,
				 .ifa_index = if_nametoindex(name)};
	struct ifa_cacheinfo cache = {.ifa_prefered = lifetime, .ifa_valid = lifetime};
	struct netlink nl = NETLINK_NONE;
	unsigned char address[16];
	struct request q;
	int r;

	inet_pton(family, text, address);
	request_begin(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	request_put(&q, IFA_LOCAL, address, family == AF_INET ? 4 : 16);
	request_put(&q, IFA_ADDRESS, address, family == AF_INET ? 4 : 16);
	if (lifetime)
		request_put(&q, IFA_CACHEINFO, &cache, sizeof(cache));
	r = netlink_open(&nl, &err);
	if (r == 0)
		r = netlink_ask(&nl, &q, NULL, NULL, &err);
	netlink_close(&nl);
	return r;
}

struct search {
	unsigned index;
	char found[1024];
};

static int hear(void *data, const struct nlmsghdr *message, struct error *e)
{
	const struct ifaddrmsg *info = NLMSG_DATA(message);
	const struct nlattr *table[IFA_FLAGS + 1];
	struct search *search = data;
	char text[64];
	size_t len;

	netlink_attributes(message, sizeof(*info), table, IFA_FLAGS);
	if (info->ifa_index != search->index || !table[IFA_ADDRESS])
		return 0;
	inet_ntop(info->ifa_family, attribute_data(table[table[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS], &len),
		  text, sizeof(text));
	snprintf(search->found + strlen(search->found), sizeof(search->found) - strlen(search->found),
		 "%s/%d ", text, info->ifa_prefixlen);
	return 0;
}

/* "192.0.2.1/24 2001:db8::1/64 ": a device's addresses. */
static const char *addresses_of(const char *name)
{
	static struct search search;
	struct ifaddrmsg info = {.ifa_family = AF_UNSPEC};
	struct netlink nl = NETLINK_NONE;
	struct request q;

	search = (struct search){.index = if_nametoindex(name)};
	request_begin(&q, RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
	if (netlink_open(&nl, &err) == 0)
		netlink_ask(&nl, &q, hear, &search, &err);
	netlink_close(&nl);
	return search.found;
}

static int own_namespace(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Here: the outer one, with the pair host0 and host1. `*outer` and `*inner` are the namespaces. */
static int make_scene(int *outer, int *inner)
{
	*outer = own_namespace();
	if (unshare(CLONE_NEWNET) < 0)
		return SKIP;
	*inner = own_namespace();
	MUST(setns(*outer, CLONE_NEWNET) == 0);
	return make_pair("host0", "host1") < 0 ? SKIP : 0;
}

static bool same_namespace(int a, int b)
{
	struct stat one, two;

	return fstat(a, &one) == 0 && fstat(b, &two) == 0 && one.st_ino == two.st_ino;
}

static int moves(void)
{
	int outer, inner, before, r = make_scene(&outer, &inner);

	if (r)
		return r;
	MUST(add_address("host0", AF_INET, "192.0.2.7", 24, RT_SCOPE_UNIVERSE, 0) == 0);
	MUST(add_address("host0", AF_INET, "198.51.100.7", 32, RT_SCOPE_UNIVERSE, 0) == 0);
	MUST(add_address("host0", AF_INET6, "2001:db8::7", 64, RT_SCOPE_UNIVERSE, 0) == 0);
	MUST(add_address("host0", AF_INET, "169.254.9.9", 16, RT_SCOPE_LINK, 0) == 0);
	MUST(add_address("host0", AF_INET6, "2001:db8::99", 64, RT_SCOPE_UNIVERSE, 600) == 0);
	MUST(add_address("host1", AF_INET, "203.0.113.1", 24, RT_SCOPE_UNIVERSE, 0) == 0);
	before = count_descriptors();
	MUST(link_move("host0", inner, "eth0", &err) == 0);
	MUST(count_descriptors() == before);
	MUST(same_namespace(outer, own_namespace()));
	MUST(flags_of("host0") < 0 && flags_of("eth0") < 0 && flags_of("host1") >= 0);
	MUST(setns(inner, CLONE_NEWNET) == 0);
	MUST(flags_of("host0") < 0 && (flags_of("eth0") & IFF_UP));
	const char *a = addresses_of("eth0");
	MUST(strstr(a, "192.0.2.7/24 ") && strstr(a, "198.51.100.7/32 ") && strstr(a, "2001:db8::7/64 "));
	MUST(!strstr(a, "169.254.9.9") && !strstr(a, "2001:db8::99") && !strstr(a, "203.0.113.1"));
	return 0;
}

Test(link, moves_with_addresses_and_a_new_name)
{
	in_namespace(moves);
}

static int keeps_name(void)
{
	int outer, inner, r = make_scene(&outer, &inner);

	if (r)
		return r;
	MUST(link_move("host0", inner, NULL, &err) == 0);
	MUST(link_move("host1", inner, "", &err) == 0);
	MUST(setns(inner, CLONE_NEWNET) == 0);
	MUST((flags_of("host0") & IFF_UP) && (flags_of("host1") & IFF_UP));
	return 0;
}

Test(link, keeps_its_name_where_none_is_given)
{
	in_namespace(keeps_name);
}

/* The old name is taken inside, the new one isn't. */
static int old_name_taken(void)
{
	int outer, inner, r = make_scene(&outer, &inner);

	if (r)
		return r;
	MUST(setns(inner, CLONE_NEWNET) == 0 && make_pair("host0", "x") == 0 &&
	     setns(outer, CLONE_NEWNET) == 0);
	MUST(link_move("host0", inner, "eth0", &err) == 0);
	MUST(setns(inner, CLONE_NEWNET) == 0);
	MUST((flags_of("eth0") & IFF_UP) && !(flags_of("host0") & IFF_UP));
	return 0;
}

Test(link, moves_where_its_old_name_is_taken)
{
	in_namespace(old_name_taken);
}

static int name_taken(void)
{
	int outer, inner, r = make_scene(&outer, &inner);

	if (r)
		return r;
	MUST(setns(inner, CLONE_NEWNET) == 0 && make_pair("eth0", "x") == 0 &&
	     setns(outer, CLONE_NEWNET) == 0);
	MUST(add_address("host0", AF_INET, "192.0.2.7", 24, RT_SCOPE_UNIVERSE, 0) == 0);
	MUST(link_move("host0", inner, "eth0", &err) == -EEXIST);
	MUST(strstr(err.msg, "move network device host0") && strstr(err.msg, "eth0"));
	/* Nothing was touched. */
	MUST(flags_of("host0") >= 0 && strstr(addresses_of("host0"), "192.0.2.7/24"));
	MUST(setns(inner, CLONE_NEWNET) == 0);
	MUST(flags_of("host0") < 0);
	return 0;
}

Test(link, refuses_a_name_that_is_taken)
{
	in_namespace(name_taken);
}

static int template(void)
{
	int outer, inner, r = make_scene(&outer, &inner);

	if (r)
		return r;
	MUST(setns(inner, CLONE_NEWNET) == 0 && make_pair("eth0", "x") == 0 &&
	     setns(outer, CLONE_NEWNET) == 0);
	MUST(link_move("host0", inner, "eth%d", &err) == 0);
	MUST(link_move("host1", inner, "eth%d", &err) == 0);
	MUST(setns(inner, CLONE_NEWNET) == 0);
	MUST((flags_of("eth1") & IFF_UP) && (flags_of("eth2") & IFF_UP));
	return 0;
}

Test(link, fills_a_template_in)
{
	in_namespace(template);
}

static int bad_names(void)
{
	static const char *const names[] = {
	    "",	  ".",	 "..",	   "a/b", "a:b", "a b", "a\tb", "a\nb", "sixteen-letters-",
	    "%d", "a%s", "a%dz%d", "a%"};
	int outer, inner, before, r = make_scene(&outer, &inner);

	if (r)
		return r;
	before = count_descriptors();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		MUST(link_move(names[i], inner, "eth0", &err) == -EINVAL);
		if (strcmp(names[i], "") && strcmp(names[i], "%d"))
			MUST(link_move("host0", inner, names[i], &err) == -EINVAL);
	}
	MUST(link_move("nobody", inner, "eth0", &err) == -ENODEV && strstr(err.msg, "nobody"));
	MUST(link_move("lo", inner, "lo7", &err) == -EINVAL);
	MUST(link_move("host0", -1, "eth0", &err) == -EBADF);
	MUST(link_move("host0", open("/dev/null", O_RDONLY | O_CLOEXEC), "eth0", &err) == -EINVAL);
	MUST(count_descriptors() == before + 1);
	MUST(flags_of("host0") >= 0 && same_namespace(outer, own_namespace()));
	return 0;
}

Test(link, refuses_bad_names_and_namespaces)
{
	in_namespace(bad_names);
}

static int comes_back(void)
{
	int outer, inner, r = make_scene(&outer, &inner);
	auto_close int off = -EBADF;

	if (r)
		return r;
	MUST(add_address("host0", AF_INET, "192.0.2.7", 24, RT_SCOPE_UNIVERSE, 0) == 0);
	MUST(add_address("host0", AF_INET6, "2001:db8::7", 64, RT_SCOPE_UNIVERSE, 0) == 0);
	/* IPv6 is switched off inside: its address cannot be had there. */
	MUST(setns(inner, CLONE_NEWNET) == 0);
	off = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (off < 0 || write(off, "1", 1) != 1)
		return SKIP;
	MUST(setns(outer, CLONE_NEWNET) == 0);
	MUST(link_move("host0", inner, "eth0", &err) < 0);
	MUST(strstr(err.msg, "move network device host0: add its address number 2: "));
	MUST(flags_of("host0") >= 0 && flags_of("eth0") < 0);
	MUST(strstr(addresses_of("host0"), "192.0.2.7/24") &&
	     strstr(addresses_of("host0"), "2001:db8::7/64"));
	MUST(setns(inner, CLONE_NEWNET) == 0);
	MUST(flags_of("host0") < 0 && flags_of("eth0") < 0);
	return 0;
}

Test(link, comes_back_where_it_cannot_settle)
{
	in_namespace(comes_back);
}
