# SPDX-License-Identifier: MIT
"""Guests that lie, die and come in crowds: only the offender is affected, and each offence has its own drop reason."""
import contextlib
import os
import re
import socket
import struct
import subprocess
import time

import pytest

from kit import SANITIZED, eventually
from kit.frames import BROADCAST, PacketGuest, StreamGuest, ethernet

pytestmark = pytest.mark.asan

SO_PASSRIGHTS = 83
FRAME = ethernet(BROADCAST, b"\x52\x54\x00\xaa\x00\x01", 0x88b5, b"x" * 100)

# what, the bytes on the stream, the drop reason
LIES = [
    ("a length of 0", struct.pack("!I", 0), "stream-length-zero"),
    ("a length of 13", struct.pack("!I", 13) + b"x" * 13, "stream-length-short"),
    ("a length of 65536", struct.pack("!I", 65536) + FRAME + b"x" * (65536 - len(FRAME)), "frame-long"),
    ("a length of 65558", struct.pack("!I", 65558) + b"x" * 100, "stream-length-long"),
    ("a length of 4 GiB", struct.pack("!I", 0xffffffff) + b"x" * 100, "stream-length-long"),
    ("the end inside a length", b"\0\0", "stream-ended-in-header"),
    ("the end inside a frame", struct.pack("!I", 114) + FRAME[:50], "stream-ended-in-frame"),
    ("an Ethernet header cut at a VLAN tag", struct.pack("!I", 14) + BROADCAST + b"\x52\x54\x00\xaa\x00\x01\x81\x00", "vlan-truncated"),
    ("a source that is a group", struct.pack("!I", 60) + BROADCAST + b"\x01" * 6 + b"\x88\xb5" + b"x" * 46, "source-multicast"),
]


def descriptors(wire):
    return len(os.listdir(f"/proc/{wire.pid}/fd"))


def drops(wire):
    """Over all ports and what is left of guests that went."""
    return wire.show()["drops"]


@pytest.mark.parametrize("what,data,reason", LIES, ids=[row[0] for row in LIES])
def test_each_lie_is_counted_under_its_own_name_and_harms_nobody_else(wire, closing, what, data, reason):
    lab = wire()
    friend = closing(StreamGuest(lab.runtime("stream")))
    friend.dhcp()
    open_before, before = descriptors(lab), drops(lab)  # to ask for the drops is a connection too
    liar = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    liar.connect(lab.runtime("stream"))
    try:
        liar.sendall(data)
        liar.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # it was closed already
    eventually(lambda: drops(lab).get(reason, 0) == before.get(reason, 0) + 1, what=reason)
    others = {name: count - before.get(name, 0) for name, count in drops(lab).items() if name != reason}
    assert not any(others.values()), others
    liar.close()
    eventually(lambda: descriptors(lab) == open_before, what="no descriptor left over")
    assert friend.ping()


def test_a_client_killed_in_the_middle_of_a_frame_is_gone_and_nobody_else(wire, closing):
    lab = wire()
    friend = closing(StreamGuest(lab.runtime("stream")))
    friend.dhcp()
    script = ("import os,socket,struct,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
              "s.sendall(struct.pack('!I',1000)+b'x'*500); print('half',flush=True); import time; time.sleep(60)")
    victim = subprocess.Popen(["/usr/bin/python3", "-c", script, lab.runtime("stream")], stdout=subprocess.PIPE)
    victim.stdout.readline()
    victim.kill()
    victim.wait()
    victim.stdout.close()
    eventually(lambda: drops(lab).get("stream-ended-in-frame", 0) == 1, what="the drop")
    assert friend.ping()


def test_frames_written_one_byte_at_a_time_arrive_whole(wire, closing):
    lab = wire()
    slow, friend = (closing(StreamGuest(lab.runtime("stream"))) for _ in range(2))
    friend.hello()
    slow.hello()
    wanted = ethernet(friend.mac, slow.mac, 0x88b5, os.urandom(300))
    for byte in struct.pack("!I", len(wanted)) + wanted:
        slow.socket.sendall(bytes([byte]))
    assert next((frame for frame in friend.frames(10) if frame == wanted), None)
    assert not any(drops(lab).values()) or set(name for name, count in drops(lab).items() if count) <= {"no-other-port"}


def test_a_thousand_connects_and_disconnects_leak_nothing(wire, closing):
    lab = wire()
    friend = closing(StreamGuest(lab.runtime("stream")))
    friend.dhcp()
    before = descriptors(lab)
    for number in range(1000):
        guest = StreamGuest(lab.runtime("stream")) if number % 2 else PacketGuest(lab.runtime("seqpacket"))
        if number % 3:
            guest.hello()
        guest.close()
    eventually(lambda: descriptors(lab) == before, what="no descriptor left over")
    eventually(lambda: len([port for port in lab.show()["ports"] if port["kind"] != "gateway"]) == 1, what="one port left")
    assert friend.ping()


