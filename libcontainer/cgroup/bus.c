/* bus.c: the few calls of org.freedesktop.systemd1.Manager that a container needs. libsystemd is opened with
 * dlopen(3), so that it is neither needed to build nor loaded by anyone who does not ask for this driver; the
 * prototypes below are its documented interface. */
#include "cgroup/bus.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/table.h"

#define MANAGER	   "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"
#define TIMEOUT_US (30 * 1000000ull)

struct sd_bus;
struct sd_bus_message;
struct sd_bus_slot;
struct sd_bus_error {
	const char *name, *message;
	int need_free;
};
typedef int (*signal_fn)(struct sd_bus_message *m, void *data, struct sd_bus_error *e);

/* In the order of symbols[]. */
struct api {
	int (*open_system)(struct sd_bus **);
	int (*open_user)(struct sd_bus **);
	struct sd_bus *(*close)(struct sd_bus *);
	int (*new_call)(struct sd_bus *, struct sd_bus_message **, const char *, const char *, const char *,
			const char *);
	int (*append)(struct sd_bus_message *, const char *, ...);
	int (*append_array)(struct sd_bus_message *, char, const void *, size_t);
	int (*begin)(struct sd_bus_message *, char, const char *);
	int (*end)(struct sd_bus_message *);
	int (*read)(struct sd_bus_message *, const char *, ...);
	int (*call)(struct sd_bus *, struct sd_bus_message *, uint64_t, struct sd_bus_error *,
		    struct sd_bus_message **);
	struct sd_bus_message *(*drop)(struct sd_bus_message *);
	void (*clear_error)(struct sd_bus_error *);
	int (*match)(struct sd_bus *, struct sd_bus_slot **, const char *, const char *, const char *,
		     const char *, signal_fn, void *);
	int (*process)(struct sd_bus *, struct sd_bus_message **);
	int (*wait)(struct sd_bus *, uint64_t);
};

static const char *const symbols[] = {
    "sd_bus_open_system",
    "sd_bus_open_user",
    "sd_bus_flush_close_unref",
    "sd_bus_message_new_method_call",
    "sd_bus_message_append",
    "sd_bus_message_append_array",
    "sd_bus_message_open_container",
    "sd_bus_message_close_container",
    "sd_bus_message_read",
    "sd_bus_call",
    "sd_bus_message_unref",
    "sd_bus_error_free",
    "sd_bus_match_signal",
    "sd_bus_process",
    "sd_bus_wait",
};
_Static_assert(sizeof(struct api) == ARRAY_LEN(symbols) * sizeof(void *), "struct api and symbols[] differ");

struct bus {
	struct api api;
	void *library;
	struct sd_bus *sd;
	const char *job; /* the job that is waited for */
	char result[32]; /* what became of it; "" before */
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int on_job_removed(struct sd_bus_message *m, void *data, struct sd_bus_error *e)
{
	const char *job = NULL, *unit = NULL, *result = NULL;
	struct bus *b = data;
	uint32_t id;

	if (b->api.read(m, "uoss", &id, &job, &unit, &result) < 0 || !b->job || strcmp(job, b->job))
		return 0;
	strncpy(b->result, result, sizeof(b->result) - 1);
	return 0;
}

/* `reply` may be NULL. What the manager said goes to err, the name of its error to name[64] where that is not
 * NULL. */
static int call(struct bus *b, struct sd_bus_message *m, const char *what, char *name,
		struct sd_bus_message **reply, struct error *err)
{
	struct sd_bus_error e = {0};
	int ret = b->api.call(b->sd, m, TIMEOUT_US, &e, reply);

