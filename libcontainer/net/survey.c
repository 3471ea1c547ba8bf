/* survey.c: see survey.h. */
#include "net/survey.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/str.h"
#include "net/netlink.h"
#include "net/tap.h"

enum { DUMP_TRIES = 8, OTHERS = 64 };

/* What is collected: the survey, and the devices that will not be in it as long as they have no address. */
struct work {
	struct survey *s;
	int loopback;
	struct other {
		int index;
		char name[IFNAMSIZ];
	} others[OTHERS];
	size_t n_others;
};

static int too_many(struct error *err, const char *what, size_t most)
{
	return error_set(err, -E2BIG, "there are more than %zu %s", most, what);
}

/* Copies an attribute of exactly this size; false if it is absent or another. */
static bool get(const struct nlattr *attribute, void *to, size_t size)
{
	const void *data;
	size_t len;

	if (!attribute)
		return false;
	data = attribute_data(attribute, &len);
	if (len != size)
		return false;
	memcpy(to, data, size);
	return true;
}

static size_t address_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static uint8_t device_number(const struct work *w, int index)
{
	for (uint32_t i = 0; i < w->s->n_devices; i++)
		if (w->s->devices[i].index == index)
			return (uint8_t)i;
	return index == w->loopback ? SURVEY_LOOPBACK : SURVEY_NOWHERE;
}

static const char *other_name(const struct work *w, int index)
{
	for (size_t i = 0; i < w->n_others; i++)
		if (w->others[i].index == index)
			return w->others[i].name;
	return NULL;
}

/* --- devices --- */

static int32_t setting(const struct nlattr *conf, size_t which)
{
	const void *data;
	int32_t value = 0;
	size_t len;

	data = attribute_data(conf, &len);
	if (len / sizeof(value) > which)
		memcpy(&value, (const uint8_t *)data + which * sizeof(value), sizeof(value));
	return value;
}

/* Without IPv6 in the kernel there is no such attribute. */
static void read_ipv6(const struct nlattr *specific, struct survey_device *d)
{
	const struct nlattr *families[AF_INET6 + 1], *table[IFLA_INET6_CONF + 1];

	if (!specific)
		return;
	attribute_nested(specific, families, AF_INET6);
	if (!families[AF_INET6])
		return;
	attribute_nested(families[AF_INET6], table, IFLA_INET6_CONF);
	if (!table[IFLA_INET6_CONF])
		return;
	d->ipv6 = !setting(table[IFLA_INET6_CONF], DEVCONF_DISABLE_IPV6);
	d->accept_ra = setting(table[IFLA_INET6_CONF], DEVCONF_ACCEPT_RA);
}

static int add_other(struct work *w, int index, const char *name, struct error *err)
{
	if (w->n_others == OTHERS)
		return too_many(err, "other network devices", OTHERS);
	w->others[w->n_others].index = index;
	memcpy(w->others[w->n_others++].name, name, IFNAMSIZ);
	return 0;
}

static int hear_link(void *data, const struct nlmsghdr *message, struct error *err)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	const struct nlattr *table[IFLA_AF_SPEC + 1];
	struct survey_device d = {0};
	struct work *w = data;
	const char *name;
	size_t len;

	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return error_set(err, -EBADMSG, "a strange answer");
	netlink_attributes(message, sizeof(*info), table, IFLA_AF_SPEC);
	if (!table[IFLA_IFNAME] || !get(table[IFLA_MTU], &d.mtu, sizeof(d.mtu)))
		return error_set(err, -EBADMSG, "a device without a name or MTU");
	name = attribute_data(table[IFLA_IFNAME], &len);
	memcpy(d.name, name, len < sizeof(d.name) ? len : sizeof(d.name) - 1);
	d.index = info->ifi_index;
	if (info->ifi_flags & IFF_LOOPBACK) {
		w->loopback = info->ifi_index;
		return 0;
	}
	if (!(info->ifi_flags & IFF_UP) || table[IFLA_MASTER] ||
	    !strncmp(d.name, TAP_PREFIX, strlen(TAP_PREFIX)))
		return 0;
	if (info->ifi_type != ARPHRD_ETHER || !get(table[IFLA_ADDRESS], d.mac, sizeof(d.mac)))
		return add_other(w, info->ifi_index, d.name, err);
	if (w->s->n_devices == SURVEY_DEVICES)
		return too_many(err, "network devices", SURVEY_DEVICES);
	read_ipv6(table[IFLA_AF_SPEC], &d);
	d.card = (uint16_t)w->s->n_devices;
	w->s->devices[w->s->n_devices++] = d;
	return 0;
}

