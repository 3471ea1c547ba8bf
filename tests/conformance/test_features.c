/* test_features.c: features.md and features-linux.md: what `features` says is true. */
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conform.h"

static char *document;

static void ask(void)
{
	need_root();
	struct result r = nacre("features", NULL);
	succeeded(r);
	MUST_SAY(json_valid(r.out), "no JSON: %s", r.out);
	document = r.out;
}
static char *told(const char *path)
{
	return json_value(document, path);
}
/* Element i of an array in the document, or NULL behind its end. */
static char *element(const char *path, int i)
{
	char *v = told(format("%s.%d", path, i));
	return *v ? v : NULL;
}
static bool lists(const char *path, const char *word)
{
	for (int i = 0; element(path, i); i++)
		if (!strcmp(element(path, i), word))
			return true;
	return false;
}
static void must_list(const char *path, const char *const *words)
{
	ask();
	for (; *words; words++)
		MUST_SAY(lists(path, *words), "%s lacks %s", path, *words);
}
#define WORDS(...)                                                                                           \
	(const char *const[])                                                                                \
	{                                                                                                    \
		__VA_ARGS__, NULL                                                                            \
	}

RULE(is_json, "features.md:3", "MUST", "there is a features document")
{
	ask();
}
static long number_of(const char *version)
{
	int a, b, c;
	MUST_SAY(sscanf(version, "%d.%d.%d", &a, &b, &c) == 3, "\"%s\" is no version", version);
	return a * 1000000L + b * 1000 + c;
}
static void version_taken(const char *key)
{
	ask();
	begin();
	change("{'ociVersion':'%s'}", told(key));
	MUST(*told(key));
	taken();
}
RULE(version_min, "features.md:15", "MUST", "ociVersionMin is taken as ociVersion")
{
	version_taken("ociVersionMin");
}
RULE(version_max, "features.md:18", "MUST", "ociVersionMax is taken as ociVersion")
{
	version_taken("ociVersionMax");
}
RULE(version_order, "features.md:19", "MUST", "ociVersionMax is not less than ociVersionMin")
{
	ask();
	MUST(number_of(told("ociVersionMax")) >= number_of(told("ociVersionMin")));
}
RULE(version_all, "features.md:17", "MUST", "ociVersionMax is 1.3.0 at least, which these tests are about")
{
	ask();
	MUST_SAY(number_of(told("ociVersionMax")) >= 1003000, "%s", told("ociVersionMax"));
}
RULE(only_defined, "features.md:20", "MUST",
     "the document has no property that the specification does not define")
{
	ask();
	begin();
	/* The keys of the document, one a line, and of those in it. */
	file_write(format("%s/doc", test_dir()), "%s", document);
	struct result r = run_program(&(struct spawn){
	    .argv = WORDS("/usr/bin/jq", "-r", "paths(type!=\"null\") | map(tostring) | join(\".\")",
			  format("%s/doc", test_dir()))});
	if (r.status == 126)
		test_skip("jq is not installed");
	succeeded(r);
	static const char *const known[] = {
	    "ociVersionMin",
	    "ociVersionMax",
	    "hooks",
	    "mountOptions",
	    "annotations",
	    "potentiallyUnsafeConfigAnnotations",
	    "linux",
	    "linux.namespaces",
	    "linux.capabilities",
	    "linux.cgroup",
	    "linux.cgroup.v1",
	    "linux.cgroup.v2",
	    "linux.cgroup.systemd",
	    "linux.cgroup.systemdUser",
	    "linux.cgroup.rdma",
	    "linux.seccomp",
	    "linux.seccomp.enabled",
	    "linux.seccomp.actions",
	    "linux.seccomp.operators",
	    "linux.seccomp.archs",
	    "linux.seccomp.knownFlags",
	    "linux.seccomp.supportedFlags",
	    "linux.apparmor",
	    "linux.apparmor.enabled",
	    "linux.selinux",
	    "linux.selinux.enabled",
	    "linux.intelRdt",
	    "linux.intelRdt.enabled",
	    "linux.intelRdt.schemata",
	    "linux.intelRdt.monitoring",
	    "linux.memoryPolicy",
	    "linux.memoryPolicy.modes",
	    "linux.memoryPolicy.flags",
	    "linux.mountExtensions",
	    "linux.mountExtensions.idmap",
	    "linux.mountExtensions.idmap.enabled",
	    "linux.netDevices",
	    "linux.netDevices.enabled",
	    NULL,
	};
	for (char *line = strtok(r.out, "\n"); line; line = strtok(NULL, "\n")) {
		char *last = strrchr(line, '.');
		if ((last && strspn(last + 1, "0123456789") == strlen(last + 1)) ||
		    !strncmp(line, "annotations.", 12))
			continue;
		size_t i = 0;
		while (known[i] && strcmp(known[i], line))
			i++;
		MUST_SAY(known[i], "%s is not of the specification", line);
	}
}
RULE(no_null, "features.md:10", "MUST", "nothing known is said by null")
{
	ask();
	holds_not(document, "null,");
	holds_not(document, "null\n");
}
RULE(hooks, "features.md:31", "MUST", "every hook kind of the specification is listed")
{
	must_list("hooks", WORDS("prestart", "createRuntime", "createContainer", "startContainer",
				 "poststart", "poststop"));
}
RULE(hooks_supported, "features.md:32", "MUST", "every listed hook kind is supported")
{
	ask();
	begin();
	file_write(format("%s/hook", box.rootfs),
		   "#!/bin/sh\necho x >>/tmp/ran; test ! -d %s || echo x >>%s/ran\n", test_dir(), test_dir());
	run_program(&(struct spawn){.argv = WORDS("/bin/chmod", "755", format("%s/hook", box.rootfs))});
	int n = 0;
	for (; element("hooks", n); n++)
		change("{'hooks':{'%s':[{'path':'%s/hook'}]}}", element("hooks", n),
		       strcmp(element("hooks", n), "startContainer") ? box.rootfs : "");
	MUST(n > 0);
	taken();
	char *ran = file_text(format("%s/ran", test_dir()));
	MUST_SAY((int)strlen(ran) / 2 >= n - 1 && exists(format("%s/tmp/ran", box.rootfs)),
		 "%d of %d hooks ran", (int)strlen(ran) / 2, n);
}
RULE(options_listed, "features.md:48", "MUST", "every mount option that the specification requires is listed")
{
	must_list("mountOptions",
		  WORDS("async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec",
			"iversion", "lazytime", "loud", "noatime", "nodev", "nodiratime", "noexec",
			"noiversion", "nolazytime", "norelatime", "nostrictatime", "nosuid", "private",
			"rbind", "relatime", "remount", "ro", "rprivate", "rshared", "rslave", "runbindable",
			"rw", "shared", "silent", "slave", "strictatime", "suid", "sync", "unbindable"));
}
RULE(options_should, "features.md:48", "SHOULD",
     "every mount option that the specification recommends is listed")
{
	must_list("mountOptions",
		  WORDS("nosymfollow", "symfollow", "ratime", "rdev", "rdiratime", "rexec", "rnoatime",
			"rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow",
			"rrelatime", "rro", "rrw", "rstrictatime", "rsuid", "rsymfollow", "idmap", "ridmap"));
}
RULE(options_recognized, "features.md:49", "MUST", "every listed mount option is recognized")
{
	ask();
	begin();
	change("{'linux':{'+namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID':0,'size':"
	       "65536}],'gidMappings':[{'containerID':0,'hostID':0,'size':65536}]}}");
	int n = 0;
	for (; element("mountOptions", n); n++) {
		char *o = element("mountOptions", n);
		bool bind = strstr(o, "bind") && !strstr(o, "unbind");
		/* "remount" needs something to remount; the idmapped need a user namespace; they have tests
		 * of their own. */
		if (strcmp(o, "remount") && strcmp(o, "mand") && !strstr(o, "idmap"))
			change("{'+mounts':[{'destination':'/mnt/"
			       "m%d','type':'%s','source':'%s','options':['%s']}]}",
			       n, bind ? "none" : "tmpfs", bind ? "/etc" : "tmpfs", o);
	}
	MUST(n > 0);
	change("{'linux':{'namespaces':[{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},{'"
	       "type':'mount'}],'uidMappings':null,'gidMappings':null}}");
	taken();
}
RULE(options_plain, "features.md:50", "SHOULD", "no option of a single file system is listed")
{
	ask();
	static const char *const words[] = {"size",	   "mode",     "uid",	  "gid", "nr_inodes",
					    "newinstance", "ptmxmode", "hidepid", NULL};
	MUST(element("mountOptions", 0));
	for (size_t i = 0; words[i]; i++)
		MUST_SAY(!lists("mountOptions", words[i]), "%s", words[i]);
}
RULE(unsafe_annotations, "features.md:145", "MAY", "potentiallyUnsafeConfigAnnotations is a list of strings")
{
	ask();
	MUST(*told("potentiallyUnsafeConfigAnnotations") == '[' ||
	     !*told("potentiallyUnsafeConfigAnnotations"));
}
RULE(namespaces, "features-linux.md:7", "MUST", "every namespace type of the specification is listed")
{
	must_list("linux.namespaces",
		  WORDS("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"));
}
RULE(namespaces_recognized, "features-linux.md:8", "MUST", "every listed namespace type is recognized")
{
	ask();
	begin();
	char *list = format("%s", "");
	for (int i = 0; element("linux.namespaces", i); i++)
		list = format("%s%s{'type':'%s'}", list, i ? "," : "", element("linux.namespaces", i));
	MUST(*list);
	change("{'linux':{'namespaces':[%s],'uidMappings':[{'containerID':0,'hostID':0,'size':65536}],'"
	       "gidMappings':[{'containerID':0,'hostID':0,'size':65536}]}}",
	       list);
	taken();
}
RULE(capabilities, "features-linux.md:27", "MUST",
     "every listed capability is recognized, and the newest is listed")
{
	ask();
	begin();
	char *list = format("%s", "");
	for (int i = 0; element("linux.capabilities", i); i++)
		list = format("%s%s'%s'", list, i ? "," : "", element("linux.capabilities", i));
	MUST(lists("linux.capabilities", "CAP_CHECKPOINT_RESTORE"));
	change("{'process':{'capabilities':{'bounding':[%s],'permitted':[%s],'effective':[%s]}}}", list, list,
	       list);
	struct result r = bundle_run(&box);
	succeeded(r);
	holds_not(r.err, "CAP_");
}
#define TELLS(id, line, path)                                                                                \
	RULE(tells_##id, "features-linux.md:" line, "MUST", path " is told")                                 \
	{                                                                                                    \
		ask();                                                                                       \
		char *v = told(path);                                                                        \
		MUST_SAY(!strcmp(v, "true") || !strcmp(v, "false"), "%s is \"%s\"", path, v);                \
	}
TELLS(v1, "81", "linux.cgroup.v1")
TELLS(v2, "82", "linux.cgroup.v2")
TELLS(systemd, "83", "linux.cgroup.systemd")
TELLS(systemd_user, "84", "linux.cgroup.systemdUser")
TELLS(rdma, "85", "linux.cgroup.rdma")
TELLS(seccomp, "104", "linux.seccomp.enabled")
TELLS(apparmor, "172", "linux.apparmor.enabled")
TELLS(selinux, "187", "linux.selinux.enabled")
TELLS(rdt, "233", "linux.intelRdt.enabled")
TELLS(rdt_schemata, "235", "linux.intelRdt.schemata")
TELLS(rdt_monitoring, "237", "linux.intelRdt.monitoring")
TELLS(net_devices, "273", "linux.netDevices.enabled")
RULE(idmap, "features-linux.md:257", "MUST",
     "mountExtensions.idmap.enabled is true where mappings are recognized, also on a kernel without")
{
	ask();
	MUST(!strcmp(told("linux.mountExtensions.idmap.enabled"), "true"));
}
/* A filter with every listed word is taken. */
static void filter_with(const char *path, const char *fmt)
{
	ask();
	MUST_SAY(element(path, 0), "%s is empty", path);
	for (int i = 0; element(path, i); i++) {
		char *word = element(path, i), *at = strstr(fmt, "@"),
		     *json = format("%.*s%s%s", (int)(at - fmt), fmt, word, at + 1);
		begin();
		change("{'linux':{'seccomp':{%s}}}", json);
		struct result r = bundle_run(&box);
		MUST_SAY(r.status == 0, "%s: %s", word, r.err);
		succeeded(nacre("delete", "--force", box.id, NULL));
	}
}
#define RULES_ON "'syscalls':[{'names':['getpriority'],'action':"
RULE(actions, "features-linux.md:106", "MUST", "every action of the specification is listed")
{
	must_list("linux.seccomp.actions",
		  WORDS("SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",
			"SCMP_ACT_ERRNO", "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG",
			"SCMP_ACT_NOTIFY"));
}
RULE(actions_recognized, "features-linux.md:107", "MUST", "every listed action is recognized")
{
	ask();
	for (int i = 0; element("linux.seccomp.actions", i); i++) {
		/* Notification needs somebody to notify. */
		if (!strcmp(element("linux.seccomp.actions", i), "SCMP_ACT_NOTIFY"))
			continue;
		begin();
		change("{'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'," RULES_ON "'%s'}]}}}",
		       element("linux.seccomp.actions", i));
		struct result r = bundle_run(&box);
		MUST_SAY(r.status == 0, "%s: %s", element("linux.seccomp.actions", i), r.err);
		nacre("delete", "--force", box.id, NULL);
	}
}
RULE(operators, "features-linux.md:109", "MUST", "every listed operator is recognized")
{
	filter_with("linux.seccomp.operators",
		    "'defaultAction':'SCMP_ACT_ALLOW'," RULES_ON
		    "'SCMP_ACT_ERRNO','args':[{'index':0,'value':1,'valueTwo':1,'op':'@'}]}]");
}
RULE(archs, "features-linux.md:111", "MUST", "every listed architecture is recognized")
{
	filter_with("linux.seccomp.archs",
		    "'defaultAction':'SCMP_ACT_ALLOW','architectures':['@']," RULES_ON "'SCMP_ACT_ERRNO'}]");
}
RULE(known_flags, "features-linux.md:112", "MUST", "every flag of the specification is known")
{
	must_list("linux.seccomp.knownFlags",
		  WORDS("SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
			"SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
}
RULE(supported_flags, "features-linux.md:116", "MUST", "every supported flag is recognized and works")
{
	filter_with("linux.seccomp.supportedFlags",
		    "'defaultAction':'SCMP_ACT_ALLOW','flags':['@']," RULES_ON "'SCMP_ACT_ERRNO'}]");
}
RULE(memory_modes, "features-linux.md:203", "MUST", "every memory policy mode of the specification is listed")
{
	must_list("linux.memoryPolicy.modes",
		  WORDS("MPOL_DEFAULT", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
			"MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL"));
}
RULE(memory_flags, "features-linux.md:206", "MUST", "every memory policy flag of the specification is listed")
{
	must_list("linux.memoryPolicy.flags",
		  WORDS("MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"));
}
RULE(compile_time, "features.md:7", "SHOULD", "the document does not depend on who asks")
{
	ask();
	char *before = document;
	struct result r = run_program(&(struct spawn){.argv = WORDS("/usr/bin/unshare", "-n", "-i", "true")});
	(void)r;
	ask();
	MUST(!strcmp(before, document));
}
