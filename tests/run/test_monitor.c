/* test_monitor.c: what only containers in virtual machines have: a kernel of their own, a monitor that is locked in, guests that lie,
 * and all that can be missing. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static void need_vm(void)
{
	if (!in_vm())
		test_skip("is about virtual machines; check-kvm runs it");
}

static char *kernel(void)
{
	struct utsname u;
	uname(&u);
	char *path = format("/usr/lib/modules/%s/vmlinuz", u.release);
	return exists(path) ? path : format("/boot/vmlinuz-%s", u.release);
}

/* One line, and nothing of the container is left. */
static void refused(struct bundle *b, const char *needle)
{
	struct result r = bundle_run(b);
	must_fail(&r, needle);
	must_leave_nothing(b);
}

RUN_TEST(own_kernel, "a container has a kernel of its own")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	char *mine = file_text("/proc/sys/kernel/random/boot_id");
	struct result r = bundle_run_inside(&b, "cat", "/proc/sys/kernel/random/boot_id", NULL);
	must_succeed(&r);
	MUST_SAY(strlen(r.out) == strlen(mine) && strcmp(r.out, mine), "%s and %s", r.out, mine);
	must_leave_nothing(&b);
}

/* What the program's root holds, names and sizes. */
static char *listing(struct bundle *b)
{
	struct result r = run_program(&(struct spawn){.argv = (const char *[]){"find", b->rootfs, "-printf", "%P %y %m %s %U %G %T@\n", NULL}});
	must_succeed(&r);
	return r.out;
}

RUN_TEST(nothing_written, "nothing is written into the container's root")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'root':{'readonly':true}}");
	char *before = listing(&b);
	struct result r = bundle_run_inside(&b, "id", NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(before, listing(&b)), "before:\n%s\nafter:\n%s", before, listing(&b));
}

static char *status_of(const char *path, const char *key)
{
	return value_of(file_text(format("%s/status", path)), key);
}

static void must_be_locked_in(const char *process, const char *who)
{
	DIR *tasks = opendir(format("%s/task", process));
	int n = 0;
	MUST(tasks);
	for (struct dirent *e; (e = readdir(tasks));) {
		char *task = format("%s/task/%s", process, e->d_name);
		if (e->d_name[0] == '.')
			continue;
		/* The kernel's own threads of a machine have our name for a process and no system calls. */
		if (strstr(file_text(format("%s/comm", task)), "kvm-"))
			continue;
		MUST_SAY(!strcmp(status_of(task, "Seccomp:"), "2"), "%s: thread %s has no filter", who, file_text(format("%s/comm", task)));
		MUST_SAY(!strcmp(status_of(task, "NoNewPrivs:"), "1"), "%s: thread %s may gain privileges", who, e->d_name);
		n++;
	}
	closedir(tasks);
	MUST(n > 0);
}

RUN_TEST(locked_in, "the monitor is locked in: an empty root, no capability, a filter on each thread, no descriptor of the host's")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	char *process = format("/proc/%d", bundle_pid(&b));
	must_be_locked_in(process, "monitor");
	static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
	for (size_t i = 0; i < 5; i++)
		MUST_SAY(!strcmp(status_of(process, sets[i]), "0000000000000000"), "%s %s", sets[i], status_of(process, sets[i]));
	/* Its root is empty, and stays so. */
	struct result r = run_program(&(struct spawn){.argv = (const char *[]){"ls", "-A", format("%s/root/", process), NULL}});
	must_succeed(&r);
	MUST_SAY(!*r.out, "its root holds %s", r.out);
	MUST(mkdir(format("%s/root/new", process), 0700) < 0);
	MUST_SAY(strstr(value_of(file_text(format("%s/limits", process)), "Max core file size"), "0                    0 "), "it may leave a core");
	/* Descriptors: nothing by which the host could be asked for more. What a name leads to are /dev/null, the tap, and our own files: the
	 * container's streams. */
	r = run_program(&(struct spawn){.argv = (const char *[]){"find", format("%s/fd", process), "-type", "l", "-printf", "%f %l\n", NULL}});
	must_succeed(&r);
	static const char *const known[] = {"socket:[",    "pipe:[", "anon_inode:[eventfd", "anon_inode:[eventpoll", "anon_inode:[signalfd",
					    "anon_inode:[timerfd", "anon_inode:kvm-v", "/dev/null\n", "/dev/net/tun\n"};
	for (const char *line = r.out; *line; line = strchr(line, '\n') + 1) {
		const char *to = strchr(line, ' ') + 1;
		bool ours = !strncmp(to, test_dir(), strlen(test_dir())) && !strstr(to, "/state/");
		for (size_t i = 0; !ours && i < sizeof(known) / sizeof(*known); i++)
			ours = !strncmp(to, known[i], strlen(known[i]));
		MUST_SAY(ours, "it holds %.*s:\n%s", (int)strcspn(line, "\n"), line, r.out);
	}
}

