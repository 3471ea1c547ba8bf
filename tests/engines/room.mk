# Unmodified engines on top of the built program: each script starts one by hand, with state of its own, and says what is missing.
engine_scripts = docker ctr podman rootless
EXTRA_DIST += %D%/engine.sh %D%/pod.sh %D%/run-engines %D%/docker %D%/ctr %D%/podman %D%/rootless

.PHONY: check-engines
check-engines: nacre
	$(AM_V_at)$(SHELL) $(top_srcdir)/%D%/run-engines $(engine_scripts)
