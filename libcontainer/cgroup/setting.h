/* setting.h: one value into one file of one controller, with an error that names the place in the document,
 * the file and the value. */
#ifndef CGROUP_SETTING_H
#define CGROUP_SETTING_H

#include "base/str.h"
#include "cgroup/convert.h"
#include "cgroup/inner.h"

struct setting {
	const char *place;	/* "linux.resources.memory.limit" */
	const char *controller; /* "memory" */
	const char *file;	/* "memory.max" */
};

/* The folder whose files rule over this controller; NULL and an error naming `place` where the host has none.
 */
const struct folder *setting_folder(const struct cgroup *c, const char *controller, const char *place,
				    struct error *err);

int setting_write(const struct cgroup *c, const struct setting *s, struct error *err, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* For what v2 has no controller for. */
int setting_write_v1(const struct cgroup *c, const struct setting *s, struct error *err, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
int setting_write_in(const struct folder *f, const struct setting *s, struct error *err, const char *value);
bool setting_exists(const struct cgroup *c, const struct setting *s);

/* 0 unless asked for; else -ENOTSUP: "…: cgroup v2 has no such setting". */
int setting_refuse_v2(bool asked, const char *place, struct error *err);

/* block_io.c */
int block_io_apply(const struct cgroup *c, const struct oci_block_io *io, struct error *err);

/* asked.c: the first thing in it that is really asked for, or NULL. */
const char *limits_first_memory(const struct oci_memory *memory);
const char *limits_first_cpu(const struct oci_cpu *cpu);

#endif
