/* rdt.c: see rdt.h. */
#include "cgroup/rdt.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/table.h"
#include "oci-spec/schema.h"

enum { SCHEMATA_MAX = 64 * 1024, MOUNTINFO_MAX = 16 << 20 };

void rdt_free(struct rdt *r)
{
	free(r->class);
	free(r->monitor);
	*r = (struct rdt){0};
}

int rdt_find_mount(char **out, struct error *err)
{
	auto_free char *text = NULL;
	char *rest;
	int ret = file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, err);

	if (ret < 0)
		return ret;
	rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *point = line;

		if (!strstr(line, " - resctrl "))
			continue;
		for (int i = 0; i < 4 && point; i++)
			point = strchr(point + 1, ' ');
		if (!point)
			continue;
		point[1 + strcspn(point + 1, " ")] = '\0';
		/* A blank in it would stand here as \040: nobody mounts it at such a place. */
		if (strchr(point + 1, '\\'))
			continue;
		*out = strdup(point + 1);
		return *out ? 0 : error_set(err, -ENOMEM, "out of memory");
	}
	return error_set(err, -ENOENT, "linux.intelRdt: resctrl is not mounted on this host");
}

static bool has_schemata(const struct oci_intel_rdt *w)
{
	return w->l3_cache_schema || w->mem_bw_schema || w->schemata.n;
}

/* "0=7ff": the value of cache `id` in the schemata line `list`, leading zeros left out; *len is 0 where there
 * is none. */
static const char *value_of(const char *list, const char *id, size_t id_len, size_t *len)
{
	for (const char *at = list; at; at = strchr(at, ';')) {
		at += strspn(at, "; ");
		if (strncmp(at, id, id_len) != 0 || at[id_len] != '=')
			continue;
		at += id_len + 1;
		at += strspn(at, "0 ");
		*len = strcspn(at, ";\n ");
		return at;
	}
	*len = 0;
	return NULL;
}

/* Do the values of one wanted line stand in the file's line of the same resource? The file may know more
 * caches. */
static bool line_holds(const char *wanted, const char *file)
{
	for (const char *at = wanted; *at;) {
		size_t id = strcspn(at, "="), n, m;
		const char *mine, *theirs;

		mine = value_of(at, at, id, &n);
		theirs = value_of(file, at, id, &m);
		if (!mine || !theirs || n != m || strncmp(mine, theirs, n) != 0)
			return false;
		at += strcspn(at, ";");
		at += strspn(at, "; ");
	}
	return true;
}

/* One line, "L3:0=7f;1=1f", against the text of a schemata file, in which names are padded with blanks. */
static bool schemata_hold(const char *file, const char *wanted)
{
	size_t name = strcspn(wanted, ":");

	if (!wanted[name])
		return false;
	for (const char *line = file; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line + strspn(line, " \t");
		auto_free char *one = NULL;

		if (strncmp(at, wanted, name) != 0 || at[name] != ':')
			continue;
		one = strndup(at + name + 1, strcspn(at + name + 1, "\n"));
		return one && line_holds(wanted + name + 1, one);
	}
	return false;
}

/* A value may have more lines than one: the specification only recommends that it has not. */
static int compare(const char *file, const char *wanted, const char *property, const char *class,
		   struct error *err)
{
	auto_free char *copy = wanted ? strdup(wanted) : NULL;
	char *rest = copy;

	if (wanted && !copy)
		return error_set(err, -ENOMEM, "out of memory");
	for (char *line; copy && (line = strsep(&rest, "\n"));)
		if (*line && !schemata_hold(file, line))
			return error_set(err, -EEXIST,
					 "linux.intelRdt.%s: the class %s exists already, with other values "
					 "than \"%.100s\"",
					 property, class, line);
	return 0;
}

