/* process.c: see process.h. */
#include "src/process.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"

/* The last id is (uid_t)-1, which tells the kernel's calls to leave an id alone: a process that asked for it
 * would stay root. */
#define ID_MAX (UINT32_MAX - 1ULL)

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "put the process together: out of memory");
}

static int replace(char **slot, const char *value, struct error *err)
{
	char *copy = strdup(value);

	if (!copy)
		return no_memory(err);
	free(*slot);
	*slot = copy;
	return 0;
}

/* Arrays of the tables end in NULL, like those of schema.c. */
static int append(struct strings *list, const char *value, struct error *err)
{
	char **grown = reallocarray(list->v, list->n + 2, sizeof(*list->v));
	char *copy = strdup(value);

	if (grown)
		list->v = grown;
	if (!grown || !copy) {
		free(copy);
		return no_memory(err);
	}
	grown[list->n++] = copy;
	grown[list->n] = NULL;
	return 0;
}

static int set_args(struct strings *args, char *const *v, struct error *err)
{
	for (size_t i = 0; i < args->n; i++)
		free(args->v[i]);
	args->n = 0;
	for (; *v; v++)
		if (append(args, *v, err) < 0)
			return -ENOMEM;
	return 0;
}

/* The name's other entries go: whoever reads the first one must not see the value that was overruled. */
static int set_env(struct strings *env, const char *entry, struct error *err)
{
	const char *equals = strchr(entry, '=');
	size_t len = equals ? (size_t)(equals - entry) + 1 : 0, kept = 0;

	if (len < 2)
		return error_set(err, -EINVAL, "option --env: \"%.60s\" is not NAME=VALUE", entry);
	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], entry, len))
			env->v[kept++] = env->v[i];
		else
			free(env->v[i]);
	}
	env->n = kept;
	return append(env, entry, err);
}

/* Digits only: "-1", " 1", "0x1" and names are refused, never read as some other number (CVE-2026-30892 was
 * "-u 1" read as 0). */
static int parse_id(const char *text, const char *option, struct opt_uint *out, struct error *err)
{
	uint64_t id;

	if (number_parse_u64(text, 0, ID_MAX, &id) < 0)
		return error_set(err, -EINVAL, "option --%s: \"%.60s\" is not a numeric id from 0 to %llu",
				 option, text, ID_MAX);
	*out = (struct opt_uint){true, id};
	return 0;
}

static int need_user(struct oci_process *process, struct error *err)
{
	if (!process->user)
		process->user = calloc(1, sizeof(*process->user));
	return process->user ? 0 : no_memory(err);
}

/* UID or UID:GID. Without a GID the group stays what it was, as in runc. */
static int set_user(struct oci_process *process, const char *user, struct error *err)
{
	auto_free char *uid = strdup(user);
	char *gid = uid ? strchr(uid, ':') : NULL;

	if (!uid || need_user(process, err) < 0)
		return no_memory(err);
	if (gid)
		*gid++ = '\0';
	if (parse_id(uid, "user", &process->user->uid, err) < 0)
		return -EINVAL;
	return gid ? parse_id(gid, "user", &process->user->gid, err) : 0;
}

static int add_gid(struct oci_process *process, const char *text, struct error *err)
{
	struct opt_uint gid = { 0 };
	struct uints *list;
	uint64_t *grown;

	if (parse_id(text, "additional-gids", &gid, err) < 0)
		return -EINVAL;
	if (need_user(process, err) < 0)
		return -ENOMEM;
	list = &process->user->additional_gids;
	grown = reallocarray(list->v, list->n + 1, sizeof(*list->v));
	if (!grown)
		return no_memory(err);
	list->v = grown;
	grown[list->n++] = gid.v;
	return 0;
}

static int add_once(struct strings *set, const char *name, struct error *err)
{
	for (size_t i = 0; i < set->n; i++)
		if (!strcasecmp(set->v[i], name))
			return 0;
	return append(set, name, err);
}

/* Not inheritable, and so not ambient: CVE-2022-29162. */
static int add_cap(struct oci_process *process, const char *text, const struct strings *known,
		   struct error *err)
{
	bool prefixed = !strncasecmp(text, "CAP_", 4);
	const char *name = NULL;
	struct oci_capabilities *caps;

	for (size_t i = 0; known && i < known->n && !name; i++)
		if (!strcasecmp(known->v[i], text) || (!prefixed && !strcasecmp(known->v[i] + 4, text)))
			name = known->v[i];
	if (!name)
		return error_set(err, -EINVAL,
				 "option --cap: \"%.60s\" is no capability that this kernel knows", text);
	if (!process->capabilities)
		process->capabilities = calloc(1, sizeof(*process->capabilities));
	caps = process->capabilities;
	if (!caps)
		return no_memory(err);
	if (add_once(&caps->bounding, name, err) < 0 || add_once(&caps->effective, name, err) < 0)
		return -ENOMEM;
	return add_once(&caps->permitted, name, err);
}

static int apply_lists(struct oci_process *process, const struct process_change *change,
		       const struct strings *known_caps, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < change->env.n; i++)
		ret = set_env(&process->env, change->env.v[i], err);
	for (size_t i = 0; ret == 0 && i < change->additional_gids.n; i++)
		ret = add_gid(process, change->additional_gids.v[i], err);
	for (size_t i = 0; ret == 0 && i < change->caps.n; i++)
		ret = add_cap(process, change->caps.v[i], known_caps, err);
	return ret;
}

int process_apply(struct oci_process *process, const struct process_change *change,
		  const struct strings *known_caps, struct error *err)
{
	int ret = 0;

	if (change->tty)
		process->terminal = change->tty > 0;
	if (change->no_new_privs)
		process->no_new_privileges = change->no_new_privs > 0;
	if (change->args)
		ret = set_args(&process->args, change->args, err);
	if (ret == 0 && change->cwd)
		ret = replace(&process->cwd, change->cwd, err);
	if (ret == 0 && change->process_label)
		ret = replace(&process->selinux_label, change->process_label, err);
	if (ret == 0 && change->apparmor)
		ret = replace(&process->apparmor_profile, change->apparmor, err);
	if (ret == 0 && change->user)
		ret = set_user(process, change->user, err);
	return ret < 0 ? ret : apply_lists(process, change, known_caps, err);
}
