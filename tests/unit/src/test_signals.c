/* test_signals.c: signals by name and number, and what is neither. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "src/signals.h"

static void expect(const char *text, int wanted)
{
	struct error err = ERROR_NONE;
	int signo = -1;

	cr_assert_eq(signal_parse(text, &signo, &err), 0, "%s: %s", text, err.msg);
	cr_assert_eq(signo, wanted, "%s gave %d", text, signo);
}

Test(signals, numbers)
{
	expect("0", 0);
	expect("9", SIGKILL);
	expect("37", 37);
	expect("64", 64);
}

Test(signals, names_in_any_case)
{
	expect("KILL", SIGKILL);
	expect("SIGKILL", SIGKILL);
	expect("kill", SIGKILL);
	expect("sigTerm", SIGTERM);
	expect("WINCH", SIGWINCH);
	expect("SIGSTKFLT", SIGSTKFLT);
	expect("POLL", SIGPOLL);
	expect("IO", SIGIO);
	expect("SIGIOT", SIGABRT);
	expect("CLD", SIGCHLD);
	expect("PWR", SIGPWR);
	expect("SYS", SIGSYS);
}

Test(signals, realtime)
{
	expect("RTMIN", SIGRTMIN);
	expect("SIGRTMIN+3", SIGRTMIN + 3);
	expect("rtmin+30", SIGRTMAX);
	expect("RTMAX", SIGRTMAX);
	expect("SIGRTMAX-1", SIGRTMAX - 1);
	expect("RTMAX-30", SIGRTMIN);
}

Test(signals, nonsense_is_refused)
{
	static const char *const bad[] = {
	    "",	      "65",	  "-1",		"-9",	    "+9",	" 9",	       "9 ",	  "0x9",
	    "KILLL",  "SIG",	  "SIGSIGKILL", "SIG9",	    "KIL",	"TERM ",       "RTMIN-1", "RTMIN+31",
	    "RTMIN+", "RTMIN+-1", "RTMAX+1",	"RTMAX-31", "RTMIN+ 1", "99999999999", "9\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_NONE;
		int signo = 4711;

		cr_assert_eq(signal_parse(bad[i], &signo, &err), -EINVAL, "\"%s\" gave %d", bad[i], signo);
		cr_assert_eq(signo, 4711, "\"%s\" changed the output", bad[i]);
		cr_assert_not_null(strstr(err.msg, "unknown signal"));
	}
}
