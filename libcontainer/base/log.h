/* log.h: one sink for log lines, text or JSON, each line one write(2).
 *
 * The library itself only logs at LOG_DEBUG and LOG_WARNING; errors travel in struct error, and the program writes the
 * one line about them. Before log_open(): text to stderr, up to LOG_WARNING. Text on stderr is `warning: …`, in a file
 * time="…" level=warning msg="…"; JSON lines are {"level":"error","msg":"…","time":"2026-11-23T09:46:02Z"}.
 * Each message is one line, whatever it holds: control characters become '?' (\u00XX in JSON), bytes that are not UTF-8
 * become U+FFFD in JSON, and what exceeds 2 KiB is cut. errno survives.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/error.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_LEVEL_MAX };
extern const char *const log_level_names[LOG_LEVEL_MAX + 1];

/* Where lines go from now on. path NULL: stderr; "file:PATH" or PATH: opened O_APPEND|O_CREAT 0644, made close-on-exec.
 * Lines above `level` are dropped. */
int log_open(const char *path, bool json, enum log_level level, struct error *err);
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool log_wants(enum log_level level);
bool log_has_file(void);
/* The descriptor of the log file, for keep lists of fd_close_from(); -EBADF where lines go to stderr. */
int log_fd(void);
/* A line whose text and level came from another process (struct msg): a level that is none becomes LOG_WARNING. */
void log_foreign(enum log_level level, const char *text);

#endif
