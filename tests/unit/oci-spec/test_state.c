/* test_state.c: the state document. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "oci-spec/state.h"

/* clang-format off */
Test(state, forms)
{
	struct pair pairs[] = { { (char *)"k", (char *)"v" } };
	struct oci_state state = {
		.oci_version = (char *)OCI_VERSION, .id = (char *)"c1", .status = (char *)"stopped", .pid = { true, 0 },
		.bundle = (char *)"/b/c\xff", .annotations = { pairs, 1 },
	};
	char *text = NULL;

	cr_assert_eq(oci_state_print(&state, false, &text, NULL), 0);
	cr_assert_str_eq(text, "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":0,\"status\":\"stopped\",\"bundle\":\"/b/c\xef\xbf\xbd\","
			       "\"annotations\":{\"k\":\"v\"}}");
	free(text);
	cr_assert_eq(oci_state_print(&state, true, &text, NULL), 0);
	cr_assert_str_eq(text, "{\n  \"ociVersion\": \"1.3.0\",\n  \"id\": \"c1\",\n  \"pid\": 0,\n  \"status\": \"stopped\",\n"
			       "  \"bundle\": \"/b/c\xef\xbf\xbd\",\n  \"annotations\": {\n    \"k\": \"v\"\n  }\n}");
	free(text);
	state = (struct oci_state){ .oci_version = (char *)"1.3.0", .id = (char *)"c", .status = (char *)"running", .pid = { true, 7 },
				    .bundle = (char *)"/b", .rootfs = (char *)"/r", .created = (char *)"2026-01-02T03:04:05Z",
				    .owner = (char *)"" };
	cr_assert_eq(oci_state_print(&state, false, &text, NULL), 0);
	cr_assert_str_eq(text, "{\"ociVersion\":\"1.3.0\",\"id\":\"c\",\"pid\":7,\"status\":\"running\",\"bundle\":\"/b\","
			       "\"rootfs\":\"/r\",\"created\":\"2026-01-02T03:04:05Z\",\"owner\":\"\"}");
	free(text);
}

Test(state, there_and_back)
{
	static const char text[] = "{\"ociVersion\":\"0.2.0\",\"id\":\"oci-container1\",\"status\":\"running\",\"pid\":4422,"
				   "\"bundle\":\"/containers/redis\",\"annotations\":{\"myKey\":\"myValue\"}}";
	struct error err = ERROR_NONE;
	void *out = NULL;
	char *again;

	cr_assert_eq(schema_parse(&oci_state_schema, text, strlen(text), &out, &err), 0, "%s", err.msg);
	cr_assert_eq(oci_state_print(out, false, &again, &err), 0);
	cr_assert_str_eq(again, "{\"ociVersion\":\"0.2.0\",\"id\":\"oci-container1\",\"pid\":4422,\"status\":\"running\","
				"\"bundle\":\"/containers/redis\",\"annotations\":{\"myKey\":\"myValue\"}}");
	free(again);
	oci_state_free(out);
	oci_state_free(NULL);
	cr_assert_eq(schema_parse(&oci_state_schema, "{\"id\":7}", 8, &out, &err), -EINVAL);
	cr_assert_str_eq(err.msg, "state.json: id: expected a string, found the number 7");
}
