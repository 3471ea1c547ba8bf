/* filter.c: see filter.h. */
#include "vmm/filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/table.h"
#include "vmm/virtio/fs.h"
#include "vmm/virtio/fs_broker.h"

const char *const filter_kind_names[] = { "vcpu", "worker", "main", "broker", NULL };
NAMES_COMPLETE(filter_kind_names, FILTER_KIND_MAX);

/* What an argument must be. */
enum test {
	ANYTHING,
	ONE_OF,    /* one of the values */
	LACKS,     /* none of the bits of the first value */
	OURSELVES, /* our own pid */
};

struct row {
	int call;
	const char *why;
	enum test test;
	unsigned int argument;
	uint64_t values[6];
	size_t n;
};

#define VALUES(...) { __VA_ARGS__ }, sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t)
#define NEVER_CODE LACKS, 2, VALUES(PROT_EXEC)

/* What the C library does for itself in any thread. */
static const struct row common[] = {
	{ __NR_futex,           "locks" },
	{ __NR_mmap,            "malloc; never to be executed", NEVER_CODE },
	{ __NR_mprotect,        "malloc grows an arena; never to be executed", NEVER_CODE },
	{ __NR_munmap,          "malloc" },
	{ __NR_mremap,          "malloc" },
	{ __NR_brk,             "malloc" },
	{ __NR_madvise,         "malloc, and memory that the guest gives back" },
	{ __NR_clock_gettime,   "deadlines, where the clock is no memory of ours" },
	{ __NR_read,            "descriptors that were handed to us" },
	{ __NR_write,           "the same; eventfds" },
	{ __NR_close,           "the same" },
	{ __NR_rt_sigprocmask,  "a thread's end" },
	{ __NR_rt_sigreturn,    "the end of a signal's handler" },
	{ __NR_restart_syscall, "after a stop, or the freezer" },
	{ __NR_sched_yield,     "locks" },
	{ __NR_sched_getaffinity, "malloc asks once how many arenas are worth while" },
	{ __NR_getpid,          "whom to wake" },
	{ __NR_gettid,          "whom to wake" },
	{ __NR_tgkill,          "wakes our own threads, nobody else's", OURSELVES, 0 },
	{ __NR_exit,            "a thread's end" },
	{ __NR_exit_group,      "the monitor's end" },
	{ -1 },
};

static const struct row vcpu[] = {
	{ __NR_ioctl, "runs the guest; no other request to KVM, or to anybody", ONE_OF, 1, VALUES(KVM_RUN) },
	{ -1 },
};

static const struct row worker[] = {
	{ __NR_epoll_wait,  "the worker's loop" },
	{ __NR_epoll_pwait, "the same" },
	{ __NR_epoll_ctl,   "the same: connections come and go" },
	{ __NR_poll,        "has a pipe room?" },
	{ __NR_readv,       "from a tap or a descriptor into the guest's memory" },
	{ __NR_writev,      "and back" },
	{ __NR_sendmsg,     "a connection's bytes; requests to the broker" },
	{ __NR_recvmsg,     "the broker's answers" },
	{ __NR_sendto,      "a connection's bytes" },
	{ __NR_shutdown,    "a connection's end in one direction" },
	{ __NR_getrandom,   "the entropy device" },
	{ __NR_fcntl,       "does it block", ONE_OF, 1, VALUES(F_GETFL) },
	{ __NR_ioctl,       "what a tap leaves to others", ONE_OF, 1, VALUES(TUNSETOFFLOAD) },
	{ __NR_fstat,       "what kind of descriptor was handed to us" },
	{ -1 },
};

static const struct row main_thread[] = {
	{ __NR_epoll_wait,     "the loop" },
	{ __NR_epoll_pwait,    "the same" },
	{ __NR_epoll_ctl,      "the same: who asks comes and goes" },
	{ __NR_poll,           "the same, once; and the walk of the stages" },
	{ __NR_timerfd_create, "deadlines" },
	{ __NR_timerfd_settime, "deadlines" },
	{ __NR_accept4,        "`start`, and who asks over the control socket" },
	{ __NR_sendmsg,        "answers; frames to the agent" },
	{ __NR_recvmsg,        "questions, descriptors with them; frames of the agent" },
	{ __NR_sendto,         "the same" },
	{ __NR_recvfrom,       "the same" },
	{ __NR_socketpair,     "the channel of an exec's walker", ONE_OF, 0, VALUES(AF_UNIX) },
	{ __NR_fcntl,          "a second descriptor of a terminal; a channel that is not to wait", ONE_OF, 1,
	  VALUES(F_GETFL, F_SETFL, F_DUPFD_CLOEXEC) },
	{ __NR_ioctl,          "a terminal's size", ONE_OF, 1, VALUES(TIOCGWINSZ) },
	{ __NR_wait4,          "the broker's end" },
	{ __NR_kill,           "ends as the program ended: by its own hand", OURSELVES, 0 },
	{ __NR_rt_sigaction,   "the same" },
	{ __NR_prlimit64,      "the same, without a core; nobody else's limits", ONE_OF, 0, VALUES(0) },
	{ -1 },
};

