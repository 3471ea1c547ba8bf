bin_PROGRAMS += nacre
nacre_SOURCES = \
	%D%/command.h \
	%D%/main.c \
	%D%/options.c %D%/options.h \
	%D%/output.c %D%/output.h \
	%D%/descriptors.c %D%/descriptors.h \
	%D%/process.c %D%/process.h \
	%D%/signals.c %D%/signals.h \
	%D%/commands.h \
	%D%/cmd_create.c %D%/cmd_start.c %D%/cmd_run.c %D%/cmd_exec.c %D%/cmd_kill.c %D%/cmd_delete.c \
	%D%/cmd_state.c %D%/cmd_list.c %D%/cmd_ps.c %D%/cmd_pause.c %D%/cmd_spec.c %D%/cmd_features.c %D%/cmd_update.c \
	%D%/cmd_events.c %D%/cmd_vm.c %D%/cmd_check.c
nacre_LDADD = $(floor3) $(floor2) $(floor1) $(floor0) $(third_party)

# The guest's first process: static, since there is nothing in the guest but it. Without the libraries' archives it cannot be built, and
# then there are no virtual machines.
if STATIC_AGENT
pkglibexec_PROGRAMS += agent
agent_SOURCES = %D%/agent.c libcontainer/cgroup/systemd_absent.c
# Without the monitor's room: whatever of the host's side came into the guest would lack it.
agent_LDADD = $(floor3) libcontainer/ns/libns.a libcontainer/mount/libmount.a libcontainer/cgroup/libcgroup.a \
	libcontainer/seccomp/libseccomp.a libcontainer/process/libprocess.a libcontainer/tty/libtty.a hooks/libhooks.a \
	libcontainer/net/libnet.a $(floor1) $(floor0) $(SECCOMP_LIBS) $(CAP_LIBS) $(YAJL_LIBS)
# Its file lies in the guest's memory: debug information would be most of it.
agent_LDFLAGS = $(AM_LDFLAGS) -static -s
endif
