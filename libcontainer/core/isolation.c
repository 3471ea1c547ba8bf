/* isolation.c: which back ends there are, and which one a container gets. See isolation.h. */
#include "core/isolation.h"

#include <stddef.h>
#include <string.h>

#include "base/str.h"
#include "base/table.h"
#include "oci-spec/config.h"

static const struct isolation *const all[] = { &isolation_namespaces, &isolation_kvm };
const char *const isolation_names[] = { "namespaces", "kvm", NULL };

/* Called "nacre-NAME", it is for containers of that kind. */
static const char prefix[] = "nacre-";

const struct isolation *isolation_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

const struct oci_resources *isolation_resources(const struct isolation *i, const struct oci_config *spec, const struct oci_resources *asked,
						struct isolation_resources *room)
{
	if (!asked || !i->host_resources)
		return asked;
	i->host_resources(spec, asked, room);
	return &room->all;
}

static const struct isolation *by_program(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	return str_starts(name, prefix) ? isolation_find(name + strlen(prefix)) : NULL;
}

int isolation_choose(const struct oci_config *config, const char *option, const char *program, const struct isolation **out,
		     struct error *err)
{
	const char *annotation = oci_annotation(config, ISOLATION_ANNOTATION);
	const struct isolation *found = &isolation_namespaces;

	if (option) {
		found = isolation_find(option);
		if (!found)
			return error_set(err, -EINVAL, "option --isolation: there is no isolation \"%.60s\"", option);
	} else if (program && by_program(program)) {
		found = by_program(program);
	} else if (annotation) {
		found = isolation_find(annotation);
		if (!found)
			return error_set(err, -EINVAL, "config.json: annotations[\"%s\"]: there is no isolation \"%.60s\"", ISOLATION_ANNOTATION,
					 annotation);
	} else if (config->vm) {
		found = &isolation_kvm;
	}
	*out = found;
	return 0;
}
