/* exec.c: see exec.h. */
#include "core/vm/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/loop.h"
#include "core/lifecycle.h"
#include "core/stages.h"
#include "core/vm/control.h"
#include "core/vm/jail.h"
#include "core/vm/machine.h"
#include "core/vm/terminal.h"
#include "ns/spawn.h"
#include "process/caps.h"

static int check(struct container *c, struct error *err)
{
	const struct oci_capabilities *caps = c->process->capabilities;
	int ret = vm_check_user(c->spec, c->process, err);

	if (ret < 0)
		return ret;
	if (c->preserved > 0)
		return error_set(err, -ENOTSUP, "--preserve-fds: descriptors cannot be handed on into a virtual machine");
	if (c->process->exec_cpu_affinity)
		return error_set(err, -ENOTSUP, "process.execCPUAffinity: the processors of a virtual machine are not the host's");
	return caps_parse(caps, &c->carried.caps, err);
}

static int try_spawn(struct container *c, struct error *err)
{
	const struct ns_plan ours = NS_PLAN_NONE;
	int fds[2], pidfd, ret = channel_pair(fds, err);
	pid_t pid;

	if (ret < 0)
		return ret;
	pid = ns_spawn(&ours, cgroup_clone_fd(c->host.cgroup), &pidfd, &c->host.cgroup_entered, err);
	if (pid == 0) {
		close(fds[0]);
		container_walk_on(c, JAIL, fds[1]);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return pid;
	}
	return stage_adopt(c, JAIL, pid, pidfd, fds[0], err);
}

static int spawn(struct container *c, struct error *err)
{
	pid_t first = c->init.pid;
	int ret = try_spawn(c, err);

	/* Nobody was born: what the undo ends must not be the machine's monitor. */
	if (ret < 0 && c->init.pid == first)
		proc_close(&c->init);
	return ret;
}

static int place(struct container *c, struct error *err)
{
	return c->host.cgroup_entered ? 0 : cgroup_enter(c->host.cgroup, c->init.pid, false, err);
}

/* JAIL: the process that stands for the one in the guest. */

/* --cgroup [controller:]path: the guest has one hierarchy. The last one counts. */
static int sub_cgroup(const struct container *c, char *out, size_t room, struct error *err)
{
	*out = '\0';
	for (const char *const *v = c->exec->cgroups; v && *v; v++) {
		const char *colon = strchr(*v, ':');
		const char *path = colon ? colon + 1 : *v;

		if (strlen(path) >= room)
			return error_set(err, -ENAMETOOLONG, "--cgroup %.60s…: too long", *v);
		strcpy(out, path);
	}
	return 0;
}

static int ask(struct container *c, int *connection, int *terminal, struct error *err)
{
	struct control_msg m = { .kind = CONTROL_EXEC };
	auto_close int fd = control_connect(c->host.store.folder, err), document = -EBADF, slave = -EBADF;
	int fds[CONTROL_FDS_MAX] = { -EBADF, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO }, none[CONTROL_FDS_MAX];
	const struct oci_console_size *size = c->process->console_size;
	auto_free char *text = NULL;
	size_t n = 4, came = 0;
	int ret = fd < 0 ? fd : schema_print(&oci_process_schema, c->process, &text, err);

	if (ret == 0)
		ret = sub_cgroup(c, m.cgroup, sizeof(m.cgroup), err);
	if (ret == 0)
		ret = document = control_text(text, strlen(text), err);
	if (ret >= 0 && c->process->terminal) {
		ret = slave = vm_terminal_open(c->carried.console_socket, size ? (unsigned)size->height.v : 0,
					       size ? (unsigned)size->width.v : 0, err);
		m.flags = CONTROL_TERMINAL;
		m.rows = slave < 0 ? 0 : vm_terminal_size(slave).rows;
		m.cols = slave < 0 ? 0 : vm_terminal_size(slave).cols;
		fds[1] = slave;
		n = 2;
	}
	fds[0] = document;
	if (ret >= 0)
		ret = control_send(fd, &m, fds, n, err);
	if (ret >= 0)
		ret = control_recv(fd, &m, none, &came, err);
	for (size_t i = 0; i < came; i++)
		close(none[i]);
	if (ret == -ECONNRESET)
		return error_set(err, ret, "the virtual machine ended before the program was executed");
	if (ret < 0)
		return ret;
	if (m.kind == CONTROL_FAILED)
		return error_set(err, m.error.code < 0 ? m.error.code : -EIO, "%s", m.error.msg);
	if (m.kind != CONTROL_STARTED)
		return error_set(err, -EPROTO, "control: an answer of kind %u", m.kind);
	*connection = TAKE_FD(fd);
	*terminal = TAKE_FD(slave);
	return 0;
}

