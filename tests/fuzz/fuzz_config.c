/* fuzz_config.c: any bytes as a config.json: read, checked, written, read again. */
#include <stdlib.h>
#include <string.h>

#include "oci-spec/check.h"
#include "oci-spec/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever was in the document, the message is one line that begins with its name. */
static void judge_message(const struct error *err)
{
	size_t n = strlen(err->msg);

	if (err->code != -EINVAL || strncmp(err->msg, "config.json: ", 13) || n < 15)
		abort();
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)err->msg[i] < 0x20 || err->msg[i] == 0x7f)
			abort();
}

static char *print(const struct oci_config *config, const char *indent)
{
	char *text = NULL;

	if (schema_print_pretty(&oci_config_schema, config, indent, &text, NULL) < 0)
		abort();
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oci_config *config = NULL;
	struct error err = ERROR_NONE;
	char *first, *second;

	if (oci_config_parse((const char *)data, size, "config.json", &config, &err) < 0) {
		judge_message(&err);
		return 0;
	}
	if (oci_check(config, "config.json", &err) < 0)
		judge_message(&err);
	first = print(config, NULL);
	second = print(config, "\t");
	oci_config_free(config);
	config = NULL;
	if (oci_config_parse(second, strlen(second), "config.json", &config, &err) < 0)
		abort();
	free(second);
	second = print(config, NULL);
	if (strcmp(first, second))
		abort();
	oci_config_free(config);
	free(first);
	free(second);
	return 0;
}
