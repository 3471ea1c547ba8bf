/* inside.c: see inside.h. */
#include "inside.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
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
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/table.h"

const char *const way_names[WAY_MAX + 1] = {
	"root", "old kernel", "filter", "no mount_setattr", "user namespace", "user namespace, old kernel", NULL,
};

unsigned long scene_without;
unsigned scene_ids;

void scene_fail(struct scene *s, const char *file, int line, const char *what)
{
	if (s->report < 0)
		cr_assert(false, "%s:%d: %s: %s [%s]", file, line, what, s->err.msg, way_names[s->way]);
	dprintf(s->report, "%s:%d: %s: %s (errno %s) [%s]", file, line, what, s->err.msg,
		strerrorname_np(errno) ?: "0", way_names[s->way]);
	_exit(1);
}

#define DENY(number, action) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)

/* The calls answer this errno: all of the mount API, or mount_setattr only. */
static int lack_calls(bool mounts, unsigned answer)
{
	unsigned action = SECCOMP_RET_ERRNO | answer;
	struct sock_filter all[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		DENY(SYS_open_tree, action),
		DENY(SYS_move_mount, action),
		DENY(SYS_fsopen, action),
		DENY(SYS_fsconfig, action),
		DENY(SYS_fsmount, action),
		DENY(SYS_mount_setattr, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter one[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		DENY(SYS_mount_setattr, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { mounts ? ARRAY_LEN(all) : ARRAY_LEN(one), mounts ? all : one };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static void make_rootfs(struct scene *s)
{
	strcpy(s->folder, "/tmp/test-mount-XXXXXX");
	cr_assert(mkdtemp(s->folder) != NULL);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
	cr_assert_eq(mount("tmpfs", s->folder, "tmpfs", 0, "mode=755"), 0);
	snprintf(s->rootfs, sizeof(s->rootfs), "%s/rootfs", s->folder);
	put_dir(s, "rootfs");
	put_dir(s, "rootfs/proc");
	put_dir(s, "rootfs/sys");
	put_dir(s, "rootfs/dev");
	put_dir(s, "rootfs/etc");
	put_dir(s, "rootfs/mnt");
	put(s, "rootfs/etc/hostname", "");
}

static _Noreturn void be_child(struct scene *s, int go, scene_fn body)
{
	char c;

	if (read(go, &c, 1) != 1)
		_exit(1);
	if (s->root.user_namespace) {
		CHECK_OK(setgid(0));
		CHECK_OK(setuid(0));
	}
	CHECK_OK(chdir(s->folder));
	if (s->way == WAY_OLD || s->way == WAY_USER_OLD)
		CHECK_OK(lack_calls(true, ENOSYS));
	if (s->way == WAY_DENIED)
		CHECK_OK(lack_calls(true, EPERM));
	if (s->way == WAY_NO_SETATTR)
		CHECK_OK(lack_calls(false, ENOSYS));
	body(s);
	_exit(0);
}

static void write_maps(pid_t pid)
{
	static const char *const names[] = {"uid_map", "gid_map"};
	char path[64], map[32];

	snprintf(map, sizeof(map), "0 0 %u\n", scene_ids ? scene_ids : 65536);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
		cr_assert_eq(file_write_at(AT_FDCWD, path, map, NULL), 0);
	}
}

static void open_sources(struct scene *s, int *fds)
{
	for (size_t i = 0; i < s->config->mounts.n; i++) {
		fds[i] = root_source_open(&s->config->mounts.v[i], s->folder, -EBADF, "mounts[?]", &s->err);
		cr_assert(fds[i] >= 0 || fds[i] == -EBADF, "%s", s->err.msg);
	}
	s->root.sources = fds;
}

void run_inside(enum way way, const char *json, scene_fn prepare, scene_fn body, scene_fn after)
{
	struct scene scene = {.way = way, .report = -1}, *s = &scene;
	bool user = way == WAY_USER || way == WAY_USER_OLD;
	struct clone_args args = {
	    .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET |
		     CLONE_NEWCGROUP | (user ? CLONE_NEWUSER : 0),
	    .exit_signal = SIGCHLD,
	};
	int report[2], go[2], status, fds[64];
	auto_free char *text = NULL;
	pid_t pid;

	args.flags &= ~(uint64_t)scene_without;
	if (geteuid() != 0)
		cr_skip_test("root is needed to mount");
	cr_assert_eq(oci_config_parse(json, strlen(json), "config.json", &s->config, &s->err), 0, "%s",
		     s->err.msg);
	make_rootfs(s);
	s->root = (struct root){
	    .fd = -EBADF,
	    .proc = -EBADF,
	    .config = s->config,
	    .path = s->rootfs,
	    .user_namespace = user,
	    .cgroup_namespace = true,
	};
	if (prepare)
		prepare(s);
	if (way == WAY_USER)
		open_sources(s, fds);
	cr_assert_eq(pipe2(report, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(go, O_CLOEXEC), 0);
	s->report = report[1];
	pid = sys_clone3(&args, sizeof(args));
	if (pid < 0 && (errno == EPERM || errno == ENOSPC))
		cr_skip_test("no new namespaces here");
	if (pid == 0)
		be_child(s, go[0], body);
	close(report[1]);
	if (user)
		write_maps(pid);
	cr_assert_eq(write(go[1], "g", 1), 1);
	cr_assert_eq(fd_read_all(report[0], 4096, &text, NULL, NULL), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s (status %#x) [%s]", text,
		  (unsigned)status, way_names[way]);
	s->report = -1;
	if (after)
		after(s);
	umount2(s->folder, MNT_DETACH);
	rmdir(s->folder);
	oci_config_free(s->config);
}

void run_inside_all(const char *json, scene_fn prepare, scene_fn body, scene_fn after)
{
	for (enum way way = 0; way < WAY_MAX; way++)
		run_inside(way, json, prepare, body, after);
}

char *default_json(const char *more, const char *linux_more)
{
	return str_printf(
	    "{ \"ociVersion\": \"1.3.0\", \"process\": { \"cwd\": \"/\", \"args\": [\"sh\"] }, \"root\": { "
	    "\"path\": \"rootfs\", \"readonly\": true },"
	    "\"mounts\": ["
	    "{ \"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\" },"
	    "{ \"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\","
	    "  \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"] },"
	    "{ \"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\","
	    "  \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\", "
	    "\"gid=5\"] },"
	    "{ \"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\","
	    "  \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"] },"
	    "{ \"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\", \"options\": "
	    "[\"nosuid\", \"noexec\", \"nodev\"] },"
	    "{ \"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\", \"options\": "
	    "[\"nosuid\", \"noexec\", \"nodev\", \"ro\"] },"
	    "{ \"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\","
	    "  \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"] }%s ],"
	    "\"linux\": { \"maskedPaths\": [\"/proc/acpi\", \"/proc/asound\", \"/proc/kcore\", "
	    "\"/proc/keys\", \"/proc/latency_stats\","
	    "\"/proc/timer_list\", \"/proc/timer_stats\", \"/proc/sched_debug\", \"/sys/firmware\", "
	    "\"/proc/scsi\"],"
	    "\"readonlyPaths\": [\"/proc/bus\", \"/proc/fs\", \"/proc/irq\", \"/proc/sys\", "
	    "\"/proc/sysrq-trigger\"] %s } }",
	    more, linux_more);
}

