/* test_devices.c: device rules as a BPF program, run by a little interpreter here and by the kernel, and as
 * v1's lines. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "cgroup/devices.h"
#include "real.h"

TestSuite(devices, .timeout = 60);

#define R BPF_DEVCG_ACC_READ
#define W BPF_DEVCG_ACC_WRITE
#define M BPF_DEVCG_ACC_MKNOD

static struct oci_resources *parse(const char *rules)
{
	auto_free char *text = str_printf("{\"devices\":%s}", rules);
	struct oci_resources *r;
	struct error err = ERROR_NONE;

	cr_assert_eq(oci_resources_parse(text, strlen(text), "r", &r, &err), 0, "%s", err.msg);
	return r;
}

/* Just those instructions that the compiler knows; anything else fails the test. */
static uint64_t interpret(const struct bpf_insn *code, size_t n, const uint32_t ctx[3])
{
	uint64_t r[11] = {0};

	for (size_t i = 0, steps = 0; i < n; i++) {
		const struct bpf_insn *in = &code[i];
		bool jump = false;

		cr_assert_lt(++steps, 10000);
		switch (in->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			r[in->dst_reg] = ctx[in->off / 4];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			r[in->dst_reg] = r[in->src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[in->dst_reg] = (uint64_t)in->imm;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			r[in->dst_reg] = (uint32_t)r[in->dst_reg] & (uint32_t)in->imm;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			r[in->dst_reg] = (uint32_t)r[in->dst_reg] >> in->imm;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			jump = (uint32_t)r[in->dst_reg] != (uint32_t)in->imm;
			break;
		case BPF_JMP32 | BPF_JEQ | BPF_K:
			jump = (uint32_t)r[in->dst_reg] == (uint32_t)in->imm;
			break;
		case BPF_JMP | BPF_EXIT:
			return r[0];
		default:
			cr_assert_fail("instruction %zu: %#x", i, in->code);
		}
		if (jump) {
			cr_assert_geq(in->off, 0, "no loops");
			i += (size_t)in->off;
		}
	}
	cr_assert_fail("ran off the end");
	return 0;
}

static bool allows(const char *json, char type, unsigned access, uint32_t major, uint32_t minor)
{
	struct oci_resources *r = parse(json);
	auto_free struct bpf_insn *code = NULL;
	struct device_rules rules;
	uint32_t ctx[3] = {access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR), major,
			   minor};
	size_t n;

	cr_assert_eq(devices_list(&r->devices, &rules, NULL), 0);
	cr_assert_eq(devices_compile(&rules, &code, &n, NULL), 0);
	free(rules.v);
	oci_resources_free(r);
	return interpret(code, n, ctx) & 1;
}

#define DENY_ALL "{\"allow\":false,\"access\":\"rwm\"}"

Test(devices, only_defaults_after_deny_all)
{
	static const char rules[] = "[" DENY_ALL "]";

	cr_expect(allows(rules, 'c', R | W, 1, 3), "/dev/null");
	cr_expect(allows(rules, 'c', R | W | M, 10, 200), "tun");
	cr_expect(allows(rules, 'c', R | W, 136, 77), "pts");
	cr_expect(allows(rules, 'c', M, 99, 99), "making a node is no harm");
	cr_expect(allows(rules, 'b', M, 8, 0));
	cr_expect_not(allows(rules, 'c', R, 99, 99));
	cr_expect_not(allows(rules, 'c', R | M, 99, 99));
	cr_expect_not(allows(rules, 'b', R, 1, 3), "block is not char");
	cr_expect_not(allows(rules, 'b', R, 8, 0));
	cr_expect_not(allows(rules, 'c', R, 1, 1), "/dev/mem");
}

Test(devices, later_rules_win_for_each_access)
{
	static const char rules[] =
	    "[" DENY_ALL ",{\"allow\":true,\"type\":\"b\",\"access\":\"rwm\"},"
	    "{\"allow\":false,\"type\":\"b\",\"major\":8,\"access\":\"w\"},"
	    "{\"allow\":true,\"type\":\"b\",\"major\":8,\"minor\":5,\"access\":\"w\"}]";

	cr_expect(allows(rules, 'b', R | W, 7, 0));
	cr_expect(allows(rules, 'b', R, 8, 0));
	cr_expect_not(allows(rules, 'b', W, 8, 0));
	cr_expect_not(allows(rules, 'b', R | W, 8, 0), "a part of it is denied");
	cr_expect(allows(rules, 'b', R | W, 8, 5), "one rule gives r, another w");
	cr_expect_not(allows(rules, 'c', R, 9, 9));
}

