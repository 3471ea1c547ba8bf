/* test_worker.c: devices on a thread of their own, notified through eventfds as KVM does it. */
#include "vmm/worker.h"

#include <criterion/criterion.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "guest.h"

/* It gives back what it is given. */
struct echo {
	struct device device;
	struct guest guest;
	int kicked;         /* atomic */
	bool busy, greedy;  /* atomic */
	int slow_ms;        /* atomic */
	bool waits;         /* in each request, until the machine ends */
	int pipe[2];        /* attach() listens to it, if there is one */
	int answer;         /* of what it is called back with then */
};

static int echo_kick(struct device *d, uint16_t q, struct error *err)
{
	struct echo *e = (struct echo *)d;
	struct chain c;
	int ret;

	__atomic_store_n(&e->busy, true, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&e->kicked, 1, __ATOMIC_SEQ_CST);
	usleep((useconds_t)__atomic_load_n(&e->slow_ms, __ATOMIC_RELAXED) * 1000);
	while ((ret = queue_next(&d->queues[q], &c, err)) > 0) {
		unsigned char text[256];
		size_t n = chain_read(&c, 0, text, sizeof(text));

		for (int i = 0; e->waits && i < 10000 && !__atomic_load_n(&d->queues[q].ending, __ATOMIC_RELAXED); i++)
			usleep(1000);
		queue_done(&d->queues[q], &c, (uint32_t)chain_write(&c, 0, text, n));
		/* A guest of many processors that always has one more. */
		if (e->greedy) {
			guest_add_head(&e->guest, q, c.head);
			guest_publish(&e->guest, q);
		}
	}
	device_interrupt(d, &d->queues[q]);
	__atomic_store_n(&e->busy, false, __ATOMIC_SEQ_CST);
	return ret;
}

static int on_pipe(void *data, int fd, uint32_t events, struct error *err)
{
	struct echo *e = data;

	return e->answer < 0 ? error_set(err, e->answer, "as told") : e->answer;
}

static int echo_attach(struct device *d, struct error *err)
{
	struct echo *e = (struct echo *)d;

	if (e->answer == -ENOTNAM)
		return error_set(err, -ENOTNAM, "as told");
	return e->pipe[0] ? loop_add(d->loop, e->pipe[0], EPOLLIN, on_pipe, e, err) : 0;
}

static void no_free(struct device *d)
{
}

static const struct device_ops ops = {
    .name = "echo", .id = 63, .n_queues = 2, .queue_size = 16, .kick = echo_kick, .attach = echo_attach, .free = no_free};

static struct echo one, two;
static struct worker *worker;

static void make(struct echo *e)
{
	device_init(&e->device, &ops, 0);
	guest_make(&e->guest, &e->device, 0);
	cr_assert_eq(worker_add(worker, &e->device, NULL), 0);
}

static void setup(void)
{
	cr_assert_eq(worker_new("nacre-test", &worker, NULL), 0);
	make(&one);
	make(&two);
}

static void setup_started(void)
{
	setup();
	cr_assert_eq(worker_start(worker, NULL, NULL, NULL), 0);
	guest_start(&one.guest, UINT64_MAX);
	guest_start(&two.guest, UINT64_MAX);
}

static void teardown(void)
{
	worker_end(worker);
}

static void must_echo(struct guest *g, uint16_t q)
{
	char text[] = "to be or not to be", back[sizeof(text)] = "";

	cr_assert_eq(guest_ask(g, q, text, sizeof(text), back, sizeof(back)), sizeof(text));
	cr_assert_str_eq(back, text);
}

/* Polls for up to ten seconds. */
#define eventually(condition)                                                                                          \
	do {                                                                                                           \
		for (int i_ = 0; i_ < 10000 && !(condition); i_++)                                                     \
			usleep(1000);                                                                                  \
		cr_assert(condition);                                                                                  \
	} while (0)

Test(worker, answers, .init = setup_started, .fini = teardown, .timeout = 60)
{
	for (int i = 0; i < 200; i++) {
		must_echo(&one.guest, 0);
		must_echo(&one.guest, 1);
		must_echo(&two.guest, (uint16_t)(i & 1));
	}
}

static void wait_for_interrupt(struct guest *g, uint16_t used)
{
	struct pollfd p = {.fd = g->irq, .events = POLLIN};

	while (__atomic_load_n(&guest_used(g, 0)[1], __ATOMIC_ACQUIRE) != used) {
		cr_assert_eq(poll(&p, 1, 20000), 1, "an interrupt was lost at %u", used);
		guest_interrupts(g);
	}
}

