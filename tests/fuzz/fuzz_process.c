/* fuzz_process.c: any bytes as a process.json of exec; and, by the first byte, as the resources of update. */
#include <stdlib.h>
#include <string.h>

#include "oci-spec/check.h"
#include "oci-spec/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct schema *s, const void *obj)
{
	struct error err = ERROR_NONE;
	char *text = NULL;
	void *again = NULL;

	if (schema_print(s, obj, &text, &err) < 0 || schema_parse(s, text, strlen(text), &again, &err) < 0)
		abort();
	schema_free(s, again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oci_resources *resources = NULL;
	struct oci_process *process = NULL;
	struct error err = ERROR_NONE;

	if (size && *data == 'r') {
		if (oci_resources_parse((const char *)data + 1, size - 1, "resources", &resources, &err) == 0)
			print(&oci_resources_schema, resources);
		oci_resources_free(resources);
		return 0;
	}
	if (oci_process_parse((const char *)data, size, "process.json", &process, &err) < 0) {
		if (strncmp(err.msg, "process.json: ", 14))
			abort();
		return 0;
	}
	if (oci_check_process(process, "process.json", &err) < 0 && strncmp(err.msg, "process.json: ", 14))
		abort();
	print(&oci_process_schema, process);
	oci_process_free(process);
	return 0;
}
