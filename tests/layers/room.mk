# The rule of the floors, checked.
TESTS += %D%/check
EXTRA_DIST += %D%/check %D%/includes.awk %D%/style.awk

layers_environment = \
	LAYERS_SRC='$(abs_top_srcdir)' LAYERS_CC='$(CC) $(CFLAGS) $(SANITIZE)' LAYERS_YAJL='$(YAJL_LIBS)' \
	LAYERS_SECCOMP='$(SECCOMP_LIBS)' LAYERS_CAP='$(CAP_LIBS)' LAYERS_MNL='$(MNL_LIBS)'

.PHONY: check-layers
check-layers: all
	$(AM_V_at)$(layers_environment) $(SHELL) $(top_srcdir)/tests/tap-run check $(top_srcdir)/%D%/check
