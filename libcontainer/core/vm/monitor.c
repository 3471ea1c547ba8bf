/* monitor.c: see monitor.h. */
#include "core/vm/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/str.h"
#include "core/agent/host.h"
#include "core/gate.h"
#include "core/lifecycle.h"
#include "core/stages.h"
#include "core/vm/clients.h"
#include "core/vm/exec.h"
#include "core/vm/machine.h"
#include "core/vm/network.h"
#include "core/vm/terminal.h"
#include "vmm/filter.h"
#include "vmm/probe.h"

/* A guest that is not there by then never will be. Where its instructions are emulated, and by an emulated processor, it takes minutes. */
#define HELLO_MS (60 * 1000)
#define HELLO_SLOW_MS (600 * 1000)
/* After the container's first process has ended there is nothing left to be done but to power off. */
#define POWER_OFF_MS 10000
#define NET_MS (120 * 1000)

struct vm_monitor {
	struct container *c;
	struct loop *loop;
	struct vm_machine *machine;
	struct vm_clients *clients;
	int terminal;       /* the slave of the container's terminal, or -EBADF */
	int last_words;     /* where the container's standard error was; -EBADF with a terminal */
	int wake;           /* an eventfd: what a callback did is to be looked at */
	int knock;          /* the connection of `start`, or -EBADF */
	bool up;            /* the agent has greeted */
	bool greeted;       /* it knows of the container */
	bool serving, machine_ended;
	bool answered;      /* to NET */
	bool ended;         /* the container's first process: status */
	int status;
	uint64_t oom_kills;
	struct error answer, failure; /* failure: the agent's connection */
	struct deadline { const bool *done; const char *what; } hello, net; /* as long as the loop, which calls them */
};

/* As the host counts: we may be the first of a pid namespace. */
static int own_pid(int proc)
{
	char text[16];
	ssize_t n = readlinkat(proc, "self", text, sizeof(text) - 1);
	uint64_t pid;

	if (n <= 0)
		return getpid();
	text[n] = '\0';
	return number_parse_u64(text, 1, INT32_MAX, &pid) < 0 ? getpid() : (int)pid;
}

int vm_monitor_settle(struct container *c, struct error *err)
{
	sigset_t all;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return error_errno(err, "block signals");
	c->jail.pid = own_pid(c->carried.proc);
	return stage_settle(c, err);
}

/* A terminal has two ends on the host and two in the guest; between them the bytes go as they are, so the host's is raw: line discipline,
 * echo and signals are the guest's. It is ours to control, so that we hear of its size and of its end. */
int vm_monitor_terminal(struct container *c, struct error *err)
{
	const struct oci_console_size *size = c->process->console_size;

	c->jail.terminal = vm_terminal_open(c->carried.console_socket, size ? (unsigned)size->height.v : 0, size ? (unsigned)size->width.v : 0, err);
	return c->jail.terminal < 0 ? c->jail.terminal : 0;
}

/* What becomes of the machine, of the agent, of a signal: all told to the loop. A negative return ends what the walker waits for. */

static int on_machine_end(void *data, int fd, uint32_t events, struct error *err)
{
	struct vm_monitor *m = data;
	enum vm_end why = VM_RUNNING;
	struct error more = ERROR_NONE;

	m->machine_ended = true;
	if (m->ended && m->serving)
		return 1;
	if (vm_wait(m->machine->vm, &why, &more) < 0 || why >= VM_END_MAX)
		why = VM_STOPPED;
	/* Whoever brought it down has the better story. */
	if (m->failure.code < 0 && why == VM_STOPPED)
		return error_set(err, m->failure.code, "%s", m->failure.msg);
	return error_set(err, -EIO, "the virtual machine ended: %s%s%s", vm_end_names[why], more.code ? ": " : "", more.msg);
}

