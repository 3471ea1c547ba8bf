/* kvm.c: a container in nacre's virtual machine beside QEMU's microvm machine with virtiofsd, on the same kernel.
 *
 *   kvm NACRE GUEST [ROUNDS]      as root, where /dev/kvm works; tests/bench/kvm.sh brings it there
 *
 * Start: from the command to the first line of the program inside; the three take turns. QEMU is measured twice: with the kernel as it is
 * installed, which unpacks itself in the guest, and with the one that nacre has unpacked and kept. Its machine has what its own documentation
 * recommends for a quick start, the same memory, the same devices, and an initramfs with the modules it needs and guest.c; virtiofsd has its
 * default sandbox, and listens before QEMU is started. Its memory is shared with virtiofsd, so there are no huge pages in it; nacre's, which
 * is not shared, has them.
 *
 * Where the kernel traces KVM, the time from the command until the guest's first instruction, and how often KVM left the guest.
 * Memory: all that monitor and helpers have to themselves, without the guest's memory.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRACE "/sys/kernel/tracing/"
/* nacre's own (core/vm/machine.c). */
#define PARAMETERS \
	"panic=-1 reboot=t no_timer_check tsc=reliable cryptomgr.notests swiotlb=noforce random.trust_cpu=1 rcupdate.rcu_expedited=1 quiet " \
	"8250.nr_uarts=0"
#define MEMORY_MIB 256
#define WAIT_MS 600000

extern char **environ;

enum { NACRE, QEMU, UNPACKED, MACHINES };
enum { START, WHOLE, FIRST, EXITS, SEQ_COLD, SEQ_WARM, RAND_COLD, RAND_WARM, REQUESTS, STREAM, PRIVATE, PSS, KINDS };
enum { ROUNDS_MAX = 200, REQUESTS_N = 300, STREAM_MIB = 8 };

static const char *const machine_names[MACHINES] = {"nacre", "qemu", "qemu, unpacked"};

static const struct kind {
	const char *name, *unit;
	bool more_is_better;
} kinds[KINDS] = {
    {"start: command to first line", "ms", false},
    {"whole run: until it is gone", "ms", false},
    {"command to the guest's first instruction", "ms", false},
    {"exits from the guest until the end", "", false},
    {"sequential reading, cold", "MiB/s", true},
    {"sequential reading, warm", "MiB/s", true},
    {"random reading of 4 KiB, cold", "1/s", true},
    {"random reading of 4 KiB, warm", "1/s", true},
    {"requests over the network", "1/s", true},
    {"network, there and back", "MiB/s", true},
    {"memory beyond the guest's, private", "KiB", false},
    {"memory beyond the guest's, its share", "KiB", false},
};

struct series {
	double v[ROUNDS_MAX];
	int n, failed;
};

static struct series results[MACHINES][KINDS];
static char folder[64], release[128], kept[512];
static const char *nacre;

/* What is started: to be waited for and killed. */
struct run {
	int machine, out;
	pid_t pid, daemon;
	double began;
	char line[256]; /* its first */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "kvm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void __attribute__((format(printf, 1, 2))) shell(const char *format, ...)
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

static void add(int machine, int kind, double value)
{
	struct series *s = &results[machine][kind];

	fprintf(stderr, "%s: %s: %.1f %s\n", machine_names[machine], kinds[kind].name, value, kinds[kind].unit);
	if (value > 0 && s->n < ROUNDS_MAX)
		s->v[s->n++] = value;
	else
		s->failed++;
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

static bool start(struct run *r, int machine, bool network)
{
	int ends[2];

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
static void finish(struct run *r, bool force)
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

/* --- what is measured --- */

static bool put(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACE "%s", name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) >= 0;
	if (fd >= 0)
		close(fd);
	return done;
}

static bool trace_on(void)
{
	return put("tracing_on", "0") && put("trace_clock", "mono") && put("buffer_size_kb", "16384") && put("trace", "") &&
	       put("events/kvm/kvm_entry/enable", "1") && put("tracing_on", "1");
}

/* "  vcpu0-123  [001] d.... 12.345678: kvm_entry: ...". nacre's processors have names, and it asks first how fast KVM is, in another thread. */
static void read_trace(const struct run *r)
{
	char line[1024];
	double first = 0;
	long exits = 0;
	FILE *f;

	put("events/kvm/kvm_entry/enable", "0");
	f = fopen(TRACE "trace", "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, ": kvm_entry"), *begin = at;

		if (!at || (r->machine == NACRE && !strstr(line, "vcpu")))
			continue;
		while (begin > line && begin[-1] != ' ')
			begin--;
		if (!exits++)
			first = atof(begin);
	}
	if (f)
		fclose(f);
	add(r->machine, FIRST, first ? (first - r->began) * 1e3 : -1);
	add(r->machine, EXITS, (double)exits);
}

static void measure_start(int machine, bool traced)
{
	struct run r;
	bool well;

	traced = traced && trace_on();
	well = start(&r, machine, false);
	double said = now();

	finish(&r, !well);
	if (traced) {
		read_trace(&r);
		return;
	}
	add(machine, START, well ? (said - r.began) * 1e3 : -1);
	add(machine, WHOLE, well ? (now() - r.began) * 1e3 : -1);
}

static void measure_files(int machine)
{
	struct run r;
	double v[4] = {-1, -1, -1, -1};
	bool well = start(&r, machine, false) && sscanf(r.line, "here %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3]) == 4;

	finish(&r, !well);
	for (int i = 0; i < 4; i++)
		add(machine, SEQ_COLD + i, v[i]);
}

/* Of all mappings but the guest's memory, which is the one that is as large as that. */
static void add_memory(pid_t pid, double *own, double *share)
{
	char path[64], line[512];
	long size = 0, v;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Size: %ld", &v) == 1)
			size = v;
		if (size >= (MEMORY_MIB - 8) * 1024)
			continue;
		if (sscanf(line, "Private_Dirty: %ld", &v) == 1 || sscanf(line, "Private_Clean: %ld", &v) == 1)
			*own += (double)v;
		else if (sscanf(line, "Pss: %ld", &v) == 1)
			*share += (double)v;
	}
	if (f)
		fclose(f);
}

static void add_tree(pid_t pid, double *own, double *share)
{
	char path[64];
	int child;
	FILE *f;

	add_memory(pid, own, share);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1)
		add_tree(child, own, share);
	if (f)
		fclose(f);
}

static int number_in(const char *name)
{
	char path[128];
	int n = 0;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "re");

