check_PROGRAMS += tests/unit/oci-spec/test_oci_spec
TESTS += tests/unit/oci-spec/test_oci_spec
tests_unit_oci_spec_test_oci_spec_SOURCES = \
	%D%/document.c %D%/document.h \
	%D%/test_quote.c %D%/test_schema.c %D%/test_schema_print.c %D%/test_schema_memory.c \
	%D%/test_config.c %D%/test_config_complete.c %D%/test_check.c \
	%D%/test_state.c %D%/test_default.c %D%/test_features.c
tests_unit_oci_spec_test_oci_spec_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS) -DTESTS_DIR='"$(abs_top_srcdir)/tests"'
tests_unit_oci_spec_test_oci_spec_LDADD = $(floor1) $(floor0) $(third_party) $(CRITERION_LIBS)
# So that test_schema_memory.c can make each allocation of ours fail.
tests_unit_oci_spec_test_oci_spec_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=free
EXTRA_DIST += tests/cases/config-bad.txt tests/data/config-full.json
