/* test_schema_memory.c: reading and writing where the n-th allocation fails, for each n; nothing may be left.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "oci-spec/config.h"
#include "oci-spec/default.h"

/* The linker sends the calls of the library (and of yajl, where it is static) here. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
void __wrap_free(void *p);

static long until = -1; /* this many more succeed; -1: all */
static long live;	/* what was allocated and is not yet free */

static bool fails(void)
{
	if (until < 0)
		return false;
	if (until == 0)
		return true;
	until--;
	return false;
}

/* Counts what is new. */
static void *count(void *p, const void *old)
{
	live += p && !old;
	return p;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : count(__real_malloc(size), NULL);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : count(__real_calloc(n, size), NULL);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : count(__real_realloc(old, size), old);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : count(__real_reallocarray(old, n, size), old);
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

Test(schema_memory, reading)
{
	char *text = document_read("data/config-full.json");
	struct oci_config *config = NULL;
	long n = 0, before = live;
	int ret;

	do {
		struct error err = ERROR_NONE;

		until = n++;
		ret = oci_config_parse(text, strlen(text), "config.json", &config, &err);
		until = -1;
		if (ret < 0) {
			cr_assert_eq(live, before, "allocation %ld: %ld pieces left", n, live - before);
			cr_assert_eq(ret, -ENOMEM, "allocation %ld: %s", n, err.msg);
			cr_assert_eq(err.code, -ENOMEM);
			cr_assert_str_eq(err.msg, "config.json: out of memory");
			cr_assert_null(config);
		}
	} while (ret < 0);
	cr_assert_gt(n, 200, "only %ld allocations were seen to fail", n);
	cr_assert_gt(live, before + 100);
	oci_config_free(config);
	cr_assert_eq(live, before, "%ld pieces left", live - before);
	free(text);
}

/* yajl allocates more for a long string with escapes, and for the message about a fault. */
Test(schema_memory, inside_yajl)
{
	char *text = malloc(40000);
	struct oci_config *config = NULL;
	long n = 0, before;
	int ret;

	strcpy(text, "{\"ociVersion\":\"");
	for (int i = 0; i < 5000; i++)
		strcat(text + 5 * i, "\\n\\t0");
	strcat(text + 25000, "\", tru }");
	before = live;
	do {
		struct error err = ERROR_NONE;

		until = n++;
		ret = oci_config_parse(text, strlen(text), "config.json", &config, &err);
		until = -1;
		cr_assert(ret == -ENOMEM || ret == -EINVAL, "%d", ret);
		cr_assert_eq(live, before, "allocation %ld: %ld pieces left", n, live - before);
	} while (ret == -ENOMEM);
	cr_assert_gt(n, 8);
	free(text);
}

Test(schema_memory, writing)
{
	char *text = document_read("data/config-full.json"), *printed = NULL;
	struct oci_config *config = NULL;
	long n = 0, before;
	int ret;

	cr_assert_eq(oci_config_parse(text, strlen(text), "config.json", &config, NULL), 0);
	before = live;
	do {
		until = n++;
		ret = schema_print(&oci_config_schema, config, &printed, NULL);
		until = -1;
		cr_assert(ret == 0 || (ret == -ENOMEM && !printed && live == before));
	} while (ret < 0);
	cr_assert_gt(n, 5);
	free(printed);
	printed = NULL;
	for (n = 0, ret = -1; ret < 0;) {
		until = n++;
		ret = oci_default_config(false, 0, 0, &printed, NULL);
		until = -1;
		cr_assert(ret == 0 || (ret == -ENOMEM && !printed && live == before));
	}
	cr_assert_gt(n, 5);
	free(printed);
	free(text);
	oci_config_free(config);
}
