/* tap.h: a tap device: the host's end of a virtual machine's network card. */
#ifndef NET_TAP_H
#define NET_TAP_H

#include <net/if.h>

#include "base/error.h"

#define TAP_PREFIX	"nacre" /* of their names; the kernel adds a number */
#define TAP_HEADER_SIZE 12	/* in front of each frame: struct virtio_net_hdr_mrg_rxbuf, little endian */

/* Opens /dev/net/tun. The device that is made of it belongs to the network namespace that the caller is in
 * now. To be done before the cgroup can forbid it: its rules are looked at when a device is opened. */
int tap_open(struct error *err);

/* Makes of that descriptor a tap device and fills in its name. It needs CAP_NET_ADMIN in that namespace, it
 * is down, and it ends with the last descriptor on it. */
int tap_make(int tun, char name[IFNAMSIZ], struct error *err);

#endif
