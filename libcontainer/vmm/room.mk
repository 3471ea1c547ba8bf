noinst_LIBRARIES += libcontainer/vmm/libvmm.a
libcontainer_vmm_libvmm_a_SOURCES = \
	%D%/initramfs.h \
	%D%/memory.c %D%/memory.h \
	%D%/vm.h \
	%D%/worker.h \
	%D%/virtio/device.h \
	%D%/virtio/mmio.h \
	%D%/virtio/queue.h \
	%D%/x86_64/layout.h

# What the guest's agent needs of the host.
libcontainer_vmm_libvmm_a_SOURCES += \
	%D%/virtio/vsock.h
