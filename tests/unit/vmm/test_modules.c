/* test_modules.c: which of a kernel's modules go into the guest, and in which order, in folders made for the purpose. */
#include "vmm/modules.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/modinfo.h"

static char top[64], folder[128];
static const char *folders[] = { top, NULL };

static void make_folder(void)
{
	strcpy(top, "/tmp/nacre-modules-XXXXXX");
	cr_assert_not_null(mkdtemp(top));
	snprintf(folder, sizeof(folder), "%s/6.1.0-test", top);
	cr_assert_eq(mkdir(folder, 0755), 0);
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	cr_assert_eq(system(command), 0);
}

TestSuite(modules, .init = make_folder, .fini = remove_folder);

static void put(const char *path, const void *data, size_t n)
{
	char whole[PATH_MAX];
	int fd;

	snprintf(whole, sizeof(whole), "%s/%s", folder, path);
	for (char *p = whole + strlen(folder) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		(void)mkdir(whole, 0755);
		*p = '/';
	}
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	cr_assert_geq(fd, 0, "%s", whole);
	cr_assert_eq(write(fd, data, n), (ssize_t)n);
	close(fd);
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

/* A module with nothing but a .modinfo. n: bytes of it. */
static size_t make_module(unsigned char *to, const char *info, size_t n)
{
	static const char names[] = "\0.shstrtab\0.modinfo";
	Elf64_Ehdr head = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_REL, .e_machine = EM_X86_64,
		.e_shoff = sizeof(head) + sizeof(names) + n, .e_ehsize = sizeof(head), .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 3,
		.e_shstrndx = 1,
	};
	Elf64_Shdr sections[3] = {
		{ 0 },
		{ .sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = sizeof(head), .sh_size = sizeof(names) },
		{ .sh_name = 11, .sh_type = SHT_PROGBITS, .sh_offset = sizeof(head) + sizeof(names), .sh_size = n },
	};
	unsigned char *p = to;

	p = mempcpy(p, &head, sizeof(head));
	p = mempcpy(p, names, sizeof(names));
	p = mempcpy(p, info, n);
	p = mempcpy(p, sections, sizeof(sections));
	return (size_t)(p - to);
}

static void put_module(const char *path, const char *depends)
{
	unsigned char bytes[1024];
	char info[256];
	int n = snprintf(info, sizeof(info), "license=GPL%calias=x%cdepends=%s%cname=y", 0, 0, depends, 0);

	put(path, bytes, make_module(bytes, info, (size_t)n + 1));
}

/* The order, as one line. */
static const char *order(void)
{
	static char line[1024];
	struct error err = ERROR_NONE;
	struct modules *m = NULL;

	cr_assert_eq(modules_find(folders, "6.1.0-test", &m, &err), 0, "%s", err.msg);
	*line = '\0';
	for (size_t i = 0; i < modules_count(m); i++) {
		strcat(line, i ? " " : "");
		strcat(line, modules_file(m, i));
	}
	modules_free(m);
	return line;
}

static const char builtin_but_vsock[] = "kernel/drivers/virtio/virtio.ko\nkernel/drivers/virtio/virtio_ring.ko\n"
					"kernel/drivers/virtio/virtio_mmio.ko\nkernel/fs/fuse/fuse.ko\nkernel/fs/fuse/virtiofs.ko\n"
					"kernel/drivers/net/virtio_net.ko\nkernel/drivers/virtio/virtio_balloon.ko\n"
					"kernel/drivers/char/hw_random/virtio-rng.ko\n";

Test(modules, all_built_in)
{
	put_text("modules.builtin", builtin_but_vsock);
	put_text("kernel/x", "");
	put_text("modules.dep", "kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko:\n");
	put_text("kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko", "");
	cr_assert_str_eq(order(), "vmw_vsock_virtio_transport.ko");
}