	if (f && fscanf(f, "%d", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

static void measure_memory(int machine)
{
	struct run r;
	double own = 0, share = 0;

	if (start(&r, machine, false)) {
		/* nacre's monitor and broker; `run` itself only waits for them, as the caller of QEMU does. */
		add_tree(machine == NACRE ? number_in("pid") : r.pid, &own, &share);
		if (r.daemon > 0)
			add_tree(r.daemon, &own, &share);
	}
	finish(&r, true);
	add(machine, PRIVATE, own);
	add(machine, PSS, share);
}

static int reach(const char *address)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(7000), .sin_addr.s_addr = inet_addr(address)};

	for (double until = now() + 60; now() < until; usleep(20000)) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (!connect(fd, (const struct sockaddr *)&a, sizeof(a)))
			return fd;
		close(fd);
	}
	return -1;
}

static bool echo(int fd, char *block, size_t n)
{
	size_t out = 0, in = 0;

	while (in < n) {
		struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (out < n ? POLLOUT : 0))};
		ssize_t did;

		if (poll(&p, 1, WAIT_MS) <= 0)
			return false;
		if (p.revents & POLLOUT && (did = send(fd, block + out, n - out, MSG_DONTWAIT)) > 0)
			out += (size_t)did;
		if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
			did = recv(fd, block + in, n - in, MSG_DONTWAIT);
			if (did == 0 || (did < 0 && errno != EAGAIN))
				return false;
			in += did > 0 ? (size_t)did : 0;
		}
	}
	return true;
}

static void measure_network(int machine)
{
	static char block[STREAM_MIB << 20];
	double requests = -1, stream = -1;
	struct run r;
	int fd = start(&r, machine, true) ? reach(machine == NACRE ? "10.99.0.2" : "10.98.0.2") : -1;

	if (fd >= 0) {
		double begin = now();
		int i = 0;

		while (i < REQUESTS_N && echo(fd, block, 64))
			i++;
		if (i == REQUESTS_N)
			requests = i / (now() - begin);
		begin = now();
		if (echo(fd, block, sizeof(block)))
			stream = STREAM_MIB / (now() - begin);
		close(fd);
	}
	finish(&r, fd < 0);
	add(machine, REQUESTS, requests);
	add(machine, STREAM, stream);
}

/* --- one after the other --- */

static void set_program(const char *args, bool network)
{
	write_bundle(args, network);
	write_initramfs(args, network);
}

static void prepare_network(void)
{
	shell("ip netns del nacre-bench 2>/dev/null; ip link del nbench-veth 2>/dev/null; ip link del nbench-tap 2>/dev/null; "
	      "ip netns add nacre-bench && ip link add nbench-veth type veth peer name eth0 netns nacre-bench && "
	      "ip addr add 10.99.0.1/24 dev nbench-veth && ip link set nbench-veth up && "
	      "ip -n nacre-bench addr add 10.99.0.2/24 dev eth0 && ip -n nacre-bench link set eth0 up && "
	      "ip tuntap add nbench-tap mode tap && ip addr add 10.98.0.1/24 dev nbench-tap && ip link set nbench-tap up");
}

