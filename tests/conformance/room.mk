# Conformance tests: a test for each requirement of runtime-spec 1.3.0 that a program can observe, against the real binary or another
# runtime's: RUNTIME=/usr/sbin/runc make check-conformance. See ./conformance for what other runtimes may need.
conformance_topics = runtime config mounts hooks linux cgroups seccomp features
conformance_programs = \
	tests/conformance/test_runtime \
	tests/conformance/test_config \
	tests/conformance/test_mounts \
	tests/conformance/test_hooks \
	tests/conformance/test_linux \
	tests/conformance/test_cgroups \
	tests/conformance/test_seccomp \
	tests/conformance/test_features

check_LIBRARIES += tests/conformance/libconform.a
tests_conformance_libconform_a_SOURCES = %D%/conform.c %D%/conform.h
conformance_ldadd = tests/conformance/libconform.a tests/run/libharness.a $(YAJL_LIBS)

check_PROGRAMS += $(conformance_programs)
tests_conformance_test_runtime_SOURCES = %D%/test_runtime.c
tests_conformance_test_runtime_LDADD = $(conformance_ldadd)
tests_conformance_test_config_SOURCES = %D%/test_config.c
tests_conformance_test_config_LDADD = $(conformance_ldadd)
tests_conformance_test_mounts_SOURCES = %D%/test_mounts.c
tests_conformance_test_mounts_LDADD = $(conformance_ldadd)
tests_conformance_test_hooks_SOURCES = %D%/test_hooks.c
tests_conformance_test_hooks_LDADD = $(conformance_ldadd)
tests_conformance_test_linux_SOURCES = %D%/test_linux.c
tests_conformance_test_linux_LDADD = $(conformance_ldadd)
tests_conformance_test_cgroups_SOURCES = %D%/test_cgroups.c
tests_conformance_test_cgroups_LDADD = $(conformance_ldadd)
tests_conformance_test_seccomp_SOURCES = %D%/test_seccomp.c
tests_conformance_test_seccomp_LDADD = $(conformance_ldadd)
tests_conformance_test_features_SOURCES = %D%/test_features.c
tests_conformance_test_features_LDADD = $(conformance_ldadd)

EXTRA_DIST += %D%/conformance %D%/table.awk %D%/compare %D%/deviations

.PHONY: check-conformance
check-conformance: nacre tests/run/inside $(conformance_programs)
	$(AM_V_at)$(SANITIZE_ENVIRONMENT) $(SHELL) $(top_srcdir)/%D%/conformance $(conformance_topics)
