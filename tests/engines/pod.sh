# pod.sh: what podman does alike for root and for an ordinary user.
#
# $pod is the command with all its options, $run the same for `run`, with a limit of time; both are for the shell to split.
# A script says what is special about it in $pod_more and $pod_parent.

pod_begin()
{ # FOLDER
	mkdir -p "$1/p"
	# Nothing of the system's configuration, and locks that no other podman shares. JSON is known of few runtimes by name.
	cat >"$1/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		default_sysctls = []
		log_driver = "k8s-file"
		[engine]
		lock_type = "file"
		events_logger = "file"
		cgroup_manager = "$driver"
		runtime_supports_json = ["${runtime##*/}"]
		[network]
		network_config_dir = "$1/p/net"
	END
	cat >"$1/storage.conf" <<-END
		[storage]
		driver = "vfs"
		graphroot = "$1/p/root"
		runroot = "$1/p/run"
	END
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$1/policy.json"
	export CONTAINERS_CONF="$1/containers.conf" CONTAINERS_STORAGE_CONF="$1/storage.conf"
	pod="podman --root $1/p/root --runroot $1/p/run --tmpdir $1/p/tmp --volumepath $1/p/volumes --storage-driver vfs"
	pod="$pod --cgroup-manager $driver --events-backend file --runtime $runtime ${pod_more:-}"
	run="timeout $patience $pod run ${pod_parent:-} --network none"
	image_tar "$1/image.tar"
	$pod import -c 'ENV PATH=/bin' -c 'CMD ["sh"]' "$1/image.tar" box:1 >"$1/import.log" 2>&1
}

pod_tidy()
{
	timeout "$patience" $pod pod rm -f -a -t 0
	timeout "$patience" $pod rm -f -a -t 0
}

once()
{ # STATUS PATTERN ARGUMENT-OF-RUN…
	wanted=$1 pattern=$2
	shift 2
	# shellcheck disable=SC2086 # so it is meant, here and everywhere below
	expect "$wanted" "$pattern" $run --rm "$@"
}

up()
{ # NAME OPTION…
	box=$1
	shift
	$run -d --name "$box" "$@" box:1 sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done' >/dev/null
	await 10 ready "$box"
}

ready()
{
	$pod logs "$1" 2>&1 | grep -q ready
}

about()
{ # NAME FORMAT
	$pod inspect -f "{{$2}}" "$1"
}

pid_of()
{ # NAME
	about "$1" .State.Pid
}

down()
{ # NAME
	expect 0 '*' $pod rm -f -t 0 "$1"
}

stdin()
{
	status=0
	out=$(echo hello | $run --rm -i box:1 sh -c 'read x; echo "got $x"; exit 3' 2>&1) || status=$?
	is "$out" 'got hello'
	is "$status" 3
}

interactive_terminal()
{
	command -v script >/dev/null || lacks "script is not installed"
	is "$( (sleep $((slow * 2)); echo word; sleep $slow) |
		timeout "$patience" script -qec "$pod run --rm -it --network none box:1 sh -c 'tty; read x; echo got \$x; exit 5'" /dev/null |
		tr -d '\r' | grep -c -e '/dev/pts/0$' -e '^got word$')" 2
}

# 3 is the first of them.
preserved()
{
	echo handed >"$dir/handed"
	status=0
	out=$($run --rm --preserve-fds 2 box:1 sh -c 'cat <&3; cat <&4; ls /proc/self/fd | wc -l' 3<"$dir/handed" 4<"$dir/handed" 2>&1) || status=$?
	like "$out" 'handed*handed*6'
	is "$status" 0
}

