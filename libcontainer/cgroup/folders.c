/* folders.c: a cgroup as its folders, one in each of the host's hierarchies: which there are, made and removed together, found by controller. */
#include <stdlib.h>

#include "base/auto.h"
#include "base/table.h"
#include "cgroup/hierarchy.h"
#include "cgroup/inner.h"

int cgroup_new(enum cgroup_driver driver, struct cgroup **out, struct error *err)
{
	struct cgroup *c = calloc(1, sizeof(*c));

	if (!c)
		return error_set(err, -ENOMEM, "out of memory");
	c->driver = driver;
	c->clone_fd = -EBADF;
	*out = c;
	return 0;
}

void cgroup_drop_folders(struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		folder_free(&c->folders[i]);
	free(c->folders);
	c->folders = NULL;
	c->n = 0;
}

const struct folder *cgroup_v2_folder(const struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->folders[i].v2)
			return &c->folders[i];
	return NULL;
}

const struct folder *cgroup_folder_for(const struct cgroup *c, const char *controller)
{
	for (size_t i = 0; i < c->n; i++)
		if (controllers_include(c->folders[i].controllers, controller))
			return &c->folders[i];
	return cgroup_v2_folder(c);
}

/* Programs that know only v1 move processes there and nowhere else: on a hybrid host its lists are the fuller
 * ones. */
const struct folder *cgroup_listing_folder(const struct cgroup *c)
{
	static const char *const order[] = {"pids", "freezer", "name=systemd"};

	for (size_t o = 0; o < ARRAY_LEN(order); o++)
		for (size_t i = 0; i < c->n; i++)
			if (controllers_include(c->folders[i].controllers, order[o]))
				return &c->folders[i];
	return c->n ? &c->folders[0] : NULL;
}

int cgroup_add_folders(struct cgroup *c, const char *path, struct error *err)
{
	const struct hierarchies *host;
	int ret = hierarchies_host(&host, err);

	if (ret < 0)
		return ret;
	/* Who asked before there were any was told of none. */
	free(TAKE_PTR(c->hierarchies));
	c->layout = host->layout;
	c->folders = calloc(host->n + 1, sizeof(*c->folders));
	if (!c->folders)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < host->n && !ret; i++) {
		const struct hierarchy *h = &host->v[i];

		ret = folder_set(&c->folders[c->n], h->controllers, h->mount, path, h->v2, err);
		c->n += !ret;
	}
	return ret;
}

void cgroup_remove_folders(struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		folder_remove(&c->folders[i], NULL);
}

static bool is_denied(int code)
{
	return code == -EACCES || code == -EPERM || code == -EROFS;
}

int cgroup_make_folders(struct cgroup *c, bool rootless, struct error *err)
{
	struct error why = ERROR_NONE;
	size_t kept = 0;
	int ret = 0;

	for (size_t i = 0; i < c->n; i++) {
		ret = folder_make(&c->folders[i], &why);
		if (ret < 0 && !(rootless && is_denied(ret)))
			break;
		if (ret < 0)
			folder_free(&c->folders[i]);
		else if (kept++ != i)
			c->folders[kept - 1] = c->folders[i], c->folders[i] = (struct folder){0};
		ret = 0;
	}
	if (ret < 0) {
		for (size_t i = 0; i < kept; i++)
			folder_remove(&c->folders[i], NULL);
		if (err)
			*err = why;
		return ret;
	}
	c->denied = kept < c->n;
	c->n = kept;
	return 0;
}
