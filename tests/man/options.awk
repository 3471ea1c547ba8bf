# options.awk: lists the options that the manual page describes, as `nacre help --man` does: "run --bundle", "run -b".
#
# An option is described where the line after .TP begins with it: \fB\-b\fR, \fB\-\-bundle\fR \fIDIR\fR.

/^\.SH/ {
	section = /GLOBAL OPTIONS/ ? "nacre" : ""
	commands = /COMMANDS/
}

/^\.SS/ && commands { section = $2 }

head && section != "" && /^\\fB\\-/ {
	line = $0
	gsub(/\\f[BRI]/, " ", line)
	gsub(/\\-/, "-", line)
	n = split(line, words, /[ ,=]+/)
	for (i = 1; i <= n; i++)
		if (words[i] ~ /^-/)
			print section, words[i]
}

{ head = /^\.TP/ }
