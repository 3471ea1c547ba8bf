/* test_image.c: hostile images: a clean error or nothing at all, and never a change on the host. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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
				/* A virtual machine for each takes its time: each name and each form there, not each of both. */
				if (in_vm() && ((int)i + form) % 3)
					continue;
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
