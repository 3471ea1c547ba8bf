/* test_attack.c: hostile images, configs and containers: a clean error or nothing at all, and never a change
 * on the host. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/run/bundle.h"

/* A folder of the host that nothing in a container may change; tells whether that is so. */
static char *host_folder(void)
{
	char *path = format("%s/host", test_dir());
	make_folder(path);
	file_write(format("%s/file", path), "host");
	return path;
}

static void must_be_untouched(const char *folder)
{
	char *names = format("%s", "");
	FILE *f = popen(format("ls -A %s", folder), "re");
	char line[256];
	while (f && fgets(line, sizeof(line), f))
		names = format("%s%s", names, line);
	if (f)
		pclose(f);
	MUST_SAY(!strcmp(names, "file\n"), "something was made on the host: %s", names);
	MUST(!strcmp(file_text(format("%s/file", folder)), "host"));
}

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

RUN_TEST(proc_symlink, "an image whose /proc or /sys is a symlink or a file (CVE-2023-28642)")
{
	static const char *const targets[] = {"/tmp", "..", "../../host", "/proc", "nowhere"};
	for (size_t i = 0; i < 5; i++)
		for (int sys = 0; sys < 2; sys++) {
			struct bundle b;
			char *host = host_folder();
			bundle_make(&b);
			char *path = format("%s/%s", b.rootfs, sys ? "sys" : "proc");
			MUST(!rmdir(path) && !symlink(i == 2 ? host : targets[i], path));
			struct result r = bundle_run(&b);
			MUST_SAY(r.status >= 0, "it hangs");
			/* An ordinary user's /sys is a bind mount, which may well lead elsewhere in the root. */
			if (!sys || am_root())
				MUST_SAY(r.status > 0, "%s as a symlink to %s: status %d", sys ? "/sys" : "/proc", targets[i], r.status);
			must_be_untouched(host);
			must_leave_nothing(&b);
		}
	struct bundle b;
	bundle_make(&b);
	MUST(!rmdir(format("%s/proc", b.rootfs)));
	file_write(format("%s/proc", b.rootfs), "a file");
	struct result r = bundle_run(&b);
	must_fail(&r, "/proc");
	must_leave_nothing(&b);
}

RUN_TEST(over_proc, "mounts that would cover /proc or lie in it (CVE-2019-16884)")
{
	static const char *const bad[] = {"/proc/sys",	      "//proc/self",	  "/proc/./self/attr",
					  "/tmp/../proc/sys", "/proc/sys/kernel", "/proc/self/fd"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'+mounts':[{'destination':'%s','type':'tmpfs','source':'x'}]}", bad[i]);
		struct result r = bundle_run(&b);
		MUST_SAY(r.status != 0, "a tmpfs on %s was taken", bad[i]);
		must_fail(&r, "/proc");
		must_leave_nothing(&b);
	}
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'+mounts':[{'destination':'/proc','type':'tmpfs','source':'x'}]}");
	struct result r = bundle_run(&b);
	must_fail(&r, "/proc");
	must_leave_nothing(&b);
}

