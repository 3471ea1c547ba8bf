check_PROGRAMS += tests/unit/cgroup/test_cgroup
TESTS += tests/unit/cgroup/test_cgroup
tests_unit_cgroup_test_cgroup_SOURCES = \
	%D%/real.c %D%/real.h \
	%D%/test_cgroup.c \
	%D%/test_convert.c \
	%D%/test_devices.c \
	%D%/test_folder.c \
	%D%/test_hierarchy.c \
	%D%/test_limits.c \
	%D%/test_oom.c \
	%D%/test_rdt.c \
	%D%/test_stats.c \
	%D%/test_unit.c
tests_unit_cgroup_test_cgroup_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
tests_unit_cgroup_test_cgroup_LDADD = libcontainer/cgroup/libcgroup.a $(floor1) $(floor0) $(third_party) $(CRITERION_LIBS) -lm