RUN_TEST(monitor_namespaces, "the monitor is in namespaces of the container's, and in none of the host's; with a user namespace it is nobody on the host")
{
	need_vm();
	static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "uts", "user"};
	for (int with_user = 0; with_user < 2; with_user++) {
		struct bundle b;
		bundle_make(&b);
		bundle_inside(&b, "sleep", "600", NULL);
		if (with_user) {
			MUST(!system(format("chown -R 100000:100000 %s", b.rootfs)));
			bundle_config(&b, "{'linux':{'+namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID':100000,'size':65536}],"
					  "'gidMappings':[{'containerID':0,'hostID':100000,'size':65536}]}}");
		}
		bundle_start(&b, NULL);
		for (size_t i = 0; i < (with_user ? 7 : 6); i++) {
			char mine[64] = "", its[64] = "";
			MUST(readlink(format("/proc/self/ns/%s", kinds[i]), mine, sizeof(mine) - 1) > 0);
			MUST(readlink(format("/proc/%d/ns/%s", bundle_pid(&b), kinds[i]), its, sizeof(its) - 1) > 0);
			if (strstr(b.config, i == 2 ? "mount" : i == 3 ? "network" : kinds[i]))
				MUST_SAY(strcmp(mine, its), "the host's %s namespace", kinds[i]);
		}
		if (with_user)
			MUST_SAY(!strncmp(status_of(format("/proc/%d", bundle_pid(&b)), "Uid:"), "100000\t100000\t100000\t100000", 27), "%s",
				 status_of(format("/proc/%d", bundle_pid(&b)), "Uid:"));
		struct result r = nacre("delete", "--force", b.id, NULL);
		must_succeed(&r);
	}
}

/* Of the children of the container's host process. */
static int broker_of(struct bundle *b)
{
	char *children = file_text(format("/proc/%d/task/%d/children", bundle_pid(b), bundle_pid(b)));
	return atoi(children);
}

