/* test_serial.c: the serial port as the 8250 driver of the kernel uses it. */
#include "vmm/serial.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static struct serial serial;
static int out, irq;

static void setup(void)
{
	out = memfd_create("out", MFD_CLOEXEC);
	irq = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	serial_init(&serial, out, irq);
}

TestSuite(serial, .init = setup);

static uint8_t get(uint32_t at)
{
	uint8_t v = 0;

	serial_ops.read(&serial, at, &v, 1);
	return v;
}

static void put(uint32_t at, uint8_t v)
{
	serial_ops.write(&serial, at, &v, 1);
}

static uint64_t interrupts(void)
{
	uint64_t n = 0;

	return read(irq, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void say(const char *text)
{
	while (*text)
		put(0, (uint8_t)*text++);
}

static const char *said(void)
{
	static char text[1024];
	ssize_t n = pread(out, text, sizeof(text) - 1, 0);

	text[n] = '\0';
	return text;
}

Test(serial, lines)
{
	say("one\ntw");
	cr_assert_str_eq(said(), "one\n");
	say("o\n!");
	cr_assert_str_eq(said(), "one\ntwo\n");
	serial_flush(&serial);
	cr_assert_str_eq(said(), "one\ntwo\n!");
	serial_flush(&serial);
	cr_assert_str_eq(said(), "one\ntwo\n!");
}

Test(serial, line_longer_than_any)
{
	for (int i = 0; i < 300; i++)
		put(0, 'a');
	cr_assert_eq(strlen(said()), 256);
}

Test(serial, divisor_is_no_text)
{
	put(3, 0x80);
	put(0, 'x');
	put(1, 'y');
	cr_assert_eq(get(0), 'x');
	cr_assert_eq(get(1), 'y');
	put(3, 0x03);
	cr_assert_eq(get(3), 0x03);
	cr_assert_eq(get(0), 0);
	cr_assert_eq(get(1), 0);
	serial_flush(&serial);
	cr_assert_str_eq(said(), "");
}

/* The driver finds out what it has: a 16550A, whose outputs come back in the loop. */
Test(serial, found_as_16550a)
{
	put(1, 0xff);
	cr_assert_eq(get(1), 0x0f);
	put(1, 0);
	put(4, 0x10 | 0x0a);
	cr_assert_eq(get(6) & 0xf0, 0x90);
	put(0, 'x'); /* stays in the loop */
	put(4, 0x10 | 0x05);
	cr_assert_eq(get(6) & 0xf0, 0x60);
	put(4, 0x0b);
	cr_assert_eq(get(6), 0xb0);
	put(2, 1);
	cr_assert_eq(get(2) & 0xc0, 0xc0);
	put(2, 0);
	cr_assert_eq(get(2) & 0xc0, 0);
	put(7, 0x5a);
	cr_assert_eq(get(7), 0x5a);
	put(5, 0xff);
	cr_assert_eq(get(5), 0x60);
	serial_flush(&serial);
	cr_assert_str_eq(said(), "");
}

Test(serial, interrupts)
{
	say("quiet");
	cr_assert_eq(interrupts(), 0);
	cr_assert_eq(get(2), 0x01);
	put(1, 0x02);
	cr_assert_eq(interrupts(), 1);
	cr_assert_eq(get(2), 0x02);
	cr_assert_eq(get(2), 0x01); /* told once */
	put(0, 'x');
	cr_assert_eq(interrupts(), 1);
	cr_assert_eq(get(2), 0x02);
	put(1, 0);
	put(0, 'x');
	cr_assert_eq(interrupts(), 0);
	cr_assert_eq(get(2), 0x01);
}

Test(serial, wide_accesses)
{
	uint64_t v = 0;

	serial_ops.read(&serial, 0, &v, 8);
	cr_assert_eq(v, 0xffffffffffffff00);
	memcpy(&v, "a\n234567", 8);
	serial_ops.write(&serial, 0, &v, 8);
	serial_flush(&serial);
	cr_assert_str_eq(said(), "a");
}

/* A guest that talks for ever fills no disk. */
Test(serial, bounded)
{
	char line[257];
	off_t end;

	memset(line, 'a', 255);
	strcpy(line + 255, "\n");
	for (uint64_t i = 0; i < SERIAL_MOST / 256 + 100; i++)
		say(line);
	end = lseek(out, 0, SEEK_END);
	cr_assert_geq((uint64_t)end, SERIAL_MOST);
	cr_assert_lt((uint64_t)end, SERIAL_MOST + 100);
	cr_assert_gt(pread(out, line, 40, end - 36), 0);
	cr_assert_not_null(strstr(line, "said enough]\n"));
}

Test(serial, panic)
{
	say("[    0.1] all is well\n");
	cr_assert_str_empty(serial.panic);
	say("[    1.2] Kernel panic - not syncing: VFS: no \x1b[31mroot\r\n");
	cr_assert_str_eq(serial.panic, "VFS: no ?[31mroot");
	say("[    1.3] Kernel panic - not syncing: once more\n");
	cr_assert_str_eq(serial.panic, "VFS: no ?[31mroot");
}

Test(serial, nowhere)
{
	serial_init(&serial, -EBADF, -EBADF);
	put(1, 0x02);
	say("hello\nKernel panic - not syncing: \n");
	serial_flush(&serial);
	cr_assert_str_empty(serial.panic);
}
