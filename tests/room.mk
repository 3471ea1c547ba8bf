# All tests. Unit tests mirror the tree: one Criterion program a room, linked with that room and the floors below.
if HAVE_CRITERION
include tests/unit/base/room.mk
include tests/unit/oci-spec/room.mk
include tests/unit/ns/room.mk
include tests/unit/mount/room.mk
include tests/unit/cgroup/room.mk
include tests/unit/seccomp/room.mk
include tests/unit/process/room.mk
include tests/unit/tty/room.mk
include tests/unit/hooks/room.mk
include tests/unit/net/room.mk
include tests/unit/vmm/room.mk
include tests/unit/core/room.mk
include tests/unit/src/room.mk
endif

# Every program of TESTS is run through tap-run, which keeps its TAP below tests/tap/ of the build folder; tap-sum.awk adds all up.
LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/tap-run check
AM_TESTS_ENVIRONMENT = $(layers_environment) MAN_PAGE='$(abs_top_srcdir)/man/nacre.8' $(SANITIZE_ENVIRONMENT)
EXTRA_DIST += tests/tap-run tests/tap-sum.awk

# The same programs without automake's words around them: a line each. What cannot be built is named, not forgotten.
.PHONY: check-unit
check-unit: all
	$(AM_V_at)$(MAKE) -s -k check-programs >/dev/null || true # what is not there below has failed
	$(AM_V_at)$(MKDIR_P) tests/tap/check; bad=0; \
	for t in $(TESTS); do \
		test -x $$t || t=$(top_srcdir)/$$t; \
		$(AM_TESTS_ENVIRONMENT) $(LOG_COMPILER) $$t || bad=1; \
	done; \
	if test '$(HAVE_CRITERION)' = no; then \
		n=0; for room in $(unit_rooms); do \
			n=$$((n + 1)); echo "ok $$n - unit tests of $$room # SKIP libcriterion is not installed"; \
		done >tests/tap/check/unit.tap; \
	fi; exit $$bad
.PHONY: check-programs
check-programs: config.h $(bin_PROGRAMS) $(pkglibexec_PROGRAMS) $(noinst_LIBRARIES) $(check_PROGRAMS) $(check_LIBRARIES)
unit_rooms = base oci-spec ns mount cgroup seccomp process tty hooks net vmm core src

clean-local:
	rm -rf tests/tap

include tests/layers/room.mk
include tests/man/room.mk
include tests/pipeline/room.mk
include tests/run/room.mk
include tests/engines/room.mk
include tests/conformance/room.mk
include tests/bench/room.mk
include tests/vm/room.mk
include tests/fuzz/room.mk
