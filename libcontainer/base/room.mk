noinst_LIBRARIES += libcontainer/base/libbase.a
libcontainer_base_libbase_a_SOURCES = \
	%D%/auto.h %D%/table.h \
	%D%/channel.c %D%/channel.h \
	%D%/clock.c %D%/clock.h \
	%D%/error.c %D%/error.h \
	%D%/fd.c %D%/fd.h \
	%D%/log.c %D%/log.h \
	%D%/loop.c %D%/loop.h \
	%D%/path.c %D%/path.h \
	%D%/proc.c %D%/proc.h \
	%D%/seal.c %D%/seal.h \
	%D%/sha256.c %D%/sha256.h \
	%D%/str.c %D%/str.h \
	%D%/sys.c %D%/sys.h \
	%D%/walk.c %D%/walk.h
