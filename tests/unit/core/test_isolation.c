/* test_isolation.c: which wall a container gets, and how large its machine is. */
#include "core/isolation.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/pipeline.h"
#include "core/stages.h"
#include "core/vm/size.h"

#define MIB (UINT64_C(1) << 20)

static struct oci_config *config_with(const char *more)
{
	struct oci_config *c = NULL;
	struct error err = ERROR_NONE;
	char text[1024];

	snprintf(text, sizeof(text), "{\"ociVersion\":\"1.0.2\"%s}", more);
	cr_assert(oci_config_parse(text, strlen(text), "config.json", &c, &err) == 0, "%s", err.msg);
	return c;
}

#define PLAIN ""
#define ANNOTATED ",\"annotations\":{\"nacre.isolation\":\"kvm\"}"
#define FOR_NAMESPACES ",\"annotations\":{\"nacre.isolation\":\"namespaces\"}"
#define VM_OBJECT ",\"vm\":{\"kernel\":{\"path\":\"/vmlinuz\"}}"

Test(isolation, choice)
{
	static const struct { const char *config, *option, *program, *wanted; } cases[] = {
		{ PLAIN, NULL, NULL, "namespaces" },
		{ PLAIN, NULL, "/usr/bin/nacre", "namespaces" },
		{ PLAIN, NULL, "nacre-kvm", "kvm" },
		{ PLAIN, NULL, "/usr/local/bin/nacre-kvm", "kvm" },
		{ PLAIN, NULL, "nacre-other", "namespaces" },
		{ PLAIN, NULL, "/nacre-kvm/nacre", "namespaces" },
		{ ANNOTATED, NULL, NULL, "kvm" },
		{ ANNOTATED, NULL, "nacre-namespaces", "namespaces" },
		{ FOR_NAMESPACES, NULL, "nacre-kvm", "kvm" },
		{ FOR_NAMESPACES VM_OBJECT, NULL, NULL, "namespaces" },
		{ VM_OBJECT, NULL, "nacre", "kvm" },
		{ ANNOTATED VM_OBJECT, "namespaces", "nacre-kvm", "namespaces" },
		{ PLAIN, "kvm", "nacre", "kvm" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct oci_config *c = config_with(cases[i].config);
		const struct isolation *found = NULL;
		struct error err = ERROR_NONE;

		cr_expect(isolation_choose(c, cases[i].option, cases[i].program, &found, &err) == 0, "case %zu: %s", i, err.msg);
		cr_expect(found && !strcmp(found->name, cases[i].wanted), "case %zu: %s", i, found ? found->name : "none");
		oci_config_free(c);
	}
}

Test(isolation, no_such_wall)
{
	struct oci_config *c = config_with(",\"annotations\":{\"nacre.isolation\":\"paper\"}");
	const struct isolation *found = &isolation_namespaces;
	struct error err = ERROR_NONE;

	cr_expect(isolation_choose(c, NULL, NULL, &found, &err) == -EINVAL);
	cr_expect(strstr(err.msg, "nacre.isolation") && strstr(err.msg, "paper"), "%s", err.msg);
	cr_expect(isolation_choose(c, "glass", NULL, &found, &err) == -EINVAL);
	cr_expect(strstr(err.msg, "--isolation") && strstr(err.msg, "glass"), "%s", err.msg);
	cr_expect(found == &isolation_namespaces);
	oci_config_free(c);
}

/* The guest knows the end of the monitor's list only: row for row it must be the same. */
Test(isolation, lists_agree)
{
	struct pipeline host = PIPELINE(isolation_kvm.create, HOST), guest = PIPELINE(guest_create_list, INSIDE);
	int from = pipeline_find(&host, JAIL, "power"), i = 0;
	const struct stage *a, *b;

	cr_assert(from > 0);
	for (; (a = pipeline_stage(&host, from + i)) && (b = pipeline_stage(&guest, i)); i++) {
		cr_expect(a->place == b->place && !strcmp(a->name, b->name), "row %d: \"%s\" and \"%s\"", i, a->name, b->name);
		if (a->place == INSIDE)
			cr_expect(a->needed == b->needed, "row %d: \"%s\" is not needed alike", i, a->name);
	}
	cr_expect(!pipeline_stage(&host, from + i) && !pipeline_stage(&guest, i), "one list is longer");
	for (i = 0; i < from; i++)
		cr_expect(pipeline_stage(&host, i)->place != INSIDE, "\"%s\" comes before there is a guest", pipeline_stage(&host, i)->name);
	cr_expect(from + i < PIPELINE_STAGES_MAX);
}

static struct vm_size size_of(const char *more)
{
	struct oci_config *c = config_with(more);
	struct vm_size size = { 0 };
	struct error err = ERROR_NONE;

	cr_expect(vm_size_plan(c, &size, &err) == 0, "%s: %s", more, err.msg);
	oci_config_free(c);
	return size;
}

Test(vm_size, memory)
{
	cr_expect(size_of("").memory == VM_MEMORY_DEFAULT);
	cr_expect(size_of(",\"linux\":{\"resources\":{\"memory\":{\"limit\":67108864}}}").memory == 64 * MIB + VM_GUEST_OVERHEAD);
	cr_expect(size_of(",\"linux\":{\"resources\":{\"memory\":{\"limit\":67108865}}}").memory == 66 * MIB + VM_GUEST_OVERHEAD);
	cr_expect(size_of(",\"linux\":{\"resources\":{\"memory\":{\"limit\":-1}}}").memory == VM_MEMORY_DEFAULT);
	cr_expect(size_of(",\"linux\":{\"resources\":{\"memory\":{\"limit\":67108864}}},\"vm\":{\"kernel\":{\"path\":\"/k\"},\"hwConfig\":{\"memory\":301989888}}").memory ==
		  288 * MIB);
	/* "No limit", as some engines write it. */
	uint64_t all = size_of(",\"linux\":{\"resources\":{\"memory\":{\"limit\":9223372036854771712}}}").memory;
	cr_expect(all % (2 * MIB) == 0 && all <= (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
}

Test(vm_size, too_little)
{
	struct oci_config *c = config_with(",\"vm\":{\"kernel\":{\"path\":\"/k\"},\"hwConfig\":{\"memory\":1048576}}");
	struct error err = ERROR_NONE;
	struct vm_size size = { 7, 7 };

	cr_expect(vm_size_plan(c, &size, &err) == -EINVAL);
	cr_expect(strstr(err.msg, "vm.hwConfig.memory") && strstr(err.msg, "too little"), "%s", err.msg);
	cr_expect(size.memory == 7 && size.vcpus == 7);
	oci_config_free(c);
}

Test(vm_size, what_a_guest_can_do_without)
{
	struct oci_config *c = config_with(",\"linux\":{\"resources\":{\"memory\":{\"limit\":268435456}}}");
	struct oci_memory wanted = { .limit = { true, 64 * MIB }, .swap = { true, -1 } };
	struct isolation_resources host;

	cr_expect(vm_size_spare(c, 64 * MIB) == 192 * MIB);
	cr_expect(vm_size_spare(c, 64 * MIB + 1) == 190 * MIB);
	cr_expect(vm_size_spare(c, 256 * MIB) == 0);
	cr_expect(vm_size_spare(c, 300 * MIB) == 0);
	cr_expect(vm_size_spare(c, INT64_MAX) == 0);
	cr_expect(vm_size_spare(c, -1) == 0 && vm_size_spare(c, 0) == 0);
	vm_size_host_shrunk(&wanted, &host);
	cr_expect(host.all.memory == &host.memory && !host.all.cpu && !host.all.unified.n);
	cr_expect(host.memory.limit.v == (int64_t)(64 * MIB + VM_GUEST_OVERHEAD + VM_MONITOR_OVERHEAD));
	cr_expect(host.memory.swap.v == -1 && !host.memory.reservation.set);
	oci_config_free(c);
}

Test(vm_size, processors)
{
	cpu_set_t set;

	cr_assert(sched_getaffinity(0, sizeof(set), &set) == 0);
	cr_expect(size_of("").vcpus == 1);
	cr_expect(size_of(",\"linux\":{\"resources\":{\"cpu\":{\"quota\":50000,\"period\":100000}}}").vcpus == 1);
	cr_expect(size_of(",\"linux\":{\"resources\":{\"cpu\":{\"quota\":150000,\"period\":100000}}}").vcpus == (CPU_COUNT(&set) > 1 ? 2 : 1));
	cr_expect(size_of(",\"linux\":{\"resources\":{\"cpu\":{\"quota\":-1}}}").vcpus == 1);
	cr_expect(size_of(",\"vm\":{\"kernel\":{\"path\":\"/k\"},\"hwConfig\":{\"vcpus\":1}}").vcpus == 1);
}

Test(vm_size, for_the_host)
{
	struct oci_config *c = config_with(",\"linux\":{\"resources\":{\"memory\":{\"limit\":67108864,\"swap\":-1,\"reservation\":1048576},\"pids\":{\"limit\":5},"
					   "\"cpu\":{\"shares\":512},"
					   "\"unified\":{\"pids.max\":\"7\",\"cpu.weight\":\"50\",\"memory.high\":\"1\"}}}");
	struct isolation_resources room;
	const struct oci_resources *r = isolation_resources(&isolation_kvm, c, c->linux_->resources, &room);

	cr_assert(r == &room.all);
	cr_expect(r->memory->limit.v == (int64_t)(64 * MIB + VM_GUEST_OVERHEAD + VM_MONITOR_OVERHEAD));
	cr_expect(r->memory->swap.v == -1);
	cr_expect(r->memory->reservation.v == (int64_t)(1 * MIB + VM_GUEST_OVERHEAD + VM_MONITOR_OVERHEAD));
	cr_expect(!r->pids, "the monitor has threads of its own");
	cr_expect(r->unified.n == 1 && !strcmp(r->unified.v[0].key, "cpu.weight"));
	cr_expect(r->cpu == c->linux_->resources->cpu);
	cr_expect(isolation_resources(&isolation_namespaces, c, c->linux_->resources, &room) == c->linux_->resources);
	cr_expect(isolation_resources(&isolation_kvm, c, NULL, &room) == NULL);
	/* What may be swapped out stays as much as it was, whatever the machine needs. */
	struct oci_memory both = { .limit = { true, 64 * (int64_t)MIB }, .swap = { true, 96 * (int64_t)MIB } };
	struct oci_resources asked = { .memory = &both };

	r = isolation_resources(&isolation_kvm, c, &asked, &room);
	cr_expect(r->memory->limit.v > both.limit.v && r->memory->swap.v - r->memory->limit.v == 32 * (int64_t)MIB);
	both.limit.v = 1 << 20;
	r = isolation_resources(&isolation_kvm, c, &asked, &room);
	cr_expect(r->memory->swap.v - r->memory->limit.v == 95 * (int64_t)MIB);
	oci_config_free(c);
}

/* `update` to less than the machine has: what it has touched cannot be taken away, and its monitor must not be killed for it. */
Test(vm_size, updated)
{
	struct oci_config *c = config_with("");
	struct oci_memory memory = { .limit = { true, 32 << 20 } };
	struct oci_resources asked = { .memory = &memory };
	struct isolation_resources room;

	cr_expect(isolation_resources(&isolation_kvm, c, &asked, &room)->memory->limit.v == (int64_t)(VM_MEMORY_DEFAULT + VM_MONITOR_OVERHEAD));
	cr_expect(memory.limit.v == 32 << 20);
	oci_config_free(c);
}
