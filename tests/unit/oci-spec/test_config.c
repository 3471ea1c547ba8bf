/* test_config.c: a document with every property, there and back; and the doors of config.h. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "oci-spec/check.h"
#include "oci-spec/config.h"

static struct oci_config *parse(const char *text)
{
	struct oci_config *config = NULL;
	struct error err = ERROR_NONE;

	cr_assert_eq(oci_config_parse(text, strlen(text), "config.json", &config, &err), 0, "%s", err.msg);
	return config;
}

static char *print(const struct oci_config *config, const char *indent)
{
	struct error err = ERROR_NONE;
	char *text = NULL;

	cr_assert_eq(schema_print_pretty(&oci_config_schema, config, indent, &text, &err), 0, "%s", err.msg);
	return text;
}

Test(config, every_property_there_and_back)
{
	char *text = document_read("data/config-full.json"), *first, *second;
	struct oci_config *config = parse(text);
	struct error err = ERROR_NONE;

	cr_assert_eq(oci_check(config, "config.json", &err), 0, "%s", err.msg);
	first = print(config, NULL);
	cr_assert(document_same(text, first), "%s", first);
	oci_config_free(config);
	config = parse(first);
	second = print(config, NULL);
	cr_assert_str_eq(first, second);
	free(second);
	second = print(config, "\t");
	cr_assert(document_same(text, second));
	oci_config_free(config);
	free(first);
	free(second);
	free(text);
}

/* The sample must have each property of each table, or the test above proves less than it seems to. */
static void find_all(const struct schema *s, const char *text)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];
		char key[100];

		snprintf(key, sizeof(key), "\"%s\":", f->name);
		cr_assert(strstr(text, key), "the sample lacks %s", f->name);
		if (f->of)
			find_all(f->of, text);
	}
}

Test(config, the_sample_has_every_property)
{
	char *text = document_read("data/config-full.json");

	find_all(&oci_config_schema, text);
	free(text);
}

Test(config, values)
{
	char *text = document_read("data/config-full.json");
	struct oci_config *c = parse(text);

	cr_assert_eq(c->process->rlimits.v[1].hard.v, UINT64_MAX);
	cr_assert_str_eq(c->process->args.v[2],
			 "echo \"a/b\\c\"\t\x01\x1f\x7f \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	cr_assert_null(c->process->args.v[4]);
	cr_assert(c->process->capabilities->effective.v && !c->process->capabilities->effective.n);
	cr_assert(c->hooks->poststop.v && !c->hooks->poststop.n);
	cr_assert(!c->mounts.v[0].options.v && c->mounts.n == 2);
	cr_assert_eq(c->linux_->rootfs_propagation, OCI_SLAVE);
	cr_assert_eq(c->linux_->resources->memory->kernel.v, INT64_MIN);
	cr_assert(!c->linux_->resources->devices.v[0].type && !c->linux_->resources->devices.v[0].major.set);
	cr_assert_eq(c->linux_->resources->devices.v[1].minor.v, -1);
	cr_assert_str_eq(c->linux_->net_devices.v[0].key, "eth0");
	cr_assert_str_eq(c->linux_->net_devices.v[0].name, "container_eth0");
	cr_assert_eq(c->vm->hw_config->irqs.v[1], UINT32_MAX);
	oci_config_free(c);
	free(text);
}

Test(config, namespaces)
{
	struct oci_config *c =
	    parse("{\"ociVersion\":\"1.0.0\",\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"\"},"
		  "{\"type\":\"time\",\"path\":\"/t\"}]}}");

	cr_assert_eq(oci_namespace_find(c, OCI_NS_PID), &c->linux_->namespaces.v[0]);
	cr_assert_null(c->linux_->namespaces.v[0].path, "an empty path is none");
	cr_assert_str_eq(oci_namespace_find(c, OCI_NS_TIME)->path, "/t");
	cr_assert_null(oci_namespace_find(c, OCI_NS_MOUNT));
	cr_assert_eq(c->linux_->rootfs_propagation, -1);
	oci_config_free(c);
	c = parse("{\"ociVersion\":\"1.0.0\"}");
	cr_assert_null(oci_namespace_find(c, OCI_NS_PID));
	oci_config_free(c);
}

Test(config, recursive_propagation)
{
	static const char *const names[] = {"rprivate", "rshared", "rslave", "runbindable"};

	for (int i = 0; i < OCI_PROPAGATION_MAX; i++) {
		char text[100], want[100], *printed;
		struct oci_config *c;

		snprintf(text, sizeof(text),
			 "{\"ociVersion\":\"1.0.0\",\"linux\":{\"rootfsPropagation\":\"%s\"}}", names[i]);
		snprintf(want, sizeof(want),
			 "{\"ociVersion\":\"1.0.0\",\"linux\":{\"rootfsPropagation\":\"%s\"}}", names[i] + 1);
		c = parse(text);
		cr_assert_eq(c->linux_->rootfs_propagation, i);
		printed = print(c, NULL);
		cr_assert_str_eq(printed, want);
		free(printed);
		oci_config_free(c);
	}
}

Test(config, annotations)
{
	struct oci_config *c = parse("{\"ociVersion\":\"1.0.0\",\"annotations\":{\"a\":\"1\",\"b\":\"\"}}");

	cr_assert_str_eq(oci_annotation(c, "a"), "1");
	cr_assert_str_eq(oci_annotation(c, "b"), "");
	cr_assert_null(oci_annotation(c, "c"));
	oci_config_free(c);
}

Test(config, parts_alone)
{
	static const char text[] = "{\"cwd\":\"/\",\"args\":[\"a\"],\"user\":{\"uid\":\"x\"}}";
	static const char limits[] = "{\"memory\":{\"limit\":5},\"pids\":{\"limit\":-1}}";
	struct oci_process *process = NULL;
	struct oci_resources *resources = NULL;
	struct error err = ERROR_NONE;

	cr_assert_eq(oci_process_parse(text, strlen(text), "p.json", &process, &err), -EINVAL);
	cr_assert_str_eq(err.msg, "p.json: user.uid: expected a number, found the string \"x\"");
	cr_assert_null(process);
	cr_assert_eq(oci_process_parse("{\"cwd\":\"/\"}", 11, "p.json", &process, &err), 0);
	cr_assert_str_eq(process->cwd, "/");
	oci_process_free(process);
	cr_assert_eq(oci_resources_parse(limits, strlen(limits), "r.json", &resources, &err), 0);
	cr_assert_eq(resources->pids->limit.v, -1);
	oci_resources_free(resources);
	cr_assert_eq(oci_resources_parse("{\"pids\":{}}", 11, "r.json", &resources, &err), -EINVAL);
	cr_assert_str_eq(err.msg, "r.json: pids.limit: required, and missing");
	oci_config_free(NULL);
	oci_process_free(NULL);
	oci_resources_free(NULL);
}
