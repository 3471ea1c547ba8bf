/* test_config.c: config.md, all but mounts and hooks. */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/conformance/conform.h"

/* The config with this patch is refused; REFUSED_LATE: by start at the latest. */
#define REFUSED(id, where, sentence, ...)                                                                    \
	RULE(id, where, "MUST", sentence)                                                                    \
	{                                                                                                    \
		begin();                                                                                     \
		change(__VA_ARGS__);                                                                         \
		refused();                                                                                   \
	}
#define TAKEN(id, where, level, sentence, ...)                                                               \
	RULE(id, where, level, sentence)                                                                     \
	{                                                                                                    \
		begin();                                                                                     \
		change(__VA_ARGS__);                                                                         \
		taken();                                                                                     \
	}

REFUSED(version_missing, "config.md:17", "ociVersion missing is an error", "{'ociVersion':null}")
REFUSED(version_form, "config.md:17", "ociVersion not in SemVer form is an error", "{'ociVersion':'one'}")
REFUSED(version_unsupported, "config.md:759", "an unsupported ociVersion is an error",
	"{'ociVersion':'9.0.0'}")
REFUSED(root_missing, "config.md:33", "root missing is an error", "{'root':null}")
REFUSED(root_path_missing, "config.md:35", "root.path missing is an error", "{'root':{'path':null}}")
RULE(root_absolute, "config.md:38", "MUST", "root.path may be absolute")
{
	begin();
	change("{'root':{'path':'%s'}}", box.rootfs);
	taken();
}
REFUSED(root_exists, "config.md:41", "root.path must be a directory that exists",
	"{'root':{'path':'nowhere'}}")
RULE(root_is_file, "config.md:41", "MUST", "root.path that is a file is an error")
{
	begin();
	file_write(format("%s/file", box.dir), "x");
	change("{'root':{'path':'file'}}");
	refused();
}
RULE(root_readonly, "config.md:43", "MUST", "root.readonly true: the root is read-only inside")
{
	begin();
	change("{'root':{'readonly':true}}");
	sees(inside("write", "/tmp/x"), "write /tmp/x: EROFS");
}
RULE(root_writable, "config.md:43", "MUST", "root.readonly is false where it is not said")
{
	begin();
	change("{'root':{'readonly':null}}");
	sees(inside("write", "/tmp/x"), "write /tmp/x: ok");
}

/* --- process --- */

/* Through a console socket; what the container wrote on its terminal, until it ended. */
static char *on_terminal(void)
{
	static char text[65536], call[4096];
	char *path;
	int fd, listener = listen_socket(&path);
	struct job job =
	    nacre_start(NULL, "create", "--console-socket", path, "--bundle", box.dir, box.id, NULL);
	int c = receive_call(listener, call, sizeof(call), &fd);
	struct result r = job_wait(&job, PATIENCE);
	succeeded(r);
	MUST_SAY(c >= 0 && fd >= 0, "no terminal came");
	succeeded(nacre("start", box.id, NULL));
	size_t n = 0;
	ssize_t got;
	while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	char *to = text;
	for (char *s = text; *s; s++)
		if (*s != '\r')
			*to++ = *s;
	*to = '\0';
	return text;
}
RULE(terminal, "config.md:242", "MUST", "terminal true: the standard streams are a pseudo terminal")
{
	begin();
	change("{'process':{'terminal':true}}");
	bundle_inside(&box, "tty", NULL);
	char *out = on_terminal();
	sees(out, "tty 0 yes");
	sees(out, "tty 1 yes");
	sees(out, "tty 2 yes");
}
RULE(console_device, "config-linux.md:188", "MUST",
     "with a terminal, /dev/console is the pseudo terminal, bind-mounted")
{
	begin();
	change("{'process':{'terminal':true}}");
	bundle_inside(&box, "stat", "/dev/console", ";", "showmount", "/dev/console", NULL);
	char *out = on_terminal();
	holds(out, " 136:");
	holds(out, "/dev/console devpts");
}
RULE(console_size, "config.md:244", "MUST", "consoleSize is the terminal's size")
{
	begin();
	change("{'process':{'terminal':true,'consoleSize':{'height':33,'width':121}}}");
	bundle_inside(&box, "sleep", "1", ";", "tty", NULL);
	sees(on_terminal(), "size 33 121");
}
TAKEN(console_size_ignored, "config.md:245", "MUST", "consoleSize is ignored without a terminal",
      "{'process':{'consoleSize':{'height':33,'width':121}}}")
