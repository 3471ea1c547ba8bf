/* test_rdt.c: classes of intelRdt, in a folder that looks like a resctrl file system. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cgroup/rdt.h"

/* The structs of a spec have strings that could be written to. */
#define S(text) ((char[]){text})

static char mount[64];

static char *at(const char *fmt, const char *name)
{
	static char text[4][256];
	static int next;
	char *to = text[next++ % 4];

	snprintf(to, sizeof(text[0]), fmt, mount, name);
	return to;
}

static void put(const char *path, const char *content)
{
	FILE *f = fopen(path, "we");

	cr_assert(f);
	fputs(content, f);
	fclose(f);
}

static char *get(const char *path)
{
	static char text[512];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return text;
}

static void set_up(void)
{
	strcpy(mount, "/tmp/test-rdt-XXXXXX");
	cr_assert(mkdtemp(mount));
	put(at("%s/%s", "schemata"), "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n");
	put(at("%s/%s", "tasks"), "");
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	return remove(path);
}

static void tear_down(void)
{
	nftw(mount, drop, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(rdt, .init = set_up, .fini = tear_down);

/* A class that somebody has set up before. */
static void have_class(const char *name, const char *schemata)
{
	mkdir(at("%s/%s", name), 0755);
	put(at("%s/%s/schemata", name), schemata);
	put(at("%s/%s/tasks", name), "");
	mkdir(at("%s/%s/mon_groups", name), 0755);
}

static bool is_there(const char *name)
{
	return access(at("%s/%s", name), F_OK) == 0;
}

Test(rdt, named_after_the_container)
{
	struct oci_intel_rdt w = {0};
	struct error err = ERROR_NONE;
	struct rdt r;

	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), 0, "%s", err.msg);
	cr_assert(r.ours && is_there("box"));
	cr_assert_eq(rdt_remove(&r, &err), 0);
	cr_assert(!is_there("box"));
	cr_assert_eq(rdt_remove(&r, &err), 0, "twice");
	rdt_free(&r);
}

Test(rdt, not_ours_stays)
{
	struct oci_intel_rdt w = {0};
	struct error err = ERROR_NONE;
	struct rdt r;

	have_class("box", "");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), 0, "%s", err.msg);
	cr_assert(!r.ours);
	cr_assert_eq(rdt_remove(&r, &err), 0);
	cr_assert(is_there("box"));
	rdt_free(&r);
}

Test(rdt, a_name_alone_must_exist)
{
	struct oci_intel_rdt w = {.clos_id = S("gold")};
	struct error err = ERROR_NONE;
	struct rdt r;

	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), -ENOENT);
	cr_assert(strstr(err.msg, "closID"), "%s", err.msg);
	cr_assert(!is_there("gold"));
	have_class("gold", "L3:0=f\n");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), 0);
	cr_assert_eq(rdt_write_schemata(&r, mount, &w, &err), 0);
	cr_assert_str_eq(get(at("%s/%s/schemata", "gold")), "L3:0=f\n", "nothing was to be written");
	rdt_free(&r);
}

Test(rdt, existing_values_are_compared)
{
	struct oci_intel_rdt w = {.clos_id = S("gold"), .l3_cache_schema = S("L3:0=7f0;1=1f")};
	struct error err = ERROR_NONE;
	struct rdt r;

	have_class("gold", "    MB:0=20;1=70\n    L3:0=7f0;1=01f\n");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), 0, "%s", err.msg);
	rdt_free(&r);
	w.mem_bw_schema = S("MB:1=70");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), 0, "%s", err.msg);
	rdt_free(&r);
	w.mem_bw_schema = S("MB:1=71");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), -EEXIST);
	cr_assert(strstr(err.msg, "memBwSchema"), "%s", err.msg);
	w.mem_bw_schema = NULL;
	w.l3_cache_schema = S("L3:0=7f0;2=1f");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), -EEXIST, "there is no cache 2");
	w.l3_cache_schema = S("L2:0=f");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), -EEXIST, "there is no L2");
	cr_assert(is_there("gold"));
}

Test(rdt, schemata_are_written_last)
{
	struct oci_intel_rdt w = {
	    .clos_id = S("gold"),
	    .l3_cache_schema = S("L3:0=f"),
	    .mem_bw_schema = S("MB:0=10"),
	    .schemata = {(char *[]){S("L3:0=3")}, 1}
	    };
	struct error err = ERROR_NONE;
	struct rdt r;

	have_class("gold", "L3:0=f\nMB:0=10\n");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), 0, "%s", err.msg);
	cr_assert_eq(rdt_write_schemata(&r, mount, &w, &err), 0, "%s", err.msg);
	/* In a plain file each write goes over the one before. */
	cr_assert(str_starts(get(at("%s/%s/schemata", "gold")), "L3:0=3\n"), "%s",
		  get(at("%s/%s/schemata", "gold")));
	rdt_free(&r);
}

