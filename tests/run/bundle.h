/* bundle.h: bundles for run tests, and the program under test as functions. */
#ifndef TESTS_RUN_BUNDLE_H
#define TESTS_RUN_BUNDLE_H

#include "tests/run/harness.h"

struct bundle {
	char id[64];   /* of the container; unlike all others on this machine */
	char dir[128]; /* the bundle: config.json, rootfs/ */
	char rootfs[160];
	char *config; /* the text as it stands now */
};

/* A rootfs with /bin/inside (a static program, see inside.c), /bin/busybox if the machine has one, empty
 * /proc /sys /dev /tmp /etc, and the config that `spec` writes (`spec --rootless` for an ordinary user),
 * without terminal. */
void bundle_make(struct bundle *b);

/* Changes the config by a JSON merge patch (RFC 7396), in which ' stands for ". A key with a leading "+"
 * appends to an array: bundle_config(b, "{'process':{'cwd':'/tmp'},'+mounts':[{…}]}"). The text is formatted.
 */
void bundle_config(struct bundle *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The config as it is, whatever it is. */
void bundle_config_text(struct bundle *b, const char *text);
/* process.args = /bin/inside and these, up to NULL. ";" separates commands of inside. */
void bundle_inside(struct bundle *b, ...) __attribute__((sentinel));

/* The program with --root, and with these arguments up to NULL. */
struct result nacre(const char *arg, ...) __attribute__((sentinel));
struct result nacre_with(const struct spawn *how, const char *arg, ...) __attribute__((sentinel));
struct job nacre_start(const struct spawn *how, const char *arg, ...) __attribute__((sentinel));
const char *state_root(void);

/* `run`, and what inside said: for the many tests that look around and go. */
struct result bundle_run(struct bundle *b);
struct result bundle_run_inside(struct bundle *b, ...) __attribute__((sentinel));
/* `create` then `start`, both of which must succeed. The output is in *job_out if not NULL. */
void bundle_start(struct bundle *b, char **out_path);
void bundle_create(struct bundle *b, char **out_path);
/* `state`'s value at a path; "" where there is none. */
char *bundle_state(struct bundle *b, const char *path);
bool bundle_wait_status(struct bundle *b, const char *status);
int bundle_pid(struct bundle *b);

/* A value of a JSON document by its path, "linux.namespaces.0.type", as text; "" where there is none, "[2]" /
 * "{3}" for containers. */
char *json_value(const char *document, const char *path);
bool json_valid(const char *document);

/* Checks on a result; each ends the test with the whole output in its text. */
void must_succeed(const struct result *r);
void must_exit(const struct result *r, int status);
void must_print(const struct result *r, const char *line); /* a whole line of stdout */
/* Failed with one line on stderr that holds `needle` (NULL: any). */
void must_fail(const struct result *r, const char *needle);
void must_leave_nothing(const struct bundle *b);
/* Kills and deletes a container that runs; nothing may be left of it. */
void bundle_end(struct bundle *b);

/* Folders of container `id` in the cgroup hierarchies, a line each; "" if there are none. */
char *cgroup_folders(const char *id);
/* $NACRE asks for the systemd driver: cgroupsPath is slice:prefix:name then. */
bool nacre_uses_systemd(void);
/* The text of this container's controller file: v2's name, or v1's in its hierarchy. NULL where the machine
 * has no such controller. */
char *cgroup_value(struct bundle *b, const char *controller, const char *v1_file, const char *v2_file);

/* What a file of the container's cgroup says in the container itself: limits of memory and processes act there in a virtual machine. */
char *cgroup_value_inside(struct bundle *b, const char *file);

/* For harness.c. */
void bundle_find_programs(const char *self);
void bundle_delete_all(char *trouble, size_t size);
void bundle_find_leftovers(char *trouble, size_t size);
void bundle_remove_tree(const char *path);

#endif
