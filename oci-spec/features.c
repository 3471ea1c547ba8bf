/* features.c: the tables of features.h. */
#include "oci-spec/features.h"

#include "oci-spec/tables.h"

/* clang-format off */
SCHEMA(oci_feature_flag,
	OPT_BOOL("enabled", oci_feature_flag, enabled));
SCHEMA(oci_features_cgroup,
	OPT_BOOL("v1", oci_features_cgroup, v1),
	OPT_BOOL("v2", oci_features_cgroup, v2),
	OPT_BOOL("systemd", oci_features_cgroup, systemd),
	OPT_BOOL("systemdUser", oci_features_cgroup, systemd_user),
	OPT_BOOL("rdma", oci_features_cgroup, rdma));
SCHEMA(oci_features_seccomp,
	OPT_BOOL("enabled", oci_features_seccomp, enabled),
	STRINGS("actions", oci_features_seccomp, actions),
	STRINGS("operators", oci_features_seccomp, operators),
	STRINGS("archs", oci_features_seccomp, archs),
	STRINGS("knownFlags", oci_features_seccomp, known_flags),
	STRINGS("supportedFlags", oci_features_seccomp, supported_flags));
SCHEMA(oci_features_rdt,
	OPT_BOOL("enabled", oci_features_rdt, enabled),
	OPT_BOOL("schemata", oci_features_rdt, schemata),
	OPT_BOOL("monitoring", oci_features_rdt, monitoring));
SCHEMA(oci_features_memory_policy,
	STRINGS("modes", oci_features_memory_policy, modes),
	STRINGS("flags", oci_features_memory_policy, flags));
SCHEMA(oci_features_mount_extensions,
	OBJECT("idmap", oci_features_mount_extensions, idmap, oci_feature_flag));
SCHEMA(oci_features_linux,
	STRINGS("namespaces", oci_features_linux, namespaces),
	STRINGS("capabilities", oci_features_linux, capabilities),
	OBJECT("cgroup", oci_features_linux, cgroup, oci_features_cgroup),
	OBJECT("seccomp", oci_features_linux, seccomp, oci_features_seccomp),
	OBJECT("apparmor", oci_features_linux, apparmor, oci_feature_flag),
	OBJECT("selinux", oci_features_linux, selinux, oci_feature_flag),
	OBJECT("intelRdt", oci_features_linux, intel_rdt, oci_features_rdt),
	OBJECT("memoryPolicy", oci_features_linux, memory_policy, oci_features_memory_policy),
	OBJECT("mountExtensions", oci_features_linux, mount_extensions, oci_features_mount_extensions),
	OBJECT("netDevices", oci_features_linux, net_devices, oci_feature_flag));
PUBLIC_SCHEMA(oci_features, "features",
	MUST(FIELD_STRING, "ociVersionMin", oci_features, oci_version_min),
	MUST(FIELD_STRING, "ociVersionMax", oci_features, oci_version_max),
	STRINGS("hooks", oci_features, hooks),
	STRINGS("mountOptions", oci_features, mount_options),
	OBJECT("linux", oci_features, linux_, oci_features_linux),
	PAIRS("annotations", oci_features, annotations),
	STRINGS("potentiallyUnsafeConfigAnnotations", oci_features, potentially_unsafe_config_annotations));
/* clang-format on */
