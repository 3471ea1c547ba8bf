# table.awk: TAP of the conformance tests as a table: result, place, level, requirement. quiet=1: the sum only; its status is the verdict.
function known(name,    k) {
	for (k in reason)
		if (index(name, k) == 1) {
			met[k] = 1
			return k
		}
	return ""
}
function row(result, name,    where, rest) {
	if (quiet)
		return
	where = name
	sub(/ .*/, "", where)
	rest = substr(name, length(where) + 2)
	printf "%-8s %-22s %s\n", result, where, rest
}
FNR == 1 && !loaded {
	loaded = 1
	while ((getline line < deviations) > 0) {
		if (line ~ /^#/ || line !~ /\t/)
			continue
		split(line, half, "\t")
		reason[half[1]] = half[2]
	}
}
/^ok [0-9]+ - .* # SKIP/ {
	name = $0
	sub(/^ok [0-9]+ - /, "", name)
	why = name
	sub(/ # SKIP.*/, "", name)
	sub(/.* # SKIP /, "", why)
	skipped++
	row("skipped", name)
	if (!quiet)
		print "         (" why ")"
	next
}
/^ok [0-9]+ - / {
	name = $0
	sub(/^ok [0-9]+ - /, "", name)
	passed++
	if (known(name) != "") {
		failed++
		stale[name] = 1
		row("STALE", name)
	} else
		row("ok", name)
	last = "ok"
	next
}
/^not ok [0-9]+ - / {
	name = $0
	sub(/^not ok [0-9]+ - /, "", name)
	k = known(name)
	if (k != "") {
		differs++
		row("differs", name)
		if (!quiet)
			print "         (" reason[k] ")"
		last = "differs"
	} else {
		failed++
		list[++n] = name
		row("FAIL", name)
		last = "FAIL"
	}
	next
}
/^# / && last == "FAIL" && !quiet {
	print "         " substr($0, 1, 300)
}
END {
	if (!quiet)
		exit 0
	printf "\n%s: %d requirements: %d met, %d differ deliberately, %d not met, %d not to be seen on this machine\n", runtime, passed + failed + differs + skipped, passed, differs, failed, skipped
	for (i = 1; i <= n; i++)
		print "not met: " list[i]
	for (name in stale)
		print "met, but in the list of deviations: " name
	exit failed > 0
}
