/* stats.c: reads the counters of each controller, v1's files or v2's. */
#include "cgroup/stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/table.h"
#include "cgroup/convert.h"
#include "cgroup/inner.h"

#define FILE_MAX (1u << 20)

void cgroup_stats_free(struct cgroup_stats *s)
{
	for (size_t i = 0; i < s->memory.raw.n; i++)
		free(s->memory.raw.v[i].key);
	free(s->memory.raw.v);
	free(s->cpu.percpu.v);
	free(s->cpu.percpu_user.v);
	free(s->cpu.percpu_kernel.v);
	free(s->cpuset.cpus.v);
	free(s->cpuset.mems.v);
	free(s->io_bytes.v);
	free(s->io_operations.v);
	free(s->hugetlb.v);
	*s = (struct cgroup_stats){0};
}

/* malloc()ed, or NULL where there is no such file. */
static char *read_all(const struct folder *f, const char *file)
{
	auto_close int fd = f ? folder_open(f, file, O_RDONLY) : -EBADF;
	char *text = NULL;

	return fd < 0 || fd_read_all(fd, FILE_MAX, &text, NULL, NULL) < 0 ? NULL : text;
}

/* "max" is UINT64_MAX. */
static uint64_t read_number(const struct folder *f, const char *file)
{
	char text[64];
	uint64_t n;

	if (!f || folder_read(f, file, text, sizeof(text)) < 0)
		return 0;
	if (!strcmp(text, "max"))
		return UINT64_MAX;
	if (number_parse_u64(text, 0, UINT64_MAX, &n) < 0)
		return 0;
	return n;
}

static uint64_t key(const struct folder *f, const char *file, const char *name)
{
	long long n = f ? folder_read_key(f, file, name) : 0;

	return n > 0 ? (uint64_t)n : 0;
}

static int add_number(struct uints *list, uint64_t n, struct error *err)
{
	uint64_t *more = reallocarray(list->v, list->n + 1, sizeof(*more));

	if (!more)
		return error_set(err, -ENOMEM, "out of memory");
	list->v = more;
	list->v[list->n++] = n;
	return 0;
}

/* "5 0 17", a number for each processor. */
static int read_percpu(const struct folder *f, struct cgroup_stats *s, struct error *err)
{
	auto_free char *text = read_all(f, "cpuacct.usage_percpu");
	int ret = 0;

	for (char *save = NULL, *word = text ? strtok_r(text, " \n", &save) : NULL; word && !ret;
	     word = strtok_r(NULL, " \n", &save))
		ret = add_number(&s->cpu.percpu, strtoull(word, NULL, 10), err);
	return ret;
}

/* "cpu user system", then a line "0 5 17" for each processor. */
static int read_percpu_halves(const struct folder *f, struct cgroup_stats *s, struct error *err)
{
	auto_free char *text = read_all(f, "cpuacct.usage_all");
	int ret = 0;

	for (char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL; line && !ret;
	     line = strtok_r(NULL, "\n", &save)) {
		unsigned long long user, kernel;

		if (sscanf(line, "%*u %llu %llu", &user, &kernel) != 2)
			continue;
		ret = add_number(&s->cpu.percpu_user, user, err);
		ret = ret ? ret : add_number(&s->cpu.percpu_kernel, kernel, err);
	}
	return ret;
}

static int read_cpu(const struct cgroup *c, struct cgroup_stats *s, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "cpu"), *a = cgroup_folder_for(c, "cpuacct");
	uint64_t tick = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
	int ret;

	s->cpu.periods = key(f, "cpu.stat", "nr_periods");
	s->cpu.throttled_periods = key(f, "cpu.stat", "nr_throttled");
	s->cpu.throttled_time =
	    f && f->v2 ? key(f, "cpu.stat", "throttled_usec") * 1000 : key(f, "cpu.stat", "throttled_time");
	if (a && !a->v2) {
		s->cpu.total = read_number(a, "cpuacct.usage");
		s->cpu.user = key(a, "cpuacct.stat", "user") * tick;
		s->cpu.kernel = key(a, "cpuacct.stat", "system") * tick;
		ret = read_percpu(a, s, err);
		return ret ? ret : read_percpu_halves(a, s, err);
	}
	if (a) {
		s->cpu.total = key(a, "cpu.stat", "usage_usec") * 1000;
		s->cpu.user = key(a, "cpu.stat", "user_usec") * 1000;
		s->cpu.kernel = key(a, "cpu.stat", "system_usec") * 1000;
	}
	return 0;
}

