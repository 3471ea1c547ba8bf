/* limits.c: what linux.resources asks for, a function a property of it, a row a number that needs no more
 * than a file. */
#include "cgroup/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/table.h"
#include "cgroup/setting.h"

/* memory: */

#define MEMORY "linux.resources.memory."

/* On v1 the kernel holds limit <= memory+swap at every moment, so which of the two goes first depends on
 * where they are now: where the one order is refused, the other is right. */
static int set_memory_v1(const struct cgroup *c, int64_t limit, int64_t swap, struct error *err)
{
	const struct setting at_limit = {MEMORY "limit", "memory", "memory.limit_in_bytes"};
	const struct setting at_swap = {MEMORY "swap", "memory", "memory.memsw.limit_in_bytes"};
	bool has_swap = setting_exists(c, &at_swap);
	int ret;

	if (!has_swap && swap > 0 && swap != limit)
		return error_set(err, -ENOTSUP, "%s: the kernel does not account for swap on this host",
				 at_swap.place);
	if (!has_swap)
		swap = 0;
	if (limit && swap) {
		ret = limit < 0 ? -EINVAL : setting_write(c, &at_limit, NULL, "%lld", (long long)limit);
		if (ret == -EINVAL || ret == -EBUSY) {
			ret = setting_write(c, &at_swap, err, "%lld", (long long)swap);
			return ret < 0 ? ret : setting_write(c, &at_limit, err, "%lld", (long long)limit);
		}
		if (ret < 0)
			return setting_write(c, &at_limit, err, "%lld", (long long)limit);
		return setting_write(c, &at_swap, err, "%lld", (long long)swap);
	}
	if (limit)
		return setting_write(c, &at_limit, err, "%lld", (long long)limit);
	return swap ? setting_write(c, &at_swap, err, "%lld", (long long)swap) : 0;
}

static int write_or_max(const struct cgroup *c, const struct setting *s, int64_t value, struct error *err)
{
	return value < 0 ? setting_write(c, s, err, "max")
			 : setting_write(c, s, err, "%lld", (long long)value);
}

static int set_memory_v2(const struct cgroup *c, int64_t limit, int64_t swap, struct error *err)
{
	const struct setting at_limit = {MEMORY "limit", "memory", "memory.max"};
	const struct setting at_swap = {MEMORY "swap", "memory", "memory.swap.max"};
	int64_t now = limit ? limit : cgroup_memory_limit(c), only_swap = 0;
	int ret = 0;

	if (swap > 0 && !limit && now < 0)
		return error_set(err, -EINVAL, "%s: %lld without a memory limit; it means memory and swap together", at_swap.place,
				 (long long)swap);
	if (swap && !convert_swap(swap, now, &only_swap))
		return error_set(
		    err, -EINVAL,
		    "%s: %lld is less than the memory limit %lld; it means memory and swap together",
		    at_swap.place, (long long)swap, (long long)now);
	/* Before the limit: what does not fit in memory any more should find the swap that was meant for it.
	 * Without swap accounting there is no file, and nothing to do where nothing is granted or all is. */
	if (swap && (only_swap > 0 || setting_exists(c, &at_swap)))
		ret = write_or_max(c, &at_swap, only_swap, err);
	return ret < 0 || !limit ? ret : write_or_max(c, &at_limit, limit, err);
}

static int check_usage(const struct cgroup *c, const struct folder *f, int64_t limit, struct error *err)
{
	char text[32];
	uint64_t now;

	if (limit <= 0 ||
	    folder_read(f, f->v2 ? "memory.current" : "memory.usage_in_bytes", text, sizeof(text)) < 0 ||
	    number_parse_u64(text, 0, UINT64_MAX, &now) < 0 || now <= (uint64_t)limit)
		return 0;
	return error_set(err, -EBUSY,
			 MEMORY "limit: %lld is less than the %llu bytes in use (checkBeforeUpdate)",
			 (long long)limit, (unsigned long long)now);
}

static int64_t number(struct opt_int n)
{
	return n.set ? n.v : 0;
}

