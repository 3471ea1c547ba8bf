/* dispatch.c: see dispatch.h. */
#include "seccomp/dispatch.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#define STMT(code, k)	      ((struct sock_filter)BPF_STMT(code, k))
#define JUMP(code, k, jt, jf) ((struct sock_filter)BPF_JUMP(code, k, jt, jf))

/* All unconditional jumps lead to rules; until the length of the dispatcher is known, they hold the number of
 * the door. */
static size_t enter(struct sock_filter *out, const struct door *doors, size_t i)
{
	size_t at = 0;

	if (doors[i].last >= 0) {
		uint32_t last = (uint32_t)doors[i].last | (doors[i].x32 ? X32_BIT : 0);

		out[at++] = JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 0, 1);
		out[at++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	}
	out[at++] = STMT(BPF_JMP | BPF_JA, (uint32_t)i);
	return at;
}

/* The door of the same arch with the other kind of numbers; n where there is none. */
static size_t find_twin(const struct door *doors, size_t n, size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (doors[k].arch == doors[i].arch && doors[k].x32 != doors[i].x32)
			return k;
	return n;
}

/* One arch. For x86-64: without rules for the other kind of numbers, they go to the rules that are there,
 * which refuse them. */
static size_t write_arch(struct sock_filter *out, const struct door *doors, size_t n, size_t i)
{
	size_t twin = find_twin(doors, n, i), at = 0;

	out[at++] = STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	if (doors[i].arch == AUDIT_ARCH_X86_64) {
		struct sock_filter raw = STMT(BPF_JMP | BPF_JA, (uint32_t)i);
		size_t x32 = doors[i].x32 ? i : twin, plain = doors[i].x32 ? twin : i, test = at++;

		if (x32 < n)
			at += enter(out + at, doors, x32);
		else
			out[at++] = raw;
		out[test] = JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, (uint8_t)(at - test - 1));
		if (plain < n)
			at += enter(out + at, doors, plain);
		else
			out[at++] = raw;
		return at;
	}
	return at + enter(out + at, doors, i);
}

size_t dispatch_write(const struct door *doors, size_t n, struct sock_filter *out)
{
	size_t at = 0;

	out[at++] = STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < n; i++) {
		size_t test = at;

		if (find_twin(doors, n, i) < i)
			continue; /* done together with its twin */
		at++;
		at += write_arch(out + at, doors, n, i);
		out[test] = JUMP(BPF_JMP | BPF_JEQ | BPF_K, doors[i].arch, 0, (uint8_t)(at - test - 1));
	}
	out[at++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD);
	for (size_t i = 0; i < at; i++)
		if (out[i].code == (BPF_JMP | BPF_JA))
			out[i].k = (uint32_t)(at - i - 1 + doors[out[i].k].at);
	return at;
}
