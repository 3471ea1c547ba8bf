/* stages_rdt.c: the rows of linux.intelRdt: no row at all for a container without it, so that resctrl stays
 * untouched. See cgroup/rdt.h. */
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "cgroup/rdt.h"
#include "core/stages.h"

static bool has_rdt(const struct container *c)
{
	return c->spec->linux_ && c->spec->linux_->intel_rdt;
}

static int make_class(struct container *c, struct error *err)
{
	struct rdt r = {0};
	int ret = rdt_make(c->spec->linux_->intel_rdt, c->id, &r, err);

	if (ret < 0)
		return ret;
	ret = rdt_save(&r, &c->saved->rdt, err);
	/* Known to whoever finds us dead. */
	if (ret == 0)
		ret = store_save(&c->host.store, c->saved, false, err);
	rdt_free(&r);
	return ret;
}

static void remove_class(struct container *c)
{
	struct error err = ERROR_NONE;
	struct rdt r = {0};

	if (!c->saved || !c->saved->rdt)
		return;
	if (rdt_load(c->saved->rdt, &r, &err) < 0 || rdt_remove(&r, &err) < 0)
		log_line(LOG_WARNING, "%s", err.msg);
	rdt_free(&r);
}

static int enter_class(struct container *c, struct error *err)
{
	struct rdt r = {0};
	int ret = rdt_load(c->saved->rdt, &r, err);

	if (ret == 0)
		ret = rdt_enter(&r, c->init.pid, err);
	rdt_free(&r);
	return ret;
}

int rdt_update(const struct container *c, const struct oci_intel_rdt *wanted, struct error *err)
{
	auto_free char *mount = NULL;
	struct rdt r = {0};
	int ret;

	if (!c->saved || !c->saved->rdt)
		return error_set(err, -EINVAL, "linux.intelRdt: container \"%s\" was made without it, so it is in no class of its own", c->id);
	ret = rdt_load(c->saved->rdt, &r, err);
	if (ret == 0)
		ret = rdt_find_mount(&mount, err);
	if (ret == 0)
		ret = rdt_write_schemata(&r, mount, wanted, err);
	rdt_free(&r);
	return ret;
}

const struct stage stages_rdt[] = {
    {HOST,	   "rdt", make_class, remove_class, has_rdt, false},
    {0},
};

const struct stage stages_rdt_enter[] = {
    {HOST,	   "enter rdt", enter_class, NULL, has_rdt, false},
    {0},
};
