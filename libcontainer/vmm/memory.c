/* memory.c: see memory.h. */
#include "vmm/memory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/x86_64/layout.h"

#define HUGE_PAGE (UINT64_C(2) << 20)
#define SIZE_MAX_BYTES (UINT64_C(1) << 44)

struct memory {
	uint64_t size;
	struct memory_region regions[2];
	size_t n;
	/* What is mapped: the memory with room to align it, and a page without access on either side. */
	void *mapping;
	size_t mapped;
};

static bool whole_pages(uint64_t n)
{
	return n % (uint64_t)sysconf(_SC_PAGESIZE) == 0;
}

/* Huge pages need host and guest addresses that agree below 2 MiB. */
static int map(struct memory *m, struct error *err)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uintptr_t start;

	m->mapped = m->size + HUGE_PAGE + 2 * page;
	m->mapping = mmap(NULL, m->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->mapping == MAP_FAILED)
		return error_errno(err, "map %llu MiB for the guest", (unsigned long long)(m->size >> 20));
	start = ((uintptr_t)m->mapping + page + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
	m->regions[0].host = (unsigned char *)start;
	if (mprotect(m->regions[0].host, m->size, PROT_READ | PROT_WRITE) < 0)
		return error_errno(err, "map %llu MiB for the guest", (unsigned long long)(m->size >> 20));
	/* Advice, each: kernels without huge pages refuse. No child gets to see the guest, nor does a core file. */
	madvise(m->regions[0].host, m->size, MADV_HUGEPAGE);
	madvise(m->regions[0].host, m->size, MADV_DONTFORK);
	madvise(m->regions[0].host, m->size, MADV_DONTDUMP);
	return 0;
}

int memory_new(uint64_t size, struct memory **out, struct error *err)
{
	struct memory *m;
	uint64_t low = size < LAYOUT_HOLE ? size : LAYOUT_HOLE;
	int ret;

	if (!size || !whole_pages(size) || size > SIZE_MAX_BYTES)
		return error_set(err, -EINVAL, "%llu bytes cannot be a guest's memory", (unsigned long long)size);
	m = calloc(1, sizeof(*m));
	if (!m)
		return error_set(err, -ENOMEM, "make the guest's memory: out of memory");
	m->size = size;
	m->mapping = MAP_FAILED;
	ret = map(m, err);
	if (ret < 0) {
		memory_free(m);
		return ret;
	}
	m->n = size > low ? 2 : 1;
	m->regions[0].at = 0;
	m->regions[0].size = low;
	if (m->n == 2)
		m->regions[1] = (struct memory_region){LAYOUT_HOLE_END, size - low, m->regions[0].host + low};
	*out = m;
	return 0;
}

void memory_free(struct memory *m)
{
	if (!m)
		return;
	if (m->mapping != MAP_FAILED)
		munmap(m->mapping, m->mapped);
	free(m);
}

uint64_t memory_size(const struct memory *m)
{
	return m->size;
}

const struct memory_region *memory_regions(const struct memory *m, size_t *n)
{
	*n = m->n;
	return m->regions;
}

void *memory_at(const struct memory *m, gpa_t at, uint64_t len)
{
	if (!len)
		return NULL;
	for (size_t i = 0; i < m->n; i++) {
		const struct memory_region *r = &m->regions[i];

		if (at >= r->at && at - r->at < r->size)
			return len <= r->size - (at - r->at) ? r->host + (at - r->at) : NULL;
	}
	return NULL;
}

int memory_give_back(struct memory *m, gpa_t at, uint64_t len)
{
	void *host = memory_at(m, at, len);

	if (!whole_pages(at) || !whole_pages(len))
		return -EINVAL;
	if (!host)
		return -EFAULT;
	return madvise(host, len, MADV_DONTNEED) < 0 ? -errno : 0;
}
