/* dispatch.h: the head of a filter: which architecture's rules a system call goes to, and which call is too
 * new for any rule. */
#ifndef SECCOMP_DISPATCH_H
#define SECCOMP_DISPATCH_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOORS_MAX    32
#define DISPATCH_MAX (2 + 9 * DOORS_MAX) /* instructions at most */
#define X32_BIT	     0x40000000U

/* One way into the kernel: an architecture's system call table. x86-64 has two under one AUDIT_ARCH_*, told
 * apart by X32_BIT. */
struct door {
	uint32_t arch; /* AUDIT_ARCH_*, as the kernel says it */
	bool x32;
	int64_t
	    last;  /* calls with a higher number (without X32_BIT) answer ENOSYS; negative: no such limit */
	size_t at; /* where the door's rules begin, counted from behind the dispatcher */
};

/* Writes instructions that lead each system call to the rules of its door. The order of doors doesn't matter.
 * A call by any other door kills its thread. ENOSYS: C libraries try new calls first and take the old way at
 * ENOSYS; at EPERM they give up. Returns how many instructions; at most DISPATCH_MAX. */
size_t dispatch_write(const struct door *doors, size_t n, struct sock_filter *out);

#endif
