/* balloon.h: memory that the guest does not use goes back to the host (virtio 1.2, section 5.5).
 *
 * By itself, as the guest's kernel reports pages that have become free (free page reporting); and as much as the host's side asks for. The
 * guest takes that back under pressure (DEFLATE_ON_OOM): the limit that holds is that of the host's control group.
 */
#ifndef VMM_VIRTIO_BALLOON_H
#define VMM_VIRTIO_BALLOON_H

#include "vmm/virtio/device.h"

#define BALLOON_PAGE 4096       /* bytes; what the protocol counts in, whatever the guest's pages are */
#define BALLOON_PAGES_MAX 1024  /* of one request; Linux sends 256 */
#define BALLOON_STATS 16        /* kinds of figures, as of Linux 6.12; older guests know the first ten, and what newer ones add is passed over */
#define BALLOON_UNKNOWN UINT64_MAX

/* What the guest said of its memory when it was last asked: bytes and counts, by VIRTIO_BALLOON_S_* of linux/virtio_balloon.h;
 * BALLOON_UNKNOWN where it said nothing. Its word, not a fact. */
struct balloon_stats {
	uint64_t serial; /* how often it has answered; 0: never */
	uint64_t value[BALLOON_STATS];
};

int balloon_new(struct device **out, struct error *err); /* ops->free() by the caller */

/* All of these: any thread, any time. */

/* How much the guest shall give up, in bytes (rounded down to pages). It does so when it can. */
void balloon_set_target(struct device *d, uint64_t bytes);
/* How much it says it has given up. */
uint64_t balloon_actual(struct device *d);
/* Asks for new figures: balloon_get_stats() has another serial once they are there. -EAGAIN while it has not answered the last time, or
 * has no driver. */
int balloon_ask_stats(struct device *d);
void balloon_get_stats(struct device *d, struct balloon_stats *out);

#endif
