noinst_LIBRARIES += libcontainer/cgroup/libcgroup.a
libcontainer_cgroup_libcgroup_a_SOURCES = \
	%D%/asked.c \
	%D%/block_io.c \
	%D%/bus.c %D%/bus.h \
	%D%/cgroup.c %D%/cgroup.h \
	%D%/controllers.c %D%/controllers.h \
	%D%/convert.c %D%/convert.h \
	%D%/device_rules.c \
	%D%/devices.c %D%/devices.h \
	%D%/folder.c %D%/folder.h \
	%D%/folders.c \
	%D%/hierarchy.c %D%/hierarchy.h \
	%D%/inner.h \
	%D%/limits.c %D%/limits.h \
	%D%/members.c \
	%D%/oom.c %D%/oom.h \
	%D%/owner.c %D%/owner.h \
	%D%/rdt.c %D%/rdt.h \
	%D%/saved.c \
	%D%/setting.c %D%/setting.h \
	%D%/stats.c %D%/stats.h \
	%D%/subtree.c %D%/subtree.h \
	%D%/systemd.c %D%/systemd.h \
	%D%/unit.c %D%/unit.h
