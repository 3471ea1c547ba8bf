/* test_convert.c: the formulas between v1's numbers and v2's. */
#include <criterion/criterion.h>
#include <math.h>

#include "cgroup/convert.h"

Test(convert, shares_have_the_ends_and_the_default_right)
{
	static const struct {
		uint64_t shares, weight;
	} rows[] = {
	    {0,		0	 },
	    {1,		1	 },
	    {2,		1	 },
	    {3,		2	 },
	    {10,	 4	  },
	    {100,	  17   },
	    {512,	  59   },
	    {1024,	   100  },
	    {2048,	   174  },
	    {10000,	    627  },
	    {262143,     10000},
	    {262144,     10000},
	    {UINT64_MAX, 10000},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cr_expect_eq(convert_shares(rows[i].shares), rows[i].weight, "%llu",
			     (unsigned long long)rows[i].shares);
}

Test(convert, shares_are_what_libm_says)
{
	for (uint64_t s = 3; s < 262144; s++) {
		double l = log2((double)s);

		cr_assert_eq(convert_shares(s), (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34)),
			     "%llu", (unsigned long long)s);
	}
}

Test(convert, io_weight)
{
	cr_expect_eq(convert_io_weight(10), 1);
	cr_expect_eq(convert_io_weight(1000), 10000);
	cr_expect_eq(convert_io_weight(500), 4950);
	cr_expect_eq(convert_io_weight(0), 1, "no underflow below 10");
	cr_expect_eq(convert_io_weight(UINT64_MAX), 10000);
}

Test(convert, swap_is_memory_and_swap)
{
	int64_t out = 77;

	cr_expect(convert_swap(300, 100, &out) && out == 200);
	cr_expect(convert_swap(100, 100, &out) && out == 0);
	cr_expect(convert_swap(-1, 100, &out) && out == -1);
	cr_expect(convert_swap(300, -1, &out) && out == 300);
	out = 77;
	cr_expect_not(convert_swap(99, 100, &out));
	cr_expect_eq(out, 77, "untouched");
}

Test(convert, page_sizes)
{
	cr_expect(convert_is_page_size("2MB"));
	cr_expect(convert_is_page_size("1GB"));
	cr_expect(convert_is_page_size("64KB"));
	cr_expect_not(convert_is_page_size(""));
	cr_expect_not(convert_is_page_size("MB"));
	cr_expect_not(convert_is_page_size("2"));
	cr_expect_not(convert_is_page_size("2B"));
	cr_expect_not(convert_is_page_size("2MBs"));
	cr_expect_not(convert_is_page_size("../2MB"));
	cr_expect_not(convert_is_page_size("2MB/x"));
	cr_expect_not(convert_is_page_size("9999999999999MB"));
}
