/* test_label.c: AppArmor profiles and SELinux labels, where the host has one of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/run/bundle.h"

/* --- AppArmor --- */

#define APPARMOR "/sys/kernel/security/apparmor"

static const char *parser(void)
{
	static const char *const places[] = {"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"};
	for (size_t i = 0; i < 2; i++)
		if (!access(places[i], X_OK))
			return places[i];
	test_skip("this machine has no apparmor_parser");
}

static void need_apparmor(void)
{
	need_root();
	if (*file_text("/sys/module/apparmor/parameters/enabled") != 'Y')
		test_skip("this machine has no AppArmor");
	need_file(APPARMOR "/profiles");
}

/* Loads a profile that allows all but writing /tmp/forbidden. Its name is this test's own. */
static char *load_profile(const char *part)
{
	char *name = format("nacre-%s-%d", part, (int)getpid()), *file = format("%s/%s", test_dir(), name);
	file_write(file,
		   "profile %s flags=(attach_disconnected,mediate_deleted) {\n"
		   "  file,\n  capability,\n  network,\n  mount,\n  umount,\n  pivot_root,\n  signal,\n  "
		   "ptrace,\n  unix,\n"
		   "  deny /tmp/forbidden w,\n}\n",
		   name);
	const char *argv[] = {parser(), "--skip-cache", "--replace", file, NULL};
	struct result r = run_program(&(struct spawn){.argv = argv});
	MUST_SAY(r.status == 0, "apparmor_parser: %s", r.err);
	return name;
}

static void remove_profile(const char *name)
{
	const char *argv[] = {parser(), "--remove", format("%s/%s", test_dir(), name), NULL};
	struct result r = run_program(&(struct spawn){.argv = argv});
	MUST_SAY(r.status == 0, "apparmor_parser: %s", r.err);
}

RUN_TEST(apparmor_run, "a container's program is under its AppArmor profile")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	need_apparmor();
	struct bundle b;
	bundle_make(&b);
	char *name = load_profile("run");
	bundle_config(&b, "{'process':{'apparmorProfile':'%s'},'root':{'readonly':false}}", name);
	struct result r = bundle_run_inside(&b, "cat", "/proc/self/attr/current", ";", "write",
					    "/tmp/forbidden", ";", "write", "/tmp/allowed", NULL);
	remove_profile(name);
	must_succeed(&r);
	must_print(&r, format("%s (enforce)", name));
	must_print(&r, "write /tmp/forbidden: EACCES");
	must_print(&r, "write /tmp/allowed: ok");
	must_leave_nothing(&b);
}

RUN_TEST(apparmor_exec, "exec's process is under the container's profile, or under its own")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	need_apparmor();
	struct bundle b;
	bundle_make(&b);
	char *name = load_profile("first"), *other = load_profile("second");
	bundle_config(&b, "{'process':{'apparmorProfile':'%s'},'root':{'readonly':false}}", name);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	struct result r = nacre("exec", b.id, "/bin/inside", "cat", "/proc/self/attr/current", ";", "write",
				"/tmp/forbidden", NULL);
	struct result s =
	    nacre("exec", "--apparmor", other, b.id, "/bin/inside", "cat", "/proc/self/attr/current", NULL);
	file_write(format("%s/process.json", b.dir),
		   "{\"cwd\":\"/\",\"args\":[\"/bin/inside\",\"cat\",\"/proc/self/attr/"
		   "current\"],\"user\":{\"uid\":0,\"gid\":0},\"apparmorProfile\":\"%s\"}",
		   other);
	struct result p = nacre("exec", "--process", format("%s/process.json", b.dir), b.id, NULL);
	struct result d = nacre("delete", "--force", b.id, NULL);
	remove_profile(name);
	remove_profile(other);
	must_succeed(&r);
	must_print(&r, format("%s (enforce)", name));
	must_print(&r, "write /tmp/forbidden: EACCES");
	must_succeed(&s);
	must_print(&s, format("%s (enforce)", other));
	must_succeed(&p);
	must_print(&p, format("%s (enforce)", other));
	must_succeed(&d);
	must_leave_nothing(&b);
}

RUN_TEST(apparmor_unknown,
	 "an AppArmor profile that is not loaded, or that nobody could load, is an error that names it")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'apparmorProfile':'nacre-nobody'}}");
	struct result r = bundle_run(&b);
	bool has = am_root() && *file_text("/sys/module/apparmor/parameters/enabled") == 'Y';
	must_fail(&r,
		  has ? "profile \"nacre-nobody\" is not loaded on this host" : "process.apparmorProfile");
	must_leave_nothing(&b);
}

/* --- SELinux --- */