RUN_TEST(broker, "the broker has no more rights than files need, and its death is the container's end")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	int broker = broker_of(&b);
	MUST(broker > 0);
	char *process = format("/proc/%d", broker);
	must_be_locked_in(process, "broker");
	/* CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_SYS_MODULE */
	unsigned long long caps = strtoull(status_of(process, "CapPrm:"), NULL, 16);
	MUST_SAY(!(caps & (1ull << 21 | 1ull << 12 | 1ull << 19 | 1ull << 16)), "%llx", caps);
	MUST(!kill(broker, SIGKILL));
	MUST(bundle_wait_status(&b, "stopped"));
	struct result r = nacre("delete", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(broker_capabilities, "the broker makes device nodes and file capabilities only for containers that may make them")
{
	need_vm();
	need_root();
	static const char *const lists[] = {"[]", "['CAP_MKNOD']", "['CAP_SETFCAP']"};
	static const unsigned long long bits[] = {0, 1ull << 27, 1ull << 31};
	for (size_t i = 0; i < 3; i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_inside(&b, "sleep", "600", NULL);
		bundle_config(&b, "{'process':{'capabilities':{'bounding':%s,'permitted':%s,'effective':%s}}}", lists[i], lists[i], lists[i]);
		bundle_start(&b, NULL);
		unsigned long long caps = strtoull(status_of(format("/proc/%d", broker_of(&b)), "CapPrm:"), NULL, 16);
		MUST_SAY((caps & (1ull << 27 | 1ull << 31)) == bits[i] && caps & 1, "%s: %llx", lists[i], caps);
		struct result r = nacre("delete", "--force", b.id, NULL);
		must_succeed(&r);
	}
}

static bool is_gone(void *pid)
{
	return kill(*(int *)pid, 0) < 0;
}

RUN_TEST(monitor_killed, "the monitor's death takes everything along: broker, guest and exec")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	int monitor = bundle_pid(&b), broker = broker_of(&b);
	char *file = format("%s/exec.pid", test_dir());
	struct result r = nacre("exec", "--detach", "--pid-file", file, b.id, "/bin/inside", "sleep", "600", NULL);
	must_succeed(&r);
	int exec = atoi(file_text(file));
	MUST(exec > 0 && !kill(exec, 0));
	MUST(!kill(monitor, SIGKILL));
	MUST(bundle_wait_status(&b, "stopped"));
	MUST(wait_until(is_gone, &broker, PATIENCE));
	MUST(wait_until(is_gone, &exec, PATIENCE));
	r = nacre("delete", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

/* How many processes the container has, that of the question included. */
static int count_processes(struct bundle *b)
{
	struct result r = nacre("exec", b->id, "/bin/inside", "ls", "/proc", NULL);
	int n = 0;
	must_succeed(&r);
	for (const char *line = r.out; *line; line += strcspn(line, "\n"), line += *line == '\n')
		n += *line >= '0' && *line <= '9';
	return n;
}

static bool is_alone(void *b)
{
	return count_processes(b) == 2;
}

RUN_TEST(exec_killed, "SIGKILL on exec's host process kills the one in the guest, and only that")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	char *file = format("%s/exec.pid", test_dir());
	struct result r = nacre("exec", "--detach", "--pid-file", file, b.id, "/bin/inside", "sleep", "555", NULL);
	must_succeed(&r);
	MUST_SAY(count_processes(&b) == 3, "%d processes", count_processes(&b));
	/* It hears the monitor, and has nothing that a taken one could want. */
	char *process = format("/proc/%s", file_text(file));
	MUST_SAY(!strcmp(status_of(process, "CapPrm:"), "0000000000000000"), "%s", status_of(process, "CapPrm:"));
	MUST(!strcmp(status_of(process, "NoNewPrivs:"), "1"));
	MUST(!kill(atoi(file_text(file)), SIGKILL));
	MUST(wait_until(is_alone, &b, PATIENCE));
	MUST(!strcmp(bundle_state(&b, "status"), "running"));
}

RUN_TEST(read_only, "a read-only volume is so on the host's side: not even a privileged guest writes to it")
{
	need_vm();
	need_file("/bin/busybox");
	struct bundle b;
	bundle_make(&b);
	char *volume = format("%s/volume", test_dir());
	make_folder(volume);
	file_write(format("%s/file", volume), "as it was\n");
	bundle_config(&b,
		      "{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s','options':['bind','ro']}],"
		      "'process':{'args':['/bin/busybox','sh','-c','mount -o remount,rw,bind /mnt; echo changed >/mnt/file; echo new >/mnt/new; "
		      "rm /mnt/file; chmod 777 /mnt/file; cat /mnt/file'],'capabilities':{'+bounding':['CAP_SYS_ADMIN'],'+effective':['CAP_SYS_ADMIN'],"
		      "'+permitted':['CAP_SYS_ADMIN']}}}",
		      volume);
	struct result r = bundle_run(&b);
	MUST_SAY(strstr(r.out, "as it was"), "%s%s", r.out, r.err);
	MUST(!strcmp(file_text(format("%s/file", volume)), "as it was\n"));
	MUST(!exists(format("%s/new", volume)));
	struct stat st;
	MUST(!stat(format("%s/file", volume), &st) && (st.st_mode & 0777) != 0777);
}

/* CVE-2026-24054, and kvmtool's file server: what a path leads to is never taken for a disk, nor opened as one. */
RUN_TEST(no_disks, "the host's disks are none of the guest's: neither a device among the mounts, nor one below the root")
{
	need_vm();
	need_root();
	struct bundle b;
	bundle_make(&b);
	char *disk = format("%s/disk", test_dir());
	/* /dev/loop0's and /dev/vda's numbers: whether there is one does not matter. */
	MUST(!mknod(disk, S_IFBLK | 0666, makedev(7, 0)) && !mknod(format("%s/disk", b.rootfs), S_IFBLK | 0666, makedev(254, 0)));
	MUST(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) && !mount(b.rootfs, b.rootfs, NULL, MS_BIND, NULL));
	bundle_config(&b, "{'+mounts':[{'destination':'/mnt/disk','type':'bind','source':'%s','options':['bind']}]}", disk);
	struct result r = bundle_run_inside(&b, "ls", "/sys/block", ";", "stat", "/mnt/disk", ";", "open", "/mnt/disk", ";", "open", "/disk", ";", "echo",
					    "end", NULL);
	must_succeed(&r);
	must_print(&r, "end");
	MUST_SAY(!strstr(r.out, "vd") && !strstr(r.out, "pmem") && !strstr(r.out, "open /mnt/disk: ok") && !strstr(r.out, "open /disk: ok"), "%s", r.out);
}

