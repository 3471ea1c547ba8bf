/* test_oom.c: the bell rings and the count rises when somebody dies for memory, in the cgroup or below it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/oom.h"
#include "real.h"

TestSuite(oom, .timeout = 60);

/* A child that goes into the folder dir and takes 32 MiB; its status. */
static int hog(const char *dir)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		char path[512];
		char *p;
		int fd;

		snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(1);
		p = mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			_exit(2);
		for (size_t i = 0; i < 32 << 20; i += 4096)
			*(volatile char *)(p + i) = 1;
		_exit(3);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static bool rings(int bell)
{
	struct pollfd p = {bell, POLLIN, 0};
	char news[4096];

	/* The kernel may keep the news of v2's file back for 10 ms. */
	return poll(&p, 1, 2000) == 1 && read(bell, news, sizeof(news)) > 0;
}

Test(oom, counted_and_told)
{
	struct error err = ERROR_NONE;
	const struct folder *f;
	struct cgroup *c;
	char sub[512];
	int bell;

	real_need();
	cr_assert_eq(real_make(real_path(""), "{\"memory\":{\"limit\":8388608,\"swap\":8388608}}", &c, &err),
		     0, "%s", err.msg);
	f = cgroup_folder_for(c, "memory");
	if (!f || !*real_file(c, "memory", f->v2 ? "memory.max" : "memory.limit_in_bytes")) {
		cgroup_remove(c, NULL);
		cr_skip_test("this host has no memory controller");
	}
	cr_expect_eq(cgroup_memory_limit(c), 8388608);
	cr_expect_eq(cgroup_oom_kills(c), 0);
	bell = cgroup_oom_watch(c, &err);
	cr_assert_geq(bell, 0, "%s", err.msg);
	cr_expect(fcntl(bell, F_GETFD) & FD_CLOEXEC);
	cr_expect_eq(poll(&(struct pollfd){bell, POLLIN, 0}, 1, 50), 0, "nobody has died yet");
	cr_expect_eq(hog(f->dir), SIGKILL);
	cr_expect(rings(bell));
	cr_expect_eq(cgroup_oom_kills(c), 1);

	snprintf(sub, sizeof(sub), "%s/sub", f->dir);
	cr_assert_eq(mkdir(sub, 0755), 0);
	cr_expect_eq(hog(sub), SIGKILL);
	cr_expect(rings(bell));
	cr_expect_eq(cgroup_oom_kills(c), 2, "below it counts as well");

	close(bell);
	cr_expect_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cr_expect_eq(cgroup_oom_kills(c), 0, "a vanished one");
	cr_expect_lt(cgroup_oom_watch(c, &err), 0);
	cr_expect(err.code < 0);
	cgroup_free(c);
}
