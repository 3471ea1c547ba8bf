/* check_linux.c: the checks of "linux" and of id mappings. */
#include <string.h>
#include <sys/stat.h>

#include "base/table.h"
#include "oci-spec/check_inner.h"

#define MAPPINGS_MAX	340  /* what the kernel takes, user_namespaces(7) */
#define NET_DEVICES_MAX 4096 /* they are compared pair by pair */

/* First id of a mapping on one side. */
static uint64_t first_of(const struct oci_id_mapping *m, bool host)
{
	return host ? m->host_id.v : m->container_id.v;
}

static int check_side(const struct check *c, const char *place, const struct oci_id_mapping_list *list,
		      size_t i, bool host)
{
	const char *name = host ? "hostID" : "containerID";
	uint64_t first = first_of(&list->v[i], host), size = list->v[i].size.v;

	/* The last id of all, 2^32-1, is never one. */
	if (first + size > UINT32_MAX)
		return check_fail(c, "%s[%zu].%s: %llu and the %llu ids from there go beyond %u", place, i,
				  name, (unsigned long long)first, (unsigned long long)size, UINT32_MAX - 1);
	for (size_t k = 0; k < i; k++) {
		uint64_t other = first_of(&list->v[k], host);

		if (first < other + list->v[k].size.v && other < first + size)
			return check_fail(c, "%s[%zu].%s: overlaps with entry %zu", place, i, name, k);
	}
	return 0;
}

static int check_mapping(const struct check *c, const char *place, const struct oci_id_mapping_list *list,
			 size_t i)
{
	int ret;

	if (!list->v[i].size.v)
		return check_fail(c, "%s[%zu].size: must not be 0", place, i);
	ret = check_side(c, place, list, i, false);
	return ret < 0 ? ret : check_side(c, place, list, i, true);
}

int check_mappings(const struct check *c, const struct oci_id_mapping_list *list, const char *place, ...)
{
	struct check_place p;
	va_list ap;
	int ret = 0;

	if (!list->n)
		return 0;
	va_start(ap, place);
	p = check_place(place, ap);
	va_end(ap);
	if (list->n > MAPPINGS_MAX)
		return check_fail(c, "%s: more than %d entries", p.text, MAPPINGS_MAX);
	for (size_t i = 0; i < list->n && ret == 0; i++)
		ret = check_mapping(c, p.text, list, i);
	return ret;
}

static int check_namespaces(const struct check *c, const struct oci_config *config)
{
	const struct oci_namespace_list *list = &config->linux_->namespaces;
	unsigned seen = 0;
	int ret = 0;

	for (size_t i = 0; i < list->n && ret == 0; i++) {
		const struct oci_namespace *ns = &list->v[i];

		if (seen & 1u << ns->type)
			return check_fail(c, "linux.namespaces[%zu].type: \"%s\" stands there twice", i,
					  oci_namespace_type_names[ns->type]);
		seen |= 1u << ns->type;
		ret = ns->path ? check_absolute(c, ns->path, "linux.namespaces[%zu].path", i) : 0;
	}
	return ret;
}

/* A user namespace that is joined has its mappings; engines name them all the same. */
static int check_user_mappings(const struct check *c, const struct oci_config *config)
{
	const struct oci_namespace *ns = oci_namespace_find(config, OCI_NS_USER);
	const struct oci_linux *l = config->linux_;
	int ret;

	if (!ns && (l->uid_mappings.n || l->gid_mappings.n))
		return check_fail(c, "linux.%s: needs a user namespace",
				  l->uid_mappings.n ? "uidMappings" : "gidMappings");
	if (ns && !ns->path && (!l->uid_mappings.n || !l->gid_mappings.n))
		return check_fail(c, "linux.%s: required with a new user namespace",
				  l->uid_mappings.n ? "gidMappings" : "uidMappings");
	ret = check_mappings(c, &l->uid_mappings, "linux.uidMappings");
	return ret < 0 ? ret : check_mappings(c, &l->gid_mappings, "linux.gidMappings");
}

/* Offsets can only be set before anyone is in the namespace. */
static int check_time(const struct check *c, const struct oci_config *config)
{
	const struct oci_time_offsets *t = config->linux_->time_offsets;
	const struct oci_namespace *ns = oci_namespace_find(config, OCI_NS_TIME);

	if (t && (t->boottime || t->monotonic) && (!ns || ns->path))
		return check_fail(c, "linux.timeOffsets: needs a new time namespace");
	return 0;
}

