check_PROGRAMS += tests/unit/src/test_src
TESTS += tests/unit/src/test_src
tests_unit_src_test_src_SOURCES = %D%/test_options.c %D%/test_process.c %D%/test_signals.c %D%/test_output.c %D%/test_descriptors.c \
	%D%/test_main.c \
	src/options.c src/process.c src/signals.c src/output.c src/descriptors.c
tests_unit_src_test_src_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
tests_unit_src_test_src_LDADD = $(floor1) $(floor0) $(third_party) $(CRITERION_LIBS)
