# The laboratory: all tests once more in a virtual machine with systemd and pure cgroup v2, as root and as a user with a session.
lab_files = \
	%D%/lab %D%/packages %D%/kernels %D%/check %D%/suite %D%/merge.awk \
	%D%/agent/wire.h %D%/agent/wire.c %D%/agent/serve.c %D%/agent/client.c %D%/agent/monitor.c \
	%D%/guest/setup %D%/guest/initramfs-init %D%/guest/files
EXTRA_DIST += $(lab_files)

.PHONY: check-vm check-kvm
# Each container of the run tests in a virtual machine of its own.
check-kvm: check-programs
	$(AM_V_at)NACRE_LAB_SUITE=kvm $(SHELL) $(top_srcdir)/%D%/check $(run_topics)
check-vm: check-programs
	$(AM_V_at)$(SHELL) $(top_srcdir)/%D%/check $(run_topics)
