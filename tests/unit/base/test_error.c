/* test_error.c: errors keep their code, their cause, and to one line. */
#include "base/error.h"

#include <criterion/criterion.h>
#include <string.h>

Test(error, set_stores_code_and_text)
{
	struct error e = ERROR_NONE;

	cr_assert_eq(error_set(&e, -EINVAL, "bad %s %d", "thing", 7), -EINVAL);
	cr_assert_eq(e.code, -EINVAL);
	cr_assert_str_eq(e.msg, "bad thing 7");
}

Test(error, set_never_stores_a_success)
{
	struct error e = ERROR_NONE;

	cr_assert_eq(error_set(&e, 0, "x"), -EIO);
	cr_assert_eq(e.code, -EIO);
	cr_assert_eq(error_set(&e, ENOENT, "x"), -ENOENT);
	cr_assert_eq(error_set(NULL, 0, "x"), -EIO);
}

Test(error, errno_is_appended_and_survives)
{
	struct error e = ERROR_NONE;

	errno = EACCES;
	cr_assert_eq(error_errno(&e, "open %s", "/x"), -EACCES);
	cr_assert_str_eq(e.msg, "open /x: Permission denied");
	cr_assert_eq(errno, EACCES);
}

Test(error, odd_errno_is_still_an_error)
{
	static const struct {
		int is, code;
	} cases[] = {
	    {0,	-EIO },
	       {-5,	    -EIO },
		   {1 << 30, -EIO },
	    {524,	  -524 },
		 {4095,	-4095},
		{4096,    -EIO }
	    };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error e = ERROR_NONE;

		errno = cases[i].is;
		cr_assert_eq(error_errno(&e, "x"), cases[i].code, "errno %d", cases[i].is);
		cr_assert_eq(e.code, cases[i].code);
		errno = cases[i].is;
		cr_assert_eq(error_errno(NULL, "x"), cases[i].code);
	}
}

Test(error, wrap_puts_text_in_front_and_keeps_the_code)
{
	struct error e = ERROR_NONE;

	error_set(&e, -ENOENT, "inner");
	cr_assert_eq(error_wrap(&e, "outer %d", 1), -ENOENT);
	cr_assert_str_eq(e.msg, "outer 1: inner");
	cr_assert_lt(error_wrap(NULL, "x"), 0);
}

Test(error, wrap_of_nothing_is_an_error)
{
	struct error e = ERROR_NONE;

	cr_assert_eq(error_wrap(&e, "outer"), -EIO);
	cr_assert_str_eq(e.msg, "outer");
}

Test(error, messages_are_one_harmless_line)
{
	struct error e = ERROR_NONE;

	error_set(&e, -EINVAL, "a\nb\r\x1b[31m\x7f\tz");
	cr_assert_str_eq(e.msg, "a?b??[31m??z");
	error_wrap(&e, "%s", "x\ny");
	cr_assert_str_eq(e.msg, "x?y: a?b??[31m??z");
	error_set(&e, -EINVAL, "caf\xc3\xa9");
	cr_assert_str_eq(e.msg, "caf\xc3\xa9", "bytes above 0x7f are text");
	/* But for the control characters up there, which begin a terminal's commands as well: U+009B is ESC [. */
	error_set(&e, -EINVAL, "a\xc2\x9b" "31mb\x9b" "2Jc\xc2\x80\xc2\xa0\xe1\x9b\x80\xe1\x9b");
	cr_assert_str_eq(e.msg, "a??31mb?2Jc??\xc2\xa0\xe1\x9b\x80\xe1?");
}

Test(error, cause_outlives_a_long_front)
{
	struct error e = ERROR_NONE;
	char front[2000];

	memset(front, 'f', sizeof(front) - 1);
	front[sizeof(front) - 1] = '\0';
	errno = ENOENT;
	error_errno(&e, "%s", front);
	cr_assert_eq(strlen(e.msg), sizeof(e.msg) - 1);
	cr_assert_not_null(strstr(e.msg, "f: No such file or directory"));
	error_set(&e, -EINVAL, "%s", front);
	error_wrap(&e, "outer");
	cr_assert_eq(strncmp(e.msg, "outer: fff", 10), 0);
}
