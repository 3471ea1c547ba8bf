/* netlink.h: one request to rtnetlink and its answer. The only file that knows libmnl. */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mnl_socket;
struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
};
#define NETLINK_NONE ((struct netlink){NULL, 0})

/* A message under construction, with room for what this program has to say. */
struct request {
	_Alignas(struct nlmsghdr) char space[1024];
};

/* A socket in the network namespace that the caller is in at the moment; it stays in that one. */
int netlink_open(struct netlink *out, struct error *err);
void netlink_close(struct netlink *nl); /* fine twice */
int netlink_descriptor(const struct netlink *nl);

/* Begins a message of this type; `header` (ifinfomsg, ifaddrmsg, rtmsg) follows its netlink header.
 * NLM_F_REQUEST is added. */
void request_begin(struct request *q, uint16_t type, uint16_t flags, const void *header, size_t len);
/* Adds an attribute. Too much for the message is a mistake of the program: netlink_ask() then fails with
 * -EMSGSIZE. */
void request_put(struct request *q, uint16_t type, const void *data, size_t len);
void request_put_u32(struct request *q, uint16_t type, uint32_t value);
void request_put_text(struct request *q, uint16_t type, const char *text);
/* Opens a nested attribute; what is put until request_unnest() is inside. */
size_t request_nest(struct request *q, uint16_t type);
void request_unnest(struct request *q, size_t nest);
/* A header that stands before the attributes of a nested message (VETH_INFO_PEER). */
void request_put_header(struct request *q, const void *header, size_t len);

/* Called with each message of the answer; a negative code ends the request with it. */
typedef int (*netlink_fn)(void *data, const struct nlmsghdr *message, struct error *err);

/* Sends it, and hears the answer to its end: the acknowledgement, or (NLM_F_DUMP) the end of the list. A
 * refusal is the kernel's errno, with the kernel's own words for it (extended acknowledgement) where it has
 * any. -EINTR: the list changed while it was read; what fn was told is to be forgotten and the question asked
 * again. fn may be NULL. */
int netlink_ask(struct netlink *nl, struct request *q, netlink_fn fn, void *data, struct error *err);

/* The attributes of a message behind a header of `header_len` bytes: table[type] for type <= max, NULL where
 * absent. */
void netlink_attributes(const struct nlmsghdr *message, size_t header_len, const struct nlattr **table,
			uint16_t max);
/* The same for the attributes inside of one. */
void attribute_nested(const struct nlattr *attribute, const struct nlattr **table, uint16_t max);
const void *attribute_data(const struct nlattr *attribute, size_t *len);

#endif
