/* stages_guest.c: the lists of a walker in a guest. Rows of other places are there to be waited for. See stages.h. */
#include <fcntl.h>
#include <unistd.h>

#include "core/stages.h"
#include "process/rlimit.h"

static bool asks_for_cgroup_namespace(const struct container *c)
{
	return oci_namespace_find(c->spec, OCI_NS_CGROUP);
}

/* On ourselves: nobody outside could. Before `identity`, while we may raise them. */
static int limits(struct container *c, struct error *err)
{
	return rlimit_apply(c->process, 0, err);
}

const struct stage stages_guest_settle[] = {
	{ INSIDE, "settle",           stage_settle,           NULL, NULL,                      false },
	{ INSIDE, "cgroup namespace", stage_cgroup_namespace, NULL, asks_for_cgroup_namespace, false },
	{ INSIDE, "limits",           limits,                 NULL, NULL,                      false },
	{ 0 },
};

static const struct stage powered[] = {
	{ JAIL, "power", NULL, NULL, NULL, false },
	{ 0 },
};

static const struct stage let_go[] = {
	{ HOST, "created", NULL, NULL, NULL, false },
	{ JAIL, "gate",    NULL, NULL, NULL, false },
	{ 0 },
};

static const struct stage served[] = {
	{ JAIL, "serve", NULL, NULL, NULL, false },
	{ 0 },
};

const struct stage *const guest_create_list[] = {
	powered, stages_guest_settle, stages_furnish, let_go, stages_go, served, NULL,
};

/* In the container's namespaces already. */
static int settle_exec(struct container *c, struct error *err)
{
	setsid();
	c->inside.root = (struct root){ .fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), .proc = -EBADF, .config = c->spec };
	return c->inside.root.fd < 0 ? error_errno(err, "open the container's root") : 0;
}

static const struct stage exec_rows[] = {
	{ JAIL,   "ask",    NULL,        NULL, NULL, false },
	{ INSIDE, "settle", settle_exec, NULL, NULL, false },
	{ INSIDE, "limits", limits,      NULL, NULL, false },
	{ 0 },
};
const struct stage *const guest_exec_list[] = { exec_rows, stages_join, NULL };
