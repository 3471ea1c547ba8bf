/* process.c: see process.h. */
#include "core/agent/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "core/stages.h"
#include "ns/spawn.h"
#include "process/sched.h"
#include "tty/console.h"

/* Of a process: what it reads, what it writes, what it complains of; with a terminal, what is typed and what is shown. */
enum { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAMS };

struct agent_process {
	struct agent_guest *guest;
	struct agent_process *next;
	uint32_t id;
	struct container *c;
	int walk;     /* to its walker, until that has gone */
	bool ready;   /* the walker's last word is that it is about to be executed */
	bool failed;  /* … or that it gives up */
	bool mute;    /* its channel ended without either: what it died of is told when it is dead */
	long kills;   /* for memory, before it was born */
	int console;  /* where its terminal's master will come from */
	int master;
	struct stream *streams[STREAMS];
	bool dead, told;
	int status;
};

static struct agent_process *find(const struct agent_guest *g, uint32_t id)
{
	struct agent_process *p = g->processes;

	while (p && p->id != id)
		p = p->next;
	return p;
}

static void close_walk(struct agent_process *p)
{
	if (p->walk < 0)
		return;
	loop_remove(p->guest->loop, p->walk);
	close(TAKE_FD(p->walk));
}

static void close_console(struct agent_process *p)
{
	if (p->console < 0)
		return;
	loop_remove(p->guest->loop, p->console);
	close(TAKE_FD(p->console));
}

static void free_process(struct agent_process *p)
{
	struct agent_process **at = &p->guest->processes;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	close_walk(p);
	close_console(p);
	if (p->master >= 0)
		close(p->master);
	for (int i = 0; i < STREAMS; i++)
		stream_free(p->streams[i]);
	if (p->c && p->c != &p->guest->container) {
		agent_spec_free(p->c);
		free(p->c);
	}
	free(p);
}

void agent_process_free_all(struct agent_guest *g)
{
	while (g->processes)
		free_process(g->processes);
}

/* Ends. */

static bool is_drained(const struct agent_process *p)
{
	for (int i = STREAM_OUT; i < STREAMS; i++)
		if (p->streams[i] && !stream_is_idle(p->streams[i]))
			return false;
	return true;
}

static bool is_last(const struct agent_process *p)
{
	for (const struct agent_process *other = p->guest->processes; other; other = other->next)
		if (other != p && !other->told)
			return false;
	return true;
}

static long count_kills(const struct agent_guest *g)
{
	long kills = g->container.host.cgroup ? cgroup_oom_kills(g->container.host.cgroup) : 0;

	return kills > 0 ? kills : 0;
}

static void tell_exited(struct agent_guest *g, uint32_t id, int status)
{
	auto_text struct text body = { 0 };

	agent_exited_encode(&(struct agent_exited){ (uint64_t)count_kills(g) }, &body);
	agent_tell(g, AGENT_EXITED, id, status, &body);
}

/* Its end is told when all it has said before is on its way; the first one's after all others'. */
static void look_at(struct agent_process *p)
{
	bool ended = true;

	if (!p->told && p->dead && p->walk < 0 && p->console < 0 && is_drained(p) && (p->id || is_last(p))) {
		p->told = true;
		tell_exited(p->guest, p->id, p->status);
		stream_free(TAKE_PTR(p->streams[STREAM_IN]));
	}
	if (!p->told)
		return;
	/* It may have left children behind who still write. */
	for (int i = 0; i < STREAMS; i++)
		ended = ended && (!p->streams[i] || stream_has_ended(p->streams[i]));
	if (ended && p->id)
		free_process(p);
}

static void look_at_all(struct agent_guest *g)
{
	for (struct agent_process *p = g->processes, *next; p; p = next) {
		next = p->next;
		look_at(p);
	}
	/* Again for the first one: those it waited for may have been told of just now. */
	if (find(g, 0))
		look_at(find(g, 0));
}

static void on_moved(void *data)
{
	look_at_all(data);
}

static void tell_walk(struct agent_guest *g, uint32_t id, const struct msg *m)
{
	auto_text struct text body = { 0 };

	agent_walk_encode(m, &body);
	agent_tell(g, AGENT_WALK, id, 0, &body);
}

