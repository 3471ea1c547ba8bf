/* test_rootfs.c: the container's file system: mounts, devices, links, what is masked, what is read-only, what
 * crosses the border. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/run/bundle.h"

RUN_TEST(default_mounts, "the mounts of the default config, with their options")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "showmount", "/proc", "/dev", "/dev/pts", "/dev/shm",
					    "/dev/mqueue", "/sys", "/", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "/proc proc rw,relatime") || strstr(r.out, "/proc proc rw,nosuid"), "%s",
		 r.out);
	MUST_SAY(strstr(r.out, "/dev tmpfs ") && strstr(r.out, "nosuid") && strstr(r.out, "mode=755"), "%s",
		 r.out);
	MUST_SAY(strstr(r.out, "/dev/pts devpts ") && strstr(r.out, "ptmxmode=666"), "%s", r.out);
	MUST_SAY(strstr(r.out, "/dev/shm tmpfs rw,nosuid,nodev,noexec"), "%s", r.out);
	MUST_SAY(strstr(r.out, "/dev/mqueue mqueue rw,nosuid,nodev,noexec"), "%s", r.out);
	MUST_SAY(strstr(r.out, "/sys sysfs ro,") || (!am_root() && strstr(r.out, "/sys ")), "%s", r.out);
}

RUN_TEST(old_root_gone, "nothing of the host's root is left in the container")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "ls", "/", ";", "cat", "/proc/self/mountinfo", NULL);
	must_succeed(&r);
	MUST_SAY(has_line(r.out, "bin") && !has_line(r.out, "home") && !has_line(r.out, "usr"), "%s", r.out);
	MUST_SAY(!strstr(r.out, "/oldroot") && !strstr(r.out, ".pivot"), "%s", r.out);
}

RUN_TEST(readonly_root, "a read-only root")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'root':{'readonly':true}}");
	struct result r = bundle_run_inside(&b, "write", "/new", ";", "write", "/dev/new", ";", "write",
					    "/bin/inside", NULL);
	must_print(&r, "write /new: EROFS");
	must_print(&r, "write /dev/new: ok");
	MUST_SAY(strstr(r.out, "write /bin/inside: E"), "%s", r.out);
	MUST(!exists(format("%s/new", b.rootfs)));
}

RUN_TEST(writable_root, "a writable root")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'root':{'readonly':false}}");
	struct result r = bundle_run_inside(&b, "write", "/tmp/new", "words", NULL);
	must_print(&r, "write /tmp/new: ok");
	MUST(!strcmp(file_text(format("%s/tmp/new", b.rootfs)), "words"));
}

RUN_TEST(absolute_root, "root.path may be absolute, with a trailing slash or a symlink before it")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'root':{'path':'%s/'}}", b.rootfs);
	struct result r = bundle_run(&b);
	must_succeed(&r);
	MUST(!symlink("rootfs", format("%s/link", b.dir)));
	bundle_config(&b, "{'root':{'path':'link'}}");
	r = bundle_run(&b);
	must_succeed(&r);
}

RUN_TEST(default_devices, "the default devices: numbers and modes")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "stat", "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					    "/dev/urandom", "/dev/tty", NULL);
	must_succeed(&r);
	static const char *const nodes[] = {"null: c 666",   "zero: c 666",    "full: c 666",
					    "random: c 666", "urandom: c 666", "tty: c 666"};
	static const char *const numbers[] = {"1:3", "1:5", "1:7", "1:8", "1:9", "5:0"};
	for (size_t i = 0; i < 6; i++) {
		char *line = value_of(
		    r.out, format("/dev/%.*s", (int)(strchr(nodes[i], ':') - nodes[i] + 1), nodes[i]));
		MUST_SAY(strstr(line, "c 666") && strstr(line, numbers[i]), "%s: %s", nodes[i], r.out);
	}
}

RUN_TEST(devices_work, "/dev/null takes, /dev/zero gives")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "write", "/dev/null", "x", ";", "open", "/dev/zero", "r", ";",
					    "open", "/dev/full", "rw", ";", "open", "/dev/urandom", NULL);
	must_print(&r, "write /dev/null: ok");
	must_print(&r, "open /dev/zero: ok");
	must_print(&r, "open /dev/full: ok");
	must_print(&r, "open /dev/urandom: ok");
}

RUN_TEST(device_links, "the links in /dev")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "stat", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr",
					    "/dev/ptmx", NULL);
	MUST_SAY(strstr(value_of(r.out, "/dev/fd:"), " /proc/self/fd"), "%s", r.out);
	MUST_SAY(strstr(value_of(r.out, "/dev/stdin:"), " /proc/self/fd/0"), "%s", r.out);
	MUST_SAY(strstr(value_of(r.out, "/dev/stdout:"), " /proc/self/fd/1"), "%s", r.out);
	MUST_SAY(strstr(value_of(r.out, "/dev/stderr:"), " /proc/self/fd/2"), "%s", r.out);
	MUST_SAY(strstr(value_of(r.out, "/dev/ptmx:"), "pts/ptmx"), "%s", r.out);
}

RUN_TEST(more_devices, "devices of the config: type, numbers, mode, owner, in a folder of their own")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'devices':[{'path':'/dev/sub/"
			  "mine','type':'c','major':1,'minor':5,'fileMode':384,'uid':12,'gid':34},"
			  "{'path':'/dev/block','type':'b','major':7,'minor':3},{'path':'/dev/"
			  "pipe','type':'p','fileMode':432},"
			  "{'path':'/dev/plain','type':'u','major':1,'minor':3}]}}");
	struct result r =
	    bundle_run_inside(&b, "stat", "/dev/sub/mine", "/dev/block", "/dev/pipe", "/dev/plain", NULL);
	must_succeed(&r);
	must_print(&r, "/dev/sub/mine: c 600 12:34 1:5");
	must_print(&r, "/dev/block: b 666 0:0 7:3");
	must_print(&r, "/dev/pipe: p 660 0:0");
	must_print(&r, "/dev/plain: c 666 0:0 1:3");
}

RUN_TEST(device_mismatch, "a file that stands where a device should be is an error")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	file_write(format("%s/mnt/node", b.rootfs), "a file");
	bundle_config(&b, "{'root':{'readonly':false},'linux':{'devices':[{'path':'/mnt/"
			  "node','type':'c','major':1,'minor':5}]}}");
	struct result r = bundle_run(&b);
	must_fail(&r, "/mnt/node");
	must_leave_nothing(&b);
	MUST(!strcmp(file_text(format("%s/mnt/node", b.rootfs)), "a file"));
}

RUN_TEST(masked, "masked paths show nothing and cannot be opened up")
{
	struct bundle b;
	bundle_make(&b);
	file_write(format("%s/etc/secret", b.rootfs), "secret");
	make_folder(format("%s/mnt/hidden", b.rootfs));
	file_write(format("%s/mnt/hidden/file", b.rootfs), "secret");
	bundle_config(&b, "{'linux':{'maskedPaths':['/etc/secret','/mnt/hidden','/does/not/exist','/etc/"
			  "secret','/proc/kcore']}}");
	struct result r = bundle_run_inside(&b, "cat", "/etc/secret", ";", "ls", "/mnt/hidden", ";", "write",
					    "/mnt/hidden/new", ";", "umount", "/etc/secret", ";",
					    "remount-rw", "/mnt/hidden", ";", "echo", "end", NULL);
	must_succeed(&r);
	MUST_SAY(!strstr(r.out, "secret\n") || !strstr(r.out, "secret\nsecret"), "%s", r.out);
	MUST_SAY(strncmp(r.out, "secret", 6) != 0 && !has_line(r.out, "file"), "%s", r.out);
	MUST_SAY(!has_line(r.out, "write /mnt/hidden/new: ok"), "%s", r.out);
	must_print(&r, "umount: EPERM");
	must_print(&r, "remount-rw: EPERM");
	must_print(&r, "end");
}

RUN_TEST(readonly_paths, "read-only paths can be read and not be written")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'root':{'readonly':false},'linux':{'readonlyPaths':['/etc','/does/not/exist','/"
			  "proc/sys','/etc/passwd']}}");
	struct result r = bundle_run_inside(&b, "open", "/etc/passwd", ";", "write", "/etc/new", ";", "write",
					    "/etc/passwd", ";", "write", "/tmp/new", ";", "open",
					    "/proc/sys/kernel/hostname", "w", NULL);
	must_print(&r, "open /etc/passwd: ok");
	must_print(&r, "write /etc/new: EROFS");
	must_print(&r, "write /etc/passwd: EROFS");
	must_print(&r, "write /tmp/new: ok");
	/* In somebody's user namespace the file is another's: then that comes first. */
	must_print(&r, am_root() ? "open /proc/sys/kernel/hostname: EROFS"
				 : "open /proc/sys/kernel/hostname: EACCES");
}

