/* cmd_vm.c: `vm`: a virtual machine with a kernel, an initial RAM disk and disks, and no container: to test and to debug. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/loop.h"
#include "src/commands.h"
#include "src/output.h"
#include "vmm/unpack.h"
#include "vmm/virtio/blk.h"
#include "vmm/virtio/fs.h"
#include "vmm/virtio/fs_broker.h"
#include "vmm/virtio/rng.h"
#include "vmm/vm.h"

#define TAG	   "nacre"
#define PARAMETERS "console=ttyS0 panic=-1"
enum { MEMORY_DEFAULT = 256, MEMORY_MOST = 1 << 20 /* MiB */, CPUS_DEFAULT = 1 };

struct vm_options {
	char *kernel, *initrd;
	const char *append;
	struct strv disks, shares;
	int memory, cpus;
};

/* What a machine of this command is made of. */
struct parts {
	struct kernel kernel;
	int initrd;
	struct device *devices[VM_DEVICES_MAX];
	bool own_worker[VM_DEVICES_MAX];
	size_t n_devices;
	pid_t broker; /* of the shares; 0: there are none */
	char *parameters;
	struct vm *vm;
};

static void free_parts(struct parts *p)
{
	vm_free(p->vm);
	for (size_t i = 0; i < p->n_devices; i++)
		p->devices[i]->ops->free(p->devices[i]);
	while (p->broker && waitpid(p->broker, NULL, 0) < 0 && errno == EINTR)
		;
	kernel_close(&p->kernel);
	auto_closep(&p->initrd);
	free(p->parameters);
}

/* The exit status tells how it ended: scripts need not read. */
static const int statuses[VM_END_MAX] = {
    [VM_POWERED_OFF] = 0, [VM_RESET] = 3, [VM_PANICKED] = 4, [VM_CRASHED] = 5, [VM_LIED] = 6, [VM_STOPPED] = 7,
};

/* "FILE" or "FILE,ro". It waits for its file, so it has a worker of its own. */
static int add_disk(struct parts *p, const char *text, struct error *err)
{
	bool read_only = str_ends(text, ",ro");
	auto_free char *path = strndup(text, strlen(text) - (read_only ? 3 : 0));
	auto_close int fd = -EBADF;
	int ret;

	if (!path)
		return error_set(err, -ENOMEM, "make a machine: out of memory");
	if (p->n_devices == VM_DEVICES_MAX)
		return error_set(err, -EINVAL, "option --disk: a machine has room for %zu", p->n_devices - 1);
	fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_errno(err, "option --disk: %s", path);
	ret = blk_new(&(struct blk_config){.fd = fd, .name = path, .read_only = read_only}, &p->devices[p->n_devices], err);
	if (ret < 0)
		return ret;
	fd = -EBADF; /* the device's now */
	p->own_worker[p->n_devices++] = true;
	return 0;
}

/* "NAME=PATH" or "NAME=PATH,ro"; the name is cut off in place. */
static int open_share(char *text, struct fs_share *to, struct error *err)
{
	char *path = strchr(text, '=');

	if (!path)
		return error_set(err, -EINVAL, "option --share: '%s' is not NAME=PATH", text);
	*path++ = '\0';
	to->name = text;
	to->read_only = str_ends(path, ",ro");
	if (to->read_only)
		path[strlen(path) - 3] = '\0';
	to->fd = open(path, O_PATH | O_CLOEXEC);
	return to->fd < 0 ? error_errno(err, "option --share: %s", path) : 0;
}

/* One device for all; the broker is forked while there is one thread. */
static int add_shares(struct parts *p, const struct strv *texts, struct error *err)
{
	struct fs_share *shares = calloc(texts->n + 1, sizeof(*shares));
	struct fs_broker broker;
	size_t n = 0;
	int ret = shares ? 0 : error_set(err, -ENOMEM, "make a machine: out of memory");

	while (n < texts->n && ret == 0) {
		ret = open_share(texts->v[n], &shares[n], err);
		n += ret == 0;
	}
	if (ret == 0)
		ret = fs_broker_start(shares, n, NULL, NULL, &broker, err);
	if (ret == 0) {
		p->broker = broker.pid;
		ret = fs_new(TAG, shares, n, broker.socket, &p->devices[p->n_devices], err);
	}
	if (ret == 0)
		p->own_worker[p->n_devices++] = true;
	while (n--)
		close(shares[n].fd);
	free(shares);
	return ret;
}

static int make_devices(struct parts *p, const struct vm_options *o, struct error *err)
{
	int ret = rng_new(&p->devices[p->n_devices], err);

	if (ret == 0)
		p->n_devices++;
	if (ret == 0 && o->shares.n)
		ret = add_shares(p, &o->shares, err);
	for (size_t i = 0; i < o->disks.n && ret == 0; i++)
		ret = add_disk(p, o->disks.v[i], err);
	return ret;
}

