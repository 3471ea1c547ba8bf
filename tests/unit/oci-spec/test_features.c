/* test_features.c: the features document. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "oci-spec/features.h"

/* clang-format off */
static const char full[] =
	"{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"1.3.0\",\"hooks\":[\"prestart\"],\"mountOptions\":[\"ro\"],"
	"\"linux\":{\"namespaces\":[\"pid\"],\"capabilities\":[\"CAP_KILL\"],"
	"\"cgroup\":{\"v1\":true,\"v2\":false,\"systemd\":true,\"systemdUser\":false,\"rdma\":true},"
	"\"seccomp\":{\"enabled\":true,\"actions\":[\"SCMP_ACT_ALLOW\"],\"operators\":[\"SCMP_CMP_NE\"],"
	"\"archs\":[\"SCMP_ARCH_X86\"],\"knownFlags\":[\"a\"],\"supportedFlags\":[]},"
	"\"apparmor\":{\"enabled\":true},\"selinux\":{\"enabled\":false},"
	"\"intelRdt\":{\"enabled\":true,\"schemata\":true,\"monitoring\":false},"
	"\"memoryPolicy\":{\"modes\":[\"MPOL_BIND\"],\"flags\":[]},"
	"\"mountExtensions\":{\"idmap\":{\"enabled\":true}},\"netDevices\":{\"enabled\":true}},"
	"\"annotations\":{\"a\":\"b\"},\"potentiallyUnsafeConfigAnnotations\":[\"x.\"]}";

Test(features, every_property_there_and_back)
{
	struct error err = ERROR_NONE;
	void *out = NULL;
	char *text = NULL;

	cr_assert_eq(schema_parse(&oci_features_schema, full, strlen(full), &out, &err), 0, "%s", err.msg);
	cr_assert(((struct oci_features *)out)->linux_->cgroup->v2.set);
	cr_assert_eq(schema_print(&oci_features_schema, out, &text, &err), 0);
	cr_assert_str_eq(text, full);
	free(text);
	schema_free(&oci_features_schema, out);
}

/* "false" says that it is known and off; nothing says that it is not known. */
Test(features, false_is_not_absent)
{
	struct oci_feature_flag off = { { true, false } }, unknown = { { false, true } };
	struct oci_features_linux l = { .apparmor = &off, .selinux = &unknown };
	struct oci_features f = { .oci_version_min = (char *)"1.0.0", .oci_version_max = (char *)"1.3.0", .linux_ = &l };
	char *text = NULL;

	cr_assert_eq(schema_print(&oci_features_schema, &f, &text, NULL), 0);
	cr_assert_str_eq(text, "{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"1.3.0\",\"linux\":{\"apparmor\":{\"enabled\":false},\"selinux\":{}}}");
	free(text);
}

Test(features, versions_are_required)
{
	static const char text[] = "{\"ociVersionMin\":\"1.0.0\"}";
	struct error err = ERROR_NONE;
	void *out;

	cr_assert_eq(schema_parse(&oci_features_schema, text, strlen(text), &out, &err), -EINVAL);
	cr_assert_str_eq(err.msg, "features: ociVersionMax: required, and missing");
}