REFUSED(cwd_missing, "config.md:248", "cwd missing is an error", "{'process':{'cwd':null}}")
REFUSED(cwd_relative, "config.md:249", "a relative cwd is an error", "{'process':{'cwd':'tmp'}}")
RULE(cwd, "config.md:248", "MUST", "the program starts in cwd")
{
	begin();
	change("{'process':{'cwd':'/tmp'}}");
	sees(inside("cwd"), "cwd /tmp");
}
RULE(env, "config.md:250", "MUST", "env is the program's environment")
{
	begin();
	change("{'process':{'env':['PATH=/bin','ONE=1','TWO=a b=c']}}");
	char *out = inside("env");
	sees(out, "ONE=1");
	sees(out, "TWO=a b=c");
	sees_not(out, "TERM=xterm");
}
RULE(args_missing, "config.md:252", "MUST", "args missing is an error")
{
	begin();
	change("{'process':{'args':null}}");
	refused_at_last();
}
RULE(args_empty, "config.md:252", "MUST", "empty args are an error")
{
	begin();
	change("{'process':{'args':[]}}");
	refused_at_last();
}
RULE(args_given, "config.md:251", "MUST", "args are the program's arguments, one for one")
{
	begin();
	change("{'process':{'args':['/bin/inside','echo','a b','','c']}}");
	sees(inside_says(bundle_run(&box)), "a b  c");
}
RULE(args_path, "config.md:252", "MUST", "args[0] is looked up in PATH, as execvp does")
{
	begin();
	change("{'process':{'args':['inside','echo','found'],'env':['PATH=/nowhere:/bin']}}");
	sees(inside_says(bundle_run(&box)), "found");
}
RULE(args_not_found, "config.md:252", "MUST", "a program that is not there is an error")
{
	begin();
	change("{'process':{'args':['no-such-program']}}");
	refused_at_last();
}
RULE(exec_fails, "runtime.md:128", "MUST", "a program that cannot be executed is an error")
{
	begin();
	file_write(format("%s/bin/broken", box.rootfs), "not a program");
	chmod(format("%s/bin/broken", box.rootfs), 0755);
	change("{'process':{'args':['/bin/broken']}}");
	refused_at_last();
}

/* --- rlimits --- */

REFUSED(rlimit_unknown, "config.md:268", "an unknown rlimit is an error",
	"{'process':{'rlimits':[{'type':'RLIMIT_NONE','soft':1,'hard':1}]}}")
REFUSED(rlimit_lower_case, "config.md:268", "a misspelt rlimit is an error",
	"{'process':{'rlimits':[{'type':'nofile','soft':1,'hard':1}]}}")
REFUSED(rlimit_type_missing, "config.md:264", "rlimits[].type missing is an error",
	"{'process':{'rlimits':[{'soft':1,'hard':1}]}}")
REFUSED(rlimit_soft_missing, "config.md:272", "rlimits[].soft missing is an error",
	"{'process':{'rlimits':[{'type':'RLIMIT_NOFILE','hard':100}]}}")
REFUSED(rlimit_hard_missing, "config.md:274", "rlimits[].hard missing is an error",
	"{'process':{'rlimits':[{'type':'RLIMIT_NOFILE','soft':100}]}}")
