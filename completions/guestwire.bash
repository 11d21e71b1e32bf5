# SPDX-License-Identifier: MIT
# bash completion for guestwire(1). `words` are those up to the cursor, `value` is the last, or what stands behind its
# option and '=', and `current` is as much of its end as readline replaces.

_guestwire_networks() {
	guestwire ls --json 2>/dev/null | grep -o '{"name":"[^"]*","pid"' | cut -d'"' -f4
}

# [NETWORK]: what --guest made there.
_guestwire_made() {
	guestwire show "$@" --json 2>/dev/null | grep -o '{"name":"[^"]*","kind":"[^"]*","describe"' | cut -d'"' -f4
}

# [NETWORK]: its guests by all their names: as made, of ports, and of hosts.
_guestwire_guests() {
	guestwire show "$@" --json 2>/dev/null | grep -o -e '{"name":"[^"]*","kind":"[^"]*"' -e '"name":"[^"]*","state"' |
		grep -v '"kind":"gateway"' | sed 's/.*"name":"\([^"]*\)".*/\1/'
}

_guestwire_forwards() {
	guestwire forward ls "$@" --json 2>/dev/null | grep -o '"id":[0-9]*' | cut -d: -f2 | sort -nu
}

# Readline cuts words at '=' and ':'. `starts`: where each began.
_guestwire_words() {
	local i
	words=() starts=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		if ((i > 1)) && [[ ${COMP_WORDS[i]} == [=:]* || ${COMP_WORDS[i - 1]} == [=:]* ]]; then
			words[-1]+=${COMP_WORDS[i]}
		else
			words+=("${COMP_WORDS[i]}")
			starts+=("$i")
		fi
	done
}

# What stands before the last word, behind the command, and is no option: `plain`, and where the first of it stands.
_guestwire_plain() {
	local i last=$((${#words[@]} - 1))
	plain=() first=$last
	for ((i = 2; i < last; i++)); do
		case ${words[i]} in
		--) ((i++)) ;;
		--daemon | --verbose | --json | --help | --print | --print-capabilities | --map-current-user | --*=* | -[dvh]) continue ;;
		--*) ((i++)) && continue ;;
		-??*) continue ;; # its value is behind the letter
		-?) ((i++)) && continue ;;
		esac
		((${#plain[@]} == 0)) && first=$i
		((i < last)) && plain+=("${words[i]}")
		case ${words[1]} in run | netns) break ;; esac
	done
}

# CANDIDATE…: whole values.
_guestwire_offer() {
	local each cut=$((${#value} - ${#current}))
	for each; do
		[[ $each == "$value"* ]] && COMPREPLY+=("${each:cut}")
	done
}

_guestwire_offer_lines() {
	local lines
	mapfile -t lines
	_guestwire_offer "${lines[@]}"
}

# HEAD [-d]: files, or folders, behind HEAD.
_guestwire_files() {
	local each files
	compopt -o filenames 2>/dev/null
	mapfile -t files < <(compgen "${2:--f}" -- "${value#"$1"}")
	for each in "${files[@]}"; do
		_guestwire_offer "$1$each"
	done
}

# KEY HEAD: what may stand behind KEY=.
_guestwire_key() {
	local choices=
	case $1 in
	isolated | restrict | ipv4 | ipv6 | dhcp | dhcp6 | host-loopback | router | splice | mac-move | server) choices='on off' ;;
	udp-filter) choices='address none' ;;
	address) choices=host ;;
	csum) choices='full partial' ;;
	addr.type) choices='unix inet fd' ;;
	local.type | remote.type) choices='unix fd' ;;
	group) choices=$(compgen -g) ;;
	outbound | outbound-if4 | outbound-if6) choices=$(cd /sys/class/net 2>/dev/null && compgen -G '*') ;;
	netns) choices=$(cd /run/netns 2>/dev/null && compgen -G '*') ;;
	path | connect | remote | addr.path | local.path | remote.path) _guestwire_files "$2" ;;
	tftp) _guestwire_files "$2" -d ;;
	esac
	# shellcheck disable=SC2046,SC2086 # words
	[[ $choices ]] && _guestwire_offer $(printf "$2%s\n" $choices)
}

