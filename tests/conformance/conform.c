/* conform.c: see conform.h. */
#include "tests/conformance/conform.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct bundle box;

/* What every engine writes, in few words. No property in it is beyond version 1.0 of the specification. */
static const char base[] =
    "{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/"
    "bin/inside\",\"echo\",\"hello\"],"
    "\"env\":[\"PATH=/usr/bin:/bin\",\"TERM=xterm\"],\"cwd\":\"/\",\"noNewPrivileges\":false},"
    "\"root\":{\"path\":\"rootfs\",\"readonly\":false},\"hostname\":\"box\",\"mounts\":["
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/"
    "dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\",\"mode=755\","
    "\"size=65536k\"]},"
    "{\"destination\":\"/dev/"
    "pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\",\"newinstance\","
    "\"ptmxmode=0666\",\"mode=0620\"]},"
    "{\"destination\":\"/dev/"
    "shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\","
    "\"size=65536k\"]},"
    "{\"destination\":\"/"
    "sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]}],"
    "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},\"namespaces\":[{\"type\":"
    "\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}]}}";

void begin(void)
{
	need_root();
	bundle_make(&box);
	bundle_config_text(&box, base);
}

static const char *tell(const struct result *r)
{
	return format("status %d, stdout: %.600s, stderr: %.900s", r->status, r->out, r->err);
}

void succeeded(struct result r)
{
	MUST_SAY(r.status == 0, "%s", tell(&r));
}

void failed(struct result r)
{
	MUST_SAY(r.status != 0, "no error: %s", tell(&r));
	MUST_SAY(r.status != -1, "it hung: %s", tell(&r));
}

char *inside_says(struct result r)
{
	succeeded(r);
	return r.out;
}

void sees(const char *text, const char *line)
{
	MUST_SAY(has_line(text, line), "expected the line \"%s\" in: %.1500s", line, text);
}

void sees_not(const char *text, const char *line)
{
	MUST_SAY(!has_line(text, line), "the line \"%s\" must not be in: %.1500s", line, text);
}

void holds(const char *text, const char *piece)
{
	MUST_SAY(strstr(text, piece), "expected \"%s\" in: %.1500s", piece, text);
}

void holds_not(const char *text, const char *piece)
{
	MUST_SAY(!strstr(text, piece), "\"%s\" must not be in: %.1500s", piece, text);
}

static void no_container(void)
{
	struct result r = nacre("state", box.id, NULL);
	MUST_SAY(r.status != 0, "an error was generated, but the container is there: %s", r.out);
}

void refused(void)
{
	struct result r = nacre("create", "--bundle", box.dir, box.id, NULL);
	MUST_SAY(r.status > 0, "create generated no error: %s", tell(&r));
	no_container();
}

void refused_at_last(void)
{
	struct result r = nacre("create", "--bundle", box.dir, box.id, NULL);
	if (r.status > 0)
		return;
	r = nacre("start", box.id, NULL);
	MUST_SAY(r.status > 0, "neither create nor start generated an error: %s", tell(&r));
}

void taken(void)
{
	succeeded(bundle_run(&box));
}

void create_sleeper(void)
{
	bundle_inside(&box, "sleep", "600", NULL);
	bundle_create(&box, NULL);
}

void start_sleeper(void)
{
	create_sleeper();
	succeeded(nacre("start", box.id, NULL));
}

int pid_of_box(void)
{
	int pid = bundle_pid(&box);
	MUST_SAY(pid > 0, "state tells no pid");
	return pid;
}

char *proc_text(const char *name)
{
	return file_text(format("/proc/%d/%s", pid_of_box(), name));
}

char *proc_link(int pid, const char *name)
{
	char to[4096];
	ssize_t n = readlink(pid ? format("/proc/%d/%s", pid, name) : format("/proc/self/%s", name), to,
			     sizeof(to) - 1);
	return format("%.*s", (int)(n < 0 ? 0 : n), to);
}

static char *unified_mount(void)
{
	if (have_cgroup_v2_only())
		return format("/sys/fs/cgroup");
	return format("/sys/fs/cgroup/unified");
}

char *cgroup_folder(const char *controller)
{
	const char *v1 = *controller ? cgroup_v1_mount(controller) : NULL;
	char *lines = proc_text("cgroup"), *save;
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *list = strchr(line, ':') + 1, *path = strchr(list, ':');
		*path++ = '\0';
		if (!v1 && !*list)
			return format("%s%s", unified_mount(), path);
		if (v1 && strstr(format(",%s,", list), format(",%s,", controller)))
			return format("%s%s", v1, path);
	}
	return format("%s", "");
}

static bool unified_has(const char *controller)
{
	char *list = file_text(format("%s/cgroup.controllers", unified_mount()));
	list[strcspn(list, "\n")] = '\0';
	return strstr(format(" %s ", list), format(" %s ", controller));
}

void need_controller(const char *controller)
{
	if (!cgroup_v1_mount(controller) && !unified_has(controller))
		test_skip("this host has no cgroup controller %s", controller);
}

char *cgroup_text(const char *controller, const char *v1_file, const char *v2_file)
{
	bool v1 = cgroup_v1_mount(controller);
	need_controller(controller);
	char *folder = cgroup_folder(v1 ? controller : "");
	const char *file = v1 ? v1_file : v2_file, *path = format("%s/%s", folder, file ? file : "");
	if (!file)
		test_skip("only cgroup %s has this", v1 ? "v2" : "v1");
	if (!exists(path)) {
		/* The file is missing in the container's cgroup only, or for all of them? */
		if (!exists(format("%s/%s", v1 ? cgroup_v1_mount(controller) : unified_mount(), file)) && v1)
			test_skip("this kernel has no %s", file);
		MUST_SAY(!v1, "%s is missing", path);
		MUST_SAY(exists(folder) &&
			     strstr(file_text(format("%s/cgroup.controllers", folder)), controller),
			 "the controller %s is not on in %s", controller, folder);
		test_skip("this kernel has no %s", file);
	}
	char *text = file_text(path);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

char *first_line(const char *text)
{
	return format("%.*s", (int)strcspn(text, "\n"), text);
}

int listen_socket(char **path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static int count;
	*path = format("%s/s%d", test_dir(), ++count);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", *path);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(s >= 0 && !bind(s, (struct sockaddr *)&address, sizeof(address)) && !listen(s, 8));
	return s;
}

int receive_call(int listener, char *text, size_t size, int *fd)
{
	struct pollfd p = {listener, POLLIN, 0};
	char control[256];
	struct iovec io = {text, size - 1};
	struct msghdr m = {
	    .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	*fd = -1;
	if (poll(&p, 1, PATIENCE * 1000) != 1)
		return -1;
	int c = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ssize_t n = recvmsg(c, &m, MSG_CMSG_CLOEXEC);
	text[n > 0 ? n : 0] = '\0';
	struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (h && h->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(h), sizeof(*fd));
	return c;
}

char *make_tree(unsigned long flags)
{
	char *tree = format("%s/tree", test_dir()), *sub = format("%s/sub", tree);
	need_root();
	MUST(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	make_folder(tree);
	MUST(!mount("tree", tree, "tmpfs", 0, NULL));
	make_folder(sub);
	MUST(!mount("sub", sub, "tmpfs", 0, NULL));
	file_write(format("%s/outer", tree), "x");
	file_write(format("%s/inner", sub), "x");
	if (flags)
		MUST_SAY(!mount(NULL, sub, NULL, MS_REMOUNT | MS_BIND | flags, NULL), "remount: %s",
			 strerror(errno));
	return tree;
}
