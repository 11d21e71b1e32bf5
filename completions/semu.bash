# SPDX-License-Identifier: MIT
# bash completion for semu(1).

# KIND, and behind it the keys that guestwire says it takes. Readline has cut off what stands before the last '=' or ':'.
_semu_words() {
	local key keys value=$current at=$COMP_CWORD
	compopt -o nospace 2>/dev/null
	while ((at > 2)) && [[ ${COMP_WORDS[at]} == [=:]* || ${COMP_WORDS[at - 1]} == [=:]* ]]; do
		((at--))
		value=${COMP_WORDS[at]}$value
	done
	if [[ $value != *,* ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'user tap network= none' -- "$value")
		return
	fi
	keys=$(guestwire help "${value%%,*}" 2>/dev/null)
	for key in mac mtu ${keys#* takes }; do
		[[ $key == "${value##*,}"* ]] && COMPREPLY+=("${current%"${value##*,}"}${key%,}=")
	done
}

_semu() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	case $previous in
	-k | --kernel | -b | --dtb | -i | --initrd | -d | --disk)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return ;;
	-n | --netdev)
		_semu_words
		return ;;
	-c | --smp)
		mapfile -t COMPREPLY < <(compgen -W '1 2 4 8' -- "$current")
		return ;;
	-m | --memory)
		mapfile -t COMPREPLY < <(compgen -W '256M 512M 1G 2G' -- "$current")
		return ;;
	-M | --machine)
		mapfile -t COMPREPLY < <(compgen -W 'rv64 rv32' -- "$current")
		return ;;
	-a | --append) return ;;
	esac
	# behind the first '=' of -n's words they are cut
	if [[ $previous == [=:]* || $current == [=:]* ]]; then
		_semu_words
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W '-k --kernel -b --dtb -i --initrd -d --disk -n --netdev -c --smp -m --memory -a --append
		-M --machine -H --headless -v --verbose -h --help --version' -- "$current")
}

complete -F _semu semu
