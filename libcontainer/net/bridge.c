/* bridge.c: see bridge.h. */
#include "net/bridge.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <unistd.h>

#include "base/auto.h"

/* The outer end is a port of the bridge from birth, the inner one is born in the container: there is no
 * moment at which a device would be left in the wrong place. */
static int make_pair(struct netlink *host, const struct bridge_request *b, int bridge, int netns_fd,
		     struct error *err)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
	struct request q;
	size_t kind, data, end;

	request_begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	request_put_text(&q, IFLA_IFNAME, b->outer);
	request_put_u32(&q, IFLA_MASTER, (uint32_t)bridge);
	kind = request_nest(&q, IFLA_LINKINFO);
	request_put_text(&q, IFLA_INFO_KIND, "veth");
	data = request_nest(&q, IFLA_INFO_DATA);
	end = request_nest(&q, VETH_INFO_PEER);
	request_put_header(&q, &peer, sizeof(peer));
	request_put_text(&q, IFLA_IFNAME, b->inner);
	request_put_u32(&q, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	request_unnest(&q, end);
	request_unnest(&q, data);
	request_unnest(&q, kind);
	if (netlink_ask(host, &q, NULL, NULL, err) < 0)
		return error_wrap(err, "make the devices %s and %s", b->outer, b->inner);
	return 0;
}

static int add_route(struct netlink *nl, int index, const struct address *gateway, struct error *err)
{
	struct rtmsg info = {
	    .rtm_family = gateway->family,
	    .rtm_table = RT_TABLE_MAIN,
	    .rtm_protocol = RTPROT_BOOT,
	    .rtm_scope = RT_SCOPE_UNIVERSE,
	    .rtm_type = RTN_UNICAST,
	};
	struct request q;

	request_begin(&q, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	request_put(&q, RTA_GATEWAY, gateway->local, gateway->local_len);
	request_put_u32(&q, RTA_OIF, (uint32_t)index);
	return netlink_ask(nl, &q, NULL, NULL, err);
}

static int furnish(struct netlink *inside, const struct bridge_request *b, struct error *err)
{
	struct device device;

	if (device_find(inside, b->inner, &device, err) < 0)
		return error_wrap(err, "find %s in the container", b->inner);
	if (b->address && device_add_address(inside, device.index, b->address, err) < 0)
		return error_wrap(err, "give %s its address", b->inner);
	if (device_set_up(inside, device.index, err) < 0)
		return error_wrap(err, "set %s up", b->inner);
	/* Only after the device is up is its gateway within reach. */
	if (b->gateway && add_route(inside, device.index, b->gateway, err) < 0)
		return error_wrap(err, "add the default route");
	if (device_find(inside, "lo", &device, err) < 0 || device_set_up(inside, device.index, err) < 0)
		return error_wrap(err, "set lo up");
	return 0;
}

static int join(struct netlink *host, struct netlink *inside, const struct bridge_request *b, int netns_fd,
		struct error *err)
{
	struct device bridge, outer;
	int r = device_find(host, b->bridge, &bridge, err);

	if (r < 0)
		return error_wrap(err, "find the bridge %s", b->bridge);
	r = make_pair(host, b, bridge.index, netns_fd, err);
	if (r < 0)
		return r;
	r = furnish(inside, b, err);
	if (r < 0 && device_find(host, b->outer, &outer, NULL) == 0)
		device_delete(host, outer.index, NULL); /* and so the other end */
	return r;
}

int bridge_join(const struct bridge_request *b, int netns_fd, struct error *err)
{
	struct netlink host = NETLINK_NONE, inside = NETLINK_NONE;
	const char *names[] = {b->bridge, b->outer, b->inner};
	auto_close int own = -EBADF;
	int r;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!device_name_is_valid(names[i], false))
			return error_set(err, -EINVAL, "\"%.32s\" is not a device's name", names[i]);
	if (b->address && b->gateway && b->address->family != b->gateway->family)
		return error_set(err, -EINVAL, "the address and the gateway are of different families");
	r = netlink_open(&host, err);
	if (r == 0)
		r = netlink_open_inside(&host, netns_fd, &inside, &own, err);
	if (r == 0)
		r = join(&host, &inside, b, netns_fd, err);
	netlink_close(&inside);
	netlink_close(&host);
	return r;
}