static int on_signal(void *data, const struct signalfd_siginfo *info, struct error *err)
{
	struct vm_monitor *m = data;
	int signo = (int)info->ssi_signo;

	switch (signo) {
	case SIGCHLD:
		return vm_machine_reap(m->machine, err);
	case SIGWINCH:
		if (m->terminal >= 0) {
			(void)agent_host_resize(m->machine->agent, 0, vm_terminal_size(m->terminal), NULL);
			return 0;
		}
		break;
	case SIGPIPE:
	case SIGURG:
		return 0;
	default:
		break;
	}
	if (m->greeted)
		(void)agent_host_signal(m->machine->agent, 0, signo, NULL);
	else if (signo == SIGTERM || signo == SIGINT || signo == SIGHUP || signo == SIGQUIT)
		return error_set(err, -EINTR, "ended by signal %d before there was anything to signal", signo);
	return 0;
}

static void wake(const struct vm_monitor *m)
{
	const uint64_t one = 1;

	(void)!write(m->wake, &one, sizeof(one));
}

static int on_wake(void *data, int fd, uint32_t events, struct error *err)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
	return 1;
}

static void on_greeted(void *data)
{
	struct vm_monitor *m = data;

	m->up = true;
	wake(m);
}

static void on_exited(void *data, uint32_t id, int status, uint64_t oom_kills)
{
	struct vm_monitor *m = data;

	if (id) {
		vm_clients_exited(m->clients, id, status);
		return;
	}
	m->ended = true;
	m->status = status;
	m->oom_kills = oom_kills;
	(void)agent_host_end(m->machine->agent, NULL);
	wake(m);
}

static void on_failed(void *data, const struct error *why)
{
	struct vm_monitor *m = data;

	/* A guest that has nothing more to say powers off. */
	if (m->ended)
		return;
	m->failure = *why;
	vm_stop(m->machine->vm, VM_STOPPED);
}

static const struct agent_host_events agent_events = { .greeted = on_greeted, .exited = on_exited, .failed = on_failed };

static int on_peer(void *data, int fd, uint32_t events, struct error *err)
{
	return 1;
}

/* The walker waits: everything else goes on. */
static int wait_in_loop(struct container *c, struct pollfd *fds, int n, struct error *err)
{
	struct vm_monitor *m = c->jail.monitor;
	int ret = 0;

	for (int i = 0; ret == 0 && i < n; i++)
		if (fds[i].fd >= 0)
			ret = loop_add(m->loop, fds[i].fd, EPOLLIN, on_peer, m, err);
	if (ret == 0)
		ret = loop_run(m->loop, err);
	for (int i = 0; i < n; i++)
		if (fds[i].fd >= 0)
			loop_remove(m->loop, fds[i].fd);
	if (ret == 0 && poll(fds, (nfds_t)n, 0) < 0 && errno != EINTR)
		ret = error_errno(err, "poll");
	return ret;
}

static int on_deadline(void *data, struct error *err)
{
	const struct deadline *d = data;

	return *d->done ? 0 : error_set(err, -ETIMEDOUT, "%s", d->what);
}

/* Runs the loop until *done; the deadline stays in the loop, and is no news once it is done. */
static int run_until(struct vm_monitor *m, struct deadline *d, int ms, struct error *err)
{
	int ret = loop_add_timer(m->loop, ms, 0, on_deadline, d, err);

	while (ret == 0 && !*d->done)
		ret = loop_run(m->loop, err);
	return ret;
}

/* The descriptors we were given are the first process's; ours become /dev/null, so that whoever waits for their end waits for the guest's. */
static int bind_streams(struct vm_monitor *m, struct error *err)
{
	struct agent_host *a = m->machine->agent;
	int ret = 0;

	/* With a terminal standard error is the caller's, who waits for its end before he says `start`. */
	if (m->c->process->terminal) {
		int in = fcntl(m->terminal, F_DUPFD_CLOEXEC, 3), out = fcntl(m->terminal, F_DUPFD_CLOEXEC, 3);

		return agent_host_bind(a, 0, AGENT_TERMINAL, in, out, err);
	}
	m->last_words = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	for (int fd = 0; ret == 0 && fd < 3; fd++) {
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

		ret = agent_host_bind(a, 0, (enum agent_stream)fd, fd == 0 ? copy : -EBADF, fd == 0 ? -EBADF : copy, err);
	}
	return ret;
}