/* Podman hands on the whole st_mode of a device of the host. What it says of the type must then be true. */
static int check_file_mode(const struct check *c, const struct oci_device *d, size_t i)
{
	unsigned type = *d->type == 'b' ? S_IFBLK : *d->type == 'p' ? S_IFIFO : S_IFCHR;
	unsigned said = d->file_mode.set ? (unsigned)d->file_mode.v & S_IFMT : 0;

	if (said && said != type)
		return check_fail(c, "linux.devices[%zu].fileMode: 0%o is the mode of no device of type %s",
				  i, (unsigned)d->file_mode.v, d->type);
	return 0;
}

static int check_devices(const struct check *c, const struct oci_config *config)
{
	static const char *const types[] = {"c", "b", "u", "p", NULL};
	const struct oci_device_list *list = &config->linux_->devices;
	int ret = 0;

	for (size_t i = 0; i < list->n && ret == 0; i++) {
		const struct oci_device *d = &list->v[i];

		ret = check_word(c, types, d->type, "linux.devices[%zu].type", i);
		if (ret == 0)
			ret = check_absolute(c, d->path, "linux.devices[%zu].path", i);
		if (ret == 0)
			ret = check_file_mode(c, d, i);
		if (ret < 0 || *d->type == 'p')
			continue;
		if (!d->major.set || !d->minor.set)
			return check_fail(c, "linux.devices[%zu].%s: required, and missing", i,
					  d->major.set ? "minor" : "major");
		if (d->major.v < 0 || d->minor.v < 0)
			return check_fail(c, "linux.devices[%zu].%s: %lld is no device number", i,
					  d->major.v < 0 ? "major" : "minor",
					  (long long)(d->major.v < 0 ? d->major.v : d->minor.v));
	}
	return ret;
}

/* What the kernel's dev_valid_name() takes. '%' makes a name a pattern, for which a number is found: only as
 * a "%d" at the end of a new name. */
static bool is_link_name(const char *s, bool template)
{
	size_t n = strlen(s);

	if (!n || n > 15 || !strcmp(s, ".") || !strcmp(s, ".."))
		return false;
	if (template && n > 2 && !strcmp(s + n - 2, "%d"))
		n -= 2;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr("/:%", s[i]))
			return false;
	return true;
}

static bool is_template(const char *s)
{
	return strchr(s, '%');
}

static const char *name_inside(const struct oci_net_device *d)
{
	return d->name && *d->name ? d->name : d->key;
}

static int fail_link(const struct check *c, const char *key, const char *name, const char *what)
{
	char place[200] = "linux.netDevices";

	quote_add_key(place, sizeof(place), key, strlen(key));
	return check_fail(c, "%s.name: %s %s", place, quote(name).text, what);
}

static int check_net_devices(const struct check *c, const struct oci_config *config)
{
	const struct oci_net_device_list *list = &config->linux_->net_devices;

	if (list->n && !oci_namespace_find(config, OCI_NS_NETWORK))
		return check_fail(c, "linux.netDevices: needs a network namespace");
	if (list->n > NET_DEVICES_MAX)
		return check_fail(c, "linux.netDevices: more than %d entries", NET_DEVICES_MAX);
	for (size_t i = 0; i < list->n; i++) {
		const struct oci_net_device *d = &list->v[i];

		if (!is_link_name(d->key, false))
			return check_fail(c, "linux.netDevices: %s is no name of a network device",
					  quote(d->key).text);
		if (!is_link_name(name_inside(d), true))
			return fail_link(c, d->key, d->name, "is no name of a network device");
		for (size_t k = 0; k < i; k++)
			if (!is_template(name_inside(d)) && !strcmp(name_inside(&list->v[k]), name_inside(d)))
				return fail_link(c, d->key, name_inside(d),
						 "is the name of another device as well");
	}
	return 0;
}

static int check_paths(const struct check *c, const struct oci_config *config)
{
	const struct oci_linux *l = config->linux_;
	int ret = 0;

	for (size_t i = 0; i < l->masked_paths.n && ret == 0; i++)
		ret = check_absolute(c, l->masked_paths.v[i], "linux.maskedPaths[%zu]", i);
	for (size_t i = 0; i < l->readonly_paths.n && ret == 0; i++)
		ret = check_absolute(c, l->readonly_paths.v[i], "linux.readonlyPaths[%zu]", i);
	return ret;
}

