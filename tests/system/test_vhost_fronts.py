# SPDX-License-Identifier: MIT
"""Front ends of vhost-user that are not QEMU: User Mode Linux, DPDK, and a few lines of our own. The topology is kit/vhost.py's."""
import itertools
import os
import re
import socket
import struct
import subprocess

import pytest

from kit import dpdk, eventually, guests, need
from kit.far import WORLD
from kit.frames import BROADCAST, StreamGuest, ethernet, mac_bytes
from kit.front import Front
from kit.vhost import addressed, network, nothing_was_lost, offloads, resolved, to_world


def bounced(lab, guest, family, count, most):
    """Datagrams of up to so many bytes come back from the world as they were."""
    status, said = guest.run(f"bounce send {WORLD[family]} 9002 {count} {most}", 100, check=False)
    assert status == 0 and "right" in said, (said, lab.drops())


def pairs(guest):
    """How many pairs of queues its driver may use, and does."""
    return [int(number) for number in re.findall(r"Combined:\s+(\d+)", guest.run("/bin/ethtool -l eth0"))]


def busy(guest):
    """The pairs that have carried something, from the guest and to it."""
    said = guest.run("/bin/ethtool -S eth0")
    return [set(map(int, re.findall(rf"{way}(?:_queue_)?(\d+)_packets: [1-9]", said))) for way in ("tx", "rx")]


def test_user_mode_linux_moves_tcp_and_udp_also_over_a_wire_that_loses_and_reorders(far, tmp_path, closing, move, bounce):
    need("dnsmasq", "ethtool", "tc")
    lab = network(far, tmp_path)
    uml = closing(guests.uml_vhost("uml", tmp_path, f"{tmp_path}/v.sock"))
    assert lab.start(lab.world, bounce, "mirror", 9002, stdout=subprocess.PIPE, text=True).stdout.readline() == "listening\n"
    uml.ready()
    addressed(uml)
    assert "198.51.100.7" in resolved(uml)
    assert offloads(uml) >= {"tx-checksumming", "tx-tcp-segmentation", "tx-tcp6-segmentation"}
    assert pairs(uml) == [8, 1]
    for family in (4, 6):
        to_world(lab, uml, move, family, "send")
        to_world(lab, uml, move, family, "fetch")
        bounced(lab, uml, family, 300, 9000)
        if family == 4:  # it has one processor, and chooses a pair by the conversation
            assert busy(uml) == [{0}, {0}]
            uml.run("/bin/ethtool -L eth0 combined 2")
            assert pairs(uml) == [8, 2] and uml.run("/bin/ethtool -L eth0 combined 9", check=False)[0] != 0
    uml.run("for number in $(seq 16); do nslookup answer.test 10.0.2.3; done", check=False)
    assert busy(uml) == [{0, 1}, {0, 1}]
    guests.spoil(uml)
    for family, inside in ((4, "send"), (6, "fetch")):
        to_world(lab, uml, move, family, inside, 8 << 20)
        bounced(lab, uml, family, 400, 1400)
    assert guests.spoiled(uml) > 5, "the wire was not spoiled"
    nothing_was_lost(lab)


@pytest.mark.parametrize("packed", [0, 1], ids=["split", "packed"])
def test_dpdk_sends_back_what_it_gets(wire, tmp_path, closing, packed):
    """A driver that polls: it wants no interrupts, and kicks only when it is asked to."""
    lab = wire("--guest", f"vhost-user,path={tmp_path}/v.sock", "--guest", f"stream,path={tmp_path}/s.sock")
    mirror = closing(dpdk.testpmd("mirror", tmp_path, [f"net_virtio_user0,path={tmp_path}/v.sock,mac=02:00:00:00:09:01,packed_vq={packed}"],
                                  "--forward-mode=macswap", "--port-topology=loop"))
    mirror.expect("Press enter to exit", 30)
    guest = closing(StreamGuest(f"{tmp_path}/s.sock"))
    guest.hello()
    for number in range(600):  # more than twice around the ring
        sent = struct.pack("!H", number) * (23 + number % 728)
        guest.send(ethernet(mac_bytes("02:00:00:00:09:01"), guest.mac, 0x88b5, sent))
        came = next((frame for frame in guest.frames(5.0) if frame[12:14] == b"\x88\xb5"), None)
        assert came == ethernet(guest.mac, mac_bytes("02:00:00:00:09:01"), 0x88b5, sent), (number, lab.show())
    nothing_was_lost(lab)


@pytest.mark.asan
def test_a_guest_that_takes_its_memory_away_is_dropped_by_name_and_fifty_others_lose_nothing(wire, tmp_path, closing):
    lab = wire("--guest", f"vhost-user,path={tmp_path}/v.sock", "--guest", f"stream,path={tmp_path}/s.sock")
    others = [closing(StreamGuest(f"{tmp_path}/s.sock")) for _ in range(50)]
    for other in others:
        other.hello()
    eventually(lambda: sum(port["kind"] == "stream" and port["connected"] for port in lab.show()["ports"]) == 50, what="fifty guests")
    for _ in range(3):
        front = closing(Front(f"{tmp_path}/v.sock"))
        front.start()
        front.offer(b"\xff" * 6 + bytes.fromhex("020000000901") + b"\x88\xb5" + bytes(100))
        for other in others:  # its honest frame came to all
            assert any(frame[6:12].hex() == "020000000901" for frame in other.frames(10.0)), lab.show()
        front.shrink()
        for number in range(40):
            others[0].send(ethernet(BROADCAST, others[0].mac, 0x88b6, struct.pack("!H", number) + bytes(60)))
            if number == 20:
                front.kick(1)
        assert front.socket.recv(1) == b"", "it was not dropped"
        for other in others[1:]:
            came = (frame[14:16] for frame in other.frames(10.0) if frame[12:14] == b"\x88\xb6")
            assert list(itertools.islice(came, 40)) == [struct.pack("!H", number) for number in range(40)]
        assert others[0].resolve("10.0.2.2")
        streams = [port for port in lab.show()["ports"] if port["kind"] == "stream" and port["connected"]]
        assert len(streams) == 50 and not any(port.get("drops") for port in streams)
        assert lab.process.poll() is None
    assert lab.errors().count("left (memory that went away while it was in use)") == 3


@pytest.mark.asan
def test_memory_that_is_gone_hinders_neither_its_guests_end_nor_that_of_the_network(wire, tmp_path, closing):
    """Where a packed ring stands is written into it when its guest leaves, however it does."""
    lab = wire("--uplink", "none,ipv6=off", "--guest", f"vhost-user,path={tmp_path}/v.sock", "--guest", f"vhost-user,name=w,path={tmp_path}/w.sock")
    fronts = [closing(Front(f"{tmp_path}/{name}.sock")) for name in "vvw"]
    for front in fronts:
        front.start(packed=True)
    lab.show()  # answered behind what came before: the kicks, by which the rings are looked at
    for front in fronts:
        front.shrink()
    fronts[0].socket.shutdown(socket.SHUT_RDWR)
    eventually(lambda: sum(port["kind"] == "vhost-user" and port["connected"] for port in lab.show()["ports"]) == 2, what="one that left")
    lab.command("guest", "rm", "w")
    assert [guest["name"] for guest in lab.show()["guests"]] == ["vhost-user0"]
    assert lab.stop() == 0
    assert not os.path.exists(lab.runtime())
