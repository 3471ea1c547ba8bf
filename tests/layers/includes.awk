# includes.awk: checks each #include line of the library and the programs against the table of rooms.
#
#   awk -f includes.awk FILE…      FILE as it stands below the top: libcontainer/mount/root.c
#
# A room may use what stands in its row, and nothing else of ours; each library of others has one door.

BEGIN {
	allow["base"] = "base"
	allow["oci-spec"] = "oci-spec base"
	split("ns mount cgroup seccomp process tty hooks", rooms, " ")
	for (i in rooms)
		allow[rooms[i]] = rooms[i] " oci-spec base"
	allow["net"] = "net base"
	allow["vmm"] = "vmm base"
	allow["core"] = "core ns mount cgroup seccomp process tty hooks net vmm oci-spec base"
	allow["src"] = "src core oci-spec base"
	# Boots a machine with no container around it.
	allow["cmd_vm"] = "src vmm base"
	# The guest's first process makes the machine ready, its network too.
	allow["agent"] = "src core net base"
	# A shipped hook is a program beside the library of hooks: the floor of src, for net and the state on its stdin.
	allow["veth"] = "net oci-spec base"

	door["yajl/"] = "oci-spec/schema.c"
	door["seccomp.h"] = "libcontainer/seccomp/filter.c libcontainer/seccomp/rules.c libcontainer/seccomp/names.c"
	door["sys/capability.h"] = "libcontainer/process/caps.c"
	door["libmnl/"] = "libcontainer/net/netlink.c"
	door["systemd/"] = "libcontainer/cgroup/systemd.c"
}

function complain(text)
{
	print FILENAME ":" FNR ": " text
	bad++
}

function in_list(word, list, parts, n, k)
{
	n = split(list, parts, " ")
	for (k = 1; k <= n; k++)
		if (parts[k] == word)
			return 1
	return 0
}

FNR == 1 {
	room = FILENAME
	sub(/^(\.\/)?(libcontainer\/)?/, "", room)
	sub(/\/.*$/, "", room)
	if (FILENAME ~ /(^|\/)hooks\/veth\.c$/)
		room = "veth"
	if (FILENAME ~ /(^|\/)src\/agent\.c$/)
		room = "agent"
	if (FILENAME ~ /(^|\/)src\/cmd_vm\.c$/)
		room = "cmd_vm"
	if (!(room in allow))
		complain("the room " room " stands in no row of the table")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	header = $0
	sub(/^[^"]*"/, "", header)
	sub(/".*$/, "", header)
	if (header == "config.h")
		next
	if (header !~ /\//) {
		complain("\"" header "\" does not name its room")
		next
	}
	if (header ~ /\.\./) {
		complain("\"" header "\" climbs")
		next
	}
	target = header
	sub(/\/.*$/, "", target)
	if (room in allow && !in_list(target, allow[room]))
		complain(room " may not include " target " (" header ")")
}

/^[ \t]*#[ \t]*include[ \t]*</ {
	header = $0
	sub(/^[^<]*</, "", header)
	sub(/>.*$/, "", header)
	for (d in door)
		if ((d ~ /\/$/ && index(header, d) == 1) || header == d)
			if (!in_list(FILENAME, door[d]))
				complain("<" header "> belongs to " door[d] " alone")
}

END { exit bad > 0 }
