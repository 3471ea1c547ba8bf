/* test_mmio.c: the registers, in the order of a driver and in any other. */
#include "vmm/virtio/mmio.h"

#include <criterion/criterion.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "guest.h"

#define FEATURE (UINT64_C(1) << 5)

static struct {
	struct device device;
	unsigned char config[6], beyond[16];
	int kicks[2], activated, reset;
	int (*fail)(struct device *d, struct error *err);
} it;
static struct guest g;

static void config_read(struct device *d, uint32_t at, void *to, uint32_t len)
{
	device_config_copy(it.config, sizeof(it.config), at, to, len);
}

static void config_write(struct device *d, uint32_t at, const void *from, uint32_t len)
{
	if (at < sizeof(it.config) && len <= sizeof(it.config) - at)
		memcpy(it.config + at, from, len);
}

static int activate(struct device *d, struct error *err)
{
	it.activated++;
	return it.fail ? it.fail(d, err) : 0;
}

static int kick(struct device *d, uint16_t q, struct error *err)
{
	it.kicks[q]++;
	return it.fail ? it.fail(d, err) : 0;
}

static void reset(struct device *d)
{
	it.reset++;
}

static void no_free(struct device *d)
{
}

static const struct device_ops ops = {
    .name = "test",
    .id = 63,
    .n_queues = 2,
    .queue_size = 16,
    .config_read = config_read,
    .config_write = config_write,
    .activate = activate,
    .kick = kick,
    .reset = reset,
    .free = no_free,
};

static void setup(void)
{
	memset(&it, 0, sizeof(it));
	memcpy(it.config, "\1\2\3\4\5\6", 6);
	memset(it.beyond, 0xee, sizeof(it.beyond));
	device_init(&it.device, &ops, FEATURE);
	guest_make(&g, &it.device, 0);
}

static void setup_started(void)
{
	setup();
	guest_start(&g, UINT64_MAX);
	memset(it.kicks, 0, sizeof(it.kicks));
}

Test(mmio, says_what_it_is, .init = setup)
{
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_VERSION), 2);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_DEVICE_ID), 63);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX, "no shared memory");
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_SHM_LEN_HIGH), UINT32_MAX);
	guest_write(&g, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_DEVICE_FEATURES), FEATURE | VIRTIO_EVENT_IDX | VIRTIO_INDIRECT);
	guest_write(&g, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_DEVICE_FEATURES), 1);
	guest_write(&g, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	guest_write(&g, VIRTIO_MMIO_DEVICE_FEATURES_SEL, UINT32_MAX);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_DEVICE_FEATURES), 0);
}

Test(mmio, a_driver_as_the_specification_has_it, .init = setup)
{
	cr_assert(guest_negotiate(&g, VIRTIO_VERSION_1 | FEATURE));
	for (uint16_t q = 0; q < 2; q++) {
		guest_write(&g, VIRTIO_MMIO_QUEUE_SEL, q);
		cr_assert_eq(guest_read(&g, VIRTIO_MMIO_QUEUE_READY), 0);
		cr_assert_eq(guest_read(&g, VIRTIO_MMIO_QUEUE_NUM_MAX), 16);
		guest_lay_out(&g, q, 8);
		guest_set_up(&g, q);
		cr_assert_eq(guest_read(&g, VIRTIO_MMIO_QUEUE_READY), 1);
	}
	cr_assert_eq(it.activated, 0);
	guest_drive(&g);
	cr_assert_eq(it.activated, 1);
	cr_assert(it.device.active);
	cr_assert_eq(it.device.features, VIRTIO_VERSION_1 | FEATURE);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_STATUS), 15);
	guest_notify(&g, 1);
	cr_assert_eq(it.kicks[1], 1);
	guest_reset(&g);
	cr_assert_eq(it.reset, 1);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_STATUS), 0);
	cr_assert_not(it.device.active);
	cr_assert_eq(it.device.features, 0);
	cr_assert_not(it.device.queues[0].ready);
	cr_assert_not(guest_lied(&g));
	guest_start(&g, 0);
	cr_assert_eq(it.activated, 2, "and once more");
}

/* Features. */

Test(mmio, features_that_were_not_offered, .init = setup)
{
	cr_assert_not(guest_negotiate(&g, VIRTIO_VERSION_1 | FEATURE << 1));
	cr_assert_not(guest_negotiate(&g, VIRTIO_VERSION_1 << 1 | VIRTIO_VERSION_1));
	cr_assert_not(guest_negotiate(&g, UINT64_MAX));
}

Test(mmio, a_driver_of_old, .init = setup)
{
	cr_assert_not(guest_negotiate(&g, FEATURE), "without VERSION_1");
	guest_drive(&g);
	cr_assert_not(it.device.active);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_STATUS), VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
}

