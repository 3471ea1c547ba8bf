/* systemd_absent.c: the second driver where there can be no service manager: in a guest, whose agent is linked with this in place of systemd.c
 * and bus.c. Nobody there asks for the driver; who did would be told. See systemd.h.
 */
#include "cgroup/systemd.h"

static int absent(struct error *err)
{
	return error_set(err, -ENOTSUP, "there is no service manager here");
}

int systemd_make(struct cgroup *c, const struct cgroup_request *request, struct error *err)
{
	return absent(err);
}

void systemd_deferred_free(struct deferred *d)
{
}

int systemd_start(struct cgroup *c, pid_t pid, struct error *err)
{
	return absent(err);
}

int systemd_find_self(struct cgroup *c, struct error *err)
{
	return absent(err);
}

int systemd_update(struct cgroup *c, const struct oci_resources *resources, struct error *err)
{
	return absent(err);
}

int systemd_stop(struct cgroup *c, struct error *err)
{
	return absent(err);
}
