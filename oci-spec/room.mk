noinst_LIBRARIES += oci-spec/liboci-spec.a
oci_spec_liboci_spec_a_SOURCES = \
	%D%/quote.c %D%/quote.h \
	%D%/schema.c %D%/schema_read.c %D%/schema_print.c %D%/schema_free.c \
	%D%/schema.h %D%/schema_inner.h %D%/tables.h \
	%D%/config.c %D%/config_process.c %D%/config_linux.c %D%/config_resources.c %D%/config_vm.c \
	%D%/config.h %D%/config_tables.h \
	%D%/check.c %D%/check_process.c %D%/check_linux.c %D%/check_resources.c %D%/check_value.c %D%/check.h %D%/check_inner.h \
	%D%/state.c %D%/state.h \
	%D%/default.c %D%/default.h \
	%D%/features.c %D%/features.h
