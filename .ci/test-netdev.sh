#!/bin/sh
# SPDX-License-Identifier: MIT
# Boots a guest in semu on each of the networks that this machine and this user can have, and uses it: user, and for root tap.
# NETDEV=user|tap runs one. Each is `make check NETDEV=…`; the exit status is the whole's.
set -eu
cd "$(dirname "$0")/.."
networks=${NETDEV:-user}
[ -n "${NETDEV:-}" ] || [ "$(id -u)" -ne 0 ] || networks="user tap"
for network in $networks; do
	echo "== make check NETDEV=$network"
	make check NETDEV="$network"
done
