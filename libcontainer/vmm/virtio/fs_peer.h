/* fs_peer.h: the monitor's end of the line to the broker: one request, one answer, which is believed only as
 * far as it was checked. */
#ifndef VMM_VIRTIO_FS_PEER_H
#define VMM_VIRTIO_FS_PEER_H

#include "vmm/virtio/fs_wire.h"

struct fs_peer {
	int socket;
	bool dead; /* it hung up, or talks nonsense: all that needs it is -EIO from now on */
	/* The request is written here: header, body and all. */
	_Alignas(8) unsigned char request[FS_MESSAGE_MAX];
	_Alignas(8) unsigned char answer[FS_MESSAGE_MAX];
	size_t len; /* of the answer's body */
	int fd; /* that came with it; -EBADF: none. The peer's, until somebody takes it; else closed with the
		   next request */
};

/* The answer's body, aligned to 8 bytes. */
static inline const void *fs_peer_body(const struct fs_peer *p)
{
	return p->answer + sizeof(struct fuse_out_header);
}

/* socket: fs_broker->socket, from now on the peer's. */
void fs_peer_init(struct fs_peer *p, int socket);
void fs_peer_close(struct fs_peer *p);

/* Sends the first `len` bytes of p->request and waits for the answer (where op->silent, for none). 0; the
 * broker's negative errno; -EIO where there is no broker. Its body is of op->answer bytes, or of any size if
 * that is FS_ANY. */
int fs_peer_ask(struct fs_peer *p, const struct fs_op *op, size_t len);

#endif
