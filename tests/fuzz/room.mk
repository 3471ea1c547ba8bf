# `make fuzz`: each target for FUZZ_SECONDS under libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer. What is found
# worth keeping lies in tests/fuzz/found of the build folder; the corpus of the source tree is only read.
FUZZ_CC = clang
FUZZ_SECONDS = 60
FUZZ_FLAGS = -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

fuzz_targets = fuzz_config fuzz_process
fuzz_tested = $(oci_spec_liboci_spec_a_SOURCES) $(libcontainer_base_libbase_a_SOURCES)
EXTRA_DIST += %D%/fuzz_config.c %D%/fuzz_process.c %D%/corpus

.PHONY: fuzz fuzz-build
fuzz-build:
	@$(MKDIR_P) %D%
	@for target in $(fuzz_targets); do \
		echo "  FUZZ     %D%/$$target"; \
		$(FUZZ_CC) -std=gnu17 -fno-strict-aliasing $(FUZZ_FLAGS) $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) \
			-o %D%/$$target $(top_srcdir)/%D%/$$target.c $(addprefix $(top_srcdir)/,$(filter %.c,$(fuzz_tested))) \
			$(YAJL_LIBS) || exit 1; \
	done

fuzz: fuzz-build
	@for target in $(fuzz_targets); do \
		name=$${target#fuzz_}; \
		$(MKDIR_P) %D%/found/$$name && \
		%D%/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
			-artifact_prefix=%D%/$$name- %D%/found/$$name $(top_srcdir)/%D%/corpus/$$name || exit 1; \
	done