/* "0-2,7" out of the kernel's own file. */
static int read_set(const struct folder *f, const char *file, struct uints *out, struct error *err)
{
	enum { SET_MAX = 1 << 16 };
	auto_free char *text = read_all(f, file);
	int ret = 0;

	for (char *p = text; p && *p && !ret;) {
		char *end;
		unsigned long first = strtoul(p, &end, 10), last = first;

		if (end == p)
			break;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (; first <= last && out->n < SET_MAX && !ret; first++)
			ret = add_number(out, first, err);
		p = *end == ',' ? end + 1 : end;
	}
	return ret;
}

static void read_cpuset_flags(const struct folder *f, struct cgroup_stats *s)
{
	/* clang-format off */
	const struct {
		const char *file;
		uint64_t *to;
	} rows[] = {
		{ "cpuset.cpu_exclusive", &s->cpuset.cpu_exclusive },
		{ "cpuset.mem_hardwall", &s->cpuset.mem_hardwall },
		{ "cpuset.mem_exclusive", &s->cpuset.mem_exclusive },
		{ "cpuset.memory_migrate", &s->cpuset.memory_migrate },
		{ "cpuset.memory_spread_page", &s->cpuset.memory_spread_page },
		{ "cpuset.memory_spread_slab", &s->cpuset.memory_spread_slab },
		{ "cpuset.memory_pressure", &s->cpuset.memory_pressure },
		{ "cpuset.sched_load_balance", &s->cpuset.sched_load_balance },
	};
	/* clang-format on */
	char text[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		*rows[i].to = read_number(f, rows[i].file);
	if (folder_read(f, "cpuset.sched_relax_domain_level", text, sizeof(text)) == 0)
		(void)number_parse_i64(text, INT64_MIN, INT64_MAX, &s->cpuset.sched_relax_domain_level);
}

static int read_cpuset(const struct cgroup *c, struct cgroup_stats *s, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "cpuset");
	int ret;

	if (!f)
		return 0;
	if (!f->v2)
		read_cpuset_flags(f, s);
	/* v2's cpuset.cpus is empty where nothing was asked for. */
	ret = read_set(f, f->v2 ? "cpuset.cpus.effective" : "cpuset.cpus", &s->cpuset.cpus, err);
	return ret ? ret : read_set(f, f->v2 ? "cpuset.mems.effective" : "cpuset.mems", &s->cpuset.mems, err);
}

/* The kernel's order is none; in this one two documents can be compared. */
static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct count *)a)->key, ((const struct count *)b)->key);
}

static int by_size(const void *a, const void *b)
{
	return strcmp(((const struct cgroup_hugetlb *)a)->size, ((const struct cgroup_hugetlb *)b)->size);
}

static int read_memory_raw(const struct folder *f, struct cgroup_stats *s, struct error *err)
{
	auto_free char *text = read_all(f, "memory.stat");

	for (char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct count *more, one = {0};
		char *blank = strchr(line, ' ');

		if (!blank || number_parse_u64(blank + 1, 0, UINT64_MAX, &one.value) < 0)
			continue;
		*blank = 0;
		if (!strcmp(line, "cache") || !strcmp(line, "file"))
			s->memory.cache = one.value;
		more = reallocarray(s->memory.raw.v, s->memory.raw.n + 1, sizeof(*more));
		if (more)
			s->memory.raw.v = more;
		one.key = strdup(line);
		if (!more || !one.key) {
			free(one.key);
			return error_set(err, -ENOMEM, "out of memory");
		}
		s->memory.raw.v[s->memory.raw.n++] = one;
	}
	if (s->memory.raw.n)
		qsort(s->memory.raw.v, s->memory.raw.n, sizeof(*s->memory.raw.v), by_name);
	return 0;
}

