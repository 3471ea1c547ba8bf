# The manual page against the options that the program knows.
TESTS += %D%/check
EXTRA_DIST += %D%/check %D%/options.awk