exec_words()
{
	up talker
	expect 4 said $pod exec talker sh -c 'echo said; exit 4'
	expect 0 '/dev/pts/*' $pod exec -t talker tty
	expect 0 1234:4321 $pod exec -u ann talker sh -c 'echo "$(id -u):$(id -g)"'
	expect 0 '/data v' $pod exec -w /data -e K=v talker sh -c 'echo "$PWD $K"'
	is "$(echo in | timeout "$patience" $pod exec -i talker cat)" in
	expect 0 '*' $pod exec -d talker sh -c 'echo there >/tmp/there'
	await 5 $pod exec talker test -s /tmp/there
	expect 127 '*executable file not found*' $pod exec talker nope
	expect 126 '*permission denied*' $pod exec talker /etc/text
	is "$(timeout "$patience" $pod exec --preserve-fds 1 talker cat /proc/self/fd/3 3<"$dir/handed")" handed
	expect 0 '*' $pod exec --privileged talker grep CapEff /proc/self/status
	down talker
	expect 125 '*' $pod exec talker true
}

stop()
{
	up ended
	start=$(milliseconds)
	expect 0 '*' $pod stop -t 5 ended
	within 3000 "$start"
	is "$(about ended .State.ExitCode)" 9
	down ended
}

send()
{
	up struck
	expect 0 '*' $pod kill -s KILL struck
	is "$(timeout "$patience" $pod wait struck)" 137
	down struck
	up asked
	expect 0 '*' $pod kill -s TERM asked
	is "$(timeout "$patience" $pod wait asked)" 9
	down asked
}

killed_from_outside()
{
	up victim
	kill -KILL "$(pid_of victim)"
	is "$(timeout "$patience" $pod wait victim)" 137
	down victim
}

remove_running()
{
	up busy
	pid=$(pid_of busy)
	expect 0 '*' $pod rm -f -t 0 busy
	gone "$pid"
}

restart()
{
	up again
	before=$(pid_of again)
	expect 0 '*' $pod restart -t 2 again
	[ "$(pid_of again)" != "$before" ]
	down again
}

init_and_start()
{
	timeout "$patience" $pod create --name born --network none box:1 sh -c 'exit 8' >/dev/null
	expect 0 '*' $pod init born
	# Podman calls a container so once the runtime has created it, and its process waits.
	like "$(about born .State.Status)" '*initialized'
	expect 8 '' $pod start -a born
	down born
}

health()
{
	up watched --health-cmd 'test -e /tmp/well' --health-interval disable
	expect 1 '*' $pod healthcheck run watched
	expect 0 '' $pod exec watched touch /tmp/well
	expect 0 '' $pod healthcheck run watched
	down watched
}

# Podman brings the socket along by itself: a mount and a variable. Busybox's one program for sockets of this kind is logger.
ready_message()
{
	command -v socat >/dev/null || lacks "socat is not installed"
	: >"$dir/heard"
	socat -u "UNIX-RECV:$dir/manager" "OPEN:$dir/heard,append" &
	listener=$!
	await 5 test -S "$dir/manager"
	NOTIFY_SOCKET="$dir/manager" $run -d --name told --sdnotify container box:1 sh -c 'ln -s "$NOTIFY_SOCKET" /dev/log && logger "up
READY=1" && sleep 600' >/dev/null
	await 10 grep -q READY=1 "$dir/heard"
	kill "$listener"
	rm -f "$dir/manager"
	down told
}

top()
{
	up shown
	# Podman goes into the pid namespace itself for this.
	expect 0 '*sh -c*' $pod top shown pid args
	down shown
}

read_only()
{
	once 1 '*ead-only*' --read-only box:1 touch /x
	once 0 ok --read-only box:1 sh -c 'touch /tmp/x && echo ok'
	once 0 kept --tmpfs /data box:1 cat /data/file
	once 0 '*tmpfs /data tmpfs *nosuid,nodev,noexec*size=1024k*' --tmpfs /data:size=1m,noexec box:1 grep ' /data ' /proc/mounts
}

volumes()
{
	mkdir -p "$dir/v"
	[ "$engine" != rootless ] || chmod 777 "$dir/v"
	echo outside >"$dir/v/file"
	once 0 outside -v "$dir/v:/v:ro" box:1 cat /v/file
	once 1 '*ead-only*' -v "$dir/v:/v:ro" box:1 touch /v/x
	once 0 '' -v "$dir/v:/v" box:1 sh -c 'echo inside >/v/new'
	is "$(cat "$dir/v/new")" inside
	rm -rf "$dir/v"
}

