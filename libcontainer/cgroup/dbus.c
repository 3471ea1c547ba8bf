/* dbus.c: see dbus.h. Everything is written little-endian, and only that is read: a bus of one machine hands on what its programs write. */
#include "cgroup/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"

enum {
	HEAD = 16,	    /* what comes before the header's fields, and their length */
	MOST = 1 << 20,	    /* of one message; the specification allows 128 MiB, a service manager has no use for it */
	LINE_MOST = 1024,   /* of the greeting */
};
enum field { PATH = 1, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE, FIELDS };

struct dbus {
	int fd, seconds;
	uint32_t serial;
	struct text in; /* what was read */
	size_t used;	/* of it: the messages that were handed out */
	dbus_signal_fn fn;
	void *data;
};

/* --- writing --- */

void dbus_align(struct text *t, size_t to)
{
	static const char zeroes[8];

	text_add_bytes(t, zeroes, (to - t->n % to) % to);
}

void dbus_put(struct text *t, uint64_t value, size_t size)
{
	char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(value >> 8 * i);
	dbus_align(t, size);
	text_add_bytes(t, bytes, size);
}

void dbus_put_string(struct text *t, const char *s)
{
	dbus_put(t, strlen(s), 4);
	text_add_bytes(t, s, strlen(s) + 1);
}

void dbus_put_signature(struct text *t, const char *s)
{
	dbus_put(t, strlen(s), 1);
	text_add_bytes(t, s, strlen(s) + 1);
}

size_t dbus_array(struct text *t, size_t align)
{
	size_t at;

	dbus_put(t, 0, 4);
	at = t->n;
	dbus_align(t, align);
	return at;
}

void dbus_array_end(struct text *t, size_t array, size_t align)
{
	size_t first = (array + align - 1) / align * align;

	if (t->failed)
		return;
	for (size_t i = 0; i < 4; i++)
		t->v[array - 4 + i] = (char)((t->n - first) >> 8 * i);
}

static void put_field(struct text *t, enum field field, const char *type, const char *value)
{
	dbus_align(t, 8);
	dbus_put(t, field, 1);
	dbus_put_signature(t, type);
	if (*type == 'g')
		dbus_put_signature(t, value);
	else
		dbus_put_string(t, value);
}

static void put_call(struct text *t, uint32_t serial, const struct dbus_method *to, const char *signature, const struct text *body)
{
	size_t fields;

	dbus_put(t, 'l', 1);
	dbus_put(t, DBUS_CALL, 1);
	dbus_put(t, 0, 1);
	dbus_put(t, 1, 1); /* the protocol's version */
	dbus_put(t, body ? body->n : 0, 4);
	dbus_put(t, serial, 4);
	fields = dbus_array(t, 8);
	put_field(t, PATH, "o", to->path);
	put_field(t, INTERFACE, "s", to->interface);
	put_field(t, MEMBER, "s", to->member);
	put_field(t, DESTINATION, "s", to->service);
	if (*signature)
		put_field(t, SIGNATURE, "g", signature);
	dbus_array_end(t, fields, 8);
	dbus_align(t, 8);
	if (body)
		text_add_bytes(t, body->v, body->n);
}

/* --- reading --- */

static bool get_u32(const char *p, size_t n, size_t *at, uint32_t *out)
{
	size_t from = (*at + 3) / 4 * 4;

	if (from > n || n - from < 4)
		return false;
	*out = 0;
	for (size_t i = 0; i < 4; i++)
		*out |= (uint32_t)(unsigned char)p[from + i] << 8 * i;
	*at = from + 4;
	return true;
}

/* `len` bytes and a NUL, and no NUL before it. */
static bool get_text(const char *p, size_t n, size_t *at, size_t len, const char **out)
{
	if (*at > n || len >= n - *at || strnlen(p + *at, len + 1) != len)
		return false;
	*out = p + *at;
	*at += len + 1;
	return true;
}

static bool get_string(const char *p, size_t n, size_t *at, const char **out)
{
	uint32_t len;

	return get_u32(p, n, at, &len) && get_text(p, n, at, len, out);
}

static bool get_signature(const char *p, size_t n, size_t *at, const char **out)
{
	if (*at >= n)
		return false;
	++*at;
	return get_text(p, n, at, (unsigned char)p[*at - 1], out);
}

bool dbus_get_u32(const struct dbus_message *m, size_t *at, uint32_t *out)
{
	return get_u32(m->body, m->n, at, out);
}

bool dbus_get_string(const struct dbus_message *m, size_t *at, const char **out)
{
	return get_string(m->body, m->n, at, out);
}