/* --- addresses --- */

/* What every lo has. */
static bool is_loopback_own(const struct survey_address *a)
{
	static const uint8_t six[16] = {[15] = 1}, four[4] = {127, 0, 0, 1};

	return a->family == AF_INET ? !memcmp(a->local, four, 4) : !memcmp(a->peer, six, 16);
}

static int hear_address(void *data, const struct nlmsghdr *message, struct error *err)
{
	const uint32_t kept = IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE;
	const struct ifaddrmsg *info = NLMSG_DATA(message);
	const struct nlattr *table[IFA_FLAGS + 1];
	struct survey_address a = {0};
	struct work *w = data;
	size_t size;

	if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return error_set(err, -EBADMSG, "a strange answer");
	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return 0;
	if (other_name(w, (int)info->ifa_index))
		return error_set(err, -ENOTSUP, "%s has an address, but is no Ethernet device",
				 other_name(w, (int)info->ifa_index));
	a.device = device_number(w, (int)info->ifa_index);
	netlink_attributes(message, sizeof(*info), table, IFA_FLAGS);
	a.flags = info->ifa_flags; /* its lower eight bits only */
	get(table[IFA_FLAGS], &a.flags, sizeof(a.flags));
	if (a.device == SURVEY_NOWHERE ||
	    (a.flags & (IFA_F_TEMPORARY | IFA_F_DADFAILED) && info->ifa_family == AF_INET6))
		return 0;
	a.flags &= kept;
	a.family = info->ifa_family;
	a.prefix = info->ifa_prefixlen;
	a.scope = info->ifa_scope;
	size = address_size(a.family);
	a.has_local = get(table[IFA_LOCAL], a.local, size);
	a.has_peer = get(table[IFA_ADDRESS], a.peer, size);
	a.has_broadcast = get(table[IFA_BROADCAST], a.broadcast, size);
	if (a.device == SURVEY_LOOPBACK && is_loopback_own(&a))
		return 0;
	if (w->s->n_addresses == SURVEY_ADDRESSES)
		return too_many(err, "addresses", SURVEY_ADDRESSES);
	w->s->addresses[w->s->n_addresses++] = a;
	return 0;
}

/* --- routes --- */

static int refuse_route(const struct survey_route *r, const char *why, struct error *err)
{
	char text[INET6_ADDRSTRLEN];

	return error_set(err, -ENOTSUP, "the route to %s/%u: %s",
			 inet_ntop(r->family, r->to, text, sizeof(text)), r->prefix, why);
}

static int read_gateway(const struct nlattr *const *table, struct survey_route *r, struct error *err)
{
	const uint8_t *via;
	size_t len, size;

	if (get(table[RTA_GATEWAY], r->gateway, address_size(r->family))) {
		r->gateway_family = r->family;
		return 0;
	}
	if (!table[RTA_VIA])
		return 0;
	via = attribute_data(table[RTA_VIA], &len); /* struct rtvia: a family, then the address */
	if (len > 2)
		memcpy(&r->gateway_family, via, 1);
	size = address_size(r->gateway_family);
	if (len != 2 + size)
		return refuse_route(r, "its gateway is of a kind that is not supported", err);
	memcpy(r->gateway, via + 2, size);
	return 0;
}

static uint32_t read_mtu(const struct nlattr *metrics)
{
	const struct nlattr *table[RTAX_MTU + 1];
	uint32_t mtu = 0;

	if (metrics) {
		attribute_nested(metrics, table, RTAX_MTU);
		get(table[RTAX_MTU], &mtu, sizeof(mtu));
	}
	return mtu;
}

static bool is_without_device(uint8_t type)
{
	return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT || type == RTN_THROW;
}

/* Only those of the main table that somebody has added. */
static bool is_wanted(const struct rtmsg *info, const struct nlattr *const *table)
{
	uint32_t number = info->rtm_table;

	get(table[RTA_TABLE], &number, sizeof(number));
	return (info->rtm_family == AF_INET || info->rtm_family == AF_INET6) && number == RT_TABLE_MAIN &&
	       info->rtm_protocol != RTPROT_KERNEL && !(info->rtm_flags & RTM_F_CLONED);
}

