/* link.h: network interfaces. Talks rtnetlink through netlink.h (libmnl); loopback alone is two ioctls. */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "base/error.h"

/* Brings `lo` of the current network namespace up. Two ioctls, no netlink. */
int link_loopback_up(struct error *err);

/* Moves the device `name` of the current network namespace into the one behind netns_fd, named `new_name`
 * there (NULL or empty: the same), keeps its global-scope addresses, and sets it up (config-linux.md,
 * "Network Devices"). The caller's network namespace is unchanged afterwards. */
int link_move(const char *name, int netns_fd, const char *new_name, struct error *err);

#endif
