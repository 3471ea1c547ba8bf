/* config.h: a bundle's config.json as C structs, property for property.
 *
 * An absent object is NULL, an absent array { NULL, 0 }, an absent string NULL, an absent number has set ==
 * false, an absent enum is -1. Everything hangs on one struct oci_config and goes with oci_config_free().
 */
#ifndef OCI_SPEC_CONFIG_H
#define OCI_SPEC_CONFIG_H

#include "oci-spec/schema.h"

/* clang-format off */
enum oci_namespace_type { OCI_NS_MOUNT, OCI_NS_PID, OCI_NS_NETWORK, OCI_NS_UTS, OCI_NS_IPC, OCI_NS_USER, OCI_NS_CGROUP, OCI_NS_TIME, OCI_NS_MAX };
enum oci_propagation { OCI_PRIVATE, OCI_SHARED, OCI_SLAVE, OCI_UNBINDABLE, OCI_PROPAGATION_MAX };

struct oci_user { struct opt_uint uid, gid, umask; struct uints additional_gids; char *username; };
struct oci_console_size { struct opt_uint height, width; };
struct oci_capabilities { struct strings bounding, permitted, effective, inheritable, ambient; };
struct oci_rlimit { char *type; struct opt_uint soft, hard; };
struct oci_rlimit_list { struct oci_rlimit *v; size_t n; };
struct oci_io_priority { char *class; struct opt_int priority; };
struct oci_scheduler { char *policy; struct opt_int nice, priority; struct strings flags; struct opt_uint runtime, deadline, period; };
struct oci_cpu_affinity { char *initial, *final; };

struct oci_process {
	bool terminal, no_new_privileges;
	struct strings args, env;
	char *cwd, *apparmor_profile, *selinux_label;
	struct opt_int oom_score_adj;
	struct oci_console_size *console_size;
	struct oci_user *user;
	struct oci_capabilities *capabilities;
	struct oci_io_priority *io_priority;
	struct oci_scheduler *scheduler;
	struct oci_cpu_affinity *exec_cpu_affinity;
	struct oci_rlimit_list rlimits;
};

struct oci_root { char *path; bool readonly; };
struct oci_id_mapping { struct opt_uint container_id, host_id, size; };
struct oci_id_mapping_list { struct oci_id_mapping *v; size_t n; };

struct oci_mount {
	char *destination, *source, *type;
	struct strings options;
	struct oci_id_mapping_list uid_mappings, gid_mappings;
};
struct oci_mount_list { struct oci_mount *v; size_t n; };

struct oci_hook { char *path; struct strings args, env; struct opt_int timeout; };
struct oci_hook_list { struct oci_hook *v; size_t n; };
struct oci_hooks { struct oci_hook_list prestart, create_runtime, create_container, start_container, poststart, poststop; };

struct oci_namespace { int type; char *path; };
struct oci_namespace_list { struct oci_namespace *v; size_t n; };
struct oci_device { char *type, *path; struct opt_uint file_mode, uid, gid; struct opt_int major, minor; };
struct oci_device_list { struct oci_device *v; size_t n; };
struct oci_device_rule { bool allow; char *type, *access; struct opt_int major, minor; };
struct oci_device_rule_list { struct oci_device_rule *v; size_t n; };
struct oci_net_device { char *key, *name; };
struct oci_net_device_list { struct oci_net_device *v; size_t n; };
struct oci_weight_device { struct opt_int major, minor; struct opt_uint weight, leaf_weight; };
struct oci_weight_device_list { struct oci_weight_device *v; size_t n; };
struct oci_throttle_device { struct opt_int major, minor; struct opt_uint rate; };
struct oci_throttle_device_list { struct oci_throttle_device *v; size_t n; };

struct oci_block_io {
	struct opt_uint weight, leaf_weight;
	struct oci_weight_device_list weight_device;
	struct oci_throttle_device_list read_bps, write_bps, read_iops, write_iops;
};

struct oci_cpu { char *cpus, *mems; struct opt_uint shares, period, burst, realtime_period; struct opt_int quota, realtime_runtime, idle; };
struct oci_memory {
	struct opt_int limit, reservation, swap, kernel, kernel_tcp;
	struct opt_uint swappiness;
	bool disable_oom_killer, use_hierarchy, check_before_update;
};
struct oci_pids { struct opt_int limit; };
struct oci_hugepage_limit { char *page_size; struct opt_uint limit; };
struct oci_hugepage_limit_list { struct oci_hugepage_limit *v; size_t n; };
struct oci_net_priority { char *name; struct opt_uint priority; };
struct oci_net_priority_list { struct oci_net_priority *v; size_t n; };
struct oci_network { struct opt_uint class_id; struct oci_net_priority_list priorities; };
struct oci_rdma { char *key; struct opt_uint hca_handles, hca_objects; };
struct oci_rdma_list { struct oci_rdma *v; size_t n; };

