/* devices.c: device rules in numbers, and how they reach the kernel. */
#include "cgroup/devices.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/table.h"

#define MKNOD BPF_DEVCG_ACC_MKNOD
#define READ  BPF_DEVCG_ACC_READ
#define WRITE BPF_DEVCG_ACC_WRITE
#define ALL   (MKNOD | READ | WRITE)

/* What every container gets on top of its rules, as under the other runtimes: nodes may be made (but not
 * opened), and the harmless devices that the runtime itself puts into /dev. 10:200 is tun, which VPN
 * containers count on. */
static const struct device_rule defaults[] = {
    {true, true, 'c', MKNOD, -1,	 -1 },
    {true, true, 'b', MKNOD, -1,  -1 },
	{true, true, 'c', ALL,   1,	  3  },
    {true, true, 'c', ALL,   1,   8  },
    {true, true, 'c', ALL,   1,	7	 },
	{true, true, 'c', ALL,   5,	  0  },
    {true, true, 'c', ALL,   1,   5  },
    {true, true, 'c', ALL,   1,	9	 },
	{true, true, 'c', ALL,   5,	  1  },
    {true, true, 'c', ALL,   5,   2  },
    {true, true, 'c', ALL,   136, -1 },
	{true, true, 'c', ALL,   10,  200},
};

static int parse_access(const char *text, unsigned *out)
{
	unsigned access = 0;

	for (; text && *text; text++) {
		unsigned one = *text == 'r' ? READ : *text == 'w' ? WRITE : *text == 'm' ? MKNOD : 0;

		if (!one)
			return -EINVAL;
		access |= one;
	}
	*out = access ? access : ALL;
	return 0;
}

static int parse_number(struct opt_int n, int64_t *out)
{
	*out = n.set && n.v >= 0 ? n.v : -1;
	return *out > UINT32_MAX || (n.set && n.v < -1) ? -EINVAL : 0;
}

int devices_list(const struct oci_device_rule_list *rules, struct device_rules *out, struct error *err)
{
	struct device_rules list = {calloc(rules->n + ARRAY_LEN(defaults), sizeof(*list.v)), 0};

	if (!list.v)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < rules->n; i++) {
		const struct oci_device_rule *from = &rules->v[i];
		struct device_rule *to = &list.v[list.n++];
		const char *what = NULL;

		to->allow = from->allow;
		to->type = from->type && *from->type ? *from->type : 'a';
		/* u is mknod(1)'s other word for c. */
		if (to->type == 'u')
			to->type = 'c';
		if (!strchr("abc", to->type) || (from->type && *from->type && from->type[1]))
			what = "type";
		else if (parse_access(from->access, &to->access) < 0)
			what = "access";
		else if (parse_number(from->major, &to->major) < 0)
			what = "major";
		else if (parse_number(from->minor, &to->minor) < 0)
			what = "minor";
		if (what) {
			free(list.v);
			return error_set(err, -EINVAL, "linux.resources.devices[%zu].%s: not a valid value",
					 i, what);
		}
	}
	memcpy(list.v + list.n, defaults, sizeof(defaults));
	list.n += ARRAY_LEN(defaults);
	*out = list;
	return 0;
}

/* v2: */

static int sys_bpf(int cmd, union bpf_attr *attr, unsigned size)
{
	return (int)syscall(SYS_bpf, cmd, attr, size);
}

/* Before Linux 5.11 programs count as locked memory, and the usual limit is soon used up. What we change is
 * put back: the container inherits it. */
static int load(const struct bpf_insn *code, size_t n)
{
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
			       .insns = (uintptr_t)code,
			       .insn_cnt = (unsigned)n,
			       .license = (uintptr_t) "GPL",
			       .prog_name = "nacre_devices"};
	struct rlimit old, more;
	int fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd >= 0 || errno != EPERM || getrlimit(RLIMIT_MEMLOCK, &old))
		return fd;
	more = (struct rlimit){old.rlim_cur + (64 << 20), old.rlim_max};
	if (more.rlim_cur > more.rlim_max)
		more.rlim_max = more.rlim_cur;
	if (old.rlim_cur == RLIM_INFINITY || setrlimit(RLIMIT_MEMLOCK, &more)) {
		errno = EPERM;
		return -1;
	}
	fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	n = (size_t)errno;
	setrlimit(RLIMIT_MEMLOCK, &old);
	errno = (int)n;
	return fd;
}

