/* test_sched.c: lists of CPUs, and what the kernel reports after each setting. */
#include <criterion/criterion.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "child.h"
#include "process/sched.h"

#define MAX 128

/* Rows "list bits…" or "list -". */
Test(sched, cpu_lists)
{
	FILE *f = fopen(TESTS_DIR "/cases/cpu-lists.txt", "re");
	char row[256];
	unsigned rows = 0;

	cr_assert(f);
	while (fgets(row, sizeof(row), f)) {
		unsigned char mask[MAX / 8], want[MAX / 8] = {0};
		struct error err = ERROR_NONE;
		char *save, *list = strtok_r(row, " \n", &save), *bit;
		bool bad = false;

		if (!list || *list == '#')
			continue;
		if (!strcmp(list, "\"\""))
			list = list + 2;
		for (char *p = list; *p; p++)
			*p = *p == '_' ? ' ' : *p;
		while ((bit = strtok_r(NULL, " \n", &save))) {
			bad |= *bit == '-';
			if (*bit != '-')
				want[atoi(bit) / 8] |= (unsigned char)(1 << atoi(bit) % 8);
		}
		int r = cpu_list_parse(list, mask, MAX, &err);
		cr_expect_eq(r, bad ? -EINVAL : 0, "\"%s\": %d", list, r);
		cr_expect(bad || !memcmp(mask, want, sizeof(mask)), "\"%s\"", list);
		cr_expect(!bad || strchr(err.msg, '"'), "%s", err.msg);
		rows++;
	}
	fclose(f);
	cr_assert_gt(rows, 20);
}

static void affinity(void *data)
{
	struct error err = ERROR_NONE;
	cpu_set_t before, after;
	char list[16];
	int last = -1;

	NEED(sched_getaffinity(0, sizeof(before), &before) == 0);
	for (int n = 0; n < CPU_SETSIZE; n++)
		if (CPU_ISSET(n, &before))
			last = n;
	snprintf(list, sizeof(list), "%d", last);
	NEED(sched_apply_affinity(NULL, 0, &err) == 0 && sched_apply_affinity("", 0, &err) == 0);
	NEED(sched_apply_affinity(list, 0, &err) == 0);
	NEED(sched_getaffinity(0, sizeof(after), &after) == 0);
	NEED(CPU_COUNT(&after) == 1 && CPU_ISSET(last, &after));
	NEED(sched_apply_affinity("8191", 0, &err) == -EINVAL);
	NEED(!strcmp(err.msg, "CPU affinity: run on 8191 only: Invalid argument"));
	NEED(sched_apply_affinity("0-", 0, &err) == -EINVAL && !strncmp(err.msg, "CPU affinity: ", 14));
	NEED(sched_apply_affinity("0-99999999999999999999", 0, &err) == -EINVAL);
	NEED(sched_getaffinity(0, sizeof(after), &after) == 0 && CPU_COUNT(&after) == 1);
}

Test(sched, affinity)
{
	cr_assert_eq(child_run(affinity, NULL), 0);
}