Test(devices, allow_all_and_exceptions)
{
	static const char rules[] =
	    "[" DENY_ALL ",{\"allow\":true,\"access\":\"rwm\"},"
	    "{\"allow\":false,\"type\":\"c\",\"major\":10,\"minor\":232,\"access\":\"rw\"}]";

	cr_expect(allows(rules, 'c', R | W, 99, 1));
	cr_expect(allows(rules, 'b', R | W | M, 8, 0));
	cr_expect_not(allows(rules, 'c', R, 10, 232));
	cr_expect(allows("[{\"allow\":true}]", 'c', R | W | M, 99, 1), "no access means all");
	cr_expect_not(
	    allows("[{\"allow\":true,\"type\":\"c\",\"major\":99,\"access\":\"r\"}]", 'c', R, 98, 1),
	    "not listed is not allowed");
}

static int list(const char *json, struct error *err)
{
	struct oci_resources *r = parse(json);
	struct device_rules rules = {0};
	int ret = devices_list(&r->devices, &rules, err);

	free(rules.v);
	oci_resources_free(r);
	return ret;
}

Test(devices, bad_rules_are_named)
{
	struct error err = ERROR_NONE;

	cr_expect_eq(list("[" DENY_ALL ",{\"allow\":true,\"type\":\"x\"}]", &err), -EINVAL);
	cr_expect_not_null(strstr(err.msg, "linux.resources.devices[1].type"), "%s", err.msg);
	cr_expect_eq(list("[{\"allow\":true,\"access\":\"rx\"}]", &err), -EINVAL);
	cr_expect_not_null(strstr(err.msg, "linux.resources.devices[0].access"), "%s", err.msg);
	cr_expect_eq(list("[{\"allow\":true,\"type\":\"c\",\"major\":-2}]", &err), -EINVAL);
	cr_expect_eq(list("[{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":4294967296}]", &err),
		     -EINVAL);
	cr_expect_eq(list("[{\"allow\":true,\"type\":\"c\",\"major\":-1,\"minor\":-1}]", &err), 0);
}

static char *lines(const char *json, int *ret)
{
	struct oci_resources *r = parse(json);
	struct text all = {0};
	struct device_rules rules;
	struct strv v = {0};

	cr_assert_eq(devices_list(&r->devices, &rules, NULL), 0);
	*ret = devices_lines(&rules, &v, NULL);
	text_add(&all, "");
	for (size_t i = 0; i < v.n; i++)
		text_addf(&all, "%s;", v.v[i]);
	strv_free(&v);
	free(rules.v);
	oci_resources_free(r);
	return all.v;
}

#define DEFAULT_LINES                                                                                        \
	"+c *:* m;+b *:* m;+c 1:3 rwm;+c 1:8 rwm;+c 1:7 rwm;+c 5:0 rwm;+c 1:5 rwm;+c 1:9 rwm;+c 5:1 rwm;+c " \
	"5:2 rwm;"                                                                                           \
	"+c 136:* rwm;+c 10:200 rwm;"

static void expect_lines(const char *json, const char *expected)
{
	int ret;
	auto_free char *got = lines(json, &ret);

	cr_expect_eq(ret, 0, "%s", json);
	cr_expect_str_eq(got, expected);
}

Test(devices, v1_lines)
{
	int ret;

	expect_lines("[" DENY_ALL "]", "-a;" DEFAULT_LINES);
	expect_lines("[{\"allow\":true,\"type\":\"c\",\"major\":9,\"access\":\"r\"}]",
		     "-a;+c 9:* r;" DEFAULT_LINES);
	expect_lines("[" DENY_ALL ",{\"allow\":true}]", "+a;");
	expect_lines("[{\"allow\":true},{\"allow\":false,\"type\":\"b\",\"major\":8,\"access\":\"w\"}]",
		     "+a;-b 8:* w;");
	expect_lines("[" DENY_ALL
		     ",{\"allow\":true,\"type\":\"c\",\"major\":9,\"minor\":1,\"access\":\"rw\"},"
		     "{\"allow\":false,\"type\":\"c\",\"major\":9,\"minor\":1,\"access\":\"w\"}]",
		     "-a;+c 9:1 rw;-c 9:1 w;" DEFAULT_LINES);
	free(lines(
	    "[" DENY_ALL
	    ",{\"allow\":true,\"type\":\"c\"},{\"allow\":false,\"type\":\"c\",\"major\":9,\"access\":\"w\"}]",
	    &ret));
	cr_expect_eq(ret, -ENOTSUP, "v1 cannot carve a hole, and must not pretend");
}

static char *changes(const char *json, const char *list, int *ret)
{
	struct oci_resources *r = parse(json);
	auto_strv struct strv got = {0};
	struct device_rules rules;
	struct text t = {0};

	cr_assert_eq(devices_list(&r->devices, &rules, NULL), 0);
	*ret = devices_changes(&rules, list, &got, NULL);
	oci_resources_free(r);
	for (size_t i = 0; i < got.n; i++)
		text_addf(&t, "%s;", got.v[i]);
	text_add(&t, "");
	free(rules.v);
	return t.v;
}

