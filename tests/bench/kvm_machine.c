/* kvm_machine.c: the bundle and the initramfs, and the machines that are started with them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/kvm.h"

/* nacre's own (core/vm/machine.c). */
#define PARAMETERS \
	"panic=-1 reboot=t no_timer_check tsc=reliable cryptomgr.notests swiotlb=noforce random.trust_cpu=1 rcupdate.rcu_expedited=1 quiet " \
	"8250.nr_uarts=0"

const char *const machine_names[MACHINES] = {"nacre", "qemu", "qemu, unpacked"};
const char *nacre;
char folder[64], release[128], kept[512];

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

_Noreturn void fail(const char *what)
{
	fprintf(stderr, "kvm: %s: %s\n", what, strerror(errno));
	exit(1);
}

void shell(const char *format, ...)
{
	char *command;
	va_list list;

	va_start(list, format);
	if (vasprintf(&command, format, list) < 0)
		fail("memory");
	va_end(list);
	if (system(command))
		fail(command);
	free(command);
}

/* --- bundle and initramfs --- */

static const char config[] =
    "{\"ociVersion\":\"1.0.2\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[%s],\"env\":[\"PATH=/bin\"],\"cwd\":\"/\"},"
    "\"root\":{\"path\":\"%s/rootfs\"},\"mounts\":["
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\"]},"
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}],"
    "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"network\"%s}]}}\n";

static void write_bundle(const char *args, bool network)
{
	char path[128], quoted[256] = "", *copy = strdup(args), *rest = NULL;
	FILE *f;

	for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
		snprintf(quoted + strlen(quoted), sizeof(quoted) - strlen(quoted), "%s\"%s\"", *quoted ? "," : "", w);
	free(copy);
	snprintf(path, sizeof(path), "%s/config.json", folder);
	f = fopen(path, "we");
	if (!f || fprintf(f, config, quoted, folder, network ? ",\"path\":\"/run/netns/nacre-bench\"" : "") < 0 || fclose(f))
		fail(path);
}

/* The modules that QEMU's guest needs, in their order, those for its network card last. */
static void write_initramfs(const char *args, bool network)
{
	shell("cd %s && rm -rf initramfs && mkdir -p initramfs/modules && cp rootfs/bin/guest initramfs/init && echo '%s' >initramfs/args && "
	      "for m in virtio_mmio fuse virtiofs virtio_console virtio_rng %s; do modprobe -S %s --show-depends $m 2>/dev/null; done | "
	      "awk '$1 == \"insmod\" && !seen[$2]++ { printf \"%%s %%02d\\n\", $2, ++n }' | "
	      "while read -r path n; do cp \"$path\" initramfs/modules/$n-${path##*/}; done && "
	      "(cd initramfs && find . | busybox cpio -o -H newc 2>/dev/null) >initramfs.cpio",
	      folder, args, network ? "virtio_net" : "", release);
}

void set_program(const char *args, bool network)
{
	write_bundle(args, network);
	write_initramfs(args, network);
}

/* --- machines --- */

static pid_t spawn(const char *const *argv, int out, int keep)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(out >= 0 ? out : null, 1);
	if (keep >= 0)
		fcntl(keep, F_SETFD, 0);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static int listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%.100s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		fail(path);
	return fd;
}

