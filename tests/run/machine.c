/* machine.c: the first and only process of a guest that a test boots with `nacre vm`: static, it does what the kernel's command line says and
 * tells what it sees on the console, a line each: "name=value". Modules are loaded from /modules in the order of /modules/order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

static char parameters[4096];

static void load_modules(void)
{
	FILE *order = fopen("/modules/order", "r");
	char path[256];

	if (!order && errno != ENOENT)
		printf("module=%s\n", strerror(errno));
	while (order && fscanf(order, "%255s", path) == 1) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
			printf("module=%s: %s\n", path, strerror(errno));
		close(fd);
	}
}

static void prepare(void)
{
	int fd;

	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (read(fd, parameters, sizeof(parameters) - 1) < 0)
		printf("cmdline=%s\n", strerror(errno));
	close(fd);
	load_modules();
}

static int wanted(const char *word)
{
	return strstr(parameters, word) != NULL;
}

/* The drivers find their devices while we go on. */
static int open_disk(const char *path, int flags)
{
	int fd = -1;

	for (int i = 0; i < 3000 && (fd = open(path, flags | O_CLOEXEC)) < 0 && errno != EACCES && errno != EROFS; i++)
		usleep(10000);
	return fd;
}

static void try_disk(const char *path)
{
	char sector[512] = {0};
	int fd = open_disk(path, O_RDONLY);

	if (pread(fd, sector, sizeof(sector), 0) != sizeof(sector))
		snprintf(sector, sizeof(sector), "%s", strerror(errno));
	printf("%s=%.100s\n", path, sector);
	close(fd);
	fd = open_disk(path, O_WRONLY);
	memset(sector, 'w', sizeof(sector));
	printf("%s written=%s\n", path, pwrite(fd, sector, sizeof(sector), 512) == sizeof(sector) && fsync(fd) == 0 ? "yes" : strerror(errno));
	close(fd);
}

static void try_random(void)
{
	unsigned char bytes[16] = {0};
	int fd = open_disk("/dev/hwrng", O_RDONLY), sum = 0;

	printf("hwrng=%zd\n", read(fd, bytes, sizeof(bytes)));
	for (size_t i = 0; i < sizeof(bytes); i++)
		sum |= bytes[i];
	printf("hwrng zero=%s\n", sum ? "no" : "yes");
	close(fd);
}

int main(void)
{
	struct sysinfo info = {0};
	struct utsname u;

	prepare();
	sysinfo(&info);
	uname(&u);
	printf("\nrelease=%s\ncpus=%ld\nmib=%lu\n", u.release, sysconf(_SC_NPROCESSORS_ONLN), info.totalram >> 20);
	if (wanted("do=disks")) {
		try_disk("/dev/vda");
		try_disk("/dev/vdb");
	}
	if (wanted("do=random"))
		try_random();
	fflush(stdout);
	sync();
	if (wanted("do=panic"))
		return 3; /* which the first process must not */
	if (wanted("do=wait"))
		for (;;)
			pause();
	reboot(wanted("do=reboot") ? RB_AUTOBOOT : RB_POWER_OFF);
	return 1;
}
