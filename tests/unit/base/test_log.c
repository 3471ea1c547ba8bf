/* test_log.c: each message is one line in one write, whatever it holds. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

/* stderr as a socket that keeps writes apart. */
static int hear_stderr(void)
{
	int s[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s), 0);
	cr_assert_geq(dup2(s[1], STDERR_FILENO), 0);
	return s[0];
}

static const char *next(int fd)
{
	static char text[16384];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

Test(log, default_is_stderr_and_warnings)
{
	int fd = hear_stderr();

	log_line(LOG_INFO, "quiet");
	cr_assert_str_eq(next(fd), "");
	errno = 42;
	log_line(LOG_WARNING, "three %d", 3);
	cr_assert_eq(errno, 42);
	cr_assert_str_eq(next(fd), "warning: three 3\n");
	log_line(LOG_ERROR, "a\nb\x1b[0m\x7f\"\\");
	cr_assert_str_eq(next(fd), "error: a?b?[0m?\"\\\n");
	log_line(LOG_ERROR, "a\xc2\x9b" "0m\x9b\xc3\xa9");
	cr_assert_str_eq(next(fd), "error: a??0m?\xc3\xa9\n");
	cr_assert_not(log_has_file());
	cr_assert_lt(log_fd(), 0);
	cr_assert(log_wants(LOG_WARNING));
	cr_assert_not(log_wants(LOG_INFO));
}

Test(log, json_is_escaped)
{
	int fd = hear_stderr();
	const char *line;

	cr_assert_eq(log_open(NULL, true, LOG_DEBUG, NULL), 0);
	log_line(LOG_DEBUG, "%s", "q\" b\\ n\n e\x1b d\x7f caf\xc3\xa9 \xf0\x9f\x90\x8b");
	line = next(fd);
	cr_assert_eq(strncmp(line,
			     "{\"level\":\"debug\",\"msg\":\"q\\\" b\\\\ n\\u000a e\\u001b d\\u007f "
			     "caf\xc3\xa9 \xf0\x9f\x90\x8b\","
			     "\"time\":\"20",
			     78),
		     0, "%s", line);
	cr_assert_str_eq(line + strlen(line) - 4, "Z\"}\n");
}

Test(log, json_is_utf8)
{
	/* Cut short, overlong, a surrogate, above U+10FFFF, a stray tail, bytes that never occur. */
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"a\xc3",		      "a\xef\xbf\xbd"				     },
	    {"\xc2\x9b\xc2\xa0",	      "\\u009b\xc2\xa0"				     },
	    {"\xc0\xaf",		 "\xef\xbf\xbd\xef\xbf\xbd"			   },
	    {"\xe0\x80\x80",	     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"		   },
	    {"\xed\xa0\x80",	     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"		   },
	    {"\xf4\x90\x80\x80",	 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\x80z",		      "\xef\xbf\xbdz"				     },
	    {"\xff\xfe",		 "\xef\xbf\xbd\xef\xbf\xbd"			   },
	    {"\xe2\x82z",		  "\xef\xbf\xbd\xef\xbf\xbdz"			     },
	    {"\xf4\x8f\xbf\xbf",	 "\xf4\x8f\xbf\xbf"				   },
	    {"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"			   },
	};
	int fd = hear_stderr();

	cr_assert_eq(log_open(NULL, true, LOG_DEBUG, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[128];

		snprintf(want, sizeof(want), "{\"level\":\"info\",\"msg\":\"%s\",\"time\":\"", cases[i].out);
		log_line(LOG_INFO, "%s", cases[i].in);
		cr_assert_eq(strncmp(next(fd), want, strlen(want)), 0, "case %zu", i);
	}
}

Test(log, long_lines_are_cut_not_split)
{
	static char many[100000];
	int fd = hear_stderr();
	const char *line;

	memset(many, '\x01', sizeof(many) - 1);
	cr_assert_eq(log_open(NULL, true, LOG_DEBUG, NULL), 0);
	log_line(LOG_ERROR, "%s", many);
	line = next(fd);
	cr_assert_gt(strlen(line), 6 * 2000);
	cr_assert_str_eq(line + strlen(line) - 2, "}\n");
	cr_assert_str_eq(next(fd), "", "one write");
}

Test(log, file_lines)
{
	char path[] = "/tmp/test-log-XXXXXX", url[64], *text;
	int fd = mkstemp(path);

	snprintf(url, sizeof(url), "file:%s", path);
	cr_assert_eq(write(fd, "old\n", 4), 4);
	cr_assert_eq(log_open(url, false, LOG_INFO, NULL), 0);
	cr_assert(log_has_file());
	cr_assert(fcntl(log_fd(), F_GETFD) & FD_CLOEXEC);
	log_line(LOG_INFO, "say \"hi\"\nlevel=error");
	log_line(LOG_DEBUG, "not this");
	cr_assert_eq(file_read_at(AT_FDCWD, path, 1000, &text, NULL, NULL), 0);
	cr_assert_eq(strncmp(text, "old\ntime=\"20", 12), 0, "%s", text);
	cr_assert_not_null(strstr(text, "Z\" level=info msg=\"say \\\"hi\\\"?level=error\"\n"), "%s", text);
	cr_assert_null(strstr(text, "not this"));
	free(text);
	unlink(path);
}

Test(log, failure_keeps_the_old_sink)
{
	int fd = hear_stderr();
	struct error e = ERROR_NONE;

	cr_assert_eq(log_open("/no/such/folder/log", true, LOG_DEBUG, &e), -ENOENT);
	cr_assert_not_null(strstr(e.msg, "open log /no/such/folder/log"));
	log_line(LOG_WARNING, "still here");
	cr_assert_str_eq(next(fd), "warning: still here\n");
}

Test(log, standard_streams_stay_free)
{
	char path[] = "/tmp/test-log-XXXXXX";

	close(mkstemp(path));
	close(STDIN_FILENO);
	cr_assert_eq(log_open(path, false, LOG_INFO, NULL), 0);
	cr_assert_geq(log_fd(), 3);
	cr_assert_lt(fcntl(STDIN_FILENO, F_GETFD), 0);
	unlink(path);
}

Test(log, foreign_level_and_text_are_judged)
{
	int fd = hear_stderr();

	log_foreign((enum log_level)99, "a\nb %s %n");
	cr_assert_str_eq(next(fd), "warning: a?b %s %n\n");
	log_foreign((enum log_level) - 1, "x");
	cr_assert_str_eq(next(fd), "warning: x\n");
	log_foreign(LOG_DEBUG, "x");
	cr_assert_str_eq(next(fd), "");
}