static void scheduler(void *data)
{
	char *reset[] = {"SCHED_FLAG_RESET_ON_FORK"},
	     *bad[] = {"SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_NONE"};
	struct oci_scheduler s = {
	    .policy = "SCHED_BATCH", .nice = {true,  5},
			.flags = {reset, 1}
	   };
	struct error err = ERROR_NONE;

	NEED(sched_apply_scheduler(NULL, &err) == 0);
	NEED(sched_apply_scheduler(&s, &err) == 0);
	NEED(sched_getscheduler(0) == (SCHED_BATCH | SCHED_RESET_ON_FORK));
	NEED(getpriority(PRIO_PROCESS, 0) == 5);
	s.flags = (struct strings){bad, 2};
	NEED(sched_apply_scheduler(&s, &err) == -EINVAL);
	NEED(!strcmp(err.msg, "process.scheduler.flags[1]: unknown flag \"SCHED_FLAG_NONE\""));
	s.flags.n = 0;
	for (int nice = -21; nice <= 20; nice += 41) {
		s.nice.v = nice;
		NEED(sched_apply_scheduler(&s, &err) == -EINVAL &&
		     !strncmp(err.msg, "process.scheduler.nice: ", 24));
	}
	s = (struct oci_scheduler){
	    .policy = "SCHED_FIFO", .priority = {true, 100}
	   };
	NEED(sched_apply_scheduler(&s, &err) == -EINVAL &&
	     !strncmp(err.msg, "process.scheduler.priority: ", 28));
	s.priority.v = (int64_t)1 << 32;
	NEED(sched_apply_scheduler(&s, &err) == -EINVAL);
	s.policy = "FIFO";
	NEED(sched_apply_scheduler(&s, &err) == -EINVAL && strstr(err.msg, "unknown policy \"FIFO\""));
	s.policy = NULL;
	NEED(sched_apply_scheduler(&s, &err) == -EINVAL);
	/* A deadline without its times is the kernel's to refuse. */
	s = (struct oci_scheduler){.policy = "SCHED_DEADLINE"};
	NEED(sched_apply_scheduler(&s, &err) < 0 &&
	     !strncmp(err.msg, "process.scheduler: set SCHED_DEADLINE", 37));
	NEED(sched_getscheduler(0) == (SCHED_BATCH | SCHED_RESET_ON_FORK));
}

Test(sched, scheduler)
{
	cr_assert_eq(child_run(scheduler, NULL), 0);
}

static void io_priority(void *data)
{
	struct oci_io_priority p = {
	    .class = "IOPRIO_CLASS_BE", .priority = {true, 6}
	     };
	struct error err = ERROR_NONE;

	NEED(sched_apply_io_priority(NULL, &err) == 0);
	NEED(sched_apply_io_priority(&p, &err) == 0);
	NEED(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0) == IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6));
	p = (struct oci_io_priority){.class = "IOPRIO_CLASS_IDLE"};
	NEED(sched_apply_io_priority(&p, &err) == 0);
	NEED(IOPRIO_PRIO_CLASS(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0)) == IOPRIO_CLASS_IDLE);
	p.priority = (struct opt_int){true, 8};
	NEED(sched_apply_io_priority(&p, &err) == -EINVAL &&
	     !strncmp(err.msg, "process.ioPriority.priority: ", 29));
	p.priority.v = -1;
	NEED(sched_apply_io_priority(&p, &err) == -EINVAL);
	p.class = "BE";
	NEED(sched_apply_io_priority(&p, &err) == -EINVAL && strstr(err.msg, "unknown class \"BE\""));
}

Test(sched, io_priority)
{
	cr_assert_eq(child_run(io_priority, NULL), 0);
}

static void memory_policy(void *data)
{
	char *flags[] = {"MPOL_F_STATIC_NODES"}, *bad[] = {"MPOL_F_FOO"};
	struct oci_memory_policy p = {
	    .mode = "MPOL_BIND", .nodes = "0", .flags = {flags, 1}
	  };
	struct error err = ERROR_NONE;
	unsigned long nodes[16] = {0};
	int mode;

	if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) < 0)
		_exit(CHILD_LACKS);
	NEED(sched_apply_memory_policy(NULL, &err) == 0);
	NEED(sched_apply_memory_policy(&p, &err) == 0);
	NEED(syscall(SYS_get_mempolicy, &mode, nodes, 8 * sizeof(nodes), NULL, 0) == 0);
	NEED(mode == (MPOL_BIND | MPOL_F_STATIC_NODES) && nodes[0] == 1);
	p = (struct oci_memory_policy){.mode = "MPOL_DEFAULT", .nodes = ""};
	NEED(sched_apply_memory_policy(&p, &err) == 0);
	NEED(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0 && mode == MPOL_DEFAULT);
	p = (struct oci_memory_policy){.mode = "MPOL_PREFERRED"};
	NEED(sched_apply_memory_policy(&p, &err) == 0);
	p = (struct oci_memory_policy){.mode = "MPOL_BIND", .nodes = "1023"};
	NEED(sched_apply_memory_policy(&p, &err) == -EINVAL &&
	     strstr(err.msg, "set MPOL_BIND for nodes \"1023\""));
	p.nodes = "1024";
	NEED(sched_apply_memory_policy(&p, &err) == -EINVAL &&
	     !strncmp(err.msg, "linux.memoryPolicy.nodes: ", 26));
	p.nodes = "0";
	p.flags = (struct strings){bad, 1};
	NEED(sched_apply_memory_policy(&p, &err) == -EINVAL &&
	     !strncmp(err.msg, "linux.memoryPolicy.flags[0]: ", 29));
	p.mode = "BIND";
	NEED(sched_apply_memory_policy(&p, &err) == -EINVAL && strstr(err.msg, "unknown mode"));
}

