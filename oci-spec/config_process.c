/* config_process.c: the tables of "process", also those of exec's process.json.
 */
#include "oci-spec/config_tables.h"
#include "oci-spec/tables.h"

/* clang-format off */
SCHEMA(oci_user,
	UINT_TO("uid", oci_user, uid, UINT32_MAX - 1),
	UINT_TO("gid", oci_user, gid, UINT32_MAX - 1),
	UINT_TO("umask", oci_user, umask, 0777),
	UINTS_TO("additionalGids", oci_user, additional_gids, UINT32_MAX - 1),
	STRING("username", oci_user, username));
SCHEMA(oci_console_size,
	MUST_UINT_TO("height", oci_console_size, height, UINT16_MAX),
	MUST_UINT_TO("width", oci_console_size, width, UINT16_MAX));
SCHEMA(oci_capabilities,
	STRINGS("bounding", oci_capabilities, bounding),
	STRINGS("permitted", oci_capabilities, permitted),
	STRINGS("effective", oci_capabilities, effective),
	STRINGS("inheritable", oci_capabilities, inheritable),
	STRINGS("ambient", oci_capabilities, ambient));
SCHEMA(oci_rlimit,
	MUST(FIELD_STRING, "type", oci_rlimit, type),
	MUST(FIELD_UINT, "soft", oci_rlimit, soft),
	MUST(FIELD_UINT, "hard", oci_rlimit, hard));
SCHEMA(oci_io_priority,
	MUST(FIELD_STRING, "class", oci_io_priority, class),
	{ .name = "priority", .kind = FIELD_INT, .required = true, .at = AT(oci_io_priority, priority), .min = 0, .max = 7 });
SCHEMA(oci_scheduler,
	MUST(FIELD_STRING, "policy", oci_scheduler, policy),
	INT_IN("nice", oci_scheduler, nice, -20, 19),
	INT("priority", oci_scheduler, priority),
	STRINGS("flags", oci_scheduler, flags),
	UINT("runtime", oci_scheduler, runtime),
	UINT("deadline", oci_scheduler, deadline),
	UINT("period", oci_scheduler, period));
SCHEMA(oci_cpu_affinity,
	STRING("initial", oci_cpu_affinity, initial),
	STRING("final", oci_cpu_affinity, final));
PUBLIC_SCHEMA(oci_process, "process",
	BOOL("terminal", oci_process, terminal),
	BOOL("noNewPrivileges", oci_process, no_new_privileges),
	STRINGS("args", oci_process, args),
	STRINGS("env", oci_process, env),
	MUST(FIELD_STRING, "cwd", oci_process, cwd),
	STRING("apparmorProfile", oci_process, apparmor_profile),
	STRING("selinuxLabel", oci_process, selinux_label),
	INT_IN("oomScoreAdj", oci_process, oom_score_adj, -1000, 1000),
	OBJECT("consoleSize", oci_process, console_size, oci_console_size),
	OBJECT("user", oci_process, user, oci_user),
	OBJECT("capabilities", oci_process, capabilities, oci_capabilities),
	OBJECT("ioPriority", oci_process, io_priority, oci_io_priority),
	OBJECT("scheduler", oci_process, scheduler, oci_scheduler),
	OBJECT("execCPUAffinity", oci_process, exec_cpu_affinity, oci_cpu_affinity),
	OBJECTS("rlimits", oci_process, rlimits, oci_rlimit));
/* clang-format on */
