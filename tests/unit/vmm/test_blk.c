/* test_blk.c: a disk in a file, and requests for what is not on it. */
#include "vmm/virtio/blk.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

enum { SECTORS = 64 };

static struct device *blk;
static struct guest g;
static int file;

static int make_file(off_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, size), 0);
	return fd;
}

static void start(bool read_only)
{
	struct blk_config config = {.name = "disk", .read_only = read_only, .id = "serial-12345"};
	unsigned char sector[BLK_SECTOR];

	file = make_file(SECTORS * BLK_SECTOR);
	for (int i = 0; i < SECTORS; i++) {
		memset(sector, i + 1, sizeof(sector));
		cr_assert_eq(pwrite(file, sector, sizeof(sector), i * BLK_SECTOR), BLK_SECTOR);
	}
	config.fd = dup(file);
	cr_assert_eq(blk_new(&config, &blk, NULL), 0);
	guest_make(&g, blk, 0);
	guest_start(&g, UINT64_MAX);
}

static void setup(void)
{
	start(false);
}

static void setup_read_only(void)
{
	start(true);
}

static void teardown(void)
{
	blk->ops->free(blk);
}

/* A request with `in` bytes of data from, and room for `out` bytes to the guest; its status. */
static uint8_t ask(uint32_t type, uint64_t sector, const void *in, uint32_t in_size, void *out, uint32_t out_size)
{
	static unsigned char from[sizeof(struct virtio_blk_outhdr) + 65536], to[65536 + 1];
	struct virtio_blk_outhdr h = {.type = type, .sector = sector};

	memcpy(from, &h, sizeof(h));
	if (in_size)
		memcpy(from + sizeof(h), in, in_size);
	memset(to, 0xee, sizeof(to));
	cr_assert_eq(guest_ask(&g, 0, from, (uint32_t)sizeof(h) + in_size, to, out_size + 1), out_size + 1);
	if (out_size)
		memcpy(out, to, out_size);
	return to[out_size];
}

static unsigned char byte_of(int sector)
{
	unsigned char b;

	cr_assert_eq(pread(file, &b, 1, sector * BLK_SECTOR + 300), 1);
	return b;
}

Test(blk, says_how_large_it_is, .init = setup, .fini = teardown)
{
	struct virtio_blk_config c;

	guest_config(&g, 0, &c, sizeof(c));
	cr_assert_eq(c.capacity, SECTORS);
	cr_assert_eq(c.seg_max, QUEUE_CHAIN_MAX - 2);
	cr_assert_not(g.features >> VIRTIO_BLK_F_RO & 1);
	cr_assert(g.features >> VIRTIO_BLK_F_FLUSH & 1);
}

Test(blk, reads, .init = setup, .fini = teardown)
{
	unsigned char data[3 * BLK_SECTOR];

	cr_assert_eq(ask(VIRTIO_BLK_T_IN, 5, NULL, 0, data, sizeof(data)), VIRTIO_BLK_S_OK);
	for (size_t i = 0; i < sizeof(data); i++)
		cr_assert_eq(data[i], 6 + i / BLK_SECTOR);
	cr_assert_eq(ask(VIRTIO_BLK_T_IN, SECTORS - 1, NULL, 0, data, BLK_SECTOR), VIRTIO_BLK_S_OK);
	cr_assert_eq(data[0], SECTORS);
}

Test(blk, writes_and_flushes, .init = setup, .fini = teardown)
{
	unsigned char data[2 * BLK_SECTOR];

	memset(data, 0xaa, sizeof(data));
	cr_assert_eq(ask(VIRTIO_BLK_T_OUT, 7, data, sizeof(data), NULL, 0), VIRTIO_BLK_S_OK);
	cr_assert_eq(byte_of(6), 7);
	cr_assert_eq(byte_of(7), 0xaa);
	cr_assert_eq(byte_of(8), 0xaa);
	cr_assert_eq(byte_of(9), 10);
	cr_assert_eq(ask(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, 0), VIRTIO_BLK_S_OK);
}

