/* kvm.c: see kvm.h. */
#include "vmm/kvm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/table.h"

#define CAPABILITY(name) {KVM_CAP_##name, "KVM_CAP_" #name}

/* All of them are older than Linux 4.18. */
static const struct {
	unsigned int number;
	const char *name;
} needed[] = {
    CAPABILITY(USER_MEMORY), CAPABILITY(SET_TSS_ADDR), CAPABILITY(SET_IDENTITY_MAP_ADDR), CAPABILITY(IRQCHIP),	     CAPABILITY(IRQFD),
    CAPABILITY(IOEVENTFD),   CAPABILITY(EXT_CPUID),    CAPABILITY(MP_STATE),		  CAPABILITY(IMMEDIATE_EXIT),
};

static int refused(struct error *err)
{
	struct stat st;

	if (stat(KVM_PATH, &st) == 0 && (st.st_mode & 060) != 060)
		return error_set(err, -EACCES, KVM_PATH ": permission denied: its mode is 0%o, for its owner alone; chgrp kvm and chmod 660 it, as udev's own "
					       "rule would", (unsigned int)st.st_mode & 07777);
	return error_set(err, -EACCES, KVM_PATH ": permission denied: the user must be in its group (usermod -aG kvm, on most distributions)");
}

int kvm_open(int *kvm, struct error *err)
{
	int fd = open(KVM_PATH, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		*kvm = fd;
		return 0;
	}
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		return error_set(err, -errno, "no " KVM_PATH ": load the module kvm-intel or kvm-amd; it needs virtualization switched on in the "
					      "firmware, or nested virtualization where this is itself a virtual machine");
	if (errno == EACCES)
		return refused(err);
	if (errno == EPERM)
		return error_set(err, -EPERM, KVM_PATH ": not permitted: the device rules of the cgroup forbid it");
	return error_errno(err, "open " KVM_PATH);
}

bool kvm_has(int kvm, unsigned int capability)
{
	return ioctl(kvm, KVM_CHECK_EXTENSION, capability) > 0;
}

int kvm_check(int kvm, struct error *err)
{
	int version = ioctl(kvm, KVM_GET_API_VERSION, 0);

	if (version < 0)
		return error_errno(err, KVM_PATH ": ask for the version of KVM");
	if (version != KVM_API_VERSION)
		return error_set(err, -EOPNOTSUPP, KVM_PATH ": version %d of KVM; 12 is needed", version);
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!kvm_has(kvm, needed[i].number))
			return error_set(err, -EOPNOTSUPP, KVM_PATH ": this KVM lacks %s", needed[i].name);
	return 0;
}