static int set_memory_rest_v1(const struct cgroup *c, const struct oci_memory *m, struct error *err)
{
	const struct {
		struct setting at;
		bool asked;
		long long value;
	} rows[] = {
	    {{MEMORY "reservation", "memory", "memory.soft_limit_in_bytes"},
	     number(m->reservation),
	     number(m->reservation)										    },
	    {{MEMORY "kernel", "memory", "memory.kmem.limit_in_bytes"},	number(m->kernel),	   number(m->kernel)},
	    {{MEMORY "kernelTCP", "memory", "memory.kmem.tcp.limit_in_bytes"},
	     number(m->kernel_tcp),
	     number(m->kernel_tcp)										     },
	    {{MEMORY "swappiness", "memory", "memory.swappiness"},
	     m->swappiness.set,
	     (long long)m->swappiness.v										},
	    {{MEMORY "disableOOMKiller", "memory", "memory.oom_control"},	  m->disable_oom_killer, 1		  },
	    {{MEMORY "useHierarchy", "memory", "memory.use_hierarchy"},	m->use_hierarchy,	  1		   },
	};
	int ret = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows) && !ret; i++)
		if (rows[i].asked)
			ret = setting_write(c, &rows[i].at, err, "%lld", rows[i].value);
	return ret;
}

static int check_number(struct opt_int n, const char *place, struct error *err)
{
	return number(n) >= -1 ? 0 : error_set(err, -EINVAL, "%s: %lld is no limit; -1 stands for none", place, (long long)n.v);
}

static int check_numbers(const struct oci_memory *m, struct error *err)
{
	int ret = check_number(m->limit, MEMORY "limit", err);

	ret = ret ? ret : check_number(m->reservation, MEMORY "reservation", err);
	ret = ret ? ret : check_number(m->swap, MEMORY "swap", err);
	ret = ret ? ret : check_number(m->kernel, MEMORY "kernel", err);
	return ret ? ret : check_number(m->kernel_tcp, MEMORY "kernelTCP", err);
}

int limits_check(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	const struct folder *f = r && r->memory ? cgroup_folder_for(c, "memory") : NULL;
	int ret = r && r->memory ? check_numbers(r->memory, err) : 0;

	return !ret && f && r->memory->check_before_update ? check_usage(c, f, number(r->memory->limit), err) : ret;
}

static int set_memory(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	const struct oci_memory *m = r->memory;
	int64_t limit = number(m->limit), swap = number(m->swap);
	const char *first = limits_first_memory(m);
	const struct folder *f;
	int ret;

	if (!first)
		return 0;
	f = setting_folder(c, "memory", first, err);
	if (!f)
		return -ENOTSUP;
	/* Without limit of memory there can be none of both together. */
	if (limit < 0 && !swap)
		swap = -1;
	ret = limits_check(c, r, err);
	if (ret < 0)
		return ret;
	if (!f->v2) {
		ret = set_memory_v1(c, limit, swap, err);
		return ret < 0 ? ret : set_memory_rest_v1(c, m, err);
	}
	ret = setting_refuse_v2(m->swappiness.set && m->swappiness.v, MEMORY "swappiness", err);
	ret = ret ? ret : setting_refuse_v2(m->disable_oom_killer, MEMORY "disableOOMKiller", err);
	ret = ret ? ret : setting_refuse_v2(m->use_hierarchy, MEMORY "useHierarchy", err);
	ret = ret ? ret : setting_refuse_v2(number(m->kernel) > 0, MEMORY "kernel", err);
	ret = ret ? ret : setting_refuse_v2(number(m->kernel_tcp) > 0, MEMORY "kernelTCP", err);
	ret = ret ? ret : set_memory_v2(c, limit, swap, err);
	if (!ret && number(m->reservation))
		ret = write_or_max(c, &(struct setting){MEMORY "reservation", "memory", "memory.low"},
				   m->reservation.v, err);
	return ret;
}

/* cpu: */

#define CPU "linux.resources.cpu."

static int set_quota_v2(const struct cgroup *c, const struct folder *f, int64_t quota, uint64_t period,
			struct error *err)
{
	/* "max" fits any period that there can be. */
	const struct setting at = {quota > 0 || !period ? CPU "quota" : CPU "period", "cpu", "cpu.max"};
	char now[64] = "max";