/* v1: "memory.KIND.usage_in_bytes" and its three siblings. */
static struct cgroup_memory_use read_use(const struct folder *f, const char *kind)
{
	static const char *const files[] = {"limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes",
					    "failcnt"};
	uint64_t n[ARRAY_LEN(files)];
	char name[64];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(name, sizeof(name), "memory.%s%s", kind, files[i]);
		n[i] = read_number(f, name);
	}
	return (struct cgroup_memory_use){n[0], n[1], n[2], n[3]};
}

/* v2 counts swap by itself. memory and swap together have no maximum: the two need not have come at once. */
static void read_memory_v2(const struct folder *f, struct cgroup_stats *s)
{
	uint64_t limit = read_number(f, "memory.max"), usage = read_number(f, "memory.current");
	uint64_t swap_limit = read_number(f, "memory.swap.max");
	bool unlimited = limit == UINT64_MAX || swap_limit == UINT64_MAX;

	s->memory.usage = (struct cgroup_memory_use){
	    .limit = limit,
	    .usage = usage,
	    .max = read_number(f, "memory.peak"),
	    .failcnt = key(f, "memory.events", "max"),
	};
	s->memory.swap = (struct cgroup_memory_use){
	    .limit = unlimited ? UINT64_MAX : limit + swap_limit,
	    .usage = usage + read_number(f, "memory.swap.current"),
	    .failcnt = key(f, "memory.swap.events", "max"),
	};
}

static int read_memory(const struct cgroup *c, struct cgroup_stats *s, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "memory");

	if (!f)
		return 0;
	if (f->v2) {
		read_memory_v2(f, s);
	} else {
		s->memory.usage = read_use(f, "");
		s->memory.swap = read_use(f, "memsw.");
		s->memory.kernel = read_use(f, "kmem.");
		s->memory.kernel_tcp = read_use(f, "kmem.tcp.");
	}
	return read_memory_raw(f, s, err);
}

static int add_io(struct cgroup_io_list *list, uint64_t major, uint64_t minor, const char *op, uint64_t value,
		  struct error *err)
{
	struct cgroup_io_entry *more = reallocarray(list->v, list->n + 1, sizeof(*more));

	if (!more)
		return error_set(err, -ENOMEM, "out of memory");
	list->v = more;
	list->v[list->n] = (struct cgroup_io_entry){.major = major, .minor = minor, .value = value};
	snprintf(list->v[list->n++].op, sizeof(more->op), "%s", op);
	return 0;
}

/* v1: "254:0 Read 4096", and a last line "Total 8192" that has no device. */
static int read_io_v1(const struct folder *f, const char *file, struct cgroup_io_list *list,
		      struct error *err)
{
	auto_free char *text = read_all(f, file);
	int ret = 0;

	for (char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL; line && !ret;
	     line = strtok_r(NULL, "\n", &save)) {
		unsigned long long major, minor, value;
		char op[16];

		if (sscanf(line, "%llu:%llu %15s %llu", &major, &minor, op, &value) == 4)
			ret = add_io(list, major, minor, op, value, err);
	}
	return ret;
}

/* v2: "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static int read_io_v2(const struct folder *f, struct cgroup_stats *s, struct error *err)
{
	/* clang-format off */
	static const struct {
		const char *key, *op;
		bool bytes;
	} rows[] = {
		{ "rbytes=", "Read", true }, { "wbytes=", "Write", true }, { "dbytes=", "Discard", true },
		{ "rios=", "Read", false },  { "wios=", "Write", false },  { "dios=", "Discard", false },
	};
	/* clang-format on */
	auto_free char *text = read_all(f, "io.stat");
	int ret = 0;

	for (char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL; line && !ret;
	     line = strtok_r(NULL, "\n", &save)) {
		unsigned long long major, minor;
		char *in = NULL;

		if (sscanf(line, "%llu:%llu", &major, &minor) != 2)
			continue;
		for (char *word = strtok_r(line, " ", &in); word && !ret; word = strtok_r(NULL, " ", &in))
			for (size_t i = 0; i < ARRAY_LEN(rows) && !ret; i++)
				if (str_starts(word, rows[i].key))
					ret = add_io(rows[i].bytes ? &s->io_bytes : &s->io_operations, major,
						     minor, rows[i].op,
						     strtoull(word + strlen(rows[i].key), NULL, 10), err);
	}
	return ret;
}

