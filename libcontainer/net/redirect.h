/* redirect.h: a device of a network namespace and a tap become one cable: whatever comes in at one of them
 * leaves by the other.
 *
 * The device stays where it is, with its addresses and counters (engines read them), but the namespace's own
 * protocols do not hear from it any more: the guest behind the tap does. Done in the kernel by an `ingress`
 * qdisc, a filter that takes every frame and the action mirred; there is nothing in between.
 */
#ifndef NET_REDIRECT_H
#define NET_REDIRECT_H

#include <net/if.h>
#include <stddef.h>

#include "base/error.h"
#include "net/netlink.h"
#include "net/survey.h"

/* Joins each device of the survey to taps[its card], and sets the tap up. If anything fails, all of it is
 * taken back. Needs CAP_NET_ADMIN over the namespace that nl is in. -E2BIG: there are fewer taps than
 * devices. -EBUSY: a device is joined to another machine already. -ENOTSUP: the kernel lacks what the error
 * names. */
int redirect_make(struct netlink *nl, const struct survey *s, char (*taps)[IFNAMSIZ], size_t n_taps,
		  struct error *err);

/* Takes away what redirect_make() has added to devices whose tap is gone since: so for the delete of a
 * container whose namespace lives on (a pod's, an engine's). The redirects of machines that run are left
 * alone. Fine twice. */
int redirect_remove(struct netlink *nl, struct error *err);

#endif
