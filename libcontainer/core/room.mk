noinst_LIBRARIES += libcontainer/core/libcore.a
libcontainer_core_libcore_a_SOURCES = \
	%D%/stages.h \
	%D%/agent_wire.c %D%/agent.h %D%/agent_host.c %D%/agent_host.h \
	%D%/container.c %D%/container.h \
	%D%/container_load.c \
	%D%/event_document.c %D%/event_document.h \
	%D%/events.c %D%/events.h \
	%D%/exec.c %D%/exec.h \
	%D%/features.c \
	%D%/gate.c %D%/gate.h \
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
