/* test_cache.c: filters that were compiled before are found again, and nothing else ever is. */
#include "seccomp/cache.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/str.h"
#include "profile.h"

static char root[] = "/tmp/nacre-cache-XXXXXX";
static int root_fd = -1;

static void setup(void)
{
	cr_assert_not_null(mkdtemp(root));
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void teardown(void)
{
	auto_free char *command = str_printf("rm -rf %s", root);

	close(root_fd);
	cr_assert_eq(system(command), 0);
}
TestSuite(cache, .init = setup, .fini = teardown);

#define PROFILE(more) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ERRNO\"" more "}]}"

static int compile(const char *json, struct filter *out, struct error *err)
{
	struct oci_config *config = profile_parse(json);
	int ret = cache_compile(root_fd, config->linux_->seccomp, out, err);

	oci_config_free(config);
	return ret;
}

static void same(const struct filter *a, const struct filter *b)
{
	cr_assert_eq(a->n, b->n);
	cr_assert_eq(memcmp(a->code, b->code, a->n * sizeof(struct sock_filter)), 0);
	cr_assert_eq(a->flags, b->flags);
	cr_assert_eq(a->flags_default, b->flags_default);
	cr_assert_eq(a->notify, b->notify);
}

/* As it comes out of the compiler. */
static struct filter plain(const char *json)
{
	struct oci_config *config = profile_parse(json);
	struct error err = ERROR_NONE;
	struct filter f = {0};

	cr_assert_eq(filter_compile(config->linux_->seccomp, &f, &err), 0, "%s", err.msg);
	oci_config_free(config);
	return f;
}

static void compiles_as_ever(const char *json)
{
	struct filter f = {0}, wanted = plain(json);
	struct error err = ERROR_NONE;

	cr_assert_eq(compile(json, &f, &err), 0, "%s", err.msg);
	same(&f, &wanted);
	filter_free(&f);
	filter_free(&wanted);
}

/* How many files there are; *path (malloc()ed, may be NULL) is one of them. */
static int files(char **path)
{
	auto_free char *folder = str_printf("%s/" CACHE_FOLDER, root);
	DIR *d = opendir(folder);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && ++n && path) {
			free(*path);
			*path = str_printf("%s/%s", folder, e->d_name);
		}
	if (d)
		closedir(d);
	return n;
}

/* The layout is told once more here, on purpose: it must not change without a new name for the format. */
struct layout {
	uint8_t sum[SHA256_SIZE], key[SHA256_SIZE];
	uint32_t n, flags, flags_default, notify;
	struct sock_filter code[BPF_MAXINSNS];
};

static size_t load_file(const char *path, struct layout *out)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, out, sizeof(*out));

	cr_assert_gt(n, (ssize_t)offsetof(struct layout, code));
	return (size_t)n;
}

static void save_file(const char *path, const void *data, size_t size, mode_t mode)
{
	unlink(path);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, data, size), (ssize_t)size);
}

static void seal_sum(struct layout *l)
{
	struct sha256 s;

	sha256_start(&s);
	sha256_add(&s, l->key, offsetof(struct layout, code) - sizeof(l->sum) + l->n * sizeof(*l->code));
	sha256_end(&s, l->sum);
}

Test(cache, the_second_time_it_is_found)
{
	static struct layout l;
	struct error err = ERROR_NONE;
	auto_free char *path = NULL;
	struct filter f = {0};
	struct stat st;

	compiles_as_ever(PROFILE(""));
	cr_assert_eq(files(&path), 1);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	/* Another answer than the compiler's, under the right name: this is what comes. */
	size_t size = load_file(path, &l);
	l.code[l.n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0x00050037);
	seal_sum(&l);
	save_file(path, &l, size, 0600);
	cr_assert_eq(compile(PROFILE(""), &f, &err), 0, "%s", err.msg);
	cr_expect_eq(((struct sock_filter *)f.code)[f.n - 1].k, 0x00050037);
	filter_free(&f);
	cr_expect_eq(files(NULL), 1);
}