RUN_TEST(volume, "a volume is shared live: both sides see what the other writes")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	char *volume = format("%s/volume", test_dir());
	make_folder(volume);
	file_write(format("%s/from-host", volume), "one\n");
	bundle_config(&b, "{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s','options':['bind']}]}", volume);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	struct result r = nacre("exec", b.id, "/bin/inside", "cat", "/mnt/from-host", ";", "write", "/mnt/from-guest", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "one"), "%s", r.out);
	MUST(exists(format("%s/from-guest", volume)));
	file_write(format("%s/later", volume), "two\n");
	r = nacre("exec", b.id, "/bin/inside", "cat", "/mnt/later", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "two"), "%s", r.out);
}

/* A namespace with a cable to this one, as an engine would prepare it. */
static void drop_network(void)
{
	MUST(!system("ip netns del nacre-test 2>/dev/null; ip link del nacre-t0 2>/dev/null; true"));
}

static bool make_network(void)
{
	drop_network();
	return !system("ip netns add nacre-test && ip link add nacre-t0 type veth peer name eth0 netns nacre-test && "
		       "ip addr add 10.77.0.1/24 dev nacre-t0 && ip link set nacre-t0 up && ip -n nacre-test link set eth0 address 02:11:22:33:44:55 && "
		       "ip -n nacre-test addr add 10.77.0.2/24 dev eth0 && ip -n nacre-test link set eth0 up && "
		       "ip -n nacre-test route add default via 10.77.0.1");
}

