/* survey.h: the network of a namespace as its engine has prepared it: what a virtual machine's guest has to
 * take over.
 *
 * One flat struct of fixed size without pointers: it goes to the agent as it is (message NET), and
 * core/agent/net.c there needs nothing but this header. Both sides are the same build.
 */
#ifndef NET_SURVEY_H
#define NET_SURVEY_H

#include <stdint.h>
#include <string.h>

#include "base/error.h"

enum {
	SURVEY_DEVICES = 8,
	SURVEY_ADDRESSES = 32,
	SURVEY_ROUTES = 64,
	SURVEY_NEIGHBOURS = 32,
	SURVEY_LOOPBACK = 0xfe, /* in place of a device's number: lo */
	SURVEY_NOWHERE = 0xff,	/* of a route: no device (blackhole, unreachable, prohibit) */
};

struct survey_device {
	char name[16];
	uint8_t mac[6];
	uint16_t card; /* the machine's card that carries it, counted from 0 */
	uint32_t mtu;
	int32_t index;	   /* in the namespace surveyed; nothing to the guest */
	int32_t ipv6;	   /* whether IPv6 is on */
	int32_t accept_ra; /* net.ipv6.conf.NAME.accept_ra */
};

struct survey_address {
	uint8_t device; /* an index in devices[] */
	uint8_t family, prefix, scope;
	uint8_t has_local, has_peer, has_broadcast; /* IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST */
	uint8_t local[16], peer[16], broadcast[16];
	uint32_t flags; /* IFA_F_… */
};

/* Of the main table, but those that the kernel makes by itself for an address. */
struct survey_route {
	uint8_t device, family, type, scope, protocol, prefix;
	uint8_t gateway_family; /* 0: none; AF_INET6 also for a route of IPv4 (RTA_VIA) */
	uint8_t has_source;	/* RTA_PREFSRC */
	uint8_t to[16], gateway[16], source[16];
	uint32_t flags;	   /* RTNH_F_ONLINK */
	uint32_t priority; /* 0: none */
	uint32_t mtu;	   /* 0: the device's */
};

/* Permanent ones only; the others are learnt again. */
struct survey_neighbour {
	uint8_t device, family;
	uint8_t mac[6];
	uint8_t address[16];
};

struct survey {
	uint32_t n_devices, n_addresses, n_routes, n_neighbours;
	struct survey_device devices[SURVEY_DEVICES];
	struct survey_address addresses[SURVEY_ADDRESSES];
	struct survey_route routes[SURVEY_ROUTES];
	struct survey_neighbour neighbours[SURVEY_NEIGHBOURS];
};

/* The address with which the machine's nth card is born, long before anybody knows what device it will carry
 * (engines add devices until `start`). By it the agent finds the card among the guest's devices; the device's
 * own address is given to it then. */
static inline void survey_card_mac(unsigned int n, uint8_t mac[6])
{
	memcpy(mac, (const uint8_t[6]){0x02, 'n', 'a', 'c', 'r', (uint8_t)n}, 6);
}

struct netlink;

/* Reads it all, through a socket in that namespace; needs no rights. Passed over are devices that are down,
 * that are part of another one (a bridge's port), that are not Ethernet and have no address, and those whose
 * name begins with TAP_PREFIX (tap.h). devices[n].card is n. -E2BIG: more than the arrays hold; -ENOTSUP:
 * what a machine cannot have: a device that is not Ethernet, but has an address; a route over several
 * gateways, by source, by type of service, or into a tunnel. The error names it. */
int survey_make(struct netlink *nl, struct survey *out, struct error *err);

#endif
