/* test_mounts.c: config.md, "Mounts": each option string by name. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/conformance/conform.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

/* "rw,nosuid tmpfs…" as lists with commas around them, so that "suid" is not found in "nosuid". */
static void words_of(const char *out, const char *point, const char *with, const char *without)
{
	char type[64], one[512], super[2048], spread[64], *line = value_of(out, format("%s ", point)), *save,
							  *copy;
	MUST_SAY(sscanf(line, "%63s %511s %2047s %63s", type, one, super, spread) == 4,
		 "%s is not mounted: %s", point, out);
	char *all = format(",%s,%s,%s,", one, super, spread), *own = format(",%s,", one);
	copy = format("%s", with);
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
		MUST_SAY(strstr(all, format(",%s,", w)), "%s lacks \"%s\": %s", point, w, line);
	copy = format("%s", without);
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
		/* A file system may be writable below a mount that is not. */
		MUST_SAY(!strstr(strlen(w) == 2 ? own : all, format(",%s,", w)),
			 "%s must not have \"%s\": %s", point, w, line);
}

/* On a new tmpfs. */
static void on_tmpfs(const char *options, const char *with, const char *without)
{
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'tmpfs','options':[%s]}]}",
	       options);
	words_of(inside("showmount", "/mnt"), "/mnt", with, without);
}
#define TMPFS(id, line, name, options, with, without)                                                        \
	RULE(option_##id, "config.md:" line, "MUST", "mount option " name)                                   \
	{                                                                                                    \
		on_tmpfs(options, with, without);                                                            \
	}
TMPFS(async, "95", "async", "'sync','async'", "", "sync")
TMPFS(atime, "96", "atime", "'noatime','atime'", "", "noatime")
TMPFS(defaults, "98", "defaults", "'defaults'", "rw", "nosuid,noexec,nodev,ro")
TMPFS(dev, "99", "dev", "'nodev','dev'", "", "nodev")
TMPFS(diratime, "100", "diratime", "'nodiratime','diratime'", "", "nodiratime")
TMPFS(dirsync, "101", "dirsync", "'dirsync'", "dirsync", "")
TMPFS(exec, "102", "exec", "'noexec','exec'", "", "noexec")
TMPFS(iversion, "103", "iversion", "'iversion'", "", "")
TMPFS(lazytime, "104", "lazytime", "'lazytime'", "lazytime", "")
TMPFS(loud, "105", "loud", "'silent','loud'", "", "")
TMPFS(noatime, "107", "noatime", "'noatime'", "noatime", "relatime")
TMPFS(nodev, "108", "nodev", "'nodev'", "nodev", "")
TMPFS(nodiratime, "109", "nodiratime", "'nodiratime'", "nodiratime", "")
TMPFS(noexec, "110", "noexec", "'noexec'", "noexec", "")
TMPFS(noiversion, "111", "noiversion", "'iversion','noiversion'", "", "")
TMPFS(nolazytime, "112", "nolazytime", "'lazytime','nolazytime'", "", "lazytime")
TMPFS(norelatime, "114", "norelatime", "'norelatime'", "", "noatime")
TMPFS(nostrictatime, "115", "nostrictatime", "'strictatime','nostrictatime'", "relatime", "")
TMPFS(nosuid, "116", "nosuid", "'nosuid'", "nosuid", "")
TMPFS(relatime, "123", "relatime", "'noatime','relatime'", "relatime", "noatime")
TMPFS(ro, "133", "ro", "'ro'", "ro", "rw")
TMPFS(rw, "144", "rw", "'ro','rw'", "rw", "ro")
TMPFS(silent, "146", "silent", "'silent'", "", "")
TMPFS(strictatime, "148", "strictatime", "'strictatime'", "", "relatime,noatime")
TMPFS(suid, "149", "suid", "'nosuid','suid'", "", "nosuid")
TMPFS(sync, "151", "sync", "'sync'", "sync", "")
RULE(option_nosymfollow, "config.md:117", "SHOULD", "mount option nosymfollow")
{
	on_tmpfs("'nosymfollow'", "nosymfollow", "");
}
RULE(option_symfollow, "config.md:150", "SHOULD", "mount option symfollow")
{
	on_tmpfs("'nosymfollow','symfollow'", "", "nosymfollow");
}

/* A bind of the tree of make_tree(), its outer mount shared on the host. */
static char *on_tree(unsigned long flags, const char *options)
{
	char *tree = make_tree(flags);
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'none','source':'%s','options':[%s]}]}", tree,
	       options);
	return inside("showmount", "/mnt", "/mnt/sub", ";", "ls", "/mnt", ";", "ls", "/mnt/sub");
}
RULE(option_bind, "config.md:97", "MUST", "mount option bind: without what is mounted below")
{
	char *out = on_tree(0, "'bind'");
	sees(out, "outer");
	sees_not(out, "inner");
}
RULE(option_rbind, "config.md:120", "MUST", "mount option rbind: with what is mounted below")
{
	sees(on_tree(0, "'rbind'"), "inner");
}
RULE(option_bind_ro, "config.md:133", "MUST", "mount option ro on a bind mount")
{
	words_of(on_tree(0, "'bind','ro'"), "/mnt", "ro", "");
}
RULE(option_rbind_ro, "config.md:133", "MUST", "mount option ro on a recursive bind mount: the top only")
{
	char *out = on_tree(0, "'rbind','ro'");
	words_of(out, "/mnt", "ro", "");
	words_of(out, "/mnt/sub", "rw", "");
}
RULE(option_remount, "config.md:124", "MUST", "mount option remount changes a mount that is there")
{
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'tmpfs'},"
	       "{'destination':'/"
	       "mnt','type':'tmpfs','source':'tmpfs','options':['remount','ro','nosuid','nodev']}]}");
	words_of(inside("showmount", "/mnt"), "/mnt", "ro,nosuid,nodev", "rw");
}
RULE(option_remount_bind, "config.md:124", "MUST", "mount option remount with bind changes the mount only")
{
	char *tree = make_tree(0);
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s','options':['bind']},"
	       "{'destination':'/mnt','type':'bind','source':'%s','options':['bind','remount','ro']}]}",
	       tree, tree);
	words_of(inside("showmount", "/mnt"), "/mnt", "ro", "");
}