	/* One number alone leaves the period as it is; a period alone needs the quota said again. */
	if (quota && !period)
		return write_or_max(c, &at, quota, err);
	if (quota < 0)
		return setting_write(c, &at, err, "max %llu", (unsigned long long)period);
	if (quota)
		return setting_write(c, &at, err, "%lld %llu", (long long)quota, (unsigned long long)period);
	if (!folder_read(f, "cpu.max", now, sizeof(now)))
		now[strcspn(now, " ")] = 0;
	return setting_write(c, &at, err, "%s %llu", now, (unsigned long long)period);
}

/* Quota and period must not exceed those of the parent as a ratio, at every moment: the other order where one
 * is refused. */
static int set_quota_v1(const struct cgroup *c, int64_t quota, uint64_t period, struct error *err)
{
	const struct setting at_quota = {CPU "quota", "cpu", "cpu.cfs_quota_us"},
			     at_period = {CPU "period", "cpu", "cpu.cfs_period_us"};
	int ret = 0, early;

	if (period) {
		ret = setting_write(c, &at_period, quota ? NULL : err, "%llu", (unsigned long long)period);
		if (ret < 0 && !quota)
			return ret;
	}
	if (!quota)
		return 0;
	early = ret;
	ret = setting_write(c, &at_quota, err, "%lld", quota < 0 ? -1LL : (long long)quota);
	if (ret < 0 || !early)
		return ret;
	return setting_write(c, &at_period, err, "%llu", (unsigned long long)period);
}

/* The burst must fit the quota before and after: what cannot be written first can be afterwards. */
static int set_bandwidth(const struct cgroup *c, const struct folder *f, const struct oci_cpu *cpu,
			 struct error *err)
{
	const struct setting burst = {CPU "burst", "cpu", f->v2 ? "cpu.max.burst" : "cpu.cfs_burst_us"};
	int64_t quota = number(cpu->quota);
	uint64_t period = cpu->period.set ? cpu->period.v : 0;
	bool has_burst = cpu->burst.set && (cpu->burst.v || setting_exists(c, &burst));
	int ret = 0, early = -EINVAL;

	/* The kernel would find fault with whichever it is told last. */
	if (has_burst && quota > 0 && cpu->burst.v > (uint64_t)quota)
		return error_set(err, -EINVAL, "%s: %llu is more than the quota of %lld", burst.place, (unsigned long long)cpu->burst.v,
				 (long long)quota);
	if (has_burst)
		early = setting_write(c, &burst, quota || period ? NULL : err, "%llu",
				      (unsigned long long)cpu->burst.v);
	if (quota || period)
		ret = f->v2 ? set_quota_v2(c, f, quota, period, err) : set_quota_v1(c, quota, period, err);
	else if (has_burst)
		return early;
	if (!ret && has_burst && early < 0)
		ret = setting_write(c, &burst, err, "%llu", (unsigned long long)cpu->burst.v);
	return ret;
}

/* The runtime must fit the period, now and then; see set_bandwidth(). */
static int set_realtime(const struct cgroup *c, const struct oci_cpu *cpu, struct error *err)
{
	const struct setting at_period = {CPU "realtimePeriod", "cpu", "cpu.rt_period_us"};
	const struct setting at_runtime = {CPU "realtimeRuntime", "cpu", "cpu.rt_runtime_us"};
	uint64_t period = cpu->realtime_period.set ? cpu->realtime_period.v : 0;
	int64_t runtime = number(cpu->realtime_runtime);
	int ret = 0;

	if (period)
		ret = setting_write(c, &at_period, runtime ? NULL : err, "%llu", (unsigned long long)period);
	if (!runtime)
		return ret;
	if (ret < 0) {
		ret = setting_write(c, &at_runtime, err, "%lld", (long long)runtime);
		return ret < 0 ? ret : setting_write(c, &at_period, err, "%llu", (unsigned long long)period);
	}
	return setting_write(c, &at_runtime, err, "%lld", (long long)runtime);
}

