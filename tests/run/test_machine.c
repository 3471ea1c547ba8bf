/* test_machine.c: `nacre vm`: the distribution's own kernel boots in a virtual machine, and its end is told from any other. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/run/bundle.h"
#include "vmm/initramfs.h"

/* A boot takes a second; where a processor is emulated, and others want it too, minutes. */
enum { BOOT_SECONDS = 120 };

enum { OFF = 0, RESET = 3, PANICKED = 4, CRASHED = 5, STOPPED = 7 };

static char *beside(const char *name)
{
	const char *inside = getenv("INSIDE");

	MUST_SAY(inside && strrchr(inside, '/'), "$INSIDE is not set");
	return format("%.*s/%s", (int)(strrchr(inside, '/') - inside), inside, name);
}

static struct result nacre_vm(const char *const *arguments, int seconds)
{
	const char *argv[32], *program = getenv("NACRE");
	char *words = format("%s", program ? program : "./nacre");
	size_t n = 0;

	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[n++] = word;
	for (; *arguments; arguments++)
		argv[n++] = *arguments;
	argv[n] = NULL;
	return run_program(&(struct spawn){.argv = argv, .seconds = seconds});
}

#define NACRE_VM(seconds, ...) nacre_vm((const char *const[]){__VA_ARGS__, NULL}, seconds)

/* What `check` says of KVM. */
static void need_kvm(void)
{
	struct result r = NACRE_VM(PATIENCE, "check");
	char *kvm = strstr(r.out, "kvm ");

	MUST_SAY(kvm, "check says nothing of kvm: %s%s", r.out, r.err);
	kvm[strcspn(kvm, "\n")] = '\0';
	if (strncmp(kvm + strcspn(kvm, " ") + strspn(kvm + strcspn(kvm, " "), " "), "yes", 3))
		test_skip("%s", kvm);
}

static void add_file(struct initramfs *i, const char *path, const char *source)
{
	struct error err = ERROR_NONE;
	int fd = open(source, O_RDONLY | O_CLOEXEC);

	MUST_SAY(fd >= 0, "%s is missing", source);
	MUST_SAY(initramfs_add_file(i, path, 0755, fd, &err) == 0, "%s: %s", source, err.msg);
	close(fd);
}

/* The modules of the running kernel that these drivers need, in their order. */
static void add_modules(struct initramfs *i, const char *const *names)
{
	static char order[4096];
	size_t n = 0;

	MUST(initramfs_add_folder(i, "/modules", 0755, NULL) == 0);
	for (; *names; names++) {
		struct result r = run_program(&(struct spawn){.argv = (const char *const[]){"modprobe", "--show-depends", *names, NULL}});

		if (r.status)
			test_skip("modprobe does not know %s", *names);
		for (char *line = strtok(r.out, "\n"); line; line = strtok(NULL, "\n")) {
			char *path = strncmp(line, "insmod ", 7) ? NULL : line + 7, *name;

			if (!path)
				continue;
			path[strcspn(path, " ")] = '\0';
			name = format("/modules%s", strrchr(path, '/'));
			if (strstr(order, name))
				continue;
			add_file(i, name, path);
			n += (size_t)snprintf(order + n, sizeof(order) - n, "%s\n", name);
		}
	}
	MUST(initramfs_add_text(i, "/modules/order", 0644, order, n, NULL) == 0);
}

static const char *make_initrd(const char *const *modules)
{
	struct initramfs *i = NULL;
	char *path = format("%s/initrd", test_dir());
	void *bytes;
	int fd;

	MUST(initramfs_new(&i, NULL) == 0);
	add_file(i, "/init", beside("machine"));
	if (modules)
		add_modules(i, modules);
	bytes = malloc(initramfs_size(i));
	initramfs_write(i, bytes);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	MUST(write(fd, bytes, initramfs_size(i)) == (ssize_t)initramfs_size(i));
	close(fd);
	free(bytes);
	initramfs_free(i);
	return path;
}

static void must_end(struct result r, int status, const char *error)
{
	MUST_SAY(r.status == status, "status %d in place of %d: %s\n%s", r.status, status, r.err, r.out);
	if (error)
		MUST_SAY(strstr(r.err, error), "\"%s\" is not in \"%s\"", error, r.err);
	else
		MUST_SAY(!*r.err, "%s", r.err);
}

