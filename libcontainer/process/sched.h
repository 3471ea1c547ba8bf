/* sched.h: scheduler, I/O priority, CPU affinity, memory policy, personality, oom score. */
#ifndef PROCESS_SCHED_H
#define PROCESS_SCHED_H

#include <sys/types.h>

#include "oci-spec/config.h"

int sched_apply_scheduler(const struct oci_scheduler *scheduler, struct error *err);	  /* NULL: nothing */
int sched_apply_io_priority(const struct oci_io_priority *priority, struct error *err);	  /* NULL: nothing */
int sched_apply_memory_policy(const struct oci_memory_policy *policy, struct error *err); /* NULL: nothing */
int sched_apply_personality(const struct oci_personality *wanted, struct error *err);	  /* NULL: nothing */
/* A list such as "0-3,7" for pid (0: this process). Empty or NULL: nothing. */
int sched_apply_affinity(const char *list, pid_t pid, struct error *err);
/* /proc/PID/oom_score_adj, from the host's side; only where the config names one. */
int sched_apply_oom_score(const struct oci_process *process, pid_t pid, struct error *err);

/* Parses "0-3,7" into a bit mask of `max` bits (bytes of mask: (max + 7) / 8); -EINVAL with text, and then
 * the mask holds nothing of use. */
int cpu_list_parse(const char *list, unsigned char *mask, size_t max, struct error *err);

/* NULL-terminated names for `features`. */
const char *const *memory_policy_mode_names(void);
const char *const *memory_policy_flag_names(void);

#endif
