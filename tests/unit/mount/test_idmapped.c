/* test_idmapped.c: idmapped mounts, made inside and on the host's side. */
#include "mount/idmapped.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "inside.h"

static void look_at_idmap(struct scene *s)
{
	struct stat st;
	int ret = attempt(s);

	if (is_old(s)) {
		CHECK(ret == -ENOSYS && strstr(s->err.msg, "idmapped mount needs"));
		return;
	}
	CHECK_OK(ret);
	CHECK(stat("/mnt/a/file", &st) == 0 && st.st_uid == 1000 && st.st_gid == 2000);
	CHECK(stat("/mnt/b/sub/inner", &st) == 0 && st.st_uid == 1000);
	CHECK(has_flags("/mnt/a", ST_RDONLY));
	CHECK(stat("/mnt/c/sub/inner", &st) == 0 && st.st_uid == 0);
	CHECK(stat("/mnt/c/file", &st) == 0 && st.st_uid == 1000);
	CHECK(stat("/mnt/d", &st) == 0 && st.st_uid == 1000 && magic_of("/mnt/d") == TMPFS_MAGIC);
}

Test(mount, idmapped_mounts)
{
#define MAPS                                                                                                 \
	"\"uidMappings\": [{ \"containerID\": 0, \"hostID\": 1000, \"size\": 10 }], \"gidMappings\": [{ "    \
	"\"containerID\": 0, \"hostID\": 2000, \"size\": 10 }]"
#define IDMAPPED(dst, options)                                                                               \
	"{ \"destination\": \"" dst                                                                          \
	"\", \"source\": \"host/src\", \"type\": \"bind\", \"options\": [" options "], " MAPS "}"
	static const char json[] = SIMPLE(IDMAPPED("/mnt/a", "\"bind\", \"idmap\", \"ro\"") "," IDMAPPED(
	    "/mnt/b",
	    "\"rbind\", \"ridmap\"") "," IDMAPPED("/mnt/c",
						  "\"rbind\"") ","
							       "{ \"destination\": \"/mnt/d\", \"type\": "
							       "\"tmpfs\", \"source\": \"t\", " MAPS " }");

	run_inside(WAY_ROOT, json, prepare_host, look_at_idmap, NULL);
	run_inside(WAY_NO_SETATTR, json, prepare_host, look_at_idmap, NULL);
	run_inside(WAY_OLD, json, prepare_host, look_at_idmap, NULL);
}

static void look_at_given_idmap(struct scene *s)
{
	struct stat st;

	furnish(s);
	CHECK(stat("/mnt/a/file", &st) == 0 && st.st_uid == 1000 && st.st_gid == 2000);
}

Test(mount, idmapped_mounts_for_a_user_namespace)
{
	run_inside(WAY_USER, SIMPLE(IDMAPPED("/mnt/a", "\"rbind\", \"idmap\"")), prepare_host,
		   look_at_given_idmap, NULL);
}

/* Bare words take the container's mappings; a procfs cannot be idmapped. */
Test(mount, idmapped_sources)
{
	static const char json[] =
	    "{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"x\" }, \"mounts\": "
	    "[" BIND("/a", ".", "\"bind\", \"idmap\"") "," BIND(
		"/b", "/proc", "\"bind\", \"idmap\"") "],"
						      "\"linux\": { \"namespaces\": [{ \"type\": "
						      "\"user\" }],"
						      "\"uidMappings\": [{ \"containerID\": 0, "
						      "\"hostID\": 5000, \"size\": 70000 }],"
						      "\"gidMappings\": [{ \"containerID\": 0, "
						      "\"hostID\": 6000, \"size\": 70000 }] } }";
	char folder[] = "/dev/shm/test-mount-XXXXXX";
	struct oci_config *config;
	struct error err = ERROR_NONE;
	auto_close int ns = -EBADF, tree = -EBADF;
	struct stat st;

	if (geteuid() != 0)
		cr_skip_test("root is needed to mount");
	cr_assert_eq(oci_config_parse(json, strlen(json), "config.json", &config, &err), 0, "%s", err.msg);
	cr_assert(mkdtemp(folder) != NULL);
	cr_assert_eq(root_source_open(&config->mounts.v[0], folder, -EBADF, "mounts[0]", &err), -EINVAL);
	cr_assert(strstr(err.msg, "mounts[0] (/a): idmap without mappings"), "%s", err.msg);
	ns = root_open_mappings(config, &err);
	cr_assert(ns >= 0, "%s", err.msg);
	tree = root_source_open(&config->mounts.v[0], folder, ns, "mounts[0]", &err);
	cr_assert(tree >= 0, "%s", err.msg);
	cr_assert(fstat(tree, &st) == 0 && st.st_uid == 5000 && st.st_gid == 6000);
	cr_assert_eq(root_source_open(&config->mounts.v[1], folder, ns, "mounts[1]", &err), -EINVAL);
	cr_assert(strstr(err.msg, "mounts[1] (/b): file system of /proc cannot be idmapped"), "%s", err.msg);
	rmdir(folder);
	oci_config_free(config);
}
