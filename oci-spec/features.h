/* features.h: the document that `features` prints (features.md, features-linux.md), as structs.
 *
 * The tables that implement a feature say its name; core gathers them into this struct, so that it cannot
 * lie.
 */
#ifndef OCI_SPEC_FEATURES_H
#define OCI_SPEC_FEATURES_H

#include "oci-spec/schema.h"

/* clang-format off */
struct oci_feature_flag { struct opt_bool enabled; };
struct oci_features_cgroup { struct opt_bool v1, v2, systemd, systemd_user, rdma; };
struct oci_features_seccomp { struct opt_bool enabled; struct strings actions, operators, archs, known_flags, supported_flags; };
struct oci_features_rdt { struct opt_bool enabled, schemata, monitoring; };
struct oci_features_memory_policy { struct strings modes, flags; };
struct oci_features_mount_extensions { struct oci_feature_flag *idmap; };
struct oci_features_linux {
	struct strings namespaces, capabilities;
	struct oci_features_cgroup *cgroup;
	struct oci_features_seccomp *seccomp;
	struct oci_feature_flag *apparmor, *selinux, *net_devices;
	struct oci_features_rdt *intel_rdt;
	struct oci_features_memory_policy *memory_policy;
	struct oci_features_mount_extensions *mount_extensions;
};
struct oci_features {
	char *oci_version_min, *oci_version_max;
	struct strings hooks, mount_options, potentially_unsafe_config_annotations;
	struct oci_features_linux *linux_;
	struct pairs annotations;
};
/* clang-format on */

extern const struct schema oci_features_schema;

#endif