static int last_row(const struct pipeline *line)
{
	const struct stage *s;
	int last = 0;

	for (int i = 0; (s = pipeline_stage(line, i)); i++)
		if (s->place == INSIDE)
			last = i;
	return last;
}

/* A walker that ended without a last word, and is dead: the kernel may have one. */
static void explain_death(struct agent_process *p)
{
	struct msg m = { .kind = MSG_FAIL, .stage = last_row(&p->c->line) };

	p->mute = false;
	if (WIFSIGNALED(p->status) && WTERMSIG(p->status) == SIGKILL && count_kills(p->guest) > p->kills) {
		container_tell_memory(cgroup_memory_limit(p->guest->container.host.cgroup), &m.error);
		tell_walk(p->guest, p->id, &m);
	}
	agent_tell(p->guest, AGENT_GONE, p->id, 0, NULL);
}

void agent_process_reap(struct agent_guest *g)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid < 0 && errno == EINTR)) {
		struct agent_process *p = g->processes;

		while (p && (pid < 0 || p->dead || p->c->init.pid != pid))
			p = p->next;
		if (!p)
			continue; /* an orphan */
		p->dead = true;
		p->status = status;
		if (p->mute)
			explain_death(p);
		/* Those in its pid namespace are dead by now; others may not be. */
		if (!p->id)
			(void)cgroup_kill(g->container.host.cgroup, SIGKILL, NULL);
	}
	look_at_all(g);
}

/* Walkers. */

static int on_walk(void *data, int fd, uint32_t events, struct error *err)
{
	struct agent_process *p = data;
	const struct stage *s;
	struct msg m;

	if (channel_recv(fd, &m, NULL, NULL) == 0) {
		s = pipeline_stage(&p->c->line, m.stage);
		p->ready = m.kind == MSG_DONE && s && s->run == stage_ready;
		p->failed |= m.kind == MSG_FAIL;
		tell_walk(p->guest, p->id, &m);
		return 0;
	}
	/* The channel is close-on-exec: its end after that word is execve's, in the name of a walker who cannot speak any more. */
	if (p->ready)
		tell_walk(p->guest, p->id, &(struct msg){ .kind = MSG_DONE, .stage = last_row(&p->c->line) });
	p->mute = !p->ready && !p->failed;
	if (!p->mute)
		agent_tell(p->guest, AGENT_GONE, p->id, 0, NULL);
	else if (p->dead)
		explain_death(p);
	close_walk(p);
	look_at_all(p->guest);
	return 0;
}

void agent_process_walk(struct agent_guest *g, uint32_t id, const struct msg *m)
{
	struct agent_process *p = find(g, id);

	/* One that is dead is heard of soon. */
	if (p && p->walk >= 0)
		(void)channel_send(p->walk, m, -EBADF, NULL);
}

void agent_process_gone(struct agent_guest *g, uint32_t id)
{
	struct agent_process *p = find(g, id);

	/* A walker whose channel is closed gives up. */
	if (p)
		close_walk(p);
}

void agent_process_signal(struct agent_guest *g, uint32_t id, int signo)
{
	struct agent_process *p = find(g, id);

	if (id == AGENT_EVERYBODY && g->container.host.cgroup)
		(void)cgroup_kill(g->container.host.cgroup, signo, NULL);
	else if (p && !p->dead)
		(void)proc_signal(&p->c->init, signo, NULL);
}

void agent_process_resize(struct agent_guest *g, uint32_t id, const struct agent_size *size)
{
	struct agent_process *p = find(g, id);
	struct winsize w = { .ws_row = (unsigned short)size->rows, .ws_col = (unsigned short)size->cols };

	if (p && p->master >= 0)
		(void)ioctl(p->master, TIOCSWINSZ, &w);
}

/* Streams. */

static int add_stream(struct agent_process *p, int i, int from, int to, struct error *err)
{
	return stream_new(p->guest->loop, from, to, on_moved, p->guest, &p->streams[i], err);
}

