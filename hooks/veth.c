/* veth.c: a hook (prestart, createRuntime) that joins a container to a bridge of the host.
 *
 *   veth --bridge BRIDGE [--name DEVICE] [--address ADDRESS/PREFIX] [--gateway ADDRESS]
 *
 * In config.json, for example:
 *
 *   "createRuntime": [{ "path": "/usr/libexec/nacre/veth",
 *                       "args": ["veth", "--bridge", "br0", "--address", "10.0.0.2/24", "--gateway",
 * "10.0.0.1"] }]
 *
 * The state comes on stdin, as for any hook. The container must have a network namespace of its own. A
 * failure is one line on stderr, which the runtime shows, and exit status 1. Nothing has to be undone later:
 * the devices go with the namespace.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/table.h"
#include "net/bridge.h"
#include "oci-spec/schema.h"

enum { STATE_MAX = 1 << 20 };

/* Of the state document, what a hook like this needs. */
struct state {
	struct opt_int pid;
};

static const struct field state_fields[] = {
    {.name = "pid", .kind = FIELD_INT, .required = true, .at = offsetof(struct state, pid)},
};
static const struct schema state_schema = {"state", sizeof(struct state), state_fields,
					   ARRAY_LEN(state_fields)};

struct options {
	const char *bridge, *name, *address, *gateway;
};

static int read_options(int argc, char *argv[], struct options *out, struct error *err)
{
	static const struct option rows[] = {
	    {"bridge",  required_argument, NULL, 'b'},
	    {"name",    required_argument, NULL, 'n'},
	    {"address", required_argument, NULL, 'a'},
	    {"gateway", required_argument, NULL, 'g'},
	    {NULL,	   0,		      NULL, 0  },
	};

	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "", rows, NULL)) != -1;) {
		switch (c) {
		case 'b':
			out->bridge = optarg;
			break;
		case 'n':
			out->name = optarg;
			break;
		case 'a':
			out->address = optarg;
			break;
		case 'g':
			out->gateway = optarg;
			break;
		default:
			return error_set(err, -EINVAL, "option %.60s: unknown, or without its value",
					 argv[optind - 1]);
		}
	}
	if (optind < argc)
		return error_set(err, -EINVAL, "argument \"%.60s\": there should be none", argv[optind]);
	return out->bridge ? 0 : error_set(err, -EINVAL, "option --bridge is missing");
}

static int read_pid(pid_t *out, struct error *err)
{
	auto_free char *text = NULL;
	struct state *state = NULL;
	size_t len;
	int r = fd_read_all(STDIN_FILENO, STATE_MAX, &text, &len, err);

	if (r == 0)
		r = schema_parse(&state_schema, text, len, (void **)&state, err);
	if (r < 0)
		return error_wrap(err, "read the state on stdin");
	if (state->pid.v > 0 && state->pid.v <= INT32_MAX)
		*out = (pid_t)state->pid.v;
	else
		r = error_set(err, -EINVAL, "the state on stdin: the container has no process");
	schema_free(&state_schema, state);
	return r;
}

/* The container's network namespace, unless it is our own: a hook that changes the host's devices would be a
 * bad surprise. */
static int open_namespace(pid_t pid, struct error *err)
{
	auto_close int fd = -EBADF;
	struct stat own, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "open %s", path);
	if (stat("/proc/self/ns/net", &own) < 0 || fstat(fd, &its) < 0)
		return error_errno(err, "stat %s", path);
	if (own.st_dev == its.st_dev && own.st_ino == its.st_ino)
		return error_set(err, -EINVAL, "the container has no network namespace of its own");
	return TAKE_FD(fd);
}

static int run(const struct options *o, struct error *err)
{
	struct bridge_request request = {.bridge = o->bridge, .inner = o->name ? o->name : "eth0"};
	struct address address = {0}, gateway = {0};
	auto_close int netns = -EBADF;
	char outer[32], text[80];
	pid_t pid = 0;

	if (o->address) {
		if (address_parse(o->address, &address, err) < 0)
			return error_wrap(err, "option --address");
		request.address = &address;
	}
	if (o->gateway) {
		snprintf(text, sizeof(text), "%.60s/%d", o->gateway, strchr(o->gateway, ':') ? 128 : 32);
		if (address_parse(text, &gateway, NULL) < 0)
			return error_set(err, -EINVAL, "option --gateway: \"%.60s\" is not an address",
					 o->gateway);
		request.gateway = &gateway;
	}
	if (read_pid(&pid, err) < 0)
		return err->code;
	netns = open_namespace(pid, err);
	if (netns < 0)
		return netns;
	/* One that is free as long as the process lives, and tells an administrator whose it is. */
	snprintf(outer, sizeof(outer), "veth%d", pid);
	request.outer = outer;
	return bridge_join(&request, netns, err);
}

int main(int argc, char *argv[])
{
	struct error err = ERROR_NONE;
	struct options o = {0};

	if (read_options(argc, argv, &o, &err) == 0 && run(&o, &err) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "veth: %s\n", err.msg);
	return EXIT_FAILURE;
}