	if (ret < 0) {
		if (name && e.name)
			strncpy(name, e.name, 63);
		error_set(err, ret, "cgroup driver systemd: %s: %s", what,
			  e.message ? e.message : strerror(-ret));
	}
	b->api.clear_error(&e);
	return ret < 0 ? ret : 0;
}

static int failed(struct error *err, const char *what, int ret)
{
	return error_set(err, ret, "cgroup driver systemd: %s: %s", what, strerror(-ret));
}

static int subscribe(struct bus *b, struct error *err)
{
	struct sd_bus_message *m = NULL;
	int ret = b->api.match(b->sd, NULL, MANAGER, "JobRemoved", on_job_removed, b);

	if (ret >= 0)
		ret = b->api.new_call(b->sd, &m, MANAGER, "Subscribe");
	if (ret < 0)
		return failed(err, "listen to the service manager", ret);
	ret = call(b, m, "listen to the service manager", NULL, NULL, err);
	b->api.drop(m);
	return ret;
}

int bus_open(bool user, struct bus **out, struct error *err)
{
	const char *which = user ? "user" : "system";
	struct bus *b = calloc(1, sizeof(*b));
	int ret;

	if (!b)
		return error_set(err, -ENOMEM, "out of memory");
	b->library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!b->library) {
		free(b);
		return error_set(err, -ENOTSUP, "cgroup driver systemd: connect to the %s bus: %s", which,
				 dlerror());
	}
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		void *symbol = dlsym(b->library, symbols[i]);

		if (!symbol) {
			bus_close(b);
			return error_set(err, -ENOTSUP, "cgroup driver systemd: libsystemd.so.0 has no %s",
					 symbols[i]);
		}
		memcpy((char *)&b->api + i * sizeof(symbol), &symbol, sizeof(symbol));
	}
	ret = user ? b->api.open_user(&b->sd) : b->api.open_system(&b->sd);
	if (ret < 0)
		ret = error_set(err, ret, "cgroup driver systemd: connect to the %s bus: %s", which,
				strerror(-ret));
	else
		ret = subscribe(b, err);
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
	if (b->sd)
		b->api.close(b->sd);
	dlclose(b->library);
	free(b);
}

static int append_strings(struct bus *b, struct sd_bus_message *m, const char *lines)
{
	auto_free char *copy = strdup(lines);
	int ret = copy ? b->api.begin(m, 'v', "as") : -ENOMEM;

	if (ret >= 0)
		ret = b->api.begin(m, 'a', "s");
	for (char *save = NULL, *one = copy ? strtok_r(copy, "\n", &save) : NULL; one && ret >= 0;
	     one = strtok_r(NULL, "\n", &save))
		ret = b->api.append(m, "s", one);
	if (ret >= 0)
		ret = b->api.end(m);
	return ret < 0 ? ret : b->api.end(m);
}

static int append_array(struct bus *b, struct sd_bus_message *m, const char *type, const void *data,
			size_t len)
{
	int ret = b->api.begin(m, 'v', type);

	if (ret >= 0)
		ret = b->api.append_array(m, type[1], data, len);
	return ret < 0 ? ret : b->api.end(m);
}

static int append_property(struct bus *b, struct sd_bus_message *m, const struct property *p)
{
	uint32_t pid = (uint32_t)p->number;
	int ret = b->api.begin(m, 'r', "sv");

	if (ret >= 0)
		ret = b->api.append(m, "s", p->name);
	if (ret < 0)
		return ret;
	switch (p->kind) {
	case PROPERTY_BOOL:
		ret = b->api.append(m, "v", "b", (int)p->number);
		break;
	case PROPERTY_U32:
		ret = b->api.append(m, "v", "u", (uint32_t)p->number);
		break;
	case PROPERTY_I32:
		ret = b->api.append(m, "v", "i", (int32_t)p->number);
		break;
	case PROPERTY_U64:
		ret = b->api.append(m, "v", "t", p->number);
		break;
	case PROPERTY_I64:
		ret = b->api.append(m, "v", "x", (int64_t)p->number);
		break;
	case PROPERTY_STRING:
		ret = b->api.append(m, "v", "s", p->text);
		break;
	case PROPERTY_STRINGS:
		ret = append_strings(b, m, p->text);
		break;
	case PROPERTY_BYTES:
		ret = append_array(b, m, "ay", p->text, p->len);
		break;
	case PROPERTY_PIDS:
		ret = append_array(b, m, "au", &pid, sizeof(pid));
		break;
	}
	return ret < 0 ? ret : b->api.end(m);
}

