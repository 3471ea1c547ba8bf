noinst_LIBRARIES += libcontainer/net/libnet.a
libcontainer_net_libnet_a_SOURCES = \
	%D%/netlink.c %D%/netlink.h \
	%D%/device.c %D%/device.h \
	%D%/adopt.c %D%/adopt.h \
	%D%/bridge.c %D%/bridge.h \
	%D%/link.c %D%/link.h \
	%D%/loopback.c \
	%D%/redirect.c %D%/redirect.h \
	%D%/survey.c %D%/survey.h \
	%D%/tap.c %D%/tap.h
