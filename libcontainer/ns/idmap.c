/* idmap.c: writes the id maps of a new user namespace. See idmap.h. */
#include "ns/idmap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"

extern char **environ;

struct map_kind {
	const char *file, *program, *place;
};
static const struct map_kind uid_kind = { "uid_map", "newuidmap", "linux.uidMappings" };
static const struct map_kind gid_kind = { "gid_map", "newgidmap", "linux.gidMappings" };

long long idmap_to_host(const struct oci_id_mapping_list *map, uint64_t id)
{
	if (!map || !map->n)
		return (long long)id;
	for (size_t i = 0; i < map->n; i++) {
		const struct oci_id_mapping *m = &map->v[i];

		if (id >= m->container_id.v && id - m->container_id.v < m->size.v)
			return (long long)(m->host_id.v + (id - m->container_id.v));
	}
	return -1;
}

static int map_text(const struct oci_id_mapping_list *map, struct text *out, struct error *err)
{
	for (size_t i = 0; i < map->n; i++)
		text_addf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", map->v[i].container_id.v, map->v[i].host_id.v, map->v[i].size.v);
	return out->failed ? error_set(err, -ENOMEM, "out of memory") : 0;
}

/* newuidmap PID INSIDE OUTSIDE COUNT ..., setuid root, checks /etc/subuid for us. */
static int run_helper(const struct map_kind *kind, pid_t pid, const struct oci_id_mapping_list *map, struct error *err)
{
	auto_strv struct strv argv = { 0 };
	char number[32];
	int status, ret;
	pid_t helper;

	snprintf(number, sizeof(number), "%d", pid);
	ret = strv_add(&argv, kind->program, err);
	ret = ret < 0 ? ret : strv_add(&argv, number, err);
	for (size_t i = 0; ret == 0 && i < map->n; i++) {
		const uint64_t v[] = { map->v[i].container_id.v, map->v[i].host_id.v, map->v[i].size.v };

		for (size_t k = 0; ret == 0 && k < 3; k++) {
			snprintf(number, sizeof(number), "%" PRIu64, v[k]);
			ret = strv_add(&argv, number, err);
		}
	}
	if (ret < 0)
		return ret;
	ret = posix_spawnp(&helper, kind->program, NULL, NULL, argv.v, environ);
	if (ret)
		return error_set(err, -ret, "%s: run %s (package uidmap): %s", kind->place, kind->program, strerror(ret));
	ret = proc_reap(helper, &status, err);
	if (ret < 0)
		return ret;
	if (proc_exit_code(status) != 0)
		return error_set(err, -EPERM, "%s: %s refused the mapping; are the ids in /etc/%s?", kind->place, kind->program,
				 kind == &uid_kind ? "subuid" : "subgid");
	return 0;
}

/* The only mapping that an unprivileged user may write: itself, one id. */
static bool is_just_me(const struct oci_id_mapping_list *map, uint64_t me)
{
	return map->n == 1 && map->v[0].size.v == 1 && map->v[0].host_id.v == me;
}

static int write_map(int dir, const struct map_kind *kind, pid_t pid, const struct oci_id_mapping_list *map, uint64_t me, bool privileged,
		     struct error *err)
{
	auto_text struct text text = { 0 };
	int ret;

	if (!privileged && !is_just_me(map, me))
		return run_helper(kind, pid, map, err);
	ret = map_text(map, &text, err);
	if (ret == 0 && file_write_at(dir, kind->file, text.v, err) < 0)
		ret = error_wrap(err, "%s", kind->place);
	return ret;
}

int idmap_write(pid_t pid, const struct oci_id_mapping_list *uids, const struct oci_id_mapping_list *gids, struct error *err)
{
	bool privileged = geteuid() == 0;
	auto_close int dir = -EBADF;
	char path[32];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_errno(err, "open %s", path);
	/* CVE-2014-8989: without privilege over the groups a member of one could drop it and gain by that. */
	if (!privileged && is_just_me(gids, getegid())) {
		ret = file_write_at(dir, "setgroups", "deny", err);
		if (ret < 0)
			return error_wrap(err, "linux.gidMappings");
	}
	ret = write_map(dir, &gid_kind, pid, gids, getegid(), privileged, err);
	return ret < 0 ? ret : write_map(dir, &uid_kind, pid, uids, geteuid(), privileged, err);
}
