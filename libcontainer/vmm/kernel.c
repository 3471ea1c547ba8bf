/* kernel.c: see kernel.h. */
#include "vmm/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/auto.h"
#include "base/str.h"
#include "vmm/x86_64/boot.h"

#define MODULES "/usr/lib/modules"
#define BOOT "/boot"

void kernel_close(struct kernel *k)
{
	if (k->fd >= 0)
		close(k->fd);
	free(k->path);
	*k = KERNEL_NONE;
}

/* A pipe or a terminal in its place must not hold us up. */
static int open_image(const char *path, struct kernel *out, struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct kernel k = KERNEL_NONE;
	int ret;

	if (fd < 0)
		return error_errno(err, "%s", path);
	ret = boot_release(fd, path, k.release, sizeof(k.release), err);
	if (ret < 0 && ret != -ENODATA)
		return ret;
	k.path = strdup(path);
	if (!k.path)
		return error_set(err, -ENOMEM, "%s: out of memory", path);
	k.fd = TAKE_FD(fd);
	*out = k;
	return 0;
}

/* Tries one; what is wrong with it is added to what has been looked at. */
static int try(const char *path, struct kernel *out, struct text *looked)
{
	struct error e = ERROR_NONE;
	int ret;

	if (!path)
		return -ENOMEM;
	ret = open_image(path, out, &e);
	if (ret < 0)
		text_addf(looked, "%s%s", looked->n ? ", " : "", e.msg);
	return ret;
}

/* Newer ones first. */
static int compare(const void *a, const void *b)
{
	return strverscmp(*(char *const *)b, *(char *const *)a);
}

/* The releases for which there is something in `folder`: what follows `prefix` in its entries' names. */
static void list(const char *folder, const char *prefix, struct strv *out)
{
	DIR *dir = opendir(folder);
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.' && str_starts(d->d_name, prefix) && d->d_name[strlen(prefix)])
			strv_add(out, d->d_name + strlen(prefix), NULL);
	if (dir)
		closedir(dir);
}

static int try_newest(const char *root, const char *running, struct kernel *out, struct text *looked)
{
	auto_strv struct strv releases = {0};
	auto_free char *modules = str_printf("%s" MODULES, root), *boot = str_printf("%s" BOOT, root);
	int ret = -ENOENT;

	if (!modules || !boot)
		return -ENOMEM;
	list(modules, "", &releases);
	list(boot, "vmlinuz-", &releases);
	if (releases.n)
		qsort(releases.v, releases.n, sizeof(*releases.v), compare);
	for (size_t i = 0; i < releases.n && ret < 0; i++) {
		auto_free char *a = str_printf("%s/%s/vmlinuz", modules, releases.v[i]);
		auto_free char *b = str_printf("%s/vmlinuz-%s", boot, releases.v[i]);

		/* These were the first, or came just before. */
		if (!strcmp(releases.v[i], running) || (i && !strcmp(releases.v[i], releases.v[i - 1])))
			continue;
		ret = try(a, out, looked);
		if (ret < 0)
			ret = try(b, out, looked);
	}
	if (ret < 0)
		text_addf(looked, "; and %s in %s and %s", releases.n ? "at the others" : "there is none", modules, boot);
	return ret;
}

int kernel_find(const char *root, const char *running, struct kernel *out, struct error *err)
{
	auto_text struct text looked = {0};
	auto_free char *a = str_printf("%s" MODULES "/%s/vmlinuz", root, running);
	auto_free char *b = str_printf("%s" BOOT "/vmlinuz-%s", root, running);
	int ret = try(a, out, &looked);

	if (ret < 0)
		ret = try(b, out, &looked);
	if (ret < 0)
		ret = try_newest(root, running, out, &looked);
	if (ret < 0)
		return error_set(err, -ENOENT, "no kernel for the guest (Debian: apt-get install linux-image-cloud-amd64; or name one); looked at %s",
				 looked.v ? looked.v : "nothing: out of memory");
	return 0;
}

int kernel_open(const char *path, struct kernel *out, struct error *err)
{
	struct utsname u;

	if (path)
		return open_image(path, out, err);
	if (uname(&u) < 0)
		return error_errno(err, "ask for the running kernel's release");
	return kernel_find("", u.release, out, err);
}
