/* machine.c: see machine.h. */
#include "core/vm/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "base/table.h"
#include "core/agent/host.h"
#include "core/agent/image.h"
#include "core/lifecycle.h"
#include "core/vm/jail.h"
#include "core/vm/network.h"
#include "mount/mount.h"
#include "mount/root.h"
#include "net/netlink.h"
#include "net/survey.h"
#include "net/tap.h"
#include "vmm/filter.h"
#include "vmm/initramfs.h"
#include "vmm/kernel.h"
#include "vmm/kvm.h"
#include "vmm/modules.h"
#include "vmm/probe.h"
#include "vmm/unpack.h"
#include "vmm/virtio/balloon.h"
#include "vmm/virtio/fs.h"
#include "vmm/virtio/fs_broker.h"
#include "vmm/virtio/net.h"
#include "vmm/virtio/rng.h"
#include "vmm/virtio/vsock.h"

/* The kernel's own checks of its cryptography and the search for hardware that a machine of ours has not take a tenth of its start. To wait until
 * all processors have passed a point (RCU), for a cgroup or a namespace, takes milliseconds each time, unless they are told to hurry. */
#define PARAMETERS "panic=-1 reboot=t no_timer_check tsc=reliable cryptomgr.notests swiotlb=noforce random.trust_cpu=1 rcupdate.rcu_expedited=1"
#define QUIET " quiet 8250.nr_uarts=0"
#define LOUD " console=ttyS0"

enum { CARDS_IN_HOPE = 2 };

/* What of the host's own cannot be had in a guest. Namespaces that are joined by path are the monitor's to join, as in a pod. */
static int check_namespaces(const struct oci_config *s, struct error *err)
{
	static const struct {
		enum oci_namespace_type type;
		const char *name, *what, *has;
	} own[] = {
		{ OCI_NS_NETWORK, "network", "network", "a network card of its own" },
		{ OCI_NS_PID,     "pid",     "processes", "processes of its own" },
		{ OCI_NS_IPC,     "ipc",     "shared memory and message queues", "a kernel of its own" },
		{ OCI_NS_UTS,     "uts",     "name", "a name of its own" },
	};

	if (!oci_namespace_find(s, OCI_NS_MOUNT))
		return error_set(err, -ENOTSUP, "config.json: linux.namespaces: a virtual machine needs a mount namespace");
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!oci_namespace_find(s, own[i].type))
			return error_set(err, -ENOTSUP,
					 "config.json: linux.namespaces: the host's own %s cannot be had in a virtual machine, which has %s; "
					 "it needs a namespace of type %s", own[i].what, own[i].has, own[i].name);
	return 0;
}

static bool is_mapped(const struct oci_id_mapping_list *list, uint64_t id)
{
	for (size_t i = 0; i < list->n; i++)
		if (id >= list->v[i].container_id.v && id - list->v[i].container_id.v < list->v[i].size.v)
			return true;
	return list->n == 0;
}

int vm_check_user(const struct oci_config *s, const struct oci_process *p, struct error *err)
{
	const struct oci_user *u = p ? p->user : NULL;
	const struct oci_linux *l = s->linux_;

	if (!u || !l || !oci_namespace_find(s, OCI_NS_USER))
		return 0;
	if (!is_mapped(&l->uid_mappings, u->uid.v))
		return error_set(err, -EINVAL, "process.user.uid: %llu is not mapped in the user namespace", (unsigned long long)u->uid.v);
	if (!is_mapped(&l->gid_mappings, u->gid.v))
		return error_set(err, -EINVAL, "process.user.gid: %llu is not mapped in the user namespace", (unsigned long long)u->gid.v);
	for (size_t i = 0; i < u->additional_gids.n; i++)
		if (!is_mapped(&l->gid_mappings, u->additional_gids.v[i]))
			return error_set(err, -EINVAL, "process.user.additionalGids[%zu]: %llu is not mapped in the user namespace", i,
					 (unsigned long long)u->additional_gids.v[i]);
	return 0;
}

