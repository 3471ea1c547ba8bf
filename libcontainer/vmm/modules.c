/* modules.c: see modules.h. */
#include "vmm/modules.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/table.h"
#include "vmm/modinfo.h"

enum { DEPTH_MAX = 16, INDEX_MAX = 16 << 20 };

/* What a guest may need, where the kernel's tree keeps it, and what it depends on where nobody else says so. Wanted ones are loaded; the others
 * only as something that one of those depends on. */
static const struct known {
	const char *name, *folder;
	const char *depends[4];
	bool wanted, required;
} known[] = {
	{ "virtio_ring",                      "drivers/virtio",           { "virtio" },                                      false, true  },
	{ "virtio",                           "drivers/virtio",           { NULL },                                          false, true  },
	{ "virtio_mmio",                      "drivers/virtio",           { "virtio", "virtio_ring" },                       true,  true  },
	{ "vsock",                            "net/vmw_vsock",            { NULL },                                          false, true  },
	{ "vmw_vsock_virtio_transport_common", "net/vmw_vsock",           { "vsock" },                                       false, true  },
	{ "vmw_vsock_virtio_transport",       "net/vmw_vsock",            { "vmw_vsock_virtio_transport_common", "virtio" }, true,  true  },
	{ "fuse",                             "fs/fuse",                  { NULL },                                          false, true  },
	{ "virtiofs",                         "fs/fuse",                  { "fuse", "virtio", "virtio_ring" },               true,  true  },
	{ "failover",                         "net/core",                 { NULL },                                          false, true  },
	{ "net_failover",                     "drivers/net",              { "failover" },                                    false, true  },
	{ "virtio_net",                       "drivers/net",              { "net_failover", "virtio", "virtio_ring" },       true,  true  },
	{ "virtio_balloon",                   "drivers/virtio",           { "virtio", "virtio_ring" },                       true,  true  },
	{ "rng_core",                         "drivers/char/hw_random",   { NULL },                                          false, true  },
	{ "virtio_rng",                       "drivers/char/hw_random",   { "rng_core", "virtio", "virtio_ring" },           true,  true  },
	{ "virtio_blk",                       "drivers/block",            { "virtio", "virtio_ring" },                       true,  false },
	{ "overlay",                          "fs/overlayfs",             { NULL },                                          true,  false },
};

/* The kernel inflates all but the first by itself, where it says .modules are compressed so. */
static const char *const suffixes[] = { ".ko", ".ko.xz", ".ko.zst", ".ko.gz" };

struct module {
	char *path; /* on the host */
	const char *file; /* its last part */
};

struct modules {
	struct module *v;
	size_t n;
	char *order;
};

struct finder {
	struct modules *found;
	char *folder; /* of the release */
	char *dep, *builtin; /* the files' texts, or NULL */
};

size_t modules_count(const struct modules *m)
{
	return m->n;
}

const char *modules_file(const struct modules *m, size_t i)
{
	return m->v[i].file;
}

const char *modules_path(const struct modules *m, size_t i)
{
	return m->v[i].path;
}

void modules_free(struct modules *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].path);
	free(m->v);
	free(m->order);
	free(m);
}

/* "kernel/fs/fuse/virtiofs.ko.xz" is a file of `name`; "virtio-rng" and "virtio_rng" are one. n: bytes of path. */
static bool is_file_of(const char *path, size_t n, const char *name)
{
	const char *slash = memrchr(path, '/', n), *base = slash ? slash + 1 : path;
	size_t left = n - (size_t)(base - path), i;

	for (i = 0; name[i]; i++)
		if (i == left || (base[i] == '-' ? '_' : base[i]) != (name[i] == '-' ? '_' : name[i]))
			return false;
	return left - i >= 3 && !memcmp(base + i, ".ko", 3) && (left - i == 3 || base[i + 3] == '.');
}

static const struct known *know(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].name, name))
			return &known[i];
	return NULL;
}

/* The line of modules.dep or modules.builtin that begins with a file of `name`, and how long that path is; NULL: there is none. */
static const char *find_line(const char *text, const char *name, size_t *path)
{
	for (const char *line = text; line && *line;) {
		size_t n = strcspn(line, ":\n");

		if (is_file_of(line, n, name)) {
			*path = n;
			return line;
		}
		line = strchr(line + n, '\n');
		line = line ? line + 1 : NULL;
	}
	return NULL;
}

static bool has(const struct modules *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (is_file_of(m->v[i].file, strlen(m->v[i].file), name))
			return true;
	return false;
}

