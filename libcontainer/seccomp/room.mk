noinst_LIBRARIES += libcontainer/seccomp/libseccomp.a
libcontainer_seccomp_libseccomp_a_SOURCES = \
	%D%/names.c %D%/names.h \
	%D%/filter.c %D%/filter.h \
	%D%/cache.c %D%/cache.h \
	%D%/notify.c %D%/notify.h \
	%D%/dispatch.c %D%/dispatch.h \
	%D%/tree.c %D%/tree.h \
	%D%/rules.c %D%/rules.h