int attempt(struct scene *s)
{
	int (*const steps[])(struct root *, struct error *) = {root_prepare, root_mount_all,
							       root_make_devices, root_pivot, root_seal};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int ret = steps[i](&s->root, &s->err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

void furnish(struct scene *s)
{
	CHECK_OK(attempt(s));
}

void put(struct scene *s, const char *path, const char *text)
{
	auto_free char *whole = path_join(s->folder, path);
	int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

void put_dir(struct scene *s, const char *path)
{
	auto_free char *whole = path_join(s->folder, path);

	CHECK(mkdir(whole, 0755) == 0 || errno == EEXIST);
}

void put_link(struct scene *s, const char *path, const char *target)
{
	auto_free char *whole = path_join(s->folder, path), *at = str_printf(target, s->folder);

	(void)!remove(whole);
	CHECK_OK(symlink(at, whole));
}

bool holds(struct scene *s, const char *path, const char *text)
{
	auto_free char *whole = *path == '/' ? strdup(path) : path_join(s->folder, path), *got = NULL;

	return file_read_at(AT_FDCWD, whole, 4096, &got, NULL, &s->err) == 0 && !strcmp(got, text);
}

int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = -2;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

bool mount_has(const char *mount_point, const char *word)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], point[256];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %*s %*s %255s", point) == 1 && !strcmp(point, mount_point))
			found = strstr(line, word);
	if (file)
		fclose(file);
	return found;
}

bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool has_flags(const char *path, unsigned long flags)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && ((unsigned long)fs.f_flags & flags) == flags;
}

long magic_of(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 ? (long)fs.f_type : 0;
}

bool is_device(const char *path, unsigned ma, unsigned mi)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(ma, mi);
}

bool is_old(const struct scene *s)
{
	return s->way == WAY_OLD || s->way == WAY_DENIED || s->way == WAY_USER_OLD || s->way == WAY_NO_SETATTR;
}

void prepare_host(struct scene *s)
{
	auto_free char *sub = str_printf("%s/host/src/sub", s->folder),
		       *ro = str_printf("%s/host/ro", s->folder);

	put_dir(s, "host");
	put_dir(s, "host/src");
	put(s, "host/src/file", "content");
	put_dir(s, "host/src/sub");
	put_dir(s, "host/ro");
	CHECK_OK(mount("tmpfs", sub, "tmpfs", 0, "mode=777"));
	put(s, "host/src/sub/inner", "inner");
	CHECK_OK(mount("tmpfs", ro, "tmpfs", 0, "mode=777"));
	put(s, "host/ro/file", "content");
	CHECK_OK(mount(NULL, ro, NULL,
		       MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
		       NULL));
}
