noinst_LIBRARIES += libcontainer/ns/libns.a
libcontainer_ns_libns_a_SOURCES = \
	%D%/namespaces.c %D%/namespaces.h \
	%D%/idmap.c %D%/idmap.h \
	%D%/spawn.c %D%/spawn.h
