/* block_io.c: linux.resources.blockIO. Weights belong to the BFQ scheduler or to io.cost, throttling to
 * neither. */
#include <stdio.h>
#include <string.h>

#include "base/table.h"
#include "cgroup/setting.h"

#define IO "linux.resources.blockIO."

static int check_weight(uint64_t weight, const char *place, struct error *err)
{
	if (weight >= 10 && weight <= 1000)
		return 0;
	return error_set(err, -EINVAL, "%s: %llu is not between 10 and 1000", place,
			 (unsigned long long)weight);
}

/* Which of the files there is: BFQ's takes the number as it is, io.weight wants v2's. */
static const char *weight_file(const struct cgroup *c, const struct folder *f, const char *const *files)
{
	for (; *files; files++)
		if (setting_exists(c, &(struct setting){NULL, "blkio", *files}) || (f->v2 && !files[1]))
			return *files;
	return files[-1];
}

static int set_weight(const struct cgroup *c, const struct folder *f, uint64_t weight, struct error *err)
{
	static const char *const v1[] = {"blkio.bfq.weight", "blkio.weight", NULL}, *const v2[] = {
											"io.bfq.weight",
											"io.weight", NULL};
	const struct setting at = {IO "weight", f->v2 ? "io" : "blkio", weight_file(c, f, f->v2 ? v2 : v1)};
	int ret = check_weight(weight, at.place, err);

	if (ret < 0)
		return ret;
	return setting_write(
	    c, &at, err, "%llu",
	    (unsigned long long)(strcmp(at.file, "io.weight") ? weight : convert_io_weight(weight)));
}

static int set_weight_device(const struct cgroup *c, const struct folder *f,
			     const struct oci_weight_device *d, const char *place, struct error *err)
{
	static const char *const v1[] = {"blkio.bfq.weight_device", "blkio.weight_device", NULL};
	static const char *const v2[] = {"io.bfq.weight", "io.weight", NULL};
	const struct setting at = {place, f->v2 ? "io" : "blkio", weight_file(c, f, f->v2 ? v2 : v1)};
	const struct setting leaf = {place, "blkio", "blkio.leaf_weight_device"};
	int ret = 0;

	if (d->weight.set && d->weight.v) {
		uint64_t weight = d->weight.v;

		ret = check_weight(weight, place, err);
		if (!ret)
			ret = setting_write(
			    c, &at, err, "%lld:%lld %llu", (long long)d->major.v, (long long)d->minor.v,
			    (unsigned long long)(strcmp(at.file, "io.weight") ? weight
									      : convert_io_weight(weight)));
	}
	if (ret < 0 || !d->leaf_weight.set || !d->leaf_weight.v)
		return ret;
	if (f->v2)
		return setting_refuse_v2(true, place, err);
	ret = check_weight(d->leaf_weight.v, place, err);
	return ret < 0 ? ret
		       : setting_write(c, &leaf, err, "%lld:%lld %llu", (long long)d->major.v,
				       (long long)d->minor.v, (unsigned long long)d->leaf_weight.v);
}

/* A rate of 0 is v1's way to say "without limit". */
static int set_throttle(const struct cgroup *c, const struct folder *f,
			const struct oci_throttle_device_list *list, const char *what, const char *v1_file,
			const char *v2_key, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < list->n && !ret; i++) {
		const struct oci_throttle_device *d = &list->v[i];
		char place[96];
		const struct setting at = {place, f->v2 ? "io" : "blkio", f->v2 ? "io.max" : v1_file};

		snprintf(place, sizeof(place), IO "%s[%zu]", what, i);
		if (!f->v2)
			ret = setting_write(c, &at, err, "%lld:%lld %llu", (long long)d->major.v,
					    (long long)d->minor.v, (unsigned long long)d->rate.v);
		else if (d->rate.v)
			ret = setting_write(c, &at, err, "%lld:%lld %s=%llu", (long long)d->major.v,
					    (long long)d->minor.v, v2_key, (unsigned long long)d->rate.v);
		else
			ret = setting_write(c, &at, err, "%lld:%lld %s=max", (long long)d->major.v,
					    (long long)d->minor.v, v2_key);
	}
	return ret;
}

int block_io_apply(const struct cgroup *c, const struct oci_block_io *io, struct error *err)
{
	const struct {
		const struct oci_throttle_device_list *list;
		const char *what, *v1_file, *v2_key;
	} throttles[] = {
	    {&io->read_bps,   "throttleReadBpsDevice",   "blkio.throttle.read_bps_device",   "rbps" },
	    {&io->write_bps,  "throttleWriteBpsDevice",  "blkio.throttle.write_bps_device",  "wbps" },
	    {&io->read_iops,  "throttleReadIOPSDevice",  "blkio.throttle.read_iops_device",  "riops"},
	    {&io->write_iops, "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"},
	};
	bool weight = io->weight.set && io->weight.v, leaf = io->leaf_weight.set && io->leaf_weight.v,
	     any = weight || leaf;
	const struct folder *f = cgroup_folder_for(c, "blkio");
	int ret = 0;

	for (size_t i = 0; i < ARRAY_LEN(throttles); i++)
		any = any || throttles[i].list->n;
	if (!any && !io->weight_device.n)
		return 0;
	if (!f)
		return error_set(err, -ENOTSUP, IO "weight: no blkio or io controller on this host");
	if (weight)
		ret = set_weight(c, f, io->weight.v, err);
	if (!ret && leaf && f->v2)
		ret = setting_refuse_v2(true, IO "leafWeight", err);
	else if (!ret && leaf)
		ret = setting_write(c, &(struct setting){IO "leafWeight", "blkio", "blkio.leaf_weight"}, err,
				    "%llu", (unsigned long long)io->leaf_weight.v);
	for (size_t i = 0; i < io->weight_device.n && !ret; i++) {
		char place[64];

		snprintf(place, sizeof(place), IO "weightDevice[%zu]", i);
		ret = set_weight_device(c, f, &io->weight_device.v[i], place, err);
	}
	for (size_t i = 0; i < ARRAY_LEN(throttles) && !ret; i++)
		ret = set_throttle(c, f, throttles[i].list, throttles[i].what, throttles[i].v1_file,
				   throttles[i].v2_key, err);
	return ret;
}