Test(modules, modules_dep_tells_the_order)
{
	put_text("modules.builtin", builtin_but_vsock);
	put_text("modules.dep",
		 "kernel/net/vmw_vsock/vsock_loopback.ko.xz: kernel/net/vmw_vsock/vsock.ko.xz\n"
		 "kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko.xz: kernel/net/vmw_vsock/vmw_vsock_virtio_transport_common.ko.xz "
		 "kernel/net/vmw_vsock/vsock.ko.xz\n"
		 "kernel/net/vmw_vsock/vmw_vsock_virtio_transport_common.ko.xz: kernel/net/vmw_vsock/vsock.ko.xz\n"
		 "kernel/net/vmw_vsock/vsock.ko.xz:\n"
		 "kernel/fs/overlayfs/overlay.ko.xz:\n");
	put_text("kernel/net/vmw_vsock/vsock.ko.xz", "1");
	put_text("kernel/net/vmw_vsock/vmw_vsock_virtio_transport_common.ko.xz", "2");
	put_text("kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko.xz", "3");
	put_text("kernel/fs/overlayfs/overlay.ko.xz", "4");
	cr_assert_str_eq(order(), "vsock.ko.xz vmw_vsock_virtio_transport_common.ko.xz vmw_vsock_virtio_transport.ko.xz overlay.ko.xz");
}

Test(modules, a_dash_is_an_underscore)
{
	put_text("modules.builtin", "kernel/drivers/virtio/virtio.ko\nkernel/drivers/virtio/virtio_ring.ko\nkernel/drivers/virtio/virtio_mmio.ko\n"
				    "kernel/fs/fuse/virtiofs.ko\nkernel/drivers/net/virtio_net.ko\nkernel/drivers/virtio/virtio_balloon.ko\n"
				    "kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko\nkernel/drivers/char/hw_random/rng-core.ko\n");
	put_text("kernel/drivers/char/hw_random/virtio-rng.ko.zst", "");
	cr_assert_str_eq(order(), "virtio-rng.ko.zst");
}

Test(modules, without_modules_dep_modules_speak_for_themselves)
{
	put_text("modules.builtin", builtin_but_vsock);
	put_module("kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko", "vmw_vsock_virtio_transport_common,virtio,vsock");
	put_module("kernel/net/vmw_vsock/vmw_vsock_virtio_transport_common.ko", "vsock");
	put_module("kernel/net/vmw_vsock/vsock.ko", "");
	put_module("kernel/drivers/block/virtio_blk.ko", "virtio,virtio_ring");
	cr_assert_str_eq(order(), "vsock.ko vmw_vsock_virtio_transport_common.ko vmw_vsock_virtio_transport.ko virtio_blk.ko");
}

Test(modules, compressed_ones_are_known)
{
	put_text("modules.builtin", builtin_but_vsock);
	put_text("kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko.xz", "");
	put_text("kernel/net/vmw_vsock/vmw_vsock_virtio_transport_common.ko.xz", "");
	put_text("kernel/net/vmw_vsock/vsock.ko.xz", "");
	cr_assert_str_eq(order(), "vsock.ko.xz vmw_vsock_virtio_transport_common.ko.xz vmw_vsock_virtio_transport.ko.xz");
}

static void refuse(const char *release, int code, const char *word)
{
	struct error err = ERROR_NONE;
	struct modules *m = NULL;

	cr_assert_eq(modules_find(folders, release, &m, &err), code, "%s", err.msg);
	cr_assert_null(m);
	cr_assert(strstr(err.msg, word), "%s", err.msg);
}

Test(modules, a_missing_one_is_named)
{
	put_text("modules.builtin", builtin_but_vsock);
	refuse("6.1.0-test", -ENOENT, "\"vmw_vsock_virtio_transport\"");
	put_text("kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko.xz", "");
	refuse("6.1.0-test", -ENOENT, "\"vmw_vsock_virtio_transport_common\"");
	put_text("modules.dep", "kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko: kernel/net/gone.ko\n");
	refuse("6.1.0-test", -ENOENT, "\"gone\"");
	put_text("modules.dep", "kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko:\n");
	refuse("6.1.0-test", -ENOENT, "which modules.dep names");
}

Test(modules, releases)
{
	refuse("6.2", -ENOENT, "6.2");
	refuse("../6.1.0-test", -EINVAL, "release");
	refuse(".", -EINVAL, "release");
	refuse("", -EINVAL, "release");
}