static int read_io(const struct cgroup *c, struct cgroup_stats *s, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "blkio");
	int ret;

	if (!f || f->v2)
		return f ? read_io_v2(f, s, err) : 0;
	ret = read_io_v1(f, "blkio.throttle.io_service_bytes_recursive", &s->io_bytes, err);
	return ret ? ret : read_io_v1(f, "blkio.throttle.io_serviced_recursive", &s->io_operations, err);
}

static void read_hugetlb_size(const struct folder *f, struct cgroup_hugetlb *h)
{
	char file[64];

	snprintf(file, sizeof(file), "hugetlb.%s.%s", h->size, f->v2 ? "current" : "usage_in_bytes");
	h->usage = read_number(f, file);
	snprintf(file, sizeof(file), "hugetlb.%s.%s", h->size, f->v2 ? "events" : "max_usage_in_bytes");
	if (f->v2)
		h->failcnt = key(f, file, "max");
	else
		h->max = read_number(f, file);
	snprintf(file, sizeof(file), "hugetlb.%s.failcnt", h->size);
	if (!f->v2)
		h->failcnt = read_number(f, file);
}

/* Which sizes there are only the files' names say. */
static int read_hugetlb(const struct cgroup *c, struct cgroup_stats *s, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "hugetlb");
	const char *end = f && f->v2 ? ".current" : ".usage_in_bytes";
	DIR *dir = f ? opendir(f->dir) : NULL;
	struct dirent *entry;
	int ret = 0;

	while (dir && !ret && (entry = readdir(dir))) {
		struct cgroup_hugetlb one = {0}, *more;
		const char *size = entry->d_name + strlen("hugetlb.");
		size_t len;

		if (!str_starts(entry->d_name, "hugetlb.") || !str_ends(size, end))
			continue;
		len = strlen(size) - strlen(end);
		if (len >= sizeof(one.size))
			continue;
		memcpy(one.size, size, len);
		if (!convert_is_page_size(one.size))
			continue;
		more = reallocarray(s->hugetlb.v, s->hugetlb.n + 1, sizeof(*more));
		if (!more) {
			ret = error_set(err, -ENOMEM, "out of memory");
			break;
		}
		s->hugetlb.v = more;
		read_hugetlb_size(f, &one);
		s->hugetlb.v[s->hugetlb.n++] = one;
	}
	if (dir)
		closedir(dir);
	if (s->hugetlb.n)
		qsort(s->hugetlb.v, s->hugetlb.n, sizeof(*s->hugetlb.v), by_size);
	return ret;
}

int cgroup_stats_read(const struct cgroup *c, struct cgroup_stats *out, struct error *err)
{
	const struct folder *pids = cgroup_folder_for(c, "pids"), *any = cgroup_listing_folder(c);
	struct cgroup_stats s = {0};
	int ret;

	/* A single file that is not there is a number that the kernel doesn't count. */
	if (any && access(any->dir, F_OK))
		return error_errno(err, "statistics of cgroup %s", any->dir);
	s.pids.current = read_number(pids, "pids.current");
	s.pids.limit = read_number(pids, "pids.max");
	ret = read_cpu(c, &s, err);
	ret = ret ? ret : read_cpuset(c, &s, err);
	ret = ret ? ret : read_memory(c, &s, err);
	ret = ret ? ret : read_io(c, &s, err);
	ret = ret ? ret : read_hugetlb(c, &s, err);
	if (ret < 0)
		cgroup_stats_free(&s);
	else
		*out = s;
	return ret;
}