/* The driver sleeps until it is interrupted, the device until it is notified: one lost, and both sleep for ever. */
static void no_one_sleeps(uint64_t features)
{
	struct guest *g = &one.guest;
	struct guest_buffer b[2] = {{0x1000, 16, false}, {0x2000, 16, true}};

	guest_start(g, features);
	for (unsigned int round = 0; round < 6000; round++) {
		unsigned int n = 1 + round % 8;

		guest_want_interrupt(g, 0, (uint16_t)(g->queues[0].seen_used + n - 1));
		for (unsigned int i = 0; i < n; i++) {
			guest_add(g, 0, b, 2);
			if (i % 3 != 1)
				guest_kick(g, 0);
		}
		guest_kick(g, 0);
		wait_for_interrupt(g, (uint16_t)(g->queues[0].seen_used + n));
		while (guest_take(g, 0, NULL) != GUEST_NOTHING)
			;
	}
}

Test(worker, neither_side_sleeps_for_ever, .init = setup_started, .fini = teardown, .timeout = 120)
{
	no_one_sleeps(UINT64_MAX);
}

Test(worker, nor_without_event_index, .init = setup_started, .fini = teardown, .timeout = 120)
{
	no_one_sleeps(0);
}

/* One who always has more does not keep the others waiting, nor the end. */
Test(worker, greed, .init = setup_started, .fini = teardown, .timeout = 60)
{
	struct guest_buffer b = {0x1000, 16, true};

	one.greedy = true;
	guest_add(&one.guest, 0, &b, 1);
	guest_kick(&one.guest, 0);
	for (int i = 0; i < 20; i++)
		must_echo(&two.guest, 0);
	eventually(__atomic_load_n(&one.kicked, __ATOMIC_SEQ_CST) > 20);
	cr_assert_not(guest_lied(&one.guest));
}

Test(worker, kicks_before_there_is_a_driver, .init = setup, .fini = teardown, .timeout = 60)
{
	cr_assert_eq(worker_start(worker, NULL, NULL, NULL), 0);
	for (int i = 0; i < 100; i++)
		device_notify(&one.device, 0);
	guest_start(&two.guest, 0);
	must_echo(&two.guest, 0);
	cr_assert_eq(__atomic_load_n(&one.kicked, __ATOMIC_SEQ_CST), 0);
	cr_assert_not(guest_lied(&one.guest));
}

Test(worker, each_queue_is_kicked_when_the_driver_is_ready, .init = setup_started, .fini = teardown, .timeout = 60)
{
	eventually(__atomic_load_n(&one.kicked, __ATOMIC_SEQ_CST) == 2);
}

Test(worker, an_eventfd_that_is_full, .init = setup, .fini = teardown, .timeout = 60)
{
	uint64_t most = UINT64_MAX - 1;

	cr_assert_eq(write(one.device.kicks[0], &most, sizeof(most)), sizeof(most));
	cr_assert_eq(write(one.device.irq, &most, sizeof(most)), sizeof(most));
	device_notify(&one.device, 0);
	cr_assert_eq(worker_start(worker, NULL, NULL, NULL), 0);
	guest_start(&one.guest, UINT64_MAX);
	for (int i = 0; i < 5; i++)
		must_echo(&one.guest, 0);
}

Test(worker, no_reset_in_the_middle_of_a_request, .init = setup_started, .fini = teardown, .timeout = 60)
{
	struct guest_buffer b[2] = {{0x1000, 16, false}, {0x2000, 16, true}};

	__atomic_store_n(&one.slow_ms, 30, __ATOMIC_RELAXED);
	for (int i = 0; i < 10; i++) {
		guest_add(&one.guest, 0, b, 2);
		guest_kick(&one.guest, 0);
		eventually(__atomic_load_n(&one.busy, __ATOMIC_SEQ_CST));
		guest_reset(&one.guest);
		cr_assert_not(__atomic_load_n(&one.busy, __ATOMIC_SEQ_CST));
		guest_start(&one.guest, UINT64_MAX);
	}
	__atomic_store_n(&one.slow_ms, 0, __ATOMIC_RELAXED);
	must_echo(&one.guest, 0);
}

static int nothing(struct device *d, struct error *err)
{
	return 0;
}