RUN_TEST(network, "the namespace's network goes on into the guest: its address, its route, its hardware address")
{
	need_vm();
	need_file("/bin/busybox");
	if (!make_network())
		test_skip("no network namespace with a cable can be made here");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'args':['/bin/busybox','sh','-c','busybox ip addr; busybox ip route; busybox ping -c 1 10.77.0.1'],"
			  "'env':['PATH=/bin'],'capabilities':{'+bounding':['CAP_NET_RAW'],'+effective':['CAP_NET_RAW'],'+permitted':['CAP_NET_RAW']}},"
			  "'linux':{'namespaces':[{'type':'mount'},{'type':'pid'},{'type':'uts'},{'type':'ipc'},"
			  "{'type':'network','path':'/run/netns/nacre-test'}]}}");
	struct result r = bundle_run(&b);
	/* What lives on is as it was. */
	struct result links = run_program(&(struct spawn){.argv = (const char *[]){"ip", "-n", "nacre-test", "link", "show", NULL}});
	struct result queues = run_program(&(struct spawn){.argv = (const char *[]){"tc", "-n", "nacre-test", "qdisc", "show", "dev", "eth0", NULL}});
	drop_network();
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "eth0") && strstr(r.out, "10.77.0.2/24") && strstr(r.out, "02:11:22:33:44:55"), "%s", r.out);
	MUST_SAY(strstr(r.out, "default via 10.77.0.1") && strstr(r.out, " 0% packet loss"), "%s", r.out);
	must_leave_nothing(&b);
	must_succeed(&links);
	must_succeed(&queues);
	MUST_SAY(strstr(links.out, "eth0") && !strstr(links.out, "nacre"), "%s", links.out);
	MUST_SAY(!strstr(queues.out, "ingress") && !strstr(queues.out, "clsact"), "%s", queues.out);
}

RUN_TEST(much_output, "a million bytes come through as they were, in both directions")
{
	need_vm();
	need_file("/bin/busybox");
	struct bundle b;
	bundle_make(&b);
	char *input = format("%s/input", test_dir());
	MUST(!system(format("head -c 1000000 /dev/urandom >%s", input)));
	bundle_config(&b, "{'process':{'args':['/bin/busybox','cat']}}");
	struct job job = nacre_start(&(struct spawn){.input = input}, "run", "--bundle", b.dir, b.id, NULL);
	struct result r = job_wait(&job, PATIENCE);
	must_exit(&r, 0);
	MUST_SAY(!system(format("cmp %s %s", input, job.out)), "they differ");
}

RUN_TEST(panic, "a guest whose kernel panics ends its container with one line")
{
	need_vm();
	need_file("/bin/busybox");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'args':['/bin/busybox','sh','-c','echo c >/proc/sysrq-trigger; sleep 600']},'linux':{'readonlyPaths':[]}}");
	struct result r = bundle_run(&b);
	must_exit(&r, 255);
	MUST_SAY(strstr(r.err, "the virtual machine ended: "), "%s", r.err);
	must_leave_nothing(&b);
}

RUN_TEST(cannot_be_had, "what a virtual machine cannot have is refused with the reason")
{
	static const char *const cases[][2] = {
	    {"{'linux':{'namespaces':[{'type':'mount'},{'type':'pid'},{'type':'uts'},{'type':'ipc'}]}}", "network"},
	    {"{'hostname':null,'mounts':[],'linux':{'namespaces':[{'type':'network'}]}}", "mount namespace"},
	    {"{'linux':{'namespaces':[{'type':'mount'},{'type':'network'},{'type':'uts'},{'type':'ipc'}]}}", "namespace of type pid"},
	    {"{'linux':{'namespaces':[{'type':'mount'},{'type':'network'},{'type':'uts'},{'type':'pid'}]}}", "namespace of type ipc"},
	    {"{'hostname':null,'linux':{'namespaces':[{'type':'mount'},{'type':'network'},{'type':'pid'},{'type':'ipc'}]}}", "namespace of type uts"},
	    {"{'vm':{'kernel':{'path':'/vmlinuz'},'image':{'path':'/image','format':'raw'}}}", "vm.image"},
	    {"{'vm':{'kernel':{'path':'/vmlinuz'},'hypervisor':{'path':'/usr/bin/qemu'}}}", "vm.hypervisor"},
	    {"{'vm':{'kernel':{'path':'/vmlinuz'},'hwConfig':{'deviceTree':'/dtb'}}}", "vm.hwConfig"},
	    {"{'process':{'execCPUAffinity':{'initial':'0'}}}", "execCPUAffinity"},
	    {"{'vm':{'kernel':{'path':'/vmlinuz','initrd':'/initrd'}}}", "vm.kernel.initrd"},
	    {"{'vm':{'kernel':{'path':'/vmlinuz'},'hwConfig':{'memory':1048576}}}", "too little"},
	    {"{'vm':{'kernel':{'path':'/vmlinuz'},'hwConfig':{'vcpus':4096}}}", "vm.hwConfig.vcpus"},
	    {"{'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'/nobody','syscalls':[{'names':['uname'],'action':'SCMP_ACT_NOTIFY'}]}}}",
	     ""},
	};
	need_vm();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "%s", cases[i][0]);
		refused(&b, cases[i][1]);
	}
}