static bool is_valid(const char *context)
{
	int fd = open("/sys/fs/selinux/context", O_RDWR | O_CLOEXEC);
	bool valid = fd >= 0 && write(fd, context, strlen(context) + 1) > 0;
	if (fd >= 0)
		close(fd);
	return valid;
}

static void need_selinux(void)
{
	need_root();
	need_file("/sys/fs/selinux/context");
	if (*file_text("/sys/fs/selinux/enforce") != '0')
		test_skip("SELinux is enforcing here: whether a program may have another label is up to the "
			  "policy");
}

/* The nth that this policy knows and that is not ours. */
static const char *other_context(int n)
{
	static const char *const known[] = {"system_u:system_r:container_t:s0:c1,c2",
					    "system_u:system_r:container_t:s0",
					    "unconfined_u:unconfined_r:unconfined_t:s0",
					    "system_u:system_r:initrc_t:s0",
					    "system_u:system_r:kernel_t:s0",
					    "system_u:system_r:init_t:s0"};
	char *own = file_text("/proc/self/attr/current");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (is_valid(known[i]) && strcmp(own, known[i]) && n-- == 0)
			return known[i];
	test_skip("this SELinux policy knows none of the usual labels");
}

/* The kernel ends it with a zero byte: nothing after it is seen. */
static void must_be_labelled(const char *text, const char *context)
{
	MUST_SAY(!strcmp(text, context), "\"%s\" instead of \"%s\"", text, context);
}

RUN_TEST(selinux_process,
	 "a container's program, and exec's, have the SELinux label, and exec's its own if it asks for one")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	need_selinux();
	struct bundle b;
	bundle_make(&b);
	const char *context = other_context(0), *other = other_context(1);
	bundle_config(&b, "{'process':{'selinuxLabel':'%s'}}", context);
	char *out;
	bundle_inside(&b, "trap", "any", "0", NULL);
	bundle_start(&b, &out);
	file_wait(out, "ready");
	must_be_labelled(file_text(format("/proc/%d/attr/current", bundle_pid(&b))), context);
	struct result r = nacre("exec", b.id, "/bin/inside", "cat", "/proc/self/attr/current", NULL);
	must_succeed(&r);
	must_be_labelled(r.out, context);
	r = nacre("exec", "--process-label", other, b.id, "/bin/inside", "cat", "/proc/self/attr/current",
		  NULL);
	must_succeed(&r);
	must_be_labelled(r.out, other);
	char *file = format("%s/process.json", b.dir);
	file_write(file,
		   "{\"cwd\":\"/\",\"args\":[\"/bin/inside\",\"cat\",\"/proc/self/attr/"
		   "current\"],\"user\":{\"uid\":0,\"gid\":0},\"selinuxLabel\":\"%s\"}",
		   other);
	r = nacre("exec", "--process", file, b.id, NULL);
	must_succeed(&r);
	must_be_labelled(r.out, other);
	r = nacre("exec", "--process-label", "no:such:label", b.id, "/bin/inside", "cat",
		  "/proc/self/attr/current", NULL);
	must_fail(&r, "no:such:label");
	/* The label is for the program, not for the runtime that waits in front of it, nor for what it makes.
	 */
	must_be_labelled(file_text(format("/proc/%d/attr/exec", bundle_pid(&b))), "");
	must_be_labelled(file_text(format("/proc/%d/attr/keycreate", bundle_pid(&b))), "");
}

/* What mountinfo says in the container about the file system at a place, after the dash. */
static const char *options_at(int pid, const char *place)
{
	char *text = file_text(format("/proc/%d/mountinfo", pid)), *line, *found = NULL;
	for (char *rest = text; (line = strsep(&rest, "\n"));)
		if (strstr(line, format(" %s ", place)) && strstr(line, " - "))
			found = strstr(line, " - ");
	MUST_SAY(found, "nothing is mounted on %s", place);
	return found;
}

static void must_have_context(int pid, const char *place, const char *context)
{
	char label[256] = "", *path = format("/proc/%d/root%s", pid, place);
	MUST_SAY(getxattr(path, "security.selinux", label, sizeof(label) - 1) > 0, "%s: %s", path,
		 strerror(errno));
	MUST_SAY(!strcmp(label, context), "%s has the label %s", place, label);
}

static const char *mount_context(void)
{
	static const char *const known[] = {"system_u:object_r:container_file_t:s0:c1,c2",
					    "system_u:object_r:tmp_t:s0"};
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (is_valid(known[i]))
			return known[i];
	test_skip("this SELinux policy knows none of the usual labels");
}

