/* test_filter.c: profiles compiled, then run over system calls by the interpreter in bpf.c. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <string.h>

#include "bpf.h"
#include "profile.h"
#include "seccomp/filter.h"

#define CASES TESTS_DIR "/cases/seccomp"

static const struct {
	const char *name;
	uint32_t token, audit;
} archs[] = {
    {"x86_64",  SCMP_ARCH_X86_64,	 AUDIT_ARCH_X86_64 },
    {"x86",     SCMP_ARCH_X86,	    AUDIT_ARCH_I386   },
    {"x32",	    SCMP_ARCH_X32,	   AUDIT_ARCH_X86_64 },
    {"aarch64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64},
    {"arm",	    SCMP_ARCH_ARM,	   AUDIT_ARCH_ARM	 },
    {"riscv64", SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64},
};

static const char *action_text(__u32 action, char *buf, size_t size)
{
	__u32 data = action & SECCOMP_RET_DATA;

	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return "ALLOW";
	case SECCOMP_RET_LOG:
		return "LOG";
	case SECCOMP_RET_TRAP:
		return "TRAP";
	case SECCOMP_RET_KILL_THREAD:
		return "KILL";
	case SECCOMP_RET_KILL_PROCESS:
		return "KILL_PROCESS";
	case SECCOMP_RET_USER_NOTIF:
		return "NOTIFY";
	case SECCOMP_RET_ERRNO:
		snprintf(buf, size, "ERRNO %u", data);
		return buf;
	case SECCOMP_RET_TRACE:
		snprintf(buf, size, "TRACE %u", data);
		return buf;
	default:
		return "?";
	}
}

/* "x86_64 clone 0x10000000 -> ERRNO 1": a name, or #number; up to six arguments. */
static void check_row(const struct filter *f, const char *file, char *row)
{
	struct seccomp_data data = {0};
	char *arrow = strstr(row, " -> "), *save, *word, buf[32];
	__u32 action = 0;
	size_t a = 0;

	cr_assert(arrow, "%s: %s", file, row);
	*arrow = '\0';
	auto_free char *shown = strdup(row);
	word = strtok_r(row, " ", &save);
	while (a < sizeof(archs) / sizeof(archs[0]) && strcmp(archs[a].name, word))
		a++;
	cr_assert_lt(a, sizeof(archs) / sizeof(archs[0]), "%s: %s", file, word);
	data.arch = archs[a].audit;
	word = strtok_r(NULL, " ", &save);
	if (*word == '#') {
		data.nr = (int)strtoul(word + 1, NULL, 0);
	} else {
		data.nr = seccomp_syscall_resolve_name_arch(archs[a].token, word);
		cr_assert_geq(data.nr, 0, "%s: %s", file, word);
	}
	for (int i = 0; i < 6 && (word = strtok_r(NULL, " ", &save)); i++)
		data.args[i] = strtoull(word, NULL, 0);
	cr_assert(bpf_run(f->code, f->n, &data, &action), "%s: no valid program", file);
	cr_expect_str_eq(action_text(action, buf, sizeof(buf)), arrow + 4, "%s: %s -> %s", file, shown,
			 action_text(action, buf, sizeof(buf)));
}

/* A profile, a line "---", rows. In the profile "file: NAME" stands for a file of tests/data. */
static unsigned check_file(const char *path)
{
	auto_free char *text = profile_read(path);
	auto_free char *other = NULL;
	struct error err = ERROR_NONE;
	struct filter f = {0};
	char *rows = strstr(text, "\n---\n"), *save, name[64], data[256];
	const char *json = text;
	unsigned n = 0;

	cr_assert(rows, "%s", path);
	*rows = '\0';
	if (sscanf(text, "file: %63s", name) == 1) {
		snprintf(data, sizeof(data), TESTS_DIR "/data/%s", name);
		json = other = profile_read(data);
	}
	struct oci_config *config = profile_parse(json);
	cr_assert_eq(filter_compile(config->linux_->seccomp, &f, &err), 0, "%s: %s", path, err.msg);
	for (char *row = strtok_r(rows + 5, "\n", &save); row; row = strtok_r(NULL, "\n", &save)) {
		if (*row == '#')
			continue;
		check_row(&f, path, row);
		n++;
	}
	filter_free(&f);
	cr_expect_null(f.code);
	oci_config_free(config);
	return n;
}

Test(filter, cases)
{
	DIR *d = opendir(CASES);
	unsigned rows = 0, files = 0;
	struct dirent *e;

	if (seccomp_arch_native() != SCMP_ARCH_X86_64)
		cr_skip_test("the cases are for x86-64");
	cr_assert(d);
	while ((e = readdir(d))) {
		char path[512];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), CASES "/%s", e->d_name);
		rows += check_file(path);
		files++;
	}
	closedir(d);
	cr_assert_gt(files, 5);
	cr_assert_gt(rows, 80);
}

static void expect_error(const char *json, const char *msg)
{
	struct oci_config *config = profile_parse(json);
	struct error err = ERROR_NONE;
	struct filter f = {0};

	cr_expect_lt(filter_compile(config->linux_->seccomp, &f, &err), 0, "%s", json);
	cr_expect_str_eq(err.msg, msg);
	cr_expect_null(f.code);
	filter_free(&f);
	oci_config_free(config);
}

