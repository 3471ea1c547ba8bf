/* setting.c: the one place where limits are written. */
#include "cgroup/setting.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"

static const struct folder *v1_folder(const struct cgroup *c, const char *controller)
{
	for (size_t i = 0; i < c->n; i++)
		if (!c->folders[i].v2 && controllers_include(c->folders[i].controllers, controller))
			return &c->folders[i];
	return NULL;
}

static int no_controller(const struct cgroup *c, const char *controller, const char *place, struct error *err)
{
	if (c->denied)
		return error_set(err, -EACCES, "%s: no permission for the %s controller", place, controller);
	return error_set(err, -ENOTSUP, "%s: no %s controller on this host", place, controller);
}

/* A v2 folder always is where a controller could be: whether it really is only its list says. */
static bool v2_has(const struct folder *f, const char *controller)
{
	char list[512];

	if (folder_read(f, "cgroup.controllers", list, sizeof(list)) < 0)
		return true;
	for (char *p = list; *p; p++)
		if (*p == ' ')
			*p = ',';
	return controllers_include(list, controller);
}

const struct folder *setting_folder(const struct cgroup *c, const char *controller, const char *place,
				    struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, controller);

	if (f && (!f->v2 || v2_has(f, controller)))
		return f;
	no_controller(c, controller, place, err);
	return NULL;
}

bool setting_exists(const struct cgroup *c, const struct setting *s)
{
	const struct folder *f = cgroup_folder_for(c, s->controller);
	auto_close int fd = f ? folder_open(f, s->file, O_PATH) : -EBADF;

	return fd >= 0;
}

int setting_write_in(const struct folder *f, const struct setting *s, struct error *err, const char *value)
{
	int ret = folder_write(f, s->file, value);

	if (ret == -ENOENT && f->v2)
		return error_set(
		    err, ret,
		    "%s: no file %s in %s: the controller is not enabled there, or the kernel lacks it",
		    s->place, s->file, f->dir);
	if (ret == -ENOENT)
		return error_set(err, ret, "%s: no file %s in %s: the kernel lacks it", s->place, s->file,
				 f->dir);
	return ret < 0 ? error_set(err, ret, "%s: write \"%.100s\" to %s/%s: %s", s->place, value, f->dir,
				   s->file, strerror(-ret))
		       : 0;
}

static int write_there(const struct cgroup *c, const struct folder *f, const struct setting *s,
		       struct error *err, const char *fmt, va_list args)
{
	auto_free char *value = NULL;
	int ret;

	if (!f)
		return no_controller(c, s->controller, s->place, err);
	if (vasprintf(&value, fmt, args) < 0) {
		value = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	ret = setting_write_in(f, s, err, value);
	if (ret == -ENOENT && f->v2 && !v2_has(f, s->controller))
		return no_controller(c, s->controller, s->place, err);
	return ret;
}

int setting_write(const struct cgroup *c, const struct setting *s, struct error *err, const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = write_there(c, cgroup_folder_for(c, s->controller), s, err, fmt, args);
	va_end(args);
	return ret;
}

int setting_write_v1(const struct cgroup *c, const struct setting *s, struct error *err, const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = write_there(c, v1_folder(c, s->controller), s, err, fmt, args);
	va_end(args);
	return ret;
}

int setting_refuse_v2(bool asked, const char *place, struct error *err)
{
	return asked ? error_set(err, -ENOTSUP, "%s: cgroup v2 has no such setting", place) : 0;
}
