# tap-sum.awk: adds up TAP streams: names every failure and every skip with its reason, then one closing line.
#
#   awk -f tests/tap-sum.awk FILE…       exit status 1 if anything failed, or nothing ran at all
#
# A stream that promised more tests than it delivered has failed: its program died half way.

function name_of(line)
{
	sub(/^(not )?ok */, "", line)
	sub(/^[0-9]+ */, "", line)
	sub(/^- */, "", line)
	sub(/ *#.*$/, "", line)
	sub(/ *\([0-9.]+s\) *$/, "", line)
	return line
}

function stream_of(file)
{
	sub(/^.*tests\/tap\//, "", file)
	sub(/\.tap$/, "", file)
	return file
}

function close_stream()
{
	if (stream != "" && planned > seen) {
		print "FAIL " stream ": " planned " tests were planned, only " seen " reported"
		failed += planned - seen
	}
	planned = seen = 0
}

FNR == 1 {
	close_stream()
	stream = stream_of(FILENAME)
}

/^1\.\.[0-9]+/ {
	planned = substr($1, 4) + 0
	next
}

/^not ok/ {
	seen++
	failed++
	print "FAIL " stream ": " name_of($0)
	next
}

/^ok/ {
	seen++
	if (match(toupper($0), /# *SKIP/)) {
		skipped++
		reason = substr($0, RSTART + RLENGTH)
		sub(/^[: ]*/, "", reason)
		print "SKIP " stream ": " name_of($0) ": " (reason == "" ? "no reason given" : reason)
	} else {
		passed++
	}
	next
}

END {
	close_stream()
	printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit failed > 0 || passed + skipped == 0
}
