/* stages_host.c: the rows of HOST that every back end shares: everything that can be prepared before there is a process, and what can
 * only be done from outside. See stages.h.
 */
#include "core/stages.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "core/gate.h"
#include "core/lifecycle.h"
#include "core/ready.h"
#include "hooks/hook.h"
#include "ns/idmap.h"
#include "oci-spec/check.h"
#include "oci-spec/state.h"
#include "process/rlimit.h"
#include "process/sched.h"
#include "process/sysctl.h"
#include "seccomp/cache.h"
#include "seccomp/notify.h"
#include "tty/console.h"

/* check: everything that can be wrong is found here, before anything is made. */

static int find_root(struct container *c, struct error *err)
{
	const char *path = c->spec->root->path;
	auto_free char *joined = *path == '/' ? strdup(path) : path_join(c->bundle, path);

	if (!joined)
		return error_set(err, -ENOMEM, "out of memory");
	if (path_absolute(joined, &c->root_path, err) < 0)
		return error_wrap(err, "config.json: root.path");
	if (!strcmp(c->root_path, "/"))
		return error_set(err, -EINVAL, "config.json: root.path: it is the host's root directory");
	return 0;
}

static int check_terminal(const struct container *c, struct error *err)
{
	bool foreground = c->create->detach == false && c->create->console_socket == NULL;

	if (c->create->console_socket && !c->process->terminal)
		return error_set(err, -EINVAL, "--console-socket: process.terminal is false, so there is no terminal to send");
	if (c->process->terminal && !c->create->console_socket && !(foreground && c->create->foreground))
		return error_set(err, -EINVAL, "process.terminal is true: a detached container needs --console-socket");
	return 0;
}

static int check(struct container *c, struct error *err)
{
	int ret = oci_check(c->spec, "config.json", err);

	for (size_t i = 0; ret == 0 && i < c->spec->mounts.n; i++) {
		char place[48];

		snprintf(place, sizeof(place), "config.json: mounts[%zu]", i);
		ret = mount_check(&c->spec->mounts.v[i], place, err);
	}
	if (ret == 0 && sysctl_check(c->spec, err) < 0)
		ret = error_wrap(err, "config.json");
	if (ret == 0)
		ret = find_root(c, err);
	if (ret == 0)
		ret = check_terminal(c, err);
	for (int fd = 3; ret == 0 && fd < 3 + c->preserved; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			ret = error_set(err, -EBADF, "--preserve-fds: descriptor %d is not open", fd);
	if (ret == 0)
		ret = caps_parse(c->process->capabilities, &c->carried.caps, err);
	if (ret == 0 && ns_plan_make(c->spec, &c->host.ns, err) < 0)
		ret = error_wrap(err, "config.json");
	if (ret < 0)
		return ret;
	if (!((c->host.ns.create | c->host.ns.joined) & CLONE_NEWNS) && c->spec->mounts.n)
		return error_set(err, -EINVAL, "config.json: mounts: they need a mount namespace");
	c->carried.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->carried.proc < 0 || !fd_is_on(c->carried.proc, PROC_SUPER_MAGIC))
		return error_set(err, -ENOENT, "/proc is not mounted on this host");
	return 0;
}

/* claim: from here on the id is ours. */

static int now(char **out, struct error *err)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	*out = strdup(clock_format(t, 1).text);
	return *out ? 0 : error_set(err, -ENOMEM, "out of memory");
}

static int fill_state(struct container *c, struct error *err)
{
	struct saved_state *s = calloc(1, sizeof(*s));
	const struct pairs *a = &c->spec->annotations;

	c->saved = s;
	if (!s)
		return error_set(err, -ENOMEM, "out of memory");
	s->oci_version = strdup(OCI_VERSION);
	s->id = strdup(c->id);
	s->bundle = strdup(c->bundle);
	s->rootfs = strdup(c->root_path);
	s->isolation = strdup(c->isolation->name);
	s->own_pid_namespace = c->host.ns.create & CLONE_NEWPID;
	s->annotations.v = a->n ? calloc(a->n + 1, sizeof(*a->v)) : NULL;
	for (size_t i = 0; s->annotations.v && i < a->n; i++, s->annotations.n++)
		s->annotations.v[i] = (struct pair){ strdup(a->v[i].key), strdup(a->v[i].value) };
	return now(&s->created, err);
}

