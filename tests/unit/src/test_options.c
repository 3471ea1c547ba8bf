/* test_options.c: every form of option that callers of runc and of crun use, and the wrong ones. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/options.h"

struct sample {
	const char *bundle, *user, *format;
	char *pid_file;
	bool detach, tty, all;
	int privs, preserve;
	struct strv env;
};

static const char *const formats[] = {"table", "json", NULL};

#define ROW(name, letter, kind, field, ...)                                                                  \
	{                                                                                                    \
		name, letter, kind, offsetof(struct sample, field), __VA_ARGS__                              \
	}
static const struct option_row rows[] = {
    ROW("bundle", 'b', OPTION_TEXT, bundle, "DIR", "a folder"),
    ROW("pid-file", 0, OPTION_PATH, pid_file, "FILE", "a file"),
    ROW("user", 'u', OPTION_TEXT, user, "UID[:GID]", "a user"),
    ROW("format", 0, OPTION_TEXT, format, "FORMAT", "table or json", formats),
    ROW("detach", 'd', OPTION_FLAG, detach, NULL, "detach"),
    ROW("tty", 't', OPTION_FLAG, tty, NULL, "terminal"),
    ROW("all", 'a', OPTION_FLAG, all, NULL, "all"),
    ROW("all", 'A', OPTION_FLAG, all, NULL, NULL),
    ROW("no-new-privs", 0, OPTION_SWITCH, privs, NULL, "no new privileges"),
    ROW("preserve-fds", 0, OPTION_NUMBER, preserve, "N", "descriptors"),
    ROW("env", 'e', OPTION_TEXTS, env, "NAME=VALUE", "variable"),
    {"no-subreaper",  0, OPTION_IGNORED, 0, NULL, "ignored"},
    {"rootless", 0, OPTION_IGNORED, 0, "WHEN", "ignored"},
    {NULL	  },
};

static const struct option_row no_rows[] = {{NULL}};

static struct sample o;
static struct arguments rest;
static struct error err;

static int parse_with(bool permute, const char *const *argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	options_free(rows, &o);
	free(rest.v);
	o = (struct sample){0};
	rest = (struct arguments){0};
	err = ERROR_NONE;
	return options_parse(rows, "nacre test", permute, argc, (char *const *)argv, &o, &rest, &err);
}

#define PARSE(...)	 parse_with(true, (const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define PARSE_FIRST(...) parse_with(false, (const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void fini(void)
{
	options_free(rows, &o);
	free(rest.v);
	rest.v = NULL;
}

#define TEST(name) Test(options, name, .fini = fini)

static void expect_refused(int ret, const char *words)
{
	cr_assert_eq(ret, -EINVAL, "accepted");
	cr_assert_eq(err.code, -EINVAL);
	cr_assert_not_null(strstr(err.msg, words), "\"%s\" is not in \"%s\"", words, err.msg);
	cr_assert_null(strchr(err.msg, '\n'));
}

TEST(nothing_at_all)
{
	cr_assert_eq(PARSE(), 0);
	cr_assert_eq(rest.n, 0);
	cr_assert_null(rest.v[0]);
	cr_assert_null(o.bundle);
}

TEST(value_in_all_spellings)
{
	const char *forms[][3] = {
	    {"--bundle",	 "/b"},
		{"--bundle=/b"	      },
		 {"-bundle", "/b"},
	    {"-bundle=/b"	 },
	    {"-b", "/b"},
	    {"-b/b"	   },
		{"-b=/b"		},
		 {"--b",	 "/b"},
	    {"--b=/b"},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		cr_assert_eq(parse_with(true, forms[i]), 0, "%s: %s", forms[i][0], err.msg);
		cr_assert_str_eq(o.bundle, "/b", "%s gave %s", forms[i][0], o.bundle);
		cr_assert_eq(rest.n, 0);
	}
}

TEST(flags_in_all_spellings)
{
	static const struct {
		const char *word;
		bool on;
	} forms[] = {
	    {"--detach",	 true },
	    {"-detach",	true },
	    {"-d",		   true },
	    {"--d",	    true },
	    {"--detach=true",  true },
	    {"--detach=1",	   true },
	    {"--detach=t",	   true },
	    {"--detach=TRUE",  true },
	    {"--detach=True",  true },
	    {"--detach=false", false},
	    {"--detach=0",	   false},
	    {"-d=false",	 false},
	    {"-detach=F",	  false},
	    {"--detach=False", false},
	    {"-d=true",	true },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		cr_assert_eq(PARSE("--detach=false", forms[i].word), 0, "%s: %s", forms[i].word, err.msg);
		cr_assert_eq(o.detach, forms[i].on, "%s", forms[i].word);
		cr_assert_eq(PARSE("--detach", forms[i].word), 0);
		cr_assert_eq(o.detach, forms[i].on, "%s after --detach", forms[i].word);
	}
}

TEST(paths_become_absolute)
{
	char *here = getcwd(NULL, 0);

	cr_assert_eq(PARSE("--pid-file=/p"), 0);
	cr_assert_str_eq(o.pid_file, "/p");
	cr_assert_eq(PARSE("--pid-file", "/p", "--pid-file", "q/../r"), 0);
	cr_assert_eq(strncmp(o.pid_file, here, strlen(here)), 0);
	cr_assert_str_eq(o.pid_file + strlen(here), "/q/../r");
	expect_refused(PARSE("--pid-file="), "option --pid-file: the value is empty");
	free(here);
}

TEST(paths_need_a_current_folder_only_where_they_are_relative)
{
	char gone[] = "/tmp/test_options.XXXXXX";

	cr_assert_not_null(mkdtemp(gone));
	cr_assert_eq(chdir(gone), 0);
	cr_assert_eq(rmdir(gone), 0);
	cr_assert_eq(PARSE("--pid-file", "/p"), 0);
	cr_assert_eq(PARSE("--pid-file", "p"), -ENOENT);
	cr_assert_not_null(strstr(err.msg, "option --pid-file"), "%s", err.msg);
}

TEST(a_flag_takes_no_next_word)
{
	cr_assert_eq(PARSE("--detach", "false"), 0);
	cr_assert(o.detach);
	cr_assert_eq(rest.n, 1);
	cr_assert_str_eq(rest.v[0], "false");
}

TEST(clusters)
{
	cr_assert_eq(PARSE("-dt"), 0);
	cr_assert(o.detach && o.tty);
	cr_assert_eq(PARSE("-dtb", "/b", "id"), 0);
	cr_assert(o.detach && o.tty);
	cr_assert_str_eq(o.bundle, "/b");
	cr_assert_str_eq(rest.v[0], "id");
	cr_assert_eq(PARSE("-dtu1:2"), 0);
	cr_assert_str_eq(o.user, "1:2");
	cr_assert_eq(PARSE("-td=false"), 0);
	cr_assert(o.tty && !o.detach);
}

TEST(a_whole_name_wins_over_a_cluster)
{
	cr_assert_eq(PARSE("-env", "A=1"), 0);
	cr_assert_eq(o.env.n, 1);
	cr_assert_str_eq(o.env.v[0], "A=1");
	cr_assert_eq(PARSE("-no-subreaper", "id"), 0);
	cr_assert_eq(rest.n, 1);
}

TEST(the_last_one_wins)
{
	cr_assert_eq(PARSE("--bundle", "a", "-b", "b", "--bundle=c"), 0);
	cr_assert_str_eq(o.bundle, "c");
	cr_assert_eq(PARSE("--preserve-fds", "1", "--preserve-fds=2"), 0);
	cr_assert_eq(o.preserve, 2);
}

TEST(vectors_keep_all)
{
	cr_assert_eq(PARSE("-e", "A=1", "--env=B=x=y", "-eC=", "--env", "A=1"), 0);
	cr_assert_eq(o.env.n, 4);
	cr_assert_str_eq(o.env.v[1], "B=x=y");
	cr_assert_str_eq(o.env.v[2], "C=");
	cr_assert_null(o.env.v[4]);
}

TEST(values_may_begin_with_a_dash_or_hold_equals)
{
	cr_assert_eq(PARSE("--bundle", "-d", "-u", "--"), 0);
	cr_assert_str_eq(o.bundle, "-d");
	cr_assert_str_eq(o.user, "--");
	cr_assert(!o.detach);
	cr_assert_eq(PARSE("--bundle==a=b"), 0);
	cr_assert_str_eq(o.bundle, "=a=b");
}

TEST(options_may_follow_arguments)
{
	cr_assert_eq(PARSE("id", "-d", "TERM", "--bundle", "/b"), 0);
	cr_assert_eq(rest.n, 2);
	cr_assert_str_eq(rest.v[0], "id");
	cr_assert_str_eq(rest.v[1], "TERM");
	cr_assert_null(rest.v[2]);
	cr_assert(o.detach);
	cr_assert_str_eq(o.bundle, "/b");
}

TEST(or_end_at_the_first_argument)
{
	cr_assert_eq(PARSE_FIRST("-t", "id", "-d", "--nonsense", "--", "--help"), 0);
	cr_assert(o.tty && !o.detach);
	cr_assert_eq(rest.n, 5);
	cr_assert_str_eq(rest.v[1], "-d");
	cr_assert_str_eq(rest.v[3], "--");
	cr_assert_str_eq(rest.v[4], "--help");
}

TEST(two_dashes_end_options)
{
	cr_assert_eq(PARSE("-d", "--", "-t", "--", "--bundle"), 0);
	cr_assert(o.detach && !o.tty);
	cr_assert_eq(rest.n, 3);
	cr_assert_str_eq(rest.v[0], "-t");
	cr_assert_str_eq(rest.v[1], "--");
	cr_assert_eq(PARSE_FIRST("--", "-id", "-t"), 0);
	cr_assert_eq(rest.n, 2);
	cr_assert_str_eq(rest.v[0], "-id");
}

TEST(a_lone_dash_and_an_empty_word_are_arguments)
{
	cr_assert_eq(PARSE("-", ""), 0);
	cr_assert_eq(rest.n, 2);
	cr_assert_str_eq(rest.v[0], "-");
	cr_assert_str_eq(rest.v[1], "");
}

TEST(ignored_ones_take_their_value_along)
{
	cr_assert_eq(PARSE("--rootless", "auto", "--rootless=", "--no-subreaper", "-no-subreaper", "id"), 0,
		     "%s", err.msg);
	cr_assert_eq(rest.n, 1);
	cr_assert_str_eq(rest.v[0], "id");
}

TEST(switches_know_three_states)
{
	cr_assert_eq(PARSE("id"), 0);
	cr_assert_eq(o.privs, 0);
	cr_assert_eq(PARSE("--no-new-privs"), 0);
	cr_assert_eq(o.privs, 1);
	cr_assert_eq(PARSE("--no-new-privs", "--no-new-privs=false"), 0);
	cr_assert_eq(o.privs, -1);
}

TEST(second_letters)
{
	cr_assert_eq(PARSE("-A"), 0);
	cr_assert(o.all);
}

TEST(help_in_all_spellings_and_at_once)
{
	cr_assert_eq(PARSE("--help"), OPTIONS_HELP);
	cr_assert_eq(PARSE("-h"), OPTIONS_HELP);
	cr_assert_eq(PARSE("-?"), OPTIONS_HELP);
	cr_assert_eq(PARSE("-help"), OPTIONS_HELP);
	cr_assert_eq(PARSE("-dh"), OPTIONS_HELP);
	cr_assert_eq(PARSE("id", "--help", "--nonsense"), OPTIONS_HELP);
	cr_assert_eq(PARSE("--help=false", "id"), 0);
}

TEST(help_without_a_table)
{
	struct arguments none = {0};

	cr_assert_eq(options_parse(no_rows, "nacre state", true, 1, (char *[]){(char[]){"-h"}, NULL}, NULL,
				   &none, &err),
		     OPTIONS_HELP);
	free(none.v);
	cr_assert_eq(options_parse(no_rows, "nacre state", true, 1, (char *[]){(char[]){"-x"}, NULL}, NULL,
				   &none, &err),
		     -EINVAL);
	free(none.v);
}

TEST(unknown_ones_are_named)
{
	expect_refused(PARSE("--foo"), "unknown option --foo; see nacre test --help");
	expect_refused(PARSE("--foo=bar"), "unknown option --foo;");
	expect_refused(PARSE("-x"), "unknown option -x;");
	expect_refused(PARSE("-xyz=1"), "unknown option -xyz;");
	expect_refused(PARSE("-dx"), "unknown option -x;");
	expect_refused(PARSE("id", "-9"), "unknown option -9;");
	expect_refused(PARSE("--bund", "/b"), "unknown option --bund;");
	expect_refused(PARSE("---bundle"), "unknown option ---bundle;");
	expect_refused(PARSE("--=x"), "unknown option --;");
	expect_refused(PARSE("-=x"), "unknown option -");
}

TEST(a_long_unknown_one_is_cut)
{
	char word[2000];

	memset(word, 'x', sizeof(word));
	memcpy(word, "--", 2);
	word[sizeof(word) - 1] = '\0';
	expect_refused(PARSE(word), "see nacre test --help");
}

TEST(missing_values)
{
	expect_refused(PARSE("--bundle"), "option --bundle requires an argument");
	expect_refused(PARSE("-b"), "option --bundle requires an argument");
	expect_refused(PARSE("-db"), "option --bundle requires an argument");
	expect_refused(PARSE("--rootless"), "option --rootless requires an argument");
}

TEST(empty_values)
{
	expect_refused(PARSE("--bundle="), "option --bundle: the value is empty");
	expect_refused(PARSE("--bundle", ""), "option --bundle: the value is empty");
	expect_refused(PARSE("-e", ""), "option --env: the value is empty");
	expect_refused(PARSE("--preserve-fds="), "option --preserve-fds");
}

TEST(bad_flags)
{
	expect_refused(PARSE("--detach=yes"), "option --detach: \"yes\"");
	expect_refused(PARSE("--detach="), "option --detach: \"\"");
	expect_refused(PARSE("-d=2"), "option --detach: \"2\"");
	expect_refused(PARSE("--no-subreaper=maybe"), "option --no-subreaper");
}

TEST(bad_numbers)
{
	const char *bad[] = {
	    "-1", "+1", " 1", "1 ", "0x1", "1.0", "ten", "2147483648", "99999999999999999999999"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refused(PARSE("--preserve-fds", bad[i]), "option --preserve-fds: \"");
	cr_assert_eq(PARSE("--preserve-fds", "2147483647"), 0);
	cr_assert_eq(o.preserve, INT_MAX);
}

TEST(only_the_words_of_the_row)
{
	cr_assert_eq(PARSE("--format", "json"), 0);
	cr_assert_str_eq(o.format, "json");
	expect_refused(PARSE("--format=xml"), "option --format: \"xml\" is none of: table, json");
	expect_refused(PARSE("--format=JSON"), "\"JSON\"");
}

TEST(what_was_read_before_a_failure_stays)
{
	cr_assert_eq(PARSE("--bundle", "/b", "--nonsense"), -EINVAL);
	cr_assert_str_eq(o.bundle, "/b");
}

TEST(numbers_by_name)
{
	cr_assert_eq(PARSE("--preserve-fds=3"), 0);
	cr_assert_eq(options_number(rows, &o, "preserve-fds"), 3);
	cr_assert_eq(options_number(rows, &o, "bundle"), -1);
	cr_assert_eq(options_number(no_rows, &o, "preserve-fds"), -1);
}

TEST(help_names_every_option_once)
{
	auto_text struct text out = {0};

	options_help(rows, &out);
	cr_assert_not_null(strstr(out.v, "  -b, --bundle DIR            a folder\n"), "%s", out.v);
	cr_assert_not_null(strstr(out.v, "  -a, -A, --all               all\n"), "%s", out.v);
	cr_assert_not_null(strstr(out.v, "      --preserve-fds N        descriptors\n"), "%s", out.v);
	cr_assert_not_null(strstr(out.v, "  -h, -?, --help              show this help\n"), "%s", out.v);
	cr_assert_null(strstr(strstr(out.v, "--all") + 1, "--all"));
}

TEST(list_has_a_line_for_each_form)
{
	auto_text struct text out = {0};

	options_list(rows + 6, "nacre", true, &out);
	cr_assert_str_eq(out.v, "nacre --all\nnacre -a\nnacre -A\nnacre --no-new-privs\nnacre "
				"--preserve-fds\nnacre --env\nnacre -e\n"
				"nacre --no-subreaper\nnacre --rootless\nnacre --help\nnacre -h\nnacre -?\n");
}
