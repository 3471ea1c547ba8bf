/* event_document.c: what a cgroup has used, as runc writes it. See event_document.h. */
#include "core/event_document.h"

#include <stdlib.h>

#include "base/auto.h"
#include "core/agent/wire.h"
#include "oci-spec/tables.h"

struct cpu_usage {
	struct opt_uint total;
	struct uints percpu, percpu_kernel, percpu_user;
	struct opt_uint kernel, user;
};
struct throttling {
	struct opt_uint periods, throttled_periods, throttled_time;
};
struct cpu {
	struct cpu_usage *usage;
	struct throttling *throttling;
};
struct cpuset {
	struct uints cpus, mems;
	struct opt_uint cpu_exclusive, mem_hardwall, mem_exclusive, memory_migrate, memory_spread_page,
	    memory_spread_slab, memory_pressure, sched_load_balance;
	struct opt_int sched_relax_domain_level;
};
struct memory_use {
	struct opt_uint limit, usage, max, failcnt;
};
struct memory {
	struct opt_uint cache;
	struct memory_use *usage, *swap, *kernel, *kernel_tcp;
	struct counts raw;
};
struct pids {
	struct opt_uint current, limit;
};
struct io_entry {
	struct opt_uint major, minor;
	char *op;
	struct opt_uint value;
};
struct io_entries {
	struct io_entry *v;
	size_t n;
};
struct blkio {
	struct io_entries bytes, operations;
};
struct hugetlb {
	char *size;
	struct opt_uint usage, max, failcnt;
};
struct guest_cpu {
	struct opt_uint total, user, kernel;
};
struct guest_memory {
	struct opt_uint usage, max, limit, cache, swap, total, free, oom_kills;
};
struct guest {
	struct guest_cpu *cpu;
	struct guest_memory *memory;
};
struct nothing {
	struct opt_bool never;
};
struct data {
	struct cpu *cpu;
	struct cpuset *cpuset;
	struct memory *memory;
	struct pids *pids;
	struct blkio *blkio;
	struct {
		struct hugetlb *v;
		size_t n;
	} hugetlb;
	struct pairs intel_rdt;
	struct {
		struct nothing *v;
		size_t n;
	} interfaces;
	struct guest *guest;
};
struct event {
	char *type, *id;
	struct data *data;
};

/* clang-format off */
SCHEMA(cpu_usage,
	UINT("total", cpu_usage, total),
	UINTS("percpu", cpu_usage, percpu),
	UINTS("percpu_kernel", cpu_usage, percpu_kernel),
	UINTS("percpu_user", cpu_usage, percpu_user),
	UINT("kernel", cpu_usage, kernel),
	UINT("user", cpu_usage, user));
SCHEMA(throttling,
	UINT("periods", throttling, periods),
	UINT("throttledPeriods", throttling, throttled_periods),
	UINT("throttledTime", throttling, throttled_time));
SCHEMA(cpu,
	OBJECT("usage", cpu, usage, cpu_usage),
	OBJECT("throttling", cpu, throttling, throttling));
SCHEMA(cpuset,
	UINTS("cpus", cpuset, cpus),
	UINT("cpu_exclusive", cpuset, cpu_exclusive),
	UINTS("mems", cpuset, mems),
	UINT("mem_hardwall", cpuset, mem_hardwall),
	UINT("mem_exclusive", cpuset, mem_exclusive),
	UINT("memory_migrate", cpuset, memory_migrate),
	UINT("memory_spread_page", cpuset, memory_spread_page),
	UINT("memory_spread_slab", cpuset, memory_spread_slab),
	UINT("memory_pressure", cpuset, memory_pressure),
	UINT("sched_load_balance", cpuset, sched_load_balance),
	INT("sched_relax_domain_level", cpuset, sched_relax_domain_level));
SCHEMA(memory_use,
	UINT("limit", memory_use, limit),
	UINT("usage", memory_use, usage),
	UINT("max", memory_use, max),
	UINT("failcnt", memory_use, failcnt));
SCHEMA(memory,
	UINT("cache", memory, cache),
	OBJECT("usage", memory, usage, memory_use),
	OBJECT("swap", memory, swap, memory_use),
	OBJECT("kernel", memory, kernel, memory_use),
	OBJECT("kernelTCP", memory, kernel_tcp, memory_use),
	COUNTS("raw", memory, raw));