/* Header in two pieces, data in three whose bounds are no sectors, the status with the last of the data. */
Test(blk, buffers_cut_anywhere, .init = setup, .fini = teardown)
{
	struct virtio_blk_outhdr h = {.type = VIRTIO_BLK_T_IN, .sector = 10};
	gpa_t at = guest_alloc(&g, 8192, 16);
	struct guest_buffer b[] = {{at, 3, false}, {at + 3, 13, false}, {at + 100, 7, true}, {at + 200, 1000, true}, {at + 2000, 18, true}};
	unsigned char *memory = guest_at(&g, at, 8192);
	uint32_t written;

	memcpy(memory, &h, sizeof(h));
	memset(memory + 2000, 0xee, 18);
	guest_add(&g, 0, b, 5);
	guest_kick(&g, 0);
	cr_assert_eq(guest_take(&g, 0, &written), 0);
	cr_assert_eq(written, 1025);
	cr_assert_eq(memory[100], 11);
	cr_assert_eq(memory[200 + 504], 11);
	cr_assert_eq(memory[200 + 505], 12);
	cr_assert_eq(memory[2016], 12);
	cr_assert_eq(memory[2017], VIRTIO_BLK_S_OK);
}

Test(blk, gives_its_serial_number, .init = setup, .fini = teardown)
{
	char id[BLK_ID_MAX];

	cr_assert_eq(ask(VIRTIO_BLK_T_GET_ID, 0, NULL, 0, id, sizeof(id)), VIRTIO_BLK_S_OK);
	cr_assert_arr_eq(id, "serial-12345\0\0\0\0\0\0\0\0", BLK_ID_MAX);
	cr_assert_eq(ask(VIRTIO_BLK_T_GET_ID, 0, NULL, 0, id, 19), VIRTIO_BLK_S_IOERR);
}

Test(blk, does_not_know_everything, .init = setup, .fini = teardown)
{
	cr_assert_eq(ask(77, 0, NULL, 0, NULL, 0), VIRTIO_BLK_S_UNSUPP);
	cr_assert_eq(ask(UINT32_MAX, UINT64_MAX, NULL, 0, NULL, 0), VIRTIO_BLK_S_UNSUPP);
	cr_assert_not(guest_lied(&g));
}

/* Places that are not on the disk. */

struct place {
	uint64_t sector;
	uint32_t len;
};

static const struct place places[] = {
    {SECTORS, 512},        {SECTORS - 1, 1024}, {UINT64_MAX, 512}, {UINT64_MAX / 512, 512}, {UINT64_MAX / 512 + 1, 512}, {UINT64_C(1) << 55, 512},
    {UINT64_MAX - 1, 2048}, {0, 511},            {0, 513},          {SECTORS, 1},            {SECTORS + 1, 0},
};

ParameterizedTestParameters(blk, not_on_the_disk)
{
	return cr_make_param_array(const struct place, (struct place *)places, sizeof(places) / sizeof(*places));
}

