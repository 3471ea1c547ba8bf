# engine.sh: what the scripts of this folder share: TAP, an image, daemons of their own, and a look at what is left of a container.
#
# A script sets `engine` and the programs it needs, sources this, and calls engine_begin. From then on:
#   $dir      a folder of its own, removed at the end; every daemon, image and state lives below it
#   $label    a word that no other run uses: cgroup parents and containerd namespaces carry it
#   $parent   the cgroup parent: $label as the driver writes it
#   $runtime  a copy of the runtime, where an ordinary user may reach it as well
# It brings ENGINE_begin, which starts the engine, ENGINE_tidy, which removes all containers, and perhaps ENGINE_end.
# A scenario is a function that runs under `set -e` in a subshell: the first command that fails fails it, and the trace of it is shown.

# NACRE names the runtime. With another one (runc, crun) the same scenarios tell what an engine makes of that one.
NACRE=${NACRE:-$(pwd)/nacre}
# ENGINE_ONLY: only the scenarios with this word in their name. ENGINE_CGROUPS names the driver that Docker and Podman are to use: cgroupfs or, where systemd runs on pure version 2, systemd.
driver=${ENGINE_CGROUPS:-cgroupfs}
# The system's engines, not what somebody may have put before them.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
number=0
failed=0
daemons=
# NACRE_TEST_SLOW: the machine is emulated. Only a failure takes all of this.
patience=30 slow=1
[ -z "${NACRE_TEST_SLOW:-}" ] || patience=180 slow=6

# ---- TAP

skip()
{ # NAME REASON
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

skip_all()
{ # REASON
	skip "$engine" "$1"
	echo "1..$number"
	exit 0
}

scenario()
{ # NAME FUNCTION [ARGUMENT…]
	name=$1
	shift
	case $name in
	*"${ENGINE_ONLY:-}"*) ;;
	*) return ;;
	esac
	number=$((number + 1))
	started=$(milliseconds)
	# No `if` and no `||` here: the shell would then ignore set -e in the function.
	(
		set -ex
		"$@"
	) >"$dir/said" 2>"$dir/trace"
	status=$?
	name="$name ($(awk -v ms=$(($(milliseconds) - started)) 'BEGIN { printf "%.2f", ms / 1000 }')s)"
	if [ "$status" -eq 0 ]; then
		echo "ok $number - $name"
	elif [ "$status" -eq 77 ]; then
		echo "ok $number - $name # SKIP $(tail -n 1 "$dir/said")"
	else
		echo "not ok $number - $name"
		tail -n 8 "$dir/trace" | cut -c 1-600 | sed 's/^/#  /'
		failed=$((failed + 1))
		# The next one begins on a clean floor.
		"${engine}_tidy" >/dev/null 2>&1
	fi
}

# Inside a scenario: it cannot be run here.
lacks()
{ # REASON
	echo "$1"
	exit 77
}

# Runs a command with a limit of time; what it said is in $out, its status in $status. Never fails by itself.
ask()
{
	status=0
	out=$(timeout "$patience" "$@" 2>&1 </dev/null) || status=$?
	out=$(printf '%s\n' "$out" | tr -d '\r')
}

# ask, and insist on both.
expect()
{ # STATUS PATTERN COMMAND…: the status is a pattern, too
	wanted=$1 pattern=$2
	shift 2
	ask "$@"
	like "$status" "$wanted" && like "$out" "$pattern" && return
	echo "WRONG: '$status', expected '$wanted'; the command had said: $out" >&2
	return 1
}

is()
{ # ACTUAL EXPECTED
	[ "$1" = "$2" ] && return
	echo "WRONG: '$1', expected '$2'; the command had said: ${out:-}" >&2
	return 1
}

like()
{ # TEXT PATTERN
	# shellcheck disable=SC2254 # a pattern is meant
	case $1 in
	$2) return 0 ;;
	esac
	echo "WRONG: '$1' is not like '$2'" >&2
	return 1
}

