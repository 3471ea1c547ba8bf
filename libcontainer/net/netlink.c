/* netlink.c: requests to rtnetlink, acknowledged and with the kernel's words for a refusal. */
#include "net/netlink.h"

#include <dlfcn.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/table.h"

enum { ANSWER_SIZE = 32768 };

/* libmnl is opened when the first socket is: few containers are given a network device, and each start would pay for mapping it. Its
 * functions are called by their own names, through this table. The one global of this room: once filled it never changes. */
#define MNL_FUNCTIONS(x)                                                                                     \
	x(socket_open2) x(socket_bind) x(socket_close) x(socket_get_fd) \
	x(socket_get_portid) x(socket_recvfrom) x(socket_sendto) x(socket_setsockopt) \
	x(attr_get_payload) x(attr_get_payload_len) x(attr_get_str) x(attr_get_type) \
	x(attr_put_check) x(attr_validate) x(attr_ok) x(attr_next) \
	x(cb_run2) x(nlmsg_get_payload) x(nlmsg_get_payload_len) x(nlmsg_get_payload_offset) \
	x(nlmsg_get_payload_tail) x(nlmsg_put_extra_header) x(nlmsg_put_header)
#define MNL_POINTER(name) __typeof__(mnl_##name) *name;
#define MNL_NAME(name) "mnl_" #name,
static struct {
	MNL_FUNCTIONS(MNL_POINTER)
	void *handle;
} mnl;
static const char *const mnl_names[] = { MNL_FUNCTIONS(MNL_NAME) };

#define mnl_socket_open2 mnl.socket_open2
#define mnl_socket_bind mnl.socket_bind
#define mnl_socket_close mnl.socket_close
#define mnl_socket_get_fd mnl.socket_get_fd
#define mnl_socket_get_portid mnl.socket_get_portid
#define mnl_socket_recvfrom mnl.socket_recvfrom
#define mnl_socket_sendto mnl.socket_sendto
#define mnl_socket_setsockopt mnl.socket_setsockopt
#define mnl_attr_get_payload mnl.attr_get_payload
#define mnl_attr_get_payload_len mnl.attr_get_payload_len
#define mnl_attr_get_str mnl.attr_get_str
#define mnl_attr_get_type mnl.attr_get_type
#define mnl_attr_put_check mnl.attr_put_check
#define mnl_attr_validate mnl.attr_validate
#define mnl_attr_ok mnl.attr_ok
#define mnl_attr_next mnl.attr_next
#define mnl_cb_run2 mnl.cb_run2
#define mnl_nlmsg_get_payload mnl.nlmsg_get_payload
#define mnl_nlmsg_get_payload_len mnl.nlmsg_get_payload_len
#define mnl_nlmsg_get_payload_offset mnl.nlmsg_get_payload_offset
#define mnl_nlmsg_get_payload_tail mnl.nlmsg_get_payload_tail
#define mnl_nlmsg_put_extra_header mnl.nlmsg_put_extra_header
#define mnl_nlmsg_put_header mnl.nlmsg_put_header

static int load_library(struct error *err)
{
	void *library, *symbol;

	if (mnl.handle)
		return 0;
	library = dlopen("libmnl.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return error_set(err, -ENOTSUP, "open libmnl (package libmnl0): %s", dlerror());
	for (size_t i = 0; i < ARRAY_LEN(mnl_names); i++) {
		symbol = dlsym(library, mnl_names[i]);
		if (!symbol) {
			dlclose(library);
			return error_set(err, -ENOTSUP, "libmnl.so.0 has no %s", mnl_names[i]);
		}
		memcpy((char *)&mnl + i * sizeof(symbol), &symbol, sizeof(symbol));
	}
	mnl.handle = library;
	return 0;
}

int netlink_open(struct netlink *out, struct error *err)
{
	struct mnl_socket *s;
	int on = 1, ret = load_library(err);

	if (ret < 0)
		return ret;
	s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!s)
		return error_errno(err, "open a route socket");
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		int r = error_errno(err, "bind a route socket");

		mnl_socket_close(s);
		return r;
	}
	/* Comfort only: without them (before 4.12) a refusal is a bare errno. */
	mnl_socket_setsockopt(s, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(s, NETLINK_EXT_ACK, &on, sizeof(on));
	out->socket = s;
	out->sequence = 0;
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	*nl = NETLINK_NONE;
}

int netlink_descriptor(const struct netlink *nl)
{
	return mnl_socket_get_fd(nl->socket);
}

static struct nlmsghdr *header_of(struct request *q)
{
	return (struct nlmsghdr *)q->space;
}

void request_begin(struct request *q, uint16_t type, uint16_t flags, const void *header, size_t len)
{
	struct nlmsghdr *h;

	memset(q, 0, sizeof(*q));
	/* Requests may be written before there is a socket; netlink_open() then tells what is wrong with the library. */
	if (load_library(NULL) < 0)
		return;
	h = mnl_nlmsg_put_header(q->space);
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(h, len), header, len);
}

void request_put(struct request *q, uint16_t type, const void *data, size_t len)
{
	struct nlmsghdr *h = header_of(q);

	/* A length that cannot be marks the message as spoilt. */
	if (!mnl.handle || h->nlmsg_len > sizeof(q->space) || !mnl_attr_put_check(h, sizeof(q->space), type, len, data))
		h->nlmsg_len = UINT32_MAX;
}

void request_put_u32(struct request *q, uint16_t type, uint32_t value)
{
	request_put(q, type, &value, sizeof(value));
}

void request_put_text(struct request *q, uint16_t type, const char *text)
{
	request_put(q, type, text, strlen(text) + 1);
}

