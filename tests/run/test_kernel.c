/* test_kernel.c: a container in a virtual machine with another kernel than the host's: each of those in $NACRE_KERNELS, as RELEASE/vmlinuz with its
 * modules beside it. The laboratory has some (tests/vm/kernels).
 */
#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static const char *folder(void)
{
	const char *path = getenv("NACRE_KERNELS");

	return path ? path : "/usr/local/lib/nacre-kernels";
}

/* The next release there, which must be another than the host's; the first after NULL; NULL after the last. */
static char *next_kernel(const char *after)
{
	DIR *dir = opendir(folder());
	char *found = NULL;
	struct utsname host;

	uname(&host);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		if (*d->d_name == '.' || !exists(format("%s/%s/vmlinuz", folder(), d->d_name)) || !strcmp(d->d_name, host.release))
			continue;
		if ((!after || strcmp(d->d_name, after) > 0) && (!found || strcmp(d->d_name, found) < 0))
			found = format("%s", d->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static char *image(const char *release)
{
	return format("%s/%s/vmlinuz", folder(), release);
}

static void need_kernels(void)
{
	if (!in_vm())
		test_skip("is about virtual machines; check-kvm runs it");
	need_file("/bin/busybox");
	if (!next_kernel(NULL))
		test_skip("no other kernel than the host's in %s ($NACRE_KERNELS names another folder)", folder());
}

/* Exactly this, and so not the host's. */
static void must_be_called(struct result r, const char *release)
{
	must_succeed(&r);
	MUST_SAY(!strcmp(r.out, format("%s\n", release)), "%s in place of %s", r.out, release);
}

RUN_TEST(own_name, "spec's own bundle with each other kernel, by option and by vm.kernel.path: uname -r tells which")
{
	need_kernels();
	for (char *release = next_kernel(NULL); release; release = next_kernel(release)) {
		struct bundle b;

		bundle_make(&b);
		bundle_config(&b, "{'process':{'args':['/bin/busybox','uname','-r']}}");
		must_be_called(nacre("run", "--isolation", "kvm", "--vm-kernel", image(release), "--bundle", b.dir, b.id, NULL), release);
		must_leave_nothing(&b);
		/* What the document names comes first. */
		bundle_config(&b, "{'vm':{'kernel':{'path':'%s'}}}", image(release));
		must_be_called(nacre("run", "--isolation", "kvm", "--vm-kernel", "/dev/null", "--bundle", b.dir, b.id, NULL), release);
		must_leave_nothing(&b);
	}
}

static void must_shell(const char *commands)
{
	struct result r = run_program(&(struct spawn){.argv = (const char *[]){"/bin/sh", "-ec", commands, NULL}});

	MUST_SAY(r.status == 0, "%s: %s", commands, r.err);
}

static bool serves(void *release)
{
	struct result r = run_program(&(struct spawn){.argv = (const char *[]){"/bin/busybox", "nc", "-w", "5", "10.78.0.2", "80", NULL}});

	return r.status == 0 && !strcmp(r.out, format("%s\n", (char *)release));
}

/* The host's limit follows what the guest's balloon takes; core/vm/size.h has what is added. */
static void must_shrink_and_grow(struct bundle *b)
{
	static const int steps[] = {32, 256};
	struct result r = nacre("exec", b->id, "/bin/inside", "spend", "160", NULL);

	must_succeed(&r);
	for (int i = 0; i < 2; i++) {
		r = nacre("update", "--memory", format("%dM", steps[i]), b->id, NULL);
		must_succeed(&r);
		char *limit = cgroup_value(b, "memory", "memory.limit_in_bytes", "memory.max");
		MUST_SAY(!limit || strtoll(limit, NULL, 10) == (steps[i] + 96LL + 16) << 20, "the host's limit is %s", limit);
	}
	r = nacre("exec", b->id, "/bin/inside", "spend", "160", NULL);
	must_succeed(&r);
}

static void look_around(const char *release)
{
	struct bundle b;
	char *volume = format("%s/volume-%s", test_dir(), release);

	/* A device of a network of our own becomes the container's. */
	if (unshare(CLONE_NEWNET) < 0)
		test_skip("no right to make a network namespace");
	must_shell("PATH=/usr/sbin:/sbin:/usr/bin:/bin; ip link add out0 type veth peer name in0; ip addr add 10.78.0.1/24 dev out0\n"
		   "ip addr add 10.78.0.2/24 dev in0; ip link set out0 up; ip link set in0 up");
	make_folder(volume);
	file_write(format("%s/file", volume), "from outside");
	bundle_make(&b);
	bundle_config(&b, "{'vm':{'kernel':{'path':'%s'}},'linux':{'netDevices':{'in0':{'name':'eth0'}},'resources':{'memory':{'limit':268435456}}}}",
		      image(release));
	bundle_config(&b, "{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s','options':['rbind']}]}", volume);
	bundle_config(&b, "{'process':{'args':['/bin/busybox','sh','-c','while :; do busybox nc -l -p 80 -e busybox uname -r; done']}}");
	bundle_start(&b, NULL);
	must_be_called(nacre("exec", b.id, "/bin/busybox", "uname", "-r", NULL), release);

	struct result r = nacre("exec", b.id, "/bin/busybox", "sh", "-c", "cat /mnt/file; exit 7", NULL);
	MUST_SAY(r.status == 7 && !strcmp(r.out, "from outside"), "status %d: %s%s", r.status, r.out, r.err);
	r = nacre("exec", b.id, "/bin/busybox", "sh", "-c", "echo from inside >/mnt/new && mv /mnt/new /mnt/moved", NULL);
	must_succeed(&r);
	MUST(!strcmp(file_text(format("%s/moved", volume)), "from inside\n"));
	file_write(format("%s/later", volume), "later");
	r = nacre("exec", b.id, "/bin/busybox", "cat", "/mnt/later", NULL);
	MUST_SAY(!strcmp(r.out, "later"), "%s%s", r.out, r.err);

	MUST_SAY(wait_until(serves, (void *)release, PATIENCE), "nobody answers by the network");
	must_shrink_and_grow(&b);

	r = nacre("pause", b.id, NULL);
	must_succeed(&r);
	r = nacre("resume", b.id, NULL);
	must_succeed(&r);
	bundle_end(&b);
}

RUN_TEST(devices, "with each other kernel: exec, a volume both ways, the network, and memory that the balloon takes and gives back")
{
	need_kernels();
	need_root();
	if (access("/sbin/ip", X_OK) && access("/usr/sbin/ip", X_OK))
		test_skip("this machine has no ip (iproute2)");
	for (char *release = next_kernel(NULL); release; release = next_kernel(release))
		look_around(release);
}

RUN_TEST(no_modules, "a kernel without its modules is refused, and with whose are missing")
{
	need_kernels();
	char *release = next_kernel(NULL), *alone = format("%s/vmlinuz", test_dir());
	struct bundle b;

	bundle_make(&b);
	must_shell(format("cp '%s' '%s'", image(release), alone));
	bundle_config(&b, "{'vm':{'kernel':{'path':'%s'}}}", alone);
	struct result r = nacre("run", "--isolation", "kvm", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, format("no modules of kernel %s", release));
	must_leave_nothing(&b);
}