struct standing {
	int connection, terminal;
};

static int on_signal(void *data, const struct signalfd_siginfo *info, struct error *err)
{
	const struct standing *s = data;
	struct control_msg m = { .kind = CONTROL_SIGNAL, .value = (int)info->ssi_signo };

	if (info->ssi_signo == SIGCHLD || info->ssi_signo == SIGPIPE)
		return 0;
	if (info->ssi_signo == SIGWINCH && s->terminal >= 0) {
		m.kind = CONTROL_RESIZE;
		m.rows = vm_terminal_size(s->terminal).rows;
		m.cols = vm_terminal_size(s->terminal).cols;
	}
	/* If nobody hears it the connection tells. */
	(void)control_send(s->connection, &m, NULL, 0, NULL);
	return 0;
}

static int on_word(void *data, int fd, uint32_t events, struct error *err)
{
	int none[CONTROL_FDS_MAX];
	struct control_msg m;
	size_t came = 0;

	/* The machine is gone, and every process of it. */
	if (control_recv(fd, &m, none, &came, err) < 0)
		vm_end_as(SIGKILL);
	for (size_t i = 0; i < came; i++)
		close(none[i]);
	if (m.kind == CONTROL_EXITED)
		vm_end_as(m.value);
	return 0;
}

/* What a process can have ended by. Of the others the first would stop us for ever, and a guest may say what it likes. */
static bool is_deadly(int signo)
{
	switch (signo) {
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGCONT:
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
		return false;
	default:
		return signo > 0;
	}
}

_Noreturn void vm_end_as(int status)
{
	int signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (is_deadly(signo) && getpid() != 1) {
		const struct rlimit none = { 0, 0 };
		sigset_t set;

		(void)setrlimit(RLIMIT_CORE, &none);
		sigemptyset(&set);
		sigaddset(&set, signo);
		(void)signal(signo, SIG_DFL);
		(void)kill(getpid(), signo);
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	_exit(proc_exit_code(status));
}

/* Whoever waits for the end of our streams waits for those in the guest. */
static void leave_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		(void)dup2(null, fd);
}

static int stand(struct container *c, struct error *err)
{
	struct standing s = { -EBADF, -EBADF };
	struct loop *loop = NULL;
	sigset_t all;
	int ret;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)prctl(PR_SET_DUMPABLE, 0);
	setsid();
	ret = ask(c, &s.connection, &s.terminal, err);
	if (ret == 0)
		ret = loop_new(&loop, err);
	if (ret == 0)
		ret = loop_add_signals(loop, &all, on_signal, &s, err);
	if (ret == 0)
		ret = loop_add(loop, s.connection, EPOLLIN, on_word, &s, err);
	if (ret < 0)
		return ret;
	leave_stdio();
	ret = vm_jail_stand_by(err);
	if (ret == 0)
		ret = pipeline_tell_done(&c->line, err);
	if (ret < 0)
		return ret;
	close(TAKE_FD(c->line.peer[HOST]));
	return loop_run(loop, err);
}

static const struct stage rows[] = {
	{ HOST, "check",   check,              NULL,      NULL,               false },
	{ HOST, "console", stage_console_host, NULL,      stage_has_terminal, false },
	{ HOST, "spawn",   spawn,              stage_end, NULL,               false },
	{ HOST, "place",   place,              NULL,      NULL,               false },
	{ JAIL, "stand",   stand,              NULL,      NULL,               false },
	{ 0 },
};
const struct stage *const exec_list_kvm[] = { rows, NULL };