#define SPREAD(id, line, options, with)                                                                      \
	RULE(spread_##id, "config.md:" line, "MUST", "mount option " #id)                                    \
	{                                                                                                    \
		words_of(on_tree(0, "'rbind'," options), "/mnt", with, "");                                  \
	}
SPREAD(private, "118", "'shared','private'", "private")
SPREAD(shared, "145", "'shared'", "shared")
SPREAD(unbindable, "153", "'unbindable'", "unbindable")
#define SPREAD_ALL(id, line, options, with)                                                                  \
	RULE(spread_##id, "config.md:" line, "MUST", "mount option " #id ": recursively")                    \
	{                                                                                                    \
		char *out = on_tree(0, "'rbind'," options);                                                  \
		words_of(out, "/mnt", with, "");                                                             \
		words_of(out, "/mnt/sub", with, "");                                                         \
	}
SPREAD_ALL(rprivate, "134", "'rshared','rprivate'", "private")
SPREAD_ALL(rshared, "138", "'rshared'", "shared")
SPREAD_ALL(runbindable, "143", "'runbindable'", "unbindable")
/* To be a slave takes a master: the host's mount is shared, and the container's root a slave of the host's.
 */
static char *slave_of_host(const char *options)
{
	char *tree = make_tree(0);
	MUST(!mount(NULL, tree, NULL, MS_REC | MS_SHARED, NULL));
	begin();
	change("{'+mounts':[{'destination':'/"
	       "mnt','type':'none','source':'%s','options':['rbind',%s]}],'linux':{'rootfsPropagation':'"
	       "slave'}}",
	       tree, options);
	return inside("showmount", "/mnt", "/mnt/sub");
}
RULE(spread_slave, "config.md:147", "MUST", "mount option slave")
{
	words_of(slave_of_host("'slave'"), "/mnt", "slave", "");
}
RULE(spread_rslave, "config.md:139", "MUST", "mount option rslave: recursively")
{
	char *out = slave_of_host("'rslave'");
	words_of(out, "/mnt", "slave", "");
	words_of(out, "/mnt/sub", "slave", "");
}

/* The recursive ones: what is mounted below has `flags` of its own before. */
#define TREE(id, line, flags, options, with, without)                                                        \
	RULE(tree_##id, "config.md:" line, "SHOULD", "mount option " #id ": recursively")                    \
	{                                                                                                    \
		char *out = on_tree(flags, "'rbind'," options);                                              \
		words_of(out, "/mnt", with, without);                                                        \
		words_of(out, "/mnt/sub", with, without);                                                    \
	}
TREE(ratime, "119", MS_NOATIME, "'ratime'", "", "noatime")
TREE(rdev, "121", MS_NODEV, "'rdev'", "", "nodev")
TREE(rdiratime, "122", MS_NODIRATIME, "'rdiratime'", "", "nodiratime")
TREE(rexec, "125", MS_NOEXEC, "'rexec'", "", "noexec")
TREE(rnoatime, "126", 0, "'rnoatime'", "noatime", "")
TREE(rnodiratime, "127", 0, "'rnodiratime'", "nodiratime", "")
TREE(rnoexec, "128", 0, "'rnoexec'", "noexec", "")
TREE(rnorelatime, "129", 0, "'rnorelatime'", "", "noatime")
TREE(rnostrictatime, "130", MS_STRICTATIME, "'rnostrictatime'", "relatime", "noatime")
TREE(rnosuid, "131", 0, "'rnosuid'", "nosuid", "")
TREE(rnosymfollow, "132", 0, "'rnosymfollow'", "nosymfollow", "")
TREE(rrelatime, "135", MS_NOATIME, "'rrelatime'", "relatime", "noatime")
TREE(rro, "136", 0, "'rro'", "ro", "rw")
RULE(tree_rrw, "config.md:137", "SHOULD", "mount option rrw: recursively")
{
	char *out = on_tree(MS_RDONLY, "'rbind','rrw'");
	char one[64];
	MUST(sscanf(value_of(out, "/mnt/sub "), "%*s %63[a-z]", one) == 1);
	MUST_SAY(!strcmp(one, "rw"), "%s", out);
}
TREE(rstrictatime, "140", 0, "'rstrictatime'", "", "relatime,noatime")
TREE(rsuid, "141", MS_NOSUID, "'rsuid'", "", "nosuid")
TREE(rsymfollow, "142", MS_NOSYMFOLLOW, "'rsymfollow'", "", "nosymfollow")

/* --- idmap --- */

#define MAPS                                                                                                 \
	"'uidMappings':[{'containerID':0,'hostID':5000,'size':1000}],'gidMappings':[{'containerID':0,'"      \
	"hostID':6000,'size':1000}]"
static char *on_idmapped(const char *option)
{
	char *tree = make_tree(0);
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s','options':['rbind','%s']," MAPS
	       "}]}",
	       tree, option);
	return inside("stat", "/mnt/outer", "/mnt/sub/inner");
}
RULE(idmap, "config.md:154", "SHOULD", "mount option idmap: with the mount's own mappings")
{
	sees(on_idmapped("idmap"), "/mnt/outer: f 644 5000:6000 1");
}
RULE(idmap_top, "config.md:154", "SHOULD", "mount option idmap: the top only")
{
	sees(on_idmapped("idmap"), "/mnt/sub/inner: f 644 0:0 1");
}
RULE(ridmap, "config.md:155", "SHOULD", "mount option ridmap: recursively")
{
	char *out = on_idmapped("ridmap");
	sees(out, "/mnt/outer: f 644 5000:6000 1");
	sees(out, "/mnt/sub/inner: f 644 5000:6000 1");
}
static void idmap_refused(const char *mount)
{
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s',%s}]}", test_dir(), mount);
	refused();
}
RULE(idmap_bare, "config.md:154", "MUST", "idmap without mappings and without a user namespace is an error")
{
	idmap_refused("'options':['bind','idmap']");
}
RULE(ridmap_bare, "config.md:155", "MUST", "ridmap without mappings and without a user namespace is an error")
{
	idmap_refused("'options':['rbind','ridmap']");
}
RULE(mappings_bare, "config.md:188", "SHOULD", "mappings without the option idmap are applied all the same")
{
	char *tree = make_tree(0);
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s','options':['bind']," MAPS "}]}",
	       tree);
	sees(inside("stat", "/mnt/outer"), "/mnt/outer: f 644 5000:6000 1");
}
RULE(uid_without_gid, "config.md:192", "MUST", "mounts[].uidMappings without gidMappings are an error")
{
	idmap_refused(
	    "'options':['bind','idmap'],'uidMappings':[{'containerID':0,'hostID':5000,'size':1000}]");
}
RULE(gid_without_uid, "config.md:197", "MUST", "mounts[].gidMappings without uidMappings are an error")
{
	idmap_refused(
	    "'options':['bind','idmap'],'gidMappings':[{'containerID':0,'hostID':5000,'size':1000}]");
}
RULE(idmap_impossible, "config.md:154", "MUST", "a file system that cannot be idmapped is an error")
{
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'bind','source':'/"
	       "proc','options':['bind','idmap']," MAPS "}]}");
	refused();
}

