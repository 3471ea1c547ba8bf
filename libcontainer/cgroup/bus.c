/* bus.c: the few calls of org.freedesktop.systemd1.Manager that a container needs. */
#include "cgroup/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/str.h"
#include "cgroup/dbus.h"

#define MANAGER "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"

enum { PATIENCE = 30 }; /* seconds */

struct bus {
	struct dbus *connection;
	char *manager;	 /* its unique name: only its word counts */
	const char *job; /* the job that is waited for */
	char result[32]; /* what became of it; "" before */
};

static void on_signal(void *data, const struct dbus_message *m)
{
	const char *job, *unit, *result;
	struct bus *b = data;
	uint32_t id;
	size_t at = 0;

	if (strcmp(m->member, "JobRemoved") || strcmp(m->signature, "uoss") || !b->manager || strcmp(m->sender, b->manager) || !b->job)
		return;
	if (dbus_get_u32(m, &at, &id) && dbus_get_string(m, &at, &job) && dbus_get_string(m, &at, &unit) && dbus_get_string(m, &at, &result) &&
	    !strcmp(job, b->job))
		snprintf(b->result, sizeof(b->result), "%s", result);
}

/* The name of the manager's error goes to name[64] where that is not NULL. */
static int call(struct bus *b, const char *member, const char *signature, const struct text *body, const char *what, struct dbus_message *reply,
		char *name, struct error *err)
{
	const struct dbus_method to = {"org.freedesktop.systemd1", MANAGER, member};
	struct error why = ERROR_NONE;
	int ret = dbus_call(b->connection, &to, signature, body, reply, name, &why);

	return ret < 0 ? error_set(err, ret, "cgroup driver systemd: %s: %s", what, why.msg) : 0;
}

static int subscribe(struct bus *b, struct error *err)
{
	static const struct dbus_method match = {"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch"};
	static const char what[] = "listen to the service manager";
	struct error why = ERROR_NONE;
	auto_text struct text body = {0};
	struct dbus_message reply;
	int ret;

	dbus_put_string(&body, "type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1',"
			       "interface='org.freedesktop.systemd1.Manager',member='JobRemoved'");
	ret = dbus_call(b->connection, &match, "s", &body, NULL, NULL, &why);
	if (ret < 0)
		return error_set(err, ret, "cgroup driver systemd: %s: %s", what, why.msg);
	ret = call(b, "Subscribe", "", NULL, what, &reply, NULL, err);
	if (ret < 0)
		return ret;
	b->manager = strdup(reply.sender);
	return b->manager ? 0 : error_set(err, -ENOMEM, "out of memory");
}

/* Where the bus listens, malloc()ed. */
static char *address_of(bool user)
{
	const char *address = getenv(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS");
	const char *folder = getenv("XDG_RUNTIME_DIR");

	if (address && *address)
		return strdup(address);
	if (!user)
		return strdup("unix:path=/run/dbus/system_bus_socket");
	return folder && *folder ? str_printf("unix:path=%s/bus", folder) : strdup("");
}

int bus_open(bool user, struct bus **out, struct error *err)
{
	auto_free char *address = address_of(user);
	struct bus *b = calloc(1, sizeof(*b));
	struct error why = ERROR_NONE;
	int ret;

	if (!b || !address) {
		free(b);
		return error_set(err, -ENOMEM, "out of memory");
	}
	ret = dbus_open(address, PATIENCE, &b->connection, &why);
	if (ret < 0) {
		error_set(err, ret, "cgroup driver systemd: connect to the %s bus: %s", user ? "user" : "system",
			  *address ? why.msg : "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set");
	} else {
		dbus_on_signal(b->connection, on_signal, b);
		ret = subscribe(b, err);
	}
	if (ret < 0)
		bus_close(b);
	else
		*out = b;
	return ret < 0 ? ret : 0;
}

void bus_close(struct bus *b)
{
	if (!b)
		return;
	dbus_close(b->connection);
	free(b->manager);
	free(b);
}

static void put_strings(struct text *t, const char *lines)
{
	size_t array;

	dbus_put_signature(t, "as");
	array = dbus_array(t, 4);
	for (size_t n; *lines; lines += n + (lines[n] == '\n')) {
		n = strcspn(lines, "\n");
		if (!n)
			continue;
		dbus_put(t, n, 4);
		text_add_bytes(t, lines, n);
		dbus_put(t, 0, 1);
	}
	dbus_array_end(t, array, 4);
}

static void put_bytes(struct text *t, const char *bytes, size_t n)
{
	dbus_put_signature(t, "ay");
	dbus_put(t, n, 4);
	text_add_bytes(t, bytes, n);
}

static void put_pid(struct text *t, uint64_t pid)
{
	size_t array;

	dbus_put_signature(t, "au");
	array = dbus_array(t, 4);
	dbus_put(t, pid, 4);
	dbus_array_end(t, array, 4);
}

static void put_number(struct text *t, const char *type, uint64_t value, size_t size)
{
	dbus_put_signature(t, type);
	dbus_put(t, value, size);
}

/* (sv) */
static void put_property(struct text *t, const struct property *p)
{
	dbus_align(t, 8);
	dbus_put_string(t, p->name);
	switch (p->kind) {
	case PROPERTY_BOOL:
		put_number(t, "b", p->number != 0, 4);
		break;
	case PROPERTY_U32:
		put_number(t, "u", p->number, 4);
		break;
	case PROPERTY_I32:
		put_number(t, "i", p->number, 4);
		break;
	case PROPERTY_U64:
		put_number(t, "t", p->number, 8);
		break;
	case PROPERTY_I64:
		put_number(t, "x", p->number, 8);
		break;
	case PROPERTY_STRING:
		dbus_put_signature(t, "s");
		dbus_put_string(t, p->text);
		break;
	case PROPERTY_STRINGS:
		put_strings(t, p->text);
		break;
	case PROPERTY_BYTES:
		put_bytes(t, p->text, p->len);
		break;
	case PROPERTY_PIDS:
		put_pid(t, p->number);
		break;
	}
}

static void put_properties(struct text *t, const struct properties *p)
{
	size_t array = dbus_array(t, 8);

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].name)
			put_property(t, &p->v[i]);
	dbus_array_end(t, array, 8);
}

