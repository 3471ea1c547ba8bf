/* conform.h: the words in which conformance tests are written: one test a requirement, named after document
 * and line of runtime-spec 1.3.0.
 *
 * A test makes its bundle with begin(), which has the same config for every runtime, changes it with
 * change(), and ends with what must be seen. The runtime under test is the one of the run tests' harness
 * ($NACRE there, $RUNTIME for `make check-conformance`).
 */
#ifndef TESTS_CONFORMANCE_CONFORM_H
#define TESTS_CONFORMANCE_CONFORM_H

#include <stdarg.h>
#include <stdio.h>

#include "tests/run/bundle.h"

#define RULE(id, where, level, sentence) RUN_TEST(id, where " " level " " sentence)

/* The container of this test; each test has a process of its own. */
extern struct bundle box;

void begin(void);
#define change(...) bundle_config(&box, __VA_ARGS__)
/* process.args of inside, and what it printed; the run must succeed. */
#define inside(...) inside_says(bundle_run_inside(&box, __VA_ARGS__, NULL))
char *inside_says(struct result r);
/* The line stands, or does not stand, in the text. */
void sees(const char *text, const char *line);
void sees_not(const char *text, const char *line);
/* The text holds this piece. */
void holds(const char *text, const char *piece);
void holds_not(const char *text, const char *piece);

/* `create` is an error and makes no container. */
void refused(void);
/* Either `create` or, at the latest, `start` is an error: for what the document lets a runtime find out late.
 */
void refused_at_last(void);
/* The config is taken and the container runs to its end. */
void taken(void);
void succeeded(struct result r);
void failed(struct result r);

/* A created or running container that sleeps. */
void create_sleeper(void);
void start_sleeper(void);
int pid_of_box(void);
/* "host" files of the container's first process. */
char *proc_text(const char *name);
char *proc_link(int pid, const char *name);

/* The container's cgroup file in a v1 hierarchy, or in the unified one; without the line's end. Skips where
 * the host has no such file. */
char *cgroup_text(const char *controller, const char *v1_file, const char *v2_file);
void need_controller(const char *controller);
/* Its folder on the host in this hierarchy; controller "" is the unified one. */
char *cgroup_folder(const char *controller);

/* The first line of the text, "" for none. */
char *first_line(const char *text);
/* A listening socket of the file system below test_dir(), and its path. */
int listen_socket(char **path);
/* One message with at most one descriptor from the next caller; closes nothing. -1: nobody called. */
int receive_call(int listener, char *text, size_t size, int *fd);

/* A mount namespace of this test's own, with a tmpfs at <test_dir>/tree, a file "outer" in it and a second
 * tmpfs at tree/sub, with the file "inner". flags: of mount(2), for the second. */
char *make_tree(unsigned long flags);

#endif