static int append_properties(struct bus *b, struct sd_bus_message *m, const struct properties *p)
{
	int ret = b->api.begin(m, 'a', "(sv)");

	for (size_t i = 0; i < p->n && ret >= 0; i++)
		if (p->v[i].name)
			ret = append_property(b, m, &p->v[i]);
	return ret < 0 ? ret : b->api.end(m);
}

static int wait_for(struct bus *b, struct sd_bus_message *reply, const char *what, const char *unit,
		    struct error *err)
{
	uint64_t deadline = now_us() + TIMEOUT_US, now = 0;
	int ret = b->api.read(reply, "o", &b->job);

	*b->result = 0;
	while (ret >= 0 && !*b->result && (now = now_us()) < deadline) {
		ret = b->api.process(b->sd, NULL);
		if (!ret)
			ret = b->api.wait(b->sd, deadline - now);
		/* A signal for the program, or SIGWINCH, ends no wait. */
		if (ret == -EINTR)
			ret = 0;
	}
	b->job = NULL;
	if (ret < 0)
		return error_set(err, ret, "cgroup driver systemd: %s %s: %s", what, unit, strerror(-ret));
	if (!*b->result)
		return error_set(err, -ETIMEDOUT,
				 "cgroup driver systemd: %s %s: no answer from the service manager", what,
				 unit);
	if (strcmp(b->result, "done"))
		return error_set(err, -EIO, "cgroup driver systemd: %s %s: the job ended with \"%s\"", what,
				 unit, b->result);
	return 0;
}

static int reset_failed(struct bus *b, const char *unit)
{
	struct sd_bus_message *m = NULL;
	int ret = b->api.new_call(b->sd, &m, MANAGER, "ResetFailedUnit");

	if (ret >= 0)
		ret = b->api.append(m, "s", unit);
	if (ret >= 0)
		ret = call(b, m, "reset", NULL, NULL, NULL);
	b->api.drop(m);
	return ret;
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

static int start_once(struct bus *b, const char *unit, const struct properties *p, char *name,
		      struct error *err)
{
	struct sd_bus_message *m = NULL, *reply = NULL;
	int ret = b->api.new_call(b->sd, &m, MANAGER, "StartTransientUnit");

	if (ret >= 0)
		ret = b->api.append(m, "ss", unit, "fail");
	if (ret >= 0)
		ret = append_properties(b, m, p);
	if (ret >= 0)
		ret = b->api.append(m, "a(sa(sv))", 0);
	if (ret < 0)
		failed(err, "ask for a scope", ret);
	else
		ret = call(b, m, "start the scope", name, &reply, err);
	if (ret >= 0)
		ret = wait_for(b, reply, "start", unit, err);
	b->api.drop(reply);
	b->api.drop(m);
	return ret;
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
	struct sd_bus_message *m = NULL, *reply = NULL;
	struct error why = ERROR_NONE;
	char name[64] = "";
	int ret = b->api.new_call(b->sd, &m, MANAGER, "StopUnit");

	if (ret >= 0)
		ret = b->api.append(m, "ss", unit, "replace");
	if (ret < 0)
		failed(&why, "stop the scope", ret);
	else
		ret = call(b, m, "stop the scope", name, &reply, &why);
	if (ret >= 0)
		ret = wait_for(b, reply, "stop", unit, &why);
	else if (!strcmp(name, "org.freedesktop.systemd1.NoSuchUnit"))
		ret = 0;
	b->api.drop(reply);
	b->api.drop(m);
	if (ret < 0 && err)
		*err = why;
	return ret;
}

int bus_set_unit(struct bus *b, const char *unit, struct properties *p, struct error *err)
{
	struct error why;
	int ret;

	for (;;) {
		struct sd_bus_message *m = NULL;
		char name[64] = "";

		why = ERROR_NONE;
		ret = b->api.new_call(b->sd, &m, MANAGER, "SetUnitProperties");
		if (ret >= 0)
			ret = b->api.append(m, "sb", unit, 1);
		if (ret >= 0)
			ret = append_properties(b, m, p);
		if (ret < 0)
			failed(&why, "change the scope", ret);
		else
			ret = call(b, m, "change the scope", name, NULL, &why);
		b->api.drop(m);
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
