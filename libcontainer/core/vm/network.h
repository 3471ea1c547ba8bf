/* network.h: the network of the bundle's namespace goes on into the guest.
 *
 * Which devices there are is looked at when the container is started, since engines prepare them until then; by that time the monitor has
 * locked itself in. So a child of it is left behind before, with the one capability that this takes: it waits for the word, lays the
 * cables between the devices and the machine's cards, tells what the guest has to take over, and ends.
 */
#ifndef CORE_VM_NETWORK_H
#define CORE_VM_NETWORK_H

#include <net/if.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "net/survey.h"

struct vm_network;

/* While there is one thread. taps: names of the cards' other ends. */
int vm_network_new(char (*taps)[IFNAMSIZ], size_t n, struct vm_network **out, struct error *err);
/* Now. A guest may be told *out as it is. Waits some milliseconds. */
int vm_network_join(struct vm_network *n, struct survey *out, struct error *err);

/* HOST, afterwards: takes the cables away that a machine has left in a namespace that lives on. netns: its path. */
int vm_network_clear(const char *netns, struct error *err);

#endif
