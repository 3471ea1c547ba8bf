noinst_LIBRARIES += libcontainer/mount/libmount.a
libcontainer_mount_libmount_a_SOURCES = \
	%D%/attach.c %D%/attach.h \
	%D%/classic.c %D%/classic.h \
	%D%/cgroup_view.c %D%/cgroup_view.h \
	%D%/context.c %D%/context.h \
	%D%/copyup.c %D%/copyup.h \
	%D%/destination.c %D%/destination.h \
	%D%/dev.c %D%/dev.h \
	%D%/host_mounts.c %D%/host_mounts.h \
	%D%/idmapped.c %D%/idmapped.h \
	%D%/mask.c %D%/mask.h \
	%D%/mount.c %D%/mount.h \
	%D%/options.c %D%/options.h \
	%D%/piece.h \
	%D%/root.c %D%/root.h
