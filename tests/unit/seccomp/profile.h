/* profile.h: linux.seccomp from text. */
#ifndef TESTS_SECCOMP_PROFILE_H
#define TESTS_SECCOMP_PROFILE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "oci-spec/config.h"

/* To be freed with oci_config_free(). */
static inline struct oci_config *profile_parse(const char *json)
{
	struct error err = ERROR_NONE;
	struct oci_config *config = NULL;
	auto_free char *text = NULL;
	int n = asprintf(&text, "{\"ociVersion\":\"1.3.0\",\"linux\":{\"seccomp\":%s}}", json);

	cr_assert_gt(n, 0);
	cr_assert_eq(oci_config_parse(text, (size_t)n, "profile", &config, &err), 0, "%s", err.msg);
	cr_assert(config->linux_ && config->linux_->seccomp);
	return config;
}

static inline char *profile_read(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t size = 1 << 20;
	char *text = calloc(1, size);

	cr_assert(f && text, "%s", path);
	cr_assert_lt(fread(text, 1, size - 1, f), size - 1);
	fclose(f);
	return text;
}

#endif
