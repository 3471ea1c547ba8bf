/* redirect.c: see redirect.h. */
#include "net/redirect.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/table.h"
#include "net/device.h"

/* By its priority a filter is known for ours. It is a late one: what an engine has put there, a rate limit
 * say, comes first. */
enum { PRIORITY = 0x6e61, DUMP_TRIES = 8, HOLDERS = 64 };

/* Where filters for incoming frames are; good for the qdiscs `ingress` and `clsact`. */
#define HOOK	    TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define EVERY_FRAME TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL))

static int change_qdisc(struct netlink *nl, int index, bool add, struct error *err)
{
	struct tcmsg info = {.tcm_family = AF_UNSPEC,
			     .tcm_ifindex = index,
			     .tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0),
			     .tcm_parent = TC_H_INGRESS};
	struct request q;

	request_begin(&q, add ? RTM_NEWQDISC : RTM_DELQDISC, add ? NLM_F_CREATE | NLM_F_EXCL : 0, &info,
		      sizeof(info));
	request_put_text(&q, TCA_KIND, "ingress");
	return netlink_ask(nl, &q, NULL, NULL, err);
}

static void put_mirred(struct request *q, uint16_t type, int target)
{
	struct tc_mirred mirred = {
	    .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)target};
	size_t actions = request_nest(q, type), first = request_nest(q, 1), options;

	request_put_text(q, TCA_ACT_KIND, "mirred");
	options = request_nest(q, TCA_ACT_OPTIONS);
	request_put(q, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
	request_unnest(q, options);
	request_unnest(q, first);
	request_unnest(q, actions);
}

static void put_matchall(struct request *q, int target)
{
	put_mirred(q, TCA_MATCHALL_ACT, target);
}

/* One key whose mask is empty. */
static void put_u32(struct request *q, int target)
{
	struct {
		struct tc_u32_sel head;
		struct tc_u32_key key;
	} select = {
	    .head = {.flags = TC_U32_TERMINAL, .nkeys = 1}
	  };

	request_put(q, TCA_U32_SEL, &select, sizeof(select));
	put_mirred(q, TCA_U32_ACT, target);
}

/* Either does; kernels are built with one, the other or both. */
static const struct classifier {
	const char *kind;
	uint16_t actions; /* the attribute that holds them */
	void (*put)(struct request *q, int target);
} classifiers[] = {
    {"matchall", TCA_MATCHALL_ACT, put_matchall},
    {"u32",	    TCA_U32_ACT,	 put_u32	},
};

static int add_filter(struct netlink *nl, int from, int to, struct error *err)
{
	struct tcmsg info = {
	    .tcm_family = AF_UNSPEC, .tcm_ifindex = from, .tcm_parent = HOOK, .tcm_info = EVERY_FRAME};
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_LEN(classifiers) && r == -ENOENT; i++) {
		struct request q;
		size_t options;

		request_begin(&q, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
		request_put_text(&q, TCA_KIND, classifiers[i].kind);
		options = request_nest(&q, TCA_OPTIONS);
		classifiers[i].put(&q, to);
		request_unnest(&q, options);
		r = netlink_ask(nl, &q, NULL, NULL, err);
	}
	if (r == -ENOENT)
		return error_set(
		    err, -ENOTSUP,
		    "the kernel lacks act_mirred, or both cls_matchall and cls_u32 (modules of these names)");
	return r;
}

static int delete_filter(struct netlink *nl, int index, struct error *err)
{
	struct tcmsg info = {
	    .tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_parent = HOOK, .tcm_info = EVERY_FRAME};
	struct request q;

	request_begin(&q, RTM_DELTFILTER, 0, &info, sizeof(info));
	return netlink_ask(nl, &q, NULL, NULL, err);
}

/* --- what is there --- */

static bool says(const struct nlattr *attribute, const char *text)
{
	size_t len;
	const char *data;

	if (!attribute)
		return false;
	data = attribute_data(attribute, &len);
	return len == strlen(text) + 1 && !memcmp(data, text, len);
}

