/* harness.h: the frame of a run test program: each test in a process of its own, TAP on stdout, nothing left
 * behind afterwards.
 *
 * A program is one file test_<topic>.c with RUN_TEST()s; main() stands in harness.c. The program under test
 * is named by $NACRE (several words are taken as a command with its first arguments), default: ./nacre.
 */
#ifndef TESTS_RUN_HARNESS_H
#define TESTS_RUN_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

struct run_test {
	const char *name;
	void (*body)(void);
	struct run_test *next;
};
void harness_add(struct run_test *test);

#define RUN_TEST(id, sentence)                                                                               \
	static void id(void);                                                                                \
	__attribute__((constructor)) static void harness_add_##id(void)                                      \
	{                                                                                                    \
		static struct run_test test = {sentence, id, NULL};                                          \
		harness_add(&test);                                                                          \
	}                                                                                                    \
	static void id(void)

/* Both end the test. A skip says what the machine lacks. */
_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define MUST(cond)                                                                                           \
	do {                                                                                                 \
		if (!(cond))                                                                                 \
			test_fail(__FILE__, __LINE__, "%s", #cond);                                          \
	} while (0)
#define MUST_SAY(cond, ...)                                                                                  \
	do {                                                                                                 \
		if (!(cond))                                                                                 \
			test_fail(__FILE__, __LINE__, __VA_ARGS__);                                          \
	} while (0)

/* What this machine and this user can do. */
bool am_root(void);
void need_root(void);		  /* skips the test otherwise */
void need_file(const char *path); /* likewise */
/* Containers are made in virtual machines: the program under test is called nacre-kvm. not_in_vm() skips the test then, with the reason why
 * it cannot apply. */
bool in_vm(void);
void not_in_vm(const char *why);
bool have_cgroup_v2_only(void);
/* An ordinary user can set limits only where systemd has given him a cgroup of his own: skips the test where
 * nobody has. */
void need_limits(void);
/* Where this controller's file of a cgroup would be on a v1 hierarchy, or NULL: "/sys/fs/cgroup/memory". */
const char *cgroup_v1_mount(const char *controller);

/* How often a loop that looks for a rare moment goes round: `many`, but a few times only where $NACRE_TEST_SLOW says that the machine is emulated. */
int rounds(int many);

/* A folder of this test, removed after it. */
const char *test_dir(void);

/* One run of a program, from start to end. */
struct result {
	int status; /* exit status; 128 + signal; -1: it had to be killed after its time */
	char *out, *err;
	double seconds;
};
struct spawn {
	const char *const *argv;
	const char *input;	/* a file for stdin; NULL: /dev/null */
	const char *directory;	/* NULL: where we are */
	const char *const *env; /* more variables, NULL-terminated: "A=b" */
	const int *fds;		/* descriptors handed on as 3, 4, …; ends in -1 */
	int seconds;		/* limit; 0: PATIENCE */
};
struct result run_program(const struct spawn *how);

/* The same without waiting: for a foreground run that is to be watched. */
struct job {
	int pid;
	char out[100], err[100]; /* names of the files below test_dir() */
};
struct job job_start(const struct spawn *how);
struct result job_wait(struct job *job, int seconds);

/* Seconds that a test waits for what must come. Only a failure takes them: far more than the slowest machine needs. */
enum { PATIENCE = 60 };

/* The same where a virtual machine boots a kernel each time, and may do so under an emulation of a processor. job_wait(), wait_until() and
 * file_wait() have it in them. */
int patiently(int seconds);

/* Text tools. All results live until the test ends. */
char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *file_text(const char *path); /* "" where it cannot be read */
/* Waits until the text of a file holds `needle`, and returns it; ends the test if that never comes. */
char *file_wait(const char *path, const char *needle);
void file_write(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void make_folder(const char *path);
bool exists(const char *path);
bool has_line(const char *text, const char *line);
/* The rest of the first line that begins with `key`, without blanks around it; "" if there is none. */
char *value_of(const char *text, const char *key);
bool wait_until(bool (*is_so)(void *), void *arg, int seconds);
void nap(int ms);

#endif