RULE(rlimit_soft, "config.md:273", "MUST", "rlim_cur is the configured soft limit")
{
	begin();
	change("{'process':{'rlimits':[{'type':'RLIMIT_NOFILE','soft':512,'hard':600}]}}");
	sees(inside("rlimits"), "rlimit NOFILE 512 600");
}
RULE(rlimit_hard, "config.md:275", "MUST", "rlim_max is the configured hard limit")
{
	begin();
	change("{'process':{'rlimits':[{'type':'RLIMIT_CORE','soft':0,'hard':4096}]}}");
	sees(inside("rlimits"), "rlimit CORE 0 4096");
}
#define RLIMIT(id, name)                                                                                     \
	RULE(rlimit_##id, "config.md:269", "MUST", "RLIMIT_" name " is set")                                 \
	{                                                                                                    \
		begin();                                                                                     \
		change("{'process':{'rlimits':[{'type':'RLIMIT_" name "','soft':0,'hard':%d}]}}", 0);        \
		sees(inside("rlimits"), "rlimit " name " 0 0");                                              \
	}
RLIMIT(core, "CORE")
RLIMIT(locks, "LOCKS")
RLIMIT(memlock, "MEMLOCK")
RLIMIT(msgqueue, "MSGQUEUE")
RLIMIT(nice, "NICE")
RLIMIT(rss, "RSS")
RLIMIT(rtprio, "RTPRIO")
RLIMIT(sigpending, "SIGPENDING")
RULE(rlimit_others, "config.md:269", "MUST",
     "RLIMIT_AS, CPU, DATA, FSIZE, NOFILE, NPROC, RTTIME and STACK are set")
{
	begin();
	change(
	    "{'process':{'rlimits':[{'type':'RLIMIT_AS','soft':1073741824,'hard':1073741824},{'type':'RLIMIT_"
	    "CPU','soft':50,'hard':60},"
	    "{'type':'RLIMIT_DATA','soft':1073741824,'hard':1073741824},{'type':'RLIMIT_FSIZE','soft':"
	    "1048576,'hard':1048577},"
	    "{'type':'RLIMIT_NPROC','soft':900,'hard':901},{'type':'RLIMIT_RTTIME','soft':5000,'hard':6000},"
	    "{'type':'RLIMIT_STACK','soft':1048576,'hard':8388608}]}}");
	char *out = inside("rlimits");
	sees(out, "rlimit AS 1073741824 1073741824");
	sees(out, "rlimit CPU 50 60");
	sees(out, "rlimit DATA 1073741824 1073741824");
	sees(out, "rlimit FSIZE 1048576 1048577");
	sees(out, "rlimit NPROC 900 901");
	sees(out, "rlimit RTTIME 5000 6000");
	sees(out, "rlimit STACK 1048576 8388608");
}
REFUSED(rlimit_twice, "config.md:278", "the same rlimit twice is an error",
	"{'process':{'rlimits':[{'type':'RLIMIT_NOFILE','soft':512,'hard':600},{'type':'RLIMIT_NOFILE','soft'"
	":512,'hard':600}]}}")

/* --- Linux process --- */

#define UNKNOWN_CAP                                                                                          \
	"{'process':{'capabilities':{'bounding':['CAP_CHOWN','CAP_FROM_MARS'],'permitted':['CAP_CHOWN'],'"   \
	"effective':['CAP_CHOWN']}}}"
TAKEN(cap_unknown, "config.md:290", "SHOULD", "an unknown capability is no error", UNKNOWN_CAP)
RULE(cap_warning, "config.md:289", "MUST", "an unknown capability is logged as a warning")
{
	begin();
	change(UNKNOWN_CAP);
	struct result r = bundle_run(&box);
	holds(format("%s%s", r.err, r.out), "CAP_FROM_MARS");
}
#define CAP_SET(id, where, sets, line)                                                                       \
	RULE(id, where, "MUST", "capabilities: " line)                                                       \
	{                                                                                                    \
		begin();                                                                                     \
		change("{'process':{'capabilities':{" sets "}}}");                                           \
		sees(inside("caps"), line);                                                                  \
	}
/* CAP_CHOWN is bit 0, CAP_KILL 5, CAP_NET_RAW 13. */
#define CAPS "['CAP_CHOWN','CAP_KILL']"
CAP_SET(cap_effective, "config.md:294",
	"'bounding':" CAPS ",'permitted':" CAPS ",'effective':['CAP_CHOWN'],'inheritable':[],'ambient':[]",
	"CapBnd:\t0000000000000021")
RULE(cap_effective_user, "config.md:294", "MUST",
     "capabilities.effective: those of a user who is not root, through ambient")
{
	begin();
	change("{'process':{'user':{'uid':1000,'gid':1000},'capabilities':{'bounding':" CAPS
	       ",'permitted':" CAPS ",'effective':" CAPS ",'inheritable':" CAPS ",'ambient':" CAPS "}}}");
	sees(inside("caps"), "CapEff:\t0000000000000021");
}
CAP_SET(cap_bounding, "config.md:295",
	"'bounding':['CAP_NET_RAW'],'permitted':[],'effective':[],'inheritable':[],'ambient':[]",
	"CapBnd:\t0000000000002000")
CAP_SET(cap_inheritable, "config.md:296",
	"'bounding':" CAPS ",'permitted':" CAPS ",'effective':" CAPS
	",'inheritable':['CAP_KILL'],'ambient':[]",
	"CapInh:\t0000000000000020")
CAP_SET(cap_permitted, "config.md:297",
	"'bounding':" CAPS ",'permitted':" CAPS ",'effective':" CAPS ",'inheritable':[],'ambient':[]",
	"CapPrm:\t0000000000000021")
RULE(cap_ambient, "config.md:298", "MUST", "capabilities.ambient")
{
	begin();
	change("{'process':{'user':{'uid':1000,'gid':1000},'capabilities':{'bounding':" CAPS
	       ",'permitted':" CAPS ",'effective':" CAPS ",'inheritable':" CAPS ",'ambient':['CAP_KILL']}}}");
	sees(inside("caps"), "CapAmb:\t0000000000000020");
}
RULE(no_caps, "config.md:294", "MUST", "empty sets leave no capability, also to root")
{
	begin();
	change("{'process':{'capabilities':{'bounding':[],'permitted':[],'effective':[],'inheritable':[],'"
	       "ambient':[]}}}");
	sees(inside("caps"), "CapEff:\t0000000000000000");
}
RULE(no_new_privileges, "config.md:300", "MUST", "noNewPrivileges true is set")
{
	begin();
	change("{'process':{'noNewPrivileges':true}}");
	sees(inside("caps"), "NoNewPrivs:\t1");
}
RULE(new_privileges, "config.md:300", "MUST", "noNewPrivileges false is not set")
{
	begin();
	sees(inside("caps"), "NoNewPrivs:\t0");
}
RULE(oom_score, "config.md:303", "MUST", "oomScoreAdj is set")
{
	begin();
	change("{'process':{'oomScoreAdj':513}}");
	sees(inside("cat", "/proc/self/oom_score_adj"), "513");
}
RULE(oom_score_zero, "config.md:303", "MUST", "oomScoreAdj is set: 600 where the runtime had less")
{
	begin();
	file_write("/proc/self/oom_score_adj", "77");
	change("{'process':{'oomScoreAdj':600}}");
	sees(inside("cat", "/proc/self/oom_score_adj"), "600");
}
RULE(oom_score_absent, "config.md:304", "MUST", "without oomScoreAdj the value stays as it was")
{
	begin();
	file_write("/proc/self/oom_score_adj", "321");
	sees(inside("cat", "/proc/self/oom_score_adj"), "321");
}
REFUSED(oom_score_range, "config.md:759", "an oomScoreAdj that the kernel does not have is an error",
	"{'process':{'oomScoreAdj':1001}}")

/* Where the kernel gives real-time time by cgroups, a new one has none. */
static void give_realtime(void)
{
	const char *cpu = cgroup_v1_mount("cpu");
	if (cpu && exists(format("%s/cpu.rt_runtime_us", cpu)))
		change("{'linux':{'resources':{'cpu':{'realtimePeriod':1000000,'realtimeRuntime':5000}}}}");
}
#define POLICY(id, number, patch, line)                                                                      \
	RULE(policy_##id, "config.md:" number, "MUST", "scheduler: " line)                                   \
	{                                                                                                    \
		begin();                                                                                     \
		change("{'process':{'scheduler':{" patch "}}}");                                             \
		give_realtime();                                                                             \
		char *out = inside("sched");                                                                 \
		MUST_SAY(!strncmp(out, line, strlen(line)), "expected \"%s\": %s", line, out);               \
	}
POLICY(other, "312", "'policy':'SCHED_OTHER','nice':7", "policy 0 priority 0 nice 7")
POLICY(fifo, "313", "'policy':'SCHED_FIFO','priority':20", "policy 1 priority 20")
POLICY(rr, "314", "'policy':'SCHED_RR','priority':30", "policy 2 priority 30")
POLICY(batch, "315", "'policy':'SCHED_BATCH','nice':3", "policy 3 priority 0 nice 3")
POLICY(idle, "317", "'policy':'SCHED_IDLE'", "policy 5 priority 0")
POLICY(deadline, "318", "'policy':'SCHED_DEADLINE','runtime':10000000,'deadline':30000000,'period':50000000",
       "policy 6")
POLICY(nice_default, "320", "'policy':'SCHED_BATCH'", "policy 3 priority 0 nice 0")
REFUSED(policy_iso, "config.md:316", "SCHED_ISO, which this kernel has not, is an error",
	"{'process':{'scheduler':{'policy':'SCHED_ISO'}}}")
REFUSED(policy_missing, "config.md:310", "scheduler.policy missing is an error",
	"{'process':{'scheduler':{'nice':1}}}")
REFUSED(policy_unknown, "config.md:310", "an unknown scheduler.policy is an error",
	"{'process':{'scheduler':{'policy':'SCHED_BEST'}}}")
REFUSED(policy_priority, "config.md:321", "SCHED_FIFO without a priority cannot be applied: an error",
	"{'process':{'scheduler':{'policy':'SCHED_FIFO'}}}")
TAKEN(policy_reset, "config.md:324", "MUST", "SCHED_FLAG_RESET_ON_FORK",
      "{'process':{'scheduler':{'policy':'SCHED_BATCH','flags':['SCHED_FLAG_RESET_ON_FORK']}}}")
REFUSED(policy_flag, "config.md:322", "an unknown scheduler flag is an error",
	"{'process':{'scheduler':{'policy':'SCHED_OTHER','flags':['SCHED_FLAG_X']}}}")

#define IOPRIO(id, class, level, number)                                                                     \
	RULE(ioprio_##id, "config.md:341", "MUST", "ioPriority: IOPRIO_CLASS_" class " " level)              \
	{                                                                                                    \
		begin();                                                                                     \
		change("{'process':{'ioPriority':{'class':'IOPRIO_CLASS_" class "','priority':" level        \
										"}}}");                      \
		holds(inside("sched"), " ioprio " number "\n");                                              \
	}
IOPRIO(rt, "RT", "3", "8195")
IOPRIO(be, "BE", "6", "16390")
IOPRIO(idle, "IDLE", "0", "24576")
REFUSED(ioprio_unknown, "config.md:341", "an unknown ioPriority.class is an error",
	"{'process':{'ioPriority':{'class':'IOPRIO_CLASS_X','priority':1}}}")
REFUSED(ioprio_missing, "config.md:341", "ioPriority.class missing is an error",
	"{'process':{'ioPriority':{'priority':1}}}")
REFUSED(ioprio_range, "config.md:342", "an ioPriority.priority above 7 is an error",
	"{'process':{'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}}}")
REFUSED(ioprio_no_priority, "config.md:342", "ioPriority.priority missing is an error",
	"{'process':{'ioPriority':{'class':'IOPRIO_CLASS_BE'}}}")

/* The CPUs of a process in a running container, executed with this affinity. */
static char *exec_cpus(const char *patch)
{
	begin();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		test_skip("this machine has one processor only");
	change("{'process':{'execCPUAffinity':%s}}", patch);
	start_sleeper();
	struct result r = nacre("exec", box.id, "/bin/inside", "sched", NULL);
	succeeded(r);
	return r.out;
}
RULE(affinity_final, "config.md:350", "MUST", "execCPUAffinity.final: exec's process runs on these CPUs")
{
	sees(exec_cpus("{'final':'1'}"), "cpus 1");
}
RULE(affinity_final_absent, "config.md:352", "SHOULD",
     "without execCPUAffinity.final the CPUs are those that the kernel gives")
{
	char *out = exec_cpus("{}");
	MUST(strstr(out, "cpus 0 1"));
}
RULE(affinity_init, "config.md:344", "MUST", "execCPUAffinity does not touch the container's first process")
{
	begin();
	change("{'process':{'execCPUAffinity':{'initial':'0','final':'0'}}}");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		test_skip("this machine has one processor only");
	holds(inside("sched"), "cpus 0 1");
}
REFUSED(affinity_list, "config.md:350", "an execCPUAffinity that is no list is an error",
	"{'process':{'execCPUAffinity':{'final':'some'}}}")

/* --- user --- */

RULE(uid, "config.md:370", "MUST", "user.uid")
{
	begin();
	change("{'process':{'user':{'uid':1234,'gid':0}}}");
	holds(inside("id"), "uid=1234,1234,1234 ");
}
RULE(gid, "config.md:371", "MUST", "user.gid")
{
	begin();
	change("{'process':{'user':{'uid':0,'gid':4321}}}");
	holds(inside("id"), "gid=4321,4321,4321 ");
}
RULE(user_mapped, "config.md:370", "MUST", "user.uid is an id of the container's user namespace")
{
	begin();
	change("{'process':{'user':{'uid':5,'gid':6}},'linux':{'+namespaces':[{'type':'user'}],'uidMappings':"
	       "[{'containerID':0,'hostID':100000,'size':1000}],"
	       "'gidMappings':[{'containerID':0,'hostID':100000,'size':1000}]}}");
	bundle_inside(&box, "sleep", "600", NULL);
	bundle_create(&box, NULL);
	succeeded(nacre("start", box.id, NULL));
	holds(proc_text("status"), "\nUid:\t100005\t");
}
RULE(user_mask, "config.md:372", "MUST", "user.umask")
{
	begin();
	change("{'process':{'user':{'umask':63}}}");
	holds(inside("id"), "umask=0077");
}
RULE(user_mask_absent, "config.md:372", "SHOULD", "without user.umask the mask stays the caller's")
{
	begin();
	umask(027);
	char *out = inside("id");
	umask(022);
	holds(out, "umask=0027");
}
RULE(user_groups, "config.md:373", "MUST", "user.additionalGids")
{
	begin();
	change("{'process':{'user':{'additionalGids':[5,60,700]}}}");
	char *out = inside("id");
	holds(out, "5");
	holds(out, "60,700");
}
RULE(user_no_groups, "config.md:373", "MUST", "without additionalGids no group of the caller's stays")
{
	begin();
	holds_not(inside("id"), "groups=1");
}
REFUSED(uid_negative, "config.md:759", "a negative uid is an error", "{'process':{'user':{'uid':-1}}}")
REFUSED(uid_big, "config.md:759", "a uid beyond 32 bits is an error",
	"{'process':{'user':{'uid':4294967296}}}")

/* --- names, annotations, extensibility --- */

RULE(hostname, "config.md:497", "MUST", "hostname is the name inside")
{
	begin();
	change("{'hostname':'a-name'}");
	sees(inside("names"), "hostname a-name");
}
RULE(domainname, "config.md:509", "MUST", "domainname is the name inside")
{
	begin();
	change("{'domainname':'a-domain'}");
	sees(inside("names"), "domainname a-domain");
}
REFUSED(annotations_map, "config.md:720", "annotations that are no map are an error", "{'annotations':['a']}")
REFUSED(annotations_empty_key, "config.md:724", "an empty annotation key is an error",
	"{'annotations':{'':'x'}}")
TAKEN(annotations_unknown, "config.md:741", "MUST", "an unknown annotation is ignored",
      "{'annotations':{'org.example.unknown':'x'}}")
REFUSED(annotations_value, "config.md:743", "an annotation that is no string is an error",
	"{'annotations':{'a':1}}")
TAKEN(annotations_empty_value, "config.md:744", "MAY", "an annotation may be an empty string",
      "{'annotations':{'a':''}}")
TAKEN(unknown_top, "config.md:754", "MUST", "an unknown property is ignored, at the top",
      "{'fromTheFuture':{'x':[1,2]}}")
TAKEN(unknown_process, "config.md:754", "MUST", "an unknown property is ignored, in process",
      "{'process':{'fromTheFuture':true}}")
TAKEN(unknown_linux, "config.md:754", "MUST", "an unknown property is ignored, in linux",
      "{'linux':{'fromTheFuture':'x'}}")
TAKEN(unknown_mount, "config.md:754", "MUST", "an unknown property is ignored, in a mount",
      "{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'t','fromTheFuture':1}]}")
REFUSED(type_bool, "config.md:759", "a value of the wrong type is an error: a string for a bool",
	"{'process':{'terminal':'yes'}}")
REFUSED(type_array, "config.md:759", "a value of the wrong type is an error: a string for an array",
	"{'process':{'args':'/bin/inside'}}")
REFUSED(type_object, "config.md:759", "a value of the wrong type is an error: an array for an object",
	"{'root':['rootfs']}")
REFUSED(type_number, "config.md:759", "a value of the wrong type is an error: a string for a number",
	"{'process':{'user':{'uid':'0'}}}")
RULE(no_json, "config.md:759", "MUST", "a config that is no JSON is an error")
{
	begin();
	bundle_config_text(&box, "{\"ociVersion\":");
	refused();
}