/* As in a pod: its containers join what its first one has. */
RUN_TEST(joined, "namespaces joined by path are the monitor's; the guest has new ones of its own")
{
	static const char *const kinds[] = {"ipc", "uts"};
	need_vm();
	struct bundle a, b;
	bundle_make(&a);
	bundle_inside(&a, "sleep", "600", NULL);
	bundle_start(&a, NULL);
	int pid = bundle_pid(&a);
	bundle_make(&b);
	bundle_config(&b, "{'hostname':'second','linux':{'namespaces':[{'type':'mount'},{'type':'pid'},{'type':'network'},"
			  "{'type':'ipc','path':'/proc/%d/ns/ipc'},{'type':'uts','path':'/proc/%d/ns/uts'}]}}", pid, pid);
	bundle_inside(&b, "names", ";", "trap", "any", "0", NULL);
	char *out;
	bundle_start(&b, &out);
	MUST_SAY(strstr(file_wait(out, "ready"), "second"), "%s", file_text(out));
	for (size_t i = 0; i < 2; i++) {
		char of_a[64] = "", of_b[64] = "";
		MUST(readlink(format("/proc/%d/ns/%s", pid, kinds[i]), of_a, sizeof(of_a) - 1) > 0);
		MUST(readlink(format("/proc/%d/ns/%s", bundle_pid(&b), kinds[i]), of_b, sizeof(of_b) - 1) > 0);
		MUST_SAY(!strcmp(of_a, of_b), "%s: %s and %s", kinds[i], of_a, of_b);
	}
	struct result r = nacre("exec", a.id, "/bin/inside", "names", NULL);
	must_succeed(&r);
	MUST_SAY(!strstr(r.out, "second"), "%s", r.out);
}

RUN_TEST(no_kernel, "a kernel that is none, is cut off, or has no modules is named")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'vm':{'kernel':{'path':'/no/such/kernel'}}}");
	refused(&b, "/no/such/kernel");
	bundle_config(&b, "{'vm':{'kernel':{'path':'/bin/sh'}}}");
	refused(&b, "/bin/sh");
	char *part = format("%s/part", test_dir());
	MUST(!system(format("head -c 300000 %s >%s", kernel(), part)));
	bundle_config(&b, "{'vm':{'kernel':{'path':'%s'}}}", part);
	refused(&b, part);
	MUST(!truncate(part, 0));
	refused(&b, part);
	/* Another release: there is no folder of its modules. */
	struct utsname u;
	uname(&u);
	char *other = format("%s/other", test_dir()), *release = format("%s", u.release);
	release[0] = '9';
	MUST(!system(format("sed 's/%s/%s/g' %s >%s", u.release, release, kernel(), other)));
	bundle_config(&b, "{'vm':{'kernel':{'path':'%s'}}}", other);
	refused(&b, release);
	make_folder(format("%s/folder", test_dir()));
	bundle_config(&b, "{'vm':{'kernel':{'path':'%s/folder'}}}", test_dir());
	refused(&b, "folder");
}

/* As in a host where /dev/kvm is not what it should be. */
static void with_dev_kvm(struct bundle *b, const char *prepare, const char *needle)
{
	const char *words = getenv("NACRE");
	struct result r = run_program(&(struct spawn){.argv = (const char *[]){
							   "unshare", "-m", "sh", "-c",
							   format("%s && exec %s --root %s run --bundle %s %s", prepare, words, state_root(), b->dir, b->id),
							   NULL}});
	must_fail(&r, needle);
	must_leave_nothing(b);
}

