# machine.sh: what the scripts with a virtual machine for each container share. To be sourced after engine.sh.

# The runtime by the name that asks for machines, with its agent beside it, as `make install` leaves them. Engines give a runtime hardly any
# environment, so a script says what this machine may be slow at.
machine_runtime()
{
	said=$("$NACRE" check | awk '($1 == "kvm" || $1 == "guest" || $1 == "tap") && $2 == "no" { $1 = $1; print }' | head -n 1)
	[ -z "$said" ] || skip_all "$said"
	agent=${NACRE_AGENT:-$(dirname "$NACRE")/agent}
	[ -x "$agent" ] || skip_all "$agent is not built"
	mkdir "$dir/kvm"
	cp "$NACRE" "$dir/kvm/nacre-kvm"
	cp "$agent" "$dir/kvm/agent"
	runtime=$dir/bin/nacre-kvm
	cat >"$runtime" <<-END
		#!/bin/sh
		export NACRE_KVM_SLOW="${NACRE_KVM_SLOW:-}"
		exec $dir/kvm/nacre-kvm "\$@"
	END
	chmod 755 "$runtime"
}

# A kernel of its own has another name for its own start.
another_kernel()
{ # COMMAND…
	ask "$@" cat /proc/sys/kernel/random/boot_id
	is "$status" 0
	like "$out" '*-*-*-*-*'
	[ "$out" != "$(cat /proc/sys/kernel/random/boot_id)" ]
}

# Monitor and broker run from below our folder, or are children of what does.
no_machine_left()
{
	for exe in /proc/[0-9]*/exe; do
		case $(readlink "$exe" 2>/dev/null) in
		*nacre*) ;;
		*) continue ;;
		esac
		if { tr '\0' ' ' <"${exe%exe}cmdline"; } 2>/dev/null | grep -qF "$dir/"; then
			echo "WRONG: ${exe%/exe} still runs" >&2
			return 1
		fi
	done
}