static int append(struct modules *m, char **path, struct error *err)
{
	struct module *more = reallocarray(m->v, m->n + 1, sizeof(*m->v));

	if (!more)
		return error_set(err, -ENOMEM, "out of memory");
	m->v = more;
	more[m->n].file = strrchr(*path, '/') + 1;
	more[m->n++].path = TAKE_PTR(*path);
	return 0;
}

static int missing(const struct finder *f, const char *name, struct error *err)
{
	return error_set(err, -ENOENT, "the guest's kernel needs the module \"%s\", which is neither built in nor in %s", name, f->folder);
}

static int add(struct finder *f, const char *name, int depth, struct error *err);

/* Without modules.dep: where it must be, in one of the ways to store it. */
static int search(const struct finder *f, const char *name, char **path, struct error *err)
{
	const struct known *k = know(name);
	char dashed[64];
	size_t n = strlen(name);

	if (!k || n >= sizeof(dashed))
		return missing(f, name, err);
	for (size_t i = 0; i <= n; i++)
		dashed[i] = name[i] == '_' ? '-' : name[i];
	for (size_t i = 0; i < 2 * ARRAY_LEN(suffixes); i++) {
		char *at = str_printf("%s/kernel/%s/%s%s", f->folder, k->folder, i % 2 ? dashed : name, suffixes[i / 2]);

		if (!at)
			return error_set(err, -ENOMEM, "out of memory");
		if (access(at, F_OK) == 0) {
			*path = at;
			return 0;
		}
		free(at);
	}
	return missing(f, name, err);
}

static int ask_module(const char *path, struct strv *depends, struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *at;
	int ret;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open %s", path);
	at = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	if (at == MAP_FAILED)
		return error_set(err, -ENOEXEC, "%s: not a kernel module", path);
	ret = modinfo_depends(at, (size_t)st.st_size, depends, err);
	munmap(at, (size_t)st.st_size);
	return ret < 0 ? error_wrap(err, "%s", path), ret : 0;
}

static int add_found(struct finder *f, const char *name, char **path, int depth, struct error *err)
{
	struct strv __attribute__((cleanup(strv_free))) depends = { 0 };
	const struct known *k = know(name);
	int ret = 0;

	if (str_ends(*path, ".ko"))
		ret = ask_module(*path, &depends, err);
	else
		for (size_t i = 0; ret == 0 && k && i < ARRAY_LEN(k->depends) && k->depends[i]; i++)
			ret = strv_add(&depends, k->depends[i], err);
	for (size_t i = 0; ret == 0 && i < depends.n; i++)
		ret = add(f, depends.v[i], depth + 1, err);
	return ret < 0 ? ret : append(f->found, path, err);
}

/* "a.ko: b.ko c.ko": c is to be loaded first. Of n bytes. */
static int add_line(struct finder *f, const char *line, size_t n, size_t path_len, int depth, struct error *err)
{
	auto_free char *path = str_printf("%s/%.*s", f->folder, (int)path_len, line);
	size_t end = n;
	int ret = 0;

	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	while (ret == 0 && end > path_len + 1) {
		size_t from = end;
		const char *base, *dot;
		auto_free char *name = NULL;

		while (from > path_len + 1 && line[from - 1] != ' ')
			from--;
		base = memrchr(line + from, '/', end - from);
		base = base ? base + 1 : line + from;
		dot = memchr(base, '.', (size_t)(line + end - base));
		if (dot && dot > base) {
			name = strndup(base, (size_t)(dot - base));
			ret = name ? add(f, name, depth + 1, err) : error_set(err, -ENOMEM, "out of memory");
		}
		end = from > path_len + 1 ? from - 1 : path_len + 1;
	}
	if (ret == 0 && access(path, R_OK) < 0)
		return error_errno(err, "the module %s, which modules.dep names", path);
	return ret < 0 ? ret : append(f->found, &path, err);
}

/* It, after all it depends on, unless it is there already. */
static int add(struct finder *f, const char *name, int depth, struct error *err)
{
	auto_free char *path = NULL;
	const char *line;
	size_t n;
	int ret;

	if (depth > DEPTH_MAX)
		return error_set(err, -ELOOP, "%s: the module \"%s\" depends on itself", f->folder, name);
	if (has(f->found, name) || find_line(f->builtin, name, &n))
		return 0;
	if (f->dep) {
		line = find_line(f->dep, name, &n);
		return line ? add_line(f, line, strcspn(line, "\n"), n, depth, err) : missing(f, name, err);
	}
	ret = search(f, name, &path, err);
	return ret < 0 ? ret : add_found(f, name, &path, depth, err);
}