RUN_TEST(no_kvm, "no /dev/kvm, one that is none, and one that is not for us")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	with_dev_kvm(&b, "mount --bind /dev/null /dev/kvm", "/dev/kvm");
	with_dev_kvm(&b,
		     "mkdir -p /run/devs && mount -t tmpfs devs /run/devs && cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "
		     "/dev/ptmx /run/devs && mount --move /run/devs /dev",
		     "/dev/kvm");
	/* Somebody else's: the build folder may lie where only root can walk. */
	char *copy = format("%s/nacre-kvm", test_dir()), *words = format("%s", getenv("NACRE"));
	words[strcspn(words, " ")] = '\0';
	MUST(!system(format("cp %s %s && chmod 755 %s", words, copy, copy)));
	struct result r = run_program(&(struct spawn){.argv = (const char *[]){
							   "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c",
							   format("%s check; exit 0", copy),
							   NULL}});
	MUST_SAY(strstr(r.out, "kvm         no ") && strstr(value_of(r.out, "kvm"), "/dev/kvm"), "%s%s", r.out, r.err);
}

RUN_TEST(no_agent, "without the agent's program a machine is refused with the remedy")
{
	need_vm();
	struct bundle b;
	bundle_make(&b);
	const char *more[] = {"NACRE_AGENT=/no/such/agent", NULL};
	struct result r = nacre_with(&(struct spawn){.env = more}, "run", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, "/no/such/agent");
	must_leave_nothing(&b);
}

/* The container whose guest lies in this way. */
static struct job lying_job(struct bundle *b, const char *lie)
{
	static char agent[4200];
	snprintf(agent, sizeof(agent), "NACRE_AGENT=%.*s/false_agent", (int)(strrchr(getenv("INSIDE"), '/') - getenv("INSIDE")), getenv("INSIDE"));
	const char *more[] = {agent, NULL};
	bundle_make(b);
	bundle_config(b, "{'vm':{'kernel':{'path':'%s','parameters':['FALSE_AGENT=%s']}}}", kernel(), lie);
	return nacre_start(&(struct spawn){.env = more}, "run", "--bundle", b->dir, b->id, NULL);
}

static struct result lying(struct bundle *b, const char *lie)
{
	struct job job = lying_job(b, lie);
	return job_wait(&job, 15 * PATIENCE);
}

RUN_TEST(lies, "a guest that lies fails its own container, with one line, and nothing is left")
{
	static const char *const lies[][2] = {
	    {"leave", "powered off"}, {"die", "the virtual machine ended"}, {"garbage", "talks nonsense"}, {"start", "speaks for stage"},
	    {"negative", "stage"},    {"early", ""},                        {"words", "first line?second line?[2J??2J"},
	};
	need_vm();
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct bundle b;
		struct result r = lying(&b, lies[i][0]);
		MUST_SAY(r.status > 0 && r.status != 128 + SIGSEGV, "%s: status %d, %s", lies[i][0], r.status, r.err);
		MUST_SAY(strstr(r.err, lies[i][1]), "%s: %s", lies[i][0], r.err);
		MUST_SAY(strchr(r.err, '\n') && !strchr(r.err, '\n')[1], "%s: not one line: %s", lies[i][0], r.err);
		must_leave_nothing(&b);
	}
}

RUN_TEST(silence, "a guest that never says a word is given up")
{
	need_vm();
	struct bundle b;
	struct result r = lying(&b, "silence");
	must_fail(&r, "does not say a word");
	must_leave_nothing(&b);
}

RUN_TEST(given_up, "a signal that comes while a guest boots ends the run")
{
	need_vm();
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		struct bundle b;
		struct job job = lying_job(&b, "silence");
		MUST(bundle_wait_status(&b, "creating"));
		MUST(kill(job.pid, signals[i]) == 0);
		struct result r = job_wait(&job, PATIENCE);
		must_fail(&r, "given up: SIG");
		must_leave_nothing(&b);
	}
}
