noinst_LIBRARIES += hooks/libhooks.a
hooks_libhooks_a_SOURCES = \
	%D%/hook.c %D%/hook.h

# Programs to be used as hooks.
pkglibexec_PROGRAMS = hooks/veth
hooks_veth_SOURCES = %D%/veth.c
hooks_veth_LDADD = libcontainer/net/libnet.a $(floor1) $(floor0) $(YAJL_LIBS) $(MNL_LIBS)
