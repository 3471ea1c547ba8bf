/* device.c: see device.h. */
#include "net/device.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

bool device_name_is_valid(const char *name, bool template)
{
	const char *percent = strchr(name, '%');
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (const char *c = name; *c; c++)
		if (*c == '/' || *c == ':' || isspace((unsigned char)*c) || iscntrl((unsigned char)*c))
			return false;
	return !percent || (template && percent[1] == 'd' && !strchr(percent + 1, '%'));
}

static int hear_link(void *data, const struct nlmsghdr *message, struct error *err)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	struct device *device = data;

	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return error_set(err, -EBADMSG, "a strange answer");
	device->index = info->ifi_index;
	device->flags = info->ifi_flags;
	return 0;
}

int device_find(struct netlink *nl, const char *name, struct device *out, struct error *err)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	struct device device = {0};
	struct request q;
	int r;

	request_begin(&q, RTM_GETLINK, 0, &info, sizeof(info));
	request_put_text(&q, IFLA_IFNAME, name);
	r = netlink_ask(nl, &q, hear_link, &device, err);
	if (r < 0)
		return r;
	if (device.index <= 0)
		return error_set(err, -EBADMSG, "no answer about %s", name);
	*out = device;
	return 0;
}

int device_set_up(struct netlink *nl, int index, struct error *err)
{
	struct ifinfomsg info = {
	    .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct request q;

	request_begin(&q, RTM_NEWLINK, 0, &info, sizeof(info));
	return netlink_ask(nl, &q, NULL, NULL, err);
}

int device_delete(struct netlink *nl, int index, struct error *err)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct request q;

	request_begin(&q, RTM_DELLINK, 0, &info, sizeof(info));
	return netlink_ask(nl, &q, NULL, NULL, err);
}

int address_parse(const char *text, struct address *out, struct error *err)
{
	struct address a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	const char *slash = strchr(text, '/');
	char host[INET6_ADDRSTRLEN];
	uint64_t prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return error_set(err, -EINVAL, "address \"%.60s\": not of the form ADDRESS/PREFIX", text);
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	a.local_len = a.family == AF_INET ? 4 : 16;
	if (inet_pton(a.family, host, a.local) != 1 ||
	    number_parse_u64(slash + 1, 1, a.local_len * 8, &prefix) < 0)
		return error_set(err, -EINVAL, "address \"%.60s\": not of the form ADDRESS/PREFIX", text);
	a.prefix = (uint8_t)prefix;
	memcpy(a.peer, a.local, sizeof(a.peer));
	a.peer_len = a.local_len;
	*out = a;
	return 0;
}

int device_add_address(struct netlink *nl, int index, const struct address *a, struct error *err)
{
	struct ifaddrmsg info = {
	    .ifa_family = a->family, .ifa_prefixlen = a->prefix, .ifa_index = (unsigned)index};
	struct request q;

	request_begin(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
	if (a->local_len)
		request_put(&q, IFA_LOCAL, a->local, a->local_len);
	if (a->peer_len)
		request_put(&q, IFA_ADDRESS, a->peer, a->peer_len);
	if (a->broadcast_len)
		request_put(&q, IFA_BROADCAST, a->broadcast, a->broadcast_len);
	if (a->flags)
		request_put_u32(&q, IFA_FLAGS, a->flags);
	return netlink_ask(nl, &q, NULL, NULL, err);
}

/* A route socket inside another network namespace, without staying there. *own becomes a descriptor of our
 * own: from the kernel by a socket, not from /proc. Our own is entered first, where we are: if that is
 * forbidden, so would be the way back. */
int netlink_open_inside(const struct netlink *host, int netns_fd, struct netlink *out, int *own,
			struct error *err)
{
	auto_close int here = ioctl(netlink_descriptor(host), SIOCGSKNS);
	int r;

	if (here < 0)
		return error_errno(err, "open our own network namespace");
	if (setns(here, CLONE_NEWNET) < 0)
		return error_errno(err, "enter our own network namespace");
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return error_errno(err, "enter the container's network namespace");
	r = netlink_open(out, err);
	if (setns(here, CLONE_NEWNET) < 0) {
		if (r == 0)
			netlink_close(out);
		return error_errno(err, "return to our own network namespace");
	}
	if (r == 0)
		*own = TAKE_FD(here);
	return r;
}
