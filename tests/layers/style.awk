# style.awk: what can be said of the form of the source without a reader's eye. Where a line is broken, and how a table is aligned, is the
# author's: clang-format has no word for it, and spoils both.
#
#   awk -f style.awk FILE…

function complain(text)
{
	print FILENAME ":" FNR ": " text
	bad++
}

FNR == 1 {
	empty = 0
}

{
	if (/\r/)
		complain("a carriage return")
	if (/[ \t]$/)
		complain("blanks at the end")
	if (/^\t* {8}/)
		complain("blanks in place of a tab")
	if (/^ +\t/)
		complain("blanks before a tab")
	if ($0 == "" && empty)
		complain("a second empty line")
	empty = $0 == ""
	# Texts are not broken: somebody may look for them. Tabs end at each eighth column.
	columns = 0
	for (i = 1; i <= length($0); i++)
		columns += substr($0, i, 1) == "\t" ? 8 - columns % 8 : 1
	if (columns > 160 && !/"/)
		complain("has " columns " columns, more than 160")
}

END {
	exit bad > 0
}