static int wait_for(struct bus *b, const struct dbus_message *reply, const char *what, const char *unit, struct error *err)
{
	struct timespec begin, now;
	struct error why = ERROR_NONE;
	auto_free char *job = NULL;
	const char *path = "";
	size_t at = 0;
	int ret = 0;

	if (*reply->signature != 'o' || !dbus_get_string(reply, &at, &path))
		return error_set(err, -EBADMSG, "cgroup driver systemd: %s %s: the service manager names no job", what, unit);
	b->job = job = strdup(path);
	*b->result = 0;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	/* Other jobs' signals lengthen no wait. */
	for (now = begin; job && ret == 0 && !*b->result && now.tv_sec - begin.tv_sec < PATIENCE; clock_gettime(CLOCK_MONOTONIC, &now))
		ret = dbus_wait(b->connection, &why);
	b->job = NULL;
	if (!job)
		return error_set(err, -ENOMEM, "out of memory");
	if (ret < 0 && ret != -ETIMEDOUT)
		return error_set(err, ret, "cgroup driver systemd: %s %s: %s", what, unit, why.msg);
	if (!*b->result)
		return error_set(err, -ETIMEDOUT, "cgroup driver systemd: %s %s: no answer from the service manager", what, unit);
	if (strcmp(b->result, "done"))
		return error_set(err, -EIO, "cgroup driver systemd: %s %s: the job ended with \"%s\"", what, unit, b->result);
	return 0;
}

static int reset_failed(struct bus *b, const char *unit)
{
	auto_text struct text body = {0};

	dbus_put_string(&body, unit);
	return call(b, "ResetFailedUnit", "s", &body, "reset", NULL, NULL, NULL);
}

/* The manager names one unknown property at a time: "Cannot set property AllowedCPUs, or unknown property."
 */
static bool forget_unknown(struct properties *p, const char *message)
{
	static const char before[] = "property ";
	const char *name = strstr(message, before);
	size_t len;

	if (!name)
		return false;
	name += sizeof(before) - 1;
	len = strcspn(name, ",. ");
	for (size_t i = 0; i < p->n; i++) {
		if (!p->v[i].name || strlen(p->v[i].name) != len || strncmp(p->v[i].name, name, len) ||
		    !p->v[i].optional)
			continue;
		free(p->v[i].name);
		p->v[i].name = NULL;
		return true;
	}
	return false;
}

static int start_once(struct bus *b, const char *unit, const struct properties *p, char *name, struct error *err)
{
	auto_text struct text body = {0};
	struct dbus_message reply;
	size_t array;
	int ret;

	dbus_put_string(&body, unit);
	dbus_put_string(&body, "fail");
	put_properties(&body, p);
	/* No units beside it. */
	array = dbus_array(&body, 8);
	dbus_array_end(&body, array, 8);
	ret = call(b, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body, "start the scope", &reply, name, err);
	return ret < 0 ? ret : wait_for(b, &reply, "start", unit, err);
}

int bus_start_unit(struct bus *b, const char *unit, struct properties *p, struct error *err)
{
	struct error why;
	bool reset = false;
	int ret;

	for (;;) {
		char name[64] = "";

		why = ERROR_NONE;
		ret = start_once(b, unit, p, name, &why);
		if (ret >= 0)
			return 0;
		if (!strcmp(name, "org.freedesktop.systemd1.UnitExists") && !reset) {
			reset = true;
			if (reset_failed(b, unit) >= 0)
				continue;
		}
		if (strcmp(name, "org.freedesktop.DBus.Error.PropertyReadOnly") ||
		    !forget_unknown(p, why.msg))
			break;
	}
	if (err)
		*err = why;
	return ret;
}

int bus_stop_unit(struct bus *b, const char *unit, struct error *err)
{
	auto_text struct text body = {0};
	struct error why = ERROR_NONE;
	struct dbus_message reply;
	char name[64] = "";
	int ret;

	dbus_put_string(&body, unit);
	dbus_put_string(&body, "replace");
	ret = call(b, "StopUnit", "ss", &body, "stop the scope", &reply, name, &why);
	if (ret >= 0)
		ret = wait_for(b, &reply, "stop", unit, &why);
	else if (!strcmp(name, "org.freedesktop.systemd1.NoSuchUnit"))
		ret = 0;
	if (ret < 0 && err)
		*err = why;
	return ret;
}

int bus_set_unit(struct bus *b, const char *unit, struct properties *p, struct error *err)
{
	struct error why;
	int ret;

	for (;;) {
		auto_text struct text body = {0};
		char name[64] = "";

		why = ERROR_NONE;
		dbus_put_string(&body, unit);
		/* Not for ever: until the machine stops. */
		dbus_put(&body, true, 4);
		put_properties(&body, p);
		ret = call(b, "SetUnitProperties", "sba(sv)", &body, "change the scope", NULL, name, &why);
		if (ret >= 0)
			return 0;
		if (strcmp(name, "org.freedesktop.DBus.Error.PropertyReadOnly") ||
		    !forget_unknown(p, why.msg))
			break;
	}
	if (err)
		*err = why;
	return ret;
}