ParameterizedTest(const struct place *p, blk, not_on_the_disk, .init = setup, .fini = teardown)
{
	static unsigned char data[4096];

	cr_assert_eq(ask(VIRTIO_BLK_T_IN, p->sector, NULL, 0, data, p->len), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(ask(VIRTIO_BLK_T_OUT, p->sector, data, p->len, NULL, 0), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(lseek(file, 0, SEEK_END), SECTORS * BLK_SECTOR);
	for (int i = 0; i < SECTORS; i++)
		cr_assert_eq(byte_of(i), i + 1);
	cr_assert_not(guest_lied(&g));
}

Test(blk, a_file_that_has_become_shorter, .init = setup, .fini = teardown)
{
	unsigned char data[BLK_SECTOR];

	cr_assert_eq(ftruncate(file, 100), 0);
	cr_assert_eq(ask(VIRTIO_BLK_T_IN, 0, NULL, 0, data, sizeof(data)), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(ask(VIRTIO_BLK_T_IN, 9, NULL, 0, data, sizeof(data)), VIRTIO_BLK_S_IOERR);
}

/* Requests that are none. */

Test(blk, a_header_too_short, .init = setup, .fini = teardown)
{
	unsigned char h[15] = {0}, status = 0xee;

	cr_assert_eq(guest_ask(&g, 0, h, sizeof(h), &status, 1), GUEST_NOTHING);
	cr_assert(guest_lied(&g));
	cr_assert_str_eq(g.why.msg, "virtio blk: a request of 15 bytes with room for 1");
}

Test(blk, nowhere_to_put_the_status, .init = setup, .fini = teardown)
{
	struct virtio_blk_outhdr h = {.type = VIRTIO_BLK_T_FLUSH};

	cr_assert_eq(guest_ask(&g, 0, &h, sizeof(h), NULL, 0), GUEST_NOTHING);
	cr_assert(guest_lied(&g));
}

/* A disk that may not be written to, whatever the driver thinks. */

Test(blk, read_only, .init = setup_read_only, .fini = teardown)
{
	unsigned char data[BLK_SECTOR] = {0};
	struct virtio_blk_discard_write_zeroes s = {.sector = 0, .num_sectors = 1};

	cr_assert(g.features >> VIRTIO_BLK_F_RO & 1);
	cr_assert_not(g.features >> VIRTIO_BLK_F_DISCARD & 1);
	cr_assert_eq(ask(VIRTIO_BLK_T_IN, 3, NULL, 0, data, sizeof(data)), VIRTIO_BLK_S_OK);
	cr_assert_eq(ask(VIRTIO_BLK_T_OUT, 3, data, sizeof(data), NULL, 0), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(ask(VIRTIO_BLK_T_DISCARD, 0, &s, sizeof(s), NULL, 0), VIRTIO_BLK_S_UNSUPP);
	cr_assert_eq(ask(VIRTIO_BLK_T_WRITE_ZEROES, 0, &s, sizeof(s), NULL, 0), VIRTIO_BLK_S_UNSUPP);
	blk->features = UINT64_MAX; /* even if that could be negotiated */
	cr_assert_eq(ask(VIRTIO_BLK_T_DISCARD, 0, &s, sizeof(s), NULL, 0), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(ask(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL, 0), VIRTIO_BLK_S_OK);
	for (int i = 0; i < SECTORS; i++)
		cr_assert_eq(byte_of(i), i + 1);
}

/* Holes. */

Test(blk, discards, .init = setup, .fini = teardown)
{
	struct virtio_blk_discard_write_zeroes s[2] = {{.sector = 8, .num_sectors = 8}, {.sector = 32, .num_sectors = 16}};

	cr_assert_eq(ask(VIRTIO_BLK_T_DISCARD, 0, s, sizeof(s), NULL, 0), VIRTIO_BLK_S_OK);
	for (int i = 0; i < SECTORS; i++)
		cr_assert_eq(byte_of(i), (i >= 8 && i < 16) || (i >= 32 && i < 48) ? 0 : i + 1, "sector %d", i);
	cr_assert_eq(lseek(file, 0, SEEK_END), SECTORS * BLK_SECTOR);
}

Test(blk, writes_zeroes, .init = setup, .fini = teardown)
{
	struct virtio_blk_discard_write_zeroes s = {.sector = 9, .num_sectors = 1, .flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP};
	uint8_t status;

	cr_assert_eq(ask(VIRTIO_BLK_T_WRITE_ZEROES, 0, &s, sizeof(s), NULL, 0), VIRTIO_BLK_S_OK);
	cr_assert_eq(byte_of(8), 9);
	cr_assert_eq(byte_of(9), 0);
	cr_assert_eq(byte_of(10), 11);
	s.flags = 0;
	s.sector = 20;
	status = ask(VIRTIO_BLK_T_WRITE_ZEROES, 0, &s, sizeof(s), NULL, 0);
	cr_assert(status == VIRTIO_BLK_S_OK ? byte_of(20) == 0 : status == VIRTIO_BLK_S_UNSUPP && byte_of(20) == 21,
		  "done, or said that the file system cannot");
}

struct hole {
	struct virtio_blk_discard_write_zeroes s;
	uint32_t len;
	uint8_t status;
};

static const struct hole holes[] = {
    {{SECTORS, 1, 0}, 16, VIRTIO_BLK_S_IOERR},
    {{SECTORS - 1, 2, 0}, 16, VIRTIO_BLK_S_IOERR},
    {{UINT64_MAX, 2, 0}, 16, VIRTIO_BLK_S_IOERR},
    {{0, UINT32_MAX, 0}, 16, VIRTIO_BLK_S_IOERR},
    {{UINT64_MAX - 1, UINT32_MAX, 0}, 16, VIRTIO_BLK_S_IOERR},
    {{0, 1, 2}, 16, VIRTIO_BLK_S_UNSUPP},
    {{0, 1, UINT32_MAX}, 16, VIRTIO_BLK_S_UNSUPP},
    {{0, 1, 0}, 15, VIRTIO_BLK_S_IOERR},
    {{0, 1, 0}, 0, VIRTIO_BLK_S_IOERR},
    {{0, 0, 0}, 16 * 33, VIRTIO_BLK_S_IOERR},
    {{0, 0, 0}, 16, VIRTIO_BLK_S_OK},
};

ParameterizedTestParameters(blk, holes_that_cannot_be)
{
	return cr_make_param_array(const struct hole, (struct hole *)holes, sizeof(holes) / sizeof(*holes));
}

ParameterizedTest(const struct hole *h, blk, holes_that_cannot_be, .init = setup, .fini = teardown)
{
	unsigned char data[16 * 33] = {0};

	memcpy(data, &h->s, sizeof(h->s));
	cr_assert_eq(ask(VIRTIO_BLK_T_DISCARD, 0, data, h->len, NULL, 0), h->status);
	cr_assert_eq(ask(VIRTIO_BLK_T_WRITE_ZEROES, 0, data, h->len, NULL, 0), h->status);
	for (int i = 0; i < SECTORS; i++)
		cr_assert_eq(byte_of(i), i + 1);
	cr_assert_eq(lseek(file, 0, SEEK_END), SECTORS * BLK_SECTOR);
	cr_assert_not(guest_lied(&g));
}

Test(blk, unmap_says_nothing_in_a_discard, .init = setup, .fini = teardown)
{
	struct virtio_blk_discard_write_zeroes s = {.sector = 0, .num_sectors = 8, .flags = 1};

	cr_assert_eq(ask(VIRTIO_BLK_T_DISCARD, 0, &s, sizeof(s), NULL, 0), VIRTIO_BLK_S_UNSUPP);
	cr_assert_eq(byte_of(0), 1);
}

/* What is no disk. */

static void must_refuse(struct blk_config config, int code, const char *text)
{
	struct device *none = NULL;
	struct error e = ERROR_NONE;

	config.name = "DISK";
	cr_assert_eq(blk_new(&config, &none, &e), code, "%s", text);
	cr_assert_str_eq(e.msg, text);
	cr_assert_null(none);
}

Test(blk, what_is_no_disk)
{
	char path[] = "/tmp/nacre-disk-XXXXXX";
	int p[2], fd = mkstemp(path);

	cr_assert_eq(pipe(p), 0);
	must_refuse((struct blk_config){.fd = p[0]}, -EINVAL, "disk DISK: neither a file nor a block device");
	must_refuse((struct blk_config){.fd = -EBADF}, -EBADF, "disk DISK: Bad file descriptor");
	must_refuse((struct blk_config){.fd = make_file(0)}, -EINVAL, "disk DISK: its size, 0 bytes, is no multiple of 512");
	must_refuse((struct blk_config){.fd = make_file(513)}, -EINVAL, "disk DISK: its size, 513 bytes, is no multiple of 512");
	must_refuse((struct blk_config){.fd = make_file(512), .id = "123456789012345678901"}, -EINVAL,
		    "disk DISK: a serial number of more than 20 bytes");
	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, 512), 0);
	must_refuse((struct blk_config){.fd = open(path, O_RDONLY)}, -EINVAL, "disk DISK: not opened for what the guest may do");
	must_refuse((struct blk_config){.fd = open(path, O_WRONLY)}, -EINVAL, "disk DISK: not opened for what the guest may do");
	must_refuse((struct blk_config){.fd = open(path, O_RDWR | O_APPEND)}, -EINVAL, "disk DISK: not opened for what the guest may do");
	must_refuse((struct blk_config){.fd = open(path, O_WRONLY), .read_only = true}, -EINVAL,
		    "disk DISK: not opened for what the guest may do");
	unlink(path);
}
