# dock.sh: what the scripts for Docker share: a dockerd and a containerd of our own, and containers. To be sourced before engine.sh.
#
# Of a host that does not forward dockerd warns on every `run`. In a network namespace of its own it may be told that there is one that does.
if [ -z "${forwarding:-}" ] && unshare --net true 2>/dev/null; then
	forwarding=1 exec unshare --net sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; ip link set lo up; exec sh "$0"' "$0"
fi

dock_begin()
{ # NETWORK-OF-DAEMON.JSON
	mkdir -p "$dir/c" "$dir/d"
	# Its own containerd, since dockerd would take the system's where one runs. No plugin that writes elsewhere or needs a device.
	cat >"$dir/containerd.toml" <<-END
		version = 2
		root = "$dir/c/root"
		state = "$dir/c/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
			"io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
		[grpc]
		address = "$dir/c/sock"
	END
	cat >"$dir/daemon.json" <<-END
		{"runtimes": {"ours": {"path": "$runtime"}}, "default-runtime": "ours", $1, "iptables": false,
		"ip6tables": false, "ip-forward": false, "userland-proxy": false, "storage-driver": "vfs", "cgroup-parent": "$parent",
		"features": {"containerd-snapshotter": false}, "exec-opts": ["native.cgroupdriver=$driver"]}
	END
	daemon_start containerd "$dir/c/sock" containerd --config "$dir/containerd.toml" || return
	# The BuildKit in dockerd takes whatever is called runc, and nothing else.
	mkdir "$dir/path"
	cat >"$dir/path/runc" <<-END
		#!/bin/sh
		echo "\$*" >>$dir/built
		exec $runtime "\$@"
	END
	chmod 755 "$dir/path/runc"
	export DOCKER_HOST="unix://$dir/d/sock" DOCKER_CONFIG="$dir/d/config"
	# On a busy machine it may give containerd up before that has answered.
	for try in 1 2 3; do
		rm -f "$dir/d/sock" "$dir/d/pid"
		daemon_start dockerd "$dir/d/sock" env "PATH=$dir/path:$PATH" dockerd --config-file "$dir/daemon.json" --data-root "$dir/d/data" \
			--exec-root "$dir/d/exec" -H "unix://$dir/d/sock" --pidfile "$dir/d/pid" --containerd "$dir/c/sock" || return
		await 20 answers_or_is_gone || return
		gone "$daemon" || break
	done
	! gone "$daemon" || return 1
	major=$(docker version -f '{{.Server.Version}}' | sed 's/[^0-9].*//')
	image_tar "$dir/image.tar"
	docker import -c 'ENV PATH=/bin' -c 'CMD ["sh"]' "$dir/image.tar" box:1 >"$dir/import.log" 2>&1 || return
	mounts_below "$dir" >"$dir/mounts"
}

answers_or_is_gone()
{
	gone "$daemon" || docker version
}

dock_tidy()
{
	# shellcheck disable=SC2046 # a list of ids
	timeout "$patience" docker rm -f $(timeout 5 docker ps -aq)
}

# A container that goes on until it is told to end, and says when it is ready for that.
long='trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done'

up()
{ # NAME OPTION…
	box=$1
	shift
	expect 0 '*' docker run -d --name "$box" "$@" box:1 sh -c "$long"
	await 10 ready "$box"
}

ready()
{
	docker logs "$1" 2>&1 | grep -q ready
}

about()
{ # NAME FORMAT
	docker inspect -f "{{$2}}" "$1"
}

pid_of()
{ # NAME
	about "$1" .State.Pid
}

down()
{ # NAME
	expect 0 '*' docker rm -f "$1"
}

once()
{ # STATUS PATTERN ARGUMENT-OF-RUN…
	wanted=$1 pattern=$2
	shift 2
	expect "$wanted" "$pattern" docker run --rm "$@"
}

stdin()
{
	status=0
	out=$(echo hello | timeout "$patience" docker run --rm -i box:1 sh -c 'read x; echo "got $x"; exit 3' 2>&1) || status=$?
	is "$out" 'got hello'
	is "$status" 3
}

both_streams()
{
	timeout "$patience" docker run --rm box:1 sh -c 'echo one; echo two >&2' >"$dir/one" 2>"$dir/two"
	is "$(cat "$dir/one")$(cat "$dir/two")" onetwo
}

interactive_terminal()
{
	command -v script >/dev/null || lacks "script is not installed"
	is "$( (sleep $slow; echo word; sleep $slow) | timeout "$patience" script -qec "docker run --rm -it box:1 sh -c 'tty; read x; echo got \$x; exit 5'" /dev/null |
		tr -d '\r' | grep -c -e '^/dev/pts/0$' -e '^got word$')" 2
}

nothing_left()
{
	is "$(docker ps -aq)" ''
	await 5 sh -c "test -z \"\$(find /sys/fs/cgroup -type d -path '*/${parent#/}/*')\"" || is "$(cgroups_of "${parent#/}/")" ''
	for state in "$dir"/d/exec/runtime-runc/moby "$dir"/d/exec/runtime-*/moby; do
		no_state "$state"
	done
	mounts_below "$dir" | grep -v "/d/exec/netns/default$" >"$dir/mounts-now" || true
	is "$(cat "$dir/mounts-now")" "$(cat "$dir/mounts")"
	if grep -l -a "shim.*$dir" /proc/[0-9]*/cmdline 2>/dev/null; then
		sleep 1
		is "$(grep -l -a "shim.*$dir" /proc/[0-9]*/cmdline 2>/dev/null)" ''
	fi
}