static int hear_route(void *data, const struct nlmsghdr *message, struct error *err)
{
	const struct rtmsg *info = NLMSG_DATA(message);
	const struct nlattr *table[RTA_ENCAP + 1];
	struct survey_route r = {0};
	struct work *w = data;
	uint32_t index = 0;
	int ret;

	if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return error_set(err, -EBADMSG, "a strange answer");
	netlink_attributes(message, sizeof(*info), table, RTA_ENCAP);
	if (!is_wanted(info, table))
		return 0;
	r.family = info->rtm_family;
	r.prefix = info->rtm_dst_len;
	get(table[RTA_DST], r.to, address_size(r.family));
	if (table[RTA_MULTIPATH])
		return refuse_route(&r, "several gateways are not supported", err);
	get(table[RTA_OIF], &index, sizeof(index));
	r.device = is_without_device(info->rtm_type) ? SURVEY_NOWHERE : device_number(w, (int)index);
	if (r.device == SURVEY_NOWHERE && !is_without_device(info->rtm_type))
		return 0; /* of a device that is passed over */
	if (info->rtm_src_len || info->rtm_tos || table[RTA_ENCAP])
		return refuse_route(&r, "by source, by type of service, or into a tunnel is not supported",
				    err);
	r.type = info->rtm_type;
	r.scope = info->rtm_scope;
	r.protocol = info->rtm_protocol;
	r.flags = info->rtm_flags & RTNH_F_ONLINK;
	r.has_source = get(table[RTA_PREFSRC], r.source, address_size(r.family));
	get(table[RTA_PRIORITY], &r.priority, sizeof(r.priority));
	r.mtu = read_mtu(table[RTA_METRICS]);
	ret = read_gateway(table, &r, err);
	if (ret < 0)
		return ret;
	if (w->s->n_routes == SURVEY_ROUTES)
		return too_many(err, "routes", SURVEY_ROUTES);
	w->s->routes[w->s->n_routes++] = r;
	return 0;
}

/* --- neighbours --- */

static int hear_neighbour(void *data, const struct nlmsghdr *message, struct error *err)
{
	const struct ndmsg *info = NLMSG_DATA(message);
	const struct nlattr *table[NDA_LLADDR + 1];
	struct survey_neighbour n = {0};
	struct work *w = data;

	if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return error_set(err, -EBADMSG, "a strange answer");
	n.family = info->ndm_family;
	n.device = device_number(w, info->ndm_ifindex);
	if (!(info->ndm_state & NUD_PERMANENT) || (n.family != AF_INET && n.family != AF_INET6) ||
	    n.device >= SURVEY_DEVICES)
		return 0;
	netlink_attributes(message, sizeof(*info), table, NDA_LLADDR);
	if (!get(table[NDA_DST], n.address, address_size(n.family)) ||
	    !get(table[NDA_LLADDR], n.mac, sizeof(n.mac)))
		return 0;
	if (w->s->n_neighbours == SURVEY_NEIGHBOURS)
		return too_many(err, "permanent neighbours", SURVEY_NEIGHBOURS);
	w->s->neighbours[w->s->n_neighbours++] = n;
	return 0;
}

/* Asks for one list; again, but not for ever, if it changes meanwhile. *n is how much of it there is. */
static int list(struct netlink *nl, uint16_t question, size_t header_len, netlink_fn fn, struct work *w,
		uint32_t *n, struct error *err)
{
	const char header[sizeof(struct ifinfomsg) > sizeof(struct rtmsg) ? sizeof(struct ifinfomsg)
									  : sizeof(struct rtmsg)] = "";
	int r = -EINTR;

	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		struct request q;

		*n = 0;
		w->n_others = question == RTM_GETLINK ? 0 : w->n_others;
		request_begin(&q, question, NLM_F_DUMP, header, header_len);
		r = netlink_ask(nl, &q, fn, w, err);
	}
	return r;
}

int survey_make(struct netlink *nl, struct survey *out, struct error *err)
{
	struct survey s = {0};
	struct work w = {.s = &s};
	int r = list(nl, RTM_GETLINK, sizeof(struct ifinfomsg), hear_link, &w, &s.n_devices, err);

	if (r == 0)
		r = list(nl, RTM_GETADDR, sizeof(struct ifaddrmsg), hear_address, &w, &s.n_addresses, err);
	if (r == 0)
		r = list(nl, RTM_GETROUTE, sizeof(struct rtmsg), hear_route, &w, &s.n_routes, err);
	if (r == 0)
		r = list(nl, RTM_GETNEIGH, sizeof(struct ndmsg), hear_neighbour, &w, &s.n_neighbours, err);
	if (r < 0)
		return error_wrap(err, "look at the container's network");
	*out = s;
	return 0;
}