/* What a namespace can do and a machine of its own cannot: each with its reason. */
static int check(const struct container *c, struct error *err)
{
	const struct oci_config *s = c->spec;
	const struct oci_seccomp *seccomp = s->linux_ ? s->linux_->seccomp : NULL;
	const struct oci_vm_hw *hw = s->vm ? s->vm->hw_config : NULL;
	int ret = check_namespaces(s, err);

	if (ret < 0)
		return ret;
	ret = vm_check_user(s, s->process, err);
	if (ret < 0)
		return error_wrap(err, "config.json"), ret;
	if (c->preserved > 0)
		return error_set(err, -ENOTSUP, "--preserve-fds: descriptors cannot be handed on into a virtual machine");
	if (s->linux_ && s->linux_->resources && s->linux_->resources->unified.n > ISOLATION_UNIFIED_MAX)
		return error_set(err, -E2BIG, "config.json: linux.resources.unified: more than %d entries", ISOLATION_UNIFIED_MAX);
	for (size_t i = 0; seccomp && i < seccomp->syscalls.n; i++)
		if (!strcmp(seccomp->syscalls.v[i].action, "SCMP_ACT_NOTIFY"))
			return error_set(err, -ENOTSUP, "config.json: linux.seccomp.syscalls[%zu].action: SCMP_ACT_NOTIFY cannot reach out of a virtual machine",
					 i);
	if (s->vm && s->vm->hypervisor)
		return error_set(err, -ENOTSUP, "config.json: vm.hypervisor: the virtual machine's monitor is nacre's own");
	if (hw && (hw->device_tree || hw->dtdevs.n || hw->iomems.n || hw->irqs.n))
		return error_set(err, -ENOTSUP, "config.json: vm.hwConfig: only vcpus and memory can be had; devices of the host cannot be handed through");
	if (s->process && s->process->exec_cpu_affinity)
		return error_set(err, -ENOTSUP, "config.json: process.execCPUAffinity: the processors of a virtual machine are not the host's");
	if (s->vm && s->vm->image)
		return error_set(err, -ENOTSUP, "config.json: vm.image: the root file system is root.path, which the virtual machine shares");
	if (s->vm && s->vm->kernel && s->vm->kernel->initrd)
		return error_set(err, -ENOTSUP, "config.json: vm.kernel.initrd: the virtual machine's first root is nacre's own");
	return 0;
}

/* Whether it is worth anything is found out once for each start of the host: to make a machine, to run it for a moment and to take it away costs
 * a large part of what a container's start takes of our own time. '@' is in no container's name. */
#define VERDICT ".kvm@fast"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static bool found_good(int root, const char *boot)
{
	auto_free char *before = NULL;

	return file_read_at(root, VERDICT, 64, &before, NULL, NULL) == 0 && !strcmp(before, boot);
}

/* Some hosts have a /dev/kvm that works and is of no use: it emulates each instruction. */
static int check_kvm(int root, struct error *err)
{
	auto_free char *boot = NULL;
	struct probe p;

	if (probe_accepts_slow())
		return 0;
	(void)file_read_at(AT_FDCWD, BOOT_ID, 64, &boot, NULL, NULL);
	if (boot && found_good(root, boot))
		return 0;
	vm_probe(&p);
	if (p.result != PROBE_GOOD)
		return error_set(err, p.error.code < 0 ? p.error.code : -ENOTSUP, "%s", p.error.msg);
	if (boot)
		(void)file_replace_at(root, VERDICT, boot, strlen(boot), 0600, NULL);
	return 0;
}

static int open_kernel(const struct container *c, struct vm_parts *p, struct error *err)
{
	const struct oci_vm_kernel *k = c->spec->vm ? c->spec->vm->kernel : NULL;
	bool named = k && k->path && *k->path;
	const char *path = named ? k->path : c->create->kernel;
	struct text parameters = { 0 };
	struct error packed = ERROR_NONE;
	int ret = kernel_open(path, p->kernel, err);

	if (ret < 0)
		return path ? error_wrap(err, named ? "config.json: vm.kernel.path" : "option --vm-kernel") : ret;
	if (!*p->kernel->release)
		return error_set(err, -ENOEXEC, "%s: no Linux kernel, or one that does not say which: its modules cannot be found", p->kernel->path);
	if (kernel_unpack(p->kernel, &packed))
		log_line(LOG_DEBUG, "%s", packed.msg);
	text_add(&parameters, PARAMETERS);
	text_add(&parameters, p->console >= 0 ? LOUD : QUIET);
	for (size_t i = 0; k && i < k->parameters.n; i++)
		text_addf(&parameters, " %s", k->parameters.v[i]);
	if (parameters.failed)
		return error_set(err, -ENOMEM, "out of memory");
	p->parameters = parameters.v;
	return 0;
}

/* The guest's first root: the agent, and the modules of its kernel. */
static int fill_initramfs(struct vm_parts *p, struct error *err)
{
	int ret = initramfs_new(&p->initramfs, err);

	if (ret == 0)
		ret = agent_image_add(p->initramfs, err);
	if (ret == 0)
		ret = modules_find_of(p->kernel, &p->modules, err);
	return ret < 0 ? ret : modules_add(p->modules, p->initramfs, err);
}

/* fd is taken over. */
static int add_share(struct vm_parts *p, char *name, int fd, const char *path, bool read_only, struct error *err)
{
	int ret = !name ? error_set(err, -ENOMEM, "out of memory") : fd < 0 ? error_errno(err, "open %s", path) : 0;

	if (ret < 0) {
		free(name);
		if (fd >= 0)
			close(fd);
		return ret;
	}
	p->shares[p->n_shares++] = (struct fs_share){ .name = name, .fd = fd, .read_only = read_only };
	return 0;
}

