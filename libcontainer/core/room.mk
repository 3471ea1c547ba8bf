noinst_LIBRARIES += libcontainer/core/libcore.a
libcontainer_core_libcore_a_SOURCES = \
	%D%/stages.h \
	%D%/agent/wire.c %D%/agent/wire.h %D%/agent/binding.c %D%/agent/binding.h %D%/agent/host.c %D%/agent/host.h \
	%D%/container.c %D%/container.h \
	%D%/container_load.c \
	%D%/event_document.c %D%/event_document.h \
	%D%/events.c %D%/events.h \
	%D%/exec.c %D%/exec.h \
	%D%/features.c \
	%D%/gate.c %D%/gate.h \
	%D%/host_check.c %D%/host_check.h \
	%D%/isolation.c %D%/isolation.h \
	%D%/isolation_namespaces.c \
	%D%/lifecycle.c %D%/lifecycle.h \
	%D%/monitor.c %D%/monitor.h \
	%D%/pipeline.c %D%/pipeline.h \
	%D%/ready.c %D%/ready.h \
	%D%/stages_enter.c \
	%D%/stages_guest.c \
	%D%/stages_host.c \
	%D%/stages_inside.c \
	%D%/stages_rdt.c \
	%D%/store.c %D%/store.h

# Containers in virtual machines: the monitor's side.
libcontainer_core_libcore_a_SOURCES += \
	%D%/agent/image.c %D%/agent/image.h \
	%D%/isolation_kvm.c \
	%D%/vm/clients.c %D%/vm/clients.h \
	%D%/vm/control.c %D%/vm/control.h \
	%D%/vm/exec.c %D%/vm/exec.h \
	%D%/vm/jail.c %D%/vm/jail.h \
	%D%/vm/machine.c %D%/vm/machine.h \
	%D%/vm/monitor.c %D%/vm/monitor.h \
	%D%/vm/network.c %D%/vm/network.h \
	%D%/vm/size.c %D%/vm/size.h \
	%D%/vm/terminal.c %D%/vm/terminal.h

# The guest's side; linked into the agent only.
libcontainer_core_libcore_a_SOURCES += \
	%D%/agent/guest.c %D%/agent/guest.h \
	%D%/agent/process.c %D%/agent/process.h \
	%D%/agent/spec.c %D%/agent/spec.h \
	%D%/agent/stream.c %D%/agent/stream.h