capabilities()
{
	once 0 '*0000000000000000' --cap-drop all box:1 grep CapBnd /proc/self/status
	once 0 '*0000000000001000' --cap-drop all --cap-add net_admin box:1 grep CapEff /proc/self/status
	once 0 '*0000000000000000' --user ann box:1 grep CapEff /proc/self/status
	once 0 2 box:1 awk '/^Seccomp:/ { print $2 }' /proc/self/status
	once 0 '*1' --security-opt no-new-privileges box:1 grep NoNewPrivs /proc/self/status
}

users()
{
	once 0 '1234 4321 4321 5555' --user ann box:1 sh -c 'echo $(id -u) $(id -g) $(id -G)'
	once 0 one --user 1234 box:1 sh -c 'echo one >/dev/stdout'
	once 0 'ok*' -t --user 1234 box:1 sh -c 'echo ok >/dev/tty'
}

sysctls()
{
	once 0 5555 --sysctl kernel.msgmax=5555 box:1 cat /proc/sys/kernel/msgmax
	once 0 77 --sysctl net.ipv4.ip_unprivileged_port_start=77 box:1 cat /proc/sys/net/ipv4/ip_unprivileged_port_start
	once 0 '123 456' --ulimit nofile=123:456 --ulimit nproc=1000:1000 box:1 sh -c 'echo $(ulimit -n) $(ulimit -Hn)'
}

# With systemd, Podman 5 makes the slice of a pod below another slice twice, and the second time is an error.
pod_of_two()
{
	below=${pod_parent:-}
	[ "$driver" != systemd ] || below=
	pod_of_two_below "$below"
}

# The infra container is of the same image, since the usual one has a program that may be missing here.
pod_of_two_below()
{ # OPTION
	timeout "$patience" $pod pod create --name both --infra-image box:1 --infra-command 'sleep 600' --network none $1 >/dev/null
	run_in_pod one sleep 600
	run_in_pod two sleep 600
	for kind in net ipc uts; do
		is "$(readlink "/proc/$(pid_of one)/ns/$kind")" "$(readlink "/proc/$(pid_of two)/ns/$kind")"
	done
	[ "$(readlink "/proc/$(pid_of one)/ns/mnt")" != "$(readlink "/proc/$(pid_of two)/ns/mnt")" ]
	expect 0 '*' $pod pod stop -t 0 both
	expect 0 '*' $pod pod rm -f -t 0 both
}

run_in_pod()
{ # NAME COMMAND…
	box=$1
	shift
	timeout "$patience" $pod run -d --pod both --name "$box" box:1 "$@" >/dev/null
}

pod_scenarios()
{
	scenario "exit status 0" once 0 hello box:1 echo hello
	scenario "exit status 7" once 7 '' box:1 sh -c 'exit 7'
	scenario "not found in PATH: 127" once 127 '*executable file not found*' box:1 nope
	scenario "no such file: 127" once 127 '*no such file or directory*' box:1 /nonexist
	scenario "not executable: 126" once 126 '*permission denied*' box:1 /etc/text
	scenario "a terminal" once 0 /dev/pts/0 -t box:1 tty
	scenario "a terminal with input" interactive_terminal
	scenario "stdin" stdin
	scenario "descriptors handed on" preserved
	scenario "exec: status, terminal, user, input, errors" exec_words
	scenario "stop: TERM, its own status, at once" stop
	scenario "kill with signals" send
	scenario "killed from outside: 137" killed_from_outside
	scenario "rm -f of a running one" remove_running
	scenario "restart" restart
	scenario "init, start" init_and_start
	scenario "health check" health
	scenario "sdnotify: the program says that it is ready" ready_message
	scenario "top" top
	scenario "read-only root, tmpfs" read_only
	scenario "volumes" volumes
	scenario "capabilities, seccomp, no-new-privileges" capabilities
	scenario "users and groups" users
	scenario "sysctl, ulimit" sysctls
	scenario "privileged" once 0 ok --privileged box:1 sh -c 'mount -t tmpfs none /tmp && echo ok'
	scenario "namespaces of the host" once 0 "$(readlink /proc/self/ns/uts | tr '[]' '??')" --uts host box:1 readlink /proc/self/ns/uts
}