RUN_TEST(bind_folder, "a bind mount of a folder, read-only and writable")
{
	struct bundle b;
	bundle_make(&b);
	char *shared = format("%s/shared", test_dir());
	make_folder(shared);
	file_write(format("%s/file", shared), "words");
	bundle_config(
	    &b,
	    "{'+mounts':[{'destination':'/mnt/ro','type':'bind','source':'%s','options':['bind','ro']},"
	    "{'destination':'/mnt/"
	    "rw','type':'none','source':'%s','options':['rbind','rw','nosuid','noexec']}],'root':{'readonly':"
	    "false}}",
	    shared, shared);
	struct result r =
	    bundle_run_inside(&b, "cat", "/mnt/ro/file", ";", "write", "/mnt/ro/new", ";", "write",
			      "/mnt/rw/other", ";", "showmount", "/mnt/rw", "/mnt/ro", NULL);
	must_succeed(&r);
	MUST_SAY(!strncmp(r.out, "words", 5), "%s", r.out);
	MUST_SAY(strstr(r.out, "write /mnt/ro/new: EROFS"), "%s", r.out);
	MUST_SAY(strstr(r.out, "write /mnt/rw/other: ok"), "%s", r.out);
	MUST_SAY(strstr(r.out, "nosuid,") && strstr(r.out, "noexec"), "%s", r.out);
	MUST(exists(format("%s/other", shared)) && !exists(format("%s/new", shared)));
}

