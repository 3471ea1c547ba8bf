check_PROGRAMS += tests/unit/ns/test_ns
TESTS += tests/unit/ns/test_ns
tests_unit_ns_test_ns_SOURCES = %D%/test_namespaces.c
tests_unit_ns_test_ns_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
tests_unit_ns_test_ns_LDADD = libcontainer/ns/libns.a $(floor1) $(floor0) $(third_party) $(CRITERION_LIBS)