static const struct row broker[] = {
	{ __NR_prctl, "it dies with the monitor", ONE_OF, 0, VALUES(PR_SET_PDEATHSIG) },
	{ __NR_mmap,  "malloc; never to be executed", NEVER_CODE },
	{ -1 },
};

static const struct row *const rows[FILTER_KIND_MAX][3] = {
	[FILTER_VCPU] = { common, vcpu },
	[FILTER_WORKER] = { common, worker },
	[FILTER_MAIN] = { common, main_thread },
	[FILTER_BROKER] = { broker },
};

/* What a device's own file says that it needs, without arguments. */
static const int *more_calls(enum filter_kind kind)
{
	return kind == FILTER_WORKER ? fs_monitor_calls : kind == FILTER_BROKER ? fs_broker_calls : NULL;
}

static const struct row *find_row(enum filter_kind kind, int call)
{
	for (const struct row *const *list = rows[kind]; *list; list++)
		for (const struct row *r = *list; r->call >= 0; r++)
			if (r->call == call)
				return r;
	return NULL;
}

const char *filter_reason(enum filter_kind kind, int call)
{
	const struct row *r = find_row(kind, call);

	for (const int *more = more_calls(kind); !r && more && *more >= 0; more++)
		if (*more == call)
			return "the shared file system";
	return r ? r->why : NULL;
}

struct program {
	struct sock_filter *v;
	size_t n, room;
	bool failed;
};

static void put(struct program *p, struct sock_filter one)
{
	if (p->n == p->room) {
		struct sock_filter *more = reallocarray(p->v, p->room + 64, sizeof(*more));

		if (!more) {
			p->failed = true;
			return;
		}
		p->v = more;
		p->room += 64;
	}
	p->v[p->n++] = one;
}

#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
#define LOAD(at) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at)))
#define IF_EQUAL(k, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (yes), (no)))
#define IF_BITS(k, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (k), (yes), (no)))
#define RETURN(what) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (what)))

/* The halves of an argument: x86-64 and arm64 are little-endian. */
static uint32_t low(unsigned int argument)
{
	return FIELD(args) + argument * 8;
}

/* The value's low half is looked at; requests of ioctl and its like are 32 bits wide to the kernel, whatever stands above them. */
static void put_one_of(struct program *p, const uint64_t *values, size_t n, unsigned int argument)
{
	put(p, LOAD(low(argument)));
	for (size_t i = 0; i < n; i++) {
		put(p, IF_EQUAL((uint32_t)values[i], 0, 1));
		put(p, RETURN(SECCOMP_RET_ALLOW));
	}
	put(p, RETURN(SECCOMP_RET_KILL_PROCESS));
}

static void put_row(struct program *p, const struct row *r)
{
	size_t jump = p->n;
	uint64_t self;

	put(p, IF_EQUAL((uint32_t)r->call, 0, 0));
	switch (r->test) {
	case ANYTHING:
		put(p, RETURN(SECCOMP_RET_ALLOW));
		break;
	case ONE_OF:
		put_one_of(p, r->values, r->n, r->argument);
		break;
	case OURSELVES:
		self = (uint64_t)getpid();
		put_one_of(p, &self, 1, r->argument);
		break;
	case LACKS:
		put(p, LOAD(low(r->argument)));
		put(p, IF_BITS((uint32_t)r->values[0], 0, 1));
		put(p, RETURN(SECCOMP_RET_KILL_PROCESS));
		put(p, RETURN(SECCOMP_RET_ALLOW));
		break;
	}
	/* Not this call: over the row. */
	if (!p->failed)
		p->v[jump].jf = (unsigned char)(p->n - jump - 1);
}

int filter_program(enum filter_kind kind, struct sock_filter **code, size_t *n, struct error *err)
{
	struct program p = { 0 };

	put(&p, LOAD(FIELD(arch)));
#if defined(__x86_64__)
	put(&p, IF_EQUAL(AUDIT_ARCH_X86_64, 1, 0));
#else
#error "which architecture is this?"
#endif
	put(&p, RETURN(SECCOMP_RET_KILL_PROCESS));
	put(&p, LOAD(FIELD(nr)));
	for (const struct row *const *list = rows[kind]; *list; list++)
		for (const struct row *r = *list; r->call >= 0; r++)
			put_row(&p, r);
	/* A row with an argument is stronger than a bare name. */
	for (const int *more = more_calls(kind); more && *more >= 0; more++)
		if (!find_row(kind, *more))
			put_row(&p, &(const struct row){ .call = *more });
	put(&p, RETURN(SECCOMP_RET_KILL_PROCESS));
	if (p.failed) {
		free(p.v);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*code = p.v;
	*n = p.n;
	return 0;
}

int filter_enter(enum filter_kind kind, struct error *err)
{
	struct sock_fprog program = { 0 };
	struct sock_filter *code;
	size_t n;
	int ret = filter_program(kind, &code, &n, err);

	if (ret < 0)
		return ret;
	program.filter = code;
	program.len = (unsigned short)n;
	ret = (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
	free(code);
	return ret < 0 ? error_errno(err, "system call filter of the monitor (%s)", filter_kind_names[kind]) : 0;
}
