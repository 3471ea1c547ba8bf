noinst_LIBRARIES += libcontainer/vmm/libvmm.a
libcontainer_vmm_libvmm_a_SOURCES = \
	%D%/memory.c %D%/memory.h \
	%D%/vm.h \
	%D%/worker.c %D%/worker.h \
	%D%/virtio/device.c %D%/virtio/device.h \
	%D%/virtio/net.c %D%/virtio/net.h \
	%D%/virtio/mmio.c %D%/virtio/mmio.h \
	%D%/virtio/queue.c %D%/virtio/queue.h \
	%D%/virtio/rng.c %D%/virtio/rng.h \
	%D%/x86_64/layout.h

# What the guest's agent needs of the host.
libcontainer_vmm_libvmm_a_SOURCES += \
	%D%/initramfs.c %D%/initramfs.h \
	%D%/modinfo.c %D%/modinfo.h \
	%D%/modules.c %D%/modules.h \
	%D%/virtio/vsock.c %D%/virtio/vsock.h \
	%D%/virtio/vsock_stream.c %D%/virtio/vsock_inner.h
