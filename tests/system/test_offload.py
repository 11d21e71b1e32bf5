# SPDX-License-Identifier: MIT
"""Offloads from end to end, and in software where the far end has none.

  namespace A -- tap -- guestwire -- tap -- namespace B
                           |
                     a stream guest

A packet socket in A hands in one frame of 64 KB to be segmented. B gets it as one frame, the stream guest as segments
whose lengths, numbers and checksums scapy finds right."""
import itertools
import os
import subprocess
import sys

import pytest

from kit import eventually
from kit.frames import StreamGuest
from kit.packet import HEADER, NEEDS_CSUM, TCP4, TCP6, UDP_L4

scapy = pytest.importorskip("scapy.all")
pytestmark = pytest.mark.asan

TOOL = os.path.join(os.path.dirname(__file__), "kit", "packet.py")
PYTHON = sys.executable
PAYLOAD = bytes((number * 7 + number // 251) % 256 for number in range(60000))

# what, IP version, transport, gso type, segment payload
KINDS = [("tcp4", 4, "tcp", TCP4, 1448), ("tcp6", 6, "tcp", TCP6, 1428), ("udp4", 4, "udp", UDP_L4, 1400), ("udp6", 6, "udp", UDP_L4, 1400)]


@pytest.fixture
def taps(wire, namespace, tmp_path):
    spaces = [namespace(), namespace()]
    lab = wire("--uplink", "none", *[word for space in spaces for word in ("--guest", f"tap,ifname=tap0,netns={space.path}")], "--guest", f"stream,path={tmp_path}/s.sock")
    for space in spaces:
        space.run("ip", "link", "set", "tap0", "up")
    return lab, spaces


def mac_of(space):
    return space.run("ip", "-o", "link", "show", "tap0").stdout.split("link/ether ")[1].split()[0]


def large_frame(source, target, version, transport, gso, segment):
    """The virtio-net header and the frame, its checksum left partial."""
    ip = scapy.IP(src="10.5.0.1", dst="10.5.0.2", id=7) if version == 4 else scapy.IPv6(src="fd05::1", dst="fd05::2")
    l4 = scapy.TCP(sport=1000, dport=2000, seq=0xfffff000, ack=5, flags="PAF", window=500) if transport == "tcp" else scapy.UDP(sport=1000, dport=2000)
    start = 14 + (20 if version == 4 else 40)
    whole = bytearray(bytes(scapy.Ether(src=source, dst=target) / ip / l4 / scapy.Raw(PAYLOAD)))
    offset = 16 if transport == "tcp" else 6
    pseudo = pseudo_sum(version, bytes(whole[14:start]), 6 if transport == "tcp" else 17, len(whole) - start)
    whole[start + offset:start + offset + 2] = pseudo.to_bytes(2, "big")
    headers = start + (20 if transport == "tcp" else 8)
    return HEADER.pack(NEEDS_CSUM, gso, headers, segment, start, offset) + bytes(whole)


def pseudo_sum(version, header, protocol, length):
    addresses = header[12:20] if version == 4 else header[8:40]
    total = sum(int.from_bytes(addresses[at:at + 2], "big") for at in range(0, len(addresses), 2)) + protocol + length
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def send(space, data):
    done = subprocess.run(space.command(PYTHON, TOOL, "send", "tap0"), input=data, capture_output=True, check=False)
    if done.returncode and b"Invalid argument" in done.stderr:
        pytest.skip("this kernel's packet sockets do not take the segmentation type")
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("what,version,transport,gso,segment", KINDS, ids=[row[0] for row in KINDS])
def test_a_large_frame_from_tap_to_tap_is_not_cut(taps, what, version, transport, gso, segment):
    _, (a, b) = taps
    kind = "0x0800" if version == 4 else "0x86dd"
    listener = b.start(PYTHON, TOOL, "receive", "tap0", kind, "5", stdout=subprocess.PIPE)
    assert listener.stdout.read(1) == b"R"
    sent = large_frame(mac_of(a), mac_of(b), version, transport, gso, segment)
    send(a, sent)
    got = listener.stdout.read()
    listener.wait()
    listener.stdout.close()
    assert len(got) == len(sent) and got[HEADER.size:] == sent[HEADER.size:]
    flags, kind_got, _, size, start, offset = HEADER.unpack(got[:HEADER.size])
    assert (flags & NEEDS_CSUM, kind_got, size) == (NEEDS_CSUM, gso, segment)
    assert (start, offset) == HEADER.unpack(sent[:HEADER.size])[4:6]


@pytest.mark.parametrize("what,version,transport,gso,segment", KINDS, ids=[row[0] for row in KINDS])
def test_a_stream_guest_gets_right_segments(taps, closing, what, version, transport, gso, segment):
    lab, (a, _) = taps
    guest = closing(StreamGuest(lab.folder + "/s.sock"))
    guest.hello()
    eventually(lambda: any(port["macs"] for port in lab.show()["ports"] if port["kind"] == "stream"), what="the guest's address")
    send(a, large_frame(mac_of(a), ":".join(f"{byte:02x}" for byte in guest.mac), version, transport, gso, segment))
    count = -(-len(PAYLOAD) // segment)
    ours = (frame for frame in guest.frames(5) if frame[:6] == guest.mac and frame[12:14] in (b"\x08\x00", b"\x86\xdd"))
    segments = list(itertools.islice(ours, count))
    assert len(segments) == count and not [frame for frame in guest.frames(0.2) if frame[:6] == guest.mac]
    received = b""
    for number, frame in enumerate(segments):
        parsed = scapy.Ether(frame)
        layer = parsed[scapy.TCP if transport == "tcp" else scapy.UDP]
        received += bytes(layer.payload)[:segment]
        assert len(frame) <= 1514
        if transport == "tcp":
            assert layer.seq == (0xfffff000 + number * segment) % (1 << 32)
            assert ("F" in layer.flags, "P" in layer.flags) == ((True, True) if number == count - 1 else (False, False))
        if version == 4:
            assert parsed[scapy.IP].id == 7 + number
        assert_checksums_right(parsed, layer)
    assert received == PAYLOAD


def assert_checksums_right(parsed, layer):
    """scapy computes each sum again over what arrived."""
    again = parsed.copy()
    fields = [again[scapy.IP]] if scapy.IP in again else []
    fields.append(again[type(layer)])
    for field in fields:
        del field.chksum
    again = scapy.Ether(bytes(again))
    assert again[type(layer)].chksum == layer.chksum
    if scapy.IP in parsed:
        assert again[scapy.IP].chksum == parsed[scapy.IP].chksum
