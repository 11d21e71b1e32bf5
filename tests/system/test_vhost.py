# SPDX-License-Identifier: MIT
"""Real guests whose memory is the wire.

  QEMU, virtio-net  --+
  QEMU, virtio-net  --+-- vhost-user ---+
  User Mode Linux   --+                 +-- guestwire, in host --veth-- world: `move` listens, dnsmasq answers
  QEMU, e1000 ------------- stream -----+

Six kinds of device cover every pair of values of (ring, mrg_rxbuf, indirect_desc, event_idx, queues, family): a row of none
of the second values, and five in which each factor has its second value in three, no two in the same three. Two at a time
are on a network. FULL=1 takes all 32 devices with both families."""
import itertools
import os
import re
import signal
import struct
import subprocess
import time

import pytest

from kit import eventually, guests, need
from kit.far import WORLD
from kit.frames import BROADCAST, StreamGuest, ethernet
from kit.front import Front

FULL = bool(os.environ.get("FULL"))
FACTORS = ("packed", "mrg_rxbuf", "indirect_desc", "event_idx", "queues", "ip6")
SECOND = {"packed": (1, 2, 3), "mrg_rxbuf": (1, 2, 4), "indirect_desc": (1, 3, 4), "event_idx": (2, 3, 5), "queues": (1, 4, 5), "ip6": (2, 4, 5)}
ROWS = [tuple(int(row in SECOND[factor]) for factor in FACTORS) for row in range(6)]
if FULL:
    ROWS = list(itertools.product((0, 1), repeat=len(FACTORS)))
PAIRS = list(zip(ROWS[::2], ROWS[1::2]))
BYTES = (64 if FULL else 16) << 20
MACS = ["52:54:00:00:03:01", "52:54:00:00:03:02", "52:54:00:00:03:03"]


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


def addressed(guest):
    """Its two addresses, as a guest gets them, without the waiting that only many guests at once need."""
    guest.run("cd /proc/sys/net/ipv6/conf/eth0; echo 0 >router_solicitation_delay; echo 0 >accept_dad; cd /; "
              "ip link set eth0 down; ip link set eth0 up")
    return {4: guest.dhcp(), 6: guest.slaac("fd00:")}


def network(far, folder, **more):
    lab = far(guests=[f"vhost-user,path={folder}/v.sock", f"vhost-user,path={folder}/one.sock,queues=1"], **more)
    lab.start(lab.world, "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root",
              "--bind-interfaces", "--listen-address=" + WORLD[4], "--address=/answer.test/198.51.100.7")
    return lab


def to_world(lab, guest, move, family, inside, size=BYTES, seconds=100):
    """The guest connects; it sends or it fetches."""
    far_end = lab.start(lab.world, move, "take" if inside == "send" else "give", 9000, size, 7, stdout=subprocess.PIPE, text=True)
    assert far_end.stdout.readline() == "listening\n"
    said = guest.run(f"move {inside} {WORLD[family]} 9000 {size} 7", seconds)
    assert far_end.wait() == 0, lab.drops()
    assert re.findall(r"\w+", said + far_end.stdout.read()) == ["right"], lab.drops()


def to_guest(source, sink, address, size=BYTES, seconds=100):
    sink.start(f"move take 9001 {size} 9")
    sink.expect("^listening", 10)
    source.run(f"move send {address} 9001 {size} 9", seconds)
    status, text = sink.finish(30)
    assert status == 0 and "right" in text, text


def resolved(guest):
    return guest.run("nslookup answer.test 10.0.2.3", check=False)[1]  # of IPv6 there is no answer, which fails it


def offloads(guest):
    """What `ethtool -k` says is on."""
    return set(re.findall(r"^\s*([\w-]+): on", guest.run("/bin/ethtool -k eth0"), re.M))


def nothing_was_lost(lab):
    """No guest lied and no frame was refused for its offloads."""
    lies = {name: drops for name, drops in lab.drops().items() 
            if drops and any(re.match("vhost-|offload-|ring-(?!off$)", reason) for reason in drops)}
    assert not lies


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: label(pair[0]) + "+" + label(pair[1]))
def test_bytes_arrive_whatever_the_ring(far, tmp_path, closing, move, pair):
    need("dnsmasq", "ethtool")
    lab = network(far, tmp_path)
    made = [closing(machine(tmp_path, f"{tmp_path}/v.sock", number, row)) for number, row in enumerate(pair)]
    known = []
    for guest in made:
        guest.ready(90)
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


