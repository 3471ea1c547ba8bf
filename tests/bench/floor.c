/* floor.c: the bare system calls that the container of `spec` costs, and nothing else: no parsing, no state,
 * no errors explained.
 *
 *   floor ROOTFS PROGRAM      as root; what a runtime takes beyond this is its own doing
 *
 * Where controllers are on cgroup v1 it leaves out the lists of devices and the mounts of the hierarchies.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(call)                                                                                          \
	do {                                                                                                 \
		if ((call) < 0) {                                                                            \
			fprintf(stderr, "floor: %s: %s\n", #call, strerror(errno));                          \
			_exit(125);                                                                          \
		}                                                                                            \
	} while (0)

static int set(int fs, unsigned command, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, command, key, value, 0);
}

/* One file system by the new mount API, below the root descriptor. */
static void mount_new(int root, const char *type, const char *where, unsigned attributes,
		      const char *const *options)
{
	int fs, fd;
	mkdirat(root, where, 0755);
	CHECK(fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
	for (; options && *options; options += 2)
		CHECK(set(fs, FSCONFIG_SET_STRING, options[0], options[1]));
	CHECK(set(fs, FSCONFIG_CMD_CREATE, NULL, NULL));
	CHECK(fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes));
	CHECK(syscall(SYS_move_mount, fd, "", root, where, MOVE_MOUNT_F_EMPTY_PATH));
	close(fs);
	close(fd);
}

/* A copy of a mount, with these attributes, onto a place below the root. */
static int mount_copy(int from, const char *what, int root, const char *where, unsigned attributes)
{
	struct mount_attr attr = {.attr_set = attributes};
	int fd = (int)syscall(SYS_open_tree, from, what, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (attributes)
		CHECK(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
	int rc = (int)syscall(SYS_move_mount, fd, "", root, where, MOVE_MOUNT_F_EMPTY_PATH);
	close(fd);
	return rc < 0 && errno != ENOENT && errno != ENOTDIR ? -1 : 0;
}

static bool v2(void)
{
	return !access("/sys/fs/cgroup/cgroup.procs", F_OK);
}

/* Nodes of any device may be made, and the default ones be used. */
static void attach_devices(const char *group)
{
	static const struct {
		int major, minor;
	} usable[] = {
	    {1, 3},
	    {1, 5},
	    {1, 7},
	    {1, 8},
	    {1, 9},
	    {5, 0},
	    {5, 2},
	    {136, -1}
	};
	enum { RULES = sizeof(usable) / sizeof(*usable), MOST = 16 + 4 * RULES };
	static const struct bpf_insn yes[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		  {.code = BPF_JMP | BPF_EXIT}
	   };
	const size_t field[] = {offsetof(struct bpf_cgroup_dev_ctx, access_type), offsetof(struct bpf_cgroup_dev_ctx, major),
				offsetof(struct bpf_cgroup_dev_ctx, minor)};
	struct bpf_insn code[MOST];
	int n = 0, program, dir;

	for (int i = 0; i < 3; i++)
		code[n++] = (struct bpf_insn){
		    .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (unsigned)(BPF_REG_2 + i) & 15, .src_reg = BPF_REG_1, .off = (short)field[i]};
	code[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_5, .src_reg = BPF_REG_2};
	code[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = BPF_REG_5, .imm = 16};
	code[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = BPF_REG_2, .imm = 0xffff};
	code[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_5, .off = 2, .imm = BPF_DEVCG_ACC_MKNOD};
	code[n++] = yes[0];
	code[n++] = yes[1];
	code[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_2, .off = 2, .imm = BPF_DEVCG_DEV_CHAR};
	code[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0};
	code[n++] = yes[1];
	for (int i = 0; i < RULES; i++) {
		bool minor = usable[i].minor >= 0;
		code[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_3, .off = minor ? 3 : 2, .imm = usable[i].major};
		if (minor)
			code[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_4, .off = 2, .imm = usable[i].minor};
		code[n++] = yes[0];
		code[n++] = yes[1];
	}
	code[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0};
	code[n++] = yes[1];
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (uintptr_t)code, .insn_cnt = (unsigned)n, .license = (uintptr_t) "GPL"};
	CHECK(program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load)));
	CHECK(dir = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	union bpf_attr attach = {.target_fd = (unsigned)dir,
				 .attach_bpf_fd = (unsigned)program,
				 .attach_type = BPF_CGROUP_DEVICE,
				 .attach_flags = BPF_F_ALLOW_MULTI};
	CHECK(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)));
	close(program);
	close(dir);
}