static void leave_stdio(const struct vm_monitor *m)
{
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(m->machine->null, fd);
}

static int tell_of_container(struct vm_monitor *m, struct error *err)
{
	const struct container *c = m->c;
	struct agent_create create = {
		.flags = (c->create->no_new_keyring ? AGENT_NO_NEW_KEYRING : 0) | (c->create->no_pivot ? AGENT_NO_PIVOT : 0),
		.pid = c->jail.pid,
		.id = c->id,
		.bundle = c->bundle,
		.config = c->config_text,
		.config_size = (uint32_t)c->config_size,
	};

	if (m->terminal >= 0)
		create.size = vm_terminal_size(m->terminal);
	return agent_host_create(m->machine->agent, &create, err);
}

static int listen_to(struct vm_monitor *m, struct error *err)
{
	sigset_t all;
	int ret = loop_new(&m->loop, err);

	sigfillset(&all);
	if (ret == 0)
		ret = loop_add_signals(m->loop, &all, on_signal, m, err);
	if (ret == 0)
		ret = loop_add(m->loop, m->wake, EPOLLIN, on_wake, m, err);
	if (ret == 0)
		ret = loop_add(m->loop, vm_ended_fd(m->machine->vm), EPOLLIN, on_machine_end, m, err);
	if (ret == 0)
		ret = agent_host_add(m->machine->agent, m->loop, err);
	if (ret == 0)
		ret = vm_clients_new(m->machine->agent, m->machine->balloon, m->loop, m->c->control, &m->clients, err);
	return ret;
}

static int new_monitor(struct container *c, struct vm_monitor **out, struct error *err)
{
	struct vm_monitor *m = calloc(1, sizeof(*m));

	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (!m || fd < 0) {
		free(m);
		return fd < 0 ? error_errno(err, "eventfd") : error_set(err, -ENOMEM, "out of memory");
	}
	*m = (struct vm_monitor){ .c = c, .terminal = c->jail.terminal, .last_words = -EBADF, .wake = fd, .knock = -EBADF };
	m->hello = (struct deadline){ &m->up, "the virtual machine's agent does not say a word" };
	m->net = (struct deadline){ &m->answered, "the guest's agent does not answer about the network" };
	*out = m;
	return 0;
}

int vm_monitor_machine(struct container *c, struct error *err)
{
	struct vm_monitor *m = NULL;
	int ret = new_monitor(c, &m, err);

	if (ret == 0)
		ret = vm_machine_make(c, TAKE_PTR(c->parts), &agent_events, m, &m->machine, err);
	c->jail.monitor = m;
	return ret;
}

int vm_monitor_power(struct container *c, struct error *err)
{
	struct vm_monitor *m = c->jail.monitor;
	int pair[2], ret = bind_streams(m, err);

	if (ret == 0)
		ret = channel_pair(pair, err);
	if (ret < 0)
		return ret;
	c->line.peer[INSIDE] = pair[0];
	c->line.shift[INSIDE] = pipeline_find(&c->line, JAIL, "power");
	c->line.wait = wait_in_loop;
	ret = agent_host_channel(m->machine->agent, 0, pair[1], err);
	if (ret == 0)
		ret = listen_to(m, err);
	leave_stdio(m);
	if (ret == 0)
		ret = vm_start(m->machine->vm, err);
	/* The other threads have their own, which this one's would have been added to. */
	if (ret == 0)
		ret = filter_enter(FILTER_MAIN, err);
	if (ret == 0)
		ret = run_until(m, &m->hello, probe_accepts_slow() ? HELLO_SLOW_MS : HELLO_MS, err);
	if (ret == 0)
		ret = tell_of_container(m, err);
	m->greeted = ret == 0;
	return ret;
}

