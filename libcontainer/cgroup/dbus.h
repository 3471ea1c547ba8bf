/* dbus.h: as much of D-Bus (dbus.freedesktop.org/doc/dbus-specification.html) as calls of a service take: one connection, one call at a time,
 * and signals that come meanwhile.
 */
#ifndef CGROUP_DBUS_H
#define CGROUP_DBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* --- what is said: values are added to a struct text, which is asked for `failed` once by dbus_call() --- */

/* A number of 1, 2, 4 or 8 bytes, aligned as D-Bus has it. */
void dbus_put(struct text *t, uint64_t value, size_t size);
void dbus_put_string(struct text *t, const char *s); /* also an object path */
void dbus_put_signature(struct text *t, const char *s);
void dbus_align(struct text *t, size_t to);
/* An array whose elements are aligned to so many bytes; what is put until dbus_array_end() is in it. */
size_t dbus_array(struct text *t, size_t align);
void dbus_array_end(struct text *t, size_t array, size_t align);

/* --- what is heard --- */

enum dbus_kind { DBUS_CALL = 1, DBUS_RETURN = 2, DBUS_ERROR = 3, DBUS_SIGNAL = 4 };

/* Texts lie in the connection's memory and hold until it is asked for the next message; "" where there are none. */
struct dbus_message {
	enum dbus_kind kind;
	uint32_t serial, reply_to;
	const char *path, *interface, *member, *error, *sender, *signature;
	const char *body;
	size_t n;
};

/* The next value in a body, from *at, which moves behind it. False where there is none. */
bool dbus_get_u32(const struct dbus_message *m, size_t *at, uint32_t *out);
bool dbus_get_string(const struct dbus_message *m, size_t *at, const char **out); /* also an object path */

/* --- the connection --- */

struct dbus;
struct dbus_method {
	const char *service, *path, *interface, *member;
};

/* Addresses: as in $DBUS_SYSTEM_BUS_ADDRESS; of those in the list the first UNIX socket that can be reached. The greeting is part of it. Whatever
 * waits here or below waits until `seconds` have passed, then -ETIMEDOUT; -ECONNRESET where the bus hung up. */
int dbus_open(const char *addresses, int seconds, struct dbus **out, struct error *err);
void dbus_close(struct dbus *d); /* NULL is fine */

/* Calls and waits for the answer; other messages that come before it are lost, but `fn`, which may be NULL, is told of signals. A refusal is
 * -EREMOTEIO, err then has what the service said, and name[64], which may be NULL, the name of its error. */
typedef void (*dbus_signal_fn)(void *data, const struct dbus_message *m);
int dbus_call(struct dbus *d, const struct dbus_method *to, const char *signature, const struct text *body, struct dbus_message *reply, char *name,
	      struct error *err);
void dbus_on_signal(struct dbus *d, dbus_signal_fn fn, void *data);
/* Waits for one more message. */
int dbus_wait(struct dbus *d, struct error *err);

#endif
