# Unmodified engines on top of the built program: each script starts one by hand, with state of its own, and says what is missing.
engine_scripts = docker ctr podman rootless docker-kvm podman-kvm
EXTRA_DIST += %D%/engine.sh %D%/dock.sh %D%/pod.sh %D%/machine.sh %D%/run-engines %D%/docker %D%/ctr %D%/podman %D%/rootless \
	%D%/docker-kvm %D%/podman-kvm

.PHONY: check-engines
check-engines: nacre agent
	$(AM_V_at)$(SHELL) $(top_srcdir)/%D%/run-engines $(engine_scripts)
