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
		free(s->memory.raw.v[i].name);
	free(s->memory.raw.v);
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

/* "max" is UINT64_MAX, and so is v1's largest number of whole pages. */
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
	return n >= INT64_MAX - 65536 ? UINT64_MAX : n;
}

static uint64_t key(const struct folder *f, const char *file, const char *name)
{
	long long n = f ? folder_read_key(f, file, name) : 0;

	return n > 0 ? (uint64_t)n : 0;
}

static void read_cpu(const struct cgroup *c, struct cgroup_stats *s)
{
	const struct folder *f = cgroup_folder_for(c, "cpu"), *a = cgroup_folder_for(c, "cpuacct");
	uint64_t tick = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);

	s->cpu.periods = key(f, "cpu.stat", "nr_periods");
	s->cpu.throttled_periods = key(f, "cpu.stat", "nr_throttled");
	s->cpu.throttled_time =
	    f && f->v2 ? key(f, "cpu.stat", "throttled_usec") * 1000 : key(f, "cpu.stat", "throttled_time");
	if (a && !a->v2) {
		s->cpu.total = read_number(a, "cpuacct.usage");
		s->cpu.user = key(a, "cpuacct.stat", "user") * tick;
		s->cpu.kernel = key(a, "cpuacct.stat", "system") * tick;
	} else if (a) {
		s->cpu.total = key(a, "cpu.stat", "usage_usec") * 1000;
		s->cpu.user = key(a, "cpu.stat", "user_usec") * 1000;
		s->cpu.kernel = key(a, "cpu.stat", "system_usec") * 1000;
	}
}

static int read_memory_raw(const struct folder *f, struct cgroup_stats *s, struct error *err)
{
	auto_free char *text = read_all(f, "memory.stat");

	for (char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct cgroup_counter *more, one = {0};
		char *blank = strchr(line, ' ');

		if (!blank || number_parse_u64(blank + 1, 0, UINT64_MAX, &one.value) < 0)
			continue;
		*blank = 0;
		if (!strcmp(line, "cache") || !strcmp(line, "file"))
			s->memory.cache = one.value;
		more = reallocarray(s->memory.raw.v, s->memory.raw.n + 1, sizeof(*more));
		if (more)
			s->memory.raw.v = more;
		one.name = strdup(line);
		if (!more || !one.name) {
			free(one.name);
			return error_set(err, -ENOMEM, "out of memory");
		}
		s->memory.raw.v[s->memory.raw.n++] = one;
	}
	return 0;
}

static int read_memory(const struct cgroup *c, struct cgroup_stats *s, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "memory");

	if (!f)
		return 0;
	s->memory.usage = read_number(f, f->v2 ? "memory.current" : "memory.usage_in_bytes");
	s->memory.max = read_number(f, f->v2 ? "memory.peak" : "memory.max_usage_in_bytes");
	s->memory.limit = read_number(f, f->v2 ? "memory.max" : "memory.limit_in_bytes");
	s->memory.failcnt = f->v2 ? key(f, "memory.events", "max") : read_number(f, "memory.failcnt");
	s->memory.swap_usage = read_number(f, f->v2 ? "memory.swap.current" : "memory.memsw.usage_in_bytes");
	s->memory.swap_limit = read_number(f, f->v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes");
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
	static const struct {
		const char *key, *op;
		bool bytes;
	} rows[] = {
	    {"rbytes=", "Read",	true },
	       {"wbytes=", "Write",   true },
		   {"dbytes=", "Discard", true },
	    {"rios=",   "Read",    false},
	       {"wios=",	 "Write",	  false},
		   {"dios=",   "Discard", false},
	};
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
	return ret;
}

int cgroup_stats_read(const struct cgroup *c, struct cgroup_stats *out, struct error *err)
{
	const struct folder *pids = cgroup_folder_for(c, "pids");
	struct cgroup_stats s = {0};
	int ret;

	read_cpu(c, &s);
	s.pids.current = read_number(pids, "pids.current");
	s.pids.limit = read_number(pids, "pids.max");
	ret = read_memory(c, &s, err);
	ret = ret ? ret : read_io(c, &s, err);
	ret = ret ? ret : read_hugetlb(c, &s, err);
	if (ret < 0)
		cgroup_stats_free(&s);
	else
		*out = s;
	return ret;
}
