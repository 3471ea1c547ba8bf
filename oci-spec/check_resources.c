/* check_resources.c: the checks of linux.resources. What a controller makes of a number is left to the room
 * cgroup. */
#include <stdio.h>
#include <string.h>

#include "base/table.h"
#include "oci-spec/check_inner.h"

#define HUGEPAGES_MAX 64 /* no machine has that many sizes; they are compared pair by pair */

static int check_rules(const struct check *c, const struct oci_resources *r)
{
	static const char *const types[] = {"a", "b", "c", NULL};
	int ret;

	for (size_t i = 0; i < r->devices.n; i++) {
		const struct oci_device_rule *d = &r->devices.v[i];

		ret = d->type && *d->type
			  ? check_word(c, types, d->type, "linux.resources.devices[%zu].type", i)
			  : 0;
		if (ret < 0)
			return ret;
		if (d->access && strspn(d->access, "rwm") != strlen(d->access))
			return check_fail(
			    c, "linux.resources.devices[%zu].access: %s has letters other than r, w and m", i,
			    quote(d->access).text);
		if (d->major.v < -1 || d->minor.v < -1)
			return check_fail(c, "linux.resources.devices[%zu].%s: %lld is no device number", i,
					  d->major.v < -1 ? "major" : "minor",
					  (long long)(d->major.v < -1 ? d->major.v : d->minor.v));
	}
	return 0;
}

/* ^[1-9][0-9]*[KMG]B$ */
static bool is_page_size(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n && *s != '0' && s[n] && strchr("KMG", s[n]) && !strcmp(s + n + 1, "B");
}

static int check_hugepages(const struct check *c, const struct oci_resources *r)
{
	if (r->hugepage_limits.n > HUGEPAGES_MAX)
		return check_fail(c, "linux.resources.hugepageLimits: more than %d entries", HUGEPAGES_MAX);
	for (size_t i = 0; i < r->hugepage_limits.n; i++) {
		const char *size = r->hugepage_limits.v[i].page_size;

		if (!is_page_size(size))
			return check_fail(
			    c, "linux.resources.hugepageLimits[%zu].pageSize: %s is no size such as \"2MB\"",
			    i, quote(size).text);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(r->hugepage_limits.v[k].page_size, size))
				return check_fail(
				    c, "linux.resources.hugepageLimits[%zu].pageSize: %s stands there twice",
				    i, quote(size).text);
	}
	return 0;
}

static int check_weight(const struct check *c, struct opt_uint w, const char *place, ...) PRINTF_LIKE(3, 4);

/* 0 is what engines write for "not set". */
static int check_weight(const struct check *c, struct opt_uint w, const char *place, ...)
{
	va_list ap;
	int ret = 0;

	va_start(ap, place);
	if (w.set && w.v && (w.v < 10 || w.v > 1000))
		ret = check_fail(c, "%s: %llu is out of range (10 to 1000)", check_place(place, ap).text,
				 (unsigned long long)w.v);
	va_end(ap);
	return ret;
}

static int check_numbers(const struct check *c, const char *place, size_t i, struct opt_int major,
			 struct opt_int minor)
{
	if (major.v < 0 || minor.v < 0)
		return check_fail(c, "%s[%zu].%s: %lld is no device number", place, i,
				  major.v < 0 ? "major" : "minor",
				  (long long)(major.v < 0 ? major.v : minor.v));
	return 0;
}

static int check_throttle(const struct check *c, const char *place,
			  const struct oci_throttle_device_list *list)
{
	int ret = 0;

	for (size_t i = 0; i < list->n && ret == 0; i++)
		ret = check_numbers(c, place, i, list->v[i].major, list->v[i].minor);
	return ret;
}

static int check_block_io(const struct check *c, const struct oci_resources *r)
{
	const struct oci_block_io *b = r->block_io;
	int ret;

	if (!b)
		return 0;
	ret = check_weight(c, b->weight, "linux.resources.blockIO.weight");
	if (ret == 0)
		ret = check_weight(c, b->leaf_weight, "linux.resources.blockIO.leafWeight");
	for (size_t i = 0; i < b->weight_device.n && ret == 0; i++) {
		static const char place[] = "linux.resources.blockIO.weightDevice";
		const struct oci_weight_device *d = &b->weight_device.v[i];

		ret = check_numbers(c, place, i, d->major, d->minor);
		if (ret == 0 && !d->weight.set && !d->leaf_weight.set)
			ret = check_fail(c, "%s[%zu]: neither weight nor leafWeight is there", place, i);
		if (ret == 0)
			ret = check_weight(c, d->weight, "%s[%zu].weight", place, i);
		if (ret == 0)
			ret = check_weight(c, d->leaf_weight, "%s[%zu].leafWeight", place, i);
	}
	if (ret == 0)
		ret = check_throttle(c, "linux.resources.blockIO.throttleReadBpsDevice", &b->read_bps);
	if (ret == 0)
		ret = check_throttle(c, "linux.resources.blockIO.throttleWriteBpsDevice", &b->write_bps);
	if (ret == 0)
		ret = check_throttle(c, "linux.resources.blockIO.throttleReadIOPSDevice", &b->read_iops);
	if (ret == 0)
		ret = check_throttle(c, "linux.resources.blockIO.throttleWriteIOPSDevice", &b->write_iops);
	return ret;
}

static int check_cpu(const struct check *c, const struct oci_resources *r)
{
	int ret = 0;

	if (r->cpu && r->cpu->cpus)
		ret = check_list(c, r->cpu->cpus, "linux.resources.cpu.cpus");
	if (ret == 0 && r->cpu && r->cpu->mems)
		ret = check_list(c, r->cpu->mems, "linux.resources.cpu.mems");
	return ret;
}

static int check_rdma(const struct check *c, const struct oci_resources *r)
{
	for (size_t i = 0; i < r->rdma.n; i++) {
		const struct oci_rdma *d = &r->rdma.v[i];

		if (!d->hca_handles.set && !d->hca_objects.set)
			return check_fail(
			    c, "linux.resources.rdma[%s]: neither hcaHandles nor hcaObjects is there",
			    quote(d->key).text);
	}
	return 0;
}

/* A key is the name of one file in the container's cgroup: nothing that could lead out of it. */
static int check_unified(const struct check *c, const struct oci_resources *r)
{
	for (size_t i = 0; i < r->unified.n; i++) {
		const char *key = r->unified.v[i].key;

		if (!*key || strpbrk(key, "/\n") || strstr(key, ".."))
			return check_fail(c, "linux.resources.unified: %s is not the name of a cgroup's file",
					  quote(key).text);
	}
	return 0;
}

/* clang-format off */
static const struct {
	const char *name;
	int (*fn)(const struct check *c, const struct oci_resources *r);
} rows[] = {
	{ "devices", check_rules },
	{ "hugepageLimits", check_hugepages },
	{ "blockIO", check_block_io },
	{ "cpu", check_cpu },
	{ "rdma", check_rdma },
	{ "unified", check_unified },
};
/* clang-format on */

int check_resources(const struct check *c, const struct oci_resources *r)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows) && ret == 0; i++)
		ret = rows[i].fn(c, r);
	return ret;
}