static void inside(const char *rootfs, char **argv)
{
	static const char *const masked[] = {
	    "proc/acpi",       "proc/asound",	   "proc/kcore",       "proc/keys",    "proc/latency_stats",
	    "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi"};
	static const char *const readonly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys",
					       "proc/sysrq-trigger"};
	static const struct {
		const char *name;
		unsigned minor, major;
	} nodes[] = {
	    {"dev/null",	 3, 1},
		  {"dev/zero",    5, 1},
		 {"dev/full",    7, 1},
	    {"dev/random",  8, 1},
		  {"dev/urandom", 9, 1},
		 {"dev/tty",     0, 5}
	  };
	static const char *const links[][2] = {
	    {"/proc/self/fd",   "dev/fd"    },
	    {"/proc/self/fd/0", "dev/stdin" },
	    {"/proc/self/fd/1", "dev/stdout"},
	    {"/proc/self/fd/2", "dev/stderr"},
	    {"pts/ptmx",	 "dev/ptmx"  }
	    };
	const unsigned safe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV;
	struct rlimit files = {1024, 1024};
	struct ifreq lo = {.ifr_name = "lo"};
	int root, s;
	const char *mask = NULL;

	CHECK(setsid());
	CHECK(s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	lo.ifr_flags = IFF_UP | IFF_RUNNING;
	CHECK(ioctl(s, SIOCSIFFLAGS, &lo));
	close(s);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
	CHECK(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
	CHECK(root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC));
	mount_new(root, "proc", "proc", 0, NULL);
	mount_new(root, "tmpfs", "dev", MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME,
		  (const char *[]){"mode", "755", "size", "65536k", NULL});
	mount_new(root, "devpts", "dev/pts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
		  (const char *[]){"mode", "0620", "ptmxmode", "0666", "gid", "5", NULL});
	mount_new(root, "tmpfs", "dev/shm", safe, (const char *[]){"mode", "1777", "size", "65536k", NULL});
	mount_new(root, "mqueue", "dev/mqueue", safe, NULL);
	mount_new(root, "sysfs", "sys", safe | MOUNT_ATTR_RDONLY, NULL);
	if (v2()) {
		CHECK(unshare(CLONE_NEWCGROUP));
		mount_new(root, "cgroup2", "sys/fs/cgroup", safe | MOUNT_ATTR_RDONLY, NULL);
	}
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		CHECK(mknodat(root, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
		CHECK(fchmodat(root, nodes[i].name, 0666, 0));
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		CHECK(symlinkat(links[i][0], root, links[i][1]));
	CHECK(sethostname("floor", 5));
	for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++) {
		struct stat st;
		if (fstatat(root, masked[i], &st, 0))
			continue;
		if (S_ISDIR(st.st_mode) && mask)
			CHECK(mount_copy(root, mask, root, masked[i], 0));
		else if (S_ISDIR(st.st_mode))
			mount_new(root, "tmpfs", mask = masked[i], MOUNT_ATTR_RDONLY,
				  (const char *[]){"nr_blocks", "1", "nr_inodes", "1", NULL});
		else
			CHECK(mount_copy(root, "dev/null", root, masked[i], 0));
	}
	for (size_t i = 0; i < sizeof(readonly) / sizeof(*readonly); i++)
		CHECK(mount_copy(root, readonly[i], root, readonly[i], safe | MOUNT_ATTR_RDONLY));
	CHECK(fchdir(root));
	CHECK(syscall(SYS_pivot_root, ".", "."));
	CHECK(umount2(".", MNT_DETACH));
	CHECK(chdir("/"));
	CHECK(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK(setrlimit(RLIMIT_NOFILE, &files));
	umask(022);
	/* CAP_KILL, CAP_NET_BIND_SERVICE and CAP_AUDIT_WRITE, as `spec` has it. */
	const uint64_t keep = 1ull << CAP_KILL | 1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_AUDIT_WRITE;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(keep >> cap & 1))
			CHECK(prctl(PR_CAPBSET_DROP, cap));
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
	    {(uint32_t)keep, (uint32_t)keep, 0},
		 {0		   }
	    };
	CHECK(syscall(SYS_capset, &header, data));
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC));
	static const char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					  "TERM=xterm", NULL};
	execve(argv[0], argv, (char *const *)env);
	_exit(127);
}

