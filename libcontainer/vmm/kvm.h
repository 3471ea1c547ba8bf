/* kvm.h: the host's KVM: opened, and asked what it can. */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include <stdbool.h>

#include "base/error.h"

#define KVM_PATH "/dev/kvm"

/* A descriptor on /dev/kvm (the caller's), or an error that names the remedy: -ENOENT there is none, -EACCES it is not for us. */
int kvm_open(int *kvm, struct error *err);
/* Does it have what a machine needs? -EOPNOTSUPP and the capability that is missing. */
int kvm_check(int kvm, struct error *err);
bool kvm_has(int kvm, unsigned int capability);

#endif