# Tries a command until it succeeds.
await()
{ # SECONDS COMMAND…
	tries=$(($1 * slow * 20))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# However slow the machine: what was waited for came, and not the time after which it is taken by force.
within()
{ # MILLISECONDS START
	[ $(($(milliseconds) - $2)) -lt $(($1 * slow)) ]
}

milliseconds()
{
	echo $(($(date +%s%N) / 1000000))
}

# ---- begin and end

engine_begin()
{ # PROGRAM…
	for program in "$@"; do
		command -v "$program" >/dev/null 2>&1 || skip_all "$program is not installed"
	done
	[ -x /bin/busybox ] || skip_all "busybox-static is not installed"
	if [ "$(id -u)" -ne 0 ] && [ "$engine" != rootless ]; then
		sudo -n true 2>/dev/null || skip_all "needs root"
		exec sudo -n env "NACRE=$NACRE" "ENGINE_CGROUPS=$driver" "ENGINE_ONLY=${ENGINE_ONLY:-}" "PATH=$PATH" sh "$0"
	fi
	[ "$(id -u)" -ne 0 ] || unshare --mount true 2>/dev/null || skip_all "this root may not mount"
	case $NACRE in
	*/*) ;;
	*) NACRE=$(command -v "$NACRE") ;;
	esac
	[ -x "$NACRE" ] || skip_all "${NACRE:-the runtime} is not built"
	# Short: the paths of sockets below it have 107 bytes.
	dir=$(mktemp -d "${TMPDIR:-/tmp}/nacre-XXXXXX") || exit 1
	chmod 755 "$dir"
	label=check-${dir##*-}
	parent=/$label
	[ "$driver" != systemd ] || parent=$label.slice
	trap 'engine_end' EXIT
	trap 'exit 1' HUP INT TERM
	mkdir -p "$dir/bin"
	cp "$NACRE" "$dir/bin/"
	runtime=$dir/bin/${NACRE##*/}
	export TMPDIR="$dir/tmp"
	mkdir -p "$TMPDIR"
	if command -v "${engine}_begin" >/dev/null; then
		"${engine}_begin" || {
			number=$((number + 1))
			echo "not ok $number - the engine starts"
			tail -n 12 "$dir"/*.log | cut -c 1-400 | sed 's/^/#  /'
			echo "1..$number"
			exit 1
		}
	fi
}

# Whatever ended the script: its containers, its daemons, its folder, its cgroups.
engine_end()
{
	status=$?
	trap '' HUP INT TERM
	"${engine}_tidy" >/dev/null 2>&1
	! command -v "${engine}_end" >/dev/null || "${engine}_end" >/dev/null 2>&1
	for pid in $daemons; do
		daemon_stop "$pid"
	done
	sweep
	rm -rf "$dir" 2>/dev/null || {
		sleep 0.5
		rm -rf "$dir"
	}
	exit "$status"
}

engine_done()
{
	echo "1..$number"
	[ "$failed" -eq 0 ]
	exit
}

daemon_start()
{ # NAME SOCKET COMMAND…
	daemon_name=$1 socket=$2
	shift 2
	"$@" >"$dir/$daemon_name.log" 2>&1 </dev/null &
	daemon=$!
	# The last one first, at the end.
	daemons="$daemon $daemons"
	await 20 test -S "$socket" -o ! -d "/proc/$daemon" && [ -S "$socket" ]
}

daemon_stop()
{ # PID
	kill -TERM "$1" 2>/dev/null
	await 10 gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# A zombie is gone too: its parent may be slow.
gone()
{ # PID
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	Z* | "") return 0 ;;
	esac
	return 1
}

# What a broken engine may have left. Our folder and our label are in nobody else's paths.
sweep()
{
	for folder in $(cgroups_of "$label"); do
		while read -r pid; do
			kill -KILL "$pid" 2>/dev/null
		done <"$folder/cgroup.procs"
	done
	for cmdline in /proc/[0-9]*/cmdline; do
		pid=${cmdline#/proc/} pid=${pid%/cmdline}
		[ "$pid" != $$ ] || continue
		if { tr '\0' ' ' <"$cmdline"; } 2>/dev/null | grep -qF "$dir/"; then
			kill -KILL "$pid" 2>/dev/null
		fi
	done
	mounts_below "$dir" | sort -r | while read -r mount; do
		umount -l "$mount" 2>/dev/null
	done
	sleep 0.1
	[ "$driver" != systemd ] || [ "$(id -u)" -ne 0 ] || systemctl stop "$label.slice" 2>/dev/null
	cgroups_of "$label" | sort -r | xargs -r rmdir 2>/dev/null
}

# ---- what the kernel says

mounts_below()
{ # FOLDER
	awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo
}

cgroups_of()
{ # WORD
	find /sys/fs/cgroup -type d -path "*$1*" 2>/dev/null
}

# The folder of a process in the hierarchy that has a controller, be it of version 1 or 2.
cgroup_folder()
{ # PID CONTROLLER
	path=$(awk -F: -v c="$2" '("," $2 ",") ~ ("," c ",") { print $3; exit }' "/proc/$1/cgroup")
	if [ -n "$path" ]; then
		top=$(awk -v c="$2" '/ - cgroup / && ("," $NF ",") ~ ("," c ",") { print $5; exit }' /proc/self/mountinfo)
	else
		path=$(sed -n 's/^0:://p' "/proc/$1/cgroup")
		top=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
	fi
	echo "$top$path"
}

# A limit as the kernel has it; the two versions give their files other names.
cgroup_value()
{ # PID CONTROLLER FILE-OF-VERSION-1 FILE-OF-VERSION-2
	folder=$(cgroup_folder "$1" "$2")
	if [ -e "$folder/$3" ]; then
		cat "$folder/$3"
	else
		cat "$folder/$4"
	fi
}

memory_limit()
{ # PID
	cgroup_value "$1" memory memory.limit_in_bytes memory.max
}

pids_limit()
{ # PID
	cgroup_value "$1" pids pids.max pids.max
}

# Quota and period.
cpu_limit()
{ # PID
	folder=$(cgroup_folder "$1" cpu)
	if [ -e "$folder/cpu.max" ]; then
		cat "$folder/cpu.max"
	else
		echo "$(cat "$folder/cpu.cfs_quota_us") $(cat "$folder/cpu.cfs_period_us")"
	fi
}

# Whichever hierarchy it is frozen in, a process that would wake up 20 times a second does not.
frozen()
{ # PID
	before=$(grep ctxt "/proc/$1/status")
	sleep 0.3
	is "$(grep ctxt "/proc/$1/status")" "$before"
}

moving()
{ # PID
	before=$(grep ctxt "/proc/$1/status")
	sleep 0.3
	[ "$(grep ctxt "/proc/$1/status")" != "$before" ]
}

no_process_with()
{ # WORD-OF-A-COMMAND-LINE
	for cmdline in /proc/[0-9]*/cmdline; do
		if { tr '\0' '\n' <"$cmdline"; } 2>/dev/null | grep -qx "$1"; then
			echo "WRONG: ${cmdline%/cmdline} still runs" >&2
			return 1
		fi
	done
}

# No container's folder, and nothing else but the cache of compiled filters, which outlives containers on purpose.
no_state()
{ # FOLDER
	[ ! -e "$1" ] || is "$(find "$1" -mindepth 1 -maxdepth 1 ! -name '.seccomp:filters')" ''
}

# ---- images: busybox and nothing else

image_rootfs()
{ # FOLDER
	mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/root" "$1/proc" "$1/sys" "$1/dev" "$1/data" "$1/var/log"
	cp /bin/busybox "$1/bin/busybox"
	for applet in $(/bin/busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nann:x:1234:4321:Ann:/data:/bin/sh\n' >"$1/etc/passwd"
	printf 'root:x:0:\nanns:x:4321:\nmore:x:5555:ann\n' >"$1/etc/group"
	echo kept >"$1/data/file"
	# Not executable: what a wrong entry point looks like.
	echo text >"$1/etc/text"
	chmod 1777 "$1/tmp"
}

image_tar()
{ # FILE
	image_rootfs "$dir/image"
	tar -C "$dir/image" --owner=0 --group=0 --numeric-owner -cf "$1" .
}

# The same as an archive that `docker save` might have written.
image_archive()
{ # FILE NAME
	mkdir -p "$dir/archive"
	image_tar "$dir/archive/layer.tar"
	sum=$(sha256sum "$dir/archive/layer.tar" | cut -d ' ' -f 1)
	case $(uname -m) in
	x86_64) architecture=amd64 ;;
	aarch64) architecture=arm64 ;;
	*) architecture=$(uname -m) ;;
	esac
	cat >"$dir/archive/config.json" <<-END
		{"architecture":"$architecture","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},
		"rootfs":{"type":"layers","diff_ids":["sha256:$sum"]},
		"history":[{"created":"2020-01-01T00:00:00Z","created_by":"tar"}],"created":"2020-01-01T00:00:00Z"}
	END
	echo "[{\"Config\":\"config.json\",\"RepoTags\":[\"$2\"],\"Layers\":[\"layer.tar\"]}]" >"$dir/archive/manifest.json"
	tar -C "$dir/archive" -cf "$1" manifest.json config.json layer.tar
}
