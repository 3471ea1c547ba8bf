noinst_LIBRARIES += libcontainer/process/libprocess.a
libcontainer_process_libprocess_a_SOURCES = \
	%D%/caps.c %D%/caps.h \
	%D%/rlimit.c %D%/rlimit.h \
	%D%/user.c %D%/user.h \
	%D%/sched.c %D%/sched.h \
	%D%/label.c %D%/label.h \
	%D%/sysctl.c %D%/sysctl.h \
	%D%/exec.c %D%/exec.h \
	%D%/diagnose.c %D%/diagnose.h \
	%D%/procfs.c %D%/procfs.h