/* --- the rest of "Mounts" --- */

RULE(order, "config.md:66", "MUST", "mounts are made in the listed order: a later one inside an earlier one")
{
	char *tree = make_tree(0);
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'tmpfs'},{'destination':'/mnt/"
	       "in','type':'bind','source':'%s','options':['bind']}]}",
	       tree);
	sees(inside("ls", "/mnt/in"), "outer");
}
RULE(order_over, "config.md:66", "MUST",
     "mounts are made in the listed order: a later one over an earlier one")
{
	char *tree = make_tree(0);
	begin();
	change("{'+mounts':[{'destination':'/mnt/"
	       "in','type':'bind','source':'%s','options':['bind']},{'destination':'/"
	       "mnt','type':'tmpfs','source':'tmpfs'}]}",
	       tree);
	sees_not(inside("ls", "/mnt"), "in");
}
RULE(destination_missing, "config.md:70", "MUST", "mounts[].destination missing is an error")
{
	begin();
	change("{'+mounts':[{'type':'tmpfs','source':'tmpfs'}]}");
	refused();
}
RULE(destination_relative, "config.md:72", "MUST", "a relative destination is one below /")
{
	begin();
	change("{'+mounts':[{'destination':'mnt/rel','type':'tmpfs','source':'tmpfs'}]}");
	holds(inside("showmount", "/mnt/rel"), "/mnt/rel tmpfs");
}
RULE(source_relative, "config.md:80", "MUST", "a relative source of a bind mount is one in the bundle")
{
	begin();
	make_folder(format("%s/data", box.dir));
	file_write(format("%s/data/sign", box.dir), "x");
	change("{'+mounts':[{'destination':'/mnt','type':'bind','source':'data','options':['bind']}]}");
	sees(inside("ls", "/mnt"), "sign");
}
RULE(source_file, "config.md:79", "MUST", "a file can be bind-mounted, its destination is made")
{
	begin();
	char *path = format("%s/one", test_dir());
	file_write(path, "of the host");
	change("{'+mounts':[{'destination':'/etc/new/one','type':'bind','source':'%s','options':['bind']}]}",
	       path);
	holds(inside("cat", "/etc/new/one"), "of the host");
}
RULE(bind_by_option, "config.md:81", "MUST", "a mount is a bind mount by its option alone, whatever its type")
{
	begin();
	make_folder(format("%s/data", test_dir()));
	file_write(format("%s/data/sign", test_dir()), "x");
	change("{'+mounts':[{'destination':'/mnt','source':'%s/data','options':['rbind']}]}", test_dir());
	sees(inside("ls", "/mnt"), "sign");
}
RULE(data_options, "config.md:166", "SHOULD", "other options go to the file system")
{
	on_tmpfs("'size=64k','mode=700'", "size=64k,mode=700", "");
}
RULE(data_unknown, "runtime.md:116", "MUST", "an option that the file system does not know is an error")
{
	begin();
	change(
	    "{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'tmpfs','options':['nonsense=1']}]}");
	refused();
}
RULE(copy_up, "config.md:152", "MAY", "mount option tmpcopyup")
{
	begin();
	make_folder(format("%s/filled", box.rootfs));
	file_write(format("%s/filled/sign", box.rootfs), "from below");
	change("{'+mounts':[{'destination':'/"
	       "filled','type':'tmpfs','source':'tmpfs','options':['tmpcopyup']}]}");
	char *out = inside("cat", "/filled/sign", ";", "showmount", "/filled");
	holds(out, "from below");
	holds(out, "/filled tmpfs");
}
RULE(options_type, "config.md:759", "MUST", "options that are no array are an error")
{
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'tmpfs','options':'ro'}]}");
	refused();
}
