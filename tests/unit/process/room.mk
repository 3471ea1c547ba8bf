check_PROGRAMS += tests/unit/process/test_process
TESTS += tests/unit/process/test_process
tests_unit_process_test_process_SOURCES = \
	%D%/child.h %D%/folder.h \
	%D%/test_caps.c %D%/test_rlimit.c %D%/test_user.c %D%/test_exec.c %D%/test_diagnose.c \
	%D%/test_sched.c %D%/test_label.c %D%/test_sysctl.c %D%/test_procfs.c
# The structs of a parsed config hold char *; here they hold literals.
tests_unit_process_test_process_CFLAGS = $(AM_CFLAGS) -Wno-write-strings
tests_unit_process_test_process_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS) -DTESTS_DIR='"$(abs_top_srcdir)/tests"'
tests_unit_process_test_process_LDADD = libcontainer/process/libprocess.a $(floor1) $(floor0) $(third_party) $(CRITERION_LIBS)
EXTRA_DIST += tests/cases/cpu-lists.txt tests/cases/sysctl-keys.txt tests/cases/passwd-homes.txt