def test_a_datagram_that_is_too_short_or_from_nobody_is_counted(wire, closing, tmp_path):
    lab = wire()
    nobody = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    nobody.connect(lab.runtime("dgram"))
    nobody.send(FRAME)
    eventually(lambda: drops(lab).get("datagram-no-address", 0) == 1, what="datagram-no-address")
    nobody.close()
    short = closing(PacketGuest(lab.runtime("dgram"), socket.SOCK_DGRAM, str(tmp_path / "g.sock")))
    short.hello()
    short.send(b"x" * 13)
    eventually(lambda: drops(lab).get("frame-short", 0) == 1, what="frame-short")


def lingering():
    """A connection whose last close() waits for 20 s, if it is not its process's end that closes it."""
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    deaf = server.accept()[0]
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            client.send(b"x" * 65536)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 20))
    return client, server, deaf


@pytest.mark.parametrize("kind", ["stream", "seqpacket", "dgram", "inherited"])
def test_descriptors_that_nobody_asked_for_hold_up_nobody(wire, closing, tmp_path, kind):
    """What comes along unasked is closed by the kernel, in our turn: the last close() of this one waits."""
    ours, theirs = socket.socketpair()
    try:
        theirs.getsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS)
    except OSError:
        pytest.skip("descriptors cannot be refused before Linux 6.16")
    with ours:
        lab = wire("--guest", f"stream,path={tmp_path}/s", "--guest", f"stream,fd={ours.fileno()}", "--guest", f"seqpacket,path={tmp_path}/q",
                   "--guest", f"dgram,path={tmp_path}/d", pass_fds=[ours.fileno()])
    friend = closing(StreamGuest(f"{tmp_path}/s"))
    friend.dhcp()
    if kind == "stream":
        liar, data = closing(StreamGuest(f"{tmp_path}/s")).socket, struct.pack("!I", len(FRAME)) + FRAME
    elif kind == "inherited":
        liar, data = closing(theirs), struct.pack("!I", len(FRAME)) + FRAME
    elif kind == "seqpacket":
        liar, data = closing(PacketGuest(f"{tmp_path}/q")).socket, FRAME
    else:
        liar, data = closing(PacketGuest(f"{tmp_path}/d", socket.SOCK_DGRAM, f"{tmp_path}/own")).socket, FRAME
    client, server, deaf = lingering()
    with server, deaf:
        with pytest.raises(PermissionError):
            socket.send_fds(liar, [data], [client.fileno()])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    liar.send(data)  # without them it is a frame like any other
    eventually(lambda: "52:54:00:aa:00:01" in str(lab.show()["ports"]), what="the frame's source")
    assert friend.ping()


def test_a_vfkt_greeting_joins_without_a_frame(wire, closing, tmp_path):
    lab = wire()
    guest = closing(PacketGuest(lab.runtime("dgram"), socket.SOCK_DGRAM, str(tmp_path / "g.sock")))
    guest.send(b"VFKT")
    eventually(lambda: any(port["kind"] == "dgram" and port["connected"] for port in lab.show()["ports"]), what="the guest joined")
    assert not any(drops(lab).values())
    guest.dhcp()
    assert guest.ping()


def test_two_hundred_guests_on_one_socket(wire, closing):
    """200 leases and 200 pings of the gateway within 10 s, and under 64 KiB of private memory for each."""
    lab = wire("--uplink", "none,net=10.0.0.0/16,dhcpstart=10.0.1.0")
    before = private_bytes(lab)
    began = time.monotonic()
    crowd = [closing(StreamGuest(lab.runtime("stream"))) for _ in range(200)]
    addresses = {guest.dhcp() for guest in crowd}
    assert len(addresses) == 200
    assert all(guest.ping() for guest in crowd)
    assert time.monotonic() - began < 10
    assert SANITIZED or (private_bytes(lab) - before) / 200 < 64 * 1024


def test_made_up_machines_at_one_port_leave_addresses_for_the_other_ports(wire, closing):
    """100 addresses, and a guest with 120 MAC addresses: it gets 80 of them, and the next guest's is there at once."""
    lab = wire("--uplink", "none,dhcpend=10.0.2.114")
    greedy, modest = closing(StreamGuest(lab.runtime("stream"))), closing(StreamGuest(lab.runtime("stream")))
    eventually(lambda: len(lab.show()["ports"]) == 3, what="the gateway and two guests")
    for number in range(120):
        greedy.mac = struct.pack("!HI", 0x0200, number)
        if number < 80:
            greedy.dhcp()
        else:
            assert not greedy._dhcp(number, 1, b"", 2, 0)
    eventually(lambda: drops(lab).get("dhcp4-port-share") == 40, what=lambda: drops(lab))
    assert modest.dhcp() == "10.0.2.95"
    assert sum(lease["state"] == "bound" for lease in lab.show()["leases"]) == 81
    assert len(re.findall(r"first drop for dhcp4-port-share: .* \(from stream\.1\)", lab.errors())) == 1


def private_bytes(wire):
    with open(f"/proc/{wire.pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Private_Clean", "Private_Dirty")))