static int connect_to(const struct agent_process *p, enum agent_stream which, struct error *err)
{
	const struct agent_guest_config *config = p->guest->config;
	int fd = config->connect(config->data, agent_port(p->id, which), err);

	return fd < 0 ? error_wrap(err, "stream %u of process %u", which, p->id), fd : fd;
}

/* The terminal's master has come: from the container's own devpts. */
static int attach_terminal(struct agent_process *p, struct error *err)
{
	auto_close int host = connect_to(p, AGENT_TERMINAL, err);
	auto_close int in = -EBADF, out = -EBADF, again = -EBADF;

	if (host < 0)
		return host;
	again = fcntl(host, F_DUPFD_CLOEXEC, 3);
	in = fcntl(p->master, F_DUPFD_CLOEXEC, 3);
	out = fcntl(p->master, F_DUPFD_CLOEXEC, 3);
	if (again < 0 || in < 0 || out < 0)
		return error_errno(err, "copy a descriptor");
	if (add_stream(p, STREAM_IN, TAKE_FD(host), TAKE_FD(in), err) < 0)
		return err->code;
	return add_stream(p, STREAM_OUT, TAKE_FD(out), TAKE_FD(again), err);
}

static int on_console(void *data, int fd, uint32_t events, struct error *unused)
{
	struct agent_process *p = data;
	struct error err = ERROR_NONE;

	p->master = console_socket_receive(fd, &err);
	close_console(p);
	if (p->master >= 0 && attach_terminal(p, &err) < 0) {
		log_line(LOG_ERROR, "terminal of process %u: %s", p->id, err.msg);
		(void)proc_signal(&p->c->init, SIGHUP, NULL);
	}
	look_at_all(p->guest);
	return 0;
}

