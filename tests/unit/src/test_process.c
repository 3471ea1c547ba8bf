/* test_process.c: what exec's options make of a process. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "src/process.h"

static const char base[] =
    "{\"terminal\":false,\"user\":{\"uid\":3,\"gid\":4,\"additionalGids\":[9]},\"cwd\":\"/"
    "\",\"args\":[\"sh\",\"-c\",\"x\"],"
    "\"env\":[\"PATH=/bin\",\"A=1\",\"AB=2\",\"A=3\"],\"noNewPrivileges\":true,"
    "\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"],\"inheritable\":[],\"ambient\":[]}}";
static const char bare[] = "{\"cwd\":\"/\",\"args\":[\"sh\"]}";

static const char *known_names[] = {"CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", NULL};
static const struct strings known = {(char **)known_names, 3};

static struct oci_process *process;
static struct error err;

static int apply(const char *json, const struct process_change *change)
{
	struct error parse_err = ERROR_NONE;

	oci_process_free(process);
	process = NULL;
	err = ERROR_NONE;
	cr_assert_eq(oci_process_parse(json, strlen(json), "process.json", &process, &parse_err), 0, "%s",
		     parse_err.msg);
	return process_apply(process, change, &known, &err);
}

static void fini(void)
{
	oci_process_free(process);
	process = NULL;
}

#define TEST(name) Test(process, name, .fini = fini)
#define WORDS(...)                                                                                           \
	{                                                                                                    \
		(char **)(const char *[]){__VA_ARGS__, NULL},                                                \
		    sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)                                   \
	}

static void expect_refused(const char *json, const struct process_change *change, const char *words)
{
	cr_assert_eq(apply(json, change), -EINVAL, "%s is accepted", words);
	cr_assert_not_null(strstr(err.msg, words), "\"%s\" is not in \"%s\"", words, err.msg);
}

TEST(nothing_changes_nothing)
{
	cr_assert_eq(apply(base, &(struct process_change){0}), 0);
	cr_assert_eq(process->args.n, 3);
	cr_assert_eq(process->env.n, 4);
	cr_assert_eq(process->user->uid.v, 3);
	cr_assert(process->no_new_privileges && !process->terminal);
}

TEST(args_are_replaced)
{
	const char *args[] = {"ls", "-l", NULL};

	cr_assert_eq(apply(base, &(struct process_change){.args = (char **)args}), 0);
	cr_assert_eq(process->args.n, 2);
	cr_assert_str_eq(process->args.v[1], "-l");
	cr_assert_null(process->args.v[2]);
	cr_assert_eq(apply(bare, &(struct process_change){.args = (char **)args}), 0);
	cr_assert_eq(process->args.n, 2);
}

TEST(texts_are_replaced)
{
	cr_assert_eq(
	    apply(bare, &(struct process_change){.cwd = "/tmp", .apparmor = "p", .process_label = "l"}), 0);
	cr_assert_str_eq(process->cwd, "/tmp");
	cr_assert_str_eq(process->apparmor_profile, "p");
	cr_assert_str_eq(process->selinux_label, "l");
}

TEST(switches_overrule_both_ways)
{
	cr_assert_eq(apply(base, &(struct process_change){.tty = 1, .no_new_privs = -1}), 0);
	cr_assert(process->terminal && !process->no_new_privileges);
	cr_assert_eq(apply(bare, &(struct process_change){.tty = -1, .no_new_privs = 1}), 0);
	cr_assert(!process->terminal && process->no_new_privileges);
}

TEST(env_replaces_all_of_the_name)
{
	cr_assert_eq(apply(base, &(struct process_change){.env = WORDS("A=x=y", "NEW=", "NEW=2")}), 0);
	cr_assert_eq(process->env.n, 4);
	cr_assert_str_eq(process->env.v[0], "PATH=/bin");
	cr_assert_str_eq(process->env.v[1], "AB=2");
	cr_assert_str_eq(process->env.v[2], "A=x=y");
	cr_assert_str_eq(process->env.v[3], "NEW=2");
	cr_assert_null(process->env.v[4]);
	cr_assert_eq(apply(bare, &(struct process_change){.env = WORDS("A=1")}), 0);
	cr_assert_eq(process->env.n, 1);
}

TEST(env_needs_a_name_and_a_value)
{
	expect_refused(base, &(struct process_change){.env = WORDS("A")}, "option --env: \"A\"");
	expect_refused(base, &(struct process_change){.env = WORDS("=1")}, "option --env: \"=1\"");
}

TEST(user)
{
	cr_assert_eq(apply(base, &(struct process_change){.user = "1"}), 0);
	cr_assert_eq(process->user->uid.v, 1);
	cr_assert_eq(process->user->gid.v, 4);
	cr_assert_eq(apply(base, &(struct process_change){.user = "1:0"}), 0);
	cr_assert_eq(process->user->uid.v, 1);
	cr_assert_eq(process->user->gid.v, 0);
	cr_assert_eq(apply(bare, &(struct process_change){.user = "4294967294:4294967294"}), 0);
	cr_assert(process->user->uid.set && process->user->gid.set);
	cr_assert_eq(process->user->gid.v, 4294967294);
}

TEST(user_is_strictly_numeric)
{
	static const char *const bad[] = {"",
					  "-1",
					  "4294967295",
					  "4294967296",
					  " 1",
					  "1 ",
					  "0x1",
					  "+1",
					  "root",
					  "1:",
					  ":1",
					  "1:root",
					  "1:-1",
					  "1:4294967295",
					  "1:2:3",
					  "1.0",
					  "01x",
					  "1,2",
					  "18446744073709551617"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refused(base, &(struct process_change){.user = bad[i]}, "option --user: \"");
}

TEST(groups_are_added)
{
	cr_assert_eq(apply(base, &(struct process_change){.additional_gids = WORDS("5", "0")}), 0);
	cr_assert_eq(process->user->additional_gids.n, 3);
	cr_assert_eq(process->user->additional_gids.v[0], 9);
	cr_assert_eq(process->user->additional_gids.v[2], 0);
	cr_assert_eq(apply(bare, &(struct process_change){.additional_gids = WORDS("5")}), 0);
	cr_assert_eq(process->user->additional_gids.n, 1);
	expect_refused(base, &(struct process_change){.additional_gids = WORDS("-1")},
		       "option --additional-gids");
	expect_refused(base, &(struct process_change){.additional_gids = WORDS("1", "wheel")}, "\"wheel\"");
	expect_refused(base, &(struct process_change){.additional_gids = WORDS("1,2")}, "\"1,2\"");
}

TEST(caps_are_added_to_three_sets)
{
	const struct oci_capabilities *c;

	cr_assert_eq(apply(base, &(struct process_change){.caps = WORDS("CAP_KILL", "cap_chown", "sys_admin",
									"KILL")}),
		     0, "%s", err.msg);
	c = process->capabilities;
	cr_assert_eq(c->bounding.n, 3);
	cr_assert_str_eq(c->bounding.v[0], "CAP_CHOWN");
	cr_assert_str_eq(c->bounding.v[1], "CAP_KILL");
	cr_assert_str_eq(c->bounding.v[2], "CAP_SYS_ADMIN");
	cr_assert_eq(c->effective.n, 3);
	cr_assert_eq(c->permitted.n, 3);
	cr_assert_eq(c->inheritable.n, 0);
	cr_assert_eq(c->ambient.n, 0);
	cr_assert_eq(apply(bare, &(struct process_change){.caps = WORDS("CAP_KILL")}), 0);
	cr_assert_eq(process->capabilities->bounding.n, 1);
}

TEST(unknown_caps_are_refused)
{
	expect_refused(base, &(struct process_change){.caps = WORDS("CAP_UNKNOWN")},
		       "option --cap: \"CAP_UNKNOWN\"");
	expect_refused(base, &(struct process_change){.caps = WORDS("CAP_")}, "option --cap");
	expect_refused(base, &(struct process_change){.caps = WORDS("CAP_CAP_KILL")}, "option --cap");
	cr_assert_eq(process_apply(process, &(struct process_change){.caps = WORDS("CAP_KILL")}, NULL, &err),
		     -EINVAL);
}