/* From one list to another nothing is shut that both have, so nothing is reset. */
Test(devices, v1_changes)
{
	static const char now[] = "c 1:3 rwm\nc 9:1 rw\nb 7:* r\nc 136:* rwm\n";
	int ret;
	auto_free char *same = changes("[" DENY_ALL "]", now, &ret);
	auto_free char *part = changes("[" DENY_ALL ",{\"allow\":true,\"type\":\"c\",\"major\":9,\"access\":\"r\"}]", now, &ret);
	auto_free char *reset = changes("[" DENY_ALL "]", "a *:* rwm\n", &ret);
	auto_free char *all = changes("[{\"allow\":true}]", now, &ret);

	cr_expect_str_eq(same, DEFAULT_LINES "-c 9:1 rw;-b 7:* r;");
	cr_expect_str_eq(part, "+c 9:* r;" DEFAULT_LINES "-c 9:1 w;-b 7:* r;");
	cr_expect_str_eq(reset, "-a;" DEFAULT_LINES);
	cr_expect_str_eq(all, "+a;");
}

/* The real thing: open and mknod in the cgroup, through v1's files or BPF as the host has it. */
Test(devices, the_kernel_obeys)
{
	struct error err = ERROR_NONE;
	char dir[] = "nacre-devices-XXXXXX"; /* here: /tmp is often mounted nodev */
	struct cgroup *c;
	int status, fd = -EBADF;
	pid_t pid;

	real_need();
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
	if (mknod("mem", S_IFCHR | 0600, makedev(1, 1)) || mknod("full", S_IFCHR | 0600, makedev(1, 7)) ||
	    (fd = open("full", O_RDWR | O_CLOEXEC)) < 0) {
		unlink("mem");
		unlink("full");
		cr_assert(!chdir("..") && !rmdir(dir));
		cr_skip_test("cannot make device nodes here");
	}
	cr_assert_eq(real_make(real_path(""),
			       "{\"devices\":[" DENY_ALL
			       ",{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":4}]}",
			       &c, &err),
		     0, "%s", err.msg);
	pid = fork();
	if (!pid) {
		/* A kernel without such a device says ENXIO, but only after the cgroup has agreed. */
		if (cgroup_enter(c, 0, false, NULL) < 0)
			_exit(1);
		if (open("full", O_RDWR) < 0)
			_exit(2);
		if (open("mem", O_RDONLY) >= 0 || errno != EPERM)
			_exit(3);
		if (mknod("loop", S_IFBLK | 0600, makedev(7, 0)))
			_exit(4);
		if (open("loop", O_RDONLY) >= 0 || errno != EPERM)
			_exit(5);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(WEXITSTATUS(status), 0, "step %d", WEXITSTATUS(status));
	cr_expect_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cgroup_free(c);
	unlink("mem");
	unlink("full");
	unlink("loop");
	close(fd);
	cr_expect(!chdir("..") && !rmdir(dir));
}

/* BPF in the v2 hierarchy, even where devices are v1's here: so that the program is verified by a real kernel
 * everywhere. */
Test(devices, the_verifier_accepts_the_program)
{
	struct oci_resources *r =
	    parse("[" DENY_ALL ",{\"allow\":true,\"type\":\"b\",\"access\":\"rw\"},"
		  "{\"allow\":false,\"type\":\"b\",\"major\":8,\"minor\":4294967295,\"access\":\"w\"}]");
	struct error err = ERROR_NONE;
	struct cgroup *c, v2_only = {.layout = CGROUP_LAYOUT_V2, .n = 1, .clone_fd = -EBADF};
	const struct folder *f;
	int ret;

	real_need();
	cr_assert_eq(real_make(real_path(""), NULL, &c, &err), 0, "%s", err.msg);
	f = cgroup_v2_folder(c);
	if (!f) {
		cgroup_remove(c, NULL);
		cr_skip_test("no cgroup v2 hierarchy");
	}
	v2_only.folders = (struct folder *)f;
	ret = devices_apply(&v2_only, &r->devices, false, &err);
	if (!ret) {
		v2_only.folders->made = 0;
		cr_expect_eq(devices_apply(&v2_only, &r->devices, false, &err), 0, "replaced: %s", err.msg);
		v2_only.folders->made = 1;
	}
	cr_expect_eq(cgroup_remove(c, NULL), 0);
	oci_resources_free(r);
	if (ret == -EPERM || ret == -ENOSYS)
		cr_skip_test("bpf(2) is not permitted here");
	cr_expect_eq(ret, 0, "%s", err.msg);
	cgroup_free(c);
}
