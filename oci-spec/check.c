/* check.c: the checks of the properties that stand outermost; see check.h. The others are in check_*.c. */
#include "oci-spec/check.h"

#include <string.h>

#include "base/table.h"
#include "oci-spec/check_inner.h"

/* What sethostname(2) and setdomainname(2) take. */
#define HOST_NAME_LEN 64

/* What a SemVer 2.0 version has behind its three numbers: -pre.release+build */
static bool is_suffix(const char *s)
{
	static const char words[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
	const char *marks = "-+";

	while (*s) {
		const char *mark = strchr(marks, *s);

		if (!mark)
			return false;
		if (*s == '+')
			marks = "";
		else
			marks = "+";
		do {
			size_t n = strspn(++s, words);

			if (!n)
				return false;
			s += n;
		} while (*s == '.');
	}
	return true;
}

static bool is_version_1(const char *s)
{
	if (strncmp(s, "1.", 2))
		return false;
	s++;
	for (int i = 0; i < 2; i++) {
		size_t n = *s == '.' ? strspn(s + 1, "0123456789") : 0;

		if (!n || (n > 1 && s[1] == '0'))
			return false;
		s += 1 + n;
	}
	return is_suffix(s);
}

static int check_version(const struct check *c, const struct oci_config *config)
{
	if (!is_version_1(config->oci_version))
		return check_fail(c, "ociVersion: unsupported version %s", quote(config->oci_version).text);
	return 0;
}

static int check_config_process(const struct check *c, const struct oci_config *config)
{
	return config->process ? check_process(c, config->process) : 0;
}

/* A virtual machine may bring its root file system as an image. */
static int check_root(const struct check *c, const struct oci_config *config)
{
	if (!config->root)
		return config->vm && config->vm->image ? 0 : check_fail(c, "root: required, and missing");
	if (!*config->root->path)
		return check_fail(c, "root.path: must not be empty");
	return 0;
}

/* Without a namespace of its own, the host's name would change. */
static int check_uts(const struct check *c, const struct oci_config *config, const char *place,
		     const char *name)
{
	if (!name || !*name)
		return 0;
	if (!oci_namespace_find(config, OCI_NS_UTS))
		return check_fail(c, "%s: needs a uts namespace", place);
	if (strlen(name) > HOST_NAME_LEN)
		return check_fail(c, "%s: longer than %d bytes", place, HOST_NAME_LEN);
	return 0;
}

static int check_hostname(const struct check *c, const struct oci_config *config)
{
	return check_uts(c, config, "hostname", config->hostname);
}

static int check_domainname(const struct check *c, const struct oci_config *config)
{
	return check_uts(c, config, "domainname", config->domainname);
}

static int check_mounts(const struct check *c, const struct oci_config *config)
{
	int ret = 0;

	for (size_t i = 0; i < config->mounts.n && ret == 0; i++) {
		const struct oci_mount *m = &config->mounts.v[i];

		if (!*m->destination)
			return check_fail(c, "mounts[%zu].destination: must not be empty", i);
		if (m->uid_mappings.n && !m->gid_mappings.n)
			return check_fail(c, "mounts[%zu].gidMappings: required with uidMappings", i);
		if (m->gid_mappings.n && !m->uid_mappings.n)
			return check_fail(c, "mounts[%zu].uidMappings: required with gidMappings", i);
		ret = check_mappings(c, &m->uid_mappings, "mounts[%zu].uidMappings", i);
		if (ret == 0)
			ret = check_mappings(c, &m->gid_mappings, "mounts[%zu].gidMappings", i);
	}
	return ret;
}

static int check_hook_list(const struct check *c, const char *place, const struct oci_hook_list *list)
{
	int ret = 0;

	for (size_t i = 0; i < list->n && ret == 0; i++) {
		ret = check_absolute(c, list->v[i].path, "%s[%zu].path", place, i);
		if (ret == 0)
			ret = check_env(c, &list->v[i].env, "%s[%zu].env", place, i);
	}
	return ret;
}

static int check_hooks(const struct check *c, const struct oci_config *config)
{
	/* clang-format off */
	static const struct { const char *place; size_t at; } lists[] = {
		{ "hooks.prestart", offsetof(struct oci_hooks, prestart) },
		{ "hooks.createRuntime", offsetof(struct oci_hooks, create_runtime) },
		{ "hooks.createContainer", offsetof(struct oci_hooks, create_container) },
		{ "hooks.startContainer", offsetof(struct oci_hooks, start_container) },
		{ "hooks.poststart", offsetof(struct oci_hooks, poststart) },
		{ "hooks.poststop", offsetof(struct oci_hooks, poststop) },
	};
	/* clang-format on */
	int ret = 0;

	for (size_t i = 0; config->hooks && i < ARRAY_LEN(lists) && ret == 0; i++)
		ret = check_hook_list(c, lists[i].place,
				      (const void *)((const char *)config->hooks + lists[i].at));
	return ret;
}

static int check_annotations(const struct check *c, const struct oci_config *config)
{
	for (size_t i = 0; i < config->annotations.n; i++)
		if (!*config->annotations.v[i].key)
			return check_fail(c, "annotations: a key must not be empty");
	return 0;
}

static int check_vm(const struct check *c, const struct oci_config *config)
{
	static const char *const formats[] = {"raw", "qcow2", "vdi", "vmdk", "vhd", NULL};
	const struct oci_vm *vm = config->vm;
	int ret;

	if (!vm)
		return 0;
	ret = vm->hypervisor ? check_absolute(c, vm->hypervisor->path, "vm.hypervisor.path") : 0;
	if (ret == 0 && vm->kernel)
		ret = check_absolute(c, vm->kernel->path, "vm.kernel.path");
	if (ret == 0 && vm->kernel && vm->kernel->initrd)
		ret = check_absolute(c, vm->kernel->initrd, "vm.kernel.initrd");
	if (ret == 0 && vm->image)
		ret = check_absolute(c, vm->image->path, "vm.image.path");
	if (ret == 0 && vm->image)
		ret = check_word(c, formats, vm->image->format, "vm.image.format");
	return ret;
}

/* clang-format off */
static const struct check_row rows[] = {
	{ "ociVersion", check_version },
	{ "process", check_config_process },
	{ "root", check_root },
	{ "hostname", check_hostname },
	{ "domainname", check_domainname },
	{ "mounts", check_mounts },
	{ "hooks", check_hooks },
	{ "annotations", check_annotations },
	{ "vm", check_vm },
	{ NULL, NULL },
};
/* clang-format on */

static int run_rows(const struct check *c, const struct check_row *row, const struct oci_config *config)
{
	int ret = 0;

	for (; row->fn && ret == 0; row++)
		ret = row->fn(c, config);
	return ret;
}

int oci_check(const struct oci_config *config, const char *document, struct error *err)
{
	struct check c = {document, "process.", err};
	int ret = run_rows(&c, rows, config);

	if (ret == 0 && config->linux_)
		ret = run_rows(&c, check_linux_rows, config);
	return ret;
}

int oci_check_process(const struct oci_process *process, const char *document, struct error *err)
{
	return check_process(&(struct check){document, "", err}, process);
}
