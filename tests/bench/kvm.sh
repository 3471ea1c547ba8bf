#!/bin/sh
# kvm.sh [ROUNDS]: tests/bench/kvm in the laboratory, on the programs of the build folder, which is the current one.
#
# The laboratory's processor is emulated, its guests' once more: what counts is how the columns compare. Instructions cannot be counted there.
set -u
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
lab="$source/tests/vm/lab --name bench-$$ --share $source"

"$source/tests/vm/lab" build || exit 1
trap '$lab down' EXIT
trap 'exit 1' HUP INT TERM
$lab up || exit 1
tar -c nacre agent tests/bench/kvm tests/bench/guest | $lab run -- tar -x --no-same-owner --one-top-level=/var/tmp/bench || exit 1
# How fast KVM is cannot be told of a machine that shares its processors, so nobody asks.
$lab run -n -- sh -c 'modprobe kvm-amd 2>/dev/null || modprobe kvm-intel; mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
	exec env NACRE_KVM_SLOW=1 /var/tmp/bench/tests/bench/kvm /var/tmp/bench/nacre /var/tmp/bench/tests/bench/guest "$@"' sh "$@"
