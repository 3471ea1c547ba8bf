/* size.c: see size.h. */
#include "core/vm/size.h"

#include <sched.h>
#include <unistd.h>

#include "base/str.h"

#define STEP (UINT64_C(2) << 20)

static uint64_t round_up(uint64_t bytes)
{
	return (bytes + STEP - 1) / STEP * STEP;
}

static uint64_t host_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page / STEP * STEP : UINT64_MAX;
}

static unsigned int host_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (unsigned int)CPU_COUNT(&set);
}

static int plan_memory(const struct oci_config *spec, uint64_t *out, struct error *err)
{
	const struct oci_vm_hw *hw = spec->vm ? spec->vm->hw_config : NULL;
	const struct oci_memory *m = spec->linux_ && spec->linux_->resources ? spec->linux_->resources->memory : NULL;
	uint64_t most = host_memory();

	if (hw && hw->memory.set && hw->memory.v) {
		if (hw->memory.v < VM_MEMORY_LEAST)
			return error_set(err, -EINVAL, "config.json: vm.hwConfig.memory: %llu bytes: too little, a guest needs at least %llu MiB",
					 (unsigned long long)hw->memory.v, (unsigned long long)VM_MEMORY_LEAST >> 20);
		if (hw->memory.v > most)
			return error_set(err, -EINVAL, "config.json: vm.hwConfig.memory: %llu bytes: the host has %llu",
					 (unsigned long long)hw->memory.v, (unsigned long long)most);
		*out = round_up(hw->memory.v);
		return 0;
	}
	if (!m || !m->limit.set || m->limit.v <= 0) {
		*out = VM_MEMORY_DEFAULT < most ? VM_MEMORY_DEFAULT : most;
		return 0;
	}
	/* Some engines write "no limit" as a number that no host has. */
	*out = (uint64_t)m->limit.v < most - VM_GUEST_OVERHEAD ? round_up((uint64_t)m->limit.v + VM_GUEST_OVERHEAD) : most;
	return 0;
}

static int plan_cpus(const struct oci_config *spec, unsigned int *out, struct error *err)
{
	const struct oci_vm_hw *hw = spec->vm ? spec->vm->hw_config : NULL;
	const struct oci_cpu *cpu = spec->linux_ && spec->linux_->resources ? spec->linux_->resources->cpu : NULL;
	unsigned int most = host_cpus();
	uint64_t period = cpu && cpu->period.set && cpu->period.v ? cpu->period.v : 100000, n = 1;

	if (most > VM_VCPUS_MOST)
		most = VM_VCPUS_MOST;
	if (hw && hw->vcpus.set && hw->vcpus.v) {
		if (hw->vcpus.v > most)
			return error_set(err, -EINVAL, "config.json: vm.hwConfig.vcpus: %llu: there are %u processors",
					 (unsigned long long)hw->vcpus.v, most);
		n = hw->vcpus.v;
	} else if (cpu && cpu->quota.set && cpu->quota.v > 0) {
		n = ((uint64_t)cpu->quota.v - 1) / period + 1;
	}
	*out = n < most ? (unsigned int)n : most;
	return 0;
}

int vm_size_plan(const struct oci_config *spec, struct vm_size *out, struct error *err)
{
	struct vm_size size = { 0 };
	int ret = plan_memory(spec, &size.memory, err);

	if (ret == 0)
		ret = plan_cpus(spec, &size.vcpus, err);
	if (ret == 0)
		*out = size;
	return ret;
}

static void widen(struct opt_int *bytes, int64_t least)
{
	const int64_t more = (int64_t)(VM_GUEST_OVERHEAD + VM_MONITOR_OVERHEAD);

	if (bytes->set && bytes->v > 0)
		bytes->v = bytes->v < INT64_MAX - more ? bytes->v + more : INT64_MAX;
	if (bytes->set && bytes->v > 0 && bytes->v < least)
		bytes->v = least;
}

/* Memory and swap together: what may be swapped out stays as much as it was. */
static void widen_swap(struct oci_memory *m, const struct oci_memory *asked, int64_t least)
{
	int64_t more;

	if (!m->limit.set || m->limit.v <= 0) {
		widen(&m->swap, least);
		return;
	}
	more = m->limit.v - asked->limit.v;
	if (m->swap.set && m->swap.v > 0)
		m->swap.v = m->swap.v < INT64_MAX - more ? m->swap.v + more : INT64_MAX;
}

static void widen_all(const struct oci_memory *asked, int64_t least, struct isolation_resources *out)
{
	out->memory = *asked;
	widen(&out->memory.limit, least);
	widen_swap(&out->memory, asked, least);
	widen(&out->memory.reservation, 0);
	out->all.memory = &out->memory;
}

void vm_size_host(const struct oci_config *spec, const struct oci_resources *asked, struct isolation_resources *out)
{
	uint64_t machine = 0;
	int64_t least = plan_memory(spec, &machine, NULL) < 0 ? 0 : (int64_t)(machine + VM_MONITOR_OVERHEAD);

	out->all = *asked;
	out->all.pids = NULL;
	out->all.unified = (struct pairs){ .v = out->unified };
	for (size_t i = 0; i < asked->unified.n && out->all.unified.n < ISOLATION_UNIFIED_MAX; i++)
		if (!vm_size_is_guests(asked->unified.v[i].key))
			out->unified[out->all.unified.n++] = asked->unified.v[i];
	if (asked->memory)
		widen_all(asked->memory, least, out);
}

uint64_t vm_size_spare(const struct oci_config *spec, int64_t limit)
{
	uint64_t machine = 0;

	if (limit <= 0 || plan_memory(spec, &machine, NULL) < 0 || (uint64_t)limit >= machine)
		return 0;
	limit = (int64_t)round_up((uint64_t)limit + VM_GUEST_OVERHEAD);
	return (uint64_t)limit < machine ? machine - (uint64_t)limit : 0;
}

void vm_size_host_shrunk(const struct oci_memory *asked, struct isolation_resources *out)
{
	out->all = (struct oci_resources){ 0 };
	widen_all(asked, 0, out);
}
