/* test_check.c: documents that must be refused, each with its message (tests/cases/config-bad.txt), and
 * others that look odd and must not be. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "oci-spec/check.h"
#include "oci-spec/config.h"

static int judge(const char *text, struct error *err)
{
	struct oci_config *config = NULL;
	int ret = oci_config_parse(text, strlen(text), "config.json", &config, err);

	if (ret == 0)
		ret = oci_check(config, "config.json", err);
	oci_config_free(config);
	return ret;
}

/* One line of the file; returns whether it was as it should be. */
static bool try_case(char *line, int number)
{
	char *tab = strrchr(line, '\t'), *document;
	struct error err = ERROR_NONE;
	bool good;
	int ret;

	cr_assert_not_null(tab, "line %d has no tab", number);
	*tab = '\0';
	document = *line == '+' ? document_wrap(line + 1) : strdup(line);
	ret = judge(document, &err);
	good = ret == -EINVAL && err.code == -EINVAL && !strcmp(err.msg, tab + 1);
	if (!good)
		fprintf(stderr, "line %d: %s\n  expected: %s\n  found: %d %s\n", number, line, tab + 1, ret,
			err.msg);
	free(document);
	return good;
}

Test(check, bad_documents)
{
	char *text = document_read("cases/config-bad.txt"), *next = text, *line;
	int number = 0, cases = 0, failed = 0;

	while ((line = strsep(&next, "\n"))) {
		number++;
		if (!*line || *line == '#')
			continue;
		cases++;
		failed += !try_case(line, number);
	}
	cr_assert_eq(failed, 0, "%d of %d", failed, cases);
	cr_assert_gt(cases, 120);
	free(text);
}

Test(check, odd_but_good_documents)
{
	/* clang-format off */
	static const char *const rests[] = {
		"\"hostname\":\"\"}",
		"\"hostname\":\"h\",\"domainname\":\"d\",\"linux\":{\"namespaces\":[{\"type\":\"uts\",\"path\":\"/u\"}]}}",
		"\"linux\":{}}",
		"\"windows\":{\"layerFolders\":7}}",
		"\"process\":null,\"mounts\":null,\"linux\":null}",
		"\"mounts\":[{\"destination\":\"relative\"}]}",
		"\"process\":{\"args\":[\"a\",\"\"],\"cwd\":\"/\",\"env\":[\"A=\",\"A=1\",\"B==\"]}}",
		"\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_NEW\",\"x\"]}}}",
		"\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"priority\":0,\"nice\":19}}}",
		"\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_RR\",\"priority\":99}}}",
		"\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"uid\":4294967294,\"umask\":511}}}",
		"\"linux\":{\"uidMappings\":[],\"gidMappings\":[]}}",
		"\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":\"/u\"}]}}",
		"\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":\"/u\"}],"
			"\"uidMappings\":[{\"containerID\":0,\"hostID\":5,\"size\":5},{\"containerID\":5,\"hostID\":0,\"size\":5}]}}",
		"\"linux\":{\"timeOffsets\":{}}}",
		"\"linux\":{\"devices\":[{\"type\":\"p\",\"path\":\"/dev/p\"},{\"type\":\"c\",\"path\":\"/dev/p\",\"major\":0,\"minor\":0}]}}",
		"\"linux\":{\"devices\":[{\"type\":\"c\",\"path\":\"/dev/c\",\"fileMode\":8576,\"major\":1,\"minor\":3}]}}",
		"\"linux\":{\"namespaces\":[{\"type\":\"network\"}],\"netDevices\":{\"a\":{\"name\":\"b\"},\"b\":{\"name\":\"a\"},\"c\":{\"name\":\"\"}}}}",
		"\"linux\":{\"resources\":{\"blockIO\":{\"weight\":0},\"cpu\":{\"cpus\":\"\",\"mems\":\" 0 , 2-3\"}}}}",
		"\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"\",\"access\":\"\"},{\"allow\":false,\"type\":\"a\",\"major\":-1,\"minor\":-1}]}}}",
		"\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,"
			"\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":1},{\"names\":[\"b\"],\"action\":\"odd\",\"errnoRet\":null}]}}}",
		"\"linux\":{\"intelRdt\":{\"closID\":\"/\"}}}",
		"\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_DEFAULT\",\"nodes\":\"\"},\"personality\":{\"domain\":\"LINUX\"}}}",
		"\"vm\":{\"kernel\":{\"path\":\"/k\"}}}",
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(rests) / sizeof(*rests); i++) {
		struct error err = ERROR_NONE;
		char *text = document_wrap(rests[i]);

		cr_assert_eq(judge(text, &err), 0, "%s: %s", text, err.msg);
		free(text);
	}
}

Test(check, versions)
{
	static const char *const good[] = {"1.0.0",	    "1.0.2-dev", "1.3.0",	    "1.10.20",
					   "1.0.0-rc5-dev", "1.1.0+dev", "1.2.3-rc.1+a.b-c"};
	char text[100];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct error err = ERROR_NONE;

		snprintf(text, sizeof(text), "{\"ociVersion\":\"%s\",\"root\":{\"path\":\"r\"}}", good[i]);
		cr_assert_eq(judge(text, &err), 0, "%s", err.msg);
	}
}

