/* adopt.c: see adopt.h. */
#include "net/adopt.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"

struct adoption {
	const struct survey *s;
	int socket;
	uint32_t sequence;
	unsigned int index[SURVEY_DEVICES]; /* of the guest's devices */
	unsigned int loopback;
};

/* --- a request and its acknowledgement --- */

/* Large enough for the largest that is put together here. */
struct message {
	_Alignas(struct nlmsghdr) char space[512];
};

static struct nlmsghdr *header_of(struct message *m)
{
	return (struct nlmsghdr *)m->space;
}

static void begin(struct message *m, uint16_t type, uint16_t flags, const void *header, size_t len)
{
	memset(m, 0, sizeof(*m));
	*header_of(m) = (struct nlmsghdr){.nlmsg_type = type,
					  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags,
					  .nlmsg_len = (uint32_t)NLMSG_SPACE(len)};
	memcpy(NLMSG_DATA(m->space), header, len);
}

static void put(struct message *m, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)(m->space + header_of(m)->nlmsg_len);

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len > 0)
		memcpy(RTA_DATA(a), data, len);
	header_of(m)->nlmsg_len += (uint32_t)RTA_SPACE(len);
}

/* What is put until nest_end() is inside. */
static struct rtattr *nest(struct message *m, uint16_t type)
{
	struct rtattr *a = (struct rtattr *)(m->space + header_of(m)->nlmsg_len);

	put(m, type | NLA_F_NESTED, NULL, 0);
	return a;
}

static void nest_end(struct message *m, struct rtattr *a)
{
	a->rta_len = (uint16_t)(m->space + header_of(m)->nlmsg_len - (char *)a);
}

/* 0, or what the kernel answers. */
static int ask(struct adoption *a, struct message *m)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr verdict;
		char rest[1024];
	} answer;
	ssize_t n;

	header_of(m)->nlmsg_seq = ++a->sequence;
	if (send(a->socket, m->space, header_of(m)->nlmsg_len, 0) < 0)
		return -errno;
	do {
		n = recv(a->socket, &answer, sizeof(answer), 0);
		if (n < 0 && errno != EINTR)
			return -errno;
	} while (n < (ssize_t)NLMSG_LENGTH(sizeof(answer.verdict)) ||
		 answer.header.nlmsg_seq != a->sequence || answer.header.nlmsg_type != NLMSG_ERROR);
	return answer.verdict.error;
}

static int fail(struct error *err, int code, const char *what, const char *name)
{
	return error_set(err, code, "%s %s in the guest: %s", what, name, strerror(-code));
}

/* --- devices --- */

/* The machine's card of this name: which; -1 if it is none. */
static int card_number(int socket, const char *name)
{
	struct ifreq request = {0};
	uint8_t first[6];

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	survey_card_mac(0, first);
	if (ioctl(socket, SIOCGIFHWADDR, &request) < 0 || memcmp(request.ifr_hwaddr.sa_data, first, 5))
		return -1;
	return (uint8_t)request.ifr_hwaddr.sa_data[5];
}

static int rename_device(struct adoption *a, unsigned int index, const char *name)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	struct message m;

	begin(&m, RTM_NEWLINK, 0, &info, sizeof(info));
	put(&m, IFLA_IFNAME, name, strlen(name) + 1);
	return ask(a, &m);
}

/* A card of this machine's, here and in /sys: that may show another network namespace, where the card of this name is somebody else's, and
 * none that we may take away. */
static bool is_virtio_card(int socket, const char *name, int number)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {.ifr_data = (char *)&driver};
	auto_free char *shown = NULL;
	char path[64], wanted[24];
	uint8_t mac[6];

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(socket, SIOCETHTOOL, &request) < 0 || strcmp(driver.driver, "virtio_net"))
		return false;
	survey_card_mac((uint32_t)number, mac);
	snprintf(wanted, sizeof(wanted), "%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	snprintf(path, sizeof(path), "/sys/class/net/%s/address", name);
	return file_read_at(AT_FDCWD, path, 256, &shown, NULL, NULL) == 0 && !strcmp(shown, wanted);
}

/* A card with nothing to carry is taken out of the machine, so that no program wonders about it: its driver lets go of it. Where that cannot
 * be done it stays, and stays down. */
static void remove_card(int socket, const char *name, int number)
{
	char link[64], target[256];
	const char *device;
	ssize_t n;

	if (!is_virtio_card(socket, name, number))
		return;
	snprintf(link, sizeof(link), "/sys/class/net/%s/device", name);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	device = strrchr(target, '/');
	(void)file_write_at(AT_FDCWD, "/sys/bus/virtio/drivers/virtio_net/unbind", device ? device + 1 : target, NULL);
}

static bool is_needed(const struct adoption *a, int card)
{
	for (uint32_t k = 0; k < a->s->n_devices; k++)
		if (a->s->devices[k].card == card)
			return true;
	return false;
}