Test(mmio, features_stay_once_they_are_ok, .init = setup)
{
	guest_negotiate(&g, VIRTIO_VERSION_1);
	guest_write(&g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	guest_write(&g, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	guest_drive(&g);
	cr_assert_eq(it.device.features, VIRTIO_VERSION_1);
}

Test(mmio, feature_pages_beyond_the_second, .init = setup)
{
	guest_write(&g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
	guest_write(&g, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	guest_write(&g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, UINT32_MAX);
	guest_write(&g, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	cr_assert_eq(g.mmio.driver_features, 0);
}

/* Status. */

Test(mmio, no_step_can_be_left_out, .init = setup)
{
	guest_write(&g, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	cr_assert_not(it.device.active);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_STATUS), 0);
}

Test(mmio, all_steps_at_once_are_the_steps, .init = setup)
{
	guest_write(&g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	guest_write(&g, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	guest_write(&g, VIRTIO_MMIO_STATUS, UINT32_MAX);
	cr_assert_eq(it.activated, 1);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_STATUS), 0x8f, "only bits there are, and not NEEDS_RESET");
	guest_notify(&g, 0);
	cr_assert_eq(it.kicks[0], 0, "no queue is ready");
}

Test(mmio, bits_are_not_taken_back, .init = setup_started)
{
	guest_write(&g, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_STATUS), 15);
	guest_write(&g, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FAILED);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_STATUS), 15, "nor is a bit added by one who takes others back");
	cr_assert(it.device.active);
}

Test(mmio, ready_twice_is_ready_once, .init = setup_started)
{
	guest_drive(&g);
	guest_drive(&g);
	cr_assert_eq(it.activated, 1);
}

Test(mmio, reset_at_any_time, .init = setup)
{
	guest_reset(&g);
	cr_assert_eq(it.reset, 0, "there was nothing to reset");
	guest_start(&g, UINT64_MAX);
	guest_reset(&g);
	guest_reset(&g);
	cr_assert_eq(it.reset, 1);
}

/* Queues. */

Test(mmio, queues_are_frozen_once_ready, .init = setup_started)
{
	const struct queue before = it.device.queues[0];

	for (int round = 0; round < 2; round++) {
		guest_write(&g, VIRTIO_MMIO_QUEUE_SEL, 0);
		guest_write(&g, VIRTIO_MMIO_QUEUE_NUM, 1);
		for (uint32_t at = VIRTIO_MMIO_QUEUE_DESC_LOW; at <= VIRTIO_MMIO_QUEUE_USED_HIGH; at += 4)
			guest_write(&g, at, 0xdead0000);
		cr_assert_eq(memcmp(&before, &it.device.queues[0], sizeof(before)), 0);
		guest_write(&g, VIRTIO_MMIO_QUEUE_READY, 1 - (uint32_t)round); /* at first it is ready once more, then no more */
		cr_assert_eq(memcmp(&before, &it.device.queues[0], sizeof(before)), 0);
	}
}

Test(mmio, a_queue_that_is_ready_is_frozen_before_the_driver_is, .init = setup)
{
	gpa_t desc;

	guest_negotiate(&g, VIRTIO_VERSION_1);
	guest_lay_out(&g, 0, 8);
	guest_set_up(&g, 0);
	desc = it.device.queues[0].desc;
	guest_write(&g, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x5000);
	guest_write(&g, VIRTIO_MMIO_QUEUE_NUM, 4);
	cr_assert_eq(it.device.queues[0].desc, desc);
	cr_assert_eq(it.device.queues[0].size, 8);
	guest_write(&g, VIRTIO_MMIO_QUEUE_READY, 0);
	guest_write(&g, VIRTIO_MMIO_QUEUE_NUM, 4);
	guest_write(&g, VIRTIO_MMIO_QUEUE_READY, 1);
	cr_assert_eq(it.device.queues[0].size, 4, "given up and set up anew");
}

Test(mmio, a_queue_that_was_not_set_up_before_the_driver_is_never, .init = setup)
{
	guest_negotiate(&g, VIRTIO_VERSION_1);
	guest_lay_out(&g, 0, 8);
	guest_set_up(&g, 0);
	guest_drive(&g);
	guest_lay_out(&g, 1, 8);
	guest_set_up(&g, 1);
	cr_assert_not(it.device.queues[1].ready);
	cr_assert_eq(it.device.queues[1].desc, 0);
	guest_notify(&g, 1);
	cr_assert_eq(it.kicks[1], 0);
}

Test(mmio, no_queue_before_features_are_ok, .init = setup)
{
	guest_lay_out(&g, 0, 8);
	guest_set_up(&g, 0);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_QUEUE_READY), 0);
}

