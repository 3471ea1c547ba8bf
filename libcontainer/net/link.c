/* link.c: network devices moved into a container's network namespace with their addresses. See link.h. */
#include "net/link.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "net/device.h"
#include "net/netlink.h"

enum { DUMP_TRIES = 8, TEMPLATE_MOST = 4096 };

struct addresses {
	int index;
	struct address *v;
	size_t n;
};

static size_t copy_address(uint8_t to[16], const struct nlattr *attribute)
{
	const void *from;
	size_t len;

	if (!attribute)
		return 0;
	from = attribute_data(attribute, &len);
	if (len > 16)
		return 0;
	memcpy(to, from, len);
	return len;
}

static int hear_address(void *data, const struct nlmsghdr *message, struct error *err)
{
	const uint32_t kept = IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE;
	const struct ifaddrmsg *info = NLMSG_DATA(message);
	const struct nlattr *table[IFA_FLAGS + 1];
	struct addresses *list = data;
	struct address a = {0}, *v;
	uint32_t flags;
	size_t len;

	if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return error_set(err, -EBADMSG, "a strange answer");
	if ((int)info->ifa_index != list->index || info->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	netlink_attributes(message, sizeof(*info), table, IFA_FLAGS);
	flags = info->ifa_flags; /* its lower eight bits only */
	if (table[IFA_FLAGS]) {
		const void *p = attribute_data(table[IFA_FLAGS], &len);

		if (len == sizeof(flags))
			memcpy(&flags, p, sizeof(flags));
	}
	if (!(flags & IFA_F_PERMANENT))
		return 0;
	a.family = info->ifa_family;
	a.prefix = info->ifa_prefixlen;
	a.flags = flags & kept;
	a.local_len = copy_address(a.local, table[IFA_LOCAL]);
	a.peer_len = copy_address(a.peer, table[IFA_ADDRESS]);
	a.broadcast_len = copy_address(a.broadcast, table[IFA_BROADCAST]);
	v = realloc(list->v, (list->n + 1) * sizeof(*v));
	if (!v)
		return error_set(err, -ENOMEM, "out of memory");
	list->v = v;
	v[list->n++] = a;
	return 0;
}

static int list_addresses(struct netlink *nl, int index, struct addresses *out, struct error *err)
{
	struct ifaddrmsg info = {.ifa_family = AF_UNSPEC};
	struct addresses list = {.index = index};
	struct request q;
	int r;

	/* Somebody may be changing addresses on the host all the time: ask again, but not for ever. */
	for (int i = 0; i < DUMP_TRIES; i++) {
		list.n = 0;
		request_begin(&q, RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
		r = netlink_ask(nl, &q, hear_address, &list, err);
		if (r != -EINTR)
			break;
	}
	if (r < 0) {
		free(list.v);
		return error_wrap(err, "list its addresses");
	}
	*out = list;
	return 0;
}

/* Gives the device to another namespace, under this name; the kernel takes it down and its addresses away. */
static int hand_over(struct netlink *nl, int index, int netns_fd, const char *name, struct error *err)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct request q;

	request_begin(&q, RTM_NEWLINK, 0, &info, sizeof(info));
	request_put_u32(&q, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	request_put_text(&q, IFLA_IFNAME, name);
	return netlink_ask(nl, &q, NULL, NULL, err);
}

/* In the namespace that the device has come to: its addresses again, and up. */
static int settle(struct netlink *nl, const char *name, const struct addresses *list, bool up,
		  struct error *err)
{
	struct device link;
	int r = device_find(nl, name, &link, err);

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		r = device_add_address(nl, link.index, &list->v[i], err);
		if (r < 0)
			return error_wrap(err, "add its address number %zu", i + 1);
	}
	if (r == 0 && up) {
		r = device_set_up(nl, link.index, err);
		if (r < 0)
			return error_wrap(err, "set it up");
	}
	return r;
}

/* The name it will have inside: must be free there, or becomes the first free one where it is a template.
 * Asked before the move: the kernel would rename only after it, and leave the device in the container when
 * that fails. */
static int choose_name(struct netlink *inside, const char *wanted, char name[IFNAMSIZ], struct error *err)
{
	const char *percent = strchr(wanted, '%');
	struct error ignored;
	struct device link;

	for (int i = 0; i < TEMPLATE_MOST; i++) {
		int n = percent ? snprintf(name, IFNAMSIZ, "%.*s%d%s", (int)(percent - wanted), wanted, i,
					   percent + 2)
				: snprintf(name, IFNAMSIZ, "%s", wanted);
		int r;

		if (n < 0 || n >= IFNAMSIZ)
			return error_set(err, -ENAMETOOLONG, "no free name of the form %s is short enough",
					 wanted);
		r = device_find(inside, name, &link, &ignored);
		if (r == -ENODEV)
			return 0;
		if (r < 0) {
			error_set(err, r, "%s", ignored.msg);
			return error_wrap(err, "ask for %s inside", name);
		}
		if (!percent)
			return error_set(err, -EEXIST,
					 "the container's network namespace has a device %s already", name);
	}
	return error_set(err, -EEXIST, "no name of the form %s is free", wanted);
}

static void take_back(struct netlink *host, struct netlink *inside, const char *inner, int own,
		      const char *name, const struct addresses *list, bool up)
{
	struct device link;

	if (device_find(inside, inner, &link, NULL) == 0 &&
	    hand_over(inside, link.index, own, name, NULL) == 0)
		settle(host, name, list, up, NULL);
}

static int move(struct netlink *host, struct netlink *inside, const char *name, int netns_fd, int own,
		const char *wanted, struct error *err)
{
	struct addresses list = {0};
	char inner[IFNAMSIZ];
	struct device link;
	int r;

	r = device_find(host, name, &link, err);
	if (r < 0)
		return r;
	if (link.flags & IFF_LOOPBACK)
		return error_set(err, -EINVAL, "a loopback device cannot be moved");
	r = choose_name(inside, wanted, inner, err);
	if (r == 0)
		r = list_addresses(host, link.index, &list, err);
	if (r == 0) {
		bool up = link.flags & IFF_UP;

		/* Not left half done, and not lost with the namespace: back to where and how it was, as far
		 * as it goes. The kernel moves first and renames then, so that a refusal may come after the
		 * move. */
		r = hand_over(host, link.index, netns_fd, inner, err);
		if (r < 0 && device_find(host, name, &link, NULL) == -ENODEV)
			take_back(host, inside, name, own, name, &list, up);
		if (r == 0 && (r = settle(inside, inner, &list, true, err)) < 0)
			take_back(host, inside, inner, own, name, &list, up);
	}
	free(list.v);
	return r;
}

int link_move(const char *name, int netns_fd, const char *new_name, struct error *err)
{
	const char *wanted = new_name && *new_name ? new_name : name;
	struct netlink host = NETLINK_NONE, inside = NETLINK_NONE;
	auto_close int own = -EBADF;
	int r;

	if (!device_name_is_valid(name, false))
		return error_set(err, -EINVAL, "move network device: \"%.32s\" is not a device's name", name);
	if (!device_name_is_valid(wanted, true))
		return error_set(err, -EINVAL, "move network device %s: \"%.32s\" is not a device's name",
				 name, wanted);
	r = netlink_open(&host, err);
	if (r == 0)
		r = netlink_open_inside(&host, netns_fd, &inside, &own, err);
	if (r == 0)
		r = move(&host, &inside, name, netns_fd, own, wanted, err);
	netlink_close(&inside);
	netlink_close(&host);
	return r < 0 ? error_wrap(err, "move network device %s", name) : 0;
}
