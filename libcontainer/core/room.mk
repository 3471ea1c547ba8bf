noinst_LIBRARIES += libcontainer/core/libcore.a
libcontainer_core_libcore_a_SOURCES = \
	%D%/stages.h \
	%D%/agent_wire.c %D%/agent.h %D%/agent_binding.c %D%/agent_binding.h %D%/agent_host.c %D%/agent_host.h \
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
	%D%/stages_enter.c \
	%D%/stages_guest.c \
	%D%/stages_host.c \
	%D%/stages_inside.c \
	%D%/stages_rdt.c \
	%D%/store.c %D%/store.h

# Containers in virtual machines: the monitor's side.
libcontainer_core_libcore_a_SOURCES += \
	%D%/agent_image.c %D%/agent_image.h \
	%D%/isolation_kvm.c \
	%D%/vm_clients.c %D%/vm_clients.h \
	%D%/vm_control.c %D%/vm_control.h \
	%D%/vm_exec.c %D%/vm_exec.h \
	%D%/vm_jail.c %D%/vm_jail.h \
	%D%/vm_machine.c %D%/vm_machine.h \
	%D%/vm_monitor.c %D%/vm_monitor.h \
	%D%/vm_network.c %D%/vm_network.h \
	%D%/vm_size.c %D%/vm_size.h \
	%D%/vm_terminal.c %D%/vm_terminal.h

# The guest's side; linked into the agent only.
libcontainer_core_libcore_a_SOURCES += \
	%D%/agent_guest.c %D%/agent_guest.h \
	%D%/agent_process.c %D%/agent_process.h \
	%D%/agent_spec.c %D%/agent_spec.h \
	%D%/agent_stream.c %D%/agent_stream.h
