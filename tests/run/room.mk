# Run tests: the real program on real bundles. Each topic is a program; `tests/run/test_exec tty` runs the tests with "tty" in their name.
run_topics = lifecycle process monitor rootfs namespaces hooks exec cgroup limits devices update systemd seccomp label terminal events network ready badinput image escape state machine kernel claims

check_LIBRARIES = tests/run/libharness.a
tests_run_libharness_a_SOURCES = \
	%D%/harness.c %D%/harness.h \
	%D%/bundle.c %D%/bundle.h \
	%D%/json.c %D%/json.h

# Static, and without the sanitizers: it runs where there are no libraries.
check_PROGRAMS += tests/run/inside tests/run/false_agent tests/run/without_syscalls tests/run/machine
tests_run_machine_SOURCES = %D%/machine.c
tests_run_machine_CFLAGS = -std=gnu17 -Os $(WARNINGS)
tests_run_machine_LDFLAGS = -static
tests_run_inside_SOURCES = %D%/inside.c %D%/hunt.c %D%/hunt.h
tests_run_inside_CFLAGS = -std=gnu17 $(WARNINGS)
tests_run_inside_LDFLAGS = -static
tests_run_false_agent_SOURCES = %D%/false_agent.c libcontainer/core/agent/wire.c libcontainer/base/str.c libcontainer/base/error.c
tests_run_false_agent_CFLAGS = -std=gnu17 $(WARNINGS)
tests_run_false_agent_LDFLAGS = -static
tests_run_without_syscalls_SOURCES = %D%/without_syscalls.c
tests_run_without_syscalls_CFLAGS = -std=gnu17 $(WARNINGS)
tests_run_without_syscalls_LDFLAGS = -static

run_ldadd = tests/run/libharness.a $(YAJL_LIBS)
run_programs = \
	tests/run/test_lifecycle \
	tests/run/test_process \
	tests/run/test_rootfs \
	tests/run/test_namespaces \
	tests/run/test_hooks \
	tests/run/test_exec \
	tests/run/test_cgroup \
	tests/run/test_limits \
	tests/run/test_devices \
	tests/run/test_update \
	tests/run/test_systemd \
	tests/run/test_seccomp \
	tests/run/test_label \
	tests/run/test_terminal \
	tests/run/test_events \
	tests/run/test_network \
	tests/run/test_ready \
	tests/run/test_badinput \
	tests/run/test_image \
	tests/run/test_escape \
	tests/run/test_state \
	tests/run/test_machine \
	tests/run/test_kernel \
	tests/run/test_monitor \
	tests/run/test_claims
check_PROGRAMS += $(run_programs)
tests_run_test_lifecycle_SOURCES = %D%/test_lifecycle.c
tests_run_test_lifecycle_LDADD = $(run_ldadd)
tests_run_test_process_SOURCES = %D%/test_process.c
tests_run_test_process_LDADD = $(run_ldadd)
tests_run_test_rootfs_SOURCES = %D%/test_rootfs.c
tests_run_test_rootfs_LDADD = $(run_ldadd)
tests_run_test_namespaces_SOURCES = %D%/test_namespaces.c
tests_run_test_namespaces_LDADD = $(run_ldadd)
tests_run_test_hooks_SOURCES = %D%/test_hooks.c
tests_run_test_hooks_LDADD = $(run_ldadd)
tests_run_test_exec_SOURCES = %D%/test_exec.c
tests_run_test_exec_LDADD = $(run_ldadd)
tests_run_test_cgroup_SOURCES = %D%/test_cgroup.c
tests_run_test_cgroup_LDADD = $(run_ldadd)
tests_run_test_limits_SOURCES = %D%/test_limits.c
tests_run_test_limits_LDADD = $(run_ldadd)
tests_run_test_devices_SOURCES = %D%/test_devices.c
tests_run_test_devices_LDADD = $(run_ldadd)
tests_run_test_update_SOURCES = %D%/test_update.c
tests_run_test_update_LDADD = $(run_ldadd)
tests_run_test_systemd_SOURCES = %D%/test_systemd.c
tests_run_test_systemd_LDADD = $(run_ldadd)
tests_run_test_seccomp_SOURCES = %D%/test_seccomp.c
tests_run_test_seccomp_LDADD = $(run_ldadd)
tests_run_test_label_SOURCES = %D%/test_label.c
tests_run_test_label_LDADD = $(run_ldadd)
tests_run_test_terminal_SOURCES = %D%/test_terminal.c
tests_run_test_terminal_LDADD = $(run_ldadd)
tests_run_test_events_SOURCES = %D%/test_events.c
tests_run_test_events_LDADD = $(run_ldadd)
tests_run_test_network_SOURCES = %D%/test_network.c
tests_run_test_network_LDADD = $(run_ldadd)
tests_run_test_ready_SOURCES = %D%/test_ready.c
tests_run_test_ready_LDADD = $(run_ldadd)
tests_run_test_badinput_SOURCES = %D%/test_badinput.c
tests_run_test_badinput_LDADD = $(run_ldadd)
tests_run_test_image_SOURCES = %D%/test_image.c
tests_run_test_image_LDADD = $(run_ldadd)
tests_run_test_escape_SOURCES = %D%/test_escape.c
tests_run_test_escape_LDADD = $(run_ldadd)
tests_run_test_state_SOURCES = %D%/test_state.c
tests_run_test_state_LDADD = $(run_ldadd)
tests_run_test_machine_SOURCES = %D%/test_machine.c
tests_run_test_machine_LDADD = $(run_ldadd) libcontainer/vmm/libvmm.a $(floor0)
tests_run_test_kernel_SOURCES = %D%/test_kernel.c
tests_run_test_kernel_LDADD = $(run_ldadd)
tests_run_test_monitor_SOURCES = %D%/test_monitor.c
tests_run_test_monitor_LDADD = $(run_ldadd)
tests_run_test_claims_SOURCES = %D%/test_claims.c
tests_run_test_claims_LDADD = tests/run/libharness.a $(floor3) $(floor2) $(floor1) $(floor0) $(third_party)

EXTRA_DIST += %D%/run-topics
run_topics_command = RUN_ENVIRONMENT='$(SANITIZE_ENVIRONMENT)' $(SHELL) $(top_srcdir)/%D%/run-topics

run_needs = nacre tests/run/inside tests/run/machine tests/run/false_agent tests/run/without_syscalls $(run_programs)

.PHONY: run-programs check-run check-root check-rootless check-old
run-programs: $(run_needs)
# As whoever we are.
check-run: $(run_needs)
	$(AM_V_at)if test `id -u` -eq 0; then $(run_topics_command) root $(run_topics); else $(run_topics_command) rootless $(run_topics); fi
# As root, or with the reason why not.
check-root: $(run_needs)
	$(AM_V_at)$(run_topics_command) root $(run_topics)
# As an ordinary user, also where root calls.
check-rootless: $(run_needs)
	$(AM_V_at)$(run_topics_command) rootless $(run_topics)
# As root, on a kernel that seems to lack the newer system calls.
check-old: $(run_needs)
	$(AM_V_at)$(run_topics_command) old $(run_topics)