RUN_TEST(bind_alone, "what is mounted below the source of a bind mount is there only if it was asked for")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	char *shared = format("%s/shared", test_dir()), *below = format("%s/below", shared);
	make_folder(shared);
	make_folder(below);
	/* The test's own: it goes with it. */
	MUST(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	MUST(mount("none", below, "tmpfs", 0, NULL) == 0);
	file_write(format("%s/file", below), "words");
	bundle_config(&b,
		      "{'+mounts':[{'destination':'/mnt/alone','type':'bind','source':'%s','options':['bind']},"
		      "{'destination':'/mnt/all','type':'bind','source':'%s','options':['rbind']}]}",
		      shared, shared);
	struct result r = bundle_run_inside(&b, "stat", "/mnt/alone/below/file", ";", "cat", "/mnt/all/below/file", NULL);
	MUST_SAY(strstr(r.out, "ENOENT"), "%s %s", r.out, r.err);
	MUST_SAY(strstr(r.out, "words"), "%s %s", r.out, r.err);
}

RUN_TEST(bind_file, "a bind mount of a file, onto one that is made for it")
{
	struct bundle b;
	bundle_make(&b);
	char *file = format("%s/file", test_dir());
	file_write(file, "content");
	bundle_config(&b,
		      "{'+mounts':[{'destination':'/etc/deep/"
		      "down','source':'%s','options':['bind','ro']}],'root':{'readonly':false}}",
		      file);
	struct result r = bundle_run_inside(&b, "cat", "/etc/deep/down", NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(r.out, "content"), "%s", r.out);
}

RUN_TEST(bind_relative, "a bind source without a slash before it is relative to the bundle")
{
	struct bundle b;
	bundle_make(&b);
	make_folder(format("%s/data", b.dir));
	file_write(format("%s/data/file", b.dir), "here");
	bundle_config(
	    &b, "{'+mounts':[{'destination':'/mnt','type':'bind','source':'data','options':['bind']}]}");
	struct result r = nacre_with(&(struct spawn){.directory = "/"}, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
}

RUN_TEST(bind_missing, "a bind source that is not there is named")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'+mounts':[{'destination':'/mnt','type':'bind','source':'/no/such/"
			  "source','options':['bind']}]}");
	struct result r = bundle_run(&b);
	must_fail(&r, "/no/such/source");
	must_leave_nothing(&b);
}

RUN_TEST(mount_unknown, "a file system that the kernel does not have is named")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'+mounts':[{'destination':'/mnt','type':'nosuchfs','source':'x'}]}");
	struct result r = bundle_run(&b);
	must_fail(&r, "/mnt");
	must_leave_nothing(&b);
}

