/* hierarchy.c: finds the cgroup mounts of this host. */
#include "cgroup/hierarchy.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/table.h"

#define V2_MOUNT      "/sys/fs/cgroup"
#define MOUNTINFO_MAX (16u << 20)

/* What may stand in the super block options of a v1 mount and is a controller: the rest there are switches.
 */
static const char *const v1_controllers[] = {
    "cpuset",	"cpu",	      "cpuacct", "blkio", "memory", "devices", "freezer", "net_cls",
    "net_prio", "perf_event", "hugetlb", "pids",  "rdma",   "misc",    "debug",	  NULL};

bool controllers_include(const char *list, const char *controller)
{
	size_t len = strlen(controller);

	for (const char *p = list; len && *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, controller, len) && (p[len] == ',' || !p[len]))
			return true;
	return false;
}

void hierarchies_free(struct hierarchies *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->v[i].controllers);
		free(h->v[i].mount);
		free(h->v[i].root);
	}
	free(h->v);
	*h = (struct hierarchies){0};
}

/* mountinfo writes blank, tab, newline and backslash as \ooo. In place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = 0;
}

/* "rw,xattr,name=systemd" -> "name=systemd" */
static char *controllers_of(char *options)
{
	struct text list = {0};

	for (char *save = NULL, *one = strtok_r(options, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
		if (name_lookup(v1_controllers, one) < 0 && !str_starts(one, "name="))
			continue;
		if (list.n)
			text_add(&list, ",");
		text_add(&list, one);
	}
	if (!list.n)
		text_add(&list, "");
	if (list.failed)
		text_free(&list);
	return list.v;
}

/* A hierarchy that is mounted in several places counts once, preferably where all of it is seen. */
static int add(struct hierarchies *h, struct hierarchy *one, struct error *err)
{
	struct hierarchy *more;

	for (size_t i = 0; i < h->n; i++) {
		struct hierarchy *old = &h->v[i], swap;

		if (old->v2 != one->v2 || strcmp(old->controllers, one->controllers))
			continue;
		if (strcmp(old->root, "/") && !strcmp(one->root, "/")) {
			swap = *old;
			*old = *one;
			*one = swap;
		}
		return 0;
	}
	more = reallocarray(h->v, h->n + 1, sizeof(*more));
	if (!more)
		return error_set(err, -ENOMEM, "out of memory");
	h->v = more;
	h->v[h->n++] = *one;
	*one = (struct hierarchy){0};
	return 0;
}

static void drop(struct hierarchy *one)
{
	free(one->controllers);
	free(one->mount);
	free(one->root);
}

/* 36 35 98:0 /root /mount/point rw,noatime master:1 - cgroup cgroup rw,memory */
static int parse_line(char *line, struct hierarchies *h, struct error *err)
{
	char *field[5], *save = NULL, *type, *options, *rest = strstr(line, " - ");
	struct hierarchy one = {0};
	int ret;

	if (!rest)
		return 0;
	*rest = 0;
	type = strtok_r(rest + 3, " ", &save);
	if (!type || (strcmp(type, "cgroup") && strcmp(type, "cgroup2")))
		return 0;
	strtok_r(NULL, " ", &save);
	options = strtok_r(NULL, " ", &save);
	field[0] = strtok_r(line, " ", &save);
	for (size_t i = 1; i < ARRAY_LEN(field); i++)
		field[i] = field[i - 1] ? strtok_r(NULL, " ", &save) : NULL;
	if (!field[4] || !options)
		return 0;
	unescape(field[3]);
	unescape(field[4]);
	one.v2 = !strcmp(type, "cgroup2");
	one.root = strdup(field[3]);
	one.mount = strdup(field[4]);
	one.controllers = one.v2 ? strdup("") : controllers_of(options);
	if (!one.root || !one.mount || !one.controllers)
		ret = error_set(err, -ENOMEM, "out of memory");
	else if (!one.v2 && !*one.controllers)
		ret = 0;
	else
		ret = add(h, &one, err);
	drop(&one);
	return ret;
}

int hierarchies_parse(const char *mountinfo, struct hierarchies *out, struct error *err)
{
	auto_free char *copy = strdup(mountinfo);
	struct hierarchies h = {0};
	size_t v2 = 0;
	int ret = 0;

	if (!copy)
		return error_set(err, -ENOMEM, "out of memory");
	for (char *line = copy, *next; line && !ret; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		/* Most lines of a busy host are none of ours. */
		if (strstr(line, " - cgroup"))
			ret = parse_line(line, &h, err);
	}
	if (ret < 0) {
		hierarchies_free(&h);
		return ret;
	}
	for (size_t i = 0; i < h.n; i++)
		v2 += h.v[i].v2;
	h.layout = !h.n	       ? CGROUP_LAYOUT_NONE
		   : v2 == h.n ? CGROUP_LAYOUT_V2
		   : v2	       ? CGROUP_LAYOUT_HYBRID
			       : CGROUP_LAYOUT_V1;
	*out = h;
	return 0;
}

int hierarchies_host(const struct hierarchies **out, struct error *err)
{
	static struct hierarchy v2_only = {(char *)"", (char *)V2_MOUNT, (char *)"/", true};
	static struct hierarchies host;
	static bool known;
	auto_free char *text = NULL;
	struct statfs fs;
	int ret;

	if (!known && !statfs(V2_MOUNT, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC) {
		host = (struct hierarchies){&v2_only, 1, CGROUP_LAYOUT_V2};
		known = true;
	}
	if (!known) {
		ret = file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, err);
		if (!ret)
			ret = hierarchies_parse(text, &host, err);
		if (ret < 0)
			return error_wrap(err, "find the cgroup mounts");
		known = true;
	}
	*out = &host;
	return 0;
}

enum cgroup_layout cgroup_host_layout(void)
{
	const struct hierarchies *host;

	return hierarchies_host(&host, NULL) < 0 ? CGROUP_LAYOUT_NONE : host->layout;
}

/* Two comma lists that name the same: the kernel has its own order in /proc/PID/cgroup. */
static bool same_controllers(const char *a, size_t a_len, const char *b)
{
	char one[64];
	size_t n;

	if (strlen(b) != a_len)
		return false;
	for (size_t at = 0; at < a_len; at += n + 1) {
		n = strcspn(b + at, ",");
		if (n >= sizeof(one))
			return false;
		memcpy(one, b + at, n);
		one[n] = 0;
		if (!memmem(a, a_len, one, n))
			return false;
	}
	return true;
}

/* The folder `path` of the hierarchy, below a mount of its part `root`. */
static const char *below_root(const char *path, const char *root)
{
	size_t len = strcmp(root, "/") ? strlen(root) : 0;

	if (strncmp(path, root, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path[len] ? path + len : "/";
}

int hierarchy_path_of(const struct hierarchy *h, const char *proc_cgroup, char **out, struct error *err)
{
	for (const char *line = proc_cgroup, *end; *line; line = *end ? end + 1 : end) {
		const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL, *below;
		auto_free char *copy = NULL;

		end = line + strcspn(line, "\n");
		if (!path || path > end ||
		    !same_controllers(list + 1, (size_t)(path - list - 1), h->controllers))
			continue;
		copy = strndup(path + 1, (size_t)(end - path - 1));
		if (!copy)
			return error_set(err, -ENOMEM, "out of memory");
		below = below_root(copy, h->root);
		if (!below)
			return error_set(err, -ENOENT, "cgroup %s is not below the mount %s", copy, h->mount);
		*out = strdup(below);
		return *out ? 0 : error_set(err, -ENOMEM, "out of memory");
	}
	return error_set(err, -ENOENT, "no line for the cgroup mount %s", h->mount);
}
