/* image.c: see image.h. */
#include "vmm/x86_64/image.h"

#include <elf.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "vmm/x86_64/kaslr.h"
#include "vmm/x86_64/layout.h"

#define SECTOR 512
#define HEADER_AT 0x1f1
#define HEADER_MAGIC "HdrS"
/* 2.12: the first that says whether the kernel can be entered in long mode. */
#define PROTOCOL_LEAST 0x020c
#define ENTRY_64 0x200
#define SEGMENTS_MAX 64
#define RELOCATIONS_MAX (16u << 20)
/* COMMAND_LINE_SIZE of the kernel for x86, less the NUL. */
#define PARAMETERS_MAX 2047
/* Huge pages of memory: half of a segment is a whole number of them, and one with fewer than these is not worth a thread. */
#define HUGE_PAGE (UINT64_C(2) << 20)
#define WORTH_HALVING (4 * HUGE_PAGE)
#define MIB(bytes) ((unsigned long long)(((bytes) + (1 << 20) - 1) >> 20))

int image_size(int fd, const char *name, uint64_t *size, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, "%s", name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -ENOEXEC, "%s: not a regular file", name);
	*size = (uint64_t)st.st_size;
	return 0;
}

int image_read(int fd, const char *name, uint64_t at, void *to, uint64_t len, struct error *err)
{
	char *p = to;

	while (len) {
		ssize_t n = pread(fd, p, len > 1 << 30 ? 1 << 30 : len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "read %s", name);
		if (n == 0)
			return error_set(err, -ENOEXEC, "%s: the file ends too early: it is cut off", name);
		p += n;
		at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* *to: where [at, at+size) lies, above the first MiB and below the hole. */
static int place(const struct memory *m, const char *name, gpa_t at, uint64_t size, void **to, struct error *err)
{
	size_t n;
	const struct memory_region *low = memory_regions(m, &n);

	if (at < LAYOUT_HIGH_START || size > LAYOUT_HOLE || at > LAYOUT_HOLE - size)
		return error_set(err, -ENOEXEC, "%s: wants to lie at 0x%llx, where no kernel can be", name, (unsigned long long)at);
	*to = memory_at(m, at, size);
	if (!*to)
		return error_set(err, -ENOMEM, "%s: the kernel needs %llu MiB of memory to start; the machine has %llu MiB", name,
				 MIB(at + size), MIB(low->size));
	return 0;
}

static bool is_bzimage(const struct setup_header *h)
{
	return h->boot_flag == 0xaa55 && !memcmp(&h->header, HEADER_MAGIC, 4);
}

int image_header(int fd, const char *name, struct setup_header *out, uint64_t *size, struct error *err)
{
	int ret = image_size(fd, name, size, err);

	if (ret == 0 && *size < HEADER_AT + sizeof(*out))
		return error_set(err, -ENOEXEC, "%s: no kernel: only %llu bytes", name, (unsigned long long)*size);
	if (ret == 0)
		ret = image_read(fd, name, HEADER_AT, out, sizeof(*out), err);
	if (ret == 0 && !is_bzimage(out))
		return error_set(err, -ENOEXEC, "%s: no kernel that can be booted: neither a bzImage nor an ELF image for x86-64", name);
	return ret;
}

/* What the header must say. *at: where the kernel proper begins in the file. */
static int check_bzimage(const char *name, const struct setup_header *h, uint64_t size, uint64_t *at, struct error *err)
{
	/* The header's end is where the jump over it leads to. */
	unsigned int length = 0x202 + (h->jump >> 8) - HEADER_AT;

	*at = (uint64_t)((h->setup_sects ? h->setup_sects : 4) + 1) * SECTOR;
	if (h->version < PROTOCOL_LEAST)
		return error_set(err, -ENOEXEC, "%s: boot protocol %d.%02d; 2.12 is needed", name, h->version >> 8,
				 h->version & 0xff);
	if (length < offsetof(struct setup_header, init_size) + sizeof(h->init_size))
		return error_set(err, -ENOEXEC, "%s: a kernel's header of %u bytes", name, length);
	if (!(h->xloadflags & XLF_KERNEL_64) || !(h->loadflags & LOADED_HIGH))
		return error_set(err, -ENOEXEC, "%s: not a kernel for x86-64", name);
	if (*at >= size || !h->syssize || (uint64_t)h->syssize * 16 > size - *at)
		return error_set(err, -ENOEXEC, "%s: the file ends too early: it is cut off", name);
	if (!h->pref_address || h->pref_address % 4096 || !h->init_size)
		return error_set(err, -ENOEXEC, "%s: the header names no place to load it to", name);
	return 0;
}

static int load_bzimage(const struct memory *m, int fd, const char *name, struct image *out, struct error *err)
{
	struct setup_header h;
	uint64_t size = 0, at = 0, body, room;
	void *to;
	int ret = image_header(fd, name, &h, &size, err);

	if (ret == 0)
		ret = check_bzimage(name, &h, size, &at, err);
	if (ret < 0)
		return ret;
	/* What follows it (a signature) does no harm. */
	body = size - at;
	room = body > h.init_size ? body : h.init_size;
	ret = place(m, name, h.pref_address, room, &to, err);
	if (ret == 0)
		ret = image_read(fd, name, at, to, body, err);
	if (ret < 0)
		return ret;
	*out = (struct image){
	    .entry = h.pref_address + ENTRY_64,
	    .end = h.pref_address + room,
	    .initrd_end = (uint64_t)h.initrd_addr_max + 1,
	    .parameters_max = h.cmdline_size,
	    .header = h,
	};
	return 0;
}

static int check_elf(const char *name, const Elf64_Ehdr *e, struct error *err)
{
	if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB || e->e_machine != EM_X86_64 ||
	    (e->e_type != ET_EXEC && e->e_type != ET_DYN))
		return error_set(err, -ENOEXEC, "%s: an ELF file, but not a kernel for x86-64", name);
	if (e->e_phentsize != sizeof(Elf64_Phdr) || !e->e_phnum || e->e_phnum > SEGMENTS_MAX)
		return error_set(err, -ENOEXEC, "%s: an ELF file with %u segments of %u bytes is no kernel", name, e->e_phnum,
				 e->e_phentsize);
	return 0;
}

/* Into memory that is zero: what the file has holes for is there already. */
static int read_sparse(int fd, const char *name, uint64_t at, char *to, uint64_t len, struct error *err)
{
	uint64_t end = at + len, done = at;
	int ret = 0;

	while (ret == 0 && done < end) {
		off_t data = lseek(fd, (off_t)done, SEEK_DATA), hole;

		/* Nothing but a hole up to the file's end. */
		if (data < 0 && errno == ENXIO)
			return 0;
		if (data < 0 || (uint64_t)data < done)
			return image_read(fd, name, done, to + (done - at), end - done, err);
		if ((uint64_t)data >= end)
			return 0;
		hole = lseek(fd, data, SEEK_HOLE);
		done = hole > data && (uint64_t)hole < end ? (uint64_t)hole : end;
		ret = image_read(fd, name, (uint64_t)data, to + ((uint64_t)data - at), done - (uint64_t)data, err);
	}
	return ret;
}

struct half {
	int fd;
	const char *name;
	uint64_t at, len;
	char *to;
	int result;
	struct error error;
};

static void *read_half(void *data)
{
	struct half *h = data;

	h->result = read_sparse(h->fd, h->name, h->at, h->to, h->len, &h->error);
	return NULL;
}

/* To make the pages takes as long as to fill them, and two processors do both in half the time. */
static int read_segment(int fd, const char *name, uint64_t at, char *to, uint64_t len, struct error *err)
{
	uint64_t first = len / 2 & ~(HUGE_PAGE - 1);
	struct half h = {.fd = fd, .name = name, .at = at + first, .len = len - first, .to = to + first, .error = ERROR_NONE};
	pthread_t thread;
	int ret;

	if (len < WORTH_HALVING || pthread_create(&thread, NULL, read_half, &h) != 0)
		return read_sparse(fd, name, at, to, len, err);
	ret = read_sparse(fd, name, at, to, first, err);
	pthread_join(thread, NULL);
	if (ret == 0 && h.result < 0 && err)
		*err = h.error;
	return ret < 0 ? ret : h.result;
}

static int load_segment(const struct memory *m, int fd, const char *name, const Elf64_Phdr *p, uint64_t size,
			struct error *err)
{
	void *to;
	int ret;

	if (p->p_filesz > p->p_memsz)
		return error_set(err, -ENOEXEC, "%s: a segment is larger in the file than in memory", name);
	if (p->p_filesz > size || p->p_offset > size - p->p_filesz)
		return error_set(err, -ENOEXEC, "%s: the file ends too early: it is cut off", name);
	ret = place(m, name, p->p_paddr, p->p_memsz, &to, err);
	return ret < 0 ? ret : read_segment(fd, name, p->p_offset, to, p->p_filesz, err);
}

/* A header as a boot loader would have read it. */
static void make_header(struct setup_header *h)
{
	*h = (struct setup_header){
	    .boot_flag = 0xaa55,
	    .version = 0x020f,
	    .kernel_alignment = 0x1000000,
	    .loadflags = LOADED_HIGH,
	    .initrd_addr_max = 0x7fffffff,
	    .cmdline_size = PARAMETERS_MAX,
	};
	memcpy(&h->header, HEADER_MAGIC, 4);
}

/* What an ELF image is made of, and where. */
struct elf {
	Elf64_Ehdr head;
	Elf64_Phdr segments[SEGMENTS_MAX];
	uint64_t size;	   /* of the file */
	gpa_t start, end;  /* in memory */
	uint64_t file_end; /* of what the headers name */
	bool entered;	   /* the entry lies in a segment */
};

static int read_elf(int fd, const char *name, struct elf *e, struct error *err)
{
	int ret = check_elf(name, &e->head, err);

	if (ret == 0)
		ret = image_size(fd, name, &e->size, err);
	if (ret == 0 && e->head.e_phoff > e->size)
		return error_set(err, -ENOEXEC, "%s: the file ends too early: it is cut off", name);
	if (ret == 0)
		ret = image_read(fd, name, e->head.e_phoff, e->segments, e->head.e_phnum * sizeof(*e->segments), err);
	return ret;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static int load_segments(const struct memory *m, int fd, const char *name, struct elf *e, struct error *err)
{
	e->start = UINT64_MAX;
	for (size_t i = 0; i < e->head.e_phnum; i++) {
		const Elf64_Phdr *p = &e->segments[i];
		int ret = 0;

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		ret = load_segment(m, fd, name, p, e->size, err);
		if (ret < 0)
			return ret;
		e->entered = e->entered || (e->head.e_entry >= p->p_paddr && e->head.e_entry - p->p_paddr < p->p_filesz);
		e->start = p->p_paddr < e->start ? p->p_paddr : e->start;
		e->end = larger(e->end, p->p_paddr + p->p_memsz);
		e->file_end = larger(e->file_end, p->p_offset + p->p_filesz);
	}
	if (!e->entered)
		return error_set(err, -ENOEXEC, "%s: its entry 0x%llx lies in none of its segments", name,
				 (unsigned long long)e->head.e_entry);
	return 0;
}

/* The section headers are the last thing in it; what follows was put there for whoever loads it. 1 if it was moved. */
static int randomize_elf(const struct memory *m, int fd, const char *name, const struct elf *e, struct error *err)
{
	uint64_t sections = (uint64_t)e->head.e_shnum * e->head.e_shentsize, end = e->file_end, n;
	auto_free uint32_t *table = NULL;
	int ret;

	if (e->head.e_shoff > e->size || sections > e->size - e->head.e_shoff)
		return 0;
	end = larger(end, e->head.e_shoff + sections);
	n = (e->size - end) & ~UINT64_C(3);
	if (!n || n > RELOCATIONS_MAX)
		return 0;
	table = malloc(n);
	if (!table)
		return error_set(err, -ENOMEM, "%s: out of memory", name);
	ret = image_read(fd, name, e->size - n, table, n, err);
	if (ret == 0)
		ret = kaslr_apply(m, e->start, e->end, table, n, err);
	return ret < 0 ? error_wrap(err, "%s", name) : ret;
}

static int load_elf(const struct memory *m, int fd, const char *name, const Elf64_Ehdr *head, bool randomize, struct image *out,
		    struct error *err)
{
	struct elf e = {.head = *head};
	int ret = read_elf(fd, name, &e, err), moved = 0;

	if (ret == 0)
		ret = load_segments(m, fd, name, &e, err);
	if (ret == 0 && randomize)
		moved = randomize_elf(m, fd, name, &e, err);
	if (ret < 0 || moved < 0)
		return ret < 0 ? ret : moved;
	*out = (struct image){
	    .entry = e.head.e_entry,
	    .end = e.end,
	    .initrd_end = UINT64_C(0x80000000),
	    .parameters_max = PARAMETERS_MAX,
	};
	make_header(&out->header);
	if (moved)
		out->header.loadflags |= KASLR_FLAG; /* and the kernel chooses the rest of its addresses at random, too */
	return 0;
}

int image_load(const struct memory *m, int fd, const char *name, bool randomize, struct image *out, struct error *err)
{
	Elf64_Ehdr e;
	uint64_t size = 0;
	int ret = image_size(fd, name, &size, err);

	if (ret < 0)
		return ret;
	if (size < sizeof(e))
		return error_set(err, -ENOEXEC, "%s: no kernel: only %llu bytes", name, (unsigned long long)size);
	ret = image_read(fd, name, 0, &e, sizeof(e), err);
	if (ret < 0)
		return ret;
	if (!memcmp(e.e_ident, ELFMAG, SELFMAG))
		return load_elf(m, fd, name, &e, randomize, out, err);
	return load_bzimage(m, fd, name, out, err);
}
