# merge.awk: many TAP streams, in files …/tests/tap/MODE/NAME.tap, as one on stdout: each test says where it comes from.
#
# A stream that promised more than it delivered gets a failure of its own: its program died half way.

function end_stream()
{
	if (stream != "" && planned > seen)
		printf "not ok %d - %s: %d tests were planned, only %d reported\n", ++n, stream, planned, seen
	planned = seen = 0
}

FNR == 1 {
	end_stream()
	stream = FILENAME
	sub(/^.*tests\/tap\//, "", stream)
	sub(/\.tap$/, "", stream)
	sub(/\//, " ", stream)
	sub(/ test_/, " ", stream)
}

/^1\.\.0/ {
	reason = $0
	sub(/^1\.\.0 *(# *SKIP *)?/, "", reason)
	printf "ok %d - %s # SKIP %s\n", ++n, stream, reason == "" ? "it has no tests" : reason
	next
}

/^1\.\.[0-9]+/ {
	planned = substr($1, 4) + 0
	next
}

/^Bail out!/ {
	printf "not ok %d - %s: %s\n", ++n, stream, $0
	next
}

/^(not )?ok/ {
	seen++
	result = /^not/ ? "not ok" : "ok"
	sub(/^(not )?ok */, "")
	sub(/^[0-9]+ */, "")
	sub(/^- */, "")
	printf "%s %d - %s: %s\n", result, ++n, stream, $0
	next
}

# What a test says about itself.
{
	sub(/^# */, "")
	if ($0 != "" && $0 !~ /^TAP version/)
		print "# " $0
}

END {
	end_stream()
	print "1.." n + 0
}
