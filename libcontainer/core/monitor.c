/* monitor.c: stays with a process in the foreground. See monitor.h. */
#include "core/monitor.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/loop.h"
#include "cgroup/oom.h"
#include "tty/relay.h"

struct watch {
	const struct proc *process;
	struct relay *relay;
	int status;
};

static sigset_t passed_on(void)
{
	sigset_t set;

	sigfillset(&set);
	/* Faults are our own. Job control stops us as any program; the container's has a session of its own. */
	static const int ours[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGTSTP, SIGTTIN, SIGTTOU };

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		sigdelset(&set, ours[i]);
	return set;
}

void monitor_block(struct monitor_mask *mask)
{
	sigset_t set = passed_on();

	sigprocmask(SIG_BLOCK, &set, &mask->before);
}

void monitor_unblock(const struct monitor_mask *mask)
{
	sigprocmask(SIG_SETMASK, &mask->before, NULL);
}

static int wait_polling(struct pollfd *fds, nfds_t n, struct error *err)
{
	while (poll(fds, n, -1) < 0)
		if (errno != EINTR)
			return error_errno(err, "poll");
	return 0;
}

int monitor_wait_for_line(struct container *c, struct pollfd *fds, int n, struct error *err)
{
	struct pollfd all[PLACE_MAX + 1];
	struct signalfd_siginfo info;
	auto_close int signals = -EBADF;
	sigset_t ends;
	int ret;

	/* Walkers that come from us begin with a copy of our line, and with all signals let through. */
	if (c->line.me != HOST || n > PLACE_MAX)
		return wait_polling(fds, (nfds_t)n, err);
	sigemptyset(&ends);
	sigaddset(&ends, SIGHUP);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGQUIT);
	sigaddset(&ends, SIGTERM);
	signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return error_errno(err, "signalfd");
	memcpy(all, fds, (size_t)n * sizeof(*fds));
	all[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
	ret = wait_polling(all, (nfds_t)n + 1, err);
	if (ret < 0)
		return ret;
	if (all[n].revents && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		return error_set(err, -EINTR, "given up: SIG%s", sigabbrev_np((int)info.ssi_signo));
	memcpy(fds, all, (size_t)n * sizeof(*fds));
	return 0;
}

/* 1 when it was ours. */
static int reap_all(struct watch *w)
{
	int status, found = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid < 0 && errno == EINTR))
		if (pid == w->process->pid) {
			w->status = proc_exit_code(status);
			found = 1;
		}
	return found;
}

static int on_signal(void *data, const struct signalfd_siginfo *info, struct error *err)
{
	struct watch *w = data;
	int signo = (int)info->ssi_signo;

	switch (signo) {
	case SIGCHLD:
		return reap_all(w);
	case SIGWINCH:
		if (w->relay)
			relay_resize(w->relay);
		else
			(void)proc_signal(w->process, signo, NULL);
		return 0;
	case SIGPIPE:
	case SIGURG:
		return 0;
	default:
		(void)proc_signal(w->process, signo, NULL);
		return 0;
	}
}

static int on_bell(void *data, int fd, uint32_t events, struct error *err)
{
	const struct cgroup *cgroup = data;
	char news[4096];

	while (read(fd, news, sizeof(news)) > 0)
		;
	(void)cgroup_oom_kills(cgroup);
	return 0;
}

/* We are the main process ourselves, and stay. */
static int on_word(void *data, int fd, uint32_t events, struct error *err)
{
	(void)ready_pass_on(data, 0);
	return 0;
}

int monitor_run(const struct proc *process, const struct cgroup *cgroup, int terminal, const struct ready *ready, int *status, struct error *err)
{
	struct watch w = { .process = process };
	sigset_t set = passed_on();
	struct loop *loop = NULL;
	/* Without it the cause of a death may stay unsaid, and that is all. */
	auto_close int bell = cgroup && cgroup_vanishes(cgroup) ? cgroup_oom_watch(cgroup, NULL) : -EBADF;
	int ret = loop_new(&loop, err);

	if (ret == 0 && bell >= 0)
		ret = loop_add(loop, bell, EPOLLIN, on_bell, (void *)cgroup, err);
	if (ret == 0 && ready && ready->inside >= 0)
		ret = loop_add(loop, ready->inside, EPOLLIN, on_word, (void *)ready, err);
	if (ret == 0)
		ret = loop_add_signals(loop, &set, on_signal, &w, err);
	if (ret == 0 && terminal >= 0)
		ret = relay_start(loop, terminal, &w.relay, err);
	else if (terminal >= 0)
		close(terminal);
	/* It may have ended before we listened: SIGCHLD has been blocked since before it was born, so the signal waits for us. */
	if (ret == 0)
		ret = loop_run(loop, err);
	/* What it said last may still lie there. */
	if (ready && ready->inside >= 0)
		(void)ready_pass_on_rest(ready, 0);
	relay_end(w.relay);
	loop_free(loop);
	if (ret == 0)
		*status = w.status;
	return ret;
}
