/* test_escape.c: hostile programs in a container: nothing of the runtime, of its files or of its caller is theirs. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static void all_capabilities(struct bundle *b)
{
	static const char all[] = "'CAP_SYS_ADMIN','CAP_DAC_OVERRIDE','CAP_DAC_READ_SEARCH','CAP_SYS_PTRACE',"
				  "'CAP_MKNOD','CAP_CHOWN','CAP_FOWNER','CAP_SYS_CHROOT'";
	bundle_config(b,
		      "{'process':{'noNewPrivileges':false,'capabilities':{'bounding':[%s],'permitted':[%s],'"
		      "effective':[%s],'inheritable':[],'ambient':[]}}}",
		      all, all, all);
}

RUN_TEST(overwrite_self,
	 "the runtime's program cannot be written through /proc/self/exe, in run or exec (CVE-2019-5736)")
{
	struct bundle b;
	bundle_make(&b);
	/* The first word of NACRE that is a program is what must not change. */
	char *program = format("%s", getenv("NACRE") ? getenv("NACRE") : "./nacre");
	program = strrchr(program, ' ') ? strrchr(program, ' ') + 1 : program;
	struct stat before, after;
	MUST(!stat(program, &before));
	/* The classic trick: the entry point is the interpreter's own /proc/self/exe. */
	file_write(format("%s/bin/trick", b.rootfs), "#!/proc/self/exe\n");
	chmod(format("%s/bin/trick", b.rootfs), 0755);
	if (am_root())
		all_capabilities(&b);
	bundle_config(&b, "{'process':{'args':['/bin/trick']},'root':{'readonly':false}}");
	struct result r = bundle_run(&b);
	(void)r; /* whatever it does, it is about the file */
	bundle_inside(&b, "trap", "any", "0", NULL);
	char *out;
	bundle_start(&b, &out);
	for (int i = 0; i < rounds(20); i++) {
		struct job job = nacre_start(NULL, "exec", b.id, "/bin/trick", NULL);
		struct result w = nacre("exec", b.id, "/bin/inside", "write", "/proc/1/exe", ";", "write",
					"/proc/self/exe", NULL);
		MUST_SAY(!strstr(w.out, "exe: ok"), "%s", w.out);
		job_wait(&job, PATIENCE);
	}
	MUST(!stat(program, &after));
	MUST_SAY(before.st_ino == after.st_ino && before.st_size == after.st_size &&
		     before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		     before.st_mtim.tv_nsec == after.st_mtim.tv_nsec,
		 "%s changed", program);
}

RUN_TEST(cwd_descriptors, "a working directory of /proc/self/fd/N leads nowhere (CVE-2024-21626)")
{
	struct bundle b;
	bundle_make(&b);
	for (int fd = 3; fd < 3 + rounds(37); fd++) {
		bundle_config(&b, "{'process':{'cwd':'/proc/self/fd/%d'}}", fd);
		struct result r = bundle_run_inside(&b, "cwd", ";", "ls", "..", NULL);
		if (r.status == 0)
			MUST_SAY(!strstr(r.out, "unreachable") && !strstr(r.out, "usr"), "fd %d: %s", fd,
				 r.out);
	}
	must_leave_nothing(&b);
}

RUN_TEST(cwd_descriptors_linked, "nor through a symlink, nor in exec")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	for (int fd = 3; fd < 3 + rounds(17); fd++)
		MUST(!symlink(format("/proc/self/fd/%d", fd), format("%s/mnt/fd%d", b.rootfs, fd)));
	bundle_start(&b, NULL);
	for (int fd = 3; fd < 3 + rounds(17); fd++) {
		struct result r = nacre("exec", "--cwd", format("/mnt/fd%d", fd), b.id, "/bin/inside", "cwd",
					";", "ls", "..", NULL);
		if (r.status == 0)
			MUST_SAY(!strstr(r.out, "unreachable") && !has_line(r.out, "usr"), "fd %d: %s", fd,
				 r.out);
		r = nacre("exec", "--cwd", format("/proc/self/fd/%d", fd), b.id, "/bin/inside", "cwd", ";",
			  "ls", "..", NULL);
		if (r.status == 0)
			MUST_SAY(!strstr(r.out, "unreachable") && !has_line(r.out, "usr"), "fd %d: %s", fd,
				 r.out);
	}
}

