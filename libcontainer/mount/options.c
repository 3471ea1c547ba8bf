/* options.c: see options.h. */
#include "mount/options.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/sys.h"
#include "base/table.h"
#include "mount/root.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

enum action {
	NOTHING, /* known, and already so */
	SET,	 /* set bits of .one */
	CLEAR,
	ATIME,	   /* the access time mode becomes bits */
	ATIME_NOT, /* if the mode was that, it becomes the default again */
	TREE_SET,  /* the same for .tree */
	TREE_CLEAR,
	TREE_ATIME,
	TREE_ATIME_NOT,
	SUPER_SET, /* bits of .super */
	SUPER_CLEAR,
	SPREAD, /* propagation */
	SPREAD_TREE,
	FLAG,		/* the bool at offset bits */
	FLAG_BIND_TREE, /* rbind */
};

struct word {
	const char *name;
	enum action action;
	uint64_t bits;
};

#define AT(member) offsetof(struct mount_words, member)

/* Sorted by name. */
static const struct word words[] = {
  /* clang-format off */
	{ "async",          SUPER_CLEAR,    MS_SYNCHRONOUS },
	{ "atime",          ATIME_NOT,      MOUNT_ATTR_NOATIME },
	{ "bind",           FLAG,           AT(bind) },
	{ "defaults",       NOTHING,        0 },
	{ "dev",            CLEAR,          MOUNT_ATTR_NODEV },
	{ "diratime",       CLEAR,          MOUNT_ATTR_NODIRATIME },
	{ "dirsync",        SUPER_SET,      MS_DIRSYNC },
	{ "exec",           CLEAR,          MOUNT_ATTR_NOEXEC },
	{ "idmap",          FLAG,           AT(idmap) },
	{ "iversion",       SUPER_SET,      MS_I_VERSION },
	{ "lazytime",       SUPER_SET,      MS_LAZYTIME },
	{ "loud",           SUPER_CLEAR,    MS_SILENT },
	{ "mand",           SUPER_SET,      MS_MANDLOCK },
	{ "noatime",        ATIME,          MOUNT_ATTR_NOATIME },
	{ "nodev",          SET,            MOUNT_ATTR_NODEV },
	{ "nodiratime",     SET,            MOUNT_ATTR_NODIRATIME },
	{ "noexec",         SET,            MOUNT_ATTR_NOEXEC },
	{ "noiversion",     SUPER_CLEAR,    MS_I_VERSION },
	{ "nolazytime",     SUPER_CLEAR,    MS_LAZYTIME },
	{ "nomand",         SUPER_CLEAR,    MS_MANDLOCK },
	{ "norelatime",     ATIME_NOT,      MOUNT_ATTR_RELATIME },
	{ "nostrictatime",  ATIME_NOT,      MOUNT_ATTR_STRICTATIME },
	{ "nosuid",         SET,            MOUNT_ATTR_NOSUID },
	{ "nosymfollow",    SET,            MOUNT_ATTR_NOSYMFOLLOW },
	{ "private",        SPREAD,         MS_PRIVATE },
	{ "ratime",         TREE_ATIME,     MOUNT_ATTR_RELATIME },
	{ "rbind",          FLAG_BIND_TREE, 0 },
	{ "rdev",           TREE_CLEAR,     MOUNT_ATTR_NODEV },
	{ "rdiratime",      TREE_CLEAR,     MOUNT_ATTR_NODIRATIME },
	{ "relatime",       ATIME,          MOUNT_ATTR_RELATIME },
	{ "remount",        FLAG,           AT(remount) },
	{ "rexec",          TREE_CLEAR,     MOUNT_ATTR_NOEXEC },
	{ "ridmap",         FLAG,           AT(recursive_idmap) },
	{ "rnoatime",       TREE_ATIME,     MOUNT_ATTR_NOATIME },
	{ "rnodev",         TREE_SET,       MOUNT_ATTR_NODEV },
	{ "rnodiratime",    TREE_SET,       MOUNT_ATTR_NODIRATIME },
	{ "rnoexec",        TREE_SET,       MOUNT_ATTR_NOEXEC },
	{ "rnorelatime",    TREE_ATIME_NOT, MOUNT_ATTR_RELATIME },
	{ "rnostrictatime", TREE_ATIME, MOUNT_ATTR_RELATIME },
	{ "rnosuid",        TREE_SET,       MOUNT_ATTR_NOSUID },
	{ "rnosymfollow",   TREE_SET,       MOUNT_ATTR_NOSYMFOLLOW },
	{ "ro",             SET,            MOUNT_ATTR_RDONLY },
	{ "rprivate",       SPREAD_TREE,    MS_PRIVATE },
	{ "rrelatime",      TREE_ATIME,     MOUNT_ATTR_RELATIME },
	{ "rro",            TREE_SET,       MOUNT_ATTR_RDONLY },
	{ "rrw",            TREE_CLEAR,     MOUNT_ATTR_RDONLY },
	{ "rshared",        SPREAD_TREE,    MS_SHARED },
	{ "rslave",         SPREAD_TREE,    MS_SLAVE },
	{ "rstrictatime",   TREE_ATIME,     MOUNT_ATTR_STRICTATIME },
	{ "rsuid",          TREE_CLEAR,     MOUNT_ATTR_NOSUID },
	{ "rsymfollow",     TREE_CLEAR,     MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable",    SPREAD_TREE,    MS_UNBINDABLE },
	{ "rw",             CLEAR,          MOUNT_ATTR_RDONLY },
	{ "shared",         SPREAD,         MS_SHARED },
	{ "silent",         SUPER_SET,      MS_SILENT },
	{ "slave",          SPREAD,         MS_SLAVE },
	{ "strictatime",    ATIME,          MOUNT_ATTR_STRICTATIME },
	{ "suid",           CLEAR,          MOUNT_ATTR_NOSUID },
	{ "symfollow",      CLEAR,          MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync",           SUPER_SET,      MS_SYNCHRONOUS },
	{ "tmpcopyup",      FLAG,           AT(copy_up) },
	{ "unbindable",     SPREAD,         MS_UNBINDABLE },
  /* clang-format on */
};

static int compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct word *)row)->name);
}

