/* test_bus.c: who answers at which address, for any access at all. */
#include "vmm/bus.h"

#include <criterion/criterion.h>
#include <string.h>

struct seen {
	uint32_t at, len;
	unsigned int reads, writes;
};

static void on_read(void *data, uint32_t at, void *to, uint32_t len)
{
	struct seen *s = data;

	s->at = at;
	s->len = len;
	s->reads++;
	memset(to, 0x11, len);
}

static void on_write(void *data, uint32_t at, const void *from, uint32_t len)
{
	struct seen *s = data;

	s->at = at;
	s->len = len;
	s->writes++;
}

static const struct bus_ops both = {on_read, on_write}, neither = {NULL, NULL};

static uint64_t read_at(const struct bus *b, uint64_t at, uint32_t len)
{
	uint64_t v = 0;

	bus_read(b, at, &v, len);
	return v;
}

Test(bus, dispatch)
{
	struct bus b = {0};
	struct seen one = {0}, two = {0};
	uint64_t v = 0;

	cr_assert_eq(bus_add(&b, 0x100, 0x10, &both, &one, NULL), 0);
	cr_assert_eq(bus_add(&b, 0x110, 0x10, &both, &two, NULL), 0);
	cr_assert_eq(read_at(&b, 0x10f, 1), 0x11);
	cr_assert_eq(one.at, 0xf);
	cr_assert_eq(one.len, 1);
	cr_assert_eq(read_at(&b, 0x110, 4), 0x11111111);
	cr_assert_eq(two.at, 0);
	bus_write(&b, 0x118, &v, 8);
	cr_assert_eq(two.writes, 1);
	cr_assert_eq(two.at, 8);
	cr_assert_eq(one.reads + one.writes, 1);
}

/* All ones, and nobody is disturbed: before, behind, across the end, and of a size that no access has. */
Test(bus, nobody)
{
	struct bus b = {0};
	struct seen one = {0};
	unsigned char bytes[16] = {0};

	cr_assert_eq(bus_add(&b, 0x100, 0x10, &both, &one, NULL), 0);
	cr_assert_eq(bus_add(&b, 0x200, 4, &neither, NULL, NULL), 0);
	cr_assert_eq(read_at(&b, 0xff, 1), 0xff);
	cr_assert_eq(read_at(&b, 0x110, 1), 0xff);
	cr_assert_eq(read_at(&b, 0x10f, 2), 0xffff);
	cr_assert_eq(read_at(&b, 0xff, 2), 0xffff);
	cr_assert_eq(read_at(&b, UINT64_MAX, 8), UINT64_MAX);
	cr_assert_eq(read_at(&b, 0x200, 4), 0xffffffff);
	bus_write(&b, 0x200, bytes, 4);
	bus_write(&b, 0x10f, bytes, 2);
	bus_write(&b, 0, bytes, 8);
	bus_write(&b, UINT64_MAX, bytes, 8);
	bus_read(&b, 0x100, bytes, 9);
	cr_assert_eq(bytes[8], 0xff);
	cr_assert_eq(bytes[9], 0);
	bus_read(&b, 0x100, bytes, 0);
	cr_assert_eq(one.reads + one.writes, 0);
}

Test(bus, ranges_that_cannot_be)
{
	struct bus b = {0};

	cr_assert_eq(bus_add(&b, 0x100, 0x10, &both, NULL, NULL), 0);
	cr_expect_eq(bus_add(&b, 0x10f, 1, &both, NULL, NULL), -EEXIST);
	cr_expect_eq(bus_add(&b, 0xf0, 0x11, &both, NULL, NULL), -EEXIST);
	cr_expect_eq(bus_add(&b, 0, UINT64_MAX, &both, NULL, NULL), -EEXIST);
	cr_expect_eq(bus_add(&b, 0x200, 0, &both, NULL, NULL), -EINVAL);
	cr_expect_eq(bus_add(&b, UINT64_MAX, 2, &both, NULL, NULL), -EINVAL);
	for (uint64_t i = 1; i < BUS_RANGES_MAX; i++)
		cr_assert_eq(bus_add(&b, 0x1000 * i, 1, &both, NULL, NULL), 0);
	cr_expect_eq(bus_add(&b, 0, 1, &both, NULL, NULL), -ENOSPC);
}