static void prepare(const char *guest)
{
	strcpy(folder, "/var/tmp/nacre-bench-XXXXXX");
	if (!mkdtemp(folder))
		fail(folder);
	chmod(folder, 0755);
	shell("cd %s && mkdir -p rootfs/bin rootfs/proc rootfs/dev rootfs/sys && cp '%s' rootfs/bin/guest && "
	      "head -c 16777216 /dev/urandom >rootfs/a && head -c 33554432 /dev/urandom >rootfs/b && "
	      "for k in /usr/lib/modules/%s/vmlinuz /boot/vmlinuz-%s; do if test -e $k; then ln -s $k vmlinuz; break; fi; done && test -e vmlinuz",
	      folder, guest, release, release);
}

/* What nacre keeps of a kernel. */
static void find_kept(void)
{
	char prefix[160];
	DIR *dir = opendir("/var/cache/nacre");
	struct dirent *d;

	snprintf(prefix, sizeof(prefix), "vmlinux-%s@", release);
	while (dir && (d = readdir(dir)))
		if (!strncmp(d->d_name, prefix, strlen(prefix)))
			snprintf(kept, sizeof(kept), "/var/cache/nacre/%s", d->d_name);
	if (dir)
		closedir(dir);
}

static bool there_is(int machine)
{
	if (machine == QEMU)
		return !access("/usr/libexec/virtiofsd", X_OK) && !access("/usr/bin/qemu-system-x86_64", X_OK);
	return machine == NACRE || (*kept && there_is(QEMU));
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(int machine, int kind)
{
	struct series *s = &results[machine][kind];

	qsort(s->v, (size_t)s->n, sizeof(double), ascending);
	return s->n ? s->v[s->n / 2] : -1;
}

static void show(void)
{
	printf("\n%-42s %-6s", "medians", "");
	for (int m = 0; m < MACHINES; m++)
		printf(" %15s", machine_names[m]);
	printf(" %8s %8s\n", "to qemu", "unpacked");
	for (int k = 0; k < KINDS; k++) {
		double v[MACHINES];

		printf("%-42s %-6s", kinds[k].name, kinds[k].unit);
		for (int m = 0; m < MACHINES; m++) {
			v[m] = median(m, k);
			if (v[m] < 0)
				printf(" %15s", results[m][k].failed ? "failed" : "-");
			else
				printf(" %15.*f", v[m] < 100 ? 1 : 0, v[m]);
		}
		for (int m = QEMU; m < MACHINES; m++)
			if (v[NACRE] > 0 && v[m] > 0)
				printf(" %8.2f", v[NACRE] / v[m]);
			else
				printf(" %8s", "-");
		printf("%s\n", results[NACRE][k].failed ? "  (some rounds failed)" : "");
	}
	if (median(NACRE, FIRST) > 0 && median(NACRE, START) > 0)
		printf("\nnacre's own work before the guest's first instruction: %.1f %% of its start\n", 100 * median(NACRE, FIRST) / median(NACRE, START));
}

static void each(int rounds, const char *args, bool network, void (*measure)(int machine))
{
	set_program(args, network);
	for (int i = 0; i < rounds; i++)
		for (int m = 0; m < MACHINES; m++)
			if (there_is(m))
				measure(m);
}

static void measure_plain(int machine)
{
	measure_start(machine, false);
}

static void measure_traced(int machine)
{
	measure_start(machine, true);
}

int main(int argc, char **argv)
{
	int rounds = argc > 3 && atoi(argv[3]) > 0 ? atoi(argv[3]) : 9, fewer = (rounds + 2) / 3;
	struct utsname u;
	struct run warm;

	if (argc < 3 || geteuid() != 0 || uname(&u) < 0 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: %s NACRE GUEST [ROUNDS], as root\n", argv[0]);
		return 2;
	}
	nacre = argv[1];
	snprintf(release, sizeof(release), "%s", u.release);
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prepare(argv[2]);
	/* The first one also unpacks the kernel. */
	write_bundle("/bin/guest line", false);
	if (!start(&warm, NACRE, false))
		fail("start a container");
	finish(&warm, false);
	find_kept();
	printf("kernel %s, %d MiB and one processor each; %d rounds of starts, %d of the others, in turn\n", release, MEMORY_MIB, rounds, fewer);
	each(rounds, "/bin/guest line", false, measure_plain);
	each(fewer, "/bin/guest line", false, measure_traced);
	each(fewer, "/bin/guest files /a /b", false, measure_files);
	each(1, "/bin/guest stay", false, measure_memory);
	prepare_network();
	each(fewer, "/bin/guest serve", true, measure_network);
	show();
	shell("ip netns del nacre-bench; ip link del nbench-tap; rm -rf --one-file-system %s", folder);
	return 0;
}