/* The device our filter sends to; 0 where that is gone. */
static int target_of(const struct nlattr *options, uint16_t actions)
{
	const struct nlattr *table[TCA_U32_MAX + 1] = {NULL};
	struct tc_mirred mirred = {0};
	size_t len;

	_Static_assert((int)TCA_MATCHALL_ACT <= (int)TCA_U32_MAX &&
			   (int)TCA_ACT_OPTIONS <= (int)TCA_U32_MAX &&
			   (int)TCA_MIRRED_PARMS <= (int)TCA_U32_MAX,
		       "one table for all levels");
	const uint16_t path[] = {actions, 1, TCA_ACT_OPTIONS, TCA_MIRRED_PARMS};

	for (size_t i = 0; i < ARRAY_LEN(path) && options; i++) {
		attribute_nested(options, table, TCA_U32_MAX);
		options = table[path[i]];
	}
	if (options) {
		const void *data = attribute_data(options, &len);

		memcpy(&mirred, data, len < sizeof(mirred) ? len : sizeof(mirred));
	}
	return (int)mirred.ifindex;
}

struct filters {
	size_t n; /* on the hook, whosever */
	bool ours;
	int target; /* of ours */
};

static int hear_filter(void *data, const struct nlmsghdr *message, struct error *err)
{
	const struct tcmsg *info = NLMSG_DATA(message);
	const struct nlattr *table[TCA_OPTIONS + 1];
	struct filters *f = data;

	if (message->nlmsg_type != RTM_NEWTFILTER || message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return error_set(err, -EBADMSG, "a strange answer");
	f->n++;
	if (TC_H_MAJ(info->tcm_info) >> 16 != PRIORITY)
		return 0;
	netlink_attributes(message, sizeof(*info), table, TCA_OPTIONS);
	for (size_t i = 0; i < ARRAY_LEN(classifiers); i++)
		if (says(table[TCA_KIND], classifiers[i].kind)) {
			int target =
			    table[TCA_OPTIONS] ? target_of(table[TCA_OPTIONS], classifiers[i].actions) : 0;

			f->ours = true;
			/* u32 lists its hash table too, which sends nowhere. */
			if (target > 0)
				f->target = target;
		}
	return 0;
}

/* -EINTR, the list changed while it was read, is answered by asking again, but not for ever. */
static int list_filters(struct netlink *nl, int index, struct filters *out, struct error *err)
{
	struct tcmsg info = {.tcm_family = AF_UNSPEC, .tcm_ifindex = index, .tcm_parent = HOOK};
	int r = -EINTR;

	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		struct request q;

		*out = (struct filters){0};
		request_begin(&q, RTM_GETTFILTER, NLM_F_DUMP, &info, sizeof(info));
		r = netlink_ask(nl, &q, hear_filter, out, err);
	}
	return r;
}

struct holders {
	int v[HOLDERS];
	size_t n;
};

static int hear_qdisc(void *data, const struct nlmsghdr *message, struct error *err)
{
	const struct tcmsg *info = NLMSG_DATA(message);
	struct holders *h = data;

	if (message->nlmsg_type != RTM_NEWQDISC || message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return error_set(err, -EBADMSG, "a strange answer");
	if (info->tcm_parent != TC_H_INGRESS)
		return 0;
	if (h->n == ARRAY_LEN(h->v))
		return error_set(err, -E2BIG, "more than %zu devices have filters", h->n);
	h->v[h->n++] = info->tcm_ifindex;
	return 0;
}

static int list_holders(struct netlink *nl, struct holders *out, struct error *err)
{
	struct tcmsg info = {.tcm_family = AF_UNSPEC};
	int r = -EINTR;

	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		struct request q;

		out->n = 0;
		request_begin(&q, RTM_GETQDISC, NLM_F_DUMP, &info, sizeof(info));
		r = netlink_ask(nl, &q, hear_qdisc, out, err);
	}
	return r;
}

/* --- one direction, and its end --- */