static int claim(struct container *c, struct error *err)
{
	auto_free char *root = c->global->root ? strdup(c->global->root) : store_default_root();
	int ret = root ? store_claim(root, c->id, &c->host.store, err) : error_set(err, -ENOMEM, "out of memory");

	if (ret < 0)
		return ret;
	ret = fill_state(c, err);
	if (ret == 0)
		ret = store_write_config(&c->host.store, c->config_text, c->config_size, err);
	return ret;
}

static void unclaim(struct container *c)
{
	struct error err = ERROR_NONE;

	if (c->host.store.folder >= 0 && store_remove(&c->host.store, &err) < 0)
		log_line(LOG_WARNING, "%s", err.msg);
	store_close(&c->host.store);
}

/* cgroup: made, with its limits set, before anyone is in it. */

/* The host's id of process.user.uid, to own the cgroup where the container may manage it (config-linux.md, "Cgroup ownership"). */
static bool cgroup_owner(const struct container *c, uid_t *owner)
{
	const struct oci_linux *l = c->spec->linux_;
	bool writable = false;
	long long id;

	if (!l || !(c->host.ns.create & CLONE_NEWCGROUP) || !(c->host.ns.create & CLONE_NEWUSER))
		return false;
	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		const struct oci_mount *m = &c->spec->mounts.v[i];

		if (!m->type || (strcmp(m->type, "cgroup") && strcmp(m->type, "cgroup2")))
			continue;
		writable = true;
		for (size_t k = 0; k < m->options.n; k++)
			if (!strcmp(m->options.v[k], "ro"))
				writable = false;
	}
	id = idmap_to_host(&l->uid_mappings, c->process->user && c->process->user->uid.set ? c->process->user->uid.v : 0);
	*owner = (uid_t)id;
	return writable && id >= 0;
}

static struct cgroup_request cgroup_request(const struct container *c, struct isolation_resources *room)
{
	const struct oci_linux *l = c->spec->linux_;

	return (struct cgroup_request){
		.driver = c->global->cgroup_driver,
		.path = l ? l->cgroups_path : NULL,
		.id = c->id,
		.rootless = !c->privileged,
		.resources = isolation_resources(c->isolation, c->spec, l ? l->resources : NULL, room),
		.annotations = &c->spec->annotations,
	};
}

int stage_find_cgroup(struct container *c, struct error *err)
{
	struct isolation_resources room;
	struct cgroup_request r = cgroup_request(c, &room);
	struct cgroup *planned = NULL;
	pid_t *pids = NULL;
	size_t n = 0;
	int ret = cgroup_plan(&r, &planned, err);

	if (ret == 0)
		ret = cgroup_pids(planned, &pids, &n, err);
	if (ret == 0 && n == 0)
		c->host.cgroup = TAKE_PTR(planned);
	free(pids);
	cgroup_free(planned);
	return ret;
}

static int make_cgroup(struct container *c, struct error *err)
{
	struct isolation_resources room;
	struct cgroup_request r = cgroup_request(c, &room);
	int ret;

	r.chown = cgroup_owner(c, &r.owner);
	ret = cgroup_make(&r, &c->host.cgroup, err);
	if (ret == 0)
		ret = cgroup_save(c->host.cgroup, &c->saved->cgroup, err);
	/* Before anyone lives in it, so that whoever finds us dead knows what to take away. */
	return ret < 0 ? ret : store_save(&c->host.store, c->saved, false, err);
}