Test(cache, everything_that_shapes_a_filter_is_in_the_key)
{
	static const char *const others[] = {
		PROFILE(""),
		"{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,\"syscalls\":[{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":2,\"syscalls\":[{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\"],\"syscalls\":[{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[],\"syscalls\":[{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"syscalls\":[{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
		PROFILE(",\"errnoRet\":1"),
		PROFILE(",\"errnoRet\":2"),
		PROFILE(",\"args\":[{\"index\":1,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]"),
		PROFILE(",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]"),
		PROFILE(",\"args\":[{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]"),
		PROFILE(",\"args\":[{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_NE\"}]"),
		PROFILE(",\"args\":[{\"index\":0,\"value\":2,\"valueTwo\":1,\"op\":\"SCMP_CMP_MASKED_EQ\"}]"),
		PROFILE(",\"args\":[{\"index\":0,\"value\":2,\"valueTwo\":2,\"op\":\"SCMP_CMP_MASKED_EQ\"}]"),
		PROFILE("},{\"names\":[\"mkdirat\"],\"action\":\"SCMP_ACT_KILL\""),
		PROFILE("},{\"names\":[\"mkdirat\"],\"action\":\"SCMP_ACT_NOTIFY\""),
	};
	static const char listener[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/a\",\"listenerMetadata\":\"b\","
				       "\"syscalls\":[{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
			compiles_as_ever(others[i]);
			cr_assert_eq(files(NULL), round ? (int)(sizeof(others) / sizeof(*others)) : (int)i + 1, "%s", others[i]);
		}
	/* Where the listener is does not: nothing is added. */
	compiles_as_ever(listener);
	cr_expect_eq(files(NULL), (int)(sizeof(others) / sizeof(*others)));
}

/* `damage` makes the only file bad; then all must be as if it were not there, and a good one in its place. */
static void ignored(const char *what, void (*damage)(const char *path, struct layout *l, size_t size))
{
	static struct layout l, again;
	auto_free char *path = NULL;

	compiles_as_ever(PROFILE(""));
	cr_assert_eq(files(&path), 1, "%s", what);
	size_t size = load_file(path, &l);
	/* A filter that the compiler would never make, so that it would be noticed. */
	struct layout bad = l;
	bad.code[0] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	seal_sum(&bad);
	damage(path, &bad, size);
	compiles_as_ever(PROFILE(""));
	cr_expect_eq(files(NULL), 1, "%s", what);
	cr_expect_eq(load_file(path, &again), size, "%s", what);
	cr_expect_eq(memcmp(&l, &again, size), 0, "%s: the good one is not back", what);
}

static void cut(const char *path, struct layout *l, size_t size)
{
	save_file(path, l, size - 8, 0600);
}
static void lengthen(const char *path, struct layout *l, size_t size)
{
	save_file(path, l, size + 8, 0600);
}
static void empty(const char *path, struct layout *l, size_t size)
{
	save_file(path, l, 0, 0600);
}
static void change_code(const char *path, struct layout *l, size_t size)
{
	l->code[1].k ^= 1;
	save_file(path, l, size, 0600);
}
static void change_flags(const char *path, struct layout *l, size_t size)
{
	l->flags ^= 2;
	save_file(path, l, size, 0600);
}
static void change_key(const char *path, struct layout *l, size_t size)
{
	l->key[7] ^= 1;
	seal_sum(l);
	save_file(path, l, size, 0600);
}
static void too_long(const char *path, struct layout *l, size_t size)
{
	l->n = UINT32_MAX / 8 + 2;
	save_file(path, l, size, 0600);
}
static void readable(const char *path, struct layout *l, size_t size)
{
	save_file(path, l, size, 0600);
	cr_assert_eq(chmod(path, 0640), 0);
}
static void foreign(const char *path, struct layout *l, size_t size)
{
	save_file(path, l, size, 0600);
	cr_assert_eq(chown(path, 12345, 0), 0);
}
static void link_to_it(const char *path, struct layout *l, size_t size)
{
	auto_free char *elsewhere = str_printf("%s/elsewhere", root);

	save_file(elsewhere, l, size, 0600);
	unlink(path);
	cr_assert_eq(symlink(elsewhere, path), 0);
}
static void two_names(const char *path, struct layout *l, size_t size)
{
	auto_free char *elsewhere = str_printf("%s/twice", root);

	save_file(path, l, size, 0600);
	cr_assert_eq(link(path, elsewhere), 0);
}
static void pipe_there(const char *path, struct layout *l, size_t size)
{
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
}

