/* tree.c: see tree.h. */
#include "seccomp/tree.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/auto.h"

#define STMT(code, k)	      ((struct sock_filter)BPF_STMT(code, k))
#define JUMP(code, k, jt, jf) ((struct sock_filter)BPF_JUMP(code, k, jt, jf))

/* Numbers from `first` on, up to the next range. */
struct range {
	uint32_t first, action;
	bool other;
};

struct tree {
	const struct range *v;
	struct sock_filter *out;
	size_t at, max;
};

/* Neighbours with one action are one range: profiles allow most calls, so that there are far fewer ranges
 * than calls. */
static size_t make_ranges(const struct answer *v, size_t n, struct range *out)
{
	size_t made = 0;

	if (!n || v[0].nr)
		out[made++] = (struct range){.other = true};
	for (size_t i = 0; i < n; i++) {
		bool goes_on = i && v[i].nr == v[i - 1].nr + 1;

		if (i && !goes_on)
			out[made++] = (struct range){.first = v[i - 1].nr + 1, .other = true};
		if (!goes_on || v[i].action != v[i - 1].action)
			out[made++] = (struct range){.first = v[i].nr, .action = v[i].action};
	}
	if (n && v[n - 1].nr != UINT32_MAX)
		out[made++] = (struct range){.first = v[n - 1].nr + 1, .other = true};
	return made;
}

static void put(struct tree *t, struct sock_filter i)
{
	if (t->at < t->max)
		t->out[t->at] = i;
	t->at++;
}

/* Ranges from..to-1: a leaf, or a test with the lower half behind it and then the upper one. */
static void write_half(struct tree *t, size_t from, size_t to)
{
	size_t middle = from + (to - from) / 2, test = t->at, lower;

	if (to - from == 1) {
		/* The way out; where to is known at the end. */
		put(t,
		    t->v[from].other ? STMT(BPF_JMP | BPF_JA, 0) : STMT(BPF_RET | BPF_K, t->v[from].action));
		return;
	}
	/* Conditional jumps reach 255 instructions far. The second instruction takes over beyond that. */
	put(t, JUMP(BPF_JMP | BPF_JGE | BPF_K, t->v[middle].first, 0, 1));
	put(t, STMT(BPF_JMP | BPF_JA, 0));
	write_half(t, from, middle);
	lower = t->at - test - 2;
	if (test + 1 < t->max)
		t->out[test + 1].k = (uint32_t)lower;
	write_half(t, middle, to);
}

size_t tree_write(const struct answer *v, size_t n, struct sock_filter *out, size_t max)
{
	auto_free struct range *ranges = calloc(2 * n + 2, sizeof(*ranges));
	struct tree t = {.v = ranges, .out = out, .max = max};

	if (!ranges)
		return max + 1;
	write_half(&t, 0, make_ranges(v, n, ranges));
	if (t.at > max)
		return max + 1;
	/* A lower half is never empty, so a jump of 0 is a way out. */
	for (size_t i = 0; i < t.at; i++)
		if (out[i].code == (BPF_JMP | BPF_JA) && !out[i].k)
			out[i].k = (uint32_t)(t.at - i - 1);
	return t.at;
}
