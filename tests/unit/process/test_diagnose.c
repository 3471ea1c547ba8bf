/* test_diagnose.c: files that the kernel really refuses to execute, and what is said about them. */
#include <criterion/criterion.h>
#include <elf.h>
#include <string.h>
#include <sys/wait.h>

#include "folder.h"
#include "process/diagnose.h"

/* Tries to execute the file, and compares the text after "exec FILE: ". */
static void expect(const struct folder *f, const char *name, const char *text)
{
	char path[256], want[600];
	struct error err = ERROR_NONE, *shared;
	int fds[2];

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	snprintf(want, sizeof(want), "exec %s: %s", path, text);
	cr_assert_eq(pipe(fds), 0);
	shared = &err;
	if (fork() == 0) {
		char *argv[] = {path, NULL};

		execve(path, argv, argv + 1);
		diagnose_exec(path, errno, shared);
		_exit(write(fds[1], &err, sizeof(err)) < 0);
	}
	cr_assert_eq(read(fds[0], &err, sizeof(err)), sizeof(err));
	wait(NULL);
	close(fds[0]);
	close(fds[1]);
	cr_expect(!strncmp(err.msg, want, strlen(want)), "\n%s\ninstead of\n%s", err.msg, want);
	cr_expect_lt(err.code, 0);
	cr_expect_null(strchr(err.msg, '\n'));
}

Test(diagnose, scripts)
{
	struct folder f = folder_new();

	folder_text(&f, "missing", 0755, "#!/bin/no-such-shell\n");
	expect(&f, "missing", "interpreter /bin/no-such-shell: no such file or directory");
	folder_text(&f, "blanks", 0755, "#! \t/bin/no-such-shell -e -u\n");
	expect(&f, "blanks", "interpreter /bin/no-such-shell: no such file or directory");
	folder_text(&f, "windows", 0755, "#!/bin/sh\r\necho\r\n");
	expect(&f, "windows",
	       "interpreter /bin/sh\\r: no such file or directory (the file has Windows line ends)");
	folder_text(&f, "escape", 0755, "#!/bin/\033[31mred\n");
	expect(&f, "escape", "interpreter /bin/?[31mred: no such file or directory");
	folder_text(&f, "nothing", 0755, "#!\n");
	expect(&f, "nothing", "exec format error (no usable interpreter after \"#!\")");
	folder_text(&f, "forbidden", 0755, "#!/etc/passwd\n");
	expect(&f, "forbidden", "interpreter /etc/passwd: permission denied");
	folder_text(&f, "plain", 0644, "#!/bin/sh\n");
	expect(&f, "plain", "permission denied");
	expect(&f, "not-there", "no such file or directory");
	folder_end(&f);
}

Test(diagnose, unknown_formats)
{
	struct folder f = folder_new();

	folder_text(&f, "empty", 0755, "");
	expect(&f, "empty", "exec format error (the file is empty)");
	folder_text(&f, "text", 0755, "echo hello\n");
	expect(&f, "text", "exec format error (neither an ELF program nor a script that begins with \"#!\")");
	folder_write(&f, "zeros", 0755, (char[512]){0}, 512);
	expect(&f, "zeros", "exec format error (neither");
	folder_end(&f);
}

struct program {
	Elf64_Ehdr e;
	Elf64_Phdr p[2];
	char interp[64];
};

static struct program program(unsigned machine)
{
	struct program x = {
	    .e = {.e_type = ET_EXEC,
		  .e_machine = (Elf64_Half)machine,
		  .e_version = EV_CURRENT,
		  .e_phoff = offsetof(struct program, p),
		  .e_ehsize = sizeof(Elf64_Ehdr),
		  .e_phentsize = sizeof(Elf64_Phdr),
		  .e_phnum = 2},
	    .interp = "/lib/no-such-loader.so"
	      };

	memcpy(x.e.e_ident, ELFMAG, SELFMAG);
	x.e.e_ident[EI_CLASS] = ELFCLASS64;
	x.e.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	x.e.e_ident[EI_VERSION] = EV_CURRENT;
	x.p[0].p_type = PT_NULL;
	x.p[1] = (Elf64_Phdr){.p_type = PT_INTERP,
			      .p_offset = offsetof(struct program, interp),
			      .p_filesz = strlen("/lib/no-such-loader.so") + 1};
	return x;
}

Test(diagnose, programs)
{
	struct folder f = folder_new();
	struct program x;

#if defined(__x86_64__)
	x = program(EM_X86_64);
	folder_write(&f, "dynamic", 0755, &x, sizeof(x));
	expect(&f, "dynamic", "interpreter /lib/no-such-loader.so: no such file or directory");
	x = program(EM_AARCH64);
	folder_write(&f, "foreign", 0755, &x, sizeof(x));
	expect(&f, "foreign", "exec format error (an ELF program for aarch64, this is ");
#endif
	x = program(0x7777);
	folder_write(&f, "strange", 0755, &x, sizeof(x));
	expect(&f, "strange", "exec format error (an ELF program for another kind of machine, this is ");
	folder_end(&f);
}

/* Headers that lie: only bounded reads, no crash, the plain text. */
Test(diagnose, lying_headers)
{
	struct folder f = folder_new();
	struct error err;
	char path[256], want[300];

	snprintf(path, sizeof(path), "%s/x", f.path);
	snprintf(want, sizeof(want), "exec %s: no such file or directory", path);
	for (int i = 0; i < 8; i++) {
		struct program x = program(EM_X86_64);
		size_t n = sizeof(x);

		switch (i) {
		case 0:
			x.e.e_phoff = UINT64_MAX;
			break;
		case 1:
			x.e.e_phoff = INT64_MAX / 2;
			x.e.e_phnum = 0xffff;
			break;
		case 2:
			x.p[1].p_filesz = UINT64_MAX;
			break;
		case 3:
			x.p[1].p_offset = UINT64_MAX - 3;
			break;
		case 4:
			x.p[1].p_filesz = 0;
			break;
		case 5:
			x.e.e_phentsize = 1;
			break;
		case 6:
			n = sizeof(Elf64_Ehdr) - 1;
			break;
		case 7:
			x.p[1].p_filesz = 201;
			break;
		}
		folder_write(&f, "x", 0755, &x, n);
		cr_expect_eq(diagnose_exec(path, ENOENT, &err), -ENOENT);
		cr_expect_str_eq(err.msg, want, "%d: %s", i, err.msg);
	}
	folder_end(&f);
}

Test(diagnose, no_regular_file, .timeout = 100)
{
	struct folder f = folder_new();
	struct error err;
	char path[256];

	snprintf(path, sizeof(path), "%s/pipe", f.path);
	cr_assert_eq(mkfifo(path, 0755), 0);
	cr_assert_eq(diagnose_exec(path, EACCES, &err), -EACCES);
	cr_assert(strstr(err.msg, "/pipe: permission denied"));
	cr_assert_eq(diagnose_exec(path, ENOEXEC, &err), -ENOEXEC);
	cr_assert_eq(diagnose_exec("/x", E2BIG, &err), -E2BIG);
	cr_assert_str_eq(err.msg, "exec /x: Argument list too long");
	folder_end(&f);
}

Test(diagnose, quoted)
{
	char out[8];

	cr_assert_str_eq(diagnose_quote(out, sizeof(out), "a\n\x7f\tb", 5), "a???b");
	cr_assert_str_eq(diagnose_quote(out, sizeof(out), "0123456789", 10), "0123456");
	cr_assert_str_eq(diagnose_quote(out, 1, "x", 1), "");
}
