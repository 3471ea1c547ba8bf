/* features.c: what this build can do, gathered from the tables that do it. See lifecycle.h and oci-spec/features.h. */
#include <stdlib.h>
#include <string.h>

#include "core/isolation.h"
#include "core/lifecycle.h"
#include "hooks/hook.h"
#include "mount/root.h"
#include "oci-spec/config.h"
#include "process/caps.h"
#include "process/sched.h"
#include "seccomp/names.h"

static const char *const unsafe_annotations[] = { ISOLATION_ANNOTATION, "org.systemd.property.", "run.oci.keep_original_groups", NULL };

static void copy_names(struct strings *out, const char *const *names, bool *failed)
{
	size_t n = 0;

	while (names[n])
		n++;
	out->v = calloc(n + 1, sizeof(*out->v));
	*failed |= !out->v;
	for (; out->v && out->n < n; out->n++) {
		out->v[out->n] = strdup(names[out->n]);
		*failed |= !out->v[out->n];
	}
}

static void *make(size_t size, bool *failed)
{
	void *p = calloc(1, size);

	*failed |= !p;
	return p;
}

static struct oci_feature_flag *flag(bool enabled, bool *failed)
{
	struct oci_feature_flag *f = make(sizeof(*f), failed);

	if (f)
		f->enabled = (struct opt_bool){ true, enabled };
	return f;
}

/* Those flags that the running kernel takes, of all we know. */
static void supported_flags(struct strings *out, bool *failed)
{
	const char *const *all = seccomp_flag_names();
	const char *some[16] = { NULL };
	size_t n = 0;

	for (; *all && n < 15; all++)
		if (seccomp_flag_supported(*all))
			some[n++] = *all;
	copy_names(out, some, failed);
}

static void fill_linux(struct oci_features_linux *l, bool *failed)
{
	const struct opt_bool yes = { true, true };

	copy_names(&l->namespaces, oci_namespace_type_names, failed);
	copy_names(&l->capabilities, caps_names(), failed);
	l->cgroup = make(sizeof(*l->cgroup), failed);
	if (l->cgroup)
		*l->cgroup = (struct oci_features_cgroup){ .v1 = yes, .v2 = yes, .systemd = yes, .systemd_user = yes, .rdma = yes };
	l->seccomp = make(sizeof(*l->seccomp), failed);
	if (l->seccomp) {
		l->seccomp->enabled = yes;
		copy_names(&l->seccomp->actions, seccomp_action_names(), failed);
		copy_names(&l->seccomp->operators, seccomp_operator_names(), failed);
		copy_names(&l->seccomp->archs, seccomp_arch_names(), failed);
		copy_names(&l->seccomp->known_flags, seccomp_flag_names(), failed);
		supported_flags(&l->seccomp->supported_flags, failed);
	}
	l->apparmor = flag(true, failed);
	l->selinux = flag(true, failed);
	l->net_devices = flag(true, failed);
	l->intel_rdt = make(sizeof(*l->intel_rdt), failed);
	if (l->intel_rdt)
		*l->intel_rdt = (struct oci_features_rdt){ .enabled = yes, .schemata = yes, .monitoring = yes };
	l->memory_policy = make(sizeof(*l->memory_policy), failed);
	if (l->memory_policy) {
		copy_names(&l->memory_policy->modes, memory_policy_mode_names(), failed);
		copy_names(&l->memory_policy->flags, memory_policy_flag_names(), failed);
	}
	l->mount_extensions = make(sizeof(*l->mount_extensions), failed);
	if (l->mount_extensions)
		l->mount_extensions->idmap = flag(true, failed);
}

int lifecycle_features(struct oci_features **out, struct error *err)
{
	bool failed = false;
	struct oci_features *f = make(sizeof(*f), &failed);

	if (f) {
		f->oci_version_min = strdup("1.0.0");
		f->oci_version_max = strdup(OCI_VERSION);
		copy_names(&f->hooks, hook_kind_names, &failed);
		copy_names(&f->mount_options, mount_option_names(), &failed);
		copy_names(&f->potentially_unsafe_config_annotations, unsafe_annotations, &failed);
		f->linux_ = make(sizeof(*f->linux_), &failed);
		if (f->linux_)
			fill_linux(f->linux_, &failed);
		failed |= !f->oci_version_min || !f->oci_version_max;
	}
	if (failed) {
		schema_free(&oci_features_schema, f);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*out = f;
	return 0;
}
