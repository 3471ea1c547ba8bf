# Every row of the real list fails and dies once: make check-root runs it.
check_PROGRAMS += tests/pipeline/test_stages
tests_pipeline_test_stages_SOURCES = %D%/test_stages.c
tests_pipeline_test_stages_LDADD = $(floor3) $(floor2) $(floor1) $(floor0) $(third_party)

.PHONY: check-stages
check-stages: tests/pipeline/test_stages
	$(AM_V_at)$(SHELL) $(top_srcdir)/tests/tap-run stages tests/pipeline/test_stages
