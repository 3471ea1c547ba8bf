/* fs_identity.h: who makes a file. The broker stands as root; what it makes for a request belongs to the
 * request's user.
 *
 * setfsuid(2) and setfsgid(2), by the bare system calls: they are one thread's. Dropping root's file system
 * id drops root's rights over files, too; these are taken back, because whether the request may do this was
 * judged by the guest's kernel, which knows of capabilities, and the host must not judge again by less. One is not: CAP_FSETID, since guests
 * before Linux 6.0 leave it to the host whether a new file keeps its set-group-id bit (CVE-2022-0358).
 */
#ifndef VMM_VIRTIO_FS_IDENTITY_H
#define VMM_VIRTIO_FS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct fs_identity {
	uid_t uid; /* our own */
	gid_t gid;
	uint64_t caps; /* that we hold */
};

/* Asks who we are. */
int fs_identity_ask(struct fs_identity *me, struct error *err);
/* Gives up, for good, every capability but those over files and changing ids, and all further groups. */
int fs_identity_reduce(struct fs_identity *me, struct error *err);
/* True where we hold this one (linux/capability.h). */
bool fs_identity_can(const struct fs_identity *me, int cap);

/* From now on files are made as these; 0, or -EOVERFLOW where the user namespace has no such ids (what the
 * kernel says then). */
int fs_identity_take(const struct fs_identity *me, uid_t uid, gid_t gid);
/* Ourselves again. Ends the process if that cannot be: nothing may go on as somebody else. */
void fs_identity_return(const struct fs_identity *me);

/* Without CAP_FSETID a truncation takes away set-user-id bits, as it must for a user who may not keep them.
 */
void fs_identity_keep_setid(const struct fs_identity *me, bool keep);

#endif
