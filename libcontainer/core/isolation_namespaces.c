/* isolation_namespaces.c: the back end that builds a container out of namespaces: its list of stages.
 *
 * The list is the whole protocol: HOST and INSIDE talk where the place column changes, and nowhere else.
 */
#include <signal.h>
#include <string.h>

#include "core/exec.h"
#include "core/stages.h"

static bool may_place_later(const struct container *c)
{
	return !stage_is_placed_first(c);
}

static const struct stage enter[] = {
	{ HOST,   "spawn",            stage_spawn,            stage_end, NULL,                  false },
	{ HOST,   "limits",           stage_limits,           NULL, NULL,                       false },
	{ HOST,   "idmap",            stage_idmap,            NULL, stage_has_new_user_namespace, false },
	{ HOST,   "place",            stage_place,            NULL, stage_is_placed_first,      false },
	{ HOST,   "netdev",           stage_net_devices,      NULL, stage_has_net_devices,      false },
	{ INSIDE, "enter cgroup",     stage_enter_cgroup,     NULL, stage_enters_itself,        false },
	{ INSIDE, "settle",           stage_settle,           NULL, NULL,                       false },
	{ INSIDE, "cgroup namespace", stage_cgroup_namespace, NULL, stage_has_cgroup_namespace, false },
	{ 0 },
};

/* After INSIDE's heavy rows in the list, but done while they run. */
static const struct stage bound[] = {
	{ HOST, "place", stage_place, NULL, may_place_later, true },
	{ 0 },
};

static const struct stage *const create_list[] = {
	stages_prepare, stages_rdt, enter, stages_rdt_enter, stages_furnish, bound, stages_announce, stages_gate, stages_go, NULL,
};

static int signal_init(struct container *c, int signo, struct error *err)
{
	int ret = c->init.pid > 0 ? proc_signal(&c->init, signo, NULL) : -ESRCH;

	if (ret == -ESRCH)
		return error_set(err, ret, "container not running");
	return ret < 0 ? error_set(err, ret, "send signal %d to container \"%s\": %s", signo, c->id, strerror(-ret)) : 0;
}

const struct isolation isolation_namespaces = {
	.name = "namespaces",
	.create = create_list,
	.exec = exec_list_namespaces,
	.signal = signal_init,
};