Test(cache, what_is_not_whole_or_not_ours_is_as_good_as_not_there)
{
	ignored("cut", cut);
	ignored("longer", lengthen);
	ignored("empty", empty);
	ignored("code changed", change_code);
	ignored("flags changed", change_flags);
	ignored("of another profile", change_key);
	ignored("too many instructions", too_long);
	ignored("others may read it", readable);
	ignored("a link", link_to_it);
	ignored("a second name", two_names);
	ignored("a fifo", pipe_there);
	if (geteuid() == 0)
		ignored("of another user", foreign);
}

Test(cache, a_folder_that_is_not_ours_alone_is_not_used)
{
	auto_free char *folder = str_printf("%s/" CACHE_FOLDER, root), *elsewhere = str_printf("%s/elsewhere", root);

	cr_assert_eq(mkdir(folder, 0700), 0);
	cr_assert_eq(chmod(folder, 0770), 0);
	compiles_as_ever(PROFILE(""));
	cr_expect_eq(files(NULL), 0);
	cr_assert_eq(chmod(folder, 0700), 0);
	if (geteuid() == 0) {
		cr_assert_eq(chown(folder, 12345, 0), 0);
		compiles_as_ever(PROFILE(""));
		cr_expect_eq(files(NULL), 0);
	}
	cr_assert_eq(rmdir(folder), 0);
	cr_assert_eq(mkdir(elsewhere, 0700), 0);
	cr_assert_eq(symlink(elsewhere, folder), 0);
	compiles_as_ever(PROFILE(""));
	cr_expect_eq(files(NULL), 0);
	cr_assert_eq(unlink(folder), 0);
	compiles_as_ever(PROFILE(""));
	cr_expect_eq(files(NULL), 1);
}

Test(cache, there_is_an_upper_limit_and_the_newest_stay)
{
	auto_free char *oldest = NULL;

	compiles_as_ever(PROFILE(""));
	cr_assert_eq(files(&oldest), 1);
	/* The file system's clock is coarse. */
	struct timespec past[2] = {{1000, 0}, {1000, 0}};
	cr_assert_eq(utimensat(AT_FDCWD, oldest, past, 0), 0);
	for (int i = 0; i < CACHE_ENTRIES + 5; i++) {
		auto_free char *json = str_printf(PROFILE(",\"errnoRet\":%d"), i);

		compiles_as_ever(json);
		cr_assert_leq(files(NULL), CACHE_ENTRIES);
	}
	cr_expect_eq(files(NULL), CACHE_ENTRIES);
	cr_expect_neq(access(oldest, F_OK), 0);
	/* Being used keeps one young. */
	compiles_as_ever(PROFILE(""));
	cr_assert_eq(access(oldest, F_OK), 0);
	cr_assert_eq(utimensat(AT_FDCWD, oldest, past, 0), 0);
	compiles_as_ever(PROFILE(""));
	compiles_as_ever(PROFILE(",\"errnoRet\":100"));
	cr_expect_eq(access(oldest, F_OK), 0);
}

Test(cache, errors_are_those_of_the_compiler_and_are_not_kept)
{
	for (int i = 0; i < 2; i++) {
		struct error err = ERROR_NONE;
		struct filter f = {0};

		cr_expect_lt(compile("{\"defaultAction\":\"SCMP_ACT_DENY\"}", &f, &err), 0);
		cr_expect_str_eq(err.msg, "linux.seccomp.defaultAction: unknown action \"SCMP_ACT_DENY\"");
		cr_expect_null(f.code);
	}
	cr_expect_eq(files(NULL), 0);
}

Test(cache, no_root_and_no_profile)
{
	struct oci_config *config = profile_parse(PROFILE(""));
	struct error err = ERROR_NONE;
	struct filter f = {0}, none = {0};

	cr_expect_eq(cache_compile(-EBADF, config->linux_->seccomp, &f, &err), 0, "%s", err.msg);
	cr_expect_gt(f.n, 0);
	cr_expect_eq(cache_compile(root_fd, NULL, &none, &err), 0);
	cr_expect_eq(none.n, 0);
	cr_expect_eq(files(NULL), 0);
	filter_free(&f);
	oci_config_free(config);
}