RUN_TEST(proc_race,
	 "a sysctl while /proc of the image is exchanged with a folder of plain files (CVE-2025-52881)")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	/* Where a fooled runtime would write: a plain file, and one that leads to the host's own parameter. */
	char *decoy = format("%s/decoy", b.rootfs), *plain = format("%s/sys/net/ipv4/ip_forward", decoy);
	static const char *const folders[] = {"", "/sys", "/sys/net", "/sys/net/ipv4", "/self", "/self/attr"};
	for (size_t i = 0; i < 6; i++)
		make_folder(format("%s%s", decoy, folders[i]));
	file_write(plain, "untouched");
	file_write(format("%s/self/attr/exec", decoy), "untouched");
	char *hosts = strdup(file_text("/proc/sys/net/ipv4/ip_forward"));
	const char *other = *hosts == '1' ? "0" : "1";
	bundle_config(&b, "{'linux':{'sysctl':{'net.ipv4.ip_forward':'%s'}},'root':{'readonly':false}}", other);
	char *proc = format("%s/proc", b.rootfs);
	int racer = fork();
	if (!racer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* In bursts, with pauses of every length up to 4 ms: the exchange is to fall between any two of the runtime's calls. */
		for (unsigned int i = 0;; i++) {
			syscall(SYS_renameat2, AT_FDCWD, proc, AT_FDCWD, decoy, 2 /* RENAME_EXCHANGE */);
			if (i % 16 == 0)
				usleep(i / 16 % 40 * 100);
		}
	}
	/* A container ends well or with an error; either way nothing but its own parameter has changed. */
	for (int i = 0; i < rounds(60); i++) {
		struct result r = bundle_run_inside(&b, "cat", "/proc/sys/net/ipv4/ip_forward", NULL);
		MUST_SAY(r.status >= 0, "it hangs");
		MUST_SAY(!strcmp(file_text("/proc/sys/net/ipv4/ip_forward"), hosts), "the host's parameter was changed");
	}
	kill(racer, SIGKILL);
	waitpid(racer, NULL, 0);
	/* Whichever of the two folders is /proc now: without the race it works, so the race was over something. */
	struct result r = bundle_run_inside(&b, "cat", "/proc/sys/net/ipv4/ip_forward", NULL);
	must_succeed(&r);
	MUST_SAY(!strncmp(r.out, other, 1), "%s", r.out);
	for (int k = 0; k < 2; k++) {
		char *folder = format("%s/%s", b.rootfs, k ? "proc" : "decoy");
		char *file = format("%s/sys/net/ipv4/ip_forward", folder);
		if (!access(file, F_OK))
			MUST_SAY(!strncmp(file_text(file), "untouched", 9), "the plain file was written: %s", file);
		file = format("%s/self/attr/exec", folder);
		if (!access(file, F_OK))
			MUST_SAY(!strncmp(file_text(file), "untouched", 9), "the plain file was written: %s", file);
	}
	must_leave_nothing(&b);
}

RUN_TEST(dev_symlink, "an image whose /dev is a symlink to the host (CVE-2026-41579)")
{
	for (int with_tmpfs = 0; with_tmpfs < 2; with_tmpfs++)
		for (int form = 0; form < 4; form++) {
			struct bundle b;
			char *host = host_folder();
			bundle_make(&b);
			char *dev = format("%s/dev", b.rootfs);
			const char *const targets[] = {host, "../../../host", "/does/not/exist",
						       "../../host"};
			MUST(!rmdir(dev) && !symlink(targets[form], dev));
			if (!with_tmpfs)
				bundle_config(
				    &b, "{'mounts':[{'destination':'/"
					"proc','type':'proc','source':'proc'}],'root':{'readonly':false}}");
			struct result r = bundle_run(&b);
			MUST_SAY(r.status >= 0, "it hangs");
			must_be_untouched(host);
			must_leave_nothing(&b);
		}
}

