/* sysctl.c: see sysctl.h. */
#include "process/sysctl.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/path.h"
#include "base/str.h"
#include "base/table.h"
#include "process/procfs.h"

/* A key that ends in a slash stands for all below it. */
static const struct rule {
	const char *key;
	enum oci_namespace_type type;
	const char *type_name, *own;
} rules[] = {
    {"kernel/msgmax",	      OCI_NS_IPC,	  "ipc",	 "/proc/self/ns/ipc" },
    {"kernel/msgmnb",	      OCI_NS_IPC,	  "ipc",	 "/proc/self/ns/ipc" },
    {"kernel/msgmni",	      OCI_NS_IPC,	  "ipc",	 "/proc/self/ns/ipc" },
    {"kernel/sem",		   OCI_NS_IPC,     "ipc",     "/proc/self/ns/ipc" },
    {"kernel/shmall",	      OCI_NS_IPC,	  "ipc",	 "/proc/self/ns/ipc" },
    {"kernel/shmmax",	      OCI_NS_IPC,	  "ipc",	 "/proc/self/ns/ipc" },
    {"kernel/shmmni",	      OCI_NS_IPC,	  "ipc",	 "/proc/self/ns/ipc" },
    {"kernel/shm_rmid_forced", OCI_NS_IPC,	   "ipc",	  "/proc/self/ns/ipc" },
    {"fs/mqueue/",		   OCI_NS_IPC,     "ipc",     "/proc/self/ns/ipc" },
    {"net/",		   OCI_NS_NETWORK, "network", "/proc/self/ns/net" },
    {"kernel/domainname",	  OCI_NS_UTS,     "uts",     "/proc/self/ns/uts" },
    {"user/",		  OCI_NS_USER,	   "user",	   "/proc/self/ns/user"},
};

/* As sysctl(8): whichever of "." and "/" comes first separates; the other one then is part of a name, where
 * "net.ipv4.conf.eth0/1" means the interface eth0.1. The result is a path below /proc/sys. malloc()ed;
 * -EINVAL for what is no clean path. */
static int key_path(const char *key, char **out)
{
	auto_free char *path = strdup(key);

	if (!path)
		return -ENOMEM;
	char *sep = strpbrk(path, "./");
	bool dots = sep && *sep == '.';

	for (char *p = path; dots && *p; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return -EINVAL;
		p += n;
		if (!*p)
			break;
	}
	*out = TAKE_PTR(path);
	return 0;
}

static const struct rule *find_rule(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (str_ends(rules[i].key, "/") ? str_starts(path, rules[i].key)
						: !strcmp(path, rules[i].key))
			return &rules[i];
	return NULL;
}

/* A path that leads back to our own namespace gives the container none to itself. A path that cannot be
 * looked at is left to the one who will have to open it. */
static bool is_own(const char *path, const char *own)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(own, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int check_one(const struct oci_config *config, const char *key, const char *path, struct error *err)
{
	const struct rule *rule = find_rule(path);
	const struct oci_namespace *ns;

	if (!strcmp(path, "kernel/hostname"))
		return error_set(err, -EINVAL, "linux.sysctl[\"%.100s\"]: is set by the property hostname",
				 key);
	if (!rule)
		return error_set(
		    err, -EINVAL,
		    "linux.sysctl[\"%.100s\"]: belongs to no namespace and would change the host", key);
	ns = oci_namespace_find(config, rule->type);
	if (!ns)
		return error_set(err, -EINVAL,
				 "linux.sysctl[\"%.100s\"]: needs a %s namespace of the container's own", key,
				 rule->type_name);
	if (ns->path && *ns->path && is_own(ns->path, rule->own))
		return error_set(err, -EINVAL,
				 "linux.sysctl[\"%.100s\"]: the %s namespace at %.200s is the host's", key,
				 rule->type_name, ns->path);
	return 0;
}

struct seen {
	const char *key;
	char *path;
};

static int seen_compare(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->path, ((const struct seen *)b)->path);
}

/* Which of two spellings wins would depend on the order of a JSON object. */
static int check_doubles(struct seen *seen, size_t n, struct error *err)
{
	qsort(seen, n, sizeof(*seen), seen_compare);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(seen[i - 1].path, seen[i].path))
			return error_set(err, -EINVAL,
					 "linux.sysctl[\"%.100s\"]: the same parameter as \"%.100s\"",
					 seen[i].key, seen[i - 1].key);
	return 0;
}

int sysctl_check(const struct oci_config *config, struct error *err)
{
	const struct pairs *sysctl = config->linux_ ? &config->linux_->sysctl : NULL;
	struct seen *seen;
	size_t n = 0;
	int r = 0;

	if (!sysctl || !sysctl->n)
		return 0;
	seen = calloc(sysctl->n, sizeof(*seen));
	if (!seen)
		return error_set(err, -ENOMEM, "linux.sysctl: out of memory");
	for (; n < sysctl->n && !r; n++) {
		const char *key = sysctl->v[n].key;

		seen[n].key = key;
		r = key_path(key, &seen[n].path);
		if (r < 0)
			r = error_set(err, r, "linux.sysctl[\"%.100s\"]: is no name of a parameter", key);
		else if (!sysctl->v[n].value)
			r = error_set(err, -EINVAL, "linux.sysctl[\"%.100s\"]: has no value", key);
		else
			r = check_one(config, key, seen[n].path, err);
	}
	if (!r)
		r = check_doubles(seen, n, err);
	while (n--)
		free(seen[n].path);
	free(seen);
	return r;
}

static int apply_one(int sys, const struct pair *pair, struct error *err)
{
	auto_free char *path = NULL;
	int r = key_path(pair->key, &path);

	if (r < 0)
		return error_set(err, r, "linux.sysctl[\"%.100s\"]: is no name of a parameter", pair->key);
	/* sysctl_check() has said the same before; a caller that forgot it must not reach the host's
	 * parameters. */
	if (!find_rule(path))
		return error_set(err, -EINVAL, "linux.sysctl[\"%.100s\"]: belongs to no namespace",
				 pair->key);
	r = procfs_write(sys, path, pair->value, err);
	return r < 0 ? error_wrap(err, "linux.sysctl[\"%.100s\"]", pair->key) : 0;
}

int sysctl_apply(const struct oci_config *config, int proc, struct error *err)
{
	const struct pairs *sysctl = config->linux_ ? &config->linux_->sysctl : NULL;
	int r = 0;

	if (!sysctl || !sysctl->n)
		return 0;
	auto_close int sys = procfs_open(proc, "sys", O_PATH | O_DIRECTORY, err);
	if (sys < 0)
		return error_wrap(err, "linux.sysctl");
	for (size_t i = 0; i < sysctl->n && !r; i++)
		r = apply_one(sys, &sysctl->v[i], err);
	return r;
}
