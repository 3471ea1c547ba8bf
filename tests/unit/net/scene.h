/* scene.h: two network namespaces of the test's own, as an engine makes them: outside the bridge br7 with an
 * address, inside eth0, a port of it by a pair of veth devices.
 */
#ifndef UNIT_NET_SCENE_H
#define UNIT_NET_SCENE_H

#include <stdio.h>

#include "net/netlink.h"

enum { SCENE_SKIP = 77 };
#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, scene_error.msg);         \
			return 1;                                                                            \
		}                                                                                            \
	} while (0)

extern struct error scene_error;

struct scene {
	int outside, inside; /* namespaces */
	struct netlink out, in;
};

/* Runs fn in a child, in a fresh network namespace: 0 is a success, SCENE_SKIP skips the test (with the
 * reason), all else fails it. */
void scene_run(int (*fn)(void), const char *reason_to_skip);

/* Outside 10.1.2.1/24 and 2001:db8::1/64; inside eth0 with 10.1.2.3/24, 2001:db8::3/64 (no duplicate address
 * detection) and a default route of IPv4. The caller is inside afterwards. 0, SCENE_SKIP, or 1. */
int scene_make(struct scene *s);

/* A socket in the namespace. */
int scene_socket(int namespace, int family, int type);
/* Adds a device of this kind without any options; nonzero where there is no such kind. */
int scene_add_device(struct netlink *nl, const char *name, const char *kind);
int scene_add_address(struct netlink *nl, const char *device, const char *address);
int scene_index(struct netlink *nl, const char *device);

#endif