static int check_existing(const char *class, const struct oci_intel_rdt *w, struct error *err)
{
	auto_free char *path = path_join(class, "schemata"), *text = NULL;
	int ret;

	if (!w->l3_cache_schema && !w->mem_bw_schema)
		return 0;
	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	ret = file_read_at(AT_FDCWD, path, SCHEMATA_MAX, &text, NULL, err);
	if (ret == 0)
		ret = compare(text, w->l3_cache_schema, "l3CacheSchema", class, err);
	return ret < 0 ? ret : compare(text, w->mem_bw_schema, "memBwSchema", class, err);
}

/* 1: made; 0: it was there. */
static int make_folder(const char *path, struct error *err)
{
	if (mkdir(path, 0755) == 0)
		return 1;
	if (errno == ENOSPC)
		return error_set(
		    err, -ENOSPC,
		    "linux.intelRdt: make %s: the processor has no more classes or monitoring groups", path);
	return errno == EEXIST ? 0 : error_errno(err, "linux.intelRdt: make %s", path);
}

static int claim_class(const struct oci_intel_rdt *w, struct rdt *r, bool *made, struct error *err)
{
	int ret;

	*made = false;
	if (w->clos_id && !has_schemata(w)) {
		struct stat st;

		if (stat(r->class, &st) < 0 || !S_ISDIR(st.st_mode))
			return error_set(
			    err, -ENOENT,
			    "linux.intelRdt.closID: there is no class %s, and no schemata to make one of",
			    r->class);
		return 0;
	}
	ret = make_folder(r->class, err);
	if (ret < 0)
		return ret;
	*made = ret == 1;
	/* The class of a closID stays, for the next container of that class. */
	r->ours = *made && !w->clos_id;
	return *made ? 0 : check_existing(r->class, w, err);
}

static int claim_monitor(struct rdt *r, const char *id, struct error *err)
{
	auto_free char *groups = path_join(r->class, "mon_groups");
	char *path = groups ? path_join(groups, id) : NULL;
	int ret;

	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	ret = make_folder(path, err);
	if (ret <= 0) {
		if (ret == 0)
			ret = error_set(err, -EEXIST, "linux.intelRdt.enableMonitoring: %s exists already",
					path);
		free(path);
		return ret;
	}
	r->monitor = path;
	return 0;
}

int rdt_claim(const char *mount, const struct oci_intel_rdt *wanted, const char *id, struct rdt *out,
	      struct error *err)
{
	const char *name = wanted->clos_id ? wanted->clos_id : id;
	struct rdt r = {.class = strcmp(name, "/") ? path_join(mount, name) : strdup(mount)};
	bool made = false;
	int ret = r.class ? claim_class(wanted, &r, &made, err) : error_set(err, -ENOMEM, "out of memory");

	if (ret == 0 && wanted->enable_monitoring)
		ret = claim_monitor(&r, id, err);
	if (ret < 0) {
		if (made)
			(void)rmdir(r.class);
		rdt_free(&r);
		return ret;
	}
	/* Until the schemata are in it, a new class of a closID is nobody's yet. */
	r.ours |= made;
	*out = r;
	return 0;
}

/* info/last_cmd_status is the kernel's sentence about the last failure. */
static int write_line(const struct rdt *r, const char *mount, const char *line, struct error *err)
{
	auto_free char *path = path_join(r->class, "schemata"),
		       *status = path_join(mount, "info/last_cmd_status"), *why = NULL;
	auto_free char *text = str_printf("%s\n", line);
	int ret;

	if (!path || !status || !text)
		return error_set(err, -ENOMEM, "out of memory");
	ret = file_write_at(AT_FDCWD, path, text, err);
	if (ret < 0 && file_read_at(AT_FDCWD, status, 4096, &why, NULL, NULL) == 0) {
		why[strcspn(why, "\n")] = '\0';
		if (*why && strcmp(why, "ok") != 0)
			return error_set(err, ret, "linux.intelRdt: write \"%.100s\" to %s: %.200s", line,
					 path, why);
	}
	return ret < 0 ? error_wrap(err, "linux.intelRdt: \"%.100s\"", line) : 0;
}