static const struct word *find(const char *name)
{
	return bsearch(name, words, ARRAY_LEN(words), sizeof(words[0]), compare);
}

bool mount_word_is_known(const char *word)
{
	return find(word);
}

const char *const *mount_option_names(void)
{
	static const char *names[ARRAY_LEN(words) + 1];

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		names[i] = words[i].name;
	return names;
}

static void change(struct attributes *a, uint64_t set, uint64_t clear)
{
	a->set = (a->set & ~clear) | set;
	a->clear = (a->clear & ~set) | clear;
}

/* The mode is a field and no bit: the kernel wants all of it cleared where any of it is set. */
static void change_atime(struct attributes *a, uint64_t mode)
{
	a->set = (a->set & ~(uint64_t)MOUNT_ATTR__ATIME) | mode;
	a->clear |= MOUNT_ATTR__ATIME;
}

/* "nostrictatime" and its like: relatime is what the kernel does without a word, so there is nothing to do
 * but to forget. */
static void unset_atime(struct attributes *a, uint64_t mode)
{
	if (a->clear & MOUNT_ATTR__ATIME && (a->set & MOUNT_ATTR__ATIME) == mode)
		change_atime(a, MOUNT_ATTR_RELATIME);
}

static int spread(struct mount_words *w, unsigned long type, bool recursive, struct error *err)
{
	for (int i = 0; i < PROPAGATIONS_MAX; i++) {
		if (w->propagation[i].type)
			continue;
		w->propagation[i] = (struct propagation){type, recursive};
		return 0;
	}
	return error_set(err, -EINVAL, "more than %d words about propagation", PROPAGATIONS_MAX);
}

static int take(struct mount_words *w, const struct word *word, struct error *err)
{
	uint64_t bits = word->bits;

	switch (word->action) {
	case NOTHING:
		break;
	case SET:
		change(&w->one, bits, 0);
		break;
	case CLEAR:
		change(&w->one, 0, bits);
		break;
	case ATIME:
		change_atime(&w->one, bits);
		break;
	case ATIME_NOT:
		unset_atime(&w->one, bits);
		break;
	case TREE_SET:
		change(&w->tree, bits, 0);
		break;
	case TREE_CLEAR:
		change(&w->tree, 0, bits);
		break;
	case TREE_ATIME:
		change_atime(&w->tree, bits);
		break;
	case TREE_ATIME_NOT:
		unset_atime(&w->tree, bits);
		break;
	case SUPER_SET:
		w->super |= bits;
		break;
	case SUPER_CLEAR:
		w->super &= ~bits;
		break;
	case SPREAD:
	case SPREAD_TREE:
		return spread(w, bits, word->action == SPREAD_TREE, err);
	case FLAG:
		*(bool *)((char *)w + bits) = true;
		break;
	case FLAG_BIND_TREE:
		w->bind = w->recursive_bind = true;
		break;
	}
	return 0;
}

int mount_words_parse(const struct strings *options, struct mount_words *out, struct error *err)
{
	struct mount_words w = {.data = calloc(options->n + 1, sizeof(*w.data))};

	if (!w.data)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < options->n; i++) {
		const struct word *word = find(options->v[i]);
		int ret = 0;

		if (word)
			ret = take(&w, word, err);
		else if (*options->v[i])
			w.data[w.data_n++] = options->v[i];
		if (ret < 0) {
			mount_words_free(&w);
			return ret;
		}
	}
	*out = w;
	return 0;
}

void mount_words_free(struct mount_words *w)
{
	free(w->data);
	w->data = NULL;
	w->data_n = 0;
}