static int set_cpu(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	const struct oci_cpu *cpu = r->cpu;
	uint64_t shares = cpu->shares.set ? cpu->shares.v : 0;
	const char *first = limits_first_cpu(cpu);
	const struct folder *f;
	bool realtime = number(cpu->realtime_runtime) || (cpu->realtime_period.set && cpu->realtime_period.v);
	bool idle = cpu->idle.set && cpu->idle.v == 1;
	int ret = 0;

	if (!first)
		return 0;
	f = setting_folder(c, "cpu", first, err);
	if (!f)
		return -ENOTSUP;
	if (realtime)
		ret = f->v2 ? setting_refuse_v2(true,
						number(cpu->realtime_runtime) ? CPU "realtimeRuntime"
									      : CPU "realtimePeriod",
						err)
			    : set_realtime(c, cpu, err);
	/* 0 is the kernel's default and need not exist. */
	if (!ret && cpu->idle.set &&
	    (cpu->idle.v || setting_exists(c, &(struct setting){CPU "idle", "cpu", "cpu.idle"})))
		ret = setting_write(c, &(struct setting){CPU "idle", "cpu", "cpu.idle"}, err, "%lld",
				    (long long)cpu->idle.v);
	/* Idle is a weight of its own; the kernel refuses another one beside it. */
	if (!ret && shares && !idle)
		ret = f->v2 ? setting_write(c, &(struct setting){CPU "shares", "cpu", "cpu.weight"}, err,
					    "%llu", (unsigned long long)convert_shares(shares))
			    : setting_write(c, &(struct setting){CPU "shares", "cpu", "cpu.shares"}, err,
					    "%llu", (unsigned long long)shares);
	return ret ? ret : set_bandwidth(c, f, cpu, err);
}

static int set_cpuset(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	const struct oci_cpu *cpu = r->cpu;
	int ret = 0;

	if (cpu->cpus && *cpu->cpus)
		ret = setting_write(c, &(struct setting){CPU "cpus", "cpuset", "cpuset.cpus"}, err, "%s",
				    cpu->cpus);
	if (!ret && cpu->mems && *cpu->mems)
		ret = setting_write(c, &(struct setting){CPU "mems", "cpuset", "cpuset.mems"}, err, "%s",
				    cpu->mems);
	return ret;
}

/* pids: 0 is a limit as the specification has it, and the kernel knows it too. */
static int set_pids(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	const struct setting at = {"linux.resources.pids.limit", "pids", "pids.max"};

	if (!r->pids->limit.set)
		return 0;
	/* A new one has no limit: without the controller there is nothing to lift. */
	if (r->pids->limit.v < 0 && !setting_exists(c, &at))
		return 0;
	return write_or_max(c, &at, r->pids->limit.v, err);
}

/* network: */

static int set_network(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	const struct setting at_class = {"linux.resources.network.classID", "net_cls", "net_cls.classid"};
	const struct setting at_priority = {"linux.resources.network.priorities", "net_prio",
					    "net_prio.ifpriomap"};
	const struct oci_network *n = r->network;
	int ret = 0;

	if (n->class_id.set && n->class_id.v)
		ret = c->layout == CGROUP_LAYOUT_V2
			  ? setting_refuse_v2(true, at_class.place, err)
			  : setting_write_v1(c, &at_class, err, "%llu", (unsigned long long)n->class_id.v);
	if (!ret && n->priorities.n && c->layout == CGROUP_LAYOUT_V2)
		return setting_refuse_v2(true, at_priority.place, err);
	for (size_t i = 0; i < n->priorities.n && !ret; i++)
		ret = setting_write_v1(c, &at_priority, err, "%s %llu",
				       n->priorities.v[i].name ? n->priorities.v[i].name : "",
				       (unsigned long long)n->priorities.v[i].priority.v);
	return ret;
}

static int set_hugepages(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "hugetlb");
	const char *end = f && f->v2 ? "max" : "limit_in_bytes";
	int ret = 0;

	for (size_t i = 0; i < r->hugepage_limits.n && !ret; i++) {
		const struct oci_hugepage_limit *h = &r->hugepage_limits.v[i];
		char place[64], usage[64], reserved[64];

		snprintf(place, sizeof(place), "linux.resources.hugepageLimits[%zu].pageSize", i);
		if (!h->page_size || !convert_is_page_size(h->page_size))
			return error_set(err, -EINVAL, "%s: \"%s\" is no size like 2MB or 1GB", place,
					 h->page_size ? h->page_size : "");
		snprintf(usage, sizeof(usage), "hugetlb.%s.%s", h->page_size, end);
		snprintf(reserved, sizeof(reserved), "hugetlb.%s.rsvd.%s", h->page_size, end);
		snprintf(place, sizeof(place), "linux.resources.hugepageLimits[%zu].limit", i);
		ret = setting_write(c, &(struct setting){place, "hugetlb", usage}, err, "%llu",
				    (unsigned long long)h->limit.v);
		/* Reservations are counted apart since Linux 5.7, and fail at mmap() instead of killing at
		 * the first touch. */
		if (!ret && setting_exists(c, &(struct setting){place, "hugetlb", reserved}))
			ret = setting_write(c, &(struct setting){place, "hugetlb", reserved}, err, "%llu",
					    (unsigned long long)h->limit.v);
	}
	return ret;
}