# KIND…: `KIND,key=value,…` as far as it was typed. The keys are those that the program says a kind takes.
_guestwire_spec() {
	local key keys head kind=${value%%,*} last=${value##*,}
	compopt -o nospace 2>/dev/null
	if [[ $value != *,* ]]; then
		_guestwire_offer "$@"
		return
	fi
	head=${value%"$last"}
	if [[ $last == *=* ]]; then
		_guestwire_key "${last%%=*}" "$head${last%%=*}="
		return
	fi
	keys=$(guestwire help "${kind#type=}" 2>/dev/null) || return
	for key in ${keys#* takes }; do
		_guestwire_offer "$head${key%,}="
	done
}

# The command that run or netns starts, with what completes it where bash-completion is there.
_guestwire_command() {
	if declare -F _comp_command_offset >/dev/null; then
		_comp_command_offset "${starts[first]}"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "${starts[first]}"
	elif ((first == ${#words[@]} - 1)); then
		_guestwire_offer_lines < <(compgen -c -- "$value")
	else
		_guestwire_files ''
	fi
}

_guestwire() {
	local kinds='stream dgram seqpacket tap vhost-user' commands='up run netns backend guest forward ls show flows down wait args capture help'
	local words starts plain first current=${COMP_WORDS[COMP_CWORD]} value previous command=${COMP_WORDS[1]}
	COMPREPLY=()
	compopt +o nospace +o filenames 2>/dev/null
	_guestwire_words
	_guestwire_plain
	value=${words[-1]}
	current=${current##*[=:]}
	if ((${#words[@]} == 2)); then
		# shellcheck disable=SC2086 # words
		_guestwire_offer $commands --version --help
		return
	fi
	previous=${words[-2]}
	case $command in
	run | netns) ((${#plain[@]} > 0)) || [[ $previous == -- ]] && { _guestwire_command; return; } ;;
	esac
	if [[ $value == --*=* ]]; then
		previous=${value%%=*}
		value=${value#*=}
	fi
	# shellcheck disable=SC2046,SC2086 # words
	case $command:$previous in
	netns:-u | netns:-[tTU] | netns:--tcp-ports | netns:--udp-ports | netns:--tcp-ns | netns:--udp-ns) _guestwire_offer none auto all ;;
	up:--file | up:-f | *:--pidfile | *:--log-file | *:--socket-path | capture:--write | capture:-w) _guestwire_files '' ;;
	up:--state-dir) _guestwire_files '' -d ;;
	*:--uplink | *:-u) _guestwire_spec user none ;;
	up:--guest | up:-g) _guestwire_spec $kinds ;;
	run:--guest | run:-g) _guestwire_offer auto vhost-user stream dgram ;;
	capture:--guest | capture:-g) _guestwire_offer $(_guestwire_guests "${plain[@]:0:1}") ;;
	wait:--for) _guestwire_offer lease connected either ;;
	netns:--attach)
		_guestwire_offer $(cd /run/netns 2>/dev/null && compgen -G '*')
		((${#COMPREPLY[@]} > 0)) || _guestwire_files '' ;;
	*:--mac | *:--memory | *:--publish | *:--name | *:--mtu | *:--ifname | *:--dhcp-host | *:--timeout | *:--count | *:--seconds | *:--fd | *:-[pmtcs]) ;;
	*) _guestwire_word ;;
	esac
}

# Neither an option's value nor a command of somebody else's.
_guestwire_word() {
	# shellcheck disable=SC2046,SC2086 # words
	case $command:$value in
	up:-*) _guestwire_offer --uplink --guest --dhcp-host --publish --state-dir --file --daemon --pidfile --log-file --verbose --json --help ;;
	run:-*) _guestwire_offer --uplink --guest --publish --name --print --log-file --verbose --help ;;
	netns:-*) _guestwire_offer --uplink --mtu --publish --tcp-ports --udp-ports --tcp-ns --udp-ns --name --ifname --attach --daemon --pidfile --map-current-user --log-file --verbose --help ;;
	guest:-* | forward:-* | ls:-* | show:-* | flows:-*) _guestwire_offer --json --help ;;
	args:-*) _guestwire_offer --mac --memory --help ;;
	wait:-*) _guestwire_offer --timeout --for --json --help ;;
	capture:-*) _guestwire_offer --guest --write --count --seconds --help ;;
	backend:-*)
		_guestwire_offer --socket-path= --fd= --print-capabilities --uplink --publish --name --log-file --verbose --help
		[[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace 2>/dev/null ;;
	down:-*) _guestwire_offer --help ;;
	help:*) ((${#plain[@]} == 0)) && _guestwire_offer $commands drops counters user none $kinds ;;
	run:* | netns:*) _guestwire_command ;;
	guest:* | forward:* | args:*) _guestwire_second ;;
	wait:*)
		((${#plain[@]} == 0)) && _guestwire_offer $(_guestwire_networks)
		((${#plain[@]} < 2)) && _guestwire_offer $(_guestwire_guests "${plain[@]}") ;;
	show:* | flows:* | down:* | capture:*) ((${#plain[@]} == 0)) && _guestwire_offer $(_guestwire_networks) ;;
	esac
}

# Behind the word that says what of guest, forward or args; NAME may be left out.
_guestwire_second() {
	local count=${#plain[@]}
	# shellcheck disable=SC2046,SC2086 # words
	case $command:${plain[0]} in
	guest:) _guestwire_offer add rm ;;
	forward:) _guestwire_offer add ls rm ;;
	args:) _guestwire_offer qemu cloud-hypervisor crosvm libkrun vfkit ;;
	guest:add)
		((count == 1)) && _guestwire_offer $(_guestwire_networks)
		((count < 3)) && _guestwire_spec $kinds ;;
	guest:rm)
		((count == 1)) && _guestwire_offer $(_guestwire_networks)
		((count < 3)) && _guestwire_offer $(_guestwire_made "${plain[@]:1}") ;;
	forward:rm)
		((count == 1)) && _guestwire_offer $(_guestwire_networks)
		((count < 3)) && _guestwire_offer $(_guestwire_forwards "${plain[@]:1}") ;;
	*) ((count == 1)) && _guestwire_offer $(_guestwire_networks) ;;
	esac
}

complete -F _guestwire guestwire
