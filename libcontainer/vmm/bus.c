/* bus.c: see bus.h. */
#include "vmm/bus.h"

#include <string.h>

int bus_add(struct bus *b, uint64_t start, uint64_t size, const struct bus_ops *ops, void *data, struct error *err)
{
	if (!size || start + size < start)
		return error_set(err, -EINVAL, "bus: %llu bytes at 0x%llx are no range", (unsigned long long)size,
				 (unsigned long long)start);
	for (size_t i = 0; i < b->n; i++)
		if (start < b->ranges[i].start + b->ranges[i].size && b->ranges[i].start < start + size)
			return error_set(err, -EEXIST, "bus: 0x%llx is taken", (unsigned long long)start);
	if (b->n == BUS_RANGES_MAX)
		return error_set(err, -ENOSPC, "bus: more than %d ranges", BUS_RANGES_MAX);
	b->ranges[b->n++] = (struct bus_range){start, size, ops, data};
	return 0;
}

static const struct bus_range *find(const struct bus *b, uint64_t at, uint32_t len)
{
	if (!len || len > 8)
		return NULL;
	for (size_t i = 0; i < b->n; i++) {
		const struct bus_range *r = &b->ranges[i];

		if (at >= r->start && at - r->start < r->size)
			return len <= r->size - (at - r->start) ? r : NULL;
	}
	return NULL;
}

void bus_read(const struct bus *b, uint64_t at, void *to, uint32_t len)
{
	const struct bus_range *r = find(b, at, len);

	if (r && r->ops->read)
		r->ops->read(r->data, (uint32_t)(at - r->start), to, len);
	else
		memset(to, 0xff, len);
}

void bus_write(const struct bus *b, uint64_t at, const void *from, uint32_t len)
{
	const struct bus_range *r = find(b, at, len);

	if (r && r->ops->write)
		r->ops->write(r->data, (uint32_t)(at - r->start), from, len);
}