static int set_rdma(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < r->rdma.n && !ret; i++) {
		const struct oci_rdma *d = &r->rdma.v[i];
		char place[128], handles[48] = "", objects[48] = "";

		snprintf(place, sizeof(place), "linux.resources.rdma[\"%.64s\"]", d->key);
		if (!*d->key || strpbrk(d->key, " \t\n\r"))
			return error_set(err, -EINVAL, "%s: no name of a device", place);
		if (d->hca_handles.set)
			snprintf(handles, sizeof(handles), " hca_handle=%llu",
				 (unsigned long long)d->hca_handles.v);
		if (d->hca_objects.set)
			snprintf(objects, sizeof(objects), " hca_object=%llu",
				 (unsigned long long)d->hca_objects.v);
		if (*handles || *objects)
			ret = setting_write(c, &(struct setting){place, "rdma", "rdma.max"}, err, "%s%s%s",
					    d->key, handles, objects);
	}
	return ret;
}

/* Files that move or end processes are no limits: with them a config could pull the host's processes in. */
static const char *const not_limits[] = {
    "cgroup.procs",  "cgroup.threads",	       "cgroup.kill", "cgroup.type",
    "cgroup.freeze", "cgroup.subtree_control", NULL};

static int check_unified(const char *key, const char *place, struct error *err)
{
	const char *dot = strchr(key, '.');

	if (!dot || dot == key || strpbrk(key, "/\n") || strstr(key, ".."))
		return error_set(err, -EINVAL, "%s: not the name of a file in a cgroup", place);
	if (name_lookup(not_limits, key) >= 0)
		return error_set(err, -EINVAL, "%s: not a limit", place);
	return 0;
}

static int set_unified(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	const struct folder *f = cgroup_v2_folder(c);
	int ret = 0;

	for (size_t i = 0; i < r->unified.n && !ret; i++) {
		const struct pair *p = &r->unified.v[i];
		auto_free char *value = strdup(p->value ? p->value : "");
		char place[160];

		snprintf(place, sizeof(place), "linux.resources.unified[\"%.100s\"]", p->key);
		if (!value)
			return error_set(err, -ENOMEM, "out of memory");
		ret = check_unified(p->key, place, err);
		if (!ret && !f)
			return error_set(err, -ENOTSUP, "%s: no cgroup v2 on this host", place);
		/* Files like io.max take one line a write. */
		for (char *line = value, *next; !ret && line; line = next) {
			next = strchr(line, '\n');
			if (next)
				*next++ = 0;
			if (*line || line == value)
				ret = setting_write_in(f, &(struct setting){place, NULL, p->key}, err, line);
		}
	}
	return ret;
}

int limits_apply(const struct cgroup *c, const struct oci_resources *r, struct error *err)
{
	int ret = 0;

	if (!c->n)
		return 0;
	if (r->memory)
		ret = set_memory(c, r, err);
	if (!ret && r->cpu)
		ret = set_cpu(c, r, err);
	if (!ret && r->cpu)
		ret = set_cpuset(c, r, err);
	if (!ret && r->pids)
		ret = set_pids(c, r, err);
	if (!ret && r->block_io)
		ret = block_io_apply(c, r->block_io, err);
	if (!ret)
		ret = set_hugepages(c, r, err);
	if (!ret)
		ret = set_rdma(c, r, err);
	if (!ret && r->network)
		ret = set_network(c, r, err);
	/* Last, so that it has the last word. */
	return ret ? ret : set_unified(c, r, err);
}