static int write_lines(const struct rdt *r, const char *mount, const char *value, struct error *err)
{
	auto_free char *copy = value ? strdup(value) : NULL;
	char *rest = copy;
	int ret = 0;

	if (value && !copy)
		return error_set(err, -ENOMEM, "out of memory");
	for (char *line; ret == 0 && copy && (line = strsep(&rest, "\n"));)
		if (*line)
			ret = write_line(r, mount, line, err);
	return ret;
}

int rdt_write_schemata(const struct rdt *r, const char *mount, const struct oci_intel_rdt *wanted,
		       struct error *err)
{
	int ret = write_lines(r, mount, wanted->l3_cache_schema, err);

	if (ret == 0)
		ret = write_lines(r, mount, wanted->mem_bw_schema, err);
	for (size_t i = 0; ret == 0 && i < wanted->schemata.n; i++)
		ret = write_lines(r, mount, wanted->schemata.v[i], err);
	return ret;
}

int rdt_make(const struct oci_intel_rdt *wanted, const char *id, struct rdt *out, struct error *err)
{
	auto_free char *mount = NULL;
	struct rdt r = {0};
	int ret = rdt_find_mount(&mount, err);

	if (ret == 0)
		ret = rdt_claim(mount, wanted, id, &r, err);
	if (ret < 0)
		return ret;
	ret = rdt_write_schemata(&r, mount, wanted, err);
	if (ret < 0) {
		(void)rdt_remove(&r, NULL);
		rdt_free(&r);
		return ret;
	}
	r.ours &= !wanted->clos_id;
	*out = r;
	return 0;
}

static int enter(const char *folder, pid_t pid, struct error *err)
{
	auto_free char *path = path_join(folder, "tasks");
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	return file_write_at(AT_FDCWD, path, text, err) < 0 ? error_wrap(err, "linux.intelRdt") : 0;
}

int rdt_enter(const struct rdt *r, pid_t pid, struct error *err)
{
	/* The monitoring group takes only tasks of its own class. */
	int ret = enter(r->class, pid, err);

	return ret == 0 && r->monitor ? enter(r->monitor, pid, err) : ret;
}

int rdt_remove(const struct rdt *r, struct error *err)
{
	/* The kernel gives the tasks back to the class, or to the root. */
	if (r->monitor && rmdir(r->monitor) < 0 && errno != ENOENT)
		return error_errno(err, "linux.intelRdt: remove %s", r->monitor);
	if (r->ours && rmdir(r->class) < 0 && errno != ENOENT)
		return error_errno(err, "linux.intelRdt: remove %s", r->class);
	return 0;
}

#define AT(member) offsetof(struct rdt, member)
static const struct field rdt_fields[] = {
    {.name = "class", .kind = FIELD_STRING, .required = true, .at = AT(class)},
    {.name = "monitor",		.kind = FIELD_STRING,		      .at = AT(monitor)},
    {.name = "ours",		     .kind = FIELD_BOOL,			 .at = AT(ours)     },
};
static const struct schema rdt_schema = {"rdt", sizeof(struct rdt), rdt_fields, ARRAY_LEN(rdt_fields)};

int rdt_save(const struct rdt *r, char **text, struct error *err)
{
	return schema_print(&rdt_schema, r, text, err);
}

int rdt_load(const char *text, struct rdt *out, struct error *err)
{
	void *parsed;
	struct rdt *r;
	int ret = schema_parse(&rdt_schema, text, strlen(text), &parsed, err);

	if (ret < 0)
		return ret;
	r = parsed;
	if (*r->class != '/' || (r->monitor && *r->monitor != '/')) {
		schema_free(&rdt_schema, r);
		return error_set(err, -EINVAL, "rdt: a folder that is not absolute");
	}
	*out = (struct rdt){TAKE_PTR(r->class), TAKE_PTR(r->monitor), r->ours};
	schema_free(&rdt_schema, r);
	return 0;
}
