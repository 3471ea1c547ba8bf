check_PROGRAMS += tests/unit/vmm/test_vmm
TESTS += tests/unit/vmm/test_vmm
tests_unit_vmm_test_vmm_SOURCES = \
	%D%/guest.c %D%/guest.h \
	%D%/stub.c %D%/stub.h \
	%D%/test_boot.c %D%/test_bus.c %D%/test_kernel.c %D%/test_serial.c %D%/test_tables.c %D%/test_unpack.c %D%/test_vcpu.c %D%/test_vm.c \
	%D%/test_balloon.c \
	%D%/test_blk.c \
	%D%/test_console.c \
	%D%/test_filter.c \
	%D%/test_memory.c \
	%D%/test_mmio.c \
	%D%/idle.c %D%/idle.h %D%/test_queue.c %D%/test_queue_lies.c \
	%D%/test_rng.c \
	%D%/test_worker.c
tests_unit_vmm_test_vmm_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
tests_unit_vmm_test_vmm_LDADD = libcontainer/vmm/libvmm.a $(floor0) $(CRITERION_LIBS)
tests_unit_vmm_test_vmm_SOURCES += %D%/test_initramfs.c %D%/test_modules.c
tests_unit_vmm_test_vmm_SOURCES += %D%/card.c %D%/card.h %D%/test_net.c %D%/test_net_receive.c %D%/test_net_tap.c
tests_unit_vmm_test_vmm_SOURCES += %D%/test_vsock.c
tests_unit_vmm_test_vmm_SOURCES += %D%/allow.c %D%/allow.h %D%/fuse.c %D%/fuse.h %D%/test_fs.c %D%/test_fs_file.c
tests_unit_vmm_test_vmm_SOURCES += %D%/test_fs_broker.c %D%/test_fs_inode.c %D%/test_fs_name.c
tests_unit_vmm_test_vmm_SOURCES += %D%/fuse_mount.c %D%/fuse_mount.h %D%/test_fs_mount.c
# Tests come in between where an address of the guest's becomes a pointer.
tests_unit_vmm_test_vmm_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=memory_at
