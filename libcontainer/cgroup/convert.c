/* convert.c: pure arithmetic, no kernel. */
#include "cgroup/convert.h"

#include <stddef.h>
#include <string.h>

/* The two functions below spare every start of the program the loading of libm; errors are far below what
 * ceil() could notice. */

/* ln(x) for 1 <= x < 2: 2 atanh((x - 1) / (x + 1)), whose argument is below 1/3. */
static double ln_mantissa(double x)
{
	double z = (x - 1) / (x + 1), power = z, sum = 0;

	for (int i = 1; i < 40; i += 2, power *= z * z)
		sum += power / i;
	return 2 * sum;
}

/* e^x for 0 <= x < 10: the series for x/1024, squared ten times. */
static double exponential(double x)
{
	double term = 1, sum = 1;

	x /= 1024;
	for (int i = 1; i < 10; i++) {
		term *= x / i;
		sum += term;
	}
	for (int i = 0; i < 10; i++)
		sum *= sum;
	return sum;
}

/* A parabola through the logarithms of both ends and of both defaults: log10(w) = (l^2 + 125 l) / 612 - 7 /
 * 34, l = log2(shares). The straight line between the ends that was used before gave 39 for the default. */
uint64_t convert_shares(uint64_t shares)
{
	const double ln2 = 0.69314718055994530942, ln10 = 2.30258509299404568402;
	double l, weight;
	int exponent;

	if (shares <= 2)
		return shares ? 1 : 0;
	if (shares >= 262144)
		return 10000;
	exponent = 63 - __builtin_clzll(shares);
	l = exponent + ln_mantissa((double)shares / (double)(1ull << exponent)) / ln2;
	weight = exponential(((l * l + 125 * l) / 612 - 7.0 / 34) * ln10) - 1e-7;
	return (uint64_t)weight + 1;
}

uint64_t convert_io_weight(uint64_t weight)
{
	if (weight <= 10)
		return 1;
	return weight >= 1000 ? 10000 : 1 + (weight - 10) * 9999 / 990;
}

bool convert_swap(int64_t swap, int64_t limit, int64_t *out)
{
	if (swap < 0)
		*out = -1;
	else if (limit < 0)
		*out = swap;
	else if (swap < limit)
		return false;
	else
		*out = swap - limit;
	return true;
}

bool convert_is_page_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits < 10 && strchr("KMG", text[digits]) && text[digits] &&
	       !strcmp(text + digits + 1, "B");
}