size_t request_nest(struct request *q, uint16_t type)
{
	size_t at = header_of(q)->nlmsg_len;

	request_put(q, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void request_unnest(struct request *q, size_t nest)
{
	struct nlmsghdr *h = header_of(q);

	if (h->nlmsg_len <= sizeof(q->space))
		((struct nlattr *)(q->space + nest))->nla_len = (uint16_t)(h->nlmsg_len - nest);
}

void request_put_header(struct request *q, const void *header, size_t len)
{
	struct nlmsghdr *h = header_of(q);

	if (h->nlmsg_len > sizeof(q->space) || NLMSG_ALIGN(len) > sizeof(q->space) - h->nlmsg_len)
		h->nlmsg_len = UINT32_MAX;
	else
		memcpy(mnl_nlmsg_put_extra_header(h, len), header, len);
}

/* What goes through mnl_cb_run2() to the callbacks and back. */
struct answer {
	netlink_fn fn;
	void *data;
	struct error *err;
	int code;
	bool told; /* the error text is written */
};

static int hear_message(const struct nlmsghdr *h, void *data)
{
	struct answer *a = data;

	if (!a->fn)
		return MNL_CB_OK;
	a->code = a->fn(a->data, h, a->err);
	if (a->code >= 0)
		return MNL_CB_OK;
	a->told = true;
	return MNL_CB_ERROR;
}

/* The kernel's own words, behind the header of the refused message (or all of it, where the kernel knows no
 * NETLINK_CAP_ACK). */
static const char *words_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
	size_t skip = sizeof(*e);
	const struct nlattr *attribute;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	if (skip > mnl_nlmsg_get_payload_len(h))
		return NULL;
	mnl_attr_for_each(attribute, h, skip)
	{
		if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attribute);
	}
	return NULL;
}

static int hear_verdict(const struct nlmsghdr *h, void *data)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
	struct answer *a = data;
	const char *words;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*e)) {
		a->code = -EBADMSG;
		return MNL_CB_ERROR;
	}
	if (e->error == 0)
		return MNL_CB_STOP;
	a->code = e->error < 0 ? e->error : -EPROTO;
	words = words_of(h);
	if (words) {
		error_set(a->err, a->code, "%s: %s", strerror(-a->code), words);
		a->told = true;
	}
	return MNL_CB_ERROR;
}

static int hear_done(const struct nlmsghdr *h, void *data)
{
	struct answer *a = data;
	int code = 0;

	/* A list can end in an error as well. */
	if (mnl_nlmsg_get_payload_len(h) >= sizeof(code))
		memcpy(&code, mnl_nlmsg_get_payload(h), sizeof(code));
	if (code >= 0)
		return MNL_CB_STOP;
	a->code = code;
	return MNL_CB_ERROR;
}

int netlink_ask(struct netlink *nl, struct request *q, netlink_fn fn, void *data, struct error *err)
{
	mnl_cb_t control[NLMSG_MIN_TYPE] = {[NLMSG_ERROR] = hear_verdict, [NLMSG_DONE] = hear_done};
	struct answer a = {.fn = fn, .data = data, .err = err};
	struct nlmsghdr *h = header_of(q);
	_Alignas(struct nlmsghdr) char space[ANSWER_SIZE];
	ssize_t n;
	int more;

	if (h->nlmsg_len > sizeof(q->space))
		return error_set(err, -EMSGSIZE, "the request is too long");
	h->nlmsg_seq = ++nl->sequence;
	if ((h->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		h->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, h, h->nlmsg_len) < 0)
		return error_errno(err, "send a request");
	do {
		do {
			n = mnl_socket_recvfrom(nl->socket, space, sizeof(space));
		} while (n < 0 && errno == EINTR);
		if (n < 0)
			return error_errno(err, "receive an answer");
		/* The rest of a list that was given up earlier (-EINTR, or a callback that failed). */
		if ((size_t)n >= sizeof(*h) && ((struct nlmsghdr *)space)->nlmsg_seq != nl->sequence) {
			more = MNL_CB_OK;
			continue;
		}
		more = mnl_cb_run2(space, (size_t)n, nl->sequence, mnl_socket_get_portid(nl->socket),
				   hear_message, &a, control, NLMSG_MIN_TYPE);
	} while (more > MNL_CB_STOP);
	if (more == MNL_CB_STOP)
		return 0;
	if (a.told)
		return a.code;
	if (a.code == 0)
		a.code = errno ? -errno : -EPROTO;
	return error_set(err, a.code, "%s", strerror(-a.code));
}

void netlink_attributes(const struct nlmsghdr *message, size_t header_len, const struct nlattr **table,
			uint16_t max)
{
	const struct nlattr *attribute;

	for (uint16_t i = 0; i <= max; i++)
		table[i] = NULL;
	mnl_attr_for_each(attribute, message, header_len)
	{
		if (mnl_attr_get_type(attribute) <= max)
			table[mnl_attr_get_type(attribute)] = attribute;
	}
}

void attribute_nested(const struct nlattr *attribute, const struct nlattr **table, uint16_t max)
{
	const struct nlattr *inner;

	for (uint16_t i = 0; i <= max; i++)
		table[i] = NULL;
	mnl_attr_for_each_nested(inner, attribute)
	{
		if (mnl_attr_get_type(inner) <= max)
			table[mnl_attr_get_type(inner)] = inner;
	}
}

const void *attribute_data(const struct nlattr *attribute, size_t *len)
{
	*len = mnl_attr_get_payload_len(attribute);
	return mnl_attr_get_payload(attribute);
}