/* The qdisc goes too if that was its last filter; one of the kind clsact is not ours, and stays. */
static int unhook(struct netlink *nl, int index, size_t n_filters, struct error *err)
{
	struct filters left = {0};
	int r = n_filters > 0 ? delete_filter(nl, index, err) : 0;

	if (r == 0)
		r = list_filters(nl, index, &left, err);
	if (r == 0 && left.n == 0)
		change_qdisc(nl, index, false, NULL);
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int hook(struct netlink *nl, int from, int to, struct error *err)
{
	struct filters before;
	int r = change_qdisc(nl, from, true, err);
	bool made = r == 0;

	if (r == -ENOENT)
		return error_set(err, -ENOTSUP, "the kernel lacks sch_ingress (module of this name)");
	if (r < 0 && r != -EEXIST)
		return r;
	r = made ? 0 : list_filters(nl, from, &before, err);
	if (r == 0 && !made && before.ours && before.target > 0)
		return error_set(err, -EBUSY, "it is joined to another virtual machine already");
	if (r == 0 && !made && before.ours)
		r = delete_filter(nl, from, err);
	if (r == 0)
		r = add_filter(nl, from, to, err);
	if (r < 0 && made)
		change_qdisc(nl, from, false, NULL);
	return r;
}

/* A cable has no address, speaks no protocol and is as wide as the device. */
static int set_up_tap(struct netlink *nl, int index, uint32_t mtu, struct error *err)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC,
				 .ifi_index = index,
				 .ifi_flags = IFF_UP | IFF_NOARP,
				 .ifi_change = IFF_UP | IFF_NOARP | IFF_MULTICAST};
	uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
	struct ifinfomsg silent = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct request q;
	size_t spec, family;
	int r;

	request_begin(&q, RTM_NEWLINK, 0, &silent, sizeof(silent));
	spec = request_nest(&q, IFLA_AF_SPEC);
	family = request_nest(&q, AF_INET6);
	request_put(&q, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	request_unnest(&q, family);
	request_unnest(&q, spec);
	r = netlink_ask(nl, &q, NULL, NULL, err);
	if (r < 0 && r != -EAFNOSUPPORT) /* a kernel without IPv6 */
		return r;
	request_begin(&q, RTM_NEWLINK, 0, &info, sizeof(info));
	request_put_u32(&q, IFLA_MTU, mtu);
	return netlink_ask(nl, &q, NULL, NULL, err);
}

static int join(struct netlink *nl, const struct survey_device *d, const char *tap_name, struct error *err)
{
	struct device tap;
	int r = device_find(nl, tap_name, &tap, err);

	if (r == 0)
		r = set_up_tap(nl, tap.index, d->mtu, err);
	if (r == 0)
		r = hook(nl, tap.index, d->index, err);
	if (r == 0) {
		r = hook(nl, d->index, tap.index, err);
		if (r < 0)
			unhook(nl, tap.index, 1, NULL);
	}
	return r < 0 ? error_wrap(err, "join %s to %s", d->name, tap_name) : 0;
}

static void part(struct netlink *nl, const struct survey_device *d, const char *tap_name)
{
	struct device tap;

	unhook(nl, d->index, 1, NULL);
	if (device_find(nl, tap_name, &tap, NULL) == 0)
		unhook(nl, tap.index, 1, NULL);
}

int redirect_make(struct netlink *nl, const struct survey *s, char (*taps)[IFNAMSIZ], size_t n_taps,
		  struct error *err)
{
	int r = 0;

	for (uint32_t i = 0; i < s->n_devices; i++)
		if (s->devices[i].card >= n_taps)
			return error_set(err, -E2BIG,
					 "the machine has %zu network cards, but %s needs one more", n_taps,
					 s->devices[i].name);
	for (uint32_t i = 0; i < s->n_devices && r == 0; i++) {
		r = join(nl, &s->devices[i], taps[s->devices[i].card], err);
		while (r < 0 && i > 0) {
			i--;
			part(nl, &s->devices[i], taps[s->devices[i].card]);
		}
	}
	return r;
}

int redirect_remove(struct netlink *nl, struct error *err)
{
	struct holders h;
	int r = list_holders(nl, &h, err), first = 0;

	if (r < 0)
		return error_wrap(err, "list the devices with filters");
	for (size_t i = 0; i < h.n; i++) {
		struct filters f;

		r = list_filters(nl, h.v[i], &f, err);
		if (r == 0 && f.ours && f.target == 0)
			r = unhook(nl, h.v[i], f.n, err);
		if (r < 0 && r != -ENODEV && r != -ENOENT && first == 0)
			first = r;
	}
	return first < 0 ? error_wrap(err, "take away the redirect to a virtual machine") : 0;
}
