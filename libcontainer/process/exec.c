/* exec.c: see exec.h. */
#include "process/exec.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "process/diagnose.h"
#include "process/user.h"

/* Where a program is looked for when the container's environment names no PATH. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void exec_plan_free(struct exec_plan *plan)
{
	if (!plan)
		return;
	free(plan->argv);
	strv_free(&plan->env);
	free(plan->file);
	*plan = EXEC_PLAN_NONE;
}

/* Is the working directory within the root? Asked of the kernel itself: the C library's getcwd() would hide
 * "(unreachable)" by walking up through "..", and that walk leads through the host's directories. */
static int check_cwd(const char *cwd, struct error *err)
{
	char now[PATH_MAX];
	long n = syscall(SYS_getcwd, now, sizeof(now));

	if (n < 0)
		return error_errno(err, "process.cwd: \"%s\": where is this directory", cwd);
	if (n == 0 || now[0] != '/')
		return error_set(err, -EPERM, "process.cwd: \"%s\" is outside of the container's root", cwd);
	return 0;
}

int exec_enter_cwd(const char *cwd, struct error *err)
{
	if (!cwd || cwd[0] != '/')
		return error_set(err, -EINVAL, "process.cwd: \"%s\" is not an absolute path", cwd ? cwd : "");
	if (chdir(cwd) < 0) {
		if (errno != ENOENT)
			return error_errno(err, "process.cwd: enter \"%s\"", cwd);

		/* Made step by step beneath the root's descriptor: a link that leads nowhere is an error and
		 * no order to create what it names. */
		auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			return error_errno(err, "process.cwd: open /");
		auto_close int dir = path_make_dir(root, cwd, 0755, err);
		if (dir < 0)
			return error_wrap(err, "process.cwd");
		if (fchdir(dir) < 0)
			return error_errno(err, "process.cwd: enter \"%s\"", cwd);
	}
	int r = check_cwd(cwd, err);

	/* Don't stay where we must not be, whatever the caller does next. */
	if (r < 0 && chdir("/") < 0)
		return r;
	return r;
}

/* --- environment --- */

static size_t name_length(const char *var)
{
	return (size_t)(strchr(var, '=') - var);
}

static uint32_t name_hash(const char *var, size_t n)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)var[i]) * 16777619U;
	return h;
}

/* Marks in keep[] the last variable of each name. A hash set, since services hand containers thousands of
 * variables. */
static int mark_last(const struct strings *env, bool *keep, struct error *err)
{
	size_t slots = 16;

	while (slots < env->n * 2)
		slots *= 2;
	auto_free const char **seen = calloc(slots, sizeof(*seen));
	if (!seen)
		return error_set(err, -ENOMEM, "process.env: out of memory");
	for (size_t i = env->n; i-- > 0;) {
		const char *var = env->v[i];
		size_t n = name_length(var);
		size_t s = name_hash(var, n) & (slots - 1);

		while (seen[s] && strncmp(seen[s], var, n + 1) != 0)
			s = (s + 1) & (slots - 1);
		keep[i] = !seen[s];
		seen[s] = var;
	}
	return 0;
}

static const char *env_value(const struct strv *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (!strncmp(env->v[i], name, n) && env->v[i][n] == '=')
			return env->v[i] + n + 1;
	return NULL;
}

static int add_home(const struct oci_process *process, int root_fd, struct strv *env, struct error *err)
{
	uid_t uid = process->user && process->user->uid.set ? (uid_t)process->user->uid.v : 0;
	auto_free char *home = NULL;
	auto_free char *var = NULL;
	int r = user_home(root_fd, uid, &home, err);

	if (r < 0)
		return r;
	var = str_printf("HOME=%s", home);
	return var ? strv_add(env, var, err) : error_set(err, -ENOMEM, "HOME: out of memory");
}

static int make_env(const struct oci_process *process, int root_fd, struct strv *out, struct error *err)
{
	const struct strings *env = &process->env;
	auto_free bool *keep = calloc(env->n + 1, sizeof(*keep));
	bool home = false;
	int r;

	if (!keep)
		return error_set(err, -ENOMEM, "process.env: out of memory");
	for (size_t i = 0; i < env->n; i++)
		if (!env->v[i] || env->v[i][0] == '=' || !strchr(env->v[i], '='))
			return error_set(err, -EINVAL,
					 "process.env[%zu]: \"%.60s\" is not of the form NAME=value", i,
					 env->v[i] ? env->v[i] : "");
	r = mark_last(env, keep, err);
	for (size_t i = 0; !r && i < env->n; i++) {
		if (!keep[i])
			continue;
		/* An empty HOME is as good as none: programs would take the current directory for it. */
		if (!strcmp(env->v[i], "HOME="))
			continue;
		home |= !strncmp(env->v[i], "HOME=", 5);
		r = strv_add(out, env->v[i], err);
	}
	return r || home ? r : add_home(process, root_fd, out, err);
}