/* A kernel that is not installed: beside it, only where the folder is its own and has modules. */
Test(modules, beside_the_kernel)
{
	struct kernel k = { .fd = -1, .release = "6.1.0-test" };
	struct error err = ERROR_NONE;
	struct modules *m = NULL;
	char path[PATH_MAX];

	k.path = path;
	snprintf(path, sizeof(path), "%s/vmlinuz", folder);
	cr_assert_eq(modules_find_of(&k, &m, &err), -ENOENT);
	cr_assert(strstr(err.msg, "/usr/lib/modules"), "%s", err.msg);
	put_text("modules.builtin", builtin_but_vsock);
	put_text("modules.dep", "kernel/vmw_vsock_virtio_transport.ko:\n");
	put_text("kernel/vmw_vsock_virtio_transport.ko", "");
	cr_assert_eq(modules_find_of(&k, &m, &err), 0, "%s", err.msg);
	cr_assert_eq(strncmp(modules_path(m, 0), folder, strlen(folder)), 0, "%s", modules_path(m, 0));
	modules_free(m);
	/* By a path that is not absolute, too. */
	cr_assert_eq(chdir(top), 0);
	strcpy(path, "6.1.0-test/vmlinuz");
	cr_assert_eq(modules_find_of(&k, &m, &err), 0, "%s", err.msg);
	modules_free(m);
	m = NULL;
	/* Somebody else's folder. */
	strcpy(k.release, "6.1.0-other");
	cr_assert_eq(modules_find_of(&k, &m, &err), -ENOENT);
	cr_assert_eq(chdir(folder), 0);
	strcpy(path, "vmlinuz");
	cr_assert_eq(modules_find_of(&k, &m, &err), -ENOENT);
	cr_assert_null(m);
}

Test(modules, circles_end)
{
	put_text("modules.builtin", builtin_but_vsock);
	put_module("kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko", "vsock");
	put_module("kernel/net/vmw_vsock/vsock.ko", "vmw_vsock_virtio_transport");
	refuse("6.1.0-test", -ELOOP, "depends on itself");
}

Test(modules, go_into_the_archive)
{
	struct initramfs *ram = NULL;
	struct modules *m = NULL;
	unsigned char *p;
	size_t n;

	put_text("modules.builtin", builtin_but_vsock);
	put_text("modules.dep", "kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko:\n");
	put_text("kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko", "the module");
	cr_assert_eq(modules_find(folders, "6.1.0-test", &m, NULL), 0);
	cr_assert_eq(initramfs_new(&ram, NULL), 0);
	cr_assert_eq(modules_add(m, ram, NULL), 0);
	n = initramfs_size(ram);
	p = malloc(n);
	initramfs_write(ram, p);
	cr_assert_not_null(memmem(p, n, "modules/vmw_vsock_virtio_transport.ko", 38));
	cr_assert_not_null(memmem(p, n, "the module", 10));
	cr_assert_not_null(memmem(p, n, "modules/order", 14));
	cr_assert_not_null(memmem(p, n, "vmw_vsock_virtio_transport.ko\n", 30));
	free(p);
	initramfs_free(ram);
	modules_free(m);
}

static int depends_of(const void *elf, size_t n)
{
	struct strv out = { 0 };
	int ret = modinfo_depends(elf, n, &out, NULL);

	strv_free(&out);
	return ret;
}

Test(modinfo, any_damage_is_borne)
{
	static const char info[] = "depends=a,b,,c";
	unsigned char bytes[1024], copy[1024];
	struct strv out = { 0 };
	size_t n = make_module(bytes, info, sizeof(info));

	cr_assert_eq(modinfo_depends(bytes, n, &out, NULL), 0);
	cr_assert_eq(out.n, 3);
	cr_assert_str_eq(out.v[2], "c");
	strv_free(&out);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(depends_of(bytes, i), -ENOEXEC, "%zu bytes", i);
	for (size_t i = 0; i < n; i++) {
		memcpy(copy, bytes, n);
		copy[i] ^= 0xff;
		(void)depends_of(copy, n);
	}
	cr_assert_eq(depends_of("\177ELF", 4), -ENOEXEC);
}
