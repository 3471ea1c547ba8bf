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
 * Before each start, what free memory there is is written to once, so that nobody pays for what the one before him has left (kvm_machine.c).
 *
 * Where the kernel traces KVM, the time from the command until the guest's first instruction, and how often KVM left the guest.
 * Memory: all that monitor and helpers have to themselves, without the guest's memory.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/bench/kvm.h"

enum { ROUNDS_MAX = 200 };

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

void add(int machine, int kind, double value)
{
	struct series *s = &results[machine][kind];

	fprintf(stderr, "%s: %s: %.1f %s\n", machine_names[machine], kinds[kind].name, value, kinds[kind].unit);
	if (value > 0 && s->n < ROUNDS_MAX)
		s->v[s->n++] = value;
	else
		s->failed++;
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
	set_program("/bin/guest line", false);
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