/* --- looking the program up --- */

/* May it be executed by us, as far as can be said before execve? 0, -ENOENT, -EISDIR, -EACCES and so on. The
 * kernel's own answer takes ACLs and noexec mounts in; where it has no faccessat2(2), any x bit will do. */
static int check_file(int root_fd, const char *path)
{
	struct error ignored = ERROR_NONE;
	auto_close int fd = path_open_beneath(root_fd, path, O_PATH, &ignored);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return -EACCES;
#ifdef SYS_faccessat2
	if (syscall(SYS_faccessat2, fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) < 0 && errno == EACCES)
		return -EACCES;
#endif
	return 0;
}

/* The same words as runc's: engines turn them into exit status 126 and 127. */
static int lookup_failed(const char *arg, const char *path, int code, struct error *err)
{
	char name[128];

	diagnose_quote(name, sizeof(name), arg, strlen(arg));
	switch (code) {
	case -EISDIR:
		/* Some engines know only the second half as a reason for 126. */
		return error_set(err, code, "exec: \"%s\": is a directory: permission denied", name);
	case -EACCES:
		return error_set(err, code, "exec: \"%s\": permission denied", name);
	case -ENOENT:
		return error_set(err, code, "exec: \"%s\": stat %s: no such file or directory", name, name);
	case -ENOTDIR:
		return error_set(err, code, "exec: \"%s\": stat %s: not a directory", name, name);
	default:
		errno = -code;
		return error_errno(err, "exec: \"%s\": open %s", name, path);
	}
}

/* `path` as seen from process.cwd. malloc()ed; NULL when out of memory. */
static char *from_cwd(const struct oci_process *process, const char *path)
{
	return path[0] == '/' ? strdup(path) : path_join(process->cwd ? process->cwd : "/", path);
}

static int check_from_cwd(const struct oci_process *process, int root_fd, const char *path)
{
	auto_free char *whole = from_cwd(process, path);

	return whole ? check_file(root_fd, whole) : -ENOMEM;
}

static int search_path(const struct oci_process *process, int root_fd, const char *dirs, char **out,
		       struct error *err)
{
	const char *arg = process->args.v[0];
	char name[128];

	for (const char *p = dirs; *arg && p; p = strchr(p, ':') ? strchr(p, ':') + 1 : NULL) {
		size_t n = strcspn(p, ":");
		/* An empty entry is the current directory, as ever. */
		auto_free char *file = n ? str_printf("%.*s/%s", (int)n, p, arg) : str_printf("./%s", arg);

		if (!file)
			return error_set(err, -ENOMEM, "exec: out of memory");
		if (check_from_cwd(process, root_fd, file) == 0) {
			*out = TAKE_PTR(file);
			return 0;
		}
	}
	diagnose_quote(name, sizeof(name), arg, strlen(arg));
	return error_set(err, -ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

static int find_file(const struct oci_process *process, int root_fd, const struct strv *env, char **out,
		     struct error *err)
{
	const char *arg = process->args.v[0];
	const char *dirs = env_value(env, "PATH");
	int r;

	if (!strchr(arg, '/'))
		return search_path(process, root_fd, dirs ? dirs : DEFAULT_PATH, out, err);
	r = check_from_cwd(process, root_fd, arg);
	if (r < 0)
		return lookup_failed(arg, arg, r, err);
	*out = strdup(arg);
	return *out ? 0 : error_set(err, -ENOMEM, "exec: out of memory");
}

int exec_lookup(const struct oci_process *process, int root_fd, struct exec_plan *out, struct error *err)
{
	auto_strv struct strv env = {0};
	auto_free char *file = NULL;
	int r;

	if (!process->args.n || !process->args.v[0])
		return error_set(err, -EINVAL, "process.args: is empty");
	r = make_env(process, root_fd, &env, err);
	if (!r)
		r = find_file(process, root_fd, &env, &file, err);
	if (r < 0)
		return r;
	/* execve(2) wants a NULL at the end, which the parser's arrays do not promise. */
	char **argv = calloc(process->args.n + 1, sizeof(*argv));
	if (!argv)
		return error_set(err, -ENOMEM, "exec: out of memory");
	memcpy(argv, process->args.v, process->args.n * sizeof(*argv));
	*out = (struct exec_plan){.argv = argv, .env = env, .file = TAKE_PTR(file)};
	env = (struct strv){0};
	return 0;
}

/* --- execve --- */

/* What is not the default would be inherited by execve only where it is "ignore", but a handler of ours must
 * not run while the descriptors it uses are being closed. */
int exec_shed(int first_fd, const int *keep, size_t n, struct error *err)
{
	proc_reset_signals();
	return fd_close_from(first_fd, keep, n, err);
}

int exec_now(const struct exec_plan *plan, struct error *err)
{
	execve(plan->file, plan->argv, plan->env.v);
	return diagnose_exec(plan->file, errno, err);
}
