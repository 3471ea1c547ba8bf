/* diagnose.c: see diagnose.h. */
#include "process/diagnose.h"

#include <byteswap.h>
#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/table.h"

#define HEAD_MAX   256 /* as much as the kernel looks at */
#define INTERP_MAX 200
#define PHDR_MAX   64

char *diagnose_quote(char *dst, size_t size, const char *text, size_t n)
{
	size_t at = 0;

	for (; at < n && at + 1 < size; at++) {
		unsigned char c = (unsigned char)text[at];

		dst[at] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	dst[at] = '\0';
	return dst;
}

/* Opened without blocking on a pipe, and only looked into where it is a regular file. */
static int open_file(const char *file)
{
	auto_close int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EBADF;
	return TAKE_FD(fd);
}

/* "#! /bin/sh -e" -> "/bin/sh". The carriage return of a file with Windows' line ends is part of the name, as
 * for the kernel. */
static int script_interpreter(const char *head, size_t n, char *out, size_t size)
{
	if (n < 3 || head[0] != '#' || head[1] != '!')
		return -ENOEXEC;
	size_t at = 2 + strspn(head + 2, " \t");
	size_t len = strcspn(head + at, " \t\n");

	if (!len || len >= size)
		return -ENOEXEC;
	memcpy(out, head + at, len);
	out[len] = '\0';
	return 0;
}

static bool is_elf(const char *head, size_t n)
{
	return n >= EI_NIDENT && !memcmp(head, ELFMAG, SELFMAG);
}

static bool is_native_order(const char *head)
{
	return head[EI_DATA] == (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB);
}

static int read_interp(int fd, uint64_t at, uint64_t size, char *out, size_t out_size)
{
	if (size < 2 || size > out_size || at > INT64_MAX - size)
		return -ENOEXEC;
	if (pread(fd, out, size, (off_t)at) != (ssize_t)size)
		return -ENOEXEC;
	out[size - 1] = '\0';
	return 0;
}

static int elf64_interpreter(int fd, const char *head, size_t n, char *out, size_t size)
{
	Elf64_Ehdr e;
	Elf64_Phdr p;

	if (n < sizeof(e))
		return -ENOEXEC;
	memcpy(&e, head, sizeof(e));
	if (e.e_phentsize != sizeof(p) || e.e_phoff > INT64_MAX / 2)
		return -ENOEXEC;
	for (unsigned i = 0; i < e.e_phnum && i < PHDR_MAX; i++) {
		if (pread(fd, &p, sizeof(p), (off_t)(e.e_phoff + i * sizeof(p))) != (ssize_t)sizeof(p))
			return -ENOEXEC;
		if (p.p_type == PT_INTERP)
			return read_interp(fd, p.p_offset, p.p_filesz, out, size);
	}
	return -ENOEXEC;
}

static int elf32_interpreter(int fd, const char *head, size_t n, char *out, size_t size)
{
	Elf32_Ehdr e;
	Elf32_Phdr p;

	if (n < sizeof(e))
		return -ENOEXEC;
	memcpy(&e, head, sizeof(e));
	if (e.e_phentsize != sizeof(p))
		return -ENOEXEC;
	for (unsigned i = 0; i < e.e_phnum && i < PHDR_MAX; i++) {
		if (pread(fd, &p, sizeof(p), (off_t)e.e_phoff + (off_t)(i * sizeof(p))) != (ssize_t)sizeof(p))
			return -ENOEXEC;
		if (p.p_type == PT_INTERP)
			return read_interp(fd, p.p_offset, p.p_filesz, out, size);
	}
	return -ENOEXEC;
}

static int find_interpreter(int fd, const char *head, size_t n, char *out, size_t size)
{
	if (!is_elf(head, n))
		return script_interpreter(head, n, out, size);
	if (!is_native_order(head))
		return -ENOEXEC;
	return head[EI_CLASS] == ELFCLASS64 ? elf64_interpreter(fd, head, n, out, size)
					    : elf32_interpreter(fd, head, n, out, size);
}

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} machines[] = {
	    {EM_386,	     "i386"	   },
	    {EM_X86_64,	"x86_64"	},
	    {EM_ARM,	     "arm"	  },
	    {EM_AARCH64,	 "aarch64"  },
	    {EM_PPC,	     "powerpc"  },
	    {EM_PPC64,     "powerpc64"},
	    {EM_S390,      "s390x"    },
	    {EM_MIPS,      "mips"	    },
	    {EM_RISCV,     "riscv"    },
	    {EM_SPARCV9,	 "sparc64"  },
	    {EM_SPARC,     "sparc"    },
#ifdef EM_LOONGARCH
	    {EM_LOONGARCH, "loongarch"},
#endif
	};

	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		if (machines[i].machine == machine)
			return machines[i].name;
	return "another kind of machine";
}

