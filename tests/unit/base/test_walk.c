/* test_walk.c: the walk and openat2(2) agree on every path. */
#include "base/walk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/table.h"
#include "lack.h"
#include "tree.h"

static unsigned long long seed = 88172645463325252ull;

static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 20) % n;
}

static const char *const names[] = {"a", "b", "c", "d", "e", ".", "..", ""};

static void random_path(char *out, size_t room, unsigned most)
{
	unsigned n = 1 + pick(most);
	size_t used = 0;

	out[0] = '\0';
	if (!pick(3))
		used += (size_t)snprintf(out, room, "/");
	while (n-- && used + 8 < room) {
		used += (size_t)snprintf(out + used, room - used, "%s", names[pick(ARRAY_LEN(names))]);
		if (n || !pick(4))
			used += (size_t)snprintf(out + used, room - used, "/");
	}
}

static void grow(int dir, int depth)
{
	for (int i = 0; i < 5; i++) {
		char target[64];
		int fd;

		switch (pick(4)) {
		case 0:
			close(openat(dir, names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
			break;
		case 1:
			random_path(target, sizeof(target), 4);
			if (target[0])
				symlinkat(target, dir, names[i]);
			break;
		case 2:
			if (depth >= 4)
				break;
			mkdirat(dir, names[i], 0755);
			fd = openat(dir, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			grow(fd, depth + 1);
			close(fd);
			break;
		}
	}
}

/* What was opened, or why not, in a form that can be compared. */
static void describe(int fd, int e, char *out, size_t room)
{
	struct stat st = {0};

	if (fd < 0 || fstat(fd, &st) < 0)
		snprintf(out, room, "%s", strerror(e));
	else
		snprintf(out, room, "%llx:%llu %o %x", (unsigned long long)st.st_dev,
			 (unsigned long long)st.st_ino, (unsigned)st.st_mode,
			 (unsigned)(fcntl(fd, F_GETFL) & (O_PATH | O_ACCMODE)));
	if (fd >= 0)
		close(fd);
}

Test(walk, agrees_with_openat2, .init = tree_make, .fini = tree_remove)
{
	static const int flags[] = {
	    O_PATH,   O_PATH | O_DIRECTORY,   O_PATH | O_NOFOLLOW,   O_PATH | O_NOFOLLOW | O_DIRECTORY,
	    O_RDONLY, O_RDONLY | O_DIRECTORY, O_RDONLY | O_NOFOLLOW, O_RDONLY | O_NOFOLLOW | O_DIRECTORY,
	    O_RDWR,   O_WRONLY | O_NOFOLLOW};
	int before = count_fds(), opened = 0;

	for (int t = 0; t < 40; t++) {
		char name[16];
		int root;

		snprintf(name, sizeof(name), "t%d", t);
		mkdirat(tree.root, name, 0755);
		root = openat(tree.root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		grow(root, 0);
		for (int i = 0; i < 2000; i++) {
			int how_flags = flags[pick(ARRAY_LEN(flags))];
			struct open_how how = {.flags = (unsigned)how_flags | O_CLOEXEC,
					       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
			char path[128], kernel[128], ours[128];
			int fd, e;

			random_path(path, sizeof(path), 8);
			do {
				fd = sys_openat2(root, path, &how, sizeof(how));
				e = errno;
			} while (fd < 0 && e == EAGAIN);
			if (fd < 0 && sys_missing(e, true))
				cr_skip_test("openat2");
			opened += fd >= 0;
			describe(fd, e, kernel, sizeof(kernel));
			fd = walk_open(root, path, how_flags);
			describe(fd, -fd, ours, sizeof(ours));
			cr_assert_str_eq(ours, kernel, "tree %d, path '%s', flags %o", t, path,
					 (unsigned)how_flags);
		}
		close(root);
	}
	cr_assert_gt(opened, 5000, "the paths are not all nonsense");
	cr_assert_eq(count_fds(), before);
}

Test(walk, long_paths, .init = tree_make, .fini = tree_remove)
{
	static char path[5000];

	memset(path, 'x', 300);
	cr_assert_eq(walk_open(tree.root, path, O_PATH), -ENAMETOOLONG);
	memset(path, '/', sizeof(path) - 1);
	cr_assert_eq(walk_open(tree.root, path, O_PATH), -ENAMETOOLONG);
}
