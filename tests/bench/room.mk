# Measurements, beside crun and runc where they are installed: `make bench`, or `make bench ROUNDS=500`; `make bench ROUNDS='many 1000'`
# for the time of each of many containers side by side.
EXTRA_PROGRAMS = tests/bench/floor tests/bench/nothing tests/bench/bench
CLEANFILES += $(EXTRA_PROGRAMS)
tests_bench_floor_SOURCES = %D%/floor.c
tests_bench_floor_CFLAGS = -std=gnu17 -O2 $(WARNINGS)
tests_bench_floor_LDFLAGS = -static
tests_bench_nothing_SOURCES = %D%/nothing.c
tests_bench_nothing_CFLAGS = -std=gnu17 -Os $(WARNINGS)
tests_bench_nothing_LDFLAGS = -static
tests_bench_bench_SOURCES = %D%/bench.c
tests_bench_bench_CFLAGS = -std=gnu17 $(WARNINGS)

.PHONY: bench
bench: nacre tests/bench/floor tests/bench/nothing tests/bench/bench
	@if test `id -u` -eq 0; then tests/bench/bench $(ROUNDS); else sudo tests/bench/bench $(ROUNDS); fi