/* Finds them, and gives each a name that is in nobody's way: a card called eth1 may have to become eth0. */
static int find_cards(struct adoption *a, struct error *err)
{
	struct if_nameindex *all = if_nameindex();
	int r = 0;

	if (!all)
		return error_errno(err, "list the guest's network devices");
	for (const struct if_nameindex *i = all; i->if_index && r == 0; i++) {
		int number = card_number(a->socket, i->if_name);
		char name[IFNAMSIZ];

		if (number < 0)
			continue;
		if (!is_needed(a, number))
			remove_card(a->socket, i->if_name, number);
		snprintf(name, sizeof(name), "card%d", number);
		r = rename_device(a, i->if_index, name);
		if (r == -ENODEV) /* removed */
			r = 0;
		if (r < 0)
			fail(err, r, "rename", i->if_name);
		for (uint32_t k = 0; k < a->s->n_devices; k++)
			if (a->s->devices[k].card == number)
				a->index[k] = i->if_index;
	}
	if_freenameindex(all);
	for (uint32_t k = 0; k < a->s->n_devices && r == 0; k++)
		if (a->index[k] == 0)
			r = error_set(err, -ENODEV,
				      "the guest has no network card for %s (is there no module virtio_net?)",
				      a->s->devices[k].name);
	return r;
}

static int set_sysctl(const struct survey_device *d, const char *key, int32_t value, struct error *err)
{
	char path[100], text[16];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", d->name, key);
	snprintf(text, sizeof(text), "%d", value);
	return file_write_at(AT_FDCWD, path, text, err);
}

/* No address of the kernel's own making: what the device had on the host comes with the survey. */
static int set_ipv6(struct adoption *a, unsigned int index, const struct survey_device *d, struct error *err)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
	struct rtattr *specific, *family;
	struct message m;
	int r;

	begin(&m, RTM_NEWLINK, 0, &info, sizeof(info));
	specific = nest(&m, IFLA_AF_SPEC);
	family = nest(&m, AF_INET6);
	put(&m, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	nest_end(&m, family);
	nest_end(&m, specific);
	r = ask(a, &m);
	if (r == -EAFNOSUPPORT && !d->ipv6)
		return 0; /* a kernel without IPv6 */
	if (r < 0)
		return fail(err, r, "set IPv6 of", d->name);
	r = set_sysctl(d, "disable_ipv6", !d->ipv6, err);
	return r < 0 ? r : set_sysctl(d, "accept_ra", d->accept_ra, err);
}

static int adopt_device(struct adoption *a, uint32_t n, struct error *err)
{
	const struct survey_device *d = &a->s->devices[n];
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)a->index[n]};
	struct message m;
	int r;

	begin(&m, RTM_NEWLINK, 0, &info, sizeof(info));
	put(&m, IFLA_ADDRESS, d->mac, sizeof(d->mac));
	put(&m, IFLA_MTU, &d->mtu, sizeof(d->mtu));
	put(&m, IFLA_IFNAME, d->name, strlen(d->name) + 1);
	r = ask(a, &m);
	if (r < 0)
		return fail(err, r, "set address, MTU and name of", d->name);
	r = set_ipv6(a, a->index[n], d, err);
	if (r < 0)
		return r;
	info.ifi_flags = info.ifi_change = IFF_UP;
	begin(&m, RTM_NEWLINK, 0, &info, sizeof(info));
	r = ask(a, &m);
	return r < 0 ? fail(err, r, "set up", d->name) : 0;
}

/* --- addresses, routes, neighbours --- */

static unsigned int index_of(const struct adoption *a, uint8_t device)
{
	return device == SURVEY_LOOPBACK ? a->loopback : a->index[device];
}