/* Below an open folder all mounts of the host's would be found, whatever was asked for: where none is meant, a copy of this one mount is
 * opened. Without the right to make one (an ordinary user's) there is only the folder. */
static int open_source(const struct oci_mount *m, const char *bundle, bool alone)
{
	int fd = alone ? root_source_open(m, bundle, -EBADF, "", NULL) : -EBADF;

	return fd < 0 ? open(m->source, O_PATH | O_CLOEXEC) : fd;
}

/* The root, and each bind mount for itself. Opened with the host's rights, as bind mounts are; a source may be relative to the bundle, in
 * which we stand. What is read-only is so on this side: the guest may say what it likes. */
static int open_shares(const struct container *c, struct vm_parts *p, struct error *err)
{
	const struct oci_mount_list *list = &c->spec->mounts;
	struct stat st;
	int ret;

	p->shares = calloc(list->n + 1, sizeof(*p->shares));
	if (!p->shares)
		return error_set(err, -ENOMEM, "out of memory");
	ret = add_share(p, strdup(VM_SHARE_ROOT), open(c->root_path, O_PATH | O_CLOEXEC), c->root_path, false, err);
	if (ret == 0 && (fstat(p->shares[0].fd, &st) < 0 || !S_ISDIR(st.st_mode)))
		ret = error_set(err, -ENOTDIR, "%s: it is no folder", c->root_path);
	if (ret < 0)
		return error_wrap(err, "config.json: root.path"), ret;
	for (size_t i = 0; i < list->n; i++) {
		const struct oci_mount *m = &list->v[i];
		struct mount_share share;

		if (!mount_is_shared(m, &share))
			continue;
		if (share.idmapped)
			return error_set(err, -ENOTSUP, "config.json: mounts[%zu]: an id-mapped mount cannot be had in a virtual machine", i);
		ret = add_share(p, str_printf("%zu", i), open_source(m, c->bundle, share.alone), m->source, share.read_only, err);
		if (ret < 0)
			return error_wrap(err, "config.json: mounts[%zu].source", i), ret;
	}
	return 0;
}

