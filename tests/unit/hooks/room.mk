check_PROGRAMS += tests/unit/hooks/test_hooks
TESTS += tests/unit/hooks/test_hooks
tests_unit_hooks_test_hooks_SOURCES = %D%/test_hook.c %D%/test_veth.c
tests_unit_hooks_test_hooks_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
tests_unit_hooks_test_hooks_LDADD = hooks/libhooks.a libcontainer/net/libnet.a $(floor0) $(MNL_LIBS) $(CRITERION_LIBS)
