# SPDX-License-Identifier: MIT
# bash completion for guestwire(1).

_guestwire_networks() {
	guestwire ls --json 2>/dev/null | grep -o '{"name":"[^"]*","pid"' | cut -d'"' -f4
}

_guestwire_plain() {
	# How many plain words stand before the cursor, behind the subcommand.
	local i word count=0
	for ((i = 2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--timeout | --for | --guest | --publish | --write | --count | --seconds | --tcp-ports | --udp-ports | --tcp-ns | --udp-ns | -[gpwcstuTU]) ((i++)) ;;
		-*) ;;
		*) ((count++)) ;;
		esac
	done
	echo "$count"
}

# SPEC KIND…: `KIND,key=value,…` as far as it was typed. The keys are those that the program says a kind takes.
_guestwire_spec() {
	local spec=$1 key words head
	shift
	compopt -o nospace 2>/dev/null
	if [[ $spec != *,* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$*" -- "$spec")
		return
	fi
	[[ ${spec##*,} == *=* ]] && return
	words=$(guestwire help "${spec%%,*}" 2>/dev/null) || return
	head=${spec%,*},
	head=${head:${#spec}-${#COMP_WORDS[COMP_CWORD]}} # readline has cut the rest off
	for key in ${words#* takes }; do
		[[ $key == "${spec##*,}"* ]] && COMPREPLY+=("$head${key%,}=")
	done
}

_guestwire() {
	local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words= at=$COMP_CWORD previous value
	COMPREPLY=()
	compopt +o nospace 2>/dev/null
	# Readline cuts words at '=' and ':'; a value is all that stands behind its option.
	value=$current
	while ((at > 2)) && [[ ${COMP_WORDS[at]} == [=:]* || ${COMP_WORDS[at - 1]} == [=:]* ]]; do
		((at--))
		value=${COMP_WORDS[at]}$value
	done
	previous=${COMP_WORDS[at - 1]}
	if [[ $value == --*=* && $current != --* ]]; then
		previous=${value%%=*}
		value=${value#*=}
	fi

	if ((COMP_CWORD == 1)); then
		words='up run netns backend guest forward ls show flows down wait args capture help --version --help'
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return
	fi
	case $command:$previous in
	up:--file | up:-f | up:--pidfile | up:--log-file | run:--log-file | netns:--log-file | backend:--log-file | backend:--socket-path | capture:--write | capture:-w)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return ;;
	up:--state-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return ;;
	up:--uplink | up:-u | run:--uplink | run:-u | netns:--uplink | backend:--uplink | backend:-u)
		_guestwire_spec "$value" user none
		return ;;
	up:--guest | up:-g)
		_guestwire_spec "$value" stream dgram seqpacket tap vhost-user
		return ;;
	run:--guest | run:-g)
		mapfile -t COMPREPLY < <(compgen -W 'auto vhost-user stream dgram' -- "$current")
		return ;;
	wait:--for)
		mapfile -t COMPREPLY < <(compgen -W 'lease connected either' -- "$current")
		return ;;
	netns:--attach)
		mapfile -t COMPREPLY < <(cd /run/netns 2>/dev/null && compgen -f -- "$current")
		return ;;
	args:--mac | args:--memory | args:-m | run:--publish | run:-p | run:--name | netns:--publish | netns:-p | netns:--mtu | netns:-m | netns:--tcp-ports | netns:--udp-ports | netns:--tcp-ns | netns:--udp-ns | netns:-[tuTU] | netns:--name | netns:--ifname | up:--dhcp-host | up:--publish | up:-p | wait:--timeout | wait:-t | capture:--count | capture:-c | capture:--seconds | capture:-s | capture:--guest | capture:-g)
		return ;;
	esac
	case $command:$current in
	up:-*) words='--uplink --guest --dhcp-host --publish --state-dir --file --daemon --pidfile --log-file --verbose --json --help' ;;
	run:-*) words='--uplink --guest --publish --name --print --log-file --verbose --help' ;;
	netns:-*) words='--uplink --mtu --publish --tcp-ports --udp-ports --tcp-ns --udp-ns --name --ifname --attach --map-current-user --log-file --verbose --help' ;;
	guest:-* | forward:-* | ls:-* | show:-* | flows:-*) words='--json --help' ;;
	args:-*) words='--mac --memory --help' ;;
	wait:-*) words='--timeout --for --json --help' ;;
	capture:-*) words='--guest --write --count --seconds --help' ;;
	backend:-*) words='--socket-path= --fd= --print-capabilities --uplink --publish --name --log-file --verbose --help' ;;
	down:-*) words='--help' ;;
	help:*) words='up run netns backend guest forward ls show flows down wait args capture help drops counters' ;;
	guest:*)
		if ((COMP_CWORD == 2)); then
			words='add rm'
		elif [[ ${COMP_WORDS[2]} == add && ($value == *,* || $(_guestwire_plain) -ge 2) ]]; then
			_guestwire_spec "$value" stream dgram seqpacket tap vhost-user
			return
		elif (($(_guestwire_plain) == 1)); then
			words=$(_guestwire_networks)
			[[ ${COMP_WORDS[2]} == add ]] && words+=' stream dgram seqpacket tap vhost-user'
		fi ;;
	run:* | netns:*)
		mapfile -t COMPREPLY < <(compgen -c -- "$current")
		return ;;
	args:*)
		if ((COMP_CWORD == 2)); then
			words='qemu cloud-hypervisor crosvm libkrun vfkit'
		else
			words=$(_guestwire_networks)
		fi ;;
	forward:*)
		if ((COMP_CWORD == 2)); then
			words='add ls rm'
		elif (($(_guestwire_plain) == 1)); then
			words=$(_guestwire_networks)
		fi ;;
	show:* | flows:* | down:* | wait:* | capture:*)
		(($(_guestwire_plain) == 0)) && words=$(_guestwire_networks) ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _guestwire guestwire