static void remove_cgroup(struct container *c)
{
	struct error err = ERROR_NONE;

	if (!c->host.cgroup)
		return;
	/* Whom we could not kill may be gone all the same: the removal tells. */
	(void)cgroup_kill(c->host.cgroup, SIGKILL, NULL);
	if (cgroup_remove(c->host.cgroup, &err) < 0)
		log_line(LOG_WARNING, "remove the cgroup of container \"%s\": %s", c->id, err.msg);
	cgroup_free(c->host.cgroup);
	c->host.cgroup = NULL;
}

int stage_compile_filter(struct container *c, struct error *err)
{
	const struct oci_seccomp *seccomp = c->spec->linux_->seccomp;

	if (cache_compile(c->host.store.root, seccomp, &c->carried.filter, err) < 0)
		return error_wrap(err, "config.json");
	if (!c->carried.filter.notify)
		return 0;
	if (!seccomp->listener_path || !*seccomp->listener_path)
		return error_set(err, -EINVAL, "config.json: linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs one");
	c->carried.listener = notify_connect(seccomp->listener_path, err);
	if (c->carried.listener < 0)
		return error_wrap(err, "linux.seccomp.listenerPath");
	void *shared = mmap(NULL, sizeof(*c->carried.host_pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return error_errno(err, "map memory");
	c->carried.host_pid = shared;
	return 0;
}

bool stage_has_filter(const struct container *c)
{
	return c->spec->linux_ && c->spec->linux_->seccomp;
}

/* sources: bind mounts' sources opened with our rights, which a process in a new user namespace has not. */
static int open_sources(struct container *c, struct error *err)
{
	size_t n = c->spec->mounts.n;
	int *fds = malloc((n + 1) * sizeof(*fds));
	auto_close int mappings = root_open_mappings(c->spec, c->privileged ? err : NULL);

	if (mappings < 0 && mappings != -EBADF && c->privileged) {
		free(fds);
		return mappings;
	}
	if (!fds)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i <= n; i++)
		fds[i] = -EBADF;
	c->carried.sources = fds;
	for (size_t i = 0; i < n; i++) {
		struct error e = ERROR_NONE;
		char place[32];

		snprintf(place, sizeof(place), "mounts[%zu]", i);
		fds[i] = root_source_open(&c->spec->mounts.v[i], c->bundle, mappings, place, &e);
		/* In a user namespace we may not be allowed to take a mount that the container's process, too, can reach: its error counts. */
		if (fds[i] < 0 && !c->privileged)
			fds[i] = -EBADF;
		if (fds[i] < 0 && fds[i] != -EBADF) {
			if (err)
				*err = e;
			return e.code;
		}
	}
	return 0;
}

static bool needs_sources(const struct container *c)
{
	/* Podman's root of an ordinary user is not privileged, but its folders are its own all the same. */
	return geteuid() == 0 && (c->host.ns.create | c->host.ns.joined) & CLONE_NEWUSER;
}

int stage_console_host(struct container *c, struct error *err)
{
	const char *path = c->exec ? c->exec->console_socket : c->create->console_socket;
	int pair[2];

	if (path) {
		c->carried.console_socket = console_socket_connect(path, err);
		return c->carried.console_socket < 0 ? c->carried.console_socket : 0;
	}
	/* Our own foreground asks for it in the same way. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, "socketpair");
	c->host.terminal = pair[0];
	c->carried.console_socket = pair[1];
	return 0;
}

static int open_gate(struct container *c, struct error *err)
{
	c->carried.gate = gate_open(c->host.store.folder, err);
	return c->carried.gate < 0 ? c->carried.gate : 0;
}

const struct stage stages_prepare[] = {
	{ HOST, "check",   check,              NULL,          NULL,               false },
	{ HOST, "claim",   claim,              unclaim,       NULL,               false },
	{ HOST, "ready",   ready_offer,        NULL,          ready_is_offered,   false },
	{ HOST, "cgroup",  make_cgroup,        remove_cgroup, NULL,               false },
	{ HOST, "filter",  stage_compile_filter, NULL,        stage_has_filter,   false },
	{ HOST, "sources", open_sources,       NULL,          needs_sources,      false },
	{ HOST, "console", stage_console_host, NULL,          stage_has_terminal, false },
	{ HOST, "gate",    open_gate,          NULL,          NULL,               false },
	{ 0 },
};

int stage_adopt(struct container *c, enum place place, pid_t pid, int pidfd, int channel, struct error *err)
{
	struct proc whole = PROC_NONE;
	int ret;

	c->line.peer[place] = channel;
	proc_close(&c->init);
	c->init = (struct proc){ pid, 0, pidfd };
	if (c->carried.host_pid)
		*c->carried.host_pid = pid;
	/* The start time makes the pid unmistakable in the saved state. */
	ret = proc_open(pid, 0, &whole, err);
	if (ret < 0)
		return ret;
	if (pidfd >= 0)
		close(pidfd);
	c->init = whole;
	return 0;
}

void stage_end(struct container *c)
{
	if (c->init.pid <= 0)
		return;
	(void)proc_signal(&c->init, SIGKILL, NULL);
	/* In a container loaded from its state it is somebody else's child: then this does not wait. */
	while (waitpid(c->init.pid, NULL, 0) < 0 && errno == EINTR)
		;
	proc_close(&c->init);
}

/* limits: by prlimit on the child: inside a user namespace, or as another user, it would be too late. */
int stage_limits(struct container *c, struct error *err)
{
	int ret = rlimit_apply(c->process, c->init.pid, err);

	return ret < 0 ? ret : sched_apply_oom_score(c->process, c->init.pid, err);
}

/* created: the last row of HOST. */

int stage_hand_out_pid(struct container *c, const char *pid_file, const char *pidfd_socket, struct error *err)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", c->init.pid), ret = 0;

	if (pidfd_socket) {
		auto_close int socket = console_socket_connect_for("--pidfd-socket", pidfd_socket, err);

		ret = socket < 0 ? socket : console_socket_send(socket, "pidfd", c->init.pidfd, err);
		if (ret < 0)
			return ret;
	}
	if (pid_file) {
		/* By rename: who polls for the file reads a whole number. No newline: some read the raw bytes. */
		auto_free char *copy = strdup(pid_file);
		char *slash = copy ? strrchr(copy, '/') : NULL;
		const char *name = slash ? slash + 1 : copy;
		auto_close int dir = -EBADF;

		if (slash)
			*slash = '\0';
		dir = open(slash == copy ? "/" : slash ? copy : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return error_errno(err, "--pid-file %s", pid_file);
		ret = file_replace_at(dir, name, text, (size_t)n, 0644, err);
		if (ret < 0)
			return error_wrap(err, "--pid-file %s", pid_file);
		c->host.pid_file = true;
	}
	return 0;
}

static int created(struct container *c, struct error *err)
{
	int ret;

	c->saved->pid = (struct opt_int){ true, c->init.pid };
	c->saved->start_time = (struct opt_uint){ true, c->init.start_time };
	/* A systemd scope has its folders only since it was entered. */
	free(TAKE_PTR(c->saved->cgroup));
	ret = cgroup_save(c->host.cgroup, &c->saved->cgroup, err);
	if (ret == 0)
		ret = store_save(&c->host.store, c->saved, true, err);
	c->created = ret == 0;
	/* `run` knocks from this very process: with a copy of ours the gate would look open although nobody is behind it any more. */
	close(c->carried.gate);
	c->carried.gate = -EBADF;
	return ret < 0 ? ret : stage_hand_out_pid(c, c->create->pid_file, c->create->pidfd_socket, err);
}

static void uncreate(struct container *c)
{
	if (c->host.pid_file)
		(void)unlink(c->create->pid_file);
	c->host.pid_file = false;
}

const struct stage stages_announce[] = {
	{ HOST, "created", created, uncreate, NULL, false },
	{ 0 },
};
