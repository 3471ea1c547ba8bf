/* log.c: see log.h. */
#include "base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/table.h"

const char *const log_level_names[LOG_LEVEL_MAX + 1] = {"error", "warning", "info", "debug", NULL};
NAMES_COMPLETE(log_level_names, LOG_LEVEL_MAX);

enum { MESSAGE_MAX = 2048, ESCAPE_MAX = 6, AROUND_MAX = 128, FIRST_FREE_FD = 3 };

static struct {
	int fd; /* -EBADF: stderr */
	bool json;
	enum log_level level;
} sink = {-EBADF, false, LOG_WARNING};

/* A line in the making; large enough for MESSAGE_MAX bytes that all need escaping, so nothing is checked on
 * the way. */
struct line {
	size_t n;
	char v[MESSAGE_MAX * ESCAPE_MAX + AROUND_MAX];
};

int log_open(const char *path, bool json, enum log_level level, struct error *err)
{
	auto_close int fd = -EBADF;

	if (path) {
		if (!strncmp(path, "file:", 5))
			path += 5;
		/* A pipe that nobody reads, or nobody reads any more, is no reason to wait. */
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
		if (fd < 0)
			return error_errno(err, "open log %s", path);
		/* Called with a standard stream closed, the log must not become what the container's process
		 * writes to. */
		if (fd < FIRST_FREE_FD) {
			int higher = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

			if (higher < 0)
				return error_errno(err, "open log %s", path);
			close(fd);
			fd = higher;
		}
	}
	auto_closep(&sink.fd);
	sink.fd = path ? TAKE_FD(fd) : -EBADF;
	sink.json = json;
	sink.level = level;
	return 0;
}

bool log_wants(enum log_level level)
{
	return level <= sink.level;
}

bool log_has_file(void)
{
	return sink.fd >= 0;
}

int log_fd(void)
{
	return sink.fd;
}

static void put(struct line *l, const char *s)
{
	size_t n = strlen(s);

	memcpy(l->v + l->n, s, n);
	l->n += n;
}

static void put_json(struct line *l, const char *s)
{
	while (*s) {
		size_t n = str_utf8_len(s);

		if (n == 0) {
			put(l, "\xef\xbf\xbd");
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			l->v[l->n++] = '\\';
			l->v[l->n++] = *s;
		} else if (str_control_len(s)) {
			/* Of two bytes, the second is its number. */
			l->n += (size_t)sprintf(l->v + l->n, "\\u%04x", (unsigned char)s[n - 1]);
		} else {
			memcpy(l->v + l->n, s, n);
			l->n += n;
		}
		s += n;
	}
}

/* What a terminal would obey becomes '?'. Quoted is how files have it. */
static void put_text(struct line *l, const char *s, bool quoted)
{
	while (*s) {
		size_t control = str_control_len(s), n = control ? control : str_utf8_len(s);

		if (quoted && (*s == '"' || *s == '\\'))
			l->v[l->n++] = '\\';
		n = n ? n : 1;
		if (control)
			memset(l->v + l->n, '?', n);
		else
			memcpy(l->v + l->n, s, n);
		l->n += n;
		s += n;
	}
}

static void put_time(struct line *l)
{
	put(l, clock_format((struct timespec){ time(NULL), 0 }, 0).text);
}

static void write_line(enum log_level level, const char *msg)
{
	const char *name = log_level_names[level];
	struct line l;
	int saved = errno;

	l.n = 0;
	if (sink.json) {
		put(&l, "{\"level\":\"");
		put(&l, name);
		put(&l, "\",\"msg\":\"");
		put_json(&l, msg);
		put(&l, "\",\"time\":\"");
		put_time(&l);
		put(&l, "\"}");
	} else if (sink.fd >= 0) {
		put(&l, "time=\"");
		put_time(&l);
		put(&l, "\" level=");
		put(&l, name);
		put(&l, " msg=\"");
		put_text(&l, msg, true);
		put(&l, "\"");
	} else {
		put(&l, name);
		put(&l, ": ");
		put_text(&l, msg, false);
	}
	put(&l, "\n");
	/* One write, so that lines of several processes do not mix. There is nobody to tell that it failed.
	 */
	while (write(sink.fd >= 0 ? sink.fd : STDERR_FILENO, l.v, l.n) < 0 && errno == EINTR)
		;
	errno = saved;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char msg[MESSAGE_MAX];
	va_list ap;

	if (!log_wants(level))
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	write_line(level, msg);
}

void log_foreign(enum log_level level, const char *text)
{
	if ((unsigned)level >= LOG_LEVEL_MAX)
		level = LOG_WARNING;
	log_line(level, "%s", text);
}