RUN_TEST(mount_bad_option, "an option that no file system knows is an error")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(
	    &b,
	    "{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'x','options':['nosuchoption=7']}]}");
	struct result r = bundle_run(&b);
	must_fail(&r, "/mnt");
	must_leave_nothing(&b);
}

RUN_TEST(tmpfs_options, "tmpfs with size, mode and owner")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(
	    &b, "{'+mounts':[{'destination':'/"
		"mnt','type':'tmpfs','source':'x','options':['size=64k','mode=1710','nodev','noatime']}]}");
	struct result r = bundle_run_inside(&b, "showmount", "/mnt", ";", "stat", "/mnt", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "size=64k") && strstr(r.out, "nodev") && strstr(r.out, "noatime"), "%s",
		 r.out);
	MUST_SAY(strstr(r.out, "/mnt: d 1710"), "%s", r.out);
}

RUN_TEST(tmpcopyup, "tmpcopyup takes along what was there")
{
	struct bundle b;
	bundle_make(&b);
	make_folder(format("%s/mnt/sub", b.rootfs));
	file_write(format("%s/mnt/sub/file", b.rootfs), "old words");
	chmod(format("%s/mnt/sub/file", b.rootfs), 0640);
	MUST(!symlink("/etc/passwd", format("%s/mnt/link", b.rootfs)));
	bundle_config(
	    &b, "{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'x','options':['tmpcopyup']}]}");
	struct result r = bundle_run_inside(&b, "cat", "/mnt/sub/file", ";", "stat", "/mnt/sub/file",
					    "/mnt/link", ";", "write", "/mnt/sub/file", "new", NULL);
	must_succeed(&r);
	MUST_SAY(!strncmp(r.out, "old words", 9), "%s", r.out);
	MUST_SAY(strstr(r.out, "/mnt/sub/file: f 640") && strstr(r.out, "/mnt/link: l 777 0:0 /etc/passwd"),
		 "%s", r.out);
	MUST(!strcmp(file_text(format("%s/mnt/sub/file", b.rootfs)), "old words"));
}

RUN_TEST(mount_order, "mounts are made in their order, one upon another")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'a'},{'destination':'/"
			  "mnt/sub','type':'tmpfs','source':'b','options':"
			  "['ro']}]}");
	struct result r = bundle_run_inside(&b, "write", "/mnt/x", ";", "write", "/mnt/sub/x", NULL);
	must_print(&r, "write /mnt/x: ok");
	must_print(&r, "write /mnt/sub/x: EROFS");
}

RUN_TEST(recursive_readonly, "rro reaches the mounts below a bind mount")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	char *outer = format("%s/outer", test_dir());
	make_folder(outer);
	make_folder(format("%s/inner", outer));
	/* Mounts of ours end with this process. */
	MUST(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	MUST(!mount("x", format("%s/inner", outer), "tmpfs", 0, NULL));
	bundle_config(
	    &b, "{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s','options':['rbind','rro']}]}",
	    outer);
	struct result r = bundle_run_inside(&b, "write", "/mnt/x", ";", "write", "/mnt/inner/x", NULL);
	if (r.status && strstr(r.err, "mount_setattr"))
		test_skip("the kernel has no mount_setattr(2)");
	must_succeed(&r);
	must_print(&r, "write /mnt/x: EROFS");
	must_print(&r, "write /mnt/inner/x: EROFS");
}

