/* user.c: see user.h. */
#include "process/user.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"

#define DEFAULT_UMASK 0022
#define PASSWD_MAX    (1024 * 1024)

/* The last value means "leave as it is" to setresuid(2): taken for an id, it would leave the process as root.
 */
#define ID_MAX (UINT32_MAX - 1)

static int check_id(const char *place, const struct opt_uint *id, struct error *err)
{
	if (id->set && id->v > ID_MAX)
		return error_set(err, -EINVAL, "%s: %llu is no valid id", place, (unsigned long long)id->v);
	return 0;
}

/* setgroups(2) is refused with EPERM both where "deny" stands in /proc/self/setgroups and where CAP_SETGID is
 * missing; only the first is harmless (nobody could drop them there). Asked without /proc, which at this
 * point belongs to the container. */
static bool has_cap_setgid(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	return syscall(SYS_capget, &head, data) == 0 && data[0].effective & (1U << CAP_SETGID);
}

static int set_groups(const struct uints *ids, struct error *err)
{
	auto_free gid_t *list = NULL;

	if (ids->n > 65536)
		return error_set(err, -EINVAL,
				 "process.user.additionalGids: %zu are more than the kernel takes", ids->n);
	if (ids->n) {
		list = calloc(ids->n, sizeof(*list));
		if (!list)
			return error_set(err, -ENOMEM, "process.user.additionalGids: out of memory");
	}
	for (size_t i = 0; i < ids->n; i++) {
		if (ids->v[i] > ID_MAX)
			return error_set(err, -EINVAL,
					 "process.user.additionalGids[%zu]: %llu is no valid id", i,
					 (unsigned long long)ids->v[i]);
		list[i] = (gid_t)ids->v[i];
	}
	if (setgroups(ids->n, list) == 0)
		return 0;
	if (errno == EPERM && has_cap_setgid()) {
		if (!ids->n) {
			log_line(LOG_DEBUG,
				 "setgroups is denied in this user namespace: supplementary groups stay");
			return 0;
		}
		return error_set(err, -EPERM,
				 "process.user.additionalGids: setgroups is denied in this user namespace");
	}
	if (errno == EINVAL)
		return error_set(err, -EINVAL,
				 "process.user.additionalGids: an id is not mapped in the user namespace");
	return error_errno(err, "process.user.additionalGids: set supplementary groups");
}

static int id_failed(const char *place, unsigned id, struct error *err)
{
	if (errno == EINVAL)
		return error_set(err, -EINVAL, "%s: %u is not mapped in the user namespace", place, id);
	return error_errno(err, "%s: become %u", place, id);
}

int user_become(const struct oci_user *user, bool keep_groups, struct error *err)
{
	static const struct oci_user root = {0};
	int r;

	if (!user)
		user = &root;
	r = check_id("process.user.uid", &user->uid, err);
	if (!r)
		r = check_id("process.user.gid", &user->gid, err);
	if (r)
		return r;
	if (user->umask.set && user->umask.v > 0777)
		return error_set(err, -EINVAL, "process.user.umask: %llu is above 0777",
				 (unsigned long long)user->umask.v);

	uid_t uid = user->uid.set ? (uid_t)user->uid.v : 0;
	gid_t gid = user->gid.set ? (gid_t)user->gid.v : 0;

	/* Groups while we still may: with the user goes the right to change them. */
	if (!keep_groups) {
		r = set_groups(&user->additional_gids, err);
		if (r)
			return r;
	}
	if (setresgid(gid, gid, gid) < 0)
		return id_failed("process.user.gid", gid, err);
	if (setresuid(uid, uid, uid) < 0)
		return id_failed("process.user.uid", uid, err);
	umask(user->umask.set ? (mode_t)user->umask.v : DEFAULT_UMASK);
	return 0;
}

/* A device must not be opened even once (that alone may do something), hence a look through O_PATH first;
 * whoever swaps the file in between gains a non-blocking open of something within its own root. */
static int open_passwd(int root_fd, struct error *err)
{
	auto_close int look = path_open_beneath(root_fd, "/etc/passwd", O_PATH, err);
	struct stat st;

	if (look < 0)
		return look;
	if (fstat(look, &st) < 0)
		return error_errno(err, "stat /etc/passwd");
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "/etc/passwd is not a regular file");

	auto_close int fd = path_open_beneath(root_fd, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, err);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "/etc/passwd is not a regular file");
	return TAKE_FD(fd);
}

/* name:password:uid:gid:gecos:home:shell. Cuts `line`; the home directory of `uid`, or NULL. */
static const char *home_in_line(char *line, uid_t uid)
{
	char *field[7];
	size_t n = 0;
	uint64_t id;

	for (char *p = line; p && n < 7; n++) {
		field[n] = p;
		p = strchr(p, ':');
		if (p)
			*p++ = '\0';
	}
	if (n < 6 || !field[0][0] || number_parse_u64(field[2], 0, ID_MAX, &id) < 0 || id != uid)
		return NULL;
	return field[5];
}

int user_home(int root_fd, uid_t uid, char **out, struct error *err)
{
	struct error why = ERROR_NONE;
	auto_free char *text = NULL;
	const char *home = NULL;
	size_t len = 0;
	auto_close int fd = open_passwd(root_fd, &why);

	if (fd < 0 || fd_read_all(fd, PASSWD_MAX, &text, &len, &why) < 0) {
		if (why.code == -ENOMEM)
			return error_set(err, -ENOMEM, "HOME: out of memory");
		log_line(LOG_DEBUG, "HOME is \"/\": %s", why.msg);
		len = 0;
	}
	for (size_t at = 0; at < len && !home;) {
		char *line = text + at;
		char *end = memchr(line, '\n', len - at);
		size_t n = end ? (size_t)(end - line) : len - at;

		line[n] = '\0'; /* fd_read_all() leaves room for this after the last byte */
		at += n + 1;
		/* With a NUL inside, nobody agrees on what the line says. */
		if (strlen(line) == n)
			home = home_in_line(line, uid);
	}
	if (!home || home[0] != '/')
		home = "/";
	char *copy = strdup(home);
	if (!copy)
		return error_set(err, -ENOMEM, "HOME: out of memory");
	*out = copy;
	return 0;
}