RUN_TEST(hunted, "nor by one who takes hold of it while it runs in the container, and waits for its end")
{
	struct bundle b;
	char *out, *program = format("%s", getenv("NACRE") ? getenv("NACRE") : "./nacre");
	struct stat before, after;
	bundle_make(&b);
	program = strrchr(program, ' ') ? strrchr(program, ' ') + 1 : program;
	MUST(!stat(program, &before));
	file_write(format("%s/bin/trick", b.rootfs), "#!/proc/self/exe\n");
	chmod(format("%s/bin/trick", b.rootfs), 0755);
	if (am_root())
		all_capabilities(&b);
	bundle_inside(&b, "hunt", "6", NULL);
	bundle_start(&b, &out);
	file_wait(out, "ready");
	while (!strstr(file_text(out), "held"))
		nacre("exec", b.id, "/bin/trick", NULL);
	/* As root of all users it can, so it must have had one: there was something to be defended. In a virtual machine it is the guest's. */
	if (am_root() && !in_vm())
		MUST_SAY(!strstr(file_text(out), "held 0"), "it has seen nothing");
	if (!in_vm())
		MUST_SAY(!strstr(file_text(out), "overwrote"), "%s", file_text(out));
	MUST(!stat(program, &after));
	MUST_SAY(before.st_size == after.st_size && before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec,
		 "%s changed", program);
}

RUN_TEST(mask_opened, "masked paths show nothing, not even to CAP_SYS_ADMIN and CAP_DAC_OVERRIDE")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	all_capabilities(&b);
	struct result r = bundle_run_inside(&b, "write", "/proc/kcore", ";", "write", "/proc/keys", ";",
					    "write", "/proc/timer_list", ";", "cat", "/proc/keys", NULL);
	must_succeed(&r);
	MUST_SAY(!strstr(r.out, "keyring"), "%s", r.out);
}

RUN_TEST(mask_undone, "masked and read-only paths cannot be taken away, neither from the container nor from namespaces below it")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "nest", ";", "umount", "/proc/keys", ";", "umount", "/proc/sys", ";", "remount-rw", "/proc/sys", ";",
					    "write", "/proc/sys/vm/swappiness", "61", ";", "cat", "/proc/keys", NULL);
	must_succeed(&r);
	MUST_SAY(!strstr(r.out, "umount: ok") && !strstr(r.out, "remount-rw: ok") && strstr(r.out, "write /proc/sys/vm/swappiness: E"), "%s", r.out);
	MUST_SAY(!strstr(r.out, "keyring"), "%s", r.out);
	if (!am_root())
		return; /* root of its own user namespace may take its own mounts away */
	r = bundle_run_inside(&b, "umount", "/proc/keys", ";", "umount", "/proc/sys", ";", "remount-rw", "/proc/sys", ";", "write",
			      "/proc/sys/vm/swappiness", "61", NULL);
	must_succeed(&r);
	MUST_SAY(!strstr(r.out, "umount: ok") && !strstr(r.out, "remount-rw: ok") && strstr(r.out, "write /proc/sys/vm/swappiness: E"), "%s", r.out);
}

/* What other programs keep in a container's root is nothing to us, whatever it is: CVE-2025-24965. */
RUN_TEST(handler_files, "files of that name in an image lead nowhere: a symlink, a fifo, a folder")
{
	static const char *const names[] = {".krun_config.json", ".krun_vm.json", "config.json", ".dockerenv"};
	for (int form = 0; form < 3; form++) {
		struct bundle b;
		bundle_make(&b);
		char *victim = format("%s/victim", test_dir());
		file_write(victim, "the host's");
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			char *path = format("%s/%s", b.rootfs, names[i]);
			MUST(!(form == 0 ? symlink(i % 2 ? victim : "../../victim", path) : form == 1 ? mkfifo(path, 0666) : mkdir(path, 0777)));
		}
		bundle_config(&b, "{'root':{'readonly':false},'annotations':{'run.oci.handler':'krun','nacre.vm':'1'}}");
		struct result r = bundle_run_inside(&b, "echo", "ran", NULL);
		must_succeed(&r);
		must_print(&r, "ran");
		MUST(!strcmp(file_text(victim), "the host's"));
		must_leave_nothing(&b);
	}
}

