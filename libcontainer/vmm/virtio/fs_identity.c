/* fs_identity.c: see fs_identity.h. */
#include "vmm/virtio/fs_identity.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))
#define NEEDED                                                                                               \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) |               \
	 BIT(CAP_FSETID) | BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_MKNOD) | BIT(CAP_SETFCAP))

/* The C library has no wrapper; libcap is another room's. */
static int set_caps(uint64_t effective, uint64_t permitted)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
	    {.effective = (uint32_t)effective,	       .permitted = (uint32_t)permitted	       },
	    {.effective = (uint32_t)(effective >> 32), .permitted = (uint32_t)(permitted >> 32)},
	};

	return (int)syscall(SYS_capset, &head, data);
}

int fs_identity_ask(struct fs_identity *me, struct error *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return error_errno(err, "capget");
	*me = (struct fs_identity){.uid = geteuid(),
				   .gid = getegid(),
				   .caps = (uint64_t)data[1].effective << 32 | data[0].effective};
	return 0;
}

int fs_identity_reduce(struct fs_identity *me, struct error *err)
{
	uint64_t kept = me->caps & NEEDED;

	/* Those of who called us are nobody's in the guest. Where a user namespace forbids it, they stay the user's own. */
	if (fs_identity_can(me, CAP_SETGID) && syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
		return error_errno(err, "setgroups");
	if (set_caps(kept, kept) < 0)
		return error_errno(err, "capset");
	me->caps = kept;
	return 0;
}

bool fs_identity_can(const struct fs_identity *me, int cap)
{
	return me->caps & BIT(cap);
}

/* Both calls return what it was before and never say whether they did it; asked with an impossible id they
 * change nothing. */
static bool set_ids(uid_t uid, gid_t gid)
{
	syscall(SYS_setfsgid, gid);
	syscall(SYS_setfsuid, uid);
	return (uid_t)syscall(SYS_setfsuid, -1) == uid && (gid_t)syscall(SYS_setfsgid, -1) == gid;
}

int fs_identity_take(const struct fs_identity *me, uid_t uid, gid_t gid)
{
	if (uid == me->uid && gid == me->gid)
		return 0;
	/* Older guests leave it to us that nobody makes programs for a group that is not his, in a folder that hands its group down. */
	if (set_ids(uid, gid) && set_caps(uid == me->uid ? me->caps : me->caps & ~BIT(CAP_FSETID), me->caps) == 0)
		return 0;
	fs_identity_return(me);
	return -EOVERFLOW;
}

void fs_identity_return(const struct fs_identity *me)
{
	if ((uid_t)syscall(SYS_setfsuid, -1) == me->uid && (gid_t)syscall(SYS_setfsgid, -1) == me->gid)
		return;
	if (!set_ids(me->uid, me->gid) || set_caps(me->caps, me->caps) < 0)
		_exit(1);
	/* The kernel forgets this whenever ids change. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void fs_identity_keep_setid(const struct fs_identity *me, bool keep)
{
	uint64_t without = me->caps & ~BIT(CAP_FSETID);

	if (without != me->caps && set_caps(keep ? me->caps : without, me->caps) < 0)
		_exit(1);
}