RUN_TEST(propagation,
	 "mounts made in the container do not reach the host, and with slave the host's reach the container")
{
	need_root();
	struct bundle b;
	char *out;
	bundle_make(&b);
	char *shared = format("%s/shared", test_dir());
	make_folder(shared);
	make_folder(format("%s/sub", shared));
	MUST(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	MUST(!mount(shared, shared, NULL, MS_BIND, NULL) && !mount(NULL, shared, NULL, MS_SHARED, NULL));
	bundle_config(&b,
		      "{'+mounts':[{'destination':'/"
		      "mnt','type':'bind','source':'%s','options':['rbind','rslave']},"
		      "{'destination':'/again','type':'bind','source':'%s','options':['rbind','rslave']}],'linux':{'"
		      "rootfsPropagation':'rslave'}}",
		      shared, shared);
	bundle_config(&b, "{'process':{'capabilities':{'bounding':['CAP_SYS_ADMIN'],'permitted':['CAP_SYS_"
			  "ADMIN'],'effective':['CAP_SYS_ADMIN']}}}");
	bundle_inside(&b, "mount", "/mnt", ";", "trap", "any", "0", NULL);
	bundle_start(&b, &out);
	file_wait(out, "ready");
	MUST_SAY(strstr(file_text(out), "mount: ok"), "%s", file_text(out));
	MUST_SAY(exists(format("%s/sub", shared)), "the container's tmpfs covers the host's folder");
	MUST(!mount("x", format("%s/sub", shared), "tmpfs", 0, NULL));
	/* The container has covered the first. A guest sees what is in it, by the shared file system, and no mount. */
	file_write(format("%s/sub/here", shared), "the host's\n");
	const char *file = in_vm() ? "/again/sub/here" : "/proc/self/mountinfo", *wanted = in_vm() ? "the host's" : "/mnt/sub";
	struct result r = nacre("exec", b.id, "/bin/inside", "cat", file, NULL);
	/* What it knows of a folder it believes for a second. */
	for (int i = 0; in_vm() && !strstr(r.out, wanted) && i < 100; i++) {
		nap(100);
		r = nacre("exec", b.id, "/bin/inside", "cat", file, NULL);
	}
	must_succeed(&r);
	MUST_SAY(strstr(r.out, wanted), "the host's mount did not come: %s", r.out);
}

RUN_TEST(no_pivot, "--no-pivot works as well")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "ls", "/", ";", "write", "/dev/x", NULL);
	struct result r = nacre("run", "--no-pivot", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST_SAY(has_line(r.out, "bin") && !has_line(r.out, "usr"), "%s", r.out);
}

RUN_TEST(proc_and_sys, "/proc is the container's own")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "cat", "/proc/1/comm", ";", "ls", "/proc", NULL);
	must_succeed(&r);
	must_print(&r, "inside");
	MUST_SAY(has_line(r.out, "1") && !has_line(r.out, format("%d", (int)getpid())), "%s", r.out);
}

RUN_TEST(symlinked_destination, "a destination behind symlinks stays within the root")
{
	struct bundle b;
	bundle_make(&b);
	MUST(!symlink("/mnt", format("%s/link", b.rootfs)));
	make_folder(format("%s/mnt/there", b.rootfs));
	bundle_config(&b, "{'+mounts':[{'destination':'/link/there','type':'tmpfs','source':'x'}]}");
	struct result r = bundle_run_inside(&b, "showmount", "/mnt/there", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "/mnt/there tmpfs"), "%s", r.out);
}

RUN_TEST(cgroup_mount, "/sys/fs/cgroup shows the container's cgroup, read-only")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'+mounts':[{'destination':'/sys/fs/"
			  "cgroup','type':'cgroup','source':'cgroup','options':['nosuid','noexec','nodev','"
			  "relatime','ro']}]}");
	struct result r =
	    bundle_run_inside(&b, "ls", "/sys/fs/cgroup", ";", "write", "/sys/fs/cgroup/new", NULL);
	must_succeed(&r);
	MUST_SAY(has_line(r.out, have_cgroup_v2_only() ? "cgroup.procs" : "memory"), "%s", r.out);
	MUST_SAY(strstr(r.out, "write /sys/fs/cgroup/new: E"), "%s", r.out);
}

RUN_TEST(idmapped, "an idmapped bind mount shows other owners")
{
	not_in_vm("id-mapped mounts are refused");
	need_root();
	struct bundle b;
	bundle_make(&b);
	char *shared = format("%s/shared", test_dir());
	make_folder(shared);
	file_write(format("%s/file", shared), "x");
	MUST(!chown(format("%s/file", shared), 1000, 1000));
	bundle_config(&b,
		      "{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s','options':['rbind'],"
		      "'uidMappings':[{'containerID':1000,'hostID':2000,'size':1}],'gidMappings':[{'"
		      "containerID':1000,'hostID':2000,'size':1}]}]}",
		      shared);
	struct result r = bundle_run_inside(&b, "stat", "/mnt/file", NULL);
	if (r.status && (strstr(r.err, "not supported") || strstr(r.err, "Invalid argument") ||
			 strstr(r.err, "not implemented")))
		test_skip("the file system of %s or the kernel has no idmapped mounts", shared);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "/mnt/file: f 644 2000:2000"), "%s", r.out);
}