struct oci_resources {
	struct oci_device_rule_list devices;
	struct oci_hugepage_limit_list hugepage_limits;
	struct oci_rdma_list rdma;
	struct oci_block_io *block_io;
	struct oci_cpu *cpu;
	struct oci_memory *memory;
	struct oci_network *network;
	struct oci_pids *pids;
	struct pairs unified;
};

struct oci_syscall_arg { struct opt_uint index, value, value_two; char *op; };
struct oci_syscall_arg_list { struct oci_syscall_arg *v; size_t n; };
struct oci_syscall { struct strings names; char *action; struct opt_uint errno_ret; struct oci_syscall_arg_list args; };
struct oci_syscall_list { struct oci_syscall *v; size_t n; };

struct oci_seccomp {
	char *default_action, *listener_path, *listener_metadata;
	struct opt_uint default_errno_ret;
	struct strings architectures, flags;
	struct oci_syscall_list syscalls;
};

struct oci_intel_rdt { char *clos_id, *l3_cache_schema, *mem_bw_schema; struct strings schemata; bool enable_monitoring; };
struct oci_memory_policy { char *mode, *nodes; struct strings flags; };
struct oci_personality { char *domain; struct strings flags; };
struct oci_time_offset { struct opt_int secs; struct opt_uint nanosecs; };
struct oci_time_offsets { struct oci_time_offset *boottime, *monotonic; };

struct oci_linux {
	struct oci_namespace_list namespaces;
	struct oci_id_mapping_list uid_mappings, gid_mappings;
	struct oci_device_list devices;
	struct oci_net_device_list net_devices;
	struct strings masked_paths, readonly_paths;
	struct pairs sysctl;
	char *cgroups_path, *mount_label;
	int rootfs_propagation;
	struct oci_resources *resources;
	struct oci_seccomp *seccomp;
	struct oci_intel_rdt *intel_rdt;
	struct oci_memory_policy *memory_policy;
	struct oci_personality *personality;
	struct oci_time_offsets *time_offsets;
};

struct oci_vm_kernel { char *path, *initrd; struct strings parameters; };
struct oci_vm_image { char *path, *format; };
struct oci_vm_hypervisor { char *path; struct strings parameters; };
struct oci_vm_iomem { struct opt_uint first_gfn, first_mfn, nr_mfns; };
struct oci_vm_iomem_list { struct oci_vm_iomem *v; size_t n; };
struct oci_vm_hw { char *device_tree; struct opt_uint vcpus, memory; struct strings dtdevs; struct oci_vm_iomem_list iomems; struct uints irqs; };
struct oci_vm { struct oci_vm_hypervisor *hypervisor; struct oci_vm_kernel *kernel; struct oci_vm_image *image; struct oci_vm_hw *hw_config; };

struct oci_config {
	char *oci_version, *hostname, *domainname;
	struct oci_process *process;
	struct oci_root *root;
	struct oci_mount_list mounts;
	struct oci_hooks *hooks;
	struct pairs annotations;
	struct oci_linux *linux_;
	struct oci_vm *vm;
};
/* clang-format on */

extern const struct schema oci_config_schema, oci_process_schema, oci_resources_schema, oci_seccomp_schema;
extern const char *const oci_namespace_type_names[OCI_NS_MAX + 1];
extern const char *const oci_propagation_names[OCI_PROPAGATION_MAX + 1];

/* The text of a config.json (process.json, resources) as a struct, to be freed with the function beside it.
 * An error begins with `document` and the place in it: "config.json: linux.namespaces[2].type: unknown value
 * \"netwrk\"". Only the form is checked here; oci_check() (check.h) does the rest. */
int oci_config_parse(const char *text, size_t len, const char *document, struct oci_config **out,
		     struct error *err);
void oci_config_free(struct oci_config *config);
int oci_process_parse(const char *text, size_t len, const char *document, struct oci_process **out,
		      struct error *err);
void oci_process_free(struct oci_process *process);
int oci_resources_parse(const char *text, size_t len, const char *document, struct oci_resources **out,
			struct error *err);
void oci_resources_free(struct oci_resources *resources);

/* The namespace entry of this type, or NULL. linux_ may be NULL. */
const struct oci_namespace *oci_namespace_find(const struct oci_config *config, enum oci_namespace_type type);

/* The value of an annotation, or NULL. */
const char *oci_annotation(const struct oci_config *config, const char *key);

#endif
