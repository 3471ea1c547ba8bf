/* bundle.c: makes bundles, runs the program on them, and looks for what was left behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/run/bundle.h"
#include "tests/run/json.h"

enum { ARGS_MAX = 64 };

static char inside_path[4096], program_words[4096], *program[ARGS_MAX];

void bundle_find_programs(const char *self)
{
	const char *given = getenv("INSIDE");
	if (given)
		snprintf(inside_path, sizeof(inside_path), "%s", given);
	else
		snprintf(inside_path, sizeof(inside_path), "%.*sinside",
			 (int)(strrchr(self, '/') ? strrchr(self, '/') - self + 1 : 0), self);
	given = getenv("NACRE");
	/* Tests change their folder: a relative program would be lost. */
	char *absolute = given ? NULL : realpath("./nacre", NULL);
	snprintf(program_words, sizeof(program_words), "%s", given ? given : absolute ? absolute : "./nacre");
	free(absolute);
	size_t n = 0;
	for (char *word = strtok(program_words, " "); word && n < ARGS_MAX - 1; word = strtok(NULL, " "))
		program[n++] = word;
}

const char *state_root(void)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/state", test_dir());
	return path;
}

/* --- the program --- */

static void command(const char **argv, const char *arg, va_list ap)
{
	size_t n = 0;
	for (char **w = program; *w; w++)
		argv[n++] = *w;
	argv[n++] = "--root";
	argv[n++] = state_root();
	for (; arg && n < ARGS_MAX * 2 - 1; arg = va_arg(ap, const char *))
		argv[n++] = arg;
	argv[n] = NULL;
}

#define COMMAND(argv, arg)                                                                                   \
	const char *argv[ARGS_MAX * 2];                                                                      \
	do {                                                                                                 \
		va_list ap;                                                                                  \
		va_start(ap, arg);                                                                           \
		command(argv, arg, ap);                                                                      \
		va_end(ap);                                                                                  \
	} while (0)

struct result nacre(const char *arg, ...)
{
	COMMAND(argv, arg);
	return run_program(&(struct spawn){.argv = argv});
}

struct result nacre_with(const struct spawn *how, const char *arg, ...)
{
	COMMAND(argv, arg);
	struct spawn copy = *how;
	copy.argv = argv;
	return run_program(&copy);
}

struct job nacre_start(const struct spawn *how, const char *arg, ...)
{
	COMMAND(argv, arg);
	struct spawn copy = how ? *how : (struct spawn){0};
	copy.argv = argv;
	return job_start(&copy);
}

/* --- bundles --- */

static void copy_file(const char *from, const char *to, mode_t mode)
{
	char buffer[65536];
	ssize_t n;
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	MUST_SAY(in >= 0 && out >= 0, "copy %s to %s: %s", from, to, strerror(errno));
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		MUST(write(out, buffer, (size_t)n) == n);
	close(in);
	close(out);
}

void bundle_make(struct bundle *b)
{
	static int count;
	static const char *const folders[] = {"bin", "proc", "sys", "dev", "etc", "tmp", "mnt", "root"};
	snprintf(b->id, sizeof(b->id), "nt%d-%d", (int)getpid(), ++count);
	snprintf(b->dir, sizeof(b->dir), "%s/bundle%d", test_dir(), count);
	snprintf(b->rootfs, sizeof(b->rootfs), "%s/rootfs", b->dir);
	make_folder(b->dir);
	make_folder(b->rootfs);
	file_write(format("%s/.id", b->dir), "%s",
		   b->id); /* for bundle_find_leftovers(), in another process */
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		make_folder(format("%s/%s", b->rootfs, folders[i]));
	chmod(format("%s/tmp", b->rootfs), 01777);
	copy_file(inside_path, format("%s/bin/inside", b->rootfs), 0755);
	if (!access("/bin/busybox", X_OK)) {
		copy_file("/bin/busybox", format("%s/bin/busybox", b->rootfs), 0755);
		MUST(!symlink("busybox", format("%s/bin/sh", b->rootfs)));
	}
	file_write(format("%s/etc/passwd", b->rootfs),
		   "root:x:0:0:root:/root:/bin/sh\nguest:x:1234:1234::/home/guest:/bin/sh\n");
	file_write(format("%s/etc/group", b->rootfs), "root:x:0:\nguest:x:1234:\n");
	struct result r =
	    nacre_with(&(struct spawn){.directory = b->dir}, "spec", am_root() ? NULL : "--rootless", NULL);
	must_succeed(&r);
	b->config = file_text(format("%s/config.json", b->dir));
	MUST_SAY(*b->config, "spec wrote no config.json");
	bundle_config(
	    b,
	    "{'process':{'terminal':false,'args':['/bin/inside','echo','hello']},'root':{'path':'rootfs'}}");
}