SCHEMA(pids,
	UINT("current", pids, current),
	UINT("limit", pids, limit));
SCHEMA(io_entry,
	UINT("major", io_entry, major),
	UINT("minor", io_entry, minor),
	STRING("op", io_entry, op),
	UINT("value", io_entry, value));
SCHEMA(blkio,
	OBJECTS("ioServiceBytesRecursive", blkio, bytes, io_entry),
	OBJECTS("ioServicedRecursive", blkio, operations, io_entry));
SCHEMA(hugetlb,
	UINT("usage", hugetlb, usage),
	UINT("max", hugetlb, max),
	UINT("failcnt", hugetlb, failcnt));
SCHEMA(guest_cpu,
	UINT("total", guest_cpu, total),
	UINT("user", guest_cpu, user),
	UINT("kernel", guest_cpu, kernel));
SCHEMA(guest_memory,
	UINT("usage", guest_memory, usage),
	UINT("max", guest_memory, max),
	UINT("limit", guest_memory, limit),
	UINT("cache", guest_memory, cache),
	UINT("swap", guest_memory, swap),
	UINT("total", guest_memory, total),
	UINT("free", guest_memory, free),
	UINT("oomKills", guest_memory, oom_kills));
/* Ours alone: what the container uses of its machine, while all above is what the machine uses of the host. */
SCHEMA(guest,
	OBJECT("cpu", guest, cpu, guest_cpu),
	OBJECT("memory", guest, memory, guest_memory));
SCHEMA(nothing,
	OPT_BOOL("never", nothing, never));
/* runc lists the network devices that it made, and ours are made by hooks: so there are none, which runc writes as null.
 * An empty intel_rdt is what it writes where no cache partition was asked for. */
SCHEMA(data,
	OBJECT("cpu", data, cpu, cpu),
	OBJECT("cpuset", data, cpuset, cpuset),
	OBJECT("memory", data, memory, memory),
	OBJECT("pids", data, pids, pids),
	OBJECT("blkio", data, blkio, blkio),
	NAMED("hugetlb", data, hugetlb, hugetlb),
	PAIRS("intel_rdt", data, intel_rdt),
	FIELD("network_interfaces", FIELD_OBJECTS, true, data, interfaces, &nothing_schema, NULL),
	OBJECT("guest", data, guest, guest));
SCHEMA(event,
	STRING("type", event, type),
	STRING("id", event, id),
	OBJECT("data", event, data, data));
/* clang-format on */

static struct opt_uint always(uint64_t n)
{
	return (struct opt_uint){true, n};
}

static struct opt_uint unless_0(uint64_t n)
{
	return (struct opt_uint){n != 0, n};
}

/* An empty array is left out. */
static struct uints unless_empty(struct uints list)
{
	return list.n ? list : (struct uints){0};
}

static struct memory_use memory_use(const struct cgroup_memory_use *m)
{
	return (struct memory_use){always(m->limit), unless_0(m->usage), unless_0(m->max),
				   always(m->failcnt)};
}

/* The strings stay the list's. */
static int io_entries(const struct cgroup_io_list *list, struct io_entries *out, struct error *err)
{
	if (!list->n)
		return 0;
	out->v = calloc(list->n, sizeof(*out->v));
	if (!out->v)
		return error_set(err, -ENOMEM, "out of memory");
	for (; out->n < list->n; out->n++) {
		struct cgroup_io_entry *from = &list->v[out->n];

		out->v[out->n] = (struct io_entry){unless_0(from->major), unless_0(from->minor), from->op,
						   unless_0(from->value)};
	}
	return 0;
}

static struct cpuset cpuset(const struct cgroup_stats *s)
{
	return (struct cpuset){
	    .cpus = unless_empty(s->cpuset.cpus),
	    .mems = unless_empty(s->cpuset.mems),
	    .cpu_exclusive = always(s->cpuset.cpu_exclusive),
	    .mem_hardwall = always(s->cpuset.mem_hardwall),
	    .mem_exclusive = always(s->cpuset.mem_exclusive),
	    .memory_migrate = always(s->cpuset.memory_migrate),
	    .memory_spread_page = always(s->cpuset.memory_spread_page),
	    .memory_spread_slab = always(s->cpuset.memory_spread_slab),
	    .memory_pressure = always(s->cpuset.memory_pressure),
	    .sched_load_balance = always(s->cpuset.sched_load_balance),
	    .sched_relax_domain_level = {true, s->cpuset.sched_relax_domain_level},
	};
}

