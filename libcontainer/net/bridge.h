/* bridge.h: a container's network namespace joined to a bridge of the host by a pair of veth devices. */
#ifndef NET_BRIDGE_H
#define NET_BRIDGE_H

#include <stdbool.h>

#include "base/error.h"
#include "net/device.h"

struct bridge_request {
	const char *bridge;	   /* a bridge in the caller's network namespace */
	const char *outer, *inner; /* the names of the two ends: beside the bridge, and in the container */
	const struct address *address; /* of the inner end; NULL: none */
	const struct address
	    *gateway; /* of the default route (its prefix is not looked at); NULL: no route */
};

/* Makes the pair, the inner end right in the namespace behind netns_fd, and sets both and the container's
 * loopback up. If anything fails the pair is removed again. It goes by itself with the container's namespace.
 */
int bridge_join(const struct bridge_request *request, int netns_fd, struct error *err);

#endif
