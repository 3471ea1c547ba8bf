noinst_LIBRARIES += libcontainer/net/libnet.a
libcontainer_net_libnet_a_SOURCES = \
	%D%/netlink.c %D%/netlink.h \
	%D%/device.c %D%/device.h \
	%D%/bridge.c %D%/bridge.h \
	%D%/link.c %D%/link.h \
	%D%/survey.h \
	%D%/loopback.c