/* The image of a machine may stand for the root. */
Test(check, root_may_be_an_image)
{
	struct error err = ERROR_NONE;

	cr_assert_eq(judge("{\"ociVersion\":\"1.0.0\",\"vm\":{\"kernel\":{\"path\":\"/"
			   "k\"},\"image\":{\"path\":\"/i\",\"format\":\"raw\"}}}",
			   &err),
		     0, "%s", err.msg);
	cr_assert_eq(judge("{\"ociVersion\":\"1.0.0\",\"vm\":{\"kernel\":{\"path\":\"/k\"}}}", &err),
		     -EINVAL);
	cr_assert_str_eq(err.msg, "config.json: root: required, and missing");
}

static void bad_process(const char *text, const char *message)
{
	struct oci_process *process = NULL;
	struct error err = ERROR_NONE;

	cr_assert_eq(oci_process_parse(text, strlen(text), "process.json", &process, &err), 0, "%s", err.msg);
	cr_assert_eq(oci_check_process(process, "process.json", &err), -EINVAL);
	cr_assert_str_eq(err.msg, message);
	oci_process_free(process);
}

Test(check, process_alone)
{
	bad_process("{\"cwd\":\"a\",\"args\":[\"a\"]}", "process.json: cwd: \"a\" is not an absolute path");
	bad_process("{\"cwd\":\"/\"}", "process.json: args: required, and missing");
	bad_process("{\"cwd\":\"/\",\"args\":[\"a\"],\"env\":[\"a\"]}",
		    "process.json: env[0]: \"a\" has no \"=\"");
	bad_process("{\"cwd\":\"/\",\"args\":[\"a\"],\"rlimits\":[{\"type\":\"x\",\"soft\":1,\"hard\":1}]}",
		    "process.json: rlimits[0].type: unknown value \"x\"");
}

/* As exec builds it from its command line, past the tables. */
Test(check, process_by_hand)
{
	char *args[] = {(char *)"a", NULL};
	uint64_t gids[] = {0, UINT32_MAX};
	struct oci_user user = {
	    .uid = {true, UINT32_MAX}
	     };
	struct oci_process process = {
	    .args = {args, 1},
	       .user = &user
	    };
	struct error err = ERROR_NONE;

	cr_assert_eq(oci_check_process(&process, "process", &err), -EINVAL);
	cr_assert_str_eq(err.msg, "process: cwd: required, and missing");
	process.cwd = (char *)"/";
	cr_assert_eq(oci_check_process(&process, "process", &err), -EINVAL);
	cr_assert_str_eq(err.msg, "process: user.uid: 4294967295 is out of range (0 to 4294967294)");
	user = (struct oci_user){
	    .gid = {true, 1ULL << 40}
	     };
	cr_assert_eq(oci_check_process(&process, "process", &err), -EINVAL);
	cr_assert_str_eq(err.msg, "process: user.gid: 1099511627776 is out of range (0 to 4294967294)");
	user = (struct oci_user){
	    .additional_gids = {gids, 2}
	};
	cr_assert_eq(oci_check_process(&process, "process", &err), -EINVAL);
	cr_assert_str_eq(err.msg,
			 "process: user.additionalGids[1]: 4294967295 is out of range (0 to 4294967294)");
	user = (struct oci_user){0};
	cr_assert_eq(oci_check_process(&process, "process", &err), 0, "%s", err.msg);
}

/* Lists that are compared pair by pair must have an end. */
static void repeat(const char *head, const char *form, int n, const char *tail, const char *message)
{
	size_t room = strlen(head) + strlen(tail) + (size_t)n * (strlen(form) + 12) + 1;
	char *rest = malloc(room), *text;
	size_t used = (size_t)snprintf(rest, room, "%s", head);
	struct error err = ERROR_NONE;

	for (int i = 0; i < n; i++)
		used += (size_t)snprintf(rest + used, room - used, form, i ? "," : "", i + 1);
	snprintf(rest + used, room - used, "%s", tail);
	text = document_wrap(rest);
	cr_assert_eq(judge(text, &err), message ? -EINVAL : 0, "%s", err.msg);
	if (message)
		cr_assert_str_eq(err.msg, message);
	free(text);
	free(rest);
}

Test(check, long_lists)
{
	static const char user[] =
	    "\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":\"/u\"}],\"uidMappings\":[";
	static const char mapping[] = "%1$s{\"containerID\":%2$d,\"hostID\":%2$d,\"size\":1}";
	static const char net[] = "\"linux\":{\"namespaces\":[{\"type\":\"network\"}],\"netDevices\":{";

	repeat(user, mapping, 340, "]}}", NULL);
	repeat(user, mapping, 341, "]}}", "config.json: linux.uidMappings: more than 340 entries");
	repeat("\"linux\":{\"resources\":{\"hugepageLimits\":[", "%s{\"pageSize\":\"%dMB\",\"limit\":0}", 65,
	       "]}}}", "config.json: linux.resources.hugepageLimits: more than 64 entries");
	repeat(net, "%s\"eth%d\":{}", 4096, "}}}", NULL);
	repeat(net, "%s\"eth%d\":{}", 4097, "}}}", "config.json: linux.netDevices: more than 4096 entries");
}