/* The descriptor of the one program that is attached already (a folder we found), -ENOENT for none, -E2BIG
 * for more. */
static int attached_program(int dir)
{
	unsigned ids[2] = {0};
	union bpf_attr attr = {
	    .query = {.target_fd = (unsigned)dir,
		      .attach_type = BPF_CGROUP_DEVICE,
		      .prog_ids = (uintptr_t)ids,
		      .prog_cnt = 2}
	    };
	union bpf_attr by_id = {0};
	int fd;

	if (sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr)))
		return errno == ENOSPC ? -E2BIG : -errno;
	if (attr.query.prog_cnt != 1)
		return attr.query.prog_cnt ? -E2BIG : -ENOENT;
	by_id.prog_id = ids[0];
	fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &by_id, sizeof(by_id));
	return fd < 0 ? -errno : fd;
}

/* The kernel keeps the program as long as the folder: our descriptor of it may go. */
static int attach(const struct folder *f, bool fresh, const struct bpf_insn *code, size_t n, struct error *err)
{
	auto_close int dir = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), program = -EBADF, old = -EBADF;
	union bpf_attr attr = {.attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI};

	if (dir < 0)
		return error_errno(err, "open %s", f->dir);
	program = load(code, n);
	if (program < 0)
		return error_errno(err, "linux.resources.devices: load the BPF program");
	/* In a fresh folder there can be none; in another all programs have to agree, so an old one would go
	 * on refusing. */
	if (!fresh)
		old = attached_program(dir);
	attr.target_fd = (unsigned)dir;
	attr.attach_bpf_fd = (unsigned)program;
	if (old >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (unsigned)old;
	}
	if (sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr)))
		return error_errno(err, "linux.resources.devices: attach the BPF program to %s", f->dir);
	return 0;
}

static int apply_v2(const struct folder *f, bool fresh, const struct device_rules *rules, struct error *err)
{
	auto_free struct bpf_insn *code = NULL;
	size_t n;
	int ret = devices_compile(rules, &code, &n, err);

	return ret < 0 ? ret : attach(f, fresh, code, n, err);
}

/* v1: */

static int apply_v1(const struct folder *f, bool in_use, const struct device_rules *rules, struct error *err)
{
	auto_close int allow = -EBADF, deny = -EBADF, list = in_use ? folder_open(f, "devices.list", O_RDONLY) : -EBADF;
	auto_strv struct strv lines = {0};
	auto_free char *now = NULL;
	int ret = list >= 0 ? fd_read_all(list, 1 << 20, &now, NULL, err) : 0;

	if (!ret)
		ret = now ? devices_changes(rules, now, &lines, err) : devices_lines(rules, &lines, err);

	for (size_t i = 0; i < lines.n && !ret; i++) {
		bool add = lines.v[i][0] == '+';
		const char *file = add ? "devices.allow" : "devices.deny", *line = lines.v[i] + 1;
		int *fd = add ? &allow : &deny;

		if (*fd < 0)
			*fd = folder_open(f, file, O_WRONLY);
		if (*fd < 0)
			ret = error_set(err, *fd, "open %s/%s: %s", f->dir, file, strerror(-*fd));
		else if (write(*fd, line, strlen(line)) < 0)
			ret = error_errno(err, "linux.resources.devices: write \"%s\" to %s/%s", line, f->dir,
					  file);
	}
	return ret;
}

static int apply(const struct cgroup *c, const struct oci_device_rule_list *rules, bool in_use, bool rootless, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "devices");
	struct device_rules list = {0};
	struct error why = ERROR_NONE;
	int ret;

	if (!rules->n)
		return 0;
	ret = devices_list(rules, &list, err);
	if (ret < 0)
		return ret;
	if (f)
		ret = f->v2 ? apply_v2(f, !in_use && f->made, &list, &why) : apply_v1(f, in_use, &list, &why);
	else if (!rootless && c->n)
		ret =
		    error_set(&why, -ENOTSUP, "linux.resources.devices: no devices controller on this host");
	free(list.v);
	if (ret == 0 || (rootless && (ret == -EPERM || ret == -EACCES)))
		return 0;
	if (err)
		*err = why;
	return ret;
}

int devices_apply(const struct cgroup *c, const struct oci_device_rule_list *rules, bool rootless, struct error *err)
{
	return apply(c, rules, false, rootless, err);
}

int devices_update(const struct cgroup *c, const struct oci_device_rule_list *rules, bool rootless, struct error *err)
{
	return apply(c, rules, true, rootless, err);
}
