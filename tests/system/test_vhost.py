# SPDX-License-Identifier: MIT
# takes long
"""Bytes between QEMU guests over vhost-user and the world, whatever their rings are like. The topology is kit/vhost.py's.

Six kinds of device cover every pair of values of (ring, mrg_rxbuf, indirect_desc, event_idx, queues, family): a row of none
of the second values, and five in which each factor has its second value in three, no two in the same three. Two at a time
are on a network. FULL=1 takes all 32 devices with both families."""
import itertools
import os

import pytest

from kit import guests, need
from kit.vhost import MACS, addressed, network, nothing_was_lost, offloads, resolved, to_guest, to_world

FULL = bool(os.environ.get("FULL"))
FACTORS = ("packed", "mrg_rxbuf", "indirect_desc", "event_idx", "queues", "ip6")
SECOND = {"packed": (1, 2, 3), "mrg_rxbuf": (1, 2, 4), "indirect_desc": (1, 3, 4), "event_idx": (2, 3, 5), "queues": (1, 4, 5), "ip6": (2, 4, 5)}
ROWS = [tuple(int(row in SECOND[factor]) for factor in FACTORS) for row in range(6)]
if FULL:
    ROWS = list(itertools.product((0, 1), repeat=len(FACTORS)))
PAIRS = list(zip(ROWS[::2], ROWS[1::2]))


def label(row):
    return "-".join(name for name, second in zip(FACTORS, row) if second) or "none"


def device(row):
    """The device's options and its number of queues."""
    values = dict(zip(FACTORS, row))
    words = "".join(f",{name}={'on' if values[name] else 'off'}" for name in FACTORS[:4])
    return words, 4 if values["queues"] else 1


def machine(folder, socket, number, row):
    words, queues = device(row)
    return guests.qemu_vhost(f"guest{number}", folder, socket, MACS[number], queues, words)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: label(pair[0]) + "+" + label(pair[1]))
def test_bytes_arrive_whatever_the_ring(far, tmp_path, closing, move, pair):
    need("dnsmasq", "ethtool")
    lab = network(far, tmp_path)
    made = [closing(machine(tmp_path, f"{tmp_path}/v.sock", number, row)) for number, row in enumerate(pair)]
    known = []
    for guest in made:
        guest.ready()
        known.append(addressed(guest))
    for guest, row in zip(made, pair):
        assert offloads(guest) >= {"tx-checksumming", "rx-checksumming", "tx-tcp-segmentation", "tx-tcp6-segmentation"}
        assert "198.51.100.7" in resolved(guest)
        family = 6 if row[FACTORS.index("ip6")] else 4
        to_world(lab, guest, move, family, "send")
        to_world(lab, guest, move, family, "fetch")
    for source, sink, row in ((0, 1, pair[1]), (1, 0, pair[0])):
        to_guest(made[source], made[sink], known[sink][6 if row[FACTORS.index("ip6")] else 4])
    nothing_was_lost(lab)


def test_a_gibibyte_arrives_and_a_guest_without_offloads_is_on_the_same_network(far, tmp_path, closing, move):
    """The device as QEMU makes it when nothing is said."""
    lab = network(far, tmp_path)
    first, second = made = [closing(guests.qemu_vhost(f"guest{number}", tmp_path, f"{tmp_path}/v.sock", MACS[number])) for number in (0, 1)]
    plain = closing(guests.qemu("plain", tmp_path, f"stream,id=n0,server=off,addr.type=unix,addr.path={tmp_path}/s.sock", device="e1000",
                                flavour="amd64", mac=MACS[2]))
    known = [addressed(guest.ready()) for guest in made]
    to_world(lab, first, move, 4, "send", 1 << 30, 600)
    to_world(lab, first, move, 6, "fetch", 1 << 30, 600)
    to_guest(first, second, known[1][4], 1 << 30, 600)
    addresses = addressed(plain.ready())
    to_guest(first, plain, addresses[4], 16 << 20)
    to_guest(plain, second, known[1][6], 16 << 20)
    nothing_was_lost(lab)
