/* netlink.c: requests to rtnetlink, acknowledged and with the kernel's words for a refusal. */
#include "net/netlink.h"

#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"

enum { ANSWER_SIZE = 32768 };

int netlink_open(struct netlink *out, struct error *err)
{
	auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	socklen_t size = sizeof(address);
	int on = 1;

	if (fd < 0)
		return error_errno(err, "open a route socket");
	if (bind(fd, (struct sockaddr *)&address, size) < 0 || getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return error_errno(err, "bind a route socket");
	/* Comfort only: without them (before 4.12) a refusal is a bare errno. */
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	out->fd = TAKE_FD(fd);
	out->port = address.nl_pid;
	out->sequence = 0;
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	*nl = NETLINK_NONE;
}

int netlink_descriptor(const struct netlink *nl)
{
	return nl->fd;
}

static struct nlmsghdr *header_of(struct request *q)
{
	return (struct nlmsghdr *)q->space;
}

/* Room for so many bytes more, or NULL: then the message is marked as spoilt, by a length that cannot be. */
static void *extend(struct request *q, size_t len)
{
	struct nlmsghdr *h = header_of(q);
	char *at = q->space + h->nlmsg_len;

	if (h->nlmsg_len > sizeof(q->space) || len > sizeof(q->space) || NLMSG_ALIGN(len) > sizeof(q->space) - h->nlmsg_len) {
		h->nlmsg_len = UINT32_MAX;
		return NULL;
	}
	h->nlmsg_len += NLMSG_ALIGN((uint32_t)len);
	return at;
}

void request_begin(struct request *q, uint16_t type, uint16_t flags, const void *header, size_t len)
{
	memset(q, 0, sizeof(*q));
	*header_of(q) = (struct nlmsghdr){.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
	request_put_header(q, header, len);
}

void request_put(struct request *q, uint16_t type, const void *data, size_t len)
{
	struct nlattr *a = extend(q, NLA_HDRLEN + len);

	if (!a)
		return;
	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (len)
		memcpy((char *)a + NLA_HDRLEN, data, len);
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
	void *at = extend(q, len);

	if (at && len)
		memcpy(at, header, len);
}

/* A row of attributes in `len` bytes, as far as they are whole. */
struct row {
	const char *at;
	size_t len;
};

static const struct nlattr *next_attribute(struct row *r)
{
	const struct nlattr *a = (const struct nlattr *)r->at;
	size_t step;

	if (r->len < sizeof(*a) || a->nla_len < sizeof(*a) || a->nla_len > r->len)
		return NULL;
	step = NLA_ALIGN(a->nla_len);
	if (step > r->len)
		step = r->len;
	r->at += step;
	r->len -= step;
	return a;
}

static uint16_t type_of(const struct nlattr *a)
{
	return a->nla_type & NLA_TYPE_MASK;
}

/* What stands in a message behind its header and `skip` bytes more. */
static struct row row_of(const struct nlmsghdr *h, size_t skip)
{
	size_t begin = NLMSG_HDRLEN + NLMSG_ALIGN(skip);

	if (begin > h->nlmsg_len)
		return (struct row){NULL, 0};
	return (struct row){(const char *)h + begin, h->nlmsg_len - begin};
}

/* The kernel's own words, behind the header of the refused message (or all of it, where the kernel knows no
 * NETLINK_CAP_ACK). */
static const char *words_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	size_t skip = sizeof(*e);
	const struct nlattr *a;
	struct row row;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	row = row_of(h, skip);
	while ((a = next_attribute(&row))) {
		size_t len;
		const char *text = attribute_data(a, &len);

		if (type_of(a) == NLMSGERR_ATTR_MSG && len && !text[len - 1])
			return text;
	}
	return NULL;
}

/* The kernel's verdict: 0, or its errno with its words. */
static int hear_verdict(const struct nlmsghdr *h, struct error *err)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	const char *words;
	int code;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
		return error_set(err, -EBADMSG, "%s", strerror(EBADMSG));
	if (e->error == 0)
		return 0;
	code = e->error < 0 ? e->error : -EPROTO;
	words = words_of(h);
	return error_set(err, code, "%s%s%s", strerror(-code), words ? ": " : "", words ? words : "");
}

