check_PROGRAMS += tests/unit/base/test_base
TESTS += tests/unit/base/test_base
tests_unit_base_test_base_SOURCES = \
	%D%/lack.c %D%/lack.h %D%/tree.c %D%/tree.h \
	%D%/test_channel.c \
	%D%/test_clock.c \
	%D%/test_error.c \
	%D%/test_fd.c \
	%D%/test_log.c \
	%D%/test_loop.c \
	%D%/test_path.c \
	%D%/test_path_race.c \
	%D%/test_proc.c \
	%D%/test_seal.c \
	%D%/test_sha256.c \
	%D%/test_str.c \
	%D%/test_sys.c \
	%D%/test_walk.c
tests_unit_base_test_base_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
tests_unit_base_test_base_LDADD = $(floor0) $(CRITERION_LIBS)
