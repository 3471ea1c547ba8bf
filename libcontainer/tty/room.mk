noinst_LIBRARIES += libcontainer/tty/libtty.a
libcontainer_tty_libtty_a_SOURCES = \
	%D%/console.c %D%/console.h \
	%D%/relay.c %D%/relay.h
