# SPDX-License-Identifier: MIT
# bash completion for semu(1).

_semu() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	case $previous in
	-k | --kernel | -b | --dtb | -i | --initrd | -d | --disk)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return ;;
	-n | --netdev)
		compopt -o nospace
		mapfile -t COMPREPLY < <(compgen -W 'user user,hostfwd= user,net= user,restrict=on tap tap,ifname= network= none' -- "$current")
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
	mapfile -t COMPREPLY < <(compgen -W '-k --kernel -b --dtb -i --initrd -d --disk -n --netdev -c --smp -m --memory -a --append
		-M --machine -H --headless -v --verbose -h --help --version' -- "$current")
}

complete -F _semu semu