static size_t size_of(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static int adopt_address(struct adoption *a, const struct survey_address *v, struct error *err)
{
	struct ifaddrmsg info = {.ifa_family = v->family,
				 .ifa_prefixlen = v->prefix,
				 .ifa_scope = v->scope,
				 .ifa_index = index_of(a, v->device)};
	/* Whether somebody else has it was asked on the host. */
	uint32_t flags = v->flags | (v->family == AF_INET6 ? IFA_F_NODAD : 0);
	struct message m;
	int r;

	begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
	if (v->has_local)
		put(&m, IFA_LOCAL, v->local, size_of(v->family));
	if (v->has_peer)
		put(&m, IFA_ADDRESS, v->peer, size_of(v->family));
	if (v->has_broadcast)
		put(&m, IFA_BROADCAST, v->broadcast, size_of(v->family));
	put(&m, IFA_FLAGS, &flags, sizeof(flags));
	r = ask(a, &m);
	return r < 0 ? fail(err, r, "add an address", v->family == AF_INET ? "of IPv4" : "of IPv6") : 0;
}

static void put_gateway(struct message *m, const struct survey_route *v)
{
	uint8_t via[2 + 16] = {v->gateway_family};
	size_t size = size_of(v->gateway_family);

	if (v->gateway_family == v->family) {
		put(m, RTA_GATEWAY, v->gateway, size);
	} else {
		/* struct rtvia: a family of 16 bits in the machine's own order, then the address. */
		memcpy(via + 2, v->gateway, size);
		put(m, RTA_VIA, via, 2 + size);
	}
}

static int adopt_route(struct adoption *a, const struct survey_route *v, struct error *err)
{
	struct rtmsg info = {.rtm_family = v->family,
			     .rtm_dst_len = v->prefix,
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = v->protocol,
			     .rtm_scope = v->scope,
			     .rtm_type = v->type,
			     .rtm_flags = v->flags};
	unsigned int index = v->device == SURVEY_NOWHERE ? 0 : index_of(a, v->device);
	struct rtattr *metrics;
	struct message m;
	int r;

	begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	if (v->prefix)
		put(&m, RTA_DST, v->to, size_of(v->family));
	if (index)
		put(&m, RTA_OIF, &index, sizeof(index));
	if (v->gateway_family)
		put_gateway(&m, v);
	if (v->has_source)
		put(&m, RTA_PREFSRC, v->source, size_of(v->family));
	if (v->priority)
		put(&m, RTA_PRIORITY, &v->priority, sizeof(v->priority));
	if (v->mtu) {
		metrics = nest(&m, RTA_METRICS);
		put(&m, RTAX_MTU, &v->mtu, sizeof(v->mtu));
		nest_end(&m, metrics);
	}
	r = ask(a, &m);
	/* There already: the kernel made it for an address. */
	return r < 0 && r != -EEXIST
		   ? fail(err, r, "add a route", v->family == AF_INET ? "of IPv4" : "of IPv6")
		   : 0;
}

static int adopt_neighbour(struct adoption *a, const struct survey_neighbour *v, struct error *err)
{
	struct ndmsg info = {
	    .ndm_family = v->family, .ndm_ifindex = (int)index_of(a, v->device), .ndm_state = NUD_PERMANENT};
	struct message m;
	int r;

	begin(&m, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
	put(&m, NDA_DST, v->address, size_of(v->family));
	put(&m, NDA_LLADDR, v->mac, sizeof(v->mac));
	r = ask(a, &m);
	return r < 0 ? fail(err, r, "add a neighbour", v->family == AF_INET ? "of IPv4" : "of IPv6") : 0;
}

/* Gateways last: they must be within reach when they are named. */
static int adopt_routes(struct adoption *a, bool gateways, struct error *err)
{
	int r = 0;

	for (uint32_t i = 0; i < a->s->n_routes && r == 0; i++)
		if (!!a->s->routes[i].gateway_family == gateways)
			r = adopt_route(a, &a->s->routes[i], err);
	return r;
}

static int adopt_all(struct adoption *a, struct error *err)
{
	const struct survey *s = a->s;
	int r = find_cards(a, err);

	for (uint32_t i = 0; i < s->n_devices && r == 0; i++)
		r = adopt_device(a, i, err);
	for (uint32_t i = 0; i < s->n_addresses && r == 0; i++)
		r = adopt_address(a, &s->addresses[i], err);
	if (r == 0)
		r = adopt_routes(a, false, err);
	if (r == 0)
		r = adopt_routes(a, true, err);
	for (uint32_t i = 0; i < s->n_neighbours && r == 0; i++)
		r = adopt_neighbour(a, &s->neighbours[i], err);
	return r;
}

/* It comes from our own host; a slip there must not become one of memory here. */
static bool is_sound(const struct survey *s)
{
	bool sound = s->n_devices <= SURVEY_DEVICES && s->n_addresses <= SURVEY_ADDRESSES &&
		     s->n_routes <= SURVEY_ROUTES && s->n_neighbours <= SURVEY_NEIGHBOURS;

	for (uint32_t i = 0; sound && i < s->n_devices; i++)
		sound = memchr(s->devices[i].name, '\0', sizeof(s->devices[i].name)) &&
			!strchr(s->devices[i].name, '/');
	for (uint32_t i = 0; sound && i < s->n_addresses; i++)
		sound = s->addresses[i].device < s->n_devices || s->addresses[i].device == SURVEY_LOOPBACK;
	for (uint32_t i = 0; sound && i < s->n_routes; i++)
		sound = s->routes[i].device < s->n_devices || s->routes[i].device >= SURVEY_LOOPBACK;
	for (uint32_t i = 0; sound && i < s->n_neighbours; i++)
		sound = s->neighbours[i].device < s->n_devices;
	return sound;
}

int adopt_survey(const struct survey *s, struct error *err)
{
	auto_close int socket_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct adoption a = {.s = s, .socket = socket_, .loopback = if_nametoindex("lo")};

	if (socket_ < 0)
		return error_errno(err, "open a route socket");
	if (!is_sound(s))
		return error_set(err, -EPROTO, "the description of the network is not one");
	return adopt_all(&a, err);
}