Test(rdt, a_write_that_fails_has_the_kernels_words)
{
	struct oci_intel_rdt w = {.clos_id = S("new"), .l3_cache_schema = S("L3:0=f")};
	struct error err = ERROR_NONE;
	struct rdt r;

	mkdir(at("%s/%s", "info"), 0755);
	put(at("%s/%s/last_cmd_status", "info"), "Mask out of range\n");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), 0, "%s", err.msg);
	/* A new folder of a real resctrl would have the file. */
	cr_assert_lt(rdt_write_schemata(&r, mount, &w, &err), 0);
	cr_assert(strstr(err.msg, "Mask out of range"), "%s", err.msg);
	cr_assert_eq(rdt_remove(&r, &err), 0);
	cr_assert(!is_there("new"), "a class that never came to be is taken back");
	rdt_free(&r);
}

Test(rdt, the_root_class)
{
	struct oci_intel_rdt w = {
	    .clos_id = S("/"), .schemata = {(char *[]){S("MB:0=50")}, 1}
	};
	struct error err = ERROR_NONE;
	struct rdt r;

	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), 0, "%s", err.msg);
	cr_assert_str_eq(r.class, mount);
	cr_assert(!r.ours);
	cr_assert_eq(rdt_enter(&r, 4711, &err), 0, "%s", err.msg);
	cr_assert_str_eq(get(at("%s/%s", "tasks")), "4711");
	rdt_free(&r);
}

Test(rdt, monitoring)
{
	struct oci_intel_rdt w = {.clos_id = S("gold"), .enable_monitoring = true};
	struct error err = ERROR_NONE;
	struct rdt r, again;

	have_class("gold", "");
	cr_assert_eq(rdt_claim(mount, &w, "box", &r, &err), 0, "%s", err.msg);
	cr_assert(is_there("gold/mon_groups/box"));
	cr_assert_eq(rdt_claim(mount, &w, "box", &again, &err), -EEXIST);
	put(at("%s/gold/mon_groups/%s/tasks", "box"), "");
	cr_assert_eq(rdt_enter(&r, 12, &err), 0, "%s", err.msg);
	cr_assert_str_eq(get(at("%s/gold/%s", "tasks")), "12");
	cr_assert_str_eq(get(at("%s/gold/mon_groups/box/%s", "tasks")), "12");
	unlink(at("%s/gold/mon_groups/box/%s", "tasks"));
	cr_assert_eq(rdt_remove(&r, &err), 0, "%s", err.msg);
	cr_assert(!is_there("gold/mon_groups/box") && is_there("gold"));
	rdt_free(&r);
}

Test(rdt, a_monitor_that_cannot_be_made_takes_the_class_back)
{
	struct oci_intel_rdt w = {.enable_monitoring = true};
	struct error err = ERROR_NONE;
	struct rdt r;

	/* A plain new folder has no mon_groups. */
	cr_assert_lt(rdt_claim(mount, &w, "box", &r, &err), 0);
	cr_assert(!is_there("box"));
}

Test(rdt, state)
{
	struct rdt r = {strdup("/sys/fs/resctrl/a b"), strdup("/sys/fs/resctrl/a b/mon_groups/x"), true},
		   back;
	struct error err = ERROR_NONE;
	char *text;

	cr_assert_eq(rdt_save(&r, &text, &err), 0);
	cr_assert(!strchr(text, '\n'));
	cr_assert_eq(rdt_load(text, &back, &err), 0, "%s", err.msg);
	cr_assert_str_eq(back.class, r.class);
	cr_assert_str_eq(back.monitor, r.monitor);
	cr_assert(back.ours);
	cr_assert_lt(rdt_load("{\"class\":\"relative\"}", &back, &err), 0);
	cr_assert_lt(rdt_load("{}", &back, &err), 0);
	free(text);
}

Test(rdt, not_mounted)
{
	struct error err = ERROR_NONE;
	char *where;

	if (rdt_find_mount(&where, &err) == 0)
		cr_skip_test("this machine has resctrl, at %s", where);
	cr_assert_eq(err.code, -ENOENT);
	cr_assert_str_eq(err.msg, "linux.intelRdt: resctrl is not mounted on this host");
}
