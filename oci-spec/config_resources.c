/* config_resources.c: the tables of "linux.resources", which `update` reads alone. */
#include "oci-spec/config_tables.h"
#include "oci-spec/tables.h"

/* clang-format off */
SCHEMA(oci_device_rule,
	MUST(FIELD_BOOL, "allow", oci_device_rule, allow),
	STRING("type", oci_device_rule, type),
	INT("major", oci_device_rule, major),
	INT("minor", oci_device_rule, minor),
	STRING("access", oci_device_rule, access));
SCHEMA(oci_hugepage_limit,
	MUST(FIELD_STRING, "pageSize", oci_hugepage_limit, page_size),
	MUST(FIELD_UINT, "limit", oci_hugepage_limit, limit));
SCHEMA(oci_rdma,
	UINT_TO("hcaHandles", oci_rdma, hca_handles, UINT32_MAX),
	UINT_TO("hcaObjects", oci_rdma, hca_objects, UINT32_MAX));
SCHEMA(oci_weight_device,
	MUST(FIELD_INT, "major", oci_weight_device, major),
	MUST(FIELD_INT, "minor", oci_weight_device, minor),
	UINT("weight", oci_weight_device, weight),
	UINT("leafWeight", oci_weight_device, leaf_weight));
SCHEMA(oci_throttle_device,
	MUST(FIELD_INT, "major", oci_throttle_device, major),
	MUST(FIELD_INT, "minor", oci_throttle_device, minor),
	UINT("rate", oci_throttle_device, rate));
SCHEMA(oci_block_io,
	UINT("weight", oci_block_io, weight),
	UINT("leafWeight", oci_block_io, leaf_weight),
	OBJECTS("weightDevice", oci_block_io, weight_device, oci_weight_device),
	OBJECTS("throttleReadBpsDevice", oci_block_io, read_bps, oci_throttle_device),
	OBJECTS("throttleWriteBpsDevice", oci_block_io, write_bps, oci_throttle_device),
	OBJECTS("throttleReadIOPSDevice", oci_block_io, read_iops, oci_throttle_device),
	OBJECTS("throttleWriteIOPSDevice", oci_block_io, write_iops, oci_throttle_device));
SCHEMA(oci_cpu,
	STRING("cpus", oci_cpu, cpus),
	STRING("mems", oci_cpu, mems),
	UINT("shares", oci_cpu, shares),
	INT("quota", oci_cpu, quota),
	UINT("period", oci_cpu, period),
	UINT("burst", oci_cpu, burst),
	INT("realtimeRuntime", oci_cpu, realtime_runtime),
	UINT("realtimePeriod", oci_cpu, realtime_period),
	INT("idle", oci_cpu, idle));
SCHEMA(oci_memory,
	INT("limit", oci_memory, limit),
	INT("reservation", oci_memory, reservation),
	INT("swap", oci_memory, swap),
	INT("kernel", oci_memory, kernel),
	INT("kernelTCP", oci_memory, kernel_tcp),
	UINT_TO("swappiness", oci_memory, swappiness, 100),
	BOOL("disableOOMKiller", oci_memory, disable_oom_killer),
	BOOL("useHierarchy", oci_memory, use_hierarchy),
	BOOL("checkBeforeUpdate", oci_memory, check_before_update));
SCHEMA(oci_pids, MUST(FIELD_INT, "limit", oci_pids, limit));
SCHEMA(oci_net_priority,
	MUST(FIELD_STRING, "name", oci_net_priority, name),
	MUST_UINT_TO("priority", oci_net_priority, priority, UINT32_MAX));
SCHEMA(oci_network,
	UINT_TO("classID", oci_network, class_id, UINT32_MAX),
	OBJECTS("priorities", oci_network, priorities, oci_net_priority));
PUBLIC_SCHEMA(oci_resources, "resources",
	OBJECTS("devices", oci_resources, devices, oci_device_rule),
	OBJECTS("hugepageLimits", oci_resources, hugepage_limits, oci_hugepage_limit),
	NAMED("rdma", oci_resources, rdma, oci_rdma),
	OBJECT("blockIO", oci_resources, block_io, oci_block_io),
	OBJECT("cpu", oci_resources, cpu, oci_cpu),
	OBJECT("memory", oci_resources, memory, oci_memory),
	OBJECT("network", oci_resources, network, oci_network),
	OBJECT("pids", oci_resources, pids, oci_pids),
	PAIRS("unified", oci_resources, unified));
/* clang-format on */
