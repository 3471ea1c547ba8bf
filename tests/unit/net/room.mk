check_PROGRAMS += tests/unit/net/test_net
TESTS += tests/unit/net/test_net
tests_unit_net_test_net_SOURCES = %D%/test_link.c %D%/test_netlink.c %D%/test_bridge.c
tests_unit_net_test_net_SOURCES += %D%/scene.c %D%/scene.h %D%/test_redirect.c %D%/test_survey.c
tests_unit_net_test_net_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
tests_unit_net_test_net_LDADD = libcontainer/net/libnet.a $(floor0) $(third_party) $(CRITERION_LIBS)
