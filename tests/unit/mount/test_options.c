/* test_options.c: the words of mount options, by tests/cases/mount-options.txt, and the form of mounts. */
#include "mount/options.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/auto.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/table.h"
#include "mount/root.h"

static const struct {
	uint64_t bit;
	const char *name;
} attributes[] = {
	/* clang-format off */
	{ MOUNT_ATTR_RDONLY,      "ro" },
	{ MOUNT_ATTR_NOSUID,      "nosuid" },
	{ MOUNT_ATTR_NODEV,       "nodev" },
	{ MOUNT_ATTR_NOEXEC,      "noexec" },
	{ MOUNT_ATTR_NODIRATIME,  "nodiratime" },
	{ MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow" },
	/* clang-format on */
};

static void word(struct text *out, const char *s)
{
	text_addf(out, "%s%s", out->n ? " " : "", s);
}

static void print_attributes(struct text *out, const char *title, const struct attributes *a)
{
	if (title && (a->set || a->clear))
		word(out, title);
	cr_assert_eq(a->set & a->clear & ~(uint64_t)MOUNT_ATTR__ATIME, 0);
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		char minus[16];

		snprintf(minus, sizeof(minus), "-%s", attributes[i].name);
		if (a->set & attributes[i].bit)
			word(out, attributes[i].name);
		if (a->clear & attributes[i].bit)
			word(out, minus);
	}
	cr_assert((a->clear & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME ||
		  !((a->clear | a->set) & MOUNT_ATTR__ATIME));
	if (a->clear & MOUNT_ATTR__ATIME)
		word(out, (a->set & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME	   ? "noatime"
			  : (a->set & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME ? "strictatime"
										   : "relatime");
}

static void print_super(struct text *out, unsigned long super)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} names[] = {
		/* clang-format off */
		{ MS_SYNCHRONOUS, "sync" },
		{ MS_DIRSYNC,     "dirsync" },
		{ MS_MANDLOCK,    "mand" },
		{ MS_LAZYTIME,    "lazytime" },
		{ MS_I_VERSION,   "iversion" },
		{ MS_SILENT,      "silent" },
		/* clang-format on */
	};

	if (super)
		word(out, "super:");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (super & names[i].flag)
			word(out, names[i].name);
}

static void print_spread(struct text *out, const struct propagation *p)
{
	if (p->type)
		word(out, "spread:");
	for (int i = 0; i < PROPAGATIONS_MAX && p[i].type; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%s%s", p[i].recursive ? "r" : "",
			 p[i].type == MS_SHARED	   ? "shared"
			 : p[i].type == MS_SLAVE   ? "slave"
			 : p[i].type == MS_PRIVATE ? "private"
						   : "unbindable");
		word(out, name);
	}
}

static void print_flags(struct text *out, const struct mount_words *w)
{
	if (w->bind || w->remount || w->copy_up || w->idmap || w->recursive_idmap)
		word(out, "flags:");
	if (w->bind)
		word(out, "bind");
	if (w->recursive_bind)
		word(out, "rbind");
	if (w->remount)
		word(out, "remount");
	if (w->copy_up)
		word(out, "tmpcopyup");
	if (w->idmap)
		word(out, "idmap");
	if (w->recursive_idmap)
		word(out, "ridmap");
}

static void print(struct text *out, const struct mount_words *w)
{
	print_attributes(out, NULL, &w->one);
	print_attributes(out, "tree:", &w->tree);
	print_super(out, w->super);
	print_spread(out, w->propagation);
	print_flags(out, w);
	if (w->data_n)
		word(out, "data:");
	for (size_t i = 0; i < w->data_n; i++)
		word(out, w->data[i]);
}

static void split(char *line, struct strings *out)
{
	out->v = calloc(strlen(line) + 1, sizeof(*out->v));
	out->n = 0;
	for (char *rest = line, *one; (one = strsep(&rest, ","));)
		if (*one)
			out->v[out->n++] = one;
}

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " ");
	for (n = strlen(s); n && strchr(" \n", s[n - 1]);)
		s[--n] = '\0';
	return s;
}

Test(options, cases)
{
	FILE *file = fopen(TESTS_DIR "/cases/mount-options.txt", "re");
	char line[500];
	int n = 0;

	cr_assert(file != NULL);
	while (fgets(line, sizeof(line), file)) {
		auto_words struct mount_words w = {0};
		auto_text struct text got = {0};
		auto_free char *given = NULL;
		struct error err = ERROR_NONE;
		struct strings options;
		char *bar = strchr(line, '|');

		if (*line == '#')
			continue;
		cr_assert(bar != NULL, "%s", line);
		*bar = '\0';
		given = strdup(trim(line));
		split(trim(line), &options);
		if (mount_words_parse(&options, &w, &err) < 0)
			text_add(&got, "error");
		else
			print(&got, &w);
		cr_expect_str_eq(got.v ? got.v : "", trim(bar + 1), "%s: got '%s', not '%s'", given,
				 got.v ? got.v : "", trim(bar + 1));
		free(options.v);
		n++;
	}
	fclose(file);
	cr_assert_gt(n, 40);
}

