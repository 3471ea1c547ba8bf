/* test_memory.c: no guest address becomes a pointer that it should not. */
#include "vmm/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/x86_64/layout.h"

#define PAGE ((uint64_t)4096)
#define GIB (UINT64_C(1) << 30)

static struct memory *make(uint64_t size)
{
	struct memory *m = NULL;
	struct error err = ERROR_NONE;

	cr_assert_eq(memory_new(size, &m, &err), 0, "%s", err.msg);
	cr_assert_eq(memory_size(m), size);
	return m;
}

Test(memory, small)
{
	struct memory *m = make(16 * PAGE);
	size_t n = 0;
	const struct memory_region *r = memory_regions(m, &n);
	unsigned char *host = memory_at(m, 0, 16 * PAGE);

	cr_assert_eq(n, 1);
	cr_assert_eq(r[0].at, 0);
	cr_assert_eq(r[0].size, 16 * PAGE);
	cr_assert_eq(r[0].host, host);
	cr_assert_eq((uintptr_t)host % (2 << 20), 0);
	for (uint64_t i = 0; i < 16 * PAGE; i++)
		cr_assert_eq(host[i], 0);
	cr_assert_eq(memory_at(m, 16 * PAGE - 1, 1), host + 16 * PAGE - 1);
	cr_assert_null(memory_at(m, 16 * PAGE, 1));
	cr_assert_null(memory_at(m, 16 * PAGE - 1, 2));
	cr_assert_null(memory_at(m, 0, 16 * PAGE + 1));
	cr_assert_null(memory_at(m, 7, 0));
	cr_assert_null(memory_at(m, 1, UINT64_MAX));
	cr_assert_null(memory_at(m, UINT64_MAX, 1));
	cr_assert_null(memory_at(m, UINT64_MAX, UINT64_MAX));
	cr_assert_null(memory_at(m, UINT64_MAX - PAGE + 1, 2 * PAGE));
	memory_free(m);
}

/* 5 GiB are reserved, not used. */
Test(memory, beyond_the_hole)
{
	struct memory *m = make(5 * GIB);
	size_t n = 0;
	const struct memory_region *r = memory_regions(m, &n);

	cr_assert_eq(n, 2);
	cr_assert_eq(r[0].size, LAYOUT_HOLE);
	cr_assert_eq(r[1].at, LAYOUT_HOLE_END);
	cr_assert_eq(r[1].size, 2 * GIB);
	cr_assert_not_null(memory_at(m, LAYOUT_HOLE - 1, 1));
	cr_assert_null(memory_at(m, LAYOUT_HOLE - 1, 2));
	cr_assert_null(memory_at(m, LAYOUT_HOLE, 1));
	cr_assert_null(memory_at(m, LAYOUT_HOLE_END - 1, 1));
	cr_assert_null(memory_at(m, LAYOUT_HOLE_END - 1, 2));
	cr_assert_null(memory_at(m, 0, 5 * GIB));
	cr_assert_not_null(memory_at(m, LAYOUT_HOLE_END, 2 * GIB));
	cr_assert_null(memory_at(m, LAYOUT_HOLE_END, 2 * GIB + 1));
	cr_assert_null(memory_at(m, LAYOUT_HOLE_END + 2 * GIB, 1));
	*(unsigned char *)memory_at(m, LAYOUT_HOLE_END, 1) = 7;
	cr_assert_eq(*(unsigned char *)memory_at(m, LAYOUT_HOLE - 1, 1), 0);
	memory_free(m);
	m = make(LAYOUT_HOLE);
	memory_regions(m, &n);
	cr_assert_eq(n, 1);
	memory_free(m);
}

Test(memory, sizes_that_are_none)
{
	const uint64_t sizes[] = {0, 1, PAGE - 1, PAGE + 1, UINT64_MAX, UINT64_MAX - PAGE + 1, UINT64_C(1) << 45};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct error err = ERROR_NONE;
		struct memory *m = NULL;

		cr_expect_eq(memory_new(sizes[i], &m, &err), -EINVAL);
		cr_expect_null(m);
		cr_expect_not_null(strstr(err.msg, "cannot be a guest's memory"), "%s", err.msg);
	}
	memory_free(NULL);
}

Test(memory, give_back)
{
	struct memory *m = make(1024 * PAGE);
	unsigned char *host = memory_at(m, 0, 1024 * PAGE);

	memset(host, 0xaa, 1024 * PAGE);
	cr_assert_eq(memory_give_back(m, PAGE, 2 * PAGE), 0);
	cr_assert_eq(host[PAGE - 1], 0xaa);
	for (uint64_t i = PAGE; i < 3 * PAGE; i++)
		cr_assert_eq(host[i], 0);
	cr_assert_eq(host[3 * PAGE], 0xaa);
	cr_assert_eq(memory_give_back(m, 1, PAGE), -EINVAL);
	cr_assert_eq(memory_give_back(m, PAGE, PAGE - 1), -EINVAL);
	cr_assert_eq(memory_give_back(m, 0, 0), -EFAULT);
	cr_assert_eq(memory_give_back(m, 1023 * PAGE, 2 * PAGE), -EFAULT);
	cr_assert_eq(memory_give_back(m, 1024 * PAGE, PAGE), -EFAULT);
	cr_assert_eq(memory_give_back(m, 0 - PAGE, 2 * PAGE), -EFAULT);
	cr_assert_eq(host[0], 0xaa);
	memory_free(m);
}

/* The pages before and after are nobody's. */
Test(memory, guarded)
{
	struct memory *m = make(PAGE);
	unsigned char *host = memory_at(m, 0, 1);
	int pipes[2];

	cr_assert_eq(pipe(pipes), 0);
	cr_assert_eq(write(pipes[1], host, 1), 1);
	cr_assert_eq(write(pipes[1], host - 1, 1), -1);
	cr_assert_eq(write(pipes[1], host + PAGE, 1), -1);
	close(pipes[0]);
	close(pipes[1]);
	memory_free(m);
}

/* The broker is a child of the monitor, and has no business in here. */
Test(memory, no_child_sees_it)
{
	struct memory *m = make(PAGE);
	unsigned char *host = memory_at(m, 0, 1);
	int pipes[2], status = 0;
	pid_t child;

	*host = 1;
	cr_assert_eq(pipe(pipes), 0);
	child = fork();
	if (!child)
		_exit(write(pipes[1], host, 1) < 0 && errno == EFAULT ? 7 : 1);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 7);
	close(pipes[0]);
	close(pipes[1]);
	memory_free(m);
}
