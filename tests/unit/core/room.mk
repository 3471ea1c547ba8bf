check_PROGRAMS += tests/unit/core/test_core
TESTS += tests/unit/core/test_core
tests_unit_core_test_core_SOURCES = %D%/test_agent_guest.c %D%/test_agent_host.c %D%/test_agent_wire.c %D%/test_event_document.c %D%/test_isolation.c %D%/test_vm_control.c %D%/test_vm_end.c %D%/test_vm_jail.c %D%/test_pipeline.c %D%/test_store.c
tests_unit_core_test_core_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
tests_unit_core_test_core_LDADD = $(floor3) $(floor2) $(floor1) $(floor0) $(third_party) $(CRITERION_LIBS)
# Tests come in between where the device is asked, where a thread lets another one go on, and where the kernel is asked for a core.
tests_unit_core_test_core_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=vsock_flush -Wl,--wrap=pthread_mutex_unlock -Wl,--wrap=prctl
