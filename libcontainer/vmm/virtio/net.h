/* net.h: a network card (virtio 1.2, section 5.1) over a tap device.
 *
 * Frames go between the guest's buffers and the tap by one readv() or writev() each, nothing is copied.
 * Segmentation and checksums are left to whoever needs them: large frames pass in one piece between the guest
 * and the host's kernel (IFF_VNET_HDR). The header in front of a frame is read once and checked before the
 * host's kernel sees it; a frame whose header asks for nonsense is dropped, as a bad frame on a wire would
 * be.
 */
#ifndef VMM_VIRTIO_NET_H
#define VMM_VIRTIO_NET_H

#include "vmm/virtio/device.h"

struct net_config {
	int tap; /* as tap_make() gives it: IFF_TAP, IFF_NO_PI, IFF_VNET_HDR with headers of NET_HEADER_SIZE;
		  * or a socket of packets (SOCK_DGRAM, SOCK_SEQPACKET) whose other end writes and reads the
		  * same. The device's from net_new() on, if that succeeds. */
	uint8_t mac[6];
	uint16_t mtu; /* the largest that the guest may set; 0: no limit is told */
};

#define NET_HEADER_SIZE 12

/* Makes the descriptor non-blocking. Freed through ops->free, which closes it. */
int net_new(const struct net_config *config, struct device **out, struct error *err);

#endif