RUN_TEST(power_off, "the running kernel's own image boots; init runs and powers off")
{
	struct utsname u;
	struct result r;

	need_kvm();
	uname(&u);
	r = NACRE_VM(4 * BOOT_SECONDS, "vm", "--initrd", make_initrd(NULL), "--append", "quiet do=off");
	must_end(r, OFF, NULL);
	MUST_SAY(!strncmp(value_of(r.out, "release="), u.release, strlen(u.release)), "%s", r.out);
	MUST_SAY(atoi(value_of(r.out, "cpus=")) == 1, "%s", r.out);
	MUST_SAY(atoi(value_of(r.out, "mib=")) > 128 && atoi(value_of(r.out, "mib=")) < 256, "%s", r.out);
}

RUN_TEST(reset, "a reset is told, by each of the ways that a kernel knows")
{
	const char *ways[] = {"quiet do=reboot", "quiet do=reboot reboot=acpi", "quiet do=reboot reboot=k", "quiet do=reboot reboot=p"};

	need_kvm();
	for (size_t i = 0; i < (getenv("NACRE_TEST_SLOW") ? 2 : 4); i++)
		must_end(NACRE_VM(4 * BOOT_SECONDS, "vm", "--initrd", make_initrd(NULL), "--append", ways[i]), RESET, "the machine's end: reset");
}

RUN_TEST(triple_fault, "a triple fault is told")
{
	need_kvm();
	must_end(NACRE_VM(4 * BOOT_SECONDS, "vm", "--initrd", make_initrd(NULL), "--append", "quiet do=reboot reboot=t"), CRASHED,
		 "crashed: processor 0: a triple fault");
}

RUN_TEST(panics, "a panic is told with its reason: with the driver for pvpanic and without, and without an init")
{
	const char *const pvpanic[] = {"pvpanic-mmio", NULL};

	need_kvm();
	must_end(NACRE_VM(4 * BOOT_SECONDS, "vm", "--append", "quiet"), PANICKED, "panicked: VFS: Unable to mount root fs");
	must_end(NACRE_VM(4 * BOOT_SECONDS, "vm", "--initrd", make_initrd(NULL), "--append", "quiet do=panic"), PANICKED,
		 "panicked: Attempted to kill init!");
	/* It would wait for ever, if nobody told us. */
	must_end(NACRE_VM(4 * BOOT_SECONDS, "vm", "--initrd", make_initrd(pvpanic), "--append", "quiet panic=0 do=panic"), PANICKED,
		 "panicked: Attempted to kill init!");
}

RUN_TEST(processors, "two processors come up")
{
	struct result r;

	need_kvm();
	r = NACRE_VM(4 * BOOT_SECONDS, "vm", "--cpus", "2", "--initrd", make_initrd(NULL), "--append", "quiet");
	must_end(r, OFF, NULL);
	MUST_SAY(atoi(value_of(r.out, "cpus=")) == 2, "%s", r.out);
}

RUN_TEST(much_memory, "memory beyond 3 GiB is found above 4 GiB")
{
	struct result r;

	need_kvm();
	r = NACRE_VM(4 * BOOT_SECONDS, "vm", "--memory", "3500", "--initrd", make_initrd(NULL), "--append", "quiet");
	must_end(r, OFF, NULL);
	MUST_SAY(atoi(value_of(r.out, "mib=")) > 3200, "%s", r.out);
}