void bundle_config_text(struct bundle *b, const char *text)
{
	b->config = format("%s", text);
	file_write(format("%s/config.json", b->dir), "%s", text);
}

void bundle_config(struct bundle *b, const char *fmt, ...)
{
	char *patch;
	va_list ap;
	va_start(ap, fmt);
	MUST(vasprintf(&patch, fmt, ap) >= 0);
	va_end(ap);
	for (char *s = patch; *s; s++)
		if (*s == '\'')
			*s = '"';
	bundle_config_text(b, json_merge(b->config, patch));
	free(patch);
}

static void inside_args(struct bundle *b, va_list ap)
{
	char *list = format("['/bin/inside'");
	for (const char *arg; (arg = va_arg(ap, const char *));) {
		MUST_SAY(!strpbrk(arg, "'\"\\"), "bundle_inside() knows no quoting: %s", arg);
		list = format("%s,'%s'", list, arg);
	}
	bundle_config(b, "{'process':{'args':%s]}}", list);
}

void bundle_inside(struct bundle *b, ...)
{
	va_list ap;
	va_start(ap, b);
	inside_args(b, ap);
	va_end(ap);
}

struct result bundle_run(struct bundle *b)
{
	return nacre("run", "--bundle", b->dir, b->id, NULL);
}

struct result bundle_run_inside(struct bundle *b, ...)
{
	va_list ap;
	va_start(ap, b);
	inside_args(b, ap);
	va_end(ap);
	return bundle_run(b);
}

void bundle_create(struct bundle *b, char **out_path)
{
	struct job job = nacre_start(NULL, "create", "--bundle", b->dir, b->id, NULL);
	struct result r = job_wait(&job, PATIENCE);
	must_succeed(&r);
	if (out_path)
		*out_path = format("%s", job.out);
}

void bundle_start(struct bundle *b, char **out_path)
{
	bundle_create(b, out_path);
	struct result r = nacre("start", b->id, NULL);
	must_succeed(&r);
}

char *bundle_state(struct bundle *b, const char *path)
{
	struct result r = nacre("state", b->id, NULL);
	return r.status == 0 ? json_value(r.out, path) : format("%s", "");
}

int bundle_pid(struct bundle *b)
{
	return atoi(bundle_state(b, "pid"));
}

struct wanted {
	struct bundle *b;
	const char *status;
};

static bool has_status(void *arg)
{
	struct wanted *w = arg;
	return !strcmp(bundle_state(w->b, "status"), w->status);
}

bool bundle_wait_status(struct bundle *b, const char *status)
{
	return wait_until(has_status, &(struct wanted){b, status}, PATIENCE);
}

/* --- checks --- */

static const char *tell(const struct result *r)
{
	return format("status %d\nstdout: %s\nstderr: %s", r->status, r->out, r->err);
}

void must_exit(const struct result *r, int status)
{
	MUST_SAY(r->status == status, "expected status %d, got %s", status, tell(r));
}

void must_succeed(const struct result *r)
{
	must_exit(r, 0);
}

void must_print(const struct result *r, const char *line)
{
	MUST_SAY(has_line(r->out, line), "expected the line \"%s\", got %s", line, tell(r));
}

void must_fail(const struct result *r, const char *needle)
{
	/* 255 is exec's own failure, as callers of runc expect. */
	MUST_SAY((r->status > 0 && r->status < 128) || r->status == 255, "expected a failure, got %s",
		 tell(r));
	const char *end = strchr(r->err, '\n');
	MUST_SAY(end && end > r->err && end[1] == '\0', "expected one line of error, got %s", tell(r));
	MUST_SAY(!needle || strstr(r->err, needle), "expected \"%s\" in the error, got %s", needle, tell(r));
}

/* --- what is left --- */

bool nacre_uses_systemd(void)
{
	for (char **word = program; *word; word++)
		if (!strcmp(*word, "--systemd-cgroup"))
			return true;
	return false;
}

char *cgroup_folders(const char *id)
{
	char *top[] = { (char *)"/sys/fs/cgroup", NULL }, *found = strdup("");
	struct statfs fs;
	/* Not nftw(), which stops for good at a folder that somebody else removes meanwhile. */
	FTS *walk = fts_open(top, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	MUST(walk);
	for (FTSENT *e; (e = fts_read(walk));) {
		if (e->fts_info != FTS_D || !strstr(e->fts_name, id))
			continue;
		/* Not what somebody made beside the hierarchies, where none is mounted. */
		if (statfs(e->fts_path, &fs) == 0 && (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC))
			found = format("%s%s\n", found, e->fts_path);
	}
	fts_close(walk);
	return found;
}

char *cgroup_value(struct bundle *b, const char *controller, const char *v1_file, const char *v2_file)
{
	const char *v1 = cgroup_v1_mount(controller);
	if (!v1 &&
	    (!have_cgroup_v2_only() || !strstr(file_text("/sys/fs/cgroup/cgroup.controllers"), controller)))
		return NULL;
	/* Where it is now, as the kernel says; read through the first process. */
	char *lines = file_text(format("/proc/%d/cgroup", bundle_pid(b))), *save;
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *list = strchr(line, ':') + 1, *path = strchr(list, ':');
		*path++ = '\0';
		if (!v1 && *list == '\0')
			return file_text(format("/sys/fs/cgroup%s/%s", path, v2_file));
		for (char *inner, *word = strtok_r(list, ",", &inner); word && v1;
		     word = strtok_r(NULL, ",", &inner))
			if (!strcmp(word, controller))
				return file_text(format("%s%s/%s", v1, path, v1_file));
	}
	return format("%s", "");
}

