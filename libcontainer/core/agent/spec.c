/* spec.c: see spec.h. */
#include "core/agent/spec.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/path.h"
#include "base/str.h"
#include "core/lifecycle.h"
#include "core/stages.h"
#include "core/vm/size.h"
#include "mount/mount.h"

static const struct lifecycle_global global = { .cgroup_driver = CGROUP_FS };
static const struct lifecycle_exec exec_options;

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

int agent_spec_resources(const struct oci_resources *r, struct oci_resources *out, struct oci_memory *memory, struct error *err)
{
	*out = (struct oci_resources){ .devices = r->devices, .pids = r->pids };
	if (r->memory) {
		*memory = (struct oci_memory){
			.limit = r->memory->limit, .reservation = r->memory->reservation, .check_before_update = r->memory->check_before_update,
		};
		out->memory = memory;
	}
	for (size_t i = 0; i < r->unified.n; i++) {
		const struct pair *p = &r->unified.v[i];

		if (!vm_size_is_guests(p->key))
			continue;
		if (!out->unified.v)
			out->unified.v = calloc(r->unified.n, sizeof(*out->unified.v));
		if (!out->unified.v)
			return no_memory(err);
		out->unified.v[out->unified.n++] = *p;
	}
	return 0;
}

static int make_cgroup(struct container *c, const struct agent_places *places, struct error *err)
{
	const struct oci_linux *l = c->spec->linux_;
	struct oci_resources resources = { 0 };
	struct oci_memory memory;
	struct cgroup_request request = { .driver = CGROUP_FS, .path = places->cgroup, .id = c->id, .resources = &resources };
	int ret = l && l->resources ? agent_spec_resources(l->resources, &resources, &memory, err) : 0;

	if (ret == 0)
		ret = cgroup_make(&request, &c->host.cgroup, err);
	free(resources.unified.v);
	return ret < 0 ? ret : stage_note_hierarchies(c, err);
}

/* Where the host's files are here. */
static int find_shares(struct container *c, const char *shares, struct error *err)
{
	c->root_path = path_join(shares, "root");
	if (!c->root_path)
		return no_memory(err);
	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		struct oci_mount *m = &c->spec->mounts.v[i];
		struct mount_share share;

		if (!mount_is_shared(m, &share))
			continue;
		free(m->source);
		m->source = str_printf("%s/%zu", shares, i);
		if (!m->source)
			return no_memory(err);
	}
	return 0;
}

/* Ids are the host's own, and the network is the guest's: the other namespaces are made here, also where the host would have joined one. */
static uint64_t namespaces(const struct oci_config *spec)
{
	uint64_t flags = CLONE_NEWNS;

	for (int i = 0; i < OCI_NS_MAX; i++)
		if (i != OCI_NS_USER && i != OCI_NS_NETWORK && oci_namespace_find(spec, (enum oci_namespace_type)i))
			flags |= ns_types[i].flag;
	return flags;
}

/* The size that the terminal has on the host by now. */
static int set_size(struct oci_process *p, const struct agent_size *size, struct error *err)
{
	if (!p->terminal || !size->rows || !size->cols)
		return 0;
	if (!p->console_size)
		p->console_size = calloc(1, sizeof(*p->console_size));
	if (!p->console_size)
		return no_memory(err);
	p->console_size->height = (struct opt_uint){ true, size->rows };
	p->console_size->width = (struct opt_uint){ true, size->cols };
	return 0;
}

static void begin(struct container *c, const struct stage *const *list)
{
	container_init(c, &global);
	/* The row of JAIL's that told us of it is done. */
	c->line = PIPELINE(list, JAIL);
	c->in_vm = true;
	c->privileged = true;
}

int agent_spec_create(struct container *c, const struct agent_create *asked, const struct agent_places *places, struct error *err)
{
	struct lifecycle_create *options = calloc(1, sizeof(*options));
	int ret;

	begin(c, guest_create_list);
	c->id = strdup(asked->id);
	c->bundle = strdup(asked->bundle);
	if (!options || !c->id || !c->bundle)
		return no_memory(err);
	options->no_new_keyring = asked->flags & AGENT_NO_NEW_KEYRING;
	options->no_pivot = asked->flags & AGENT_NO_PIVOT;
	options->id = c->id;
	c->create = options;
	ret = oci_config_parse(asked->config, asked->config_size, "config.json", &c->spec, err);
	if (ret < 0)
		return ret;
	if (!c->spec->process)
		return error_set(err, -EINVAL, "config.json: process: required to create a container, and missing");
	c->process = c->spec->process;
	c->host.ns.create = namespaces(c->spec);
	c->carried.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->carried.proc < 0)
		return error_errno(err, "open /proc");
	ret = set_size(c->spec->process, &asked->size, err);
	if (ret == 0)
		ret = find_shares(c, places->shares, err);
	if (ret == 0)
		ret = caps_parse(c->process->capabilities, &c->carried.caps, err);
	if (ret == 0 && c->spec->linux_ && c->spec->linux_->seccomp)
		ret = filter_compile(c->spec->linux_->seccomp, &c->carried.filter, err);
	return ret < 0 ? ret : make_cgroup(c, places, err);
}

int agent_spec_exec(struct container *c, const struct container *first, const struct agent_exec *asked, struct error *err)
{
	struct oci_process *process = NULL;
	const struct oci_capabilities *caps;
	int ret = oci_process_parse(asked->process, asked->process_size, "process.json", &process, err);

	begin(c, guest_exec_list);
	if (ret < 0)
		return ret;
	c->process = process;
	ret = set_size(process, &asked->size, err);
	c->id = first->id;
	c->bundle = first->bundle;
	c->spec = first->spec;
	c->create = first->create;
	c->exec = &exec_options;
	c->created = true;
	c->carried.filter = first->carried.filter;
	c->host.ns.create = first->host.ns.create;
	/* What the process leaves out is the container's. */
	caps = process->capabilities ? process->capabilities : first->process->capabilities;
	if (ret == 0 && *asked->cgroup)
		ret = cgroup_sub(first->host.cgroup, NULL, asked->cgroup, &c->host.cgroup, err);
	return ret < 0 ? ret : caps_parse(caps, &c->carried.caps, err);
}

void agent_spec_free(struct container *c)
{
	/* All else is the first process's. */
	oci_process_free((struct oci_process *)c->process);
	cgroup_free(c->host.cgroup);
	proc_close(&c->init);
	container_init(c, &global);
}
