/* cmd_update.c: `update`: new limits for a container, from a document or from options. */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/table.h"
#include "core/store.h"
#include "src/commands.h"

struct update_options {
	const char *resources;
	const char *memory, *memory_reservation, *memory_swap, *kernel_memory, *kernel_memory_tcp;
	const char *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_rt_period, *cpu_rt_runtime, *cpu_idle;
	const char *cpuset_cpus, *cpuset_mems;
	const char *blkio_weight, *pids_limit;
	const char *l3_cache_schema, *mem_bw_schema;
};

/* "64M", "1g", "512KiB", "-1": as docker and runc take sizes; powers of 1024. */
static int parse_size(const char *text, int64_t *out)
{
	static const char units[] = "bkmgtp";
	size_t digits = strspn(text, "-0123456789");
	auto_free char *number = strndup(text, digits);
	const char *unit = text + digits;
	int shift = 0, ret;
	int64_t v;

	if (*unit) {
		const char *u = strchr(units, tolower((unsigned char)*unit));

		if (!u || (unit[1] && strcasecmp(unit + 1, "b") && strcasecmp(unit + 1, "ib")))
			return -EINVAL;
		shift = 10 * (int)(u - units);
	}
	ret = number ? number_parse_i64(number, -1, INT64_MAX >> shift, &v) : -ENOMEM;
	if (ret < 0 || (v < 0 && shift))
		return ret < 0 ? ret : -EINVAL;
	*out = v < 0 ? v : v << shift;
	return 0;
}

static int size_option(const char *name, const char *text, struct opt_int *slot, struct error *err)
{
	if (!text)
		return 0;
	slot->set = parse_size(text, &slot->v) == 0;
	return slot->set ? 0 : error_set(err, -EINVAL, "--%s %s: expected bytes, with a unit such as M, or -1", name, text);
}

static int int_option(const char *name, const char *text, struct opt_int *slot, struct error *err)
{
	if (!text)
		return 0;
	slot->set = number_parse_i64(text, INT64_MIN, INT64_MAX, &slot->v) == 0;
	return slot->set ? 0 : error_set(err, -EINVAL, "--%s %s: expected a whole number", name, text);
}

static int uint_option(const char *name, const char *text, struct opt_uint *slot, struct error *err)
{
	if (!text)
		return 0;
	slot->set = number_parse_u64(text, 0, UINT64_MAX, &slot->v) == 0;
	return slot->set ? 0 : error_set(err, -EINVAL, "--%s %s: expected a whole number, not below 0", name, text);
}

static int text_option(const char *text, char **slot, struct error *err)
{
	if (!text)
		return 0;
	free(*slot);
	*slot = strdup(text);
	return *slot ? 0 : error_set(err, -ENOMEM, "out of memory");
}

static int need(void **object, size_t size, struct error *err)
{
	if (!*object && !(*object = calloc(1, size)))
		return error_set(err, -ENOMEM, "out of memory");
	return 0;
}
#define NEED(pointer, err) need((void **)&(pointer), sizeof(*(pointer)), err)

static int fill_memory(const struct update_options *o, struct oci_memory *m, struct error *err)
{
	int ret = size_option("memory", o->memory, &m->limit, err);

	if (ret == 0)
		ret = size_option("memory-reservation", o->memory_reservation, &m->reservation, err);
	if (ret == 0)
		ret = size_option("memory-swap", o->memory_swap, &m->swap, err);
	if (ret == 0)
		ret = size_option("kernel-memory", o->kernel_memory, &m->kernel, err);
	return ret < 0 ? ret : size_option("kernel-memory-tcp", o->kernel_memory_tcp, &m->kernel_tcp, err);
}

static int fill_cpu(const struct update_options *o, struct oci_cpu *c, struct error *err)
{
	int ret = uint_option("cpu-period", o->cpu_period, &c->period, err);

	if (ret == 0)
		ret = int_option("cpu-quota", o->cpu_quota, &c->quota, err);
	if (ret == 0)
		ret = uint_option("cpu-burst", o->cpu_burst, &c->burst, err);
	if (ret == 0)
		ret = uint_option("cpu-share", o->cpu_share, &c->shares, err);
	if (ret == 0)
		ret = uint_option("cpu-rt-period", o->cpu_rt_period, &c->realtime_period, err);
	if (ret == 0)
		ret = int_option("cpu-rt-runtime", o->cpu_rt_runtime, &c->realtime_runtime, err);
	if (ret == 0)
		ret = int_option("cpu-idle", o->cpu_idle, &c->idle, err);
	if (ret == 0)
		ret = text_option(o->cpuset_cpus, &c->cpus, err);
	return ret < 0 ? ret : text_option(o->cpuset_mems, &c->mems, err);
}

