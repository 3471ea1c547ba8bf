check_PROGRAMS += tests/unit/tty/test_tty
TESTS += tests/unit/tty/test_tty
tests_unit_tty_test_tty_SOURCES = %D%/scene.c %D%/scene.h %D%/test_console.c %D%/test_relay.c %D%/test_relay_input.c
tests_unit_tty_test_tty_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
tests_unit_tty_test_tty_LDADD = libcontainer/tty/libtty.a $(floor0) $(CRITERION_LIBS)