static int on_knock(void *data, int gate, uint32_t events, struct error *err)
{
	struct vm_monitor *m = data;

	return gate_answer(gate, &m->knock, err);
}

static void on_net_answer(void *data, const struct agent_frame *reply, const struct error *why)
{
	struct vm_monitor *m = data;

	m->answered = true;
	m->answer = *why;
	wake(m);
}

/* The network as it is now: engines may have prepared it since `create` (Docker does). */
static int hand_network_over(struct vm_monitor *m, struct error *err)
{
	struct survey *survey = calloc(1, sizeof(*survey));
	int ret = survey ? vm_network_join(m->machine->network, survey, err) : error_set(err, -ENOMEM, "out of memory");

	if (ret == 0)
		ret = agent_host_ask(m->machine->agent, AGENT_NET, survey, sizeof(*survey), on_net_answer, m, err);
	free(survey);
	if (ret == 0)
		ret = run_until(m, &m->net, NET_MS, err);
	if (ret == 0 && m->answer.code < 0)
		ret = error_set(err, m->answer.code, "network of the guest: %s", m->answer.msg);
	return ret;
}

int vm_monitor_gate(struct container *c, struct error *err)
{
	struct vm_monitor *m = c->jail.monitor;
	int ret;

	if (c->line.peer[HOST] >= 0)
		close(c->line.peer[HOST]);
	c->line.peer[HOST] = -EBADF;
	ret = loop_add(m->loop, c->carried.gate, EPOLLIN, on_knock, m, err);
	if (ret == 0)
		ret = loop_run(m->loop, err);
	loop_remove(m->loop, c->carried.gate);
	if (ret < 0)
		return ret;
	c->line.peer[HOST] = TAKE_FD(m->knock);
	return hand_network_over(m, err);
}

/* One line where the container's errors went: there is nobody else to tell. */
static void say(const struct vm_monitor *m, const char *text)
{
	auto_text struct text line = { 0 };

	struct pollfd p = { .fd = m->last_words, .events = POLLOUT };

	log_line(LOG_ERROR, "%s", text);
	text_addf(&line, "%s\n", text);
	/* A pipe that the guest has filled and nobody empties is no reason to stay. */
	if (m->last_words >= 0 && !line.failed && poll(&p, 1, 0) > 0)
		(void)fd_write_all(m->last_words, line.v, line.n, NULL);
}

static int on_too_late(void *data, struct error *err)
{
	struct vm_monitor *m = data;

	vm_stop(m->machine->vm, VM_STOPPED);
	return 0;
}

int vm_monitor_serve(struct container *c, struct error *err)
{
	struct vm_monitor *m = c->jail.monitor;
	struct error why = ERROR_NONE;
	int ret = 0;

	/* Closed in this order they say that the program runs: first to `state`, then to `start`. */
	close(TAKE_FD(c->carried.gate));
	if (c->line.peer[HOST] >= 0)
		close(TAKE_FD(c->line.peer[HOST]));
	if (c->line.peer[INSIDE] >= 0)
		close(TAKE_FD(c->line.peer[INSIDE]));
	m->serving = true;
	while (ret == 0 && !m->ended)
		ret = loop_run(m->loop, &why);
	if (ret < 0) {
		say(m, why.msg);
		_exit(255);
	}
	/* Its death takes whatever exec has started along; their ends are told before it is off. */
	ret = loop_add_timer(m->loop, POWER_OFF_MS, 0, on_too_late, m, NULL);
	while (ret == 0)
		if (loop_run(m->loop, NULL) < 0 || m->machine_ended)
			break;
	vm_clients_end(m->clients, m->oom_kills);
	if (m->oom_kills && WIFSIGNALED(m->status) && WTERMSIG(m->status) == SIGKILL) {
		const struct oci_linux *l = c->spec->linux_;
		const struct oci_memory *memory = l && l->resources ? l->resources->memory : NULL;

		container_tell_memory(memory && memory->limit.set ? memory->limit.v : -1, &why);
		say(m, why.msg);
	}
	vm_end_as(m->status);
}