static int read_index(const struct finder *f, const char *name, char **out, struct error *err)
{
	auto_free char *path = str_printf("%s/%s", f->folder, name);
	int ret = path ? file_read_at(AT_FDCWD, path, INDEX_MAX, out, NULL, err) : error_set(err, -ENOMEM, "out of memory");

	return ret == -ENOENT ? 0 : ret;
}

static int find_folder(const char *const *folders, const char *release, char **out, struct error *err)
{
	static const char *const usual[] = { "/usr/lib/modules", "/lib/modules", NULL };

	if (!*release || strchr(release, '/') || *release == '.')
		return error_set(err, -EINVAL, "\"%s\" is no kernel's release", release);
	for (const char *const *v = folders ? folders : usual; *v; v++) {
		char *path = str_printf("%s/%s", *v, release);
		struct stat st;

		if (!path)
			return error_set(err, -ENOMEM, "out of memory");
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
			*out = path;
			return 0;
		}
		free(path);
	}
	return error_set(err, -ENOENT, "no modules of kernel %s in %s%s%s", release, folders ? folders[0] : usual[0],
			 folders && !folders[1] ? "" : " or ", folders ? (folders[1] ? folders[1] : "") : usual[1]);
}

static int find_all(struct finder *f, struct error *err)
{
	auto_text struct text order = { 0 };
	int ret = read_index(f, "modules.builtin", &f->builtin, err);

	if (ret == 0)
		ret = read_index(f, "modules.dep", &f->dep, err);
	for (size_t i = 0; ret == 0 && i < ARRAY_LEN(known); i++) {
		if (!known[i].wanted)
			continue;
		ret = add(f, known[i].name, 0, err);
		if (ret == -ENOENT && !known[i].required)
			ret = 0;
	}
	for (size_t i = 0; ret == 0 && i < f->found->n; i++)
		text_addf(&order, "%s\n", f->found->v[i].file);
	if (ret == 0 && !order.v)
		text_add(&order, "");
	if (ret == 0 && order.failed)
		return error_set(err, -ENOMEM, "out of memory");
	f->found->order = TAKE_PTR(order.v);
	return ret;
}

int modules_find(const char *const *folders, const char *release, struct modules **out, struct error *err)
{
	struct finder f = { .found = calloc(1, sizeof(*f.found)) };
	int ret = f.found ? find_folder(folders, release, &f.folder, err) : error_set(err, -ENOMEM, "out of memory");

	if (ret == 0)
		ret = find_all(&f, err);
	if (ret == 0)
		*out = TAKE_PTR(f.found);
	free(f.folder);
	free(f.dep);
	free(f.builtin);
	modules_free(f.found);
	return ret;
}

/* The folder above that of a kernel with modules of its own beside it; NULL: it has none. */
static char *folder_above(const struct kernel *k)
{
	const char *slash = strrchr(k->path, '/'), *from = slash;
	auto_free char *above = NULL, *index = NULL;
	size_t n = strlen(k->release);

	while (from && from > k->path && from[-1] != '/')
		from--;
	if (!from || !n || (size_t)(slash - from) != n || strncmp(from, k->release, n))
		return NULL;
	above = from == k->path ? strdup(".") : strndup(k->path, (size_t)(from - k->path - (from - k->path > 1)));
	index = above ? str_printf("%s/%s/modules.builtin", above, k->release) : NULL;
	return index && access(index, F_OK) == 0 ? TAKE_PTR(above) : NULL;
}

int modules_find_of(const struct kernel *k, struct modules **out, struct error *err)
{
	auto_free char *above = folder_above(k);

	return modules_find(above ? (const char *const[]){ above, NULL } : NULL, k->release, out, err);
}

int modules_add(const struct modules *m, struct initramfs *i, struct error *err)
{
	int ret = initramfs_add_folder(i, "modules", 0755, err);

	for (size_t k = 0; ret == 0 && k < m->n; k++) {
		auto_close int fd = open(m->v[k].path, O_RDONLY | O_CLOEXEC);
		auto_free char *name = str_printf("modules/%s", m->v[k].file);

		if (fd < 0)
			return error_errno(err, "open the module %s", m->v[k].path);
		ret = name ? initramfs_add_file(i, name, 0644, fd, err) : error_set(err, -ENOMEM, "out of memory");
	}
	return ret < 0 ? ret : initramfs_add_text(i, "modules/order", 0644, m->order, strlen(m->order), err);
}
