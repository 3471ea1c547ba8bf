/* guest.c: what kvm.c measures, inside: the program in the container, the same whatever the machine is; and, as the first process of QEMU's
 * machine, as little as is needed to start it there.
 *
 *   guest line            says "here"
 *   guest stay            says so and stays
 *   guest files A B       reads A from one end to the other and B here and there, each twice, and says how fast: MiB/s, MiB/s, reads/s, reads/s
 *   guest serve           says "here", answers one connection to port 7000, as many bytes as come, and ends with it
 *   init=/init, pid 1     loads /modules, mounts the root, takes the address 10.98.0.2 if there is a card, and runs the program in /args there
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 128 << 10, PAGE = 4096, READS = 1000, PORT = 7000, COMPRESSED = 4 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static double read_through(int fd)
{
	static char block[BLOCK];
	double start = now(), all = 0;
	ssize_t n;

	for (off_t at = 0; (n = pread(fd, block, sizeof(block), at)) > 0; at += n)
		all += (double)n;
	return n < 0 ? -1 : all / 1048576 / (now() - start);
}

/* The same places both times: the second time they are in the guest's memory. */
static double read_about(int fd, off_t pages)
{
	static char page[PAGE];
	unsigned long long x = 1;
	double start = now();

	for (int i = 0; i < READS; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		if (pread(fd, page, sizeof(page), (off_t)((x >> 33) % (unsigned long long)pages) * PAGE) != PAGE)
			return -1;
	}
	return READS / (now() - start);
}

static int files(const char *a, const char *b)
{
	int one = open(a, O_RDONLY), two = open(b, O_RDONLY);
	struct stat st;
	double v[4];

	if (one < 0 || two < 0 || fstat(two, &st) < 0)
		return fail(one < 0 ? a : b);
	posix_fadvise(two, 0, 0, POSIX_FADV_RANDOM);
	for (int i = 0; i < 2; i++)
		v[i] = read_through(one);
	for (int i = 0; i < 2; i++)
		v[2 + i] = read_about(two, st.st_size / PAGE);
	printf("here %f %f %f %f\n", v[0], v[1], v[2], v[3]);
	return 0;
}

static int serve(void)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int s = socket(AF_INET, SOCK_STREAM, 0), fd;
	static char block[65536];
	ssize_t n;

	if (s < 0 || bind(s, (const struct sockaddr *)&own, sizeof(own)) < 0 || listen(s, 1) < 0)
		return fail("listen");
	puts("here");
	fflush(stdout);
	fd = accept(s, NULL, NULL);
	while (fd >= 0 && (n = read(fd, block, sizeof(block))) > 0)
		if (write(fd, block, (size_t)n) != n)
			break;
	return 0;
}

static int load(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", strstr(name, ".ko.") ? COMPRESSED : 0) < 0 && errno != EEXIST))
		return fail(path);
	close(fd);
	return 0;
}

/* Their names begin with their place in the order: 01-virtio_mmio.ko.xz. */
static int load_all(void)
{
	struct dirent **list;
	int n = scandir("/modules", &list, NULL, alphasort), bad = 0;

	for (int i = 0; i < n; i++)
		if (list[i]->d_name[0] != '.')
			bad |= load(list[i]->d_name);
	return bad;
}

static void take_address(void)
{
	struct ifreq r = {.ifr_name = "eth0"};
	struct sockaddr_in *a = (struct sockaddr_in *)&r.ifr_addr;
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.98.0.2")};
	if (ioctl(s, SIOCSIFADDR, &r) < 0)
		return;
	a->sin_addr.s_addr = inet_addr("255.255.255.0");
	ioctl(s, SIOCSIFNETMASK, &r);
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	ioctl(s, SIOCSIFFLAGS, &r);
}

/* The console may come a moment after its driver. */
static void take_streams(void)
{
	int fd = -1;

	for (int i = 0; i < 5000 && (fd = open("/dev/hvc0", O_RDWR)) < 0; i++)
		usleep(1000);
	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
}

static int start(char **args, int n)
{
	char text[512];
	int fd = open("/args", O_RDONLY | O_CLOEXEC), words = 0;
	ssize_t size = read(fd, text, sizeof(text) - 1);

	text[size > 0 ? size : 0] = '\0';
	for (char *word = strtok(text, " \n"); word && words < n - 1; word = strtok(NULL, " \n"))
		args[words++] = strdup(word);
	return words;
}

static _Noreturn void end(void)
{
	sync();
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void be_first(void)
{
	char *args[8] = {0};
	int status;

	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	if (load_all())
		end();
	take_streams();
	mkdir("/root", 0755);
	if (mount("root", "/root", "virtiofs", 0, NULL) < 0) {
		fail("mount the root");
		fflush(stdout);
		end();
	}
	take_address();
	if (start(args, 8) > 0 && !fork()) {
		if (chroot("/root") || chdir("/") || execv(args[0], args))
			fail(args[0]);
		_exit(1);
	}
	wait(&status);
	/* What was said is on its way still. */
	tcdrain(1);
	end();
}

int main(int argc, char **argv)
{
	if (getpid() == 1 && !strcmp(argv[0], "/init"))
		be_first();
	if (argc == 4 && !strcmp(argv[1], "files"))
		return files(argv[2], argv[3]);
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve();
	puts("here");
	fflush(stdout);
	if (argc == 2 && !strcmp(argv[1], "stay"))
		pause();
	return 0;
}