static int check_linux_resources(const struct check *c, const struct oci_config *config)
{
	return config->linux_->resources ? check_resources(c, config->linux_->resources) : 0;
}

/* The number would be lost without a word: the specification wants an error. */
static bool takes_number(const char *action)
{
	return !strcmp(action, "SCMP_ACT_ERRNO") || !strcmp(action, "SCMP_ACT_TRACE");
}

static int check_seccomp(const struct check *c, const struct oci_config *config)
{
	const struct oci_seccomp *s = config->linux_->seccomp;

	if (!s)
		return 0;
	if (s->default_errno_ret.set && !takes_number(s->default_action))
		return check_fail(c, "linux.seccomp.defaultErrnoRet: does not go with the action %s",
				  quote(s->default_action).text);
	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct oci_syscall *call = &s->syscalls.v[i];

		if (!call->names.n)
			return check_fail(c, "linux.seccomp.syscalls[%zu].names: must not be empty", i);
		if (call->errno_ret.set && !takes_number(call->action))
			return check_fail(
			    c, "linux.seccomp.syscalls[%zu].errnoRet: does not go with the action %s", i,
			    quote(call->action).text);
	}
	if (s->listener_metadata && *s->listener_metadata && (!s->listener_path || !*s->listener_path))
		return check_fail(c, "linux.seccomp.listenerMetadata: needs a listenerPath");
	return 0;
}

/* The class is a folder in /sys/fs/resctrl; "/" is the root class itself. */
static int check_rdt(const struct check *c, const struct oci_config *config)
{
	const struct oci_intel_rdt *r = config->linux_->intel_rdt;
	const char *id = r && r->clos_id ? r->clos_id : "/";

	if (strcmp(id, "/") && (!*id || !strcmp(id, ".") || !strcmp(id, "..") || strpbrk(id, "/\n")))
		return check_fail(c, "linux.intelRdt.closID: %s is not the name of a folder", quote(id).text);
	if (r && r->mem_bw_schema && (strncmp(r->mem_bw_schema, "MB:", 3) || strchr(r->mem_bw_schema, '\n')))
		return check_fail(c,
				  "linux.intelRdt.memBwSchema: %s is not one line that begins with \"MB:\"",
				  quote(r->mem_bw_schema).text);
	for (size_t i = 0; r && i < r->schemata.n; i++)
		if (strchr(r->schemata.v[i], '\n'))
			return check_fail(c, "linux.intelRdt.schemata[%zu]: %s is not one line", i,
					  quote(r->schemata.v[i]).text);
	return 0;
}

static int check_memory_policy(const struct check *c, const struct oci_config *config)
{
	/* clang-format off */
	static const char *const modes[] = {
		"MPOL_DEFAULT", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED",
		"MPOL_PREFERRED_MANY", "MPOL_LOCAL", NULL,
	};
	/* clang-format on */
	static const char *const flags[] = {"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
					    "MPOL_F_STATIC_NODES", NULL};
	const struct oci_memory_policy *m = config->linux_->memory_policy;
	int ret;

	if (!m)
		return 0;
	ret = check_word(c, modes, m->mode, "linux.memoryPolicy.mode");
	if (ret == 0 && m->nodes)
		ret = check_list(c, m->nodes, "linux.memoryPolicy.nodes");
	return ret < 0 ? ret : check_words(c, flags, &m->flags, "linux.memoryPolicy.flags");
}

/* No flag is known to the specification yet. */
static int check_personality(const struct check *c, const struct oci_config *config)
{
	static const char *const domains[] = {"LINUX", "LINUX32", NULL}, *const none[] = {NULL};
	const struct oci_personality *p = config->linux_->personality;
	int ret = p ? check_word(c, domains, p->domain, "linux.personality.domain") : 0;

	return p && ret == 0 ? check_words(c, none, &p->flags, "linux.personality.flags") : ret;
}

/* clang-format off */
const struct check_row check_linux_rows[] = {
	{ "namespaces", check_namespaces },
	{ "uidMappings, gidMappings", check_user_mappings },
	{ "timeOffsets", check_time },
	{ "devices", check_devices },
	{ "netDevices", check_net_devices },
	{ "maskedPaths, readonlyPaths", check_paths },
	{ "resources", check_linux_resources },
	{ "seccomp", check_seccomp },
	{ "intelRdt", check_rdt },
	{ "memoryPolicy", check_memory_policy },
	{ "personality", check_personality },
	{ NULL, NULL },
};
/* clang-format on */