static void start_qemu(struct run *r, int out, bool network)
{
	char socket_path[128], root[128], number[32], chardev[192], kernel[600], initrd[128];
	int fd;

	snprintf(socket_path, sizeof(socket_path), "%s/virtiofsd.sock", folder);
	snprintf(root, sizeof(root), "--shared-dir=%s/rootfs", folder);
	snprintf(chardev, sizeof(chardev), "socket,id=fs,path=%s", socket_path);
	snprintf(initrd, sizeof(initrd), "%s/initramfs.cpio", folder);
	if (r->machine == QEMU)
		snprintf(kernel, sizeof(kernel), "%s/vmlinuz", folder);
	else
		snprintf(kernel, sizeof(kernel), "%s", kept);
	r->began = now();
	fd = listen_at(socket_path);
	snprintf(number, sizeof(number), "--fd=%d", fd);
	r->daemon = spawn((const char *const[]){"/usr/libexec/virtiofsd", number, root, "--log-level=error", NULL}, -1, fd);
	close(fd);
	const char *argv[64] = {
	    "qemu-system-x86_64", "-M", "microvm,x-option-roms=off,pit=off,pic=off,isa-serial=off,rtc=off", "-bios", "/usr/share/qemu/qboot.rom", "-enable-kvm", "-cpu", "host", "-smp",
	    "1", "-m", "256M", "-object", "memory-backend-memfd,id=ram,size=256M,share=on", "-machine", "memory-backend=ram", "-nodefaults",
	    "-no-user-config", "-no-reboot", "-display", "none", "-kernel", kernel, "-initrd", initrd, "-append", PARAMETERS, "-chardev", "file,id=out,path=/dev/stdout",
	    "-device", "virtio-serial-device,max_ports=1", "-device", "virtconsole,chardev=out", "-device", "virtio-rng-device", "-chardev", chardev, "-device",
	    "vhost-user-fs-device,chardev=fs,tag=root"};
	int n = 0;

	while (argv[n])
		n++;
	if (network) {
		argv[n++] = "-netdev";
		argv[n++] = "tap,id=net,ifname=nbench-tap,script=no,downscript=no";
		argv[n++] = "-device";
		argv[n++] = "virtio-net-device,netdev=net";
	}
	r->pid = spawn(argv, out, -1);
}

static void start_nacre(struct run *r, int out)
{
	char state[96], pid_file[128];

	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(pid_file, sizeof(pid_file), "%s/pid", folder);
	r->began = now();
	r->pid = spawn((const char *const[]){nacre, "--root", state, "run", "--isolation", "kvm", "--pid-file", pid_file, "--bundle", folder, "bench", NULL},
		       out, -1);
}

/* Its first line, within ten minutes. */
static bool read_line(struct run *r)
{
	size_t n = 0;

	while (n < sizeof(r->line) - 1) {
		struct pollfd p = {.fd = r->out, .events = POLLIN};

		if (poll(&p, 1, WAIT_MS) <= 0 || read(r->out, r->line + n, 1) != 1)
			return false;
		if (r->line[n] == '\n')
			break;
		n += r->line[n] != '\r';
	}
	r->line[n] = '\0';
	if (strncmp(r->line, "here", 4))
		fprintf(stderr, "kvm: %s: %s\n", machine_names[r->machine], r->line);
	return !strncmp(r->line, "here", 4);
}

/* Where the processor is emulated, a page that held a guest's code is dear to write to for the first time: its translation is thrown away. It was
 * the previous machine's, so the next one must not pay for it: all free memory but a quarter is written to once, by a child. */
static void wipe_memory(void)
{
	struct sysinfo s;
	pid_t pid = fork();

	if (!pid) {
		size_t n = sysinfo(&s) < 0 ? 0 : (size_t)s.freeram * s.mem_unit / 4 * 3;
		char *p = n ? mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : MAP_FAILED;

		if (p == MAP_FAILED)
			_exit(1);
		madvise(p, n, MADV_HUGEPAGE);
		memset(p, 1, n);
		_exit(0);
	}
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		fail("wipe memory");
}

bool start(struct run *r, int machine, bool network)
{
	int ends[2];

	wipe_memory();
	*r = (struct run){.machine = machine};
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("pipe");
	r->out = ends[0];
	if (machine == NACRE)
		start_nacre(r, ends[1]);
	else
		start_qemu(r, ends[1], network);
	close(ends[1]);
	return read_line(r);
}

/* Until it is gone by itself, or with force. */
void finish(struct run *r, bool force)
{
	char byte[256];
	struct pollfd p = {.fd = r->out, .events = POLLIN};

	if (force && r->machine == NACRE)
		shell("%s --root %s/state kill bench KILL", nacre, folder);
	else if (force)
		kill(r->pid, SIGKILL);
	while (poll(&p, 1, WAIT_MS) > 0 && read(r->out, byte, sizeof(byte)) > 0)
		;
	close(r->out);
	/* The pipe is closed: it is about to end. */
	waitpid(r->pid, NULL, 0);
	if (r->daemon > 0) {
		kill(r->daemon, SIGTERM);
		waitpid(r->daemon, NULL, 0);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}