/* The table of runtime-spec 1.3, config.md, "Linux mount options". */
Test(options, the_specification_is_covered)
{
	static const char *const spec[] = {
		/* clang-format off */
		"async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion",
		"lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec", "noiversion",
		"nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private",
		"ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "rnoatime",
		"rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro",
		"rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid",
		"rsymfollow", "runbindable", "rw", "shared", "silent", "slave", "strictatime", "suid",
		"symfollow", "sync", "tmpcopyup", "unbindable", "idmap", "ridmap", "rnodev",
		/* clang-format on */
	};
	const char *const *names = mount_option_names();
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(spec); i++) {
		cr_expect(mount_word_is_known(spec[i]), "%s", spec[i]);
		cr_expect(name_lookup(names, spec[i]) >= 0, "%s", spec[i]);
	}
	for (; names[n]; n++) {
		cr_expect(mount_word_is_known(names[n]), "%s", names[n]);
		cr_expect(!n || strcmp(names[n - 1], names[n]) < 0, "%s is out of order", names[n]);
	}
	cr_expect_eq(n, ARRAY_LEN(spec));
	cr_expect(!mount_word_is_known("") && !mount_word_is_known("r") && !mount_word_is_known("ro=1"));
}

static void expect_check(const char *mount, const char *error)
{
	struct oci_config *config = NULL;
	struct error err = ERROR_NONE;
	auto_free char *json = str_printf(
	    "{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"x\" }, \"mounts\": [ %s ] }", mount);
	int ret;

	cr_assert_eq(oci_config_parse(json, strlen(json), "config.json", &config, &err), 0, "%s", err.msg);
	ret = mount_check(&config->mounts.v[0], "mounts[0]", &err);
	if (error)
		cr_expect(ret < 0 && err.code == ret && strstr(err.msg, error) &&
			      str_starts(err.msg, "mounts[0]"),
			  "%s: %s", mount, err.msg);
	else
		cr_expect_eq(ret, 0, "%s: %s", mount, err.msg);
	oci_config_free(config);
}

Test(options, the_form_of_mounts)
{
#define MAP "[{ \"containerID\": 0, \"hostID\": 1, \"size\": 1 }]"
	expect_check("{ \"destination\": \"/a\", \"type\": \"tmpfs\" }", NULL);
	expect_check(
	    "{ \"destination\": \"a\", \"type\": \"tmpfs\", \"options\": [\"tmpcopyup\", \"size=1k\"] }",
	    NULL);
	expect_check("{ \"destination\": \"/a\", \"source\": \"b\", \"options\": [\"bind\"] }", NULL);
	expect_check("{ \"destination\": \"/a\", \"source\": \"b\", \"type\": \"bind\" }", NULL);
	expect_check("{ \"destination\": \"/a\", \"source\": \"b\", \"type\": \"none\", \"options\": "
		     "[\"rbind\", \"rro\"] }",
		     NULL);
	expect_check("{ \"destination\": \"/a\", \"options\": [\"rshared\"] }", NULL);
	expect_check("{ \"destination\": \"/a\", \"options\": [\"remount\", \"ro\"] }", NULL);
	expect_check("{ \"destination\": \"/a\", \"source\": \"b\", \"options\": [\"bind\", \"idmap\"], "
		     "\"uidMappings\": " MAP ", \"gidMappings\": " MAP "}",
		     NULL);
	expect_check("{ \"destination\": \"\", \"type\": \"tmpfs\" }", "destination");
	expect_check("{ \"destination\": \"/a\" }", "type: missing");
	expect_check("{ \"destination\": \"/a\", \"type\": \"none\" }", "type: missing");
	expect_check("{ \"destination\": \"/a\", \"options\": [\"ro\"] }", "type: missing");
	expect_check("{ \"destination\": \"/a\", \"options\": [\"bind\"] }", "source: missing");
	expect_check("{ \"destination\": \"/a\", \"source\": \"\", \"options\": [\"rbind\"] }",
		     "source: missing");
	expect_check("{ \"destination\": \"/a\", \"source\": \"b\", \"options\": [\"bind\", \"noexce\"] }",
		     "'noexce' is unknown");
	expect_check(
	    "{ \"destination\": \"/a\", \"source\": \"b\", \"options\": [\"bind\", \"src-nofollow\"] }",
	    "'src-nofollow' is unknown");
	expect_check("{ \"destination\": \"/a\", \"type\": \"ext4\", \"options\": [\"tmpcopyup\"] }",
		     "tmpfs only");
	expect_check(
	    "{ \"destination\": \"/a\", \"source\": \"b\", \"options\": [\"bind\", \"idmap\", \"ridmap\"] }",
	    "exclude");
	expect_check(
	    "{ \"destination\": \"/a\", \"source\": \"b\", \"options\": [\"bind\"], \"uidMappings\": " MAP
	    "}",
	    "one needs the other");
	expect_check(
	    "{ \"destination\": \"/a\", \"source\": \"b\", \"options\": [\"bind\"], \"gidMappings\": " MAP
	    "}",
	    "one needs the other");
	expect_check("{ \"destination\": \"/a\", \"source\": \"b\", \"options\": [\"bind\", \"idmap=uids=0-1-1;gids=0-1-1\"] }", "belong in uidMappings");
	expect_check("{ \"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": [\"ridmap=uids=0-1-1;gids=0-1-1\"] }", "belong in uidMappings");
	expect_check("{ \"destination\": \"/a\", \"options\": [\"remount\", \"idmap\"] }",
		     "only a new mount");
	expect_check("{ \"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": "
		     "[\"slave\",\"slave\",\"slave\",\"slave\",\"slave\"] }",
		     "propagation");
}