RUN_TEST(dev_entries, "an image with false /dev/null, console, ptmx and pts (CVE-2025-31133, CVE-2026-88264)")
{
	static const char *const names[] = {"null",  "console", "ptmx", "pts", "fd",
					    "stdin", "zero",	"tty",	"shm", "mqueue"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (int form = 0; form < 3; form++)
			for (int readonly = 0; readonly < 2; readonly++) {
				struct bundle b;
				char *host = host_folder();
				bundle_make(&b);
				char *path = format("%s/dev/%s", b.rootfs, names[i]);
				if (form == 0)
					MUST(!symlink(format("%s/file", host), path));
				else if (form == 1)
					MUST(!symlink(format("../../../host/new"), path));
				else
					file_write(path, "false");
				/* Nothing is mounted on /dev: what the image holds is what there is. */
				bundle_config(&b,
					      "{'mounts':[{'destination':'/"
					      "proc','type':'proc','source':'proc'}],'root':{'readonly':%s}}",
					      readonly ? "true" : "false");
				bundle_config(&b, "{'linux':{'maskedPaths':['/etc/"
						  "passwd'],'readonlyPaths':['/proc/sys']}}");
				struct result r = bundle_run_inside(&b, "write", "/dev/null", ";", "cat",
								    "/etc/passwd", NULL);
				MUST_SAY(r.status >= 0, "it hangs");
				MUST_SAY(!strstr(r.out, "host\n"), "%s form %d: the host's file is seen: %s",
					 names[i], form, r.out);
				must_be_untouched(host);
				must_leave_nothing(&b);
			}
}

RUN_TEST(stdio_null, "stdin of /dev/null and a false /dev/null in the image (CVE-2026-88265)")
{
	struct bundle b;
	char *host = host_folder();
	bundle_make(&b);
	MUST(!symlink(format("%s/file", host), format("%s/dev/null", b.rootfs)));
	bundle_config(
	    &b,
	    "{'mounts':[{'destination':'/proc','type':'proc','source':'proc'}],'root':{'readonly':false}}");
	if (am_root())
		bundle_config(&b, "{'process':{'user':{'uid':1234,'gid':1234}}}");
	struct result r = bundle_run_inside(&b, "fds", NULL);
	MUST_SAY(!strstr(r.out, format("fd 0 %s", host)), "%s", r.out);
	must_be_untouched(host);
	struct stat st;
	MUST(!stat(format("%s/file", host), &st) && st.st_uid == getuid());
}

RUN_TEST(exchange_race,
	 "a symlink that is exchanged with a mount's destination while it is mounted (CVE-2021-30465)")
{
	need_root();
	struct bundle b;
	char *host = host_folder();
	bundle_make(&b);
	make_folder(format("%s/mnt/real", b.rootfs));
	MUST(!symlink("../../../../../../../../../../../../../..", format("%s/mnt/link", b.rootfs)));
	/* What must not be covered: the host's folder, below the name the link leads to. */
	bundle_config(&b,
		      "{'+mounts':[{'destination':'/mnt/"
		      "real%s','type':'tmpfs','source':'x'}],'root':{'readonly':false}}",
		      host);
	int racer = fork();
	if (!racer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		char *real = format("%s/mnt/real", b.rootfs), *link = format("%s/mnt/link", b.rootfs);
		for (;;)
			syscall(SYS_renameat2, AT_FDCWD, real, AT_FDCWD, link, 2 /* RENAME_EXCHANGE */);
	}
	for (int i = 0; i < rounds(100); i++) {
		struct result r = bundle_run_inside(&b, "echo", "ran", NULL);
		MUST_SAY(r.status >= 0, "it hangs");
		must_be_untouched(host);
	}
	kill(racer, SIGKILL);
	waitpid(racer, NULL, 0);
	MUST_SAY(!strstr(file_text("/proc/self/mountinfo"), host), "a mount reached the host");
	must_leave_nothing(&b);
}

RUN_TEST(
    mkdir_outside,
    "a destination through a symlink to a place that is not there makes nothing on the host (CVE-2024-45310)")
{
	struct bundle b;
	char *host = host_folder();
	bundle_make(&b);
	MUST(!symlink(format("%s/new", host), format("%s/mnt/absolute", b.rootfs)));
	MUST(!symlink("../../../host/new", format("%s/mnt/relative", b.rootfs)));
	static const char *const ways[] = {"/mnt/absolute", "/mnt/relative", "/mnt/absolute/deep/er",
					   "/mnt/relative/deep/er"};
	for (size_t i = 0; i < 4; i++) {
		struct bundle c;
		bundle_make(&c);
		MUST(!symlink(format("%s/new", host), format("%s/mnt/absolute", c.rootfs)));
		MUST(!symlink("../../../host/new", format("%s/mnt/relative", c.rootfs)));
		bundle_config(&c,
			      "{'+mounts':[{'destination':'%s','type':'tmpfs','source':'x'}],'root':{'"
			      "readonly':false}}",
			      ways[i]);
		struct result r = bundle_run(&c);
		MUST_SAY(r.status >= 0, "it hangs");
		must_be_untouched(host);
	}
}

RUN_TEST(dotdot_destination, "destinations with dots stay within the root")
{
	struct bundle b;
	char *host = host_folder();
	bundle_make(&b);
	bundle_config(&b,
		      "{'+mounts':[{'destination':'/../../../../../../../"
		      "..%s','type':'tmpfs','source':'x'}],'root':{'readonly':false}}",
		      host);
	struct result r = bundle_run(&b);
	MUST_SAY(r.status >= 0, "it hangs");
	must_be_untouched(host);
}

RUN_TEST(mask_forms, "masked paths that are symlinks, have symlink parents, stand there twice, or are a fifo")
{
	need_root();
	struct bundle b;
	char *host = host_folder();
	bundle_make(&b);
	MUST(!symlink("/etc/passwd", format("%s/mnt/link", b.rootfs)));
	MUST(!symlink("/etc", format("%s/mnt/etc", b.rootfs)));
	MUST(!symlink(host, format("%s/mnt/host", b.rootfs)));
	MUST(!mkfifo(format("%s/mnt/fifo", b.rootfs), 0666));
	bundle_config(&b, "{'linux':{'maskedPaths':['/mnt/link','/mnt/etc/group','/mnt/host/file','/mnt/"
			  "fifo','/mnt/fifo','/mnt/link']}}");
	struct result r =
	    bundle_run_inside(&b, "cat", "/etc/group", "/mnt/etc/group", ";", "echo", "end", NULL);
	MUST_SAY(r.status >= 0, "it hangs");
	MUST_SAY(!strstr(r.out, "guest"), "%s", r.out);
	must_be_untouched(host);
	must_leave_nothing(&b);
}

RUN_TEST(mask_opened,
	 "masked and read-only paths hold against a container with CAP_SYS_ADMIN that unmounts what it can")
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

RUN_TEST(copyup_links, "tmpcopyup of a folder with symlinks, devices and setuid files copies no host file")
{
	need_root();
	struct bundle b;
	char *host = host_folder();
	bundle_make(&b);
	MUST(!symlink(format("%s/file", host), format("%s/mnt/link", b.rootfs)));
	MUST(!symlink(host, format("%s/mnt/folder", b.rootfs)));
	MUST(!mkfifo(format("%s/mnt/fifo", b.rootfs), 0600));
	MUST(!mknod(format("%s/mnt/node", b.rootfs), S_IFCHR | 0600, makedev(1, 5)));
	bundle_config(
	    &b, "{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'x','options':['tmpcopyup']}]}");
	struct result r = bundle_run_inside(&b, "cat", "/mnt/link", ";", "ls", "/mnt", NULL);
	MUST_SAY(r.status >= 0, "it hangs");
	MUST_SAY(!has_line(r.out, "host"), "%s", r.out);
	must_be_untouched(host);
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

RUN_TEST(root_options, "a state root that is none")
{
	struct bundle b;
	bundle_make(&b);
	char *plain = format("%s/plain", test_dir());
	file_write(plain, "x");
	struct result r = nacre("--root", plain, "create", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, plain);
	r = nacre("--root", "/", "create", "--bundle", b.dir, b.id, NULL);
	MUST_SAY(r.status != 0, "--root / was taken");
	MUST(!exists(format("/%s", b.id)));
	must_leave_nothing(&b);
}

RUN_TEST(state_tampered, "a state folder with nonsense in it is an error, not a crash")
{
	static const char *const texts[] = {
	    "", "{", "{}", "[]", "{\"pid\":1}", "\xff", "{\"pid\":-1,\"status\":\"running\"}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_inside(&b, "sleep", "600", NULL);
		bundle_start(&b, NULL);
		char *file = format("%s/%s/state.json", state_root(), b.id), *before = file_text(file);
		if (!*before)
			test_skip("the program under test keeps no state.json");
		file_write(file, "%s", texts[i]);
		static const char *const commands[] = {"state", "start", "kill", "ps", "exec"};
		for (size_t k = 0; k < 5; k++) {
			struct result r = nacre(commands[k], b.id, k == 4 ? "/bin/inside" : NULL,
						k == 4 ? "id" : NULL, NULL);
			MUST_SAY(r.status >= 0 && (r.status < 128 || r.status == 255), "%s on %s: status %d",
				 commands[k], texts[i], r.status);
		}
		file_write(file, "%s", before);
		struct result r = nacre("delete", "--force", b.id, NULL);
		must_succeed(&r);
		must_leave_nothing(&b);
	}
}

RUN_TEST(same_id_race, "of ten creates with the same id one wins, and nothing of the others is left")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	struct job jobs[10];
	int won = 0;
	for (int i = 0; i < 10; i++)
		jobs[i] = nacre_start(NULL, "create", "--bundle", b.dir, b.id, NULL);
	for (int i = 0; i < 10; i++) {
		struct result r = job_wait(&jobs[i], PATIENCE);
		MUST_SAY(r.status >= 0 && r.status < 128, "status %d %s", r.status, r.err);
		won += r.status == 0;
	}
	MUST_SAY(won == 1, "%d of them won", won);
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(start_delete_race, "start and delete --force at the same time end in nothing")
{
	for (int i = 0; i < rounds(10); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_inside(&b, "sleep", "600", NULL);
		bundle_create(&b, NULL);
		struct job start = nacre_start(NULL, "start", b.id, NULL),
			   end = nacre_start(NULL, "delete", "--force", b.id, NULL);
		struct result r = job_wait(&start, PATIENCE), d = job_wait(&end, PATIENCE);
		MUST_SAY(r.status >= 0 && d.status >= 0, "one hangs: %d %d", r.status, d.status);
		d = nacre("delete", "--force", b.id, NULL);
		must_succeed(&d);
		must_leave_nothing(&b);
	}
}

static bool no_cgroup(void *id)
{
	return !*cgroup_folders(id);
}

RUN_TEST(killed_runtime, "a create that is killed at any moment can be deleted, and leaves nothing")
{
	for (int delay = 0; delay < 12000; delay += 12000 / rounds(30)) {
		struct bundle b;
		bundle_make(&b);
		bundle_inside(&b, "sleep", "600", NULL);
		struct job job = nacre_start(NULL, "create", "--bundle", b.dir, b.id, NULL);
		usleep((useconds_t)delay);
		kill(job.pid, SIGKILL);
		job_wait(&job, PATIENCE);
		struct result r = nacre("delete", "--force", b.id, NULL);
		MUST_SAY(r.status == 0, "after %d us: %s", delay, r.err);
		/* The child has to notice that its parent has gone. */
		MUST_SAY(wait_until(no_cgroup, b.id, PATIENCE), "after %d us: cgroup left: %s", delay, cgroup_folders(b.id));
		must_leave_nothing(&b);
	}
}

RUN_TEST(recycled_pid, "a container whose process has gone is stopped, whatever has its number now")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	char *file = format("%s/%s/state.json", state_root(), b.id), *text = file_text(file);
	int pid = bundle_pid(&b);
	if (!strstr(text, format("%d", pid)))
		test_skip("the program under test keeps no pid in state.json");
	/* The number of this test instead: not a process of the container's, however alive. */
	usleep(100000); /* start times are told in hundredths of a second */
	int innocent = fork();
	if (!innocent) {
		pause();
		_exit(0);
	}
	char *at = strstr(text, format("%d", pid)), *after = at + strlen(format("%d", pid));
	file_write(file, "%.*s%d%s", (int)(at - text), text, innocent, after);
	struct result r = nacre("kill", b.id, "KILL", NULL);
	MUST_SAY(r.status != 0, "it killed somebody else");
	MUST(!strcmp(bundle_state(&b, "status"), "stopped"));
	MUST_SAY(waitpid(innocent, NULL, WNOHANG) == 0, "the innocent process was killed");
	file_write(file, "%s", text);
	kill(innocent, SIGKILL);
	waitpid(innocent, NULL, 0);
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
			     NULL};
	struct result r = nacre_with(&(struct spawn){.env = env}, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST_SAY(!strstr(r.out, "LISTEN") && !strstr(r.out, "LIBCONTAINER") && !strstr(r.out, "LD_LIBRARY"),
		 "%s", r.out);
}

RUN_TEST(fifo_config, "a config.json that is a fifo or a device does not hang the program")
{
	struct bundle b;
	bundle_make(&b);
	char *path = format("%s/config.json", b.dir);
	MUST(!unlink(path) && !mkfifo(path, 0600));
	struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
	MUST_SAY(r.status > 0, "status %d", r.status);
	MUST(!unlink(path) && !symlink("/dev/zero", path));
	r = nacre("create", "--bundle", b.dir, b.id, NULL);
	MUST_SAY(r.status > 0 && r.status < 128, "status %d", r.status);
	must_leave_nothing(&b);
}