static int open_console(const struct container *c, struct vm_parts *p, struct error *err)
{
	if (!log_wants(LOG_DEBUG))
		return 0;
	p->console = openat(c->host.store.folder, "console", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	return p->console < 0 ? error_errno(err, "make %s/console", c->host.store.path) : 0;
}

int vm_parts_open(struct container *c, struct vm_parts **out, struct error *err)
{
	struct vm_parts *p = calloc(1, sizeof(*p));
	int ret;

	if (!p || !(p->kernel = malloc(sizeof(*p->kernel)))) {
		free(p);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*p->kernel = KERNEL_NONE;
	p->kvm = p->null = p->console = -EBADF;
	ret = check(c, err);
	if (ret == 0)
		ret = check_kvm(c->host.store.root, err);
	if (ret == 0)
		ret = vm_size_plan(c->spec, &p->size, err);
	if (ret == 0)
		ret = kvm_open(&p->kvm, err);
	if (ret == 0)
		ret = kvm_check(p->kvm, err);
	if (ret == 0)
		ret = open_console(c, p, err);
	if (ret == 0)
		ret = open_kernel(c, p, err);
	if (ret == 0)
		ret = fill_initramfs(p, err);
	if (ret == 0)
		ret = open_shares(c, p, err);
	if (ret == 0 && (p->null = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
		ret = error_errno(err, "open /dev/null");
	if (ret < 0)
		vm_parts_free(p);
	else
		*out = p;
	return ret;
}

void vm_parts_free(struct vm_parts *p)
{
	if (!p)
		return;
	auto_closep(&p->kvm);
	auto_closep(&p->console);
	auto_closep(&p->null);
	for (size_t i = 0; i < p->n_shares; i++) {
		close(p->shares[i].fd);
		free((char *)p->shares[i].name);
	}
	free(p->shares);
	initramfs_free(p->initramfs);
	modules_free(p->modules);
	kernel_close(p->kernel);
	free(p->kernel);
	free(p->parameters);
	free(p);
}

/* Devices: in the order of their addresses. */

static void add(struct vm_machine *m, struct device *d, bool own_worker)
{
	m->own_worker[m->n_devices] = own_worker;
	m->devices[m->n_devices++] = d;
}

static int add_vsock(struct vm_machine *m, const struct agent_host_events *events, void *data, struct error *err)
{
	struct vsock *v = NULL;
	int ret = agent_host_new(events, data, &m->agent, err);

	if (ret == 0)
		ret = vsock_new(AGENT_CID_GUEST, agent_host_connect, m->agent, &v, err);
	if (ret < 0)
		return ret;
	agent_host_set_vsock(m->agent, v);
	add(m, vsock_device(v), false);
	return 0;
}

static int enter_broker(void *data, struct error *err)
{
	return filter_enter(FILTER_BROKER, err);
}

static int add_file_system(struct vm_machine *m, struct vm_parts *p, struct error *err)
{
	struct fs_broker broker;
	struct device *d = NULL;
	int ret = fs_broker_start(p->shares, p->n_shares, enter_broker, NULL, &broker, err);

	if (ret < 0)
		return ret;
	m->broker = broker.pid;
	ret = fs_new(VM_TAG, p->shares, p->n_shares, broker.socket, &d, err);
	if (ret == 0)
		add(m, d, true);
	return ret;
}

/* A card for each device there is. Where there is none yet, engines may bring them until `start`; cards that are left over then go. */
static int count_cards(size_t *n, struct error *err)
{
	struct survey *s = malloc(sizeof(*s));
	struct netlink nl = NETLINK_NONE;
	int ret = s ? netlink_open(&nl, err) : error_set(err, -ENOMEM, "out of memory");

	if (ret == 0)
		ret = survey_make(&nl, s, err);
	if (ret == 0)
		*n = s->n_devices ? s->n_devices : CARDS_IN_HOPE;
	netlink_close(&nl);
	free(s);
	return ret;
}

/* Here, and not among the parts: a tap device belongs to the namespace in which /dev/net/tun is opened. The default rules for devices
 * allow that to every container. */
static int add_card(struct vm_machine *m, unsigned int i, char name[IFNAMSIZ], struct error *err)
{
	auto_close int tap = tap_open(err);
	struct net_config card = { .tap = tap };
	struct device *d = NULL;
	int ret = tap < 0 ? tap : tap_make(tap, name, err);

	survey_card_mac(i, card.mac);
	if (ret == 0)
		ret = net_new(&card, &d, err);
	if (ret < 0)
		return ret;
	(void)TAKE_FD(tap);
	add(m, d, false);
	return 0;
}

static int add_cards(struct vm_machine *m, struct error *err)
{
	char names[SURVEY_DEVICES][IFNAMSIZ];
	size_t n = 0;
	int ret = count_cards(&n, err);

	for (unsigned int i = 0; ret == 0 && i < n; i++)
		ret = add_card(m, i, names[i], err);
	return ret < 0 ? ret : vm_network_new(names, n, &m->network, err);
}

static int enter_vcpu(void *data, struct error *err)
{
	return filter_enter(FILTER_VCPU, err);
}

static int enter_worker(void *data, struct error *err)
{
	return filter_enter(FILTER_WORKER, err);
}

static int make_vm(struct vm_machine *m, struct vm_parts *p, struct error *err)
{
	const struct vm_config config = {
		.kvm = p->kvm,
		.memory = p->size.memory,
		.vcpus = p->size.vcpus,
		.kernel = p->kernel->fd,
		.kernel_name = p->kernel->path,
		.parameters = p->parameters,
		.initramfs = p->initramfs,
		.initrd = -EBADF,
		.devices = m->devices,
		.own_worker = m->own_worker,
		.n_devices = m->n_devices,
		.early_console = p->console,
		.enter_vcpu = enter_vcpu,
		.enter_worker = enter_worker,
	};

	return vm_make(&config, &m->vm, err);
}

int vm_machine_make(struct container *c, struct vm_parts *p, const struct agent_host_events *events, void *data, struct vm_machine **out,
		    struct error *err)
{
	struct vm_machine *m = calloc(1, sizeof(*m));
	struct device *rng = NULL;
	int ret;

	if (!m)
		return error_set(err, -ENOMEM, "out of memory");
	m->null = p->null;
	/* Children first: they shall have as little of the machine as can be. */
	ret = vm_jail_prepare(err);
	if (ret == 0)
		ret = vm_jail_give_up(c->carried.caps.bounding, err);
	if (ret == 0)
		ret = add_file_system(m, p, err);
	if (ret == 0)
		ret = add_cards(m, err);
	if (ret == 0)
		ret = add_vsock(m, events, data, err);
	if (ret == 0)
		ret = rng_new(&rng, err);
	if (ret == 0)
		add(m, rng, false);
	if (ret == 0)
		ret = balloon_new(&m->balloon, err);
	if (ret == 0)
		add(m, m->balloon, false);
	if (ret == 0)
		ret = make_vm(m, p, err);
	if (ret < 0)
		return ret; /* the process ends with all of it */
	p->null = p->console = -EBADF;
	vm_parts_free(p);
	*out = m;
	return 0;
}

int vm_machine_reap(struct vm_machine *m, struct error *err)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0 || (pid < 0 && errno == EINTR))
		if (pid == m->broker)
			return error_set(err, -ECHILD, "the broker of the file system has died");
	return 0;
}