Test(sched, memory_policy)
{
	int r = child_run(memory_policy, NULL);

	if (r == CHILD_LACKS)
		cr_skip_test("a kernel without NUMA");
	cr_assert_eq(r, 0);
	cr_assert_str_eq(memory_policy_mode_names()[0], "MPOL_DEFAULT");
	cr_assert_str_eq(memory_policy_mode_names()[6], "MPOL_WEIGHTED_INTERLEAVE");
	cr_assert_null(memory_policy_mode_names()[7]);
	cr_assert_str_eq(memory_policy_flag_names()[2], "MPOL_F_NUMA_BALANCING");
	cr_assert_null(memory_policy_flag_names()[3]);
}

static void change_personality(void *data)
{
	char *flags[] = {"ADDR_NO_RANDOMIZE"}, *bad[] = {"NOPE"};
	struct oci_personality p = {.domain = "LINUX32"};
	struct error err = ERROR_NONE;

	NEED(sched_apply_personality(NULL, &err) == 0);
	NEED(sched_apply_personality(&p, &err) == 0);
	NEED(personality(0xffffffff) == PER_LINUX32);
	p = (struct oci_personality){
	    .domain = "LINUX", .flags = {flags, 1}
	  };
	NEED(sched_apply_personality(&p, &err) == 0);
	NEED(personality(0xffffffff) == (PER_LINUX | ADDR_NO_RANDOMIZE));
	p.flags = (struct strings){bad, 1};
	NEED(sched_apply_personality(&p, &err) == -EINVAL &&
	     strstr(err.msg, "linux.personality.flags[0]: unknown flag \"NOPE\""));
	p.domain = "linux";
	NEED(sched_apply_personality(&p, &err) == -EINVAL && strstr(err.msg, "unknown domain"));
}

Test(sched, personality)
{
	cr_assert_eq(child_run(change_personality, NULL), 0);
}

static int oom_score(pid_t pid)
{
	char path[64];
	int v = 9999;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	FILE *f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%d", &v) != 1)
			v = 9999;
		fclose(f);
	}
	return v;
}

Test(sched, oom_score)
{
	struct oci_process p = {
	    .oom_score_adj = {false, 500}
	 };
	struct error err = ERROR_NONE;
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	int before = oom_score(pid);
	cr_expect_eq(sched_apply_oom_score(&p, pid, &err), 0);
	cr_expect_eq(oom_score(pid), before, "touched although the config names none");
	p.oom_score_adj.set = true;
	cr_expect_eq(sched_apply_oom_score(&p, pid, &err), 0, "%s", err.msg);
	cr_expect_eq(oom_score(pid), 500);
	p.oom_score_adj.v = 1001;
	cr_expect_eq(sched_apply_oom_score(&p, pid, &err), -EINVAL);
	p.oom_score_adj.v = -1001;
	cr_expect_eq(sched_apply_oom_score(&p, pid, &err), -EINVAL);
	cr_expect_eq(strncmp(err.msg, "process.oomScoreAdj: ", 21), 0, "%s", err.msg);
	cr_expect_eq(oom_score(pid), 500);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	p.oom_score_adj.v = 1;
	cr_expect_lt(sched_apply_oom_score(&p, pid, &err), 0);
}
