/* stub.c: see stub.h. */
#include "stub.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int stub_file(const void *bytes, size_t n)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	return fd;
}

void stub_elf(struct stub_elf *e, const void *code, size_t n)
{
	*e = (struct stub_elf){
	    .head =
		{
		    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		    .e_type = ET_EXEC,
		    .e_machine = EM_X86_64,
		    .e_version = EV_CURRENT,
		    .e_entry = STUB_AT,
		    .e_phoff = offsetof(struct stub_elf, segment),
		    .e_ehsize = sizeof(Elf64_Ehdr),
		    .e_phentsize = sizeof(Elf64_Phdr),
		    .e_phnum = 1,
		},
	    .segment =
		{
		    .p_type = PT_LOAD,
		    .p_flags = PF_R | PF_X,
		    .p_offset = offsetof(struct stub_elf, code),
		    .p_vaddr = STUB_AT,
		    .p_paddr = STUB_AT,
		    .p_filesz = sizeof(e->code),
		    .p_memsz = 2 * sizeof(e->code),
		},
	};
	if (n > sizeof(e->code))
		abort();
	memcpy(e->code, code, n);
}

int stub_elf_file(const struct stub_elf *e)
{
	return stub_file(e, sizeof(*e));
}

void stub_bzimage(struct stub_bzimage *b)
{
	*b = (struct stub_bzimage){
	    .header =
		{
		    .setup_sects = 4,
		    .syssize = sizeof(b->code) / 16,
		    .boot_flag = 0xaa55,
		    .jump = 0xeb | (0x268 - 0x202) << 8,
		    .version = 0x020f,
		    .loadflags = LOADED_HIGH,
		    .xloadflags = XLF_KERNEL_64,
		    .initrd_addr_max = 0x7fffffff,
		    .kernel_alignment = 0x200000,
		    .relocatable_kernel = 1,
		    .cmdline_size = 2047,
		    .pref_address = STUB_AT,
		    .init_size = 1 << 20,
		    .kernel_version = 0x300,
		},
	};
	memcpy(&b->header.header, "HdrS", 4);
	memcpy((char *)b + 0x500, "6.12.1-stub (somebody@somewhere) #1", 36);
	memset(b->code, 0xf4, sizeof(b->code));
}