/* One of the header's fields: its number, and a variant. */
static bool read_field(const char *p, size_t n, size_t *at, struct dbus_message *m)
{
	const char **const texts[FIELDS] = {[PATH] = &m->path,	[INTERFACE] = &m->interface, [MEMBER] = &m->member, [ERROR_NAME] = &m->error,
					    [SENDER] = &m->sender, [SIGNATURE] = &m->signature};
	const char *type, *text = "";
	unsigned char field;
	uint32_t number = 0;
	bool done;

	*at = (*at + 7) / 8 * 8;
	if (*at >= n)
		return false;
	field = (unsigned char)p[(*at)++];
	if (!get_signature(p, n, at, &type))
		return false;
	if (!strcmp(type, "g"))
		done = get_signature(p, n, at, &text);
	else if (!strcmp(type, "s") || !strcmp(type, "o"))
		done = get_string(p, n, at, &text);
	else
		done = !strcmp(type, "u") && get_u32(p, n, at, &number);
	if (field < FIELDS && texts[field])
		*texts[field] = text;
	if (field == REPLY_SERIAL)
		m->reply_to = number;
	return done;
}

/* Of a message that begins at p: how long it is. 0: more bytes are needed to tell; -EBADMSG. */
static int64_t length_of(const char *p, size_t n)
{
	uint32_t body = 0, fields = 0;
	size_t at = 4;

	if (n < HEAD)
		return 0;
	if (p[0] != 'l' || p[3] != 1 || !get_u32(p, n, &at, &body))
		return -EBADMSG;
	at = HEAD - 4;
	if (!get_u32(p, n, &at, &fields) || body > MOST || fields > MOST)
		return -EBADMSG;
	return (int64_t)((HEAD + (size_t)fields + 7) / 8 * 8 + body);
}

static int read_message(const char *p, size_t n, struct dbus_message *m)
{
	uint32_t fields = 0;
	size_t at = 8;

	*m = (struct dbus_message){.kind = (enum dbus_kind)p[1], .path = "", .interface = "", .member = "", .error = "", .sender = "", .signature = ""};
	get_u32(p, n, &at, &m->serial);
	get_u32(p, n, &at, &fields);
	while (at < HEAD + (size_t)fields)
		if (!read_field(p, HEAD + (size_t)fields, &at, m))
			return -EBADMSG;
	at = (at + 7) / 8 * 8;
	m->body = p + at;
	m->n = n - at;
	return 0;
}

/* --- the connection --- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* At least one byte more. */
static int receive(struct dbus *d, int64_t deadline, struct error *err)
{
	struct pollfd p = {.fd = d->fd, .events = POLLIN};
	char bytes[4096];
	ssize_t n;

	do {
		int64_t left = deadline - now_ms();
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (!ready)
			return error_set(err, -ETIMEDOUT, "no answer from the bus");
		n = ready < 0 ? -1 : recv(d->fd, bytes, sizeof(bytes), 0);
		/* A signal for the program, or SIGWINCH, ends no wait. */
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, "read from the bus");
	if (n == 0)
		return error_set(err, -ECONNRESET, "the bus hung up");
	text_add_bytes(&d->in, bytes, (size_t)n);
	return d->in.failed ? error_set(err, -ENOMEM, "out of memory") : 0;
}

static void forget(struct dbus *d, size_t n)
{
	memmove(d->in.v, d->in.v + n, d->in.n - n + 1);
	d->in.n -= n;
}

static int send_all(struct dbus *d, const struct text *t, struct error *err)
{
	if (t->failed)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t done = 0; done < t->n;) {
		ssize_t n = send(d->fd, t->v + done, t->n - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "write to the bus");
		done += (size_t)n;
	}
	return 0;
}

/* The next message, whichever; signals are told. */
static int next(struct dbus *d, int64_t deadline, struct dbus_message *m, struct error *err)
{
	int64_t n;
	int ret = 0;

	if (d->used)
		forget(d, d->used);
	d->used = 0;
	while (ret == 0 && ((n = length_of(d->in.v, d->in.n)) == 0 || (n > 0 && (size_t)n > d->in.n)))
		ret = receive(d, deadline, err);
	if (ret == 0 && (n < 0 || read_message(d->in.v, (size_t)n, m) < 0))
		ret = error_set(err, -EBADMSG, "the bus says what is no message");
	if (ret < 0)
		return ret;
	d->used = (size_t)n;
	if (m->kind == DBUS_SIGNAL && d->fn)
		d->fn(d->data, m);
	return 0;
}

int dbus_wait(struct dbus *d, struct error *err)
{
	struct dbus_message m;

	return next(d, now_ms() + d->seconds * 1000, &m, err);
}

void dbus_on_signal(struct dbus *d, dbus_signal_fn fn, void *data)
{
	d->fn = fn;
	d->data = data;
}

