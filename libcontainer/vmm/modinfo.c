/* modinfo.c: see modinfo.h. */
#include "vmm/modinfo.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

struct file {
	const char *at;
	size_t size;
};

static const char *range(const struct file *f, uint64_t at, uint64_t n)
{
	return at <= f->size && n <= f->size - at ? f->at + at : NULL;
}

/* The i-th section's header. */
static bool section(const struct file *f, const Elf64_Ehdr *head, unsigned int i, Elf64_Shdr *out)
{
	uint64_t at;
	const char *p;

	if (__builtin_add_overflow(head->e_shoff, (uint64_t)i * sizeof(*out), &at))
		return false;
	p = range(f, at, sizeof(*out));
	if (p)
		memcpy(out, p, sizeof(*out));
	return p;
}

/* The .modinfo section: strings, each ended by a NUL. */
static bool find(const struct file *f, struct file *out)
{
	const char *p = range(f, 0, sizeof(Elf64_Ehdr));
	Elf64_Shdr names, s;
	Elf64_Ehdr head;

	if (!p)
		return false;
	memcpy(&head, p, sizeof(head));
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_shentsize != sizeof(s) ||
	    !section(f, &head, head.e_shstrndx, &names))
		return false;
	for (unsigned int i = 0; i < head.e_shnum; i++) {
		static const char want[] = ".modinfo";
		uint64_t at;

		if (!section(f, &head, i, &s) || __builtin_add_overflow(names.sh_offset, s.sh_name, &at))
			return false;
		p = range(f, at, sizeof(want));
		if (!p || memcmp(p, want, sizeof(want)) || s.sh_type == SHT_NOBITS)
			continue;
		p = range(f, s.sh_offset, s.sh_size);
		*out = (struct file){ p, (size_t)s.sh_size };
		return p;
	}
	return false;
}

static int split(const char *list, size_t n, struct strv *out, struct error *err)
{
	int ret = 0;

	for (size_t from = 0; ret == 0 && from < n;) {
		const char *comma = memchr(list + from, ',', n - from);
		size_t len = comma ? (size_t)(comma - list) - from : n - from;
		auto_free char *one = strndup(list + from, len);

		if (!one)
			return error_set(err, -ENOMEM, "out of memory");
		if (*one)
			ret = strv_add(out, one, err);
		from += len + 1;
	}
	return ret;
}

int modinfo_depends(const void *elf, size_t size, struct strv *out, struct error *err)
{
	static const char key[] = "depends=";
	struct file info;

	if (!find(&(struct file){ elf, size }, &info))
		return error_set(err, -ENOEXEC, "not a kernel module");
	for (size_t at = 0; at < info.size;) {
		const char *p = info.at + at;
		size_t n = strnlen(p, info.size - at);

		if (n >= sizeof(key) - 1 && !memcmp(p, key, sizeof(key) - 1))
			return split(p + sizeof(key) - 1, n - (sizeof(key) - 1), out, err);
		at += n + 1;
	}
	return 0;
}