/* Whoever writes an image's config is not whoever may name programs and files of the host (CVE-2020-27151). */
RUN_TEST(annotations, "no annotation names a file of the host: none is read, run or written")
{
	struct bundle b;
	bundle_make(&b);
	char *written = format("%s/written", test_dir()), *program = format("%s/program", test_dir());
	file_write(program, "#!/bin/sh\ntouch %s\n", written);
	chmod(program, 0755);
	bundle_config(&b,
		      "{'annotations':{'nacre.kernel':'/no/such/kernel','nacre.vm.kernel':'/no/such/kernel','nacre.agent':'%s','nacre.hook':'%s',"
		      "'io.katacontainers.config.hypervisor.path':'%s','io.katacontainers.config.hypervisor.kernel':'/no/such/kernel',"
		      "'run.oci.hooks.stdout':'%s','run.oci.hooks.stderr':'%s','run.oci.seccomp.receiver':'%s','run.oci.seccomp_bpf_file':'/no/such/file',"
		      "'run.oci.pidfd_receiver':'%s','module.wasm.image/variant':'compat'}}",
		      program, program, program, written, written, written, written);
	bundle_config(&b, "{'hooks':{'createRuntime':[{'path':'/bin/sh','args':['sh','-c','echo from a hook']}]}}");
	struct result r = bundle_run_inside(&b, "echo", "ran", NULL);
	must_succeed(&r);
	must_print(&r, "ran");
	MUST(!exists(written));
	must_leave_nothing(&b);
}

RUN_TEST(inheritable, "nothing is inheritable unless asked for, in run and exec (CVE-2022-24769)")
{
	struct bundle b;
	char *out;
	bundle_make(&b);
	bundle_inside(&b, "caps", ";", "trap", "any", "0", NULL);
	bundle_start(&b, &out);
	file_wait(out, "ready");
	MUST_SAY(strstr(file_text(out), "CapInh:\t0000000000000000") &&
		     strstr(file_text(out), "CapAmb:\t0000000000000000"),
		 "%s", file_text(out));
	struct result r = nacre("exec", b.id, "/bin/inside", "caps", NULL);
	must_print(&r, "CapInh:\t0000000000000000");
	must_print(&r, "CapAmb:\t0000000000000000");
}

RUN_TEST(ptrace_joiner,
	 "a container that shares its pid namespace sees nothing of the runtime in it (CVE-2016-9962)")
{
	not_in_vm("the host's pid namespace is on another kernel");
	need_root();
	need_file("/bin/busybox");
	struct bundle b;
	char *out;
	bundle_make(&b);
	all_capabilities(&b);
	/* Looks at every process it sees, for a root or a descriptor that is not its own. */
	bundle_config(&b,
		      "{'process':{'args':['/bin/sh','-c','while :; do for p in /proc/[0-9]*; do [ -e "
		      "$p/root/usr/bin/env ] && echo ESCAPED $p; "
		      "for f in $p/fd/*; do l=$(/bin/busybox readlink $f); case $l in "
		      "*%s/state*|/sys/fs/cgroup*) echo FOUND $l;; esac; done; done; done 2>/dev/null'],"
		      "'env':['PATH=/bin']}}",
		      test_dir());
	bundle_start(&b, &out);
	for (int i = 0; i < rounds(40); i++) {
		struct result r = nacre("exec", b.id, "/bin/inside", "exit", "0", NULL);
		must_succeed(&r);
	}
	MUST_SAY(!strstr(file_text(out), "ESCAPED") && !strstr(file_text(out), "FOUND"), "%s",
		 file_text(out));
}

RUN_TEST(environment_injection, "variables of the caller do not steer the runtime or reach the container")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "env", ";", "fds", NULL);
	const char *env[] = {"LISTEN_FDS=99999",
			     "LISTEN_PID=1",
			     "_LIBCONTAINER_INITPIPE=3",
			     "_LIBCONTAINER_FIFOFD=4",
			     "LD_LIBRARY_PATH=/nowhere",
			     "IFS=x",
			     format("XDG_RUNTIME_DIR=%s/xdg", test_dir()),
			     /* Which it has already. */
			     getenv("ASAN_OPTIONS") ? NULL : "LD_PRELOAD=libc.so.6",
			     NULL};
	struct result r = nacre_with(&(struct spawn){.env = env}, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST_SAY(!strstr(r.out, "LISTEN") && !strstr(r.out, "LIBCONTAINER") && !strstr(r.out, "LD_") && !strstr(r.out, "XDG"),
		 "%s", r.out);
	/* Nor is anything made where one points to. */
	MUST(!exists(format("%s/xdg", test_dir())));
}
