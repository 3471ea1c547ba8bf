/* bpf.c: see bpf.h. */
#include "bpf.h"

#include <string.h>

static bool condition(__u16 code, __u32 a, __u32 k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	default:
		return a & k;
	}
}

bool bpf_run(const struct sock_filter *code, size_t n, const struct seccomp_data *data, __u32 *out)
{
	__u32 a = 0;

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &code[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 || i->k > sizeof(*data) - 4)
				return false;
			memcpy(&a, (const char *)data + i->k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_RET | BPF_K:
			*out = i->k;
			return true;
		case BPF_JMP | BPF_JA:
			if (i->k >= n)
				return false;
			pc += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += condition(i->code, a, i->k) ? i->jt : i->jf;
			break;
		default:
			return false;
		}
	}
	return false;
}
