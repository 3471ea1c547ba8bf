/* test_survey.c: a namespace's network as it is found, and as it comes out on the guest's side. */
#include "net/survey.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "net/adopt.h"
#include "net/device.h"
#include "net/link.h"
#include "net/tap.h"
#include "scene.h"

TestSuite(survey, .timeout = 130);
TestSuite(adopt, .timeout = 130);

#define LACKS "no right to make a network namespace, or no bridge and veth devices, or no /dev/net/tun"

static int change_link(struct netlink *nl, int index, uint16_t type, const void *value, size_t len)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct request q;

	request_begin(&q, RTM_NEWLINK, 0, &info, sizeof(info));
	request_put(&q, type, value, len);
	return netlink_ask(nl, &q, NULL, NULL, &scene_error);
}

/* A route with what of `more` is set. */
struct more {
	uint8_t type, flags;
	int index;
	const char *gateway, *source;
	uint32_t priority, mtu;
	bool twice;
};

static int add_route(struct netlink *nl, uint8_t family, const char *to, const struct more *more)
{
	struct rtmsg info = {.rtm_family = family,
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = RTPROT_STATIC,
			     .rtm_scope = more->gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
			     .rtm_type = more->type ? more->type : RTN_UNICAST,
			     .rtm_flags = more->flags};
	struct address a;
	struct request q;
	size_t nest;

	if (address_parse(to, &a, &scene_error) < 0)
		return -1;
	info.rtm_dst_len = a.prefix;
	request_begin(&q, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	request_put(&q, RTA_DST, a.local, a.local_len);
	if (more->index)
		request_put_u32(&q, RTA_OIF, (uint32_t)more->index);
	if (more->gateway) {
		address_parse(more->gateway, &a, &scene_error);
		if (a.family == family) {
			request_put(&q, RTA_GATEWAY, a.local, a.local_len);
		} else {
			uint8_t via[18] = {a.family};

			memcpy(via + 2, a.local, 16);
			request_put(&q, RTA_VIA, via, sizeof(via));
		}
	}
	if (more->source) {
		address_parse(more->source, &a, &scene_error);
		request_put(&q, RTA_PREFSRC, a.local, a.local_len);
	}
	if (more->priority)
		request_put_u32(&q, RTA_PRIORITY, more->priority);
	if (more->mtu) {
		nest = request_nest(&q, RTA_METRICS);
		request_put_u32(&q, RTAX_MTU, more->mtu);
		request_unnest(&q, nest);
	}
	if (more->twice) {
		struct rtnexthop hops[2] = {
		    {.rtnh_len = sizeof(*hops),	.rtnh_ifindex = more->index},
		    { .rtnh_len = sizeof(*hops), .rtnh_ifindex = more->index,		     .rtnh_hops = 1},
		};

		request_put(&q, RTA_MULTIPATH, hops, sizeof(hops));
	}
	return netlink_ask(nl, &q, NULL, NULL, &scene_error);
}

static int add_neighbour(struct netlink *nl, int index, const char *address, uint16_t state)
{
	struct ndmsg info = {.ndm_family = strchr(address, ':') ? AF_INET6 : AF_INET,
			     .ndm_ifindex = index,
			     .ndm_state = state};
	struct address a;
	struct request q;

	if (address_parse(address, &a, &scene_error) < 0)
		return -1;
	request_begin(&q, RTM_NEWNEIGH, NLM_F_CREATE, &info, sizeof(info));
	request_put(&q, NDA_DST, a.local, a.local_len);
	request_put(&q, NDA_LLADDR, "\2\1\2\3\4\5", 6);
	return netlink_ask(nl, &q, NULL, NULL, &scene_error);
}

/* A network with one of everything that a guest takes over. */
static int furnish(struct scene *s)
{
	struct netlink *nl = &s->in;
	int eth0 = scene_index(nl, "eth0");
	uint32_t mtu = 1400;

	MUST(change_link(nl, eth0, IFLA_MTU, &mtu, sizeof(mtu)) == 0);
	MUST(scene_add_address(nl, "eth0", "10.1.2.4/24") == 0);
	MUST(scene_add_address(nl, "eth0", "10.9.0.1/32") == 0);
	MUST(scene_add_address(nl, "eth0", "fe80::77/64") == 0);
	MUST(scene_add_address(nl, "lo", "10.8.0.1/32") == 0);
	MUST(add_route(nl, AF_INET, "10.20.0.0/16",
		       &(struct more){.gateway = "10.1.2.1/32", .priority = 50, .mtu = 1300}) == 0);
	MUST(add_route(nl, AF_INET, "10.21.0.0/16", &(struct more){.index = eth0, .source = "10.1.2.4/32"}) ==
	     0);
	MUST(add_route(nl, AF_INET, "10.22.0.0/16", &(struct more){.type = RTN_BLACKHOLE}) == 0);
	MUST(add_route(nl, AF_INET, "10.23.0.0/16",
		       &(struct more){.index = eth0, .gateway = "192.0.2.1/32", .flags = RTNH_F_ONLINK}) ==
	     0);
	MUST(add_route(nl, AF_INET, "10.24.0.0/16",
		       &(struct more){.index = eth0, .gateway = "2001:db8::9/128"}) == 0);
	MUST(add_route(nl, AF_INET6, "2001:db8:1::/64",
		       &(struct more){.index = eth0, .gateway = "fe80::1/128", .priority = 99}) == 0);
	MUST(add_route(nl, AF_INET6, "2001:db8:2::/64", &(struct more){.type = RTN_UNREACHABLE}) == 0);
	MUST(add_neighbour(nl, eth0, "10.1.2.9/32", NUD_PERMANENT) == 0);
	MUST(add_neighbour(nl, eth0, "2001:db8::9/128", NUD_PERMANENT) == 0);
	MUST(add_neighbour(nl, eth0, "10.1.2.10/32", NUD_STALE) == 0);
	return 0;
}

static const struct survey_address *find_address(const struct survey *s, const char *text)
{
	struct address a;

	address_parse(text, &a, &scene_error);
	for (uint32_t i = 0; i < s->n_addresses; i++)
		if (s->addresses[i].family == a.family && s->addresses[i].prefix == a.prefix &&
		    !memcmp(s->addresses[i].peer, a.local, a.local_len))
			return &s->addresses[i];
	return NULL;
}

static const struct survey_route *find_route(const struct survey *s, const char *text)
{
	struct address a;

	address_parse(text, &a, &scene_error);
	for (uint32_t i = 0; i < s->n_routes; i++)
		if (s->routes[i].family == a.family && s->routes[i].prefix == a.prefix &&
		    !memcmp(s->routes[i].to, a.local, a.local_len))
			return &s->routes[i];
	return NULL;
}

static int finds(void)
{
	static struct survey v;
	const struct survey_route *route;
	struct scene s;
	uint8_t mac[6] = {2, 9, 9, 9, 9, 9};
	int r = scene_make(&s);

	if (r)
		return r;
	MUST(change_link(&s.in, scene_index(&s.in, "eth0"), IFLA_ADDRESS, mac, 6) == 0);
	MUST(furnish(&s) == 0);
	MUST(survey_make(&s.in, &v, &scene_error) == 0);
	MUST(v.n_devices == 1 && !strcmp(v.devices[0].name, "eth0") && v.devices[0].mtu == 1400 &&
	     v.devices[0].card == 0);
	MUST(!memcmp(v.devices[0].mac, mac, 6) && v.devices[0].ipv6);
	MUST(find_address(&v, "10.1.2.3/24") && find_address(&v, "10.1.2.4/24") &&
	     find_address(&v, "10.9.0.1/32"));
	MUST(find_address(&v, "2001:db8::3/64") && find_address(&v, "fe80::77/64"));
	MUST(find_address(&v, "10.8.0.1/32") && find_address(&v, "10.8.0.1/32")->device == SURVEY_LOOPBACK);
	MUST(!find_address(&v, "127.0.0.1/8") && !find_address(&v, "::1/128"));
	route = find_route(&v, "10.20.0.0/16");
	MUST(route && route->gateway_family == AF_INET && !memcmp(route->gateway, "\12\1\2\1", 4) &&
	     route->priority == 50 && route->mtu == 1300);
	route = find_route(&v, "10.21.0.0/16");
	MUST(route && !route->gateway_family && route->has_source && route->source[3] == 4);
	route = find_route(&v, "10.22.0.0/16");
	MUST(route && route->type == RTN_BLACKHOLE && route->device == SURVEY_NOWHERE);
	route = find_route(&v, "10.23.0.0/16");
	MUST(route && route->flags == RTNH_F_ONLINK);
	route = find_route(&v, "10.24.0.0/16");
	MUST(route && route->gateway_family == AF_INET6 && route->gateway[15] == 9);
	route = find_route(&v, "2001:db8:1::/64");
	MUST(route && route->gateway_family == AF_INET6 && route->gateway[15] == 1 && route->priority == 99);
	MUST(find_route(&v, "2001:db8:2::/64") &&
	     find_route(&v, "2001:db8:2::/64")->device == SURVEY_NOWHERE);
	MUST(v.n_routes == 8 && !find_route(&v, "10.1.2.0/24"));
	MUST(v.n_neighbours == 2 && !memcmp(v.neighbours[0].mac, "\2\1\2\3\4\5", 6));
	return 0;
}

Test(survey, finds_what_is_there)
{
	scene_run(finds, LACKS);
}

static int empty(void)
{
	static struct survey v;
	struct netlink nl;

	MUST(netlink_open(&nl, &scene_error) == 0);
	MUST(survey_make(&nl, &v, &scene_error) == 0);
	MUST(v.n_devices == 0 && v.n_addresses == 0 && v.n_routes == 0 && v.n_neighbours == 0);
	MUST(link_loopback_up(&scene_error) == 0);
	MUST(survey_make(&nl, &v, &scene_error) == 0);
	MUST(v.n_devices == 0 && v.n_addresses == 0 && v.n_routes == 0 && v.n_neighbours == 0);
	/* And to take that over is nothing. */
	MUST(adopt_survey(&v, &scene_error) == 0);
	return 0;
}

Test(survey, loopback_alone_is_nothing)
{
	scene_run(empty, LACKS);
}

static int bounds(void)
{
	static struct survey v = {.n_devices = 4711};
	struct scene s;
	char text[32];
	int r = scene_make(&s), eth0;

	if (r)
		return r;
	eth0 = scene_index(&s.in, "eth0");
	for (int i = 0; i < SURVEY_ROUTES; i++) {
		snprintf(text, sizeof(text), "10.30.%d.0/24", i);
		MUST(add_route(&s.in, AF_INET, text, &(struct more){.index = eth0}) == 0);
	}
	MUST(survey_make(&s.in, &v, &scene_error) == -E2BIG && strstr(scene_error.msg, "64 routes"));
	for (int i = 0; i < SURVEY_ADDRESSES; i++) {
		snprintf(text, sizeof(text), "10.31.0.%d/32", i);
		MUST(scene_add_address(&s.in, "eth0", text) == 0);
	}
	MUST(survey_make(&s.in, &v, &scene_error) == -E2BIG && strstr(scene_error.msg, "32 addresses"));
	for (int i = 0; i < SURVEY_DEVICES; i++) {
		snprintf(text, sizeof(text), "br%d", i);
		MUST(scene_add_device(&s.in, text, "bridge") == 0);
		MUST(device_set_up(&s.in, scene_index(&s.in, text), &scene_error) == 0);
	}
	MUST(survey_make(&s.in, &v, &scene_error) == -E2BIG && strstr(scene_error.msg, "8 network devices"));
	MUST(v.n_devices == 4711);
	return 0;
}

Test(survey, more_than_there_is_room_for_is_an_error)
{
	scene_run(bounds, LACKS);
}

static int strange(void)
{
	static struct survey v;
	struct scene s;
	int r = scene_make(&s), eth0;

	if (r)
		return r;
	eth0 = scene_index(&s.in, "eth0");
	MUST(add_route(&s.in, AF_INET, "10.40.0.0/16", &(struct more){.index = eth0, .twice = true}) == 0);
	MUST(survey_make(&s.in, &v, &scene_error) == -ENOTSUP && strstr(scene_error.msg, "10.40.0.0/16"));
	return 0;
}

Test(survey, several_gateways_are_an_error)
{
	scene_run(strange, LACKS);
}

/* A device of IP packets: nothing as long as it has no address. */
static int not_ethernet(void)
{
	static struct survey v;
	struct scene s;
	struct ifreq request = {.ifr_name = "tun7", .ifr_flags = IFF_TUN | IFF_NO_PI};
	auto_close int tun = -1;
	int r = scene_make(&s);

	if (r)
		return r;
	tun = tap_open(&scene_error);
	if (tun < 0)
		return SCENE_SKIP;
	MUST(ioctl(tun, TUNSETIFF, &request) == 0);
	MUST(device_set_up(&s.in, scene_index(&s.in, "tun7"), &scene_error) == 0);
	MUST(file_write_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/tun7/disable_ipv6", "1", &scene_error) == 0);
	MUST(survey_make(&s.in, &v, &scene_error) == 0 && v.n_devices == 1);
	MUST(scene_add_address(&s.in, "tun7", "10.60.0.1/32") == 0);
	MUST(survey_make(&s.in, &v, &scene_error) == -ENOTSUP && strstr(scene_error.msg, "tun7"));
	return 0;
}

Test(survey, a_device_of_another_kind_is_an_error_if_it_has_an_address)
{
	scene_run(not_ethernet, LACKS);
}

/* Down, a port of a bridge, a tap of ours. */
static int passed_over(void)
{
	static struct survey v;
	struct scene s;
	auto_close int tun = -1;
	char name[IFNAMSIZ];
	int r = scene_make(&s), bridge;

	if (r)
		return r;
	tun = tap_open(&scene_error);
	if (tun < 0)
		return SCENE_SKIP;
	MUST(tap_make(tun, name, &scene_error) == 0);
	MUST(device_set_up(&s.in, scene_index(&s.in, name), &scene_error) == 0);
	MUST(scene_add_device(&s.in, "down0", "bridge") == 0);
	MUST(survey_make(&s.in, &v, &scene_error) == 0 && v.n_devices == 1);
	MUST(scene_add_device(&s.in, "br0", "bridge") == 0);
	bridge = scene_index(&s.in, "br0");
	MUST(device_set_up(&s.in, bridge, &scene_error) == 0);
	MUST(change_link(&s.in, scene_index(&s.in, "eth0"), IFLA_MASTER, &bridge, sizeof(bridge)) == 0);
	MUST(survey_make(&s.in, &v, &scene_error) == 0);
	MUST(v.n_devices == 1 && !strcmp(v.devices[0].name, "br0"));
	return 0;
}

Test(survey, passes_over_what_is_no_card)
{
	scene_run(passed_over, LACKS);
}

/* --- the guest's side --- */

/* Taps in place of a machine's cards: born with their addresses. They stay as long as the process. */
static int make_cards(struct netlink *nl, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint8_t mac[6];
		char name[IFNAMSIZ];
		int tun = tap_open(&scene_error), index;

		if (tun < 0)
			return SCENE_SKIP;
		MUST(tap_make(tun, name, &scene_error) == 0);
		index = scene_index(nl, name);
		survey_card_mac(i, mac);
		MUST(change_link(nl, index, IFLA_ADDRESS, mac, 6) == 0);
		/* As the guest's kernel calls them: the wrong way round for the test's devices. */
		snprintf(name, sizeof(name), "eth%u", n - 1 - i);
		MUST(change_link(nl, index, IFLA_IFNAME, name, strlen(name) + 1) == 0);
	}
	return 0;
}

static int compare(const struct survey *a, const struct survey *b)
{
	MUST(a->n_devices == b->n_devices && a->n_addresses == b->n_addresses);
	MUST(a->n_routes == b->n_routes && a->n_neighbours == b->n_neighbours);
	for (uint32_t i = 0; i < a->n_devices; i++) {
		const struct survey_device *d = NULL;

		for (uint32_t k = 0; k < b->n_devices; k++)
			if (!strcmp(a->devices[i].name, b->devices[k].name))
				d = &b->devices[k];
		MUST(d && !memcmp(d->mac, a->devices[i].mac, 6) && d->mtu == a->devices[i].mtu);
		MUST(d->ipv6 == a->devices[i].ipv6 && d->accept_ra == a->devices[i].accept_ra);
	}
	/* Lists of the kernel's are sorted by what is compared here: but for addresses, which are few. */
	for (uint32_t i = 0; i < a->n_addresses; i++) {
		bool found = false;

		for (uint32_t k = 0; k < b->n_addresses; k++)
			found |= !memcmp(&a->addresses[i], &b->addresses[k],
					 offsetof(struct survey_address, flags));
		MUST(found);
	}
	MUST(!memcmp(a->routes, b->routes, a->n_routes * sizeof(*a->routes)));
	MUST(!memcmp(a->neighbours, b->neighbours, a->n_neighbours * sizeof(*a->neighbours)));
	return 0;
}

/* A guest with that many cards takes it over: what is found there then is the same. */
static int pass_on(const struct survey *before, unsigned int cards, struct netlink *guest)
{
	static struct survey after;
	int r;

	MUST(unshare(CLONE_NEWNET) == 0 && netlink_open(guest, &scene_error) == 0 && link_loopback_up(&scene_error) == 0);
	r = make_cards(guest, cards);
	if (r)
		return r;
	MUST(adopt_survey(before, &scene_error) == 0);
	MUST(survey_make(guest, &after, &scene_error) == 0);
	return compare(before, &after);
}

static int moves(void)
{
	static struct survey before;
	struct netlink guest = NETLINK_NONE;
	struct scene s;
	int r = scene_make(&s);

	if (r)
		return r;
	MUST(furnish(&s) == 0);
	MUST(file_write_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/eth0/accept_ra", "0", &scene_error) == 0);
	MUST(survey_make(&s.in, &before, &scene_error) == 0);
	return pass_on(&before, 1, &guest);
}

Test(adopt, the_guest_has_the_same_network)
{
	scene_run(moves, LACKS);
}

/* Two devices whose names are those of the other's card; a third card is not needed and stays down. */
static int two(void)
{
	static struct survey before;
	struct netlink guest = NETLINK_NONE;
	struct device device;
	struct scene s;
	int r = scene_make(&s);

	if (r)
		return r;
	MUST(scene_add_device(&s.in, "eth1", "bridge") == 0);
	MUST(scene_add_address(&s.in, "eth1", "10.50.0.1/24") == 0);
	MUST(device_set_up(&s.in, scene_index(&s.in, "eth1"), &scene_error) == 0);
	MUST(survey_make(&s.in, &before, &scene_error) == 0 && before.n_devices == 2);
	r = pass_on(&before, 3, &guest);
	if (r)
		return r;
	MUST(device_find(&guest, "card2", &device, &scene_error) == 0 && !(device.flags & IFF_UP));
	return 0;
}

Test(adopt, several_devices_in_any_order)
{
	scene_run(two, LACKS);
}

/* IPv6 switched off on the host, as Docker does, is off in the guest. */
static int without_ipv6(void)
{
	static struct survey before;
	struct netlink guest = NETLINK_NONE;
	struct scene s;
	int r = scene_make(&s);

	if (r)
		return r;
	MUST(file_write_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1", &scene_error) == 0);
	MUST(survey_make(&s.in, &before, &scene_error) == 0 && !before.devices[0].ipv6 &&
	     before.n_addresses == 1);
	return pass_on(&before, 1, &guest);
}

Test(adopt, ipv6_may_be_off)
{
	scene_run(without_ipv6, LACKS);
}

static int refusals(void)
{
	static struct survey v;
	struct survey bad = {0};

	v.n_devices = 1;
	strcpy(v.devices[0].name, "eth0");
	v.devices[0].mtu = 1500;
	MUST(adopt_survey(&v, &scene_error) == -ENODEV && strstr(scene_error.msg, "eth0"));
	bad.n_devices = SURVEY_DEVICES + 1;
	MUST(adopt_survey(&bad, &scene_error) == -EPROTO);
	bad = (struct survey){.n_routes = SURVEY_ROUTES + 1};
	MUST(adopt_survey(&bad, &scene_error) == -EPROTO);
	bad = (struct survey){.n_addresses = 1, .addresses = {{.device = 0, .family = AF_INET}}};
	MUST(adopt_survey(&bad, &scene_error) == -EPROTO);
	bad = (struct survey){.n_neighbours = 1,
			      .neighbours = {{.device = SURVEY_LOOPBACK, .family = AF_INET}}};
	MUST(adopt_survey(&bad, &scene_error) == -EPROTO);
	bad = (struct survey){.n_devices = 1};
	memset(bad.devices[0].name, 'x', sizeof(bad.devices[0].name));
	MUST(adopt_survey(&bad, &scene_error) == -EPROTO);
	return 0;
}

Test(adopt, says_what_is_missing)
{
	scene_run(refusals, LACKS);
}