/* The hierarchies: the unified one, or each of v1 and the unified one beside them. */
static int hierarchies(char paths[16][64])
{
	static const char *const v1[] = {"cpu",	  "cpuacct", "cpuset",	"memory",     "devices", "freezer",
					 "blkio", "pids",    "net_cls", "perf_event", "systemd", "unified"};
	int n = 0;
	if (v2())
		snprintf(paths[n++], 64, "/sys/fs/cgroup/floor-%d", getpid());
	else
		for (size_t i = 0; i < sizeof(v1) / sizeof(*v1); i++) {
			snprintf(paths[n], 64, "/sys/fs/cgroup/%s/cgroup.procs", v1[i]);
			if (!access(paths[n], F_OK))
				snprintf(paths[n++], 64, "/sys/fs/cgroup/%s/floor-%d", v1[i], getpid());
		}
	return n;
}

int main(int argc, char **argv)
{
	char paths[16][64], file[128], text[16];
	int line[2], status = 0;
	if (argc < 3)
		return 125;
	int n = hierarchies(paths);
	for (int i = 0; i < n; i++) {
		CHECK(mkdir(paths[i], 0755));
		if (strstr(paths[i], "/cpuset/"))
			for (int k = 0; k < 2; k++) {
				/* A v1 cpuset without processors and memory takes nobody. */
				char from[96], value[256];
				snprintf(from, sizeof(from), "/sys/fs/cgroup/cpuset/cpuset.%s",
					 k ? "mems" : "cpus");
				snprintf(file, sizeof(file), "%.63s/cpuset.%s", paths[i],
					 k ? "mems" : "cpus");
				int in = open(from, O_RDONLY | O_CLOEXEC),
				    out = open(file, O_WRONLY | O_CLOEXEC);
				ssize_t got = read(in, value, sizeof(value));
				CHECK(write(out, value, (size_t)(got < 0 ? 0 : got)));
				close(in);
				close(out);
			}
	}
	if (v2())
		attach_devices(paths[0]);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line));
	struct clone_args args = {.flags =
				      CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
				  .exit_signal = SIGCHLD};
	int pid = (int)syscall(SYS_clone3, &args, sizeof(args));
	CHECK(pid);
	if (!pid) {
		if (read(line[1], text, 1) == 1)
			inside(argv[1], argv + 2);
		_exit(126);
	}
	int length = snprintf(text, sizeof(text), "%d", pid);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%.63s/cgroup.procs", paths[i]);
		int fd = open(file, O_WRONLY | O_CLOEXEC);
		CHECK(write(fd, text, (size_t)length));
		close(fd);
	}
	CHECK(write(line[0], "x", 1));
	CHECK(waitpid(pid, &status, 0));
	for (int i = 0; i < n; i++)
		CHECK(rmdir(paths[i]));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
