/* host_mounts.c: see host_mounts.h. */
#include "mount/host_mounts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "mount/attach.h"

enum { MOUNTINFO_MAX = 16 << 20 };

void host_mounts_unescape(char *path)
{
	char *out = path;

	for (const char *p = path; *p;) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
		    p[3] <= '7') {
			*out++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*out++ = *p++;
		}
	}
	*out = '\0';
}

static bool is_beneath(const char *path, const char *root)
{
	size_t n = strlen(root);

	return !strncmp(path, root, n) && (!path[n] || path[n] == '/');
}

static int hide(struct root *r, const char *path, struct error *err)
{
	static const char *const data[] = {"mode=555", "size=4k", "nr_inodes=2"};
	auto_close int fd = -EBADF;
	struct piece p = {.kind = PIECE_NEW,
			  .type = "tmpfs",
			  .source = "tmpfs",
			  .data = data,
			  .data_n = 3,
			  .one.set = MOUNT_ATTR_RDONLY};
	struct place at = {.root = AT_FDCWD, .path = path};

	if (umount2(path, MNT_DETACH) == 0)
		return 0;
	/* Locked, or by now not to be reached at all. */
	at.fd = fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			   ? 0
			   : error_errno(err, "hide %s", path);
	return attach_piece(r, &p, &at, NULL, err);
}

/* One line: 36 35 98:0 /root /mount/point options … - type source options. NULL: it does not concern us. */
static char *line_path(char *line)
{
	char *dash = strstr(line, " - "), *path = line;

	if (!dash || (!str_starts(dash + 3, "proc ") && !str_starts(dash + 3, "sysfs ")))
		return NULL;
	for (int i = 0; i < 4; i++) {
		path = strchr(path, ' ');
		if (!path)
			return NULL;
		path++;
	}
	path[strcspn(path, " ")] = '\0';
	host_mounts_unescape(path);
	return path;
}

int host_mounts_hide(struct root *r, struct error *err)
{
	auto_free char *text = NULL;
	int ret = file_read_at(AT_FDCWD, "/proc/thread-self/mountinfo", MOUNTINFO_MAX, &text, NULL, err);
	char *end;

	if (ret < 0)
		return ret;
	/* Backwards: what was mounted last is on top, and the /proc of the others comes last of all. */
	for (end = strrchr(text, '\n'); ret == 0 && end;) {
		char *line, *path;

		*end = '\0';
		end = strrchr(text, '\n');
		line = end ? end + 1 : text;
		path = line_path(line);
		if (path && !is_beneath(path, r->path))
			ret = hide(r, path, err);
	}
	return ret;
}
