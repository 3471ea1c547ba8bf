/* device.h: what can be asked of and done to one device in one network namespace; rooms above use link.h and
 * bridge.h. */
#ifndef NET_DEVICE_H
#define NET_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/netlink.h"

struct device {
	int index;
	unsigned flags; /* IFF_… */
};

/* The parts of an address that go with the device; what the kernel adds to them by itself is left to it. */
struct address {
	uint8_t family, prefix;
	uint8_t local[16], peer[16], broadcast[16];
	size_t local_len, peer_len, broadcast_len;
	uint32_t flags;
};

/* What the kernel takes as a device's name; '%' is its template character and allowed (once, as %d) only
 * where the caller says so. */
bool device_name_is_valid(const char *name, bool template);

/* The device of this name. -ENODEV where there is none. */
int device_find(struct netlink *nl, const char *name, struct device *out, struct error *err);
int device_set_up(struct netlink *nl, int index, struct error *err);
int device_delete(struct netlink *nl, int index, struct error *err);

/* Adds the address, or replaces the same one. */
int device_add_address(struct netlink *nl, int index, const struct address *a, struct error *err);

/* "192.0.2.7/24", "2001:db8::7/64". */
int address_parse(const char *text, struct address *out, struct error *err);

/* A route socket inside another network namespace, without staying there. *own becomes a descriptor of the
 * caller's own namespace, to be closed by the caller. */
int netlink_open_inside(const struct netlink *host, int netns_fd, struct netlink *out, int *own,
			struct error *err);

#endif
