/* saved.c: a cgroup as one line of JSON in the state, through a table of the oci-spec room. */
#include <string.h>

#include "base/auto.h"
#include "base/table.h"
#include "cgroup/inner.h"
#include "oci-spec/schema.h"

struct saved_folder {
	char *controllers, *mount, *path;
	struct opt_uint made;
	bool v2;
};

/* What all folders have in common, as they mostly do, stands once. */
struct saved {
	int driver, layout;
	char *path;
	struct opt_uint made;
	ARRAY_OF(struct saved_folder) folders;
	char *unit;
	bool user_bus, denied;
};

static const char *const layout_names[] = {"none", "v2", "hybrid", "v1", NULL};

#define FOLDER(json, kind_, m)                                                                               \
	{                                                                                                    \
		.name = json, .kind = kind_, .at = offsetof(struct saved_folder, m)                          \
	}
static const struct field folder_fields[] = {
    FOLDER("controllers", FIELD_STRING, controllers),
    FOLDER("mount", FIELD_STRING, mount),
    FOLDER("path", FIELD_STRING, path),
    FOLDER("made", FIELD_UINT, made),
    FOLDER("v2", FIELD_BOOL, v2),
};
static const struct schema folder_schema = {"cgroup", sizeof(struct saved_folder), folder_fields,
					    ARRAY_LEN(folder_fields)};

#define SAVED(json, kind_, m, ...)                                                                           \
	{                                                                                                    \
		.name = json, .kind = kind_, .at = offsetof(struct saved, m), __VA_ARGS__                    \
	}
static const struct field saved_fields[] = {
    SAVED("driver", FIELD_ENUM, driver, .required = true, .names = cgroup_driver_names),
    SAVED("layout", FIELD_ENUM, layout, .required = true, .names = layout_names),
    SAVED("path", FIELD_STRING, path),
    SAVED("made", FIELD_UINT, made),
    SAVED("folders", FIELD_OBJECTS, folders, .of = &folder_schema),
    SAVED("unit", FIELD_STRING, unit),
    SAVED("userBus", FIELD_BOOL, user_bus),
    SAVED("denied", FIELD_BOOL, denied),
};
static const struct schema saved_schema = {"cgroup", sizeof(struct saved), saved_fields,
					   ARRAY_LEN(saved_fields)};

int cgroup_save(const struct cgroup *c, char **text, struct error *err)
{
	auto_free struct saved_folder *folders = calloc(c->n + 1, sizeof(*folders));
	struct saved s = {
	    .driver = (int)c->driver,
	    .layout = (int)c->layout,
	    .folders = {folders, c->n},
	    .unit = c->unit,
	    .user_bus = c->user_bus,
	    .denied = c->denied,
	};

	if (!folders)
		return error_set(err, -ENOMEM, "out of memory");
	if (c->n) {
		s.path = c->folders[0].path;
		s.made = (struct opt_uint){true, c->folders[0].made};
	}
	for (size_t i = 0; i < c->n; i++) {
		const struct folder *f = &c->folders[i];

		folders[i] = (struct saved_folder){f->controllers, f->mount, .v2 = f->v2};
		if (strcmp(f->path, s.path))
			folders[i].path = f->path;
		if (f->made != s.made.v)
			folders[i].made = (struct opt_uint){true, f->made};
	}
	return schema_print(&saved_schema, &s, text, err);
}

static int load_folder(const struct saved *s, const struct saved_folder *from, struct folder *to,
		       struct error *err)
{
	const char *path = from->path ? from->path : s->path;
	struct opt_uint made = from->made.set ? from->made : s->made;
	struct error why = ERROR_NONE;
	int ret;

	if (!from->mount || *from->mount != '/' || !path || *path != '/')
		return error_set(err, -EINVAL, "cgroup: a folder without mount or path");
	ret = strcmp(path, "/") ? folder_check_path(path, &why) : 0;
	if (ret < 0)
		return error_set(err, ret, "%s", why.msg);
	ret = folder_set(to, from->controllers ? from->controllers : "", from->mount, path, from->v2, err);
	if (ret < 0)
		return ret;
	/* Never more than there are components: the rest is a mount point. */
	for (const char *p = path; *p; p++)
		to->made += *p == '/' && p[1];
	if (!made.set || made.v < to->made)
		to->made = made.set ? (unsigned)made.v : 0;
	return 0;
}

int cgroup_load(const char *text, struct cgroup **out, struct error *err)
{
	struct cgroup *c;
	struct saved *s;
	void *parsed;
	int ret = schema_parse(&saved_schema, text, strlen(text), &parsed, err);

	if (ret < 0)
		return ret;
	s = parsed;
	ret = cgroup_new((enum cgroup_driver)s->driver, &c, err);
	if (ret < 0) {
		schema_free(&saved_schema, s);
		return ret;
	}
	c->layout = (enum cgroup_layout)s->layout;
	c->user_bus = s->user_bus;
	c->denied = s->denied;
	c->unit = TAKE_PTR(s->unit);
	c->folders = calloc(s->folders.n + 1, sizeof(*c->folders));
	if (!c->folders)
		ret = error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < s->folders.n && !ret; i++) {
		ret = load_folder(s, &s->folders.v[i], &c->folders[i], err);
		c->n += !ret;
	}
	schema_free(&saved_schema, s);
	if (ret < 0)
		cgroup_free(c);
	else
		*out = c;
	return ret;
}