#define ONE(action, more)                                                                                    \
	"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"" action    \
	"\"" more "}]}"
#define ARG(text)                                                                                            \
	ONE("SCMP_ACT_ERRNO", ",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}," text "]")

Test(filter, mistakes)
{
	expect_error("{\"defaultAction\":\"SCMP_ACT_DENY\"}",
		     "linux.seccomp.defaultAction: unknown action \"SCMP_ACT_DENY\"");
	expect_error("{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
		     "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY can't be the default");
	expect_error("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}",
		     "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW answers no errno");
	expect_error("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}",
		     "linux.seccomp.defaultErrnoRet: 4096 is above 4095");
	expect_error("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_"
		     "ARCH_VAX\"]}",
		     "linux.seccomp.architectures[1]: unknown architecture \"SCMP_ARCH_VAX\"");
	expect_error("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_"
		     "FILTER_FLAG_X\"]}",
		     "linux.seccomp.flags[1]: unknown flag \"SECCOMP_FILTER_FLAG_X\"");
	expect_error(ONE("SCMP_ACT_NO", ""),
		     "linux.seccomp.syscalls[0].action: unknown action \"SCMP_ACT_NO\"");
	expect_error(ONE("SCMP_ACT_KILL", ",\"errnoRet\":1"),
		     "linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL answers no errno");
	expect_error(ONE("SCMP_ACT_TRACE", ",\"errnoRet\":65536"),
		     "linux.seccomp.syscalls[0].errnoRet: 65536 is above 65535");
	expect_error(ARG("{\"index\":1,\"value\":1,\"op\":\"SCMP_CMP_IS\"}"),
		     "linux.seccomp.syscalls[0].args[1].op: unknown operator \"SCMP_CMP_IS\"");
	expect_error("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_"
		     "ACT_KILL\"}]}",
		     "linux.seccomp.syscalls[0].names: is empty");
	expect_error("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\",\"write\"],"
		     "\"action\":\"SCMP_ACT_NOTIFY\"}]}",
		     "linux.seccomp.syscalls[0]: SCMP_ACT_NOTIFY can't be used for write");
}

/* The parser refuses these already; a caller with structs of its own must not get through either. */
Test(filter, argument_that_no_call_has)
{
	static const struct opt_uint bad[] = {
	    {true,  6		    },
	       {true,  UINT64_MAX	},
		   {true,  (uint64_t)1 << 32},
	      {false, 0		       }
	};
	struct oci_syscall_arg args[] = {
	    {.index = {true, 5}, .op = "SCMP_CMP_EQ"},
	       {.op = "SCMP_CMP_EQ"		   }
	    };
	char *names[] = {"mkdir"};
	struct oci_syscall call = {
	    .names = {names, 1},
		 .action = "SCMP_ACT_KILL", .args = {args,  2}
	     };
	struct oci_seccomp profile = {
	    .default_action = "SCMP_ACT_ALLOW", .syscalls = {&call, 1}
	      };
	struct error err = ERROR_NONE;
	struct filter f = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		args[1].index = bad[i];
		cr_assert_eq(filter_compile(&profile, &f, &err), -EINVAL);
		cr_assert_str_eq(err.msg, "linux.seccomp.syscalls[0].args[1].index: is not within 0 and 5");
	}
}

static struct filter compiled(const char *json)
{
	struct oci_config *config = profile_parse(json);
	struct error err = ERROR_NONE;
	struct filter f = {0};

	cr_assert_eq(filter_compile(config->linux_->seccomp, &f, &err), 0, "%s", err.msg);
	oci_config_free(config);
	return f;
}

Test(filter, flags)
{
	struct filter f = compiled("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}");

	cr_assert_eq(f.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	cr_assert(f.flags_default);
	filter_free(&f);
	f = compiled("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_"
		     "FILTER_FLAG_TSYNC\","
		     "\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}");
	cr_assert_eq(f.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC);
	cr_assert_not(f.flags_default);
	cr_assert_not(f.notify);
	filter_free(&f);
	f = compiled(
	    "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],"
	    "\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}");
	cr_assert_eq(f.flags, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	cr_assert(f.notify);
	filter_free(&f);
}

/* Names of machines that are not this one: known, and of no account. */
Test(filter, foreign_architectures)
{
	static const char *const names[] = {"LOONGARCH64", "M68K", "SH", "SHEB", "S390X"};
	struct filter plain = compiled("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}");

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char json[256];
		struct filter f;

		snprintf(json, sizeof(json), "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_%s\"],"
			 "\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}", names[i]);
		f = compiled(json);
		if (strcmp(names[i], "LOONGARCH64") && strcmp(names[i], "SH"))
			cr_expect(f.n == plain.n && !memcmp(f.code, plain.code, f.n * sizeof(struct sock_filter)), "%s", names[i]);
		filter_free(&f);
	}
	filter_free(&plain);
}

Test(filter, none)
{
	struct filter f = {(void *)1, 1, 1, true, true};

	cr_assert_eq(filter_compile(NULL, &f, NULL), 0);
	cr_assert_null(f.code);
	cr_assert_eq(f.n, 0);
	cr_assert_eq(filter_load(&f, NULL, NULL), 0);
	filter_free(&f);
	filter_free(NULL);
}
