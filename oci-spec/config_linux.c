/* config_linux.c: the tables of "linux", without its resources. */
#include "base/table.h"
#include "oci-spec/config_tables.h"
#include "oci-spec/tables.h"

const char *const oci_namespace_type_names[] = {"mount", "pid",	   "network", "uts", "ipc",
						"user",	 "cgroup", "time",    NULL};
NAMES_COMPLETE(oci_namespace_type_names, OCI_NS_MAX);

const char *const oci_propagation_names[] = {"private", "shared", "slave", "unbindable", NULL};
NAMES_COMPLETE(oci_propagation_names, OCI_PROPAGATION_MAX);

/* Not in the specification, but engines write them. The root's propagation is set recursively in any case. */
static const char *const recursive_names[] = {"rprivate", "rshared", "rslave", "runbindable", NULL};
NAMES_COMPLETE(recursive_names, OCI_PROPAGATION_MAX);

/* clang-format off */
PUBLIC_SCHEMA(oci_id_mapping, "mapping",
	MUST_UINT_TO("containerID", oci_id_mapping, container_id, UINT32_MAX),
	MUST_UINT_TO("hostID", oci_id_mapping, host_id, UINT32_MAX),
	MUST_UINT_TO("size", oci_id_mapping, size, UINT32_MAX));
SCHEMA(oci_syscall_arg,
	MUST_UINT_TO("index", oci_syscall_arg, index, 5),
	MUST(FIELD_UINT, "value", oci_syscall_arg, value),
	UINT("valueTwo", oci_syscall_arg, value_two),
	MUST(FIELD_STRING, "op", oci_syscall_arg, op));
SCHEMA(oci_syscall,
	MUST(FIELD_STRINGS, "names", oci_syscall, names),
	MUST(FIELD_STRING, "action", oci_syscall, action),
	UINT_TO("errnoRet", oci_syscall, errno_ret, UINT32_MAX),
	OBJECTS("args", oci_syscall, args, oci_syscall_arg));
PUBLIC_SCHEMA(oci_seccomp, "linux.seccomp",
	MUST(FIELD_STRING, "defaultAction", oci_seccomp, default_action),
	UINT_TO("defaultErrnoRet", oci_seccomp, default_errno_ret, UINT32_MAX),
	STRING("listenerPath", oci_seccomp, listener_path),
	STRING("listenerMetadata", oci_seccomp, listener_metadata),
	STRINGS("architectures", oci_seccomp, architectures),
	STRINGS("flags", oci_seccomp, flags),
	OBJECTS("syscalls", oci_seccomp, syscalls, oci_syscall));
SCHEMA(oci_intel_rdt,
	STRING("closID", oci_intel_rdt, clos_id),
	STRINGS("schemata", oci_intel_rdt, schemata),
	STRING("l3CacheSchema", oci_intel_rdt, l3_cache_schema),
	STRING("memBwSchema", oci_intel_rdt, mem_bw_schema),
	BOOL("enableMonitoring", oci_intel_rdt, enable_monitoring));
SCHEMA(oci_memory_policy,
	MUST(FIELD_STRING, "mode", oci_memory_policy, mode),
	STRING("nodes", oci_memory_policy, nodes),
	STRINGS("flags", oci_memory_policy, flags));
SCHEMA(oci_personality,
	MUST(FIELD_STRING, "domain", oci_personality, domain),
	STRINGS("flags", oci_personality, flags));
SCHEMA(oci_time_offset,
	INT("secs", oci_time_offset, secs),
	UINT_TO("nanosecs", oci_time_offset, nanosecs, 999999999));
SCHEMA(oci_time_offsets,
	OBJECT("boottime", oci_time_offsets, boottime, oci_time_offset),
	OBJECT("monotonic", oci_time_offsets, monotonic, oci_time_offset));
SCHEMA(oci_namespace,
	MUST_ENUM("type", oci_namespace, type, oci_namespace_type_names),
	STRING("path", oci_namespace, path));
SCHEMA(oci_device,
	MUST(FIELD_STRING, "type", oci_device, type),
	MUST(FIELD_STRING, "path", oci_device, path),
	UINT_TO("fileMode", oci_device, file_mode, 0177777),
	INT("major", oci_device, major),
	INT("minor", oci_device, minor),
	UINT_TO("uid", oci_device, uid, UINT32_MAX - 1),
	UINT_TO("gid", oci_device, gid, UINT32_MAX - 1));
SCHEMA(oci_net_device, STRING("name", oci_net_device, name));
PUBLIC_SCHEMA(oci_linux, "linux",
	OBJECTS("namespaces", oci_linux, namespaces, oci_namespace),
	OBJECTS("uidMappings", oci_linux, uid_mappings, oci_id_mapping),
	OBJECTS("gidMappings", oci_linux, gid_mappings, oci_id_mapping),
	OBJECTS("devices", oci_linux, devices, oci_device),
	NAMED("netDevices", oci_linux, net_devices, oci_net_device),
	STRINGS("maskedPaths", oci_linux, masked_paths),
	STRINGS("readonlyPaths", oci_linux, readonly_paths),
	PAIRS("sysctl", oci_linux, sysctl),
	STRING("cgroupsPath", oci_linux, cgroups_path),
	STRING("mountLabel", oci_linux, mount_label),
	{ .name = "rootfsPropagation", .kind = FIELD_ENUM, .at = AT(oci_linux, rootfs_propagation),
	  .names = oci_propagation_names, .aliases = recursive_names },
	OBJECT("resources", oci_linux, resources, oci_resources),
	OBJECT("seccomp", oci_linux, seccomp, oci_seccomp),
	OBJECT("intelRdt", oci_linux, intel_rdt, oci_intel_rdt),
	OBJECT("memoryPolicy", oci_linux, memory_policy, oci_memory_policy),
	OBJECT("personality", oci_linux, personality, oci_personality),
	OBJECT("timeOffsets", oci_linux, time_offsets, oci_time_offsets));
/* clang-format on */