/* A list can end in an error as well. */
static int hear_end(const struct nlmsghdr *h, struct error *err)
{
	int code = 0;

	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(code)))
		memcpy(&code, NLMSG_DATA(h), sizeof(code));
	return code >= 0 ? 0 : error_set(err, code, "%s", strerror(-code));
}

/* What came in one piece. 1: there is more to come; else the end, with 0 or an error. */
static int hear(const struct netlink *nl, const char *at, size_t n, netlink_fn fn, void *data, struct error *err)
{
	int ret = 0;

	for (size_t step; n >= NLMSG_HDRLEN; at += step, n -= step) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)at;

		if (h->nlmsg_len < NLMSG_HDRLEN || h->nlmsg_len > n)
			break;
		step = NLMSG_ALIGN(h->nlmsg_len) < n ? NLMSG_ALIGN(h->nlmsg_len) : n;
		/* The rest of a list that was given up earlier (-EINTR, or a callback that failed), or somebody else's. */
		if (h->nlmsg_seq != nl->sequence || h->nlmsg_pid != nl->port)
			continue;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			return error_set(err, -EINTR, "%s", strerror(EINTR));
		if (h->nlmsg_type == NLMSG_ERROR)
			return hear_verdict(h, err);
		if (h->nlmsg_type == NLMSG_DONE)
			return hear_end(h, err);
		if (h->nlmsg_type >= NLMSG_MIN_TYPE && fn)
			ret = fn(data, h, err);
		if (ret < 0)
			return ret;
	}
	return 1;
}

int netlink_ask(struct netlink *nl, struct request *q, netlink_fn fn, void *data, struct error *err)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr *h = header_of(q);
	_Alignas(struct nlmsghdr) char space[ANSWER_SIZE];
	int ret;

	if (h->nlmsg_len > sizeof(q->space))
		return error_set(err, -EMSGSIZE, "the request is too long");
	h->nlmsg_seq = ++nl->sequence;
	if ((h->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		h->nlmsg_flags |= NLM_F_ACK;
	if (sendto(nl->fd, h, h->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return error_errno(err, "send a request");
	do {
		struct sockaddr_nl from = {0};
		struct iovec part = {space, sizeof(space)};
		struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
		ssize_t n;

		do {
			n = recvmsg(nl->fd, &m, 0);
		} while (n < 0 && errno == EINTR);
		if (n < 0)
			return error_errno(err, "receive an answer");
		if (m.msg_flags & MSG_TRUNC)
			return error_set(err, -ENOSPC, "receive an answer: it is too long");
		/* Other processes may write to this socket; only the kernel answers. */
		ret = from.nl_pid ? 1 : hear(nl, space, (size_t)n, fn, data, err);
	} while (ret > 0);
	return ret;
}

static void fill(struct row row, const struct nlattr **table, uint16_t max)
{
	const struct nlattr *a;

	for (uint16_t i = 0; i <= max; i++)
		table[i] = NULL;
	while ((a = next_attribute(&row)))
		if (type_of(a) <= max)
			table[type_of(a)] = a;
}

void netlink_attributes(const struct nlmsghdr *message, size_t header_len, const struct nlattr **table,
			uint16_t max)
{
	fill(row_of(message, header_len), table, max);
}

void attribute_nested(const struct nlattr *attribute, const struct nlattr **table, uint16_t max)
{
	struct row row;

	row.at = attribute_data(attribute, &row.len);
	fill(row, table, max);
}

const void *attribute_data(const struct nlattr *attribute, size_t *len)
{
	*len = attribute->nla_len - NLA_HDRLEN;
	return (const char *)attribute + NLA_HDRLEN;
}