static struct opt_uint unless_endless(uint64_t n)
{
	return (struct opt_uint){n != UINT64_MAX, n};
}

static int print_data(const char *id, const struct cgroup_stats *s, const struct agent_stats *g, struct data *data, char **line,
		      struct error *err)
{
	struct guest_cpu guest_cpu = {0};
	struct guest_memory guest_memory = {0};
	struct guest guest = {&guest_cpu, &guest_memory};
	struct cpu_usage usage = {
	    .total = unless_0(s->cpu.total),
	    .percpu = unless_empty(s->cpu.percpu),
	    .percpu_kernel = unless_empty(s->cpu.percpu_kernel),
	    .percpu_user = unless_empty(s->cpu.percpu_user),
	    .kernel = always(s->cpu.kernel),
	    .user = always(s->cpu.user),
	};
	struct throttling throttling = {unless_0(s->cpu.periods), unless_0(s->cpu.throttled_periods),
					unless_0(s->cpu.throttled_time)};
	struct cpu cpu = {&usage, &throttling};
	struct cpuset set = cpuset(s);
	struct memory_use uses[] = {memory_use(&s->memory.usage), memory_use(&s->memory.swap),
				    memory_use(&s->memory.kernel), memory_use(&s->memory.kernel_tcp)};
	struct memory memory = {unless_0(s->memory.cache),
				&uses[0],
				&uses[1],
				&uses[2],
				&uses[3],
				s->memory.raw.n ? s->memory.raw : (struct counts){0}};
	/* "max" is no limit, and no limit is 0 here. */
	struct pids pids = {unless_0(s->pids.current),
			    unless_0(s->pids.limit == UINT64_MAX ? 0 : s->pids.limit)};
	struct pair none[1] = {{0}};
	char type[] = "stats";

	if (g) {
		guest_cpu = (struct guest_cpu){always(g->cpu_total), always(g->cpu_user), always(g->cpu_kernel)};
		guest_memory = (struct guest_memory){
		    always(g->memory_usage), always(g->memory_max), unless_endless(g->memory_limit), always(g->memory_cache),
		    always(g->memory_swap), always(g->guest_total), always(g->guest_free), always(g->oom_kills),
		};
		pids = (struct pids){unless_0(g->pids_current), unless_0(g->pids_limit == UINT64_MAX ? 0 : g->pids_limit)};
		data->guest = &guest;
	}

	data->cpu = &cpu;
	data->cpuset = &set;
	data->memory = &memory;
	data->pids = &pids;
	data->intel_rdt = (struct pairs){none, 0};
	return schema_print(&event_schema, &(struct event){type, (char *)id, data}, line, err);
}

int event_print_stats(const char *id, const struct cgroup_stats *s, const struct agent_stats *guest, char **line,
		      struct error *err)
{
	/* One more: a map without elements is written as an empty one only where there is an array. */
	auto_free struct hugetlb *pages = calloc(s->hugetlb.n + 1, sizeof(*pages));
	struct blkio blkio = {0};
	struct data data = {
	    .blkio = &blkio, .hugetlb = {pages, s->hugetlb.n}
	     };
	int ret = pages ? 0 : error_set(err, -ENOMEM, "out of memory");

	for (size_t i = 0; pages && i < s->hugetlb.n; i++) {
		struct cgroup_hugetlb *from = &s->hugetlb.v[i];

		pages[i] = (struct hugetlb){from->size, unless_0(from->usage), unless_0(from->max),
					    always(from->failcnt)};
	}
	if (ret == 0)
		ret = io_entries(&s->io_bytes, &blkio.bytes, err);
	if (ret == 0)
		ret = io_entries(&s->io_operations, &blkio.operations, err);
	if (ret == 0)
		ret = print_data(id, s, guest, &data, line, err);
	free(blkio.bytes.v);
	free(blkio.operations.v);
	return ret;
}

int event_print_oom(const char *id, char **line, struct error *err)
{
	char type[] = "oom";

	return schema_print(&event_schema, &(struct event){type, (char *)id, NULL}, line, err);
}
