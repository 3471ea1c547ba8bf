/* without_syscalls.c: runs a program on an older kernel, so to speak: the named system calls answer ENOSYS.
 *
 *   without_syscalls openat2,clone3 nacre run …
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *name;
	unsigned number;
} known[] = {
    {"openat2",		SYS_openat2	   },
    {"clone3",	       SYS_clone3		 },
    {"open_tree",	  SYS_open_tree	       },
    {"move_mount",	   SYS_move_mount	 },
    {"fsopen",	       SYS_fsopen		 },
    {"fsmount",		SYS_fsmount	   },
    {"fsconfig",		 SYS_fsconfig	     },
    {"fspick",	       SYS_fspick		 },
    {"mount_setattr",     SYS_mount_setattr    },
    {"pidfd_open",	   SYS_pidfd_open	 },
    {"pidfd_send_signal", SYS_pidfd_send_signal},
    {"close_range",	    SYS_close_range	   },
    {"pidfd_getfd",	    SYS_pidfd_getfd	   },
    {"faccessat2",	   SYS_faccessat2	 },
};

int main(int argc, char **argv)
{
	struct sock_filter code[2 + 2 * sizeof(known) / sizeof(*known) + 1];
	unsigned short n = 0;
	if (argc < 3) {
		fprintf(stderr, "usage: %s NAME[,NAME]… PROGRAM [ARGUMENT]…\n", argv[0]);
		return 125;
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (char *word = strtok(argv[1], ","); word; word = strtok(NULL, ",")) {
		size_t i = 0, count = sizeof(known) / sizeof(*known);
		while (i < count && strcmp(known[i].name, word))
			i++;
		if (i == count || n + 3u > sizeof(code) / sizeof(*code)) {
			fprintf(stderr, "%s: unknown system call %s\n", argv[0], word);
			return 125;
		}
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, known[i].number, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {n, code};
	/* Without no_new_privs, which the container would inherit: so this needs root. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("without_syscalls: filter");
		return 125;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 126;
}