/* Pipes between it and the host; theirs[] are its ends. */
static int open_pipes(struct agent_process *p, int theirs[STREAMS], struct error *err)
{
	for (int i = 0; i < STREAMS; i++) {
		int host = connect_to(p, (enum agent_stream)i, err), ends[2], ret;

		if (host < 0)
			return host;
		if (pipe2(ends, O_CLOEXEC) < 0) {
			ret = error_errno(err, "pipe");
			close(host);
			return ret;
		}
		theirs[i] = ends[i == STREAM_IN ? 0 : 1];
		ret = i == STREAM_IN ? add_stream(p, i, host, ends[1], err) : add_stream(p, i, ends[0], host, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int open_console(struct agent_process *p, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, "socketpair");
	p->console = pair[0];
	p->c->carried.console_socket = pair[1];
	return loop_add(p->guest->loop, p->console, EPOLLIN, on_console, p, err);
}

/* Births. */

static pid_t clone_walker(const struct agent_process *p, int *pidfd, bool *into, struct error *err)
{
	const struct container *first = &p->guest->container;
	int cgroup = cgroup_clone_fd(p->c->host.cgroup ? p->c->host.cgroup : first->host.cgroup);

	if (!p->id)
		return ns_spawn(&first->host.ns, cgroup, pidfd, into, err);
	return ns_spawn_into(first->init.pidfd, first->init.pid, cgroup, NULL, NULL, pidfd, into, err);
}

static _Noreturn void become_walker(struct agent_process *p, const int theirs[STREAMS], const int pair[2])
{
	char go;

	for (int i = 0; i < STREAMS; i++)
		if (theirs[i] >= 0 && dup2(theirs[i], i) < 0)
			_exit(1);
	close(pair[0]);
	/* A cgroup that could not be cloned into is entered by now: else the cgroup namespace would begin above it. */
	if (recv(pair[1], &go, 1, 0) != 1)
		_exit(1);
	container_walk_on(p->c, INSIDE, pair[1]);
}

static int adopt(struct agent_process *p, pid_t pid, int pidfd, bool into, struct error *err)
{
	struct container *c = p->c;
	int ret = proc_open(pid, 0, &c->init, err);

	if (pidfd >= 0)
		close(pidfd);
	/* It cannot be told of as one of ours; but it can be killed. */
	if (ret < 0) {
		kill(pid, SIGKILL);
		return ret;
	}
	ret = cgroup_enter(c->host.cgroup ? c->host.cgroup : p->guest->container.host.cgroup, pid, into, err);
	if (ret == 0)
		ret = sched_apply_oom_score(c->process, pid, err);
	return ret;
}

static int spawn(struct agent_process *p, struct error *err)
{
	int theirs[STREAMS] = { -EBADF, -EBADF, -EBADF }, pair[2], pidfd = -EBADF;
	int ret = p->c->process->terminal ? open_console(p, err) : open_pipes(p, theirs, err);
	bool into = false;
	pid_t pid;

	if (ret == 0)
		ret = channel_pair(pair, err);
	if (ret < 0)
		goto out;
	p->kills = count_kills(p->guest);
	pid = clone_walker(p, &pidfd, &into, err);
	if (pid == 0)
		become_walker(p, theirs, pair);
	close(pair[1]);
	p->walk = pair[0];
	ret = loop_add(p->guest->loop, p->walk, EPOLLIN, on_walk, p, err);
	if (ret == 0)
		ret = pid < 0 ? (int)pid : adopt(p, pid, pidfd, into, err);
	/* One that is dead is heard of soon. */
	if (ret == 0)
		(void)send(p->walk, "!", 1, MSG_NOSIGNAL);
	if (ret < 0 && p->c->init.pid > 0)
		(void)proc_signal(&p->c->init, SIGKILL, NULL);
out:
	for (int i = 0; i < STREAMS; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	if (p->c->carried.console_socket >= 0)
		close(TAKE_FD(p->c->carried.console_socket));
	return ret;
}

static struct agent_process *add(struct agent_guest *g, uint32_t id, struct container *c)
{
	struct agent_process *p = c ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	*p = (struct agent_process){ .guest = g, .next = g->processes, .id = id, .c = c, .walk = -EBADF, .console = -EBADF, .master = -EBADF };
	g->processes = p;
	return p;
}

/* Its walker never was, or does not matter any more: a failure in the first row, and the end. */
static void fail(struct agent_guest *g, uint32_t id, struct agent_process *p, const struct error *why)
{
	tell_walk(g, id, &(struct msg){ .kind = MSG_FAIL, .stage = 1, .error = *why });
	agent_tell(g, AGENT_GONE, id, 0, NULL);
	tell_exited(g, id, 1 << 8);
	if (p)
		free_process(p);
}

void agent_process_create(struct agent_guest *g, const struct agent_frame *f)
{
	struct error err = ERROR_NONE;
	struct agent_process *p = NULL;
	struct agent_create asked;
	int ret = agent_create_decode(f, &asked, &err);

	if (ret == 0 && g->created)
		ret = error_set(&err, -EEXIST, "the guest has a container already");
	if (ret == 0) {
		g->created = true;
		ret = agent_spec_create(&g->container, &asked, &g->config->places, &err);
	}
	if (ret == 0) {
		p = add(g, 0, &g->container);
		ret = p ? spawn(p, &err) : error_set(&err, -ENOMEM, "out of memory");
	}
	if (ret < 0)
		fail(g, 0, p, &err);
}

void agent_process_exec(struct agent_guest *g, const struct agent_frame *f)
{
	struct container *c = NULL;
	struct error err = ERROR_NONE;
	struct agent_process *p = NULL, *first = find(g, 0);
	struct agent_exec asked;
	int ret = agent_exec_decode(f, &asked, &err);

	if (ret == 0 && (!first || first->dead))
		ret = error_set(&err, -ESRCH, "the container's first process has ended");
	if (ret == 0) {
		c = calloc(1, sizeof(*c));
		ret = c ? agent_spec_exec(c, &g->container, &asked, &err) : error_set(&err, -ENOMEM, "out of memory");
	}
	if (ret == 0) {
		p = add(g, f->id, c);
		ret = p ? spawn(p, &err) : error_set(&err, -ENOMEM, "out of memory");
	}
	if (ret == 0)
		return;
	fail(g, f->id, p, &err);
	if (!p && c) {
		agent_spec_free(c);
		free(c);
	}
}