/* The other processors: registers that are read, acknowledged, notified at any time, also those that wait for the lock. */
static void *other_processor(void *data)
{
	struct guest *g = &one.guest;
	unsigned char config[8];

	while (!__atomic_load_n((bool *)data, __ATOMIC_RELAXED)) {
		guest_write(g, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		guest_write(g, VIRTIO_MMIO_INTERRUPT_ACK, guest_read(g, VIRTIO_MMIO_INTERRUPT_STATUS));
		guest_read(g, VIRTIO_MMIO_STATUS);
		guest_read(g, VIRTIO_MMIO_QUEUE_READY);
		guest_config(g, 0, config, sizeof(config));
		device_run(&one.device, nothing);
		guest_write(g, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	}
	return NULL;
}

Test(worker, many_processors_and_resets, .init = setup_started, .fini = teardown, .timeout = 120)
{
	bool enough = false;
	pthread_t others[2];

	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&others[i], NULL, other_processor, &enough), 0);
	for (int i = 0; i < 100; i++) {
		guest_start(&one.guest, i & 1 ? UINT64_MAX : 0);
		for (int k = 0; k < i % 5; k++)
			must_echo(&one.guest, (uint16_t)(k & 1));
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(others[i], NULL);
	cr_assert_not(guest_lied(&one.guest));
}

/* The one in hand is finished, no other is begun. */
Test(worker, ends_in_the_middle, .init = setup, .timeout = 60)
{
	struct guest_buffer b = {0x1000, 16, true};

	one.waits = true;
	cr_assert_eq(worker_start(worker, NULL, NULL, NULL), 0);
	guest_start(&one.guest, UINT64_MAX);
	for (int i = 0; i < 5; i++)
		guest_add(&one.guest, 0, &b, 1);
	guest_kick(&one.guest, 0);
	eventually(__atomic_load_n(&one.busy, __ATOMIC_SEQ_CST));
	worker_end(worker);
	cr_assert_leq(guest_used(&one.guest, 0)[1], 1);
	cr_assert_not(guest_lied(&one.guest));
}

/* What runs first on the thread. */

static sigset_t blocked;

static int look_at_signals(void *data, struct error *err)
{
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	return data ? error_set(err, -ENOTNAM, "as told") : 0;
}

Test(worker, hears_no_signals, .init = setup, .fini = teardown)
{
	sigset_t here;
	char name[16];

	cr_assert_eq(worker_start(worker, look_at_signals, NULL, NULL), 0);
	cr_assert(sigismember(&blocked, SIGTERM));
	cr_assert(sigismember(&blocked, SIGCHLD));
	pthread_sigmask(SIG_SETMASK, NULL, &here);
	cr_assert_not(sigismember(&here, SIGTERM), "the caller's mask is its own again");
	pthread_getname_np(pthread_self(), name, sizeof(name));
	cr_assert_str_neq(name, "nacre-test");
}

Test(worker, enter_fails, .init = setup, .fini = teardown)
{
	struct error e = ERROR_NONE;

	cr_assert_eq(worker_start(worker, look_at_signals, &e, &e), -ENOTNAM);
	cr_assert_str_eq(e.msg, "as told");
}

Test(worker, attach_fails, .init = setup, .fini = teardown)
{
	struct error e = ERROR_NONE;

	two.answer = -ENOTNAM;
	cr_assert_eq(worker_start(worker, NULL, NULL, &e), -ENOTNAM);
	cr_assert_str_eq(e.msg, "virtio echo: as told");
}

static void end_the_loop(int answer)
{
	two.answer = answer;
	cr_assert_eq(pipe(two.pipe), 0);
	cr_assert_eq(worker_start(worker, NULL, NULL, NULL), 0);
	cr_assert_eq(write(two.pipe[1], "x", 1), 1);
	eventually(guest_lied(&one.guest));
	eventually(guest_lied(&two.guest));
}

Test(worker, a_loop_that_fails_breaks_its_devices, .init = setup, .fini = teardown, .timeout = 60)
{
	end_the_loop(-EIO);
	cr_assert_str_eq(one.guest.why.msg, "virtio echo: as told");
}

Test(worker, so_does_one_that_ends, .init = setup, .fini = teardown, .timeout = 60)
{
	end_the_loop(1);
	cr_assert_str_eq(one.guest.why.msg, "virtio echo: worker nacre-test has ended");
}

Test(worker, one_that_never_ran, .init = setup)
{
	worker_end(worker);
	worker_end(NULL);
	cr_assert_eq(one.device.kicks[0], -EBADF);
	cr_assert_null(one.device.loop);
}