RUN_TEST(disks, "a disk can be written, one with \",ro\" cannot; random numbers come")
{
	const char *const modules[] = {"virtio_mmio", "virtio_blk", "virtio_rng", NULL};
	char *one = format("%s/one", test_dir()), *two = format("%s/two", test_dir());
	char text[512], zeroes[1024] = {0};
	struct result r;
	int fd;

	need_kvm();
	file_write(one, "the first");
	file_write(two, "the second");
	MUST(truncate(one, 1 << 20) == 0 && truncate(two, 1 << 20) == 0);
	r = NACRE_VM(4 * BOOT_SECONDS, "vm", "--disk", one, "--disk", format("%s,ro", two), "--initrd", make_initrd(modules), "--append",
		     "quiet do=disks do=random");
	must_end(r, OFF, NULL);
	MUST_SAY(!strncmp(value_of(r.out, "/dev/vda="), "the first", 9), "%s", r.out);
	MUST_SAY(!strncmp(value_of(r.out, "/dev/vdb="), "the second", 10), "%s", r.out);
	MUST_SAY(!strncmp(value_of(r.out, "/dev/vda written="), "yes", 3), "%s", r.out);
	MUST_SAY(strncmp(value_of(r.out, "/dev/vdb written="), "yes", 3), "%s", r.out);
	MUST_SAY(atoi(value_of(r.out, "hwrng=")) == 16, "%s", r.out);
	MUST_SAY(!strncmp(value_of(r.out, "hwrng zero="), "no", 2), "%s", r.out);
	fd = open(one, O_RDONLY | O_CLOEXEC);
	MUST(pread(fd, text, sizeof(text), 512) == sizeof(text));
	MUST(text[0] == 'w' && text[511] == 'w');
	close(fd);
	fd = open(two, O_RDONLY | O_CLOEXEC);
	MUST(pread(fd, text, sizeof(text), 512) == sizeof(text));
	MUST(!memcmp(text, zeroes, sizeof(text)));
	close(fd);
}

RUN_TEST(interrupted, "a signal ends the machine")
{
	const char *argv[16];
	struct result r;
	struct job job;
	size_t n = 0;
	char *words = format("%s", getenv("NACRE") ? getenv("NACRE") : "./nacre");

	need_kvm();
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[n++] = word;
	argv[n++] = "vm";
	argv[n++] = "--initrd";
	argv[n++] = make_initrd(NULL);
	argv[n++] = "--append";
	argv[n++] = "quiet do=wait";
	argv[n] = NULL;
	job = job_start(&(struct spawn){.argv = argv});
	file_wait(job.out, "mib=");
	kill(job.pid, SIGTERM);
	r = job_wait(&job, PATIENCE);
	must_end(r, STOPPED, "the machine's end: stopped");
}

RUN_TEST(bad_kernels, "a kernel that is none, and a machine that cannot be, are refused in one line")
{
	char *text = format("%s/text", test_dir());
	struct result r;

	file_write(text, "this is no kernel, however long it may be\n");
	r = NACRE_VM(PATIENCE, "vm", "--kernel", text);
	MUST_SAY(r.status == 1 && strstr(r.err, "no kernel"), "%s", r.err);
	r = NACRE_VM(PATIENCE, "vm", "--kernel", "/dev/zero");
	MUST_SAY(r.status == 1 && strstr(r.err, "/dev/zero: not a regular file"), "%s", r.err);
	r = NACRE_VM(PATIENCE, "vm", "--kernel", format("%s/missing", test_dir()));
	MUST_SAY(r.status == 1 && strstr(r.err, "missing: No such file or directory"), "%s", r.err);
	r = NACRE_VM(PATIENCE, "vm", "--memory", "100000000");
	MUST_SAY(r.status == 1 && strstr(r.err, "option --memory"), "%s", r.err);
}

RUN_TEST(too_little_memory, "too little memory is refused with what is needed")
{
	struct result r;

	need_kvm();
	r = NACRE_VM(PATIENCE, "vm", "--memory", "32");
	MUST_SAY(r.status == 1 && strstr(r.err, "MiB of memory to start; the machine has 32 MiB"), "%s", r.err);
	r = NACRE_VM(PATIENCE, "vm", "--memory", "255");
	MUST_SAY(r.status == 1 && strstr(r.err, "pieces of 2 MiB"), "%s", r.err);
	r = NACRE_VM(PATIENCE, "vm", "--cpus", "1000");
	MUST_SAY(r.status == 1 && strstr(r.err, "1000 processors"), "%s", r.err);
	r = NACRE_VM(PATIENCE, "vm", "--disk", "/dev/null");
	MUST_SAY(r.status == 1 && strstr(r.err, "/dev/null"), "%s", r.err);
}