Test(mmio, queues_that_are_none, .init = setup)
{
	static const uint32_t numbers[] = {2, 7, 8, 255, 256, 65536, 65538, UINT32_MAX};
	struct device before;

	guest_start(&g, VIRTIO_VERSION_1);
	memset(it.kicks, 0, sizeof(it.kicks));
	it.device.queues[2].ready = true; /* as if */
	before = it.device;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		guest_write(&g, VIRTIO_MMIO_QUEUE_SEL, numbers[i]);
		cr_assert_eq(guest_read(&g, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		cr_assert_eq(guest_read(&g, VIRTIO_MMIO_QUEUE_READY), 0);
		guest_write(&g, VIRTIO_MMIO_QUEUE_NUM, 8);
		for (uint32_t at = VIRTIO_MMIO_QUEUE_DESC_LOW; at <= VIRTIO_MMIO_QUEUE_USED_HIGH; at += 4)
			guest_write(&g, at, 0x1000);
		guest_write(&g, VIRTIO_MMIO_QUEUE_READY, 1);
		guest_write(&g, VIRTIO_MMIO_QUEUE_NOTIFY, numbers[i]);
		device_kick(&it.device, (uint16_t)(numbers[i] | 2));
	}
	cr_assert_eq(memcmp(before.queues, it.device.queues, sizeof(before.queues)), 0);
	cr_assert_eq(it.kicks[0] + it.kicks[1], 0);
}

Test(mmio, addresses_in_halves, .init = setup)
{
	const struct queue *q = &it.device.queues[0];

	guest_negotiate(&g, VIRTIO_VERSION_1);
	guest_write(&g, VIRTIO_MMIO_QUEUE_SEL, 0);
	guest_write(&g, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0x11223344);
	guest_write(&g, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x55667788);
	cr_assert_eq(q->desc, 0x1122334455667788);
	guest_write(&g, VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x55667788);
	guest_write(&g, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0x11223344);
	cr_assert_eq(q->avail, 0x1122334455667788);
	guest_write(&g, VIRTIO_MMIO_QUEUE_USED_HIGH, UINT32_MAX);
	guest_write(&g, VIRTIO_MMIO_QUEUE_USED_HIGH, 1);
	cr_assert_eq(q->used, 0x100000000);
}

Test(mmio, sizes_beyond_16_bits, .init = setup)
{
	guest_negotiate(&g, VIRTIO_VERSION_1);
	guest_lay_out(&g, 0, 8);
	guest_write(&g, VIRTIO_MMIO_QUEUE_NUM, 0x10008);
	cr_assert_eq(it.device.queues[0].size, 0, "not 8");
	guest_write(&g, VIRTIO_MMIO_QUEUE_READY, 1);
	cr_assert(guest_lied(&g));
}

Test(mmio, a_queue_outside_memory_is_a_lie, .init = setup)
{
	guest_negotiate(&g, VIRTIO_VERSION_1);
	guest_lay_out(&g, 0, 8);
	g.queues[0].used = UINT64_C(0x7fffffff0000);
	guest_set_up(&g, 0);
	cr_assert(guest_lied(&g));
	cr_assert_str_eq(g.why.msg, "virtio test: used ring at 0x7fffffff0000 is not in memory");
	cr_assert_eq(g.why.code, -EPROTO);
	guest_drive(&g);
	cr_assert_eq(it.activated, 0);
}

/* Lies and their consequences. */

static int lie(struct device *d, struct error *err)
{
	return error_set(err, -EPROTO, "as told");
}

static void must_be_broken(void)
{
	cr_assert(guest_lied(&g));
	cr_assert_str_eq(g.why.msg, "virtio test: as told");
	cr_assert(device_is_broken(&it.device));
	cr_assert(guest_read(&g, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

Test(mmio, a_lie_breaks_the_device, .init = setup_started)
{
	it.fail = lie;
	guest_notify(&g, 0);
	must_be_broken();
	cr_assert_eq(guest_interrupts(&g), 1);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	g.lied = false;
	guest_notify(&g, 0);
	guest_notify(&g, 1);
	cr_assert_eq(device_run(&it.device, lie), -EPROTO);
	cr_assert_eq(it.kicks[0] + it.kicks[1], 1);
	cr_assert_not(guest_lied(&g), "the machine is told once");
	guest_reset(&g);
	it.fail = NULL;
	guest_start(&g, 0);
	guest_notify(&g, 0);
	cr_assert_eq(it.kicks[0], 1, "there is no way back");
}

Test(mmio, a_lie_to_activate, .init = setup)
{
	it.fail = lie;
	guest_start(&g, UINT64_MAX);
	must_be_broken();
	cr_assert_not(it.device.active);
	cr_assert_eq(it.kicks[0], 0);
}

Test(mmio, a_lie_found_from_the_hosts_side, .init = setup_started)
{
	cr_assert_eq(device_run(&it.device, lie), -EPROTO);
	must_be_broken();
}

Test(device, breaks_once, .init = setup_started)
{
	const struct error why = {-EPROTO, "as told"};

	device_break(&it.device, &why);
	must_be_broken();
	g.lied = false;
	device_break(&it.device, &why);
	cr_assert_not(guest_lied(&g));
}

Test(device, runs_nothing_unless_it_is_active, .init = setup)
{
	cr_assert_eq(device_run(&it.device, lie), 1);
	cr_assert_eq(device_kick(&it.device, 0), 1);
	cr_assert_not(guest_lied(&g));
}

static int without_a_word(struct device *d, struct error *err)
{
	return -EIO;
}

Test(device, an_error_without_a_text_has_one, .init = setup_started)
{
	cr_assert_eq(device_run(&it.device, without_a_word), -EIO);
	cr_assert_str_eq(g.why.msg, "virtio test: failed");
}

/* Interrupts. */

Test(mmio, interrupts_are_acknowledged_bit_by_bit, .init = setup_started)
{
	struct guest_buffer b = {0x1000, 8, false};
	struct chain c;

	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	guest_add(&g, 0, &b, 1);
	guest_publish(&g, 0);
	queue_next(&it.device.queues[0], &c, NULL);
	queue_done(&it.device.queues[0], &c, 0);
	device_interrupt(&it.device, &it.device.queues[0]);
	device_config_changed(&it.device);
	cr_assert_eq(guest_interrupts(&g), 2);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	guest_write(&g, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
	guest_write(&g, VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	device_config_changed(&it.device);
	guest_reset(&g);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

Test(mmio, the_configuration_has_a_generation, .init = setup)
{
	uint32_t before = guest_read(&g, VIRTIO_MMIO_CONFIG_GENERATION);

	device_config_changed(&it.device);
	cr_assert_neq(guest_read(&g, VIRTIO_MMIO_CONFIG_GENERATION), before);
	cr_assert_eq(guest_interrupts(&g), 0, "not before the driver is ready");
}

/* The lock is held by a worker that takes long: these must not wait for it. */
Test(mmio, what_never_waits, .init = setup_started, .timeout = 10)
{
	pthread_mutex_lock(&it.device.lock);
	guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS);
	guest_write(&g, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	guest_write(&g, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	guest_read(&g, VIRTIO_MMIO_MAGIC_VALUE);
	guest_read(&g, VIRTIO_MMIO_CONFIG_GENERATION);
	pthread_mutex_unlock(&it.device.lock);
}

/* Accesses of every size at every place. */

static unsigned char room[16];

static void read_into_room(uint32_t at, uint32_t len)
{
	memset(room, 0xee, sizeof(room));
	mmio_read(&g.mmio, at, room, len);
	for (uint32_t i = len; i < sizeof(room); i++)
		cr_assert_eq(room[i], 0xee, "%u bytes at %#x wrote byte %u", len, at, i);
}

Test(mmio, every_access_there_is, .init = setup_started)
{
	static const unsigned char ones[8] = {255, 255, 255, 255, 255, 255, 255, 255};

	for (uint32_t at = 0; at < MMIO_SIZE; at++)
		for (uint32_t len = 1; len <= 8; len++) {
			bool is_register = at < VIRTIO_MMIO_CONFIG && at % 4 == 0 && len == 4;

			read_into_room(at, len);
			if (at < VIRTIO_MMIO_CONFIG && !is_register)
				for (uint32_t i = 0; i < len; i++)
					cr_assert_eq(room[i], 0, "%u bytes at %#x", len, at);
			mmio_write(&g.mmio, at, ones, len);
		}
	cr_assert_not(guest_lied(&g));
	cr_assert(it.device.active, "all bits set is no reset");
}

Test(mmio, configuration_within_its_bounds, .init = setup)
{
	read_into_room(VIRTIO_MMIO_CONFIG + 4, 8);
	cr_assert_arr_eq(room, "\5\6\0\0\0\0\0\0", 8);
	read_into_room(VIRTIO_MMIO_CONFIG + 1, 2);
	cr_assert_arr_eq(room, "\2\3", 2);
	read_into_room(VIRTIO_MMIO_CONFIG + 6, 4);
	cr_assert_arr_eq(room, "\0\0\0\0", 4);
	read_into_room(MMIO_SIZE - 1, 8);
	cr_assert_arr_eq(room, "\0\0\0\0\0\0\0\0", 8);
	mmio_write(&g.mmio, VIRTIO_MMIO_CONFIG + 5, "z", 1);
	cr_assert_eq(it.config[5], 'z');
}
