/* adopt.h: the guest's side of survey.h: the network of a namespace of the host becomes this one's. */
#ifndef NET_ADOPT_H
#define NET_ADOPT_H

#include "net/survey.h"

/* Gives the machine's cards the names, addresses and MTUs of the devices that they carry, sets them up and
 * adds addresses, routes and neighbours. To be done once, in the guest's first network namespace, with /proc
 * mounted; virtio_net must be there if there are devices. Cards that carry nothing are removed where /sys
 * is mounted, else they stay down. -ENODEV: a card
 * is missing. Needs nothing but rtnetlink, written by hand: libmnl cannot be linked into a static program. */
int adopt_survey(const struct survey *s, struct error *err);

#endif
