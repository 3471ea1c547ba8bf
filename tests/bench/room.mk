# Measurements, beside crun and runc where they are installed: `make bench`, or `make bench ROUNDS=500`; `make bench ROUNDS='many 1000'`
# for the time of each of many containers side by side.
EXTRA_PROGRAMS = tests/bench/floor tests/bench/nothing tests/bench/bench tests/bench/kvm tests/bench/guest
CLEANFILES += $(EXTRA_PROGRAMS)
tests_bench_floor_SOURCES = %D%/floor.c
tests_bench_floor_CFLAGS = -std=gnu17 -O2 $(WARNINGS)
tests_bench_floor_LDFLAGS = -static
tests_bench_nothing_SOURCES = %D%/nothing.c
tests_bench_nothing_CFLAGS = -std=gnu17 -Os $(WARNINGS)
tests_bench_nothing_LDFLAGS = -static
tests_bench_bench_SOURCES = %D%/bench.c %D%/bench.h %D%/bundle.c %D%/many.c %D%/measure.c %D%/process.c
tests_bench_bench_CFLAGS = -std=gnu17 $(WARNINGS)

.PHONY: bench
bench: nacre tests/bench/floor tests/bench/nothing tests/bench/bench
	@if test `id -u` -eq 0; then tests/bench/bench $(ROUNDS); else sudo tests/bench/bench $(ROUNDS); fi

# A container in a virtual machine beside QEMU's microvm machine and virtiofsd, in the laboratory: `make bench-kvm`, or `make bench-kvm ROUNDS=30`.
EXTRA_DIST += %D%/kvm.sh
tests_bench_kvm_SOURCES = %D%/kvm.c %D%/kvm.h %D%/kvm_machine.c %D%/kvm_measure.c
tests_bench_kvm_CFLAGS = -std=gnu17 -O2 $(WARNINGS)
tests_bench_kvm_LDFLAGS = -static
tests_bench_guest_SOURCES = %D%/guest.c
tests_bench_guest_CFLAGS = -std=gnu17 -O2 $(WARNINGS)
tests_bench_guest_LDFLAGS = -static

.PHONY: bench-kvm
bench-kvm: nacre agent tests/bench/kvm tests/bench/guest
	$(AM_V_at)$(SHELL) $(top_srcdir)/%D%/kvm.sh $(ROUNDS)