char *cgroup_value_inside(struct bundle *b, const char *file)
{
	struct result r = nacre("exec", b->id, "/bin/inside", "cat", format("/sys/fs/cgroup/%s", file), NULL);
	must_succeed(&r);
	return r.out;
}

static bool is_zombie(const char *pid)
{
	char path[300];
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	char *text = file_text(path), *state = strrchr(text, ')');
	bool gone = !state || state[2] == 'Z' || state[2] == 'X';
	free(text);
	return gone;
}

static void leftovers_of(const char *id, char *trouble, size_t size)
{
	char *folders = cgroup_folders(id);
	if (*folders) {
		char why[512];
		snprintf(why, sizeof(why), "%s", trouble);
		snprintf(trouble, size, "cgroup left behind: %s (%s)", folders, why);
	}
	free(folders);
	char *mounts = file_text("/proc/self/mountinfo");
	if (strstr(mounts, id))
		snprintf(trouble, size, "mount left behind: %s", id);
	free(mounts);
	DIR *proc = opendir("/proc");
	for (struct dirent *e; proc && (e = readdir(proc));) {
		char path[300];
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/cgroup", e->d_name);
		char *groups = file_text(path);
		/* One that has ended and waits to be reaped, by whoever that is, is no process any more. */
		if (strstr(groups, id) && !is_zombie(e->d_name))
			snprintf(trouble, size, "process left behind: %s in %s", e->d_name, id);
		free(groups);
	}
	if (proc)
		closedir(proc);
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", state_root(), id);
	if (exists(path))
		snprintf(trouble, size, "state folder left behind: %s", path);
}

void must_leave_nothing(const struct bundle *b)
{
	char trouble[1024] = "";
	leftovers_of(b->id, trouble, sizeof(trouble));
	MUST_SAY(!*trouble, "%s", trouble);
}

static void each_id(void (*visit)(const char *, char *, size_t), char *trouble, size_t size)
{
	DIR *d = opendir(state_root());
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			visit(e->d_name, trouble, size);
	if (d)
		closedir(d);
}

static void delete_one(const char *id, char *trouble, size_t size)
{
	struct result r = nacre("delete", "--force", id, NULL);
	/* What could not be removed is a warning. */
	if ((r.status != 0 || strstr(r.err, "remove the cgroup")) && !strncmp(id, "nt", 2))
		snprintf(trouble, size, "delete --force %s: status %d: %s", id, r.status, r.err);
}

void bundle_delete_all(char *trouble, size_t size)
{
	each_id(delete_one, trouble, size);
}

/* Everything that this test made: ids begin with the test's own prefix, mounts lie below its folder. */
void bundle_find_leftovers(char *trouble, size_t size)
{
	char *mounts = file_text("/proc/self/mountinfo");
	if (strstr(mounts, test_dir()))
		snprintf(trouble, size, "a mount below %s was left behind", test_dir());
	free(mounts);
	DIR *d = opendir(test_dir());
	for (struct dirent *e; d && (e = readdir(d));) {
		/* A container of this test is nt<pid of the test>-<n>; the folders bundle<n> say how many
		 * there were. */
		char path[512], id[256];
		if (strncmp(e->d_name, "bundle", 6))
			continue;
		snprintf(path, sizeof(path), "%s/%s/.id", test_dir(), e->d_name);
		char *text = file_text(path);
		snprintf(id, sizeof(id), "%s", text);
		free(text);
		if (*id)
			leftovers_of(id, trouble, size);
	}
	if (d)
		closedir(d);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)where;
	if (remove(path) && errno == EACCES && kind != FTW_SL)
		chmod(path, 0700);
	return 0;
}

void bundle_remove_tree(const char *path)
{
	nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void bundle_end(struct bundle *b)
{
	struct result r = nacre("kill", b->id, "KILL", NULL);

	must_succeed(&r);
	MUST(bundle_wait_status(b, "stopped"));
	r = nacre("delete", b->id, NULL);
	must_succeed(&r);
	must_leave_nothing(b);
}
