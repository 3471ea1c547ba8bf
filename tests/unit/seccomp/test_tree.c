/* test_tree.c: the search over numbers against a plain look into the list. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "bpf.h"
#include "seccomp/tree.h"

#define OTHER 0x7777U
#define MAX   8192

static struct sock_filter code[MAX + 1];

/* The accumulator is loaded by the dispatcher; here by one instruction in front. */
static void check(const struct answer *v, size_t n, uint32_t nr)
{
	struct seccomp_data data = {.nr = (int)nr};
	size_t len = tree_write(v, n, code + 1, MAX - 2);
	__u32 want = OTHER, got = 0;

	cr_assert_leq(len, MAX - 2);
	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	code[len + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, OTHER);
	for (size_t i = 0; i < n; i++)
		if (v[i].nr == nr)
			want = v[i].action;
	cr_assert(bpf_run(code, len + 2, &data, &got));
	cr_assert_eq(got, want, "%u: %x instead of %x", nr, got, want);
}

Test(tree, edges)
{
	static const struct answer all[] = {
	    {0,		1},
	    {1,		1},
	    {2,		2},
	    {5,		1},
	    {7,		1},
	    {UINT32_MAX - 1, 3},
		 {UINT32_MAX,     4}
	};

	for (size_t n = 0; n <= sizeof(all) / sizeof(all[0]); n++)
		for (size_t from = 0; from <= n; from++) {
			for (uint32_t nr = 0; nr < 10; nr++)
				check(all + from, n - from, nr);
			for (uint32_t nr = UINT32_MAX; nr > UINT32_MAX - 4; nr--)
				check(all + from, n - from, nr);
			check(all + from, n - from, 0x80000000);
		}
}

/* Every other number: halves longer than a conditional jump reaches. */
Test(tree, large)
{
	enum { MANY = 700 };
	struct answer v[MANY];

	for (unsigned i = 0; i < MANY; i++)
		v[i] = (struct answer){2 * i + 1, 1 + i % 5};
	for (uint32_t nr = 0; nr < 2 * MANY + 3; nr++)
		check(v, MANY, nr);
}

Test(tree, neighbours_share_a_range)
{
	struct answer v[400];

	for (unsigned i = 0; i < 400; i++)
		v[i] = (struct answer){i + 100, 1};
	cr_assert_leq(tree_write(v, 400, code, MAX), 8);
	check(v, 400, 99);
	check(v, 400, 100);
	check(v, 400, 499);
	check(v, 400, 500);
}

Test(tree, too_long)
{
	struct answer v[] = {
	    {1, 1},
	    {3, 1},
	    {5, 1}
	  };
	struct sock_filter few[4] = {
	    [3] = {9, 9, 9, 9}
	      };

	cr_assert_eq(tree_write(v, 3, few, 3), 4);
	cr_assert_eq(few[3].code, 9, "written behind the end");
}
