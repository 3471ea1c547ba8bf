check_PROGRAMS += tests/unit/seccomp/test_seccomp
TESTS += tests/unit/seccomp/test_seccomp
tests_unit_seccomp_test_seccomp_SOURCES = \
	%D%/bpf.c %D%/bpf.h %D%/profile.h \
	%D%/test_names.c %D%/test_filter.c %D%/test_cache.c %D%/test_load.c %D%/test_notify.c %D%/test_dispatch.c %D%/test_tree.c %D%/test_reference.c
# The structs of a parsed config hold char *; here they hold literals.
tests_unit_seccomp_test_seccomp_CFLAGS = $(AM_CFLAGS) -Wno-write-strings
tests_unit_seccomp_test_seccomp_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS) -DTESTS_DIR='"$(abs_top_srcdir)/tests"'
tests_unit_seccomp_test_seccomp_LDADD = libcontainer/seccomp/libseccomp.a $(floor1) $(floor0) $(third_party) $(CRITERION_LIBS)
EXTRA_DIST += tests/data/seccomp-large.json $(wildcard $(top_srcdir)/tests/cases/seccomp/*.txt)
