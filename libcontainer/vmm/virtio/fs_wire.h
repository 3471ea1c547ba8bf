/* fs_wire.h: what the two halves of the shared file system say to each other, and what both know of FUSE.
 *
 * The monitor (fs.h) takes requests from the guest and answers by itself what needs only a descriptor. All else it sends on to the
 * broker (fs_broker.h): one message is one FUSE request as the guest wrote it, a fuse_in_header first; the answer is a
 * fuse_out_header and the body that the guest is to get, or a negative errno alone. FORGET and BATCH_FORGET have no answer.
 * These differ from what the guest sees (include/uapi/linux/fuse.h of the kernel has the rest):
 *
 *   OPEN, OPENDIR     answered by struct fs_opened and, but for the top folder, a descriptor
 *   CREATE, TMPFILE   answered by fuse_entry_out, struct fs_opened, and a descriptor
 *   READDIRPLUS       asked with names, each ended by a NUL, behind fuse_read_in; answered by a fuse_entry_out each
 *
 * Each half takes the other for hostile: the guest may have taken over the monitor, and an answer is checked like a request.
 */
#ifndef VMM_VIRTIO_FS_WIRE_H
#define VMM_VIRTIO_FS_WIRE_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* A message between the two, in bytes: the longest is SETXATTR with XATTR_SIZE_MAX bytes of value, and two names. */
#define FS_MESSAGE_MAX (80 * 1024)
#define FS_NAME_MAX 255
#define FS_SHARES_MAX 1024

/* A folder or file of the host that the guest sees below the top folder, under this name. */
struct fs_share {
	const char *name;  /* one component */
	int fd;            /* O_PATH, on the folder or file */
	bool read_only;
};

/* What the guest is told about an open file, and what the monitor has to know about it. */
struct fs_opened {
	uint32_t open_flags;  /* FOPEN_… */
	uint32_t flags;       /* FS_OPENED_… */
};
#define FS_OPENED_WRITABLE 1u /* the descriptor may be written to */
#define FS_OPENED_ABOVE    2u /* the top folder, or a share's: nothing above it is the guest's to know */

/* Whose request it is. */
enum fs_place {
	FS_UNKNOWN,  /* nobody's: -ENOSYS; the guest's kernel asks once and never again */
	FS_MONITOR,  /* answered with what the monitor has */
	FS_BROKER,   /* sent on as it is */
	FS_BOTH,     /* the monitor asks the broker and does its own part */
};

struct fs_op {
	const char *name;
	enum fs_place place;
	uint8_t body;     /* bytes of fixed size behind the header, at least */
	uint8_t names;    /* this many names behind them, each ended by a NUL */
	bool bytes;       /* and then any bytes */
	bool writes;      /* -EROFS on a share that is read-only */
	bool top;         /* makes sense on the top folder */
	bool silent;      /* has no answer */
	int answer;       /* bytes of the broker's answer, or FS_ANY */
};
#define FS_ANY (-1)
#define FS_OPS (FUSE_TMPFILE + 1)
extern const struct fs_op fs_ops[FS_OPS];

/* A request of this opcode with `len` bytes behind its header holds all that the table says it does: names[0 … op->names-1] then point
 * to them and *rest behind them. 0 or -EINVAL. The names are not judged. */
int fs_op_parse(const struct fs_op *op, const void *body, size_t len, const char *names[2], const char **rest);

/* One component that may be looked up or made: not empty, not "." nor "..", no slash; 0, -EINVAL or -ENAMETOOLONG. */
int fs_name_check(const char *name);

/* Lets this process have `wanted` descriptors, or as many as it may; how many of those that are. */
size_t fs_descriptors_allow(size_t wanted);

/* Any seconds or bytes a stat may hold, as FUSE tells them. */
void fs_attr_from_stat(struct fuse_attr *to, const struct stat *st);
/* FUSE's (and the kernel's "new") encoding of a device number. */
uint32_t fs_device_encode(uint32_t major, uint32_t minor);
dev_t fs_device_decode(uint32_t device);

/* For how long the guest may believe an attribute or a name before it asks again, in seconds: engines write into the root from outside. */
#define FS_VALID_SECONDS 1

#endif