static int unknown_format(const char *file, const char *head, size_t n, int e, struct error *err)
{
	struct utsname here = {.machine = "?"};
	uint16_t machine;

	if (n == 0)
		return error_set(err, -e, "exec %s: exec format error (the file is empty)", file);
	if (is_elf(head, n) && n >= offsetof(Elf64_Ehdr, e_machine) + sizeof(machine)) {
		memcpy(&machine, head + offsetof(Elf64_Ehdr, e_machine), sizeof(machine));
		if (!is_native_order(head))
			machine = bswap_16(machine);
		uname(&here);
		return error_set(err, -e, "exec %s: exec format error (an ELF program for %s, this is %s)",
				 file, machine_name(machine), here.machine);
	}
	if (n >= 2 && head[0] == '#' && head[1] == '!')
		return error_set(err, -e, "exec %s: exec format error (no usable interpreter after \"#!\")",
				 file);
	return error_set(
	    err, -e,
	    "exec %s: exec format error (neither an ELF program nor a script that begins with \"#!\")", file);
}

/* The words of the C library, in lower case where engines compare them so. */
static int plain(const char *file, int e, struct error *err)
{
	switch (e) {
	case ENOENT:
		return error_set(err, -e, "exec %s: no such file or directory", file);
	case EACCES:
		return error_set(err, -e, "exec %s: permission denied", file);
	default:
		errno = e;
		return error_errno(err, "exec %s", file);
	}
}

int diagnose_exec(const char *file, int e, struct error *err)
{
	char head[HEAD_MAX + 1] = {0}, interp[INTERP_MAX], name[INTERP_MAX], shown[256];
	auto_close int fd = -EBADF;

	if (e != ENOENT && e != EACCES && e != ENOEXEC)
		return plain(diagnose_quote(shown, sizeof(shown), file, strlen(file)), e, err);
	diagnose_quote(shown, sizeof(shown), file, strlen(file));
	fd = open_file(file);
	ssize_t n = fd < 0 ? -1 : pread(fd, head, HEAD_MAX, 0);
	if (n < 0)
		return plain(shown, e, err);
	if (e == ENOEXEC)
		return unknown_format(shown, head, (size_t)n, e, err);
	if (find_interpreter(fd, head, (size_t)n, interp, sizeof(interp)) < 0)
		return plain(shown, e, err);

	size_t len = strlen(interp);
	diagnose_quote(name, sizeof(name), interp, len);
	if (e == ENOENT && len && interp[len - 1] == '\r')
		return error_set(err, -e,
				 "exec %s: interpreter %.*s\\r: no such file or directory (the file has "
				 "Windows line ends)",
				 shown, (int)(len - 1), name);
	if (e == ENOENT)
		return error_set(err, -e, "exec %s: interpreter %s: no such file or directory", shown, name);
	/* EACCES: whose? */
	if (faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) == 0 &&
	    faccessat(AT_FDCWD, interp, X_OK, AT_EACCESS) < 0)
		return error_set(err, -e, "exec %s: interpreter %s: permission denied", shown, name);
	return plain(shown, e, err);
}
