/* asked.c: which limits a document really asks for. Engines send zeros, -1 and false for "as it is" and
 * "none". */
#include "cgroup/limits.h"
#include "cgroup/setting.h"

static bool some(struct opt_int n)
{
	return n.set && n.v;
}
static bool some_u(struct opt_uint n)
{
	return n.set && n.v;
}

/* "-1" asks for nothing that a new cgroup would not have, but update may lift a limit with it. */
const char *limits_first_memory(const struct oci_memory *m)
{
	return some(m->limit)	       ? "linux.resources.memory.limit"
	       : some(m->reservation)  ? "linux.resources.memory.reservation"
	       : some(m->swap)	       ? "linux.resources.memory.swap"
	       : some(m->kernel)       ? "linux.resources.memory.kernel"
	       : some(m->kernel_tcp)   ? "linux.resources.memory.kernelTCP"
	       : m->swappiness.set     ? "linux.resources.memory.swappiness"
	       : m->disable_oom_killer ? "linux.resources.memory.disableOOMKiller"
	       : m->use_hierarchy      ? "linux.resources.memory.useHierarchy"
				       : NULL;
}

/* What belongs to the cpu controller; cpus and mems are the cpuset's. */
const char *limits_first_cpu(const struct oci_cpu *cpu)
{
	return some_u(cpu->shares)	      ? "linux.resources.cpu.shares"
	       : some(cpu->quota)	      ? "linux.resources.cpu.quota"
	       : some_u(cpu->period)	      ? "linux.resources.cpu.period"
	       : some_u(cpu->burst)	      ? "linux.resources.cpu.burst"
	       : cpu->burst.set		      ? "linux.resources.cpu.burst"
	       : cpu->idle.set		      ? "linux.resources.cpu.idle"
	       : some(cpu->realtime_runtime)  ? "linux.resources.cpu.realtimeRuntime"
	       : some_u(cpu->realtime_period) ? "linux.resources.cpu.realtimePeriod"
					      : NULL;
}

static const char *first_block_io(const struct oci_block_io *io)
{
	return some_u(io->weight)	 ? "linux.resources.blockIO.weight"
	       : some_u(io->leaf_weight) ? "linux.resources.blockIO.leafWeight"
	       : io->weight_device.n	 ? "linux.resources.blockIO.weightDevice"
	       : io->read_bps.n		 ? "linux.resources.blockIO.throttleReadBpsDevice"
	       : io->write_bps.n	 ? "linux.resources.blockIO.throttleWriteBpsDevice"
	       : io->read_iops.n	 ? "linux.resources.blockIO.throttleReadIOPSDevice"
	       : io->write_iops.n	 ? "linux.resources.blockIO.throttleWriteIOPSDevice"
					 : NULL;
}

static bool lifts_only(const struct oci_memory *m)
{
	return (!some(m->limit) || m->limit.v < 0) && (!some(m->swap) || m->swap.v < 0) &&
	       (!some(m->reservation) || m->reservation.v < 0) && (!some(m->kernel) || m->kernel.v < 0) &&
	       (!some(m->kernel_tcp) || m->kernel_tcp.v < 0) && !some_u(m->swappiness) &&
	       !m->disable_oom_killer;
}

const char *limits_first(const struct oci_resources *r)
{
	const char *first = NULL;

	if (!r)
		return NULL;
	if (r->memory && !lifts_only(r->memory))
		first = limits_first_memory(r->memory);
	if (!first && r->cpu) {
		struct oci_cpu cpu = *r->cpu;

		/* A period is no limit while there is no quota in it. */
		if (some(cpu.quota) && cpu.quota.v < 0)
			cpu.quota.set = cpu.period.set = false;
		first = limits_first_cpu(&cpu);
		if (!first && r->cpu->cpus && *r->cpu->cpus)
			first = "linux.resources.cpu.cpus";
		if (!first && r->cpu->mems && *r->cpu->mems)
			first = "linux.resources.cpu.mems";
	}
	if (!first && r->pids && r->pids->limit.set && r->pids->limit.v >= 0)
		first = "linux.resources.pids.limit";
	if (!first && r->block_io)
		first = first_block_io(r->block_io);
	if (!first && r->hugepage_limits.n)
		first = "linux.resources.hugepageLimits";
	if (!first && r->rdma.n)
		first = "linux.resources.rdma";
	if (!first && r->network && some_u(r->network->class_id))
		first = "linux.resources.network.classID";
	if (!first && r->network && r->network->priorities.n)
		first = "linux.resources.network.priorities";
	if (!first && r->unified.n)
		first = "linux.resources.unified";
	return first;
}