/* Options go over what the document says. */
static int fill(const struct update_options *o, struct oci_resources *r, struct error *err)
{
	int ret = NEED(r->memory, err);

	if (ret == 0)
		ret = NEED(r->cpu, err);
	if (ret == 0)
		ret = fill_memory(o, r->memory, err);
	if (ret == 0)
		ret = fill_cpu(o, r->cpu, err);
	if (ret == 0 && o->blkio_weight)
		ret = NEED(r->block_io, err);
	if (ret == 0 && o->blkio_weight)
		ret = uint_option("blkio-weight", o->blkio_weight, &r->block_io->weight, err);
	if (ret == 0 && o->pids_limit)
		ret = NEED(r->pids, err);
	if (ret == 0 && o->pids_limit)
		ret = int_option("pids-limit", o->pids_limit, &r->pids->limit, err);
	return ret;
}

static int read_document(const char *path, struct oci_resources **out, struct error *err)
{
	bool is_stdin = !strcmp(path, "-");
	auto_close int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	const char *name = is_stdin ? "standard input" : path;
	auto_free char *text = NULL;
	size_t n;

	if (fd < 0)
		return error_errno(err, "open %s", name);
	if (fd_read_all(fd, SCHEMA_TEXT_MAX, &text, &n, err) < 0)
		return error_wrap(err, "%s", name);
	return oci_resources_parse(text, n, "resources", out, err);
}

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	const struct update_options *o = options;
	const struct oci_intel_rdt rdt = { .l3_cache_schema = (char *)o->l3_cache_schema, .mem_bw_schema = (char *)o->mem_bw_schema };
	struct oci_resources *r = NULL;
	int ret = store_check_id(argv[0], err);

	if (ret == 0 && o->resources)
		ret = read_document(o->resources, &r, err);
	else if (ret == 0)
		ret = NEED(r, err);
	if (ret == 0)
		ret = fill(o, r, err);
	if (ret == 0)
		ret = lifecycle_update(g, argv[0], r, &rdt, err);
	oci_resources_free(r);
	return ret;
}

#define ROW(name, letter, field, value, help) { name, letter, OPTION_TEXT, offsetof(struct update_options, field), value, help, NULL }
static const struct option_row rows[] = {
	ROW("resources", 'r', resources, "FILE", "read a resources document (JSON), - for standard input; options go over it"),
	ROW("memory", 0, memory, "BYTES", "memory limit; units as 64M, -1 for none"),
	ROW("memory-reservation", 0, memory_reservation, "BYTES", "memory that is reclaimed last"),
	ROW("memory-swap", 0, memory_swap, "BYTES", "limit of memory and swap together"),
	ROW("kernel-memory", 0, kernel_memory, "BYTES", "kernel memory limit (cgroup v1 of old kernels)"),
	ROW("kernel-memory-tcp", 0, kernel_memory_tcp, "BYTES", "limit of TCP buffers (cgroup v1)"),
	ROW("cpu-period", 0, cpu_period, "USEC", "period of the cpu quota"),
	ROW("cpu-quota", 0, cpu_quota, "USEC", "cpu time in each period, -1 for no limit"),
	ROW("cpu-burst", 0, cpu_burst, "USEC", "unused quota that may be saved up"),
	ROW("cpu-share", 0, cpu_share, "N", "share of the cpu under contention (2 to 262144)"),
	ROW("cpu-rt-period", 0, cpu_rt_period, "USEC", "realtime period (cgroup v1)"),
	ROW("cpu-rt-runtime", 0, cpu_rt_runtime, "USEC", "realtime runtime (cgroup v1)"),
	ROW("cpu-idle", 0, cpu_idle, "0|1", "1: runs only when nobody else wants the cpu"),
	ROW("cpuset-cpus", 0, cpuset_cpus, "LIST", "processors it may use, as 0-3,7"),
	ROW("cpuset-mems", 0, cpuset_mems, "LIST", "memory nodes it may use"),
	ROW("blkio-weight", 0, blkio_weight, "N", "share of the block devices (10 to 1000)"),
	ROW("l3-cache-schema", 0, l3_cache_schema, "SCHEMA", "share of the level 3 cache, as L3:0=7f0;1=1f (containers with intelRdt)"),
	ROW("mem-bw-schema", 0, mem_bw_schema, "SCHEMA", "share of the memory bandwidth, as MB:0=20;1=70 (containers with intelRdt)"),
	ROW("pids-limit", 0, pids_limit, "N", "number of processes, -1 for no limit"),
	{ NULL },
};

const struct command command_update = {
	.name = "update",
	.arguments = "[options] ID",
	.help = "change the limits of a container",
	.options = rows,
	.size = sizeof(struct update_options),
	.least = 1,
	.most = 1,
	.run = run,
};
