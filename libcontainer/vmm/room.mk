noinst_LIBRARIES += libcontainer/vmm/libvmm.a
libcontainer_vmm_libvmm_a_SOURCES = \
	%D%/build.c \
	%D%/bus.c %D%/bus.h \
	%D%/inner.h \
	%D%/irq.c %D%/irq.h \
	%D%/kernel.c %D%/kernel.h \
	%D%/kvm.c %D%/kvm.h \
	%D%/filter.c %D%/filter.h \
	%D%/memory.c %D%/memory.h \
	%D%/probe.c %D%/probe.h \
	%D%/serial.c %D%/serial.h \
	%D%/unpack.c %D%/unpack.h \
	%D%/vcpu.c %D%/vcpu.h \
	%D%/vm.c %D%/vm.h \
	%D%/worker.c %D%/worker.h \
	%D%/virtio/balloon.c %D%/virtio/balloon.h \
	%D%/virtio/blk.c %D%/virtio/blk.h \
	%D%/virtio/console.c %D%/virtio/console.h \
	%D%/virtio/device.c %D%/virtio/device.h \
	%D%/virtio/net.c %D%/virtio/net.h \
	%D%/virtio/mmio.c %D%/virtio/mmio.h \
	%D%/virtio/queue.c %D%/virtio/queue.h \
	%D%/virtio/rng.c %D%/virtio/rng.h \
	%D%/x86_64/boot.c %D%/x86_64/boot.h \
	%D%/x86_64/cpu.c %D%/x86_64/cpu.h \
	%D%/x86_64/image.c %D%/x86_64/image.h \
	%D%/x86_64/kaslr.c %D%/x86_64/kaslr.h \
	%D%/x86_64/layout.h \
	%D%/x86_64/ports.c %D%/x86_64/ports.h \
	%D%/x86_64/tables.c %D%/x86_64/tables.h

# What the guest's agent needs of the host.
libcontainer_vmm_libvmm_a_SOURCES += \
	%D%/initramfs.c %D%/initramfs.h \
	%D%/modinfo.c %D%/modinfo.h \
	%D%/modules.c %D%/modules.h \
	%D%/virtio/vsock.c %D%/virtio/vsock.h \
	%D%/virtio/vsock_stream.c %D%/virtio/vsock_inner.h

# The shared file system: the device in the monitor, and the broker.
libcontainer_vmm_libvmm_a_SOURCES += \
	%D%/virtio/fs.c %D%/virtio/fs.h %D%/virtio/fs_turn.h \
	%D%/virtio/fs_dir.c \
	%D%/virtio/fs_file.c \
	%D%/virtio/fs_handle.c %D%/virtio/fs_handle.h \
	%D%/virtio/fs_peer.c %D%/virtio/fs_peer.h \
	%D%/virtio/fs_wire.c %D%/virtio/fs_wire.h \
	%D%/virtio/fs_broker.c %D%/virtio/fs_broker.h \
	%D%/virtio/fs_identity.c %D%/virtio/fs_identity.h \
	%D%/virtio/fs_inode.c %D%/virtio/fs_inode.h \
	%D%/virtio/fs_serve.c %D%/virtio/fs_serve.h \
	%D%/virtio/fs_serve_attr.c \
	%D%/virtio/fs_serve_name.c \
	%D%/virtio/fs_serve_open.c \
	%D%/virtio/fs_serve_xattr.c