static int refused(const struct dbus_message *m, char *name, struct error *err)
{
	const char *text = m->error;
	size_t at = 0;

	if (name)
		snprintf(name, 64, "%s", m->error);
	if (*m->signature == 's')
		dbus_get_string(m, &at, &text);
	return error_set(err, -EREMOTEIO, "%s", text);
}

int dbus_call(struct dbus *d, const struct dbus_method *to, const char *signature, const struct text *body, struct dbus_message *reply, char *name,
	      struct error *err)
{
	int64_t deadline = now_ms() + d->seconds * 1000;
	auto_text struct text t = {0};
	struct dbus_message m;
	uint32_t serial = ++d->serial;
	int ret;

	if (body && body->failed)
		return error_set(err, -ENOMEM, "out of memory");
	put_call(&t, serial, to, signature, body);
	ret = send_all(d, &t, err);
	do {
		if (ret == 0)
			ret = next(d, deadline, &m, err);
	} while (ret == 0 && ((m.kind != DBUS_RETURN && m.kind != DBUS_ERROR) || m.reply_to != serial));
	if (ret < 0)
		return ret;
	if (m.kind == DBUS_ERROR)
		return refused(&m, name, err);
	if (reply)
		*reply = m;
	return 0;
}

/* A value of an address: %XX stands for a byte. */
static bool unescape(const char *from, size_t n, char *to, size_t room)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned byte = (unsigned char)from[i];

		if (from[i] == '%') {
			if (n - i < 3 || sscanf(from + i + 1, "%2x", &byte) != 1)
				return false;
			i += 2;
		}
		if (out + 1 >= room || !byte)
			return false;
		to[out++] = (char)byte;
	}
	to[out] = '\0';
	return out > 0;
}

/* "unix:path=…,guid=…" or "unix:abstract=…", up to `n`. */
static int connect_one(const char *address, size_t n)
{
	static const char path[] = "unix:path=", abstract[] = "unix:abstract=";
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	bool named = str_starts(address, path);
	size_t skip = named ? sizeof(path) - 1 : sizeof(abstract) - 1, len;
	auto_close int fd = -EBADF;

	if (!named && !str_starts(address, abstract))
		return -ENOTSUP;
	len = strcspn(address + skip, ",;");
	if (skip + len > n || !unescape(address + skip, len, at.sun_path + !named, sizeof(at.sun_path) - !named))
		return -EINVAL;
	len = offsetof(struct sockaddr_un, sun_path) + !named + strlen(at.sun_path + !named) + named;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, (socklen_t)len) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int connect_any(const char *addresses)
{
	int fd = -EINVAL;

	for (size_t n; *addresses && fd < 0; addresses += n + (addresses[n] == ';')) {
		n = strcspn(addresses, ";");
		fd = connect_one(addresses, n);
	}
	return fd;
}

/* Who we are the bus sees on the socket: nothing is claimed, so that a user namespace does no harm. Its answers are two lines. */
static int greet(struct dbus *d, struct error *err)
{
	static const char words[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	int64_t deadline = now_ms() + d->seconds * 1000;
	auto_text struct text t = {0};
	const char *first, *second, *end;
	int ret;

	text_add_bytes(&t, words, sizeof(words) - 1);
	ret = send_all(d, &t, err);
	do {
		if (ret == 0)
			ret = d->in.n > LINE_MOST ? error_set(err, -EBADMSG, "the bus greets without end") : receive(d, deadline, err);
		if (ret < 0)
			return ret;
		first = d->in.v;
		second = strstr(first, "\r\n");
		end = second ? strstr(second + 2, "\r\n") : NULL;
	} while (!end && !str_starts(first, "REJECTED"));
	if (!str_starts(first, "DATA") || !str_starts(second + 2, "OK "))
		return error_set(err, -EACCES, "the bus does not let us in");
	forget(d, (size_t)(end + 2 - first));
	return 0;
}

int dbus_open(const char *addresses, int seconds, struct dbus **out, struct error *err)
{
	static const struct dbus_method hello = {"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"};
	struct timeval limit = {.tv_sec = seconds};
	struct dbus *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return error_set(err, -ENOMEM, "out of memory");
	d->seconds = seconds;
	d->fd = connect_any(addresses);
	if (d->fd < 0) {
		ret = error_set(err, d->fd, "%s", strerror(-d->fd));
	} else {
		setsockopt(d->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		ret = greet(d, err);
	}
	if (ret == 0)
		ret = dbus_call(d, &hello, "", NULL, NULL, NULL, err);
	if (ret < 0)
		dbus_close(d);
	else
		*out = d;
	return ret;
}

void dbus_close(struct dbus *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	text_free(&d->in);
	free(d);
}
