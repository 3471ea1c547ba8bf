check_PROGRAMS += tests/unit/mount/test_mount
TESTS += tests/unit/mount/test_mount
tests_unit_mount_test_mount_SOURCES = %D%/inside.c %D%/inside.h \
	%D%/test_attack.c %D%/test_cgroup_view.c %D%/test_dev.c %D%/test_idmapped.c %D%/test_mount.c %D%/test_options.c \
	%D%/test_root.c
tests_unit_mount_test_mount_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS) -DTESTS_DIR='"$(abs_top_srcdir)/tests"'
tests_unit_mount_test_mount_LDADD = libcontainer/mount/libmount.a $(floor1) $(floor0) $(third_party) $(CRITERION_LIBS)
EXTRA_DIST += tests/cases/mount-options.txt