static int open_parts(struct parts *p, const struct vm_options *o, struct error *err)
{
	struct error packed = ERROR_NONE;
	int ret = kernel_open(o->kernel, &p->kernel, err);

	if (ret < 0)
		return ret;
	if (kernel_unpack(&p->kernel, &packed))
		log_line(LOG_DEBUG, "%s", packed.msg);
	if (o->initrd && (p->initrd = open(o->initrd, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
		return error_errno(err, "%s", o->initrd);
	p->parameters = str_printf(PARAMETERS "%s%s", o->append ? " " : "", o->append ? o->append : "");
	if (!p->parameters)
		return error_set(err, -ENOMEM, "make a machine: out of memory");
	return make_devices(p, o, err);
}

static int make(struct parts *p, const struct vm_options *o, struct error *err)
{
	const struct vm_config config = {
	    .kvm = -EBADF,
	    .memory = (uint64_t)(o->memory ? o->memory : MEMORY_DEFAULT) << 20,
	    .vcpus = (unsigned int)(o->cpus ? o->cpus : CPUS_DEFAULT),
	    .kernel = p->kernel.fd,
	    .kernel_name = p->kernel.path,
	    .parameters = p->parameters,
	    .initrd = p->initrd,
	    .devices = p->devices,
	    .own_worker = p->own_worker,
	    .n_devices = p->n_devices,
	    .early_console = STDOUT_FILENO,
	};

	return vm_make(&config, &p->vm, err);
}

static int on_end(void *data, int fd, uint32_t events, struct error *err)
{
	return 1;
}

static int on_signal(void *data, const struct signalfd_siginfo *info, struct error *err)
{
	vm_stop(data, VM_STOPPED);
	return 0;
}

/* Until it has ended, or a signal ends it. */
static int watch(struct vm *vm, struct error *err)
{
	struct loop *loop = NULL;
	sigset_t signals;
	int ret = loop_new(&loop, err);

	if (ret < 0)
		return ret;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	ret = loop_add_signals(loop, &signals, on_signal, vm, err);
	if (ret == 0)
		ret = loop_add(loop, vm_ended_fd(vm), EPOLLIN, on_end, vm, err);
	if (ret == 0)
		ret = vm_start(vm, err);
	if (ret == 0)
		ret = loop_run(loop, err);
	loop_free(loop);
	return ret;
}

static void tell(enum vm_end why, const struct error *more)
{
	struct error e = ERROR_NONE;

	error_set(&e, -EIO, "the machine's end: %s%s%s", vm_end_names[why], more->code ? ": " : "", more->code ? more->msg : "");
	output_failure(&e);
}

static int boot(struct parts *p, const struct vm_options *o, struct error *err)
{
	struct error more = ERROR_NONE;
	enum vm_end why = VM_STOPPED;
	int ret = open_parts(p, o, err);

	if (ret == 0)
		ret = make(p, o, err);
	if (ret == 0)
		ret = watch(p->vm, err);
	if (ret == 0)
		ret = vm_wait(p->vm, &why, &more);
	if (ret < 0)
		return ret;
	if (why != VM_POWERED_OFF)
		tell(why, &more);
	return statuses[why];
}

/* An emulating KVM is not refused: whoever calls this wants to see what happens. */
static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	const struct vm_options *o = options;
	struct parts p = {.kernel = KERNEL_NONE, .initrd = -EBADF};
	struct error e = ERROR_NONE;
	int ret;

	if (o->memory > MEMORY_MOST)
		return error_set(err, -EINVAL, "option --memory: at most %d MiB", MEMORY_MOST);
	ret = boot(&p, o, &e);
	free_parts(&p);
	if (ret < 0)
		*err = e;
	return ret;
}

#define ROW(name, letter, kind, field, ...)                                                                  \
	{                                                                                                    \
		name, letter, kind, offsetof(struct vm_options, field), __VA_ARGS__                          \
	}
static const struct option_row rows[] = {
    ROW("kernel", 'k', OPTION_PATH, kernel, "FILE", "a bzImage or an ELF vmlinux (default: the running kernel's, else the newest)"),
    ROW("initrd", 'i', OPTION_PATH, initrd, "FILE", "an initial RAM disk"),
    ROW("memory", 'm', OPTION_NUMBER, memory, "MIB", "memory in MiB, an even number (default: 256)"),
    ROW("cpus", 'c', OPTION_NUMBER, cpus, "N", "processors (default: 1)"),
    ROW("disk", 'd', OPTION_TEXTS, disks, "FILE[,ro]", "a disk: a raw file or a block device, \",ro\": only to be read"),
    ROW("share", 's', OPTION_TEXTS, shares, "NAME=PATH[,ro]", "a folder or file in the virtiofs \"" TAG "\", as NAME"),
    ROW("append", 'a', OPTION_TEXT, append, "TEXT", "more parameters for the kernel, after \"" PARAMETERS "\""),
    {NULL},
};

const struct command command_vm = {
    .name = "vm",
    .arguments = "[options]",
    .help = "boot a virtual machine without a container",
    .options = rows,
    .size = sizeof(struct vm_options),
    .run = run,
};
