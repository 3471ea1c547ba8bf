/* config.c: config.json: the outermost tables, and the doors to all of them. */
#include <stdlib.h>
#include <string.h>

#include "oci-spec/config_tables.h"
#include "oci-spec/tables.h"

/* clang-format off */
SCHEMA(oci_root,
	MUST(FIELD_STRING, "path", oci_root, path),
	BOOL("readonly", oci_root, readonly));
SCHEMA(oci_mount,
	MUST(FIELD_STRING, "destination", oci_mount, destination),
	STRING("source", oci_mount, source),
	STRING("type", oci_mount, type),
	STRINGS("options", oci_mount, options),
	OBJECTS("uidMappings", oci_mount, uid_mappings, oci_id_mapping),
	OBJECTS("gidMappings", oci_mount, gid_mappings, oci_id_mapping));
SCHEMA(oci_hook,
	MUST(FIELD_STRING, "path", oci_hook, path),
	STRINGS("args", oci_hook, args),
	STRINGS("env", oci_hook, env),
	INT_IN("timeout", oci_hook, timeout, 1, INT32_MAX));
SCHEMA(oci_hooks,
	OBJECTS("prestart", oci_hooks, prestart, oci_hook),
	OBJECTS("createRuntime", oci_hooks, create_runtime, oci_hook),
	OBJECTS("createContainer", oci_hooks, create_container, oci_hook),
	OBJECTS("startContainer", oci_hooks, start_container, oci_hook),
	OBJECTS("poststart", oci_hooks, poststart, oci_hook),
	OBJECTS("poststop", oci_hooks, poststop, oci_hook));
PUBLIC_SCHEMA(oci_config, "config.json",
	MUST(FIELD_STRING, "ociVersion", oci_config, oci_version),
	OBJECT("process", oci_config, process, oci_process),
	OBJECT("root", oci_config, root, oci_root),
	STRING("hostname", oci_config, hostname),
	STRING("domainname", oci_config, domainname),
	OBJECTS("mounts", oci_config, mounts, oci_mount),
	OBJECT("hooks", oci_config, hooks, oci_hooks),
	PAIRS("annotations", oci_config, annotations),
	OBJECT("linux", oci_config, linux_, oci_linux),
	OBJECT("vm", oci_config, vm, oci_vm));
/* clang-format on */

/* Engines write "" for what they leave out; the kernel would take it for a name. */
static void drop_empty(char **s)
{
	if (*s && !**s) {
		free(*s);
		*s = NULL;
	}
}

int oci_config_parse(const char *text, size_t len, const char *document, struct oci_config **out,
		     struct error *err)
{
	void *obj = NULL;
	int ret = schema_parse_document(&oci_config_schema, document, text, len, &obj, err);
	struct oci_config *config = obj;

	if (ret < 0)
		return ret;
	for (size_t i = 0; config->linux_ && i < config->linux_->namespaces.n; i++)
		drop_empty(&config->linux_->namespaces.v[i].path);
	*out = config;
	return 0;
}

void oci_config_free(struct oci_config *config)
{
	schema_free(&oci_config_schema, config);
}

int oci_process_parse(const char *text, size_t len, const char *document, struct oci_process **out,
		      struct error *err)
{
	void *obj = NULL;
	int ret = schema_parse_document(&oci_process_schema, document, text, len, &obj, err);

	if (ret == 0)
		*out = obj;
	return ret;
}

void oci_process_free(struct oci_process *process)
{
	schema_free(&oci_process_schema, process);
}

int oci_resources_parse(const char *text, size_t len, const char *document, struct oci_resources **out,
			struct error *err)
{
	void *obj = NULL;
	int ret = schema_parse_document(&oci_resources_schema, document, text, len, &obj, err);

	if (ret == 0)
		*out = obj;
	return ret;
}

void oci_resources_free(struct oci_resources *resources)
{
	schema_free(&oci_resources_schema, resources);
}

const struct oci_namespace *oci_namespace_find(const struct oci_config *config, enum oci_namespace_type type)
{
	const struct oci_linux *l = config->linux_;

	for (size_t i = 0; l && i < l->namespaces.n; i++)
		if (l->namespaces.v[i].type == (int)type)
			return &l->namespaces.v[i];
	return NULL;
}

const char *oci_annotation(const struct oci_config *config, const char *key)
{
	for (size_t i = 0; i < config->annotations.n; i++)
		if (!strcmp(config->annotations.v[i].key, key))
			return config->annotations.v[i].value;
	return NULL;
}
