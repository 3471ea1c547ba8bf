/* exec.h: the last steps: environment, working directory, looking the program up, descriptors, execve. */
#ifndef PROCESS_EXEC_H
#define PROCESS_EXEC_H

#include "base/str.h"
#include "oci-spec/config.h"

struct exec_plan {
	char **argv;	 /* the vector is ours and ends in NULL, its strings are borrowed from the spec */
	struct strv env; /* the spec's, last one of a name wins; HOME added where missing */
	char *file;	 /* what to execute, an absolute or relative path inside the container */
};
#define EXEC_PLAN_NONE ((struct exec_plan){0})

/* All of these run INSIDE, in the container's root. */

/* chdir to process.cwd, made (0755) where it is missing; refused where the result lies outside of the root
 * (getcwd(2) says "(unreachable)": CVE-2024-21626), and then the working directory is "/". To be called as
 * the user first; as root where the user may not enter it but the config asks for it (both peers). */
int exec_enter_cwd(const char *cwd, struct error *err);

/* The environment, and args[0] looked up in the PATH *of the container's environment*, beneath root_fd. May
 * be called as root or as the user. Free with exec_plan_free(). Errors in the words that engines look for:
 *
 *   exec: "foo": executable file not found in $PATH       -ENOENT
 *   exec: "/x": stat /x: no such file or directory        -ENOENT
 *   exec: "/x/y": stat /x/y: not a directory              -ENOTDIR
 *   exec: "/x": permission denied                         -EACCES
 *   exec: "/d": is a directory: permission denied         -EISDIR
 */
int exec_lookup(const struct oci_process *process, int root_fd, struct exec_plan *out, struct error *err);

/* Default signal dispositions, empty mask, and everything from `first_fd` on closed but keep[] (n close-on-exec
 * descriptors by which somebody outside is told how it went). Before a late seccomp filter, so that the profile
 * need allow nothing but the execve(2) itself. */
int exec_shed(int first_fd, const int *keep, size_t n, struct error *err);

/* execve. Only returns on failure, with a text that says which file: for ENOENT of an existing script or program
 * it names the interpreter ("exec /x: interpreter /bin/foo: no such file or directory"), for ENOEXEC that the
 * format is unknown. */
int exec_now(const struct exec_plan *plan, struct error *err);

void exec_plan_free(struct exec_plan *plan);

#endif
