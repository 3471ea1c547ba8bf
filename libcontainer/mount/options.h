/* options.h: the words of mounts[].options (runtime-spec config.md, "Linux mount options"), and what they do.
 *
 * What a word does is said once, in the table of options.c, in the terms of mount_setattr(2); attach.c knows
 * how to say the same to mount(2). A word that the table lacks belongs to the file system (its "data").
 *
 * A clearing word (rw, suid, dev, exec, symfollow …) takes back what an earlier word of the list has set. On
 * a bind mount it does not take away what the source's own mount says, unless the list says `remount` too:
 * engines write "rw" on every volume, and a folder that the host has mounted read-only must not become
 * writable by that. The recursive words (rrw …) do clear.
 */
#ifndef MOUNT_OPTIONS_H
#define MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "oci-spec/config.h"

/* MOUNT_ATTR_* to set and to clear, fit for mount_setattr(2): where an access time mode is set, clear has all
 * of MOUNT_ATTR__ATIME. */
struct attributes {
	uint64_t set, clear;
};

struct propagation {
	unsigned long type; /* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE; 0: none */
	bool recursive;
};

enum { PROPAGATIONS_MAX = 4 };

struct mount_words {
	struct attributes one;	/* this mount */
	struct attributes tree; /* this mount and all below it */
	/* Of the file system: MS_SYNCHRONOUS, MS_DIRSYNC, MS_MANDLOCK, MS_LAZYTIME, MS_I_VERSION, MS_SILENT.
	 */
	unsigned long super;
	struct propagation propagation[PROPAGATIONS_MAX]; /* in the order of the words */
	bool bind, recursive_bind, remount, copy_up, idmap, recursive_idmap;
	const char **data; /* the file system's words, in order; they point into the options */
	size_t data_n;
};

/* Sorts the words. -EINVAL for more words of propagation than anybody needs. To be freed with
 * mount_words_free(). */
int mount_words_parse(const struct strings *options, struct mount_words *out, struct error *err);
void mount_words_free(struct mount_words *w);
#define auto_words __attribute__((cleanup(mount_words_free)))

/* Is it in the table? */
bool mount_word_is_known(const char *word);

#endif