/* Every kind of mount of `spec`'s config, and what masks a directory. */
static void look_at_mounts(struct bundle *b, const char *context, bool queues)
{
	static const char *const places[] = {"/mnt",	 "/dev",	  "/dev/shm",
					     "/dev/pts", "/dev/pts/ptmx", "/masked"};
	/* A user namespace's root may not make them. */
	mkdir(format("%s/mnt", b->rootfs), 0755);
	mkdir(format("%s/masked", b->rootfs), 0755);
	bundle_config(
	    b,
	    "{'linux':{'mountLabel':'%s','+maskedPaths':['/masked']},'root':{'readonly':false},'+mounts':["
	    "{'destination':'/mnt','type':'tmpfs','source':'x'},{'destination':'/"
	    "masked','type':'tmpfs','source':'y'}]}",
	    context);
	bundle_inside(b, "sleep", "600", NULL);
	bundle_start(b, NULL);
	int pid = bundle_pid(b);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		must_have_context(pid, places[i], context);
	if (queues)
		must_have_context(pid, "/dev/mqueue", context);
	/* The kernel quotes what has a comma in it. */
	const char *all[] = {"/mnt", "/dev", "/dev/shm", "/dev/pts", "/masked"},
		   *quote = strchr(context, ',') ? "\"" : "";
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const char *options = options_at(pid, all[i]);
		MUST_SAY(strstr(options, format("context=%s%s%s", quote, context, quote)), "%s%s", all[i],
			 options);
	}
	/* What processes and controllers have for labels stays. */
	MUST_SAY(!strstr(options_at(pid, "/proc"), "context="), "/proc has a context");
}

RUN_TEST(selinux_mounts, "linux.mountLabel is the context of the mounts that can have one")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	need_selinux();
	struct bundle b;
	bundle_make(&b);
	look_at_mounts(&b, mount_context(), true);
}

RUN_TEST(selinux_mounts_mapped,
	 "linux.mountLabel is the context of the mounts of a container with a user namespace, too")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	need_selinux();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'+namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID'"
			  ":100000,'size':65536}],"
			  "'gidMappings':[{'containerID':0,'hostID':100000,'size':65536}]}}");
	/* Their owner is the host's root: fsopen(2) is needed to label them in time. */
	const char *program = getenv("NACRE");
	look_at_mounts(&b, mount_context(), !program || !strstr(program, "fsopen"));
}

RUN_TEST(selinux_mount_own,
	 "a mount that names a context itself has that one, and one that has its superblock with others none")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	static const char own[] = "system_u:object_r:tmp_t:s0";
	need_selinux();
	const char *context = mount_context();
	if (!is_valid(own) || !strcmp(context, own))
		test_skip("this SELinux policy knows only one of the usual labels");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b,
		      "{'linux':{'mountLabel':'%s'},'+mounts':[{'destination':'/"
		      "mnt','type':'tmpfs','source':'x','options':['context=%s']},"
		      "{'destination':'/tmp','type':'debugfs','source':'x'}]}",
		      context, own);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	must_have_context(bundle_pid(&b), "/mnt", own);
	must_have_context(bundle_pid(&b), "/dev", context);
	MUST_SAY(!strstr(options_at(bundle_pid(&b), "/tmp"), "context="), "debugfs has a context");
}

RUN_TEST(selinux_mount_key,
	 "the annotation run.oci.mount_context_type names another option of SELinux, and only such a one")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	need_selinux();
	struct bundle b;
	bundle_make(&b);
	bundle_config(
	    &b, "{'annotations':{'run.oci.mount_context_type':'rootcontext'},'linux':{'mountLabel':'%s'}}",
	    mount_context());
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	must_have_context(bundle_pid(&b), "/dev", mount_context());
	MUST_SAY(strstr(options_at(bundle_pid(&b), "/dev"), "rootcontext="), "%s",
		 options_at(bundle_pid(&b), "/dev"));
	struct result r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	bundle_config(&b, "{'annotations':{'run.oci.mount_context_type':'size=1,context'}}");
	r = bundle_run(&b);
	must_fail(&r, "run.oci.mount_context_type");
	must_leave_nothing(&b);
}

RUN_TEST(selinux_unknown, "a label that nobody knows is an error that names it")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'selinuxLabel':'no:such:label'}}");
	struct result r = bundle_run(&b);
	must_fail(&r, "process.selinuxLabel");
	must_leave_nothing(&b);
}

RUN_TEST(selinux_mounts_unknown, "a mount label that nobody knows, or that nobody could apply, is an error")
{
	not_in_vm("labels and profiles are the host's, and mean nothing to the guest's kernel");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'mountLabel':'no:such:label'}}");
	struct result r = bundle_run(&b);
	must_fail(&r, access("/sys/fs/selinux/status", F_OK) < 0
			  ? "linux.mountLabel: SELinux is not enabled on this host"
			  : "mounts[");
	must_leave_nothing(&b);
}
