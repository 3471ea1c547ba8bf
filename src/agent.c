/* agent.c: the first process of a container's virtual machine: makes the machine ready, then serves the host (core/agent/guest.h) until it is
 * told to power off.
 *
 * A static program, /init of an archive that holds it and the kernel's modules (core/agent/image.h, vmm/modules.h): nothing of it ever lies in
 * the container's root.
 */
#include <fcntl.h>
#include <linux/module.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/table.h"
#include "core/agent/guest.h"
#include "net/adopt.h"

#ifndef MODULE_INIT_COMPRESSED_FILE
#define MODULE_INIT_COMPRESSED_FILE 4
#endif

enum { CONNECT_TRIES = 500, ORDER_MAX = 64 << 10 };

/* pivot_root(2), which the container will want, refuses the kernel's very first root: it has no parent. A copy of it that is mounted on it
 * has one. */
static int leave_first_root(struct error *err)
{
	if (mkdir("/top", 0700) < 0 || mount("/", "/top", NULL, MS_BIND, NULL) < 0 || chdir("/top") < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return error_errno(err, "leave the first root");
	return 0;
}

static int mount_all(struct error *err)
{
	static const struct {
		const char *what, *where;
		unsigned long flags;
		const char *data;
	} all[] = {
		{ "proc",     "/proc",          MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL       },
		{ "sysfs",    "/sys",           MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL       },
		{ "devtmpfs", "/dev",           MS_NOSUID | MS_NOEXEC,            "mode=755" },
		{ "cgroup2",  "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL       },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		/* The last one's is the kernel's, in /sys. */
		if (mkdir(all[i].where, 0755) < 0 && errno != EEXIST)
			return error_errno(err, "make %s", all[i].where);
		if (mount(all[i].what, all[i].where, all[i].what, all[i].flags, all[i].data) < 0)
			return error_errno(err, "mount %s", all[i].where);
	}
	return 0;
}

/* 0 to 2 are open, whatever the kernel could give us: no other descriptor may ever be one of them. */
static int open_stdio(struct error *err)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd < 3);
	if (fd < 0)
		return error_errno(err, "open /dev/null");
	close(fd);
	return 0;
}

static int load(const char *name, struct error *err)
{
	auto_free char *path = str_printf("/modules/%s", name);
	auto_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -EBADF;

	if (fd < 0)
		return error_errno(err, "open the module %s", name);
	/* EEXIST: it is built in after all. */
	if (syscall(SYS_finit_module, fd, "", str_ends(name, ".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE) < 0 && errno != EEXIST)
		return error_errno(err, "load the module %s", name);
	/* The archive lies in memory. */
	(void)unlink(path);
	return 0;
}

/* These wait until there is something for them to drive: see take_network(). */
static bool is_of_network(const char *name)
{
	static const char *const all[] = { "failover.", "net_failover.", "virtio_net." };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!strncmp(name, all[i], strlen(all[i])))
			return true;
	return false;
}

static int load_modules(bool of_network, struct error *err)
{
	auto_free char *order = NULL;
	char *rest = NULL;
	int ret = file_read_at(AT_FDCWD, "/modules/order", ORDER_MAX, &order, NULL, err);

	if (ret == -ENOENT)
		return 0; /* all is built in */
	for (char *name = ret < 0 ? NULL : strtok_r(order, "\n", &rest); ret == 0 && name; name = strtok_r(NULL, "\n", &rest))
		if (is_of_network(name) == of_network)
			ret = load(name, err);
	return ret;
}

/* Without a device to take over there will be no network card: not even the driver is loaded. */
static int take_network(const struct survey *s, struct error *err)
{
	int ret = s->n_devices > 0 ? load_modules(true, err) : 0;

	return ret < 0 ? ret : adopt_survey(s, err);
}

/* The host listens to reserved ports only. */
static int bind_reserved(int fd, struct error *err)
{
	static uint32_t last;
	struct sockaddr_vm own = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };

	for (int i = 0; i < AGENT_PEER_PORT_MAX; i++) {
		last = last % AGENT_PEER_PORT_MAX + 1;
		own.svm_port = last;
		if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) == 0)
			return 0;
		if (errno != EADDRINUSE)
			break;
	}
	return error_errno(err, "bind to a port of our own");
}

static int connect_to_host(void *data, uint32_t port, struct error *err)
{
	const struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = AGENT_CID_HOST, .svm_port = port };
	auto_close int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return error_errno(err, "vsock");
	ret = bind_reserved(fd, err);
	if (ret < 0)
		return ret;
	if (connect(fd, (const struct sockaddr *)&host, sizeof(host)) < 0)
		return error_errno(err, "connect to port %u of the host", port);
	return TAKE_FD(fd);
}

/* The device may be found a moment after its driver was loaded. */
static int connect_first(struct error *err)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
	int fd = -ENODEV;

	for (int i = 0; fd < 0 && i < CONNECT_TRIES; i++) {
		fd = connect_to_host(NULL, AGENT_PORT_CONTROL, err);
		if (fd != -ENODEV && fd != -ENETUNREACH && fd != -EHOSTUNREACH && fd != -EADDRNOTAVAIL)
			break;
		nanosleep(&moment, NULL);
	}
	return fd;
}

static int mount_shares(struct error *err)
{
	if ((mkdir("/run", 0755) < 0 && errno != EEXIST) || (mkdir("/run/shares", 0700) < 0 && errno != EEXIST))
		return error_errno(err, "make /run/shares");
	if (mount("nacre", "/run/shares", "virtiofs", MS_NODEV, NULL) < 0)
		return error_errno(err, "mount the host's files");
	return 0;
}

/* What a service manager of today gives to what it starts; the kernel's own are of another time, and go by the size of the memory. */
static void raise_limits(void)
{
	(void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1024, 512 << 10 });
	(void)setrlimit(RLIMIT_NPROC, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
	(void)setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
}

static int prepare(struct error *err)
{
	int ret = leave_first_root(err);

	if (ret == 0)
		ret = mount_all(err);
	if (ret == 0)
		ret = open_stdio(err);
	if (ret == 0)
		ret = load_modules(false, err);
	raise_limits();
	/* Nobody looks into those who are on their way into the container. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	return ret;
}

static int serve(int control, struct error *err)
{
	const struct agent_guest_config config = {
		.control = control,
		.connect = connect_to_host,
		.network = take_network,
		.places = { .shares = "/run/shares", .cgroup = "/container" },
	};

	return agent_guest_run(&config, err);
}

static _Noreturn void power_off(void)
{
	sync();
	(void)reboot(RB_POWER_OFF);
	(void)reboot(RB_AUTOBOOT);
	/* Without its first process a kernel ends. */
	_exit(1);
}

/* As the kernel starts us. A program of the container that is a script of "/proc/self/exe" is a first process, too, but of its namespace. */
static bool is_first(char **argv)
{
	return getpid() == 1 && argv[0] && !strcmp(argv[0], "/init");
}

int main(int argc, char **argv)
{
	struct error err = ERROR_NONE;
	int ret, control;

	if (!is_first(argv)) {
		fputs("this is the first process of a container's virtual machine, and of no use anywhere else\n", stderr);
		return 1;
	}
	ret = prepare(&err);
	control = ret == 0 ? connect_first(&err) : ret;
	if (control >= 0) {
		ret = mount_shares(&err);
		if (ret < 0)
			agent_guest_give_up(control, &err);
		else
			ret = serve(control, &err);
	}
	if (control < 0 || ret < 0)
		fprintf(stderr, "nacre's agent: %s\n", err.msg);
	power_off();
}