def test_user_mode_linux_and_a_guest_without_offloads_are_on_the_same_network(far, tmp_path, closing, move):
    need("dnsmasq", "ethtool")
    lab = network(far, tmp_path)
    uml = closing(guests.uml_vhost("uml", tmp_path, f"{tmp_path}/one.sock"))
    plain = closing(guests.qemu("plain", tmp_path, f"stream,id=n0,server=off,addr.type=unix,addr.path={tmp_path}/s.sock", device="e1000",
                                flavour="amd64", mac=MACS[2]))
    uml.ready(60)
    known = addressed(uml)
    assert "198.51.100.7" in resolved(uml)
    assert offloads(uml) >= {"tx-checksumming", "tx-tcp-segmentation", "tx-tcp6-segmentation"}
    for family in (4, 6):
        to_world(lab, uml, move, family, "send")
        to_world(lab, uml, move, family, "fetch")
    plain.ready(90)
    addresses = addressed(plain)
    to_guest(uml, plain, addresses[4])
    to_guest(plain, uml, known[6])
    nothing_was_lost(lab)


def reached(guest):
    return guest.run("ping -c 1 -W 1 10.0.2.2", check=False)[0] == 0


def rebound(guest):
    """The driver lets the device go and takes it again."""
    guest.run("d=/sys/bus/virtio/drivers/virtio_net; n=$(basename $(readlink -f /sys/class/net/eth0/device)); echo $n >$d/unbind; "
              "echo $n >$d/bind; i=0; while ! [ -e /sys/class/net/eth0 ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done")


@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
def test_a_guest_that_begins_anew_goes_on(far, tmp_path, closing, move, packed):
    lab = network(far, tmp_path)
    guest = closing(guests.qemu_vhost("guest", tmp_path, f"{tmp_path}/v.sock", MACS[0], 1, f",packed={'on' if packed else 'off'}", reboots=True))
    guest.ready(60)
    addressed(guest)
    rebound(guest)
    addressed(guest)
    to_world(lab, guest, move, 4, "send", 1 << 20)
    guest.start("echo 1 >/proc/sys/kernel/sysrq; echo b >/proc/sysrq-trigger")
    guest.ready(60)
    addressed(guest)
    to_world(lab, guest, move, 6, "fetch", 1 << 20)
    nothing_was_lost(lab)


@pytest.mark.parametrize("end,packed", [(signal.SIGTERM, False), (signal.SIGKILL, False)], ids=["SIGTERM-split", "SIGKILL-split"])
def test_a_guestwire_that_begins_anew_goes_on(wire, tmp_path, closing, end, packed):
    words = ["--guest", f"vhost-user,path={tmp_path}/v.sock"]
    lab = wire(*words)
    guest = closing(guests.qemu_vhost("guest", tmp_path, f"{tmp_path}/v.sock", MACS[0], 1, f",packed={'on' if packed else 'off'}"))
    guest.ready(60)
    guest.dhcp()
    for _ in range(2):
        guest.run("sh -c 'ping -q -i 0.005 -s 1000 10.0.2.2 >/dev/null 2>&1 & echo $! >/tmp/ping'")  # buffers are under way both ways
        time.sleep(0.5)
        lab.process.send_signal(end)
        lab.process.wait(10)
        lab = wire(*words)
        eventually(lambda: reached(guest), 30, what="traffic")
        guest.run("kill $(cat /tmp/ping); ping -q -A -c 1000 -s 1400 -w 30 10.0.2.2", 60)
        guest.dhcp()
    assert not any(reason.startswith(("ring-", "vhost-")) and reason != "ring-off" for port in lab.show()["ports"] for reason in port.get("drops") or {})


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
            assert any(frame[6:12].hex() == "020000000901" for frame in other.frames(1.0)), lab.show()
        front.shrink()
        for number in range(40):
            others[0].send(ethernet(BROADCAST, others[0].mac, 0x88b6, struct.pack("!H", number) + bytes(60)))
            if number == 20:
                front.kick(1)
        assert front.socket.recv(1) == b"", "it was not dropped"
        for other in others[1:]:
            came = (frame[14:16] for frame in other.frames(2.0) if frame[12:14] == b"\x88\xb6")
            assert list(itertools.islice(came, 40)) == [struct.pack("!H", number) for number in range(40)]
        assert others[0].resolve("10.0.2.2")
        streams = [port for port in lab.show()["ports"] if port["kind"] == "stream" and port["connected"]]
        assert len(streams) == 50 and not any(port.get("drops") for port in streams)
        assert lab.process.poll() is None
    assert lab.errors().count("left (memory that went away while it was in use)") == 3
