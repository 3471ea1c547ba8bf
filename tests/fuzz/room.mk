# `make fuzz`: each target for FUZZ_SECONDS under libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer. What is found
# worth keeping lies in tests/fuzz/found of the build folder; the corpus of the source tree is only read.
# `make fuzz fuzz_targets=fuzz_config` runs one of them.
FUZZ_CC = clang
FUZZ_SECONDS = 60
FUZZ_FLAGS = -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

# A target is tests/fuzz/TARGET.c, a corpus without the "fuzz_", and TARGET_tested: the sources (and libraries) it is linked with.
fuzz_targets = fuzz_config fuzz_process fuzz_net
fuzz_config_tested = $(oci_spec_liboci_spec_a_SOURCES) $(libcontainer_base_libbase_a_SOURCES) $(YAJL_LIBS)
fuzz_process_tested = $(fuzz_config_tested)
# A device under a guest that does anything.
fuzz_device_tested = $(libcontainer_base_libbase_a_SOURCES) $(addprefix libcontainer/vmm/,memory.c virtio/device.c virtio/mmio.c virtio/queue.c) \
	tests/unit/vmm/guest.c
fuzz_net_tested = $(fuzz_device_tested) libcontainer/vmm/virtio/net.c
fuzz_targets += fuzz_vsock fuzz_agent fuzz_agent_host
fuzz_vsock_tested = $(fuzz_device_tested) libcontainer/vmm/virtio/vsock.c libcontainer/vmm/virtio/vsock_stream.c
fuzz_agent_tested = $(libcontainer_base_libbase_a_SOURCES) libcontainer/core/agent/wire.c
fuzz_agent_host_tested = $(fuzz_vsock_tested) libcontainer/core/agent/wire.c libcontainer/core/agent/binding.c libcontainer/core/agent/host.c
# The same, by way of a script of all that a guest can do.
fuzz_targets += fuzz_queue fuzz_mmio fuzz_rng fuzz_console fuzz_balloon fuzz_blk
fuzz_script_tested = $(fuzz_device_tested) %D%/script.c
fuzz_queue_tested = $(fuzz_script_tested)
fuzz_mmio_tested = $(fuzz_script_tested)
fuzz_rng_tested = $(fuzz_script_tested) libcontainer/vmm/virtio/rng.c
fuzz_console_tested = $(fuzz_script_tested) libcontainer/vmm/virtio/console.c
fuzz_balloon_tested = $(fuzz_script_tested) libcontainer/vmm/virtio/balloon.c
fuzz_blk_tested = $(fuzz_script_tested) libcontainer/vmm/virtio/blk.c
fuzz_targets += fuzz_boot
fuzz_boot_tested = $(libcontainer_base_libbase_a_SOURCES) $(addprefix libcontainer/vmm/,initramfs.c memory.c) \
	$(addprefix libcontainer/vmm/x86_64/,boot.c image.c kaslr.c)
fuzz_targets += fuzz_exits
fuzz_exits_tested = $(libcontainer_base_libbase_a_SOURCES) \
	$(addprefix libcontainer/vmm/,bus.c irq.c serial.c vcpu.c x86_64/ports.c)
fuzz_targets += fuzz_fs fuzz_broker
fuzz_fs_tested = $(fuzz_device_tested) %D%/share.c $(filter %.c,$(filter libcontainer/vmm/virtio/fs%,$(libcontainer_vmm_libvmm_a_SOURCES)))
fuzz_broker_tested = $(libcontainer_base_libbase_a_SOURCES) %D%/share.c $(filter %.c,$(filter libcontainer/vmm/virtio/fs_serve%,$(libcontainer_vmm_libvmm_a_SOURCES))) \
	$(addprefix libcontainer/vmm/virtio/,fs_identity.c fs_inode.c fs_wire.c)
EXTRA_DIST += %D%/script.c %D%/script.h %D%/share.c %D%/share.h
EXTRA_DIST += $(addprefix %D%/,$(addsuffix .c,$(fuzz_targets))) %D%/corpus

fuzz_builds = $(addprefix fuzz-build-,$(fuzz_targets))
.PHONY: fuzz fuzz-build $(fuzz_builds)
fuzz-build: $(fuzz_builds)
$(fuzz_builds): fuzz-build-%:
	@$(MKDIR_P) %D%
	@echo "  FUZZ     %D%/$*"
	@$(FUZZ_CC) -std=gnu17 -fno-strict-aliasing $(FUZZ_FLAGS) $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) \
		-o %D%/$* $(top_srcdir)/%D%/$*.c $(addprefix $(top_srcdir)/,$(filter %.c,$($*_tested))) $(filter -l%,$($*_tested))

fuzz: fuzz-build
	@for target in $(fuzz_targets); do \
		name=$${target#fuzz_}; \
		$(MKDIR_P) %D%/found/$$name && \
		: by full names, as a target may stand elsewhere && \
		%D%/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
			-artifact_prefix=$(abs_builddir)/%D%/$$name- $(abs_builddir)/%D%/found/$$name $(abs_top_srcdir)/%D%/corpus/$$name || exit 1; \
	done
