/* piece.h: one mount that is wanted, and the place where it goes. */
#ifndef MOUNT_PIECE_H
#define MOUNT_PIECE_H

#include "mount/options.h"

enum piece_kind {
	PIECE_NEW,  /* a new file system of `type` */
	PIECE_BIND, /* what `fd` leads to, as it hangs in our mount namespace */
	PIECE_TREE, /* `fd` is a detached mount; borrowed */
};

struct piece {
	enum piece_kind kind;
	int fd;
	bool recursive; /* PIECE_BIND: with all that is mounted below */
	/* Without mount_setattr(2), `tree` may be applied to the top only instead of being an error. */
	bool top_will_do;
	const char *type, *source; /* source NULL: none */
	const char *const *data;   /* words for the file system */
	size_t data_n;
	unsigned long super; /* as in struct mount_words, and MS_RDONLY */
	struct attributes one, tree;
	struct propagation propagation[PROPAGATIONS_MAX];
	bool idmap, recursive_idmap;
	int user_namespace; /* if idmap: whose mappings */
	/* Fills the mount while it is still writable. top: its top; below: the directory it will cover. NULL:
	 * nothing to do. */
	int (*fill)(int top, int below, struct error *err);
};

/* Where it goes. `fd` is O_PATH, already checked by the caller. `path` beneath `root` (AT_FDCWD: a plain
 * path) is how attach.c finds the new mount again after mount(2); if it finds another file there, that is an
 * error. */
struct place {
	int fd, root;
	const char *path;
};

#endif
