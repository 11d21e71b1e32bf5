# SPDX-License-Identifier: MIT
# takes long
"""Guests that lie to uplink=user: each lie has its own drop reason or answer, costs no memory, and harms nobody else.

The topology is kit/far.py's. The liar is a guest of a few lines at the stream socket, so that every byte is the test's."""
import itertools
import os
import struct
import subprocess
import time

import pytest

from kit import SANITIZED, eventually
from kit.far import HOST, WORLD
from kit.frames import StreamGuest, checksum, ethernet, ipv4, ipv6, pseudo, tcp, udp

pytestmark = pytest.mark.asan

OWN = {4: "10.0.2.99", 6: "fd00::99"}
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
PORT = 9000

ECHO = """
import select, socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
poll, ends = select.poll(), {}
poll.register(listener, select.POLLIN)
print("ready", flush=True)
while True:
    for fd, _ in poll.poll():
        if fd == listener.fileno():
            end = listener.accept()[0]
            ends[end.fileno()] = end
            poll.register(end, select.POLLIN)
            continue
        try:
            data = ends[fd].recv(65536)
            ends[fd].sendall(data)
        except OSError:
            data = b""
        if not data:
            poll.unregister(fd)
            ends.pop(fd).close()
"""


def patched(packet, at, *values):
    """The packet with these bytes there; IPv4's checksum made right again."""
    packet = packet[:at] + bytes(values) + packet[at + len(values):]
    if packet[0] >> 4 == 4 and at < 20 and at not in (10, 11):
        packet = packet[:10] + b"\0\0" + packet[12:]
        packet = packet[:10] + struct.pack("!H", checksum(packet[:20])) + packet[12:]
    return packet


def v4(protocol, payload, source=OWN[4], target=WORLD[4], **more):
    return ipv4(source, target, protocol, payload, **more)


def v6(protocol, payload, source=OWN[6], target=WORLD[6], **more):
    return ipv6(source, target, protocol, payload, **more)


def syn(family, options=b"", target=None):
    return tcp(OWN[family], target or WORLD[family], 4000, PORT, SYN, 1, options=options)


def datagram(family, payload=b"x" * 64):
    return udp(OWN[family], WORLD[family], 4000, 7000, payload)


def summed6(protocol, payload, at):
    """An ICMPv6 message with its checksum."""
    total = checksum(pseudo(OWN[6], WORLD[6], protocol, len(payload)) + payload)
    return payload[:at] + struct.pack("!H", total) + payload[at + 2:]


def fragments4(*parts, number=7):
    """(offset, bytes, more) each."""
    for offset, data, more in parts:
        packet = v4(17, data)
        yield patched(packet, 4, number >> 8, number & 255, (more << 13 | offset >> 3) >> 8, offset >> 3 & 255)


def fragments6(*parts, protocol=17, **more_header):
    for offset, data, more in parts:
        yield v6(44, struct.pack("!BBHI", protocol, 0, offset | more, 7) + data, **more_header)


def extension(following, count=0, body=None):
    return bytes([following, count]) + (b"\0" * (count * 8 + 6) if body is None else body)


def chain(*lengths):
    """Destination options of so many more units each, then UDP."""
    kinds = [60] * len(lengths) + [17]
    return v6(60, b"".join(extension(kinds[i + 1], count) for i, count in enumerate(lengths)) + datagram(6))


BLOCK = b"y" * 64

# what, the packets (the last one is the lie), its drop reason
LIES = [
    ("IPv4 that ends in its header", [v4(17, b"")[:19]], "ip4-short"),
    ("IPv4 of version 5", [patched(v4(17, datagram(4)), 0, 0x55)], "ip4-version"),
    ("an IPv4 header of 16 bytes", [patched(v4(17, datagram(4)), 0, 0x44)], "ip4-header-length"),
    ("an IPv4 header beyond the frame", [patched(v4(17, b"x" * 8), 0, 0x4f)], "ip4-header-length"),
    ("an IPv4 length below its header", [patched(v4(17, datagram(4)), 2, 0, 19)], "ip4-total-length"),
    ("an IPv4 length beyond the frame", [patched(v4(17, datagram(4)), 2, 255, 255)], "ip4-total-length"),
    ("a wrong IPv4 checksum", [patched(v4(17, datagram(4)), 10, 0, 0)], "ip4-checksum"),
    ("IPv4 from 0.0.0.0", [v4(17, datagram(4), source="0.0.0.0")], "ip4-source"),
    ("IPv4 from everybody", [v4(17, datagram(4), source="255.255.255.255")], "ip4-source"),
    ("IPv4 from a loopback", [v4(17, datagram(4), source="127.0.0.1")], "ip4-source"),
    ("IPv4 from a group", [v4(17, datagram(4), source="224.0.0.1")], "ip4-source"),
    ("IPv4 to the host's loopback by name", [v4(6, syn(4, target="127.0.0.1"), target="127.0.0.1")], "nat-destination"),
    ("IPv4 to the host by 0.0.0.0", [v4(6, syn(4, target="0.0.0.0"), target="0.0.0.0")], "nat-destination"),
    ("IPv4 to a neighbour by way of the gateway", [v4(17, udp(OWN[4], "10.0.2.77", 4000, 7000, b"x"), target="10.0.2.77")],
     "nat-destination"),
    ("an unknown IPv4 protocol", [v4(132, b"x" * 20)], "ip4-protocol"),
    ("IPv4 whose hops are used up", [v4(17, datagram(4), ttl=1)], "nat-hop-limit"),
    ("IPv4 fragments that overlap", list(fragments4((0, BLOCK, 1), (56, BLOCK, 0), number=1)), "fragment-overlap"),
    ("an IPv4 fragment twice", list(fragments4((0, BLOCK, 1), (0, BLOCK, 1), number=2)), "fragment-overlap"),
    ("an IPv4 fragment of 7 bytes before the last", list(fragments4((0, b"1234567", 1), number=3)), "fragment-length"),
    ("an IPv4 fragment beyond the largest packet", list(fragments4((65528, BLOCK, 0), number=4)), "fragment-beyond"),
    ("an IPv4 fragment behind the last", list(fragments4((64, BLOCK, 0), (256, BLOCK, 1), number=5)), "fragment-beyond"),
    ("TCP that ends in its header", [v4(6, syn(4)[:19])], "tcp-short"),
    ("a TCP header of 16 bytes", [v4(6, patched(syn(4), 12, 0x40))], "tcp-offset"),
    ("a TCP header beyond the segment", [v4(6, patched(syn(4), 12, 0xf0))], "tcp-offset"),
    ("a TCP option of length 0", [v4(6, syn(4, b"\x08\x00\0\0"))], "tcp-option-length"),
    ("a TCP option of length 1", [v4(6, syn(4, b"\x08\x01\0\0"))], "tcp-option-length"),
    ("a TCP option beyond the header", [v4(6, syn(4, b"\x08\x0a\0\0"))], "tcp-option-length"),
    ("a TCP option cut at its kind", [v4(6, syn(4, b"\1\1\1\x08"))], "tcp-option-length"),
    ("a maximum segment size of 3 bytes", [v4(6, syn(4, b"\2\5\0\0\0"))], "tcp-option-length"),
    ("half a SACK block", [v4(6, syn(4, b"\5\6\0\0\0\0"))], "tcp-option-length"),
    ("a wrong TCP checksum", [v4(6, patched(syn(4), 16, 0, 0))], "tcp-checksum"),
    ("an acknowledgement of no connection", [v4(6, tcp(OWN[4], WORLD[4], 4001, PORT, ACK, 1, 1))], "nat-no-flow"),
    ("all flags and no connection", [v4(6, tcp(OWN[4], WORLD[4], 4001, PORT, 0xff, 1, 1))], "nat-no-flow"),
    ("UDP that ends in its header", [v4(17, datagram(4)[:7])], "udp-short"),
    ("a UDP length below 8", [v4(17, patched(datagram(4), 4, 0, 7))], "udp-length"),
    ("a UDP length beyond the packet", [v4(17, patched(datagram(4), 4, 255, 255))], "udp-length"),
    ("a wrong UDP checksum", [v4(17, patched(datagram(4), 6, 1, 1))], "udp-checksum"),
    ("ICMP that ends in its header", [v4(1, b"\x08\0\0\0\0\0\0")], "icmp-short"),
    ("a wrong ICMP checksum", [v4(1, b"\x08\0\1\1\0\0\0\0")], "icmp-checksum"),
    ("an ICMP type that no guest sends", [v4(1, b"\x0d\0\xf2\xff\0\0\0\0")], "icmp-type"),
    ("IPv6 that ends in its header", [v6(17, b"")[:39]], "ip6-short"),
    ("IPv6 of version 7", [patched(v6(17, datagram(6)), 0, 0x70)], "ip6-version"),
    ("an IPv6 payload beyond the frame", [patched(v6(17, datagram(6)), 4, 255, 255)], "ip6-payload-length"),
    ("IPv6 from ::", [v6(17, datagram(6), source="::")], "ip6-source"),
    ("IPv6 from a group", [v6(17, datagram(6), source="ff0e::1")], "ip6-source"),
    ("IPv6 from a mapped address", [v6(17, datagram(6), source="::ffff:10.0.2.15")], "ip6-source"),
    ("IPv6 to the host's loopback by name", [v6(6, syn(6, target="::1"), target="::1")], "nat-destination"),
    ("IPv6 to a mapped loopback", [v6(6, syn(6, target="::ffff:127.0.0.1"), target="::ffff:127.0.0.1")], "nat-destination"),
    ("IPv6 to a compatible loopback", [v6(6, syn(6, target="::127.0.0.1"), target="::127.0.0.1")], "nat-destination"),
    ("an unknown next header", [v6(200, b"x" * 8)], "ip6-next-header"),
    ("no next header", [v6(59, b"")], "ip6-next-header"),
    ("nine extension headers", [chain(*[0] * 9)], "ip6-extensions"),
    ("136 bytes of extension headers", [chain(7, 8)], "ip6-extensions"),
    ("an extension header of 2048 bytes", [v6(60, extension(17, 255, b"\0" * 30))], "ip6-extensions"),
    ("an extension header beyond the packet", [v6(60, extension(17, 3, b"\0" * 6))], "ip6-extension-short"),
    ("an extension header of one byte", [v6(60, b"\x11")], "ip6-extension-short"),
    ("a jumbogram", [patched(v6(0, extension(17, 0, b"\xc2\4\0\1\0\0") + datagram(6)), 4, 0, 0)], "ip6-extension-short"),
    ("IPv6 whose hops are used up", [v6(17, datagram(6), hops=1)], "nat-hop-limit"),
    ("IPv6 fragments that overlap", list(fragments6((0, BLOCK, 1), (56, BLOCK, 0))), "fragment-overlap"),
    ("an IPv6 fragment of 7 bytes before the last", list(fragments6((0, b"1234567", 1))), "fragment-length"),
    ("an IPv6 fragment beyond the largest packet", list(fragments6((65528, BLOCK, 0))), "fragment-beyond"),
    ("neighbour discovery in fragments", list(fragments6((0, b"\x87\0\0\0" + b"\0" * 20, 1), protocol=58)), "fragment-ndp"),
    ("UDP without a checksum over IPv6", [v6(17, patched(datagram(6), 6, 0, 0))], "udp-checksum"),
    ("an ICMPv6 type that no guest sends", [v6(58, summed6(58, b"\xc8\0\0\0\0\0\0\0", 2))], "icmp-type"),
]


class Liar(StreamGuest):
    """Sends packets to the gateway."""

    ports = itertools.count(20000)

    def __init__(self, far):
        super().__init__(f"{far.folder}/s.sock")
        self.far, self.ip = far, OWN[4]
        self.gateway_mac = self.resolve(HOST[4])

    def say(self, packet):
        self.send(ethernet(self.gateway_mac, self.mac, 0x0800 if packet[0] >> 4 in (4, 5) else 0x86dd, packet))




def drops(far):
    return {name: count for name, count in far.lab.show()["drops"].items() if count}


def test_each_lie_is_dropped_by_its_own_name(far, closing):
    far = far()
    liar = closing(Liar(far))
    wrong = []
    for what, packets, reason in LIES:
        for packet in packets[:-1]:
            liar.say(packet)
        eventually(lambda: liar.ping(HOST[4]), what="an answer")  # what was sent before has been looked at
        before = drops(far)
        liar.say(packets[-1])
        assert liar.ping(HOST[4]), what
        after = drops(far)
        new = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
        if new != {reason: 1}:
            wrong.append((what, reason, new))
    assert not wrong, "\n".join(map(str, wrong))


class Conversation:
    """One connection of the liar's to the echoing server in the world, segment by segment."""

    ports = itertools.count(20000)

    def __init__(self, liar, first=1, options=b"\2\4\5\xb4", window=65535):
        self.liar, self.port, self.first, self.window = liar, next(self.ports), first, window
        self.sent, self.got, self.far = 0, b"", None
        answer = self.ask(SYN, first, options=options)
        assert answer and answer["flags"] == SYN | ACK and answer["ack"] == (first + 1) & 0xffffffff, answer
        self.far = answer["sequence"] + 1
        self.say(ACK)

    def say(self, flags, sequence=None, ack=None, payload=b"", **more):
        sequence = self.first + 1 + self.sent if sequence is None else sequence
        ack = (self.far or 0) + len(self.got) if ack is None else ack
        self.liar.say(v4(6, tcp(OWN[4], WORLD[4], self.port, PORT, flags, sequence, ack if flags & ACK else 0, payload, window=self.window,
                                **more)))

    def read(self, frame):
        """Of a segment of this connection: what it says; else None."""
        if frame[12:14] != b"\x08\0" or frame[23] != 6 or frame[34:38] != struct.pack("!HH", PORT, self.port):
            return None
        sequence, ack, offset, flags = struct.unpack("!IIBB", frame[38:48])
        end = 14 + struct.unpack("!H", frame[16:18])[0]
        return {"sequence": sequence, "ack": ack, "flags": flags & ~PSH, "payload": frame[34 + (offset >> 4) * 4:end]}

    def segments(self, seconds=10.0):
        for frame in self.liar.frames(seconds):
            segment = self.read(frame)
            if segment:
                yield segment

    def ask(self, flags, *words, **more):
        self.say(flags, *words, **more)
        return next(self.segments(), None)

    def echo(self, payload, flags=PSH | ACK, **more):
        """Says it, and takes the answer, acknowledging it; True when it is the same."""
        self.say(flags, payload=payload, **more)
        self.sent += len(payload)
        wanted = self.got + payload
        for segment in self.segments():
            at = (segment["sequence"] - self.far) & 0xffffffff
            if at == len(self.got) and segment["payload"]:
                self.got += segment["payload"]
                self.say(ACK)
            if segment["flags"] & RST or len(self.got) >= len(wanted):
                break
        return self.got == wanted


SACKS = [b"\5\x0a" + b"\xff" * 8, b"\5\x0a" + b"\0" * 8, b"\5\x22" + bytes(range(32))]

# what is said in an open connection (flags, distance from the right number, of the acknowledgement's, payload, more), the
# drop reason or None, what comes back: an acknowledgement, or nothing
LIES_IN_A_CONNECTION = [
    ("urgent data that ends beyond the data", (ACK | URG, 0, 0, b"", {"urgent": 0xffff}), None, None),
    ("a byte before the window", (ACK, -1, 0, b"x", {}), "tcp-sequence", ACK),
    ("a byte beyond the window", (ACK, 1 << 20, 0, b"x", {}), "tcp-sequence", ACK),
    ("a byte half the circle away", (ACK, 1 << 31, 0, b"x", {}), "tcp-sequence", ACK),
    ("a byte behind a gap", (ACK, 10, 0, b"x", {}), None, ACK),
    ("the acknowledgement of what was not sent", (ACK, 0, 1000, b"", {}), "tcp-acknowledgement", ACK),
    ("an acknowledgement half the circle away", (ACK, 0, (1 << 31) - 1, b"x", {}), "tcp-acknowledgement", ACK),
    ("SYN", (SYN, 0, 0, b"", {}), "tcp-flags", ACK),
    ("SYN and FIN", (SYN | FIN | ACK, 0, 0, b"", {}), "tcp-flags", ACK),
    ("no flags", (0, 0, 0, b"x", {}), "tcp-flags", ACK),
    ("FIN without ACK", (FIN, 0, 0, b"", {}), "tcp-flags", ACK),
    ("a reset beside the next byte", (RST, 1, 0, b"", {}), "tcp-sequence", ACK),
    ("a reset beyond the window", (RST, 1 << 20, 0, b"", {}), "tcp-sequence", None),
    ("an option of length 0", (ACK, 0, 0, b"x", {"options": b"\x08\0"}), "tcp-option-length", None),
    *[(f"SACK blocks that lie ({number})", (ACK, 0, 0, b"", {"options": sacks}), None, None) for number, sacks in enumerate(SACKS)],
]


def test_each_lie_in_a_connection_has_its_answer_and_leaves_it_whole(far, closing):
    far = far()
    far.server(far.world, ECHO, WORLD[4], PORT)
    liar = closing(Liar(far))
    for what, (flags, ahead, acked, payload, more), reason, answer in LIES_IN_A_CONNECTION:
        talk = Conversation(liar)
        assert talk.echo(b"before")
        before = drops(far)
        talk.say(flags, talk.first + 1 + talk.sent + ahead, talk.far + len(talk.got) + acked, payload, **more)
        said = next(talk.segments(10.0 if answer else 0.15), None)
        assert (said and said["flags"]) == answer, (what, said)
        after = drops(far)
        new = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
        assert new == ({reason: 1} if reason else {}), what
        assert talk.echo(b"after"), (what, drops(far))


def test_urgent_data_is_data_whatever_its_pointer_says(far, closing):
    far = far()
    far.server(far.world, ECHO, WORLD[4], PORT)
    talk = Conversation(closing(Liar(far)))
    for urgent in (0, 1, 5, 6, 0x7fff, 0xffff):
        assert talk.echo(b"hello", ACK | URG, urgent=urgent), (urgent, drops(far))


@pytest.mark.parametrize("options", [b"", b"\2\4\0\0", b"\2\4\xff\xff", b"\3\3\xff", b"\2\4\0\1\3\3\x0e\4\2", b"\0\xff\xff\xff"],
                         ids=["none", "mss 0", "mss 65535", "scale 255", "mss 1", "rubbish behind the end"])
def test_a_connection_with_odd_options_works(far, closing, options):
    far = far()
    far.server(far.world, ECHO, WORLD[4], PORT)
    talk = Conversation(closing(Liar(far)), options=options)
    assert talk.echo(bytes(range(200))) and talk.echo(b"z" * 1400), drops(far)


def test_numbers_go_round_in_the_middle_of_a_connection(far, closing):
    far = far()
    far.server(far.world, ECHO, WORLD[4], PORT)
    liar = closing(Liar(far))
    for first in (0xffffffff, 0xfffffffe, 0xffffff00, 0x7ffffff0):
        talk = Conversation(liar, first=first)
        for size in (1, 100, 200, 400, 1400):
            assert talk.echo(os.urandom(size)), (hex(first), drops(far))


def test_a_flood_of_syns_keeps_nobody_else_from_connecting(far, closing, move):
    far = far(",flows=256")
    far.world.run("ip", "route", "add", "blackhole", "198.51.100.0/24")
    liar = closing(Liar(far))
    for number in range(4000):
        liar.say(v4(6, tcp(OWN[4], "198.51.100.7", 1024 + number, PORT, SYN, number), target="198.51.100.7"))
    eventually(lambda: drops(far).get("nat-flows-full", 0) >= 4000 - 256, 60, what="nat-flows-full")
    taker = far.start(far.world, move, "take", "9001", "100000", "7", stdout=subprocess.PIPE, text=True)
    assert taker.stdout.readline() == "listening\n"
    assert far.start(far.box, move, "send", WORLD[4], "9001", "100000", "7").wait() == 0, far.drops()
    assert taker.stdout.read() == "right\n"


def test_a_guest_that_fills_the_table_with_connections_keeps_nobody_else_from_connecting(far, closing, move):
    far = far(",flows=64")
    far.server(far.world, ECHO, WORLD[4], PORT)
    liar = closing(Liar(far))
    talks = [Conversation(liar) for _ in range(64)]
    assert talks[0].echo(b"first") and talks[-1].echo(b"last")
    taker = far.start(far.world, move, "take", "9001", "100000", "7", stdout=subprocess.PIPE, text=True)
    assert taker.stdout.readline() == "listening\n"
    assert far.start(far.box, move, "send", WORLD[4], "9001", "100000", "7").wait() == 0, far.drops()
    assert taker.stdout.read() == "right\n"
    assert drops(far)["nat-flow-displaced"] == 1
    assert sum(talk.echo(b"again") for talk in talks) == 63, drops(far)  # of its own it has lost one, which was idle
    assert talks[0].echo(b"in use")


# ---- as fast as they are taken ----

FRAMES = 200000 if SANITIZED else 10000000
WARM_UP = FRAMES // 20  # pools are touched as they are used, and stay so
MIB = 1 << 20


def private_bytes(far):
    with open(f"/proc/{far.lab.pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Private_Clean", "Private_Dirty")))


def seconds_used(far):
    with open(f"/proc/{far.lab.pid}/stat", encoding="ascii") as file:
        return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def test_millions_of_lies_cost_no_memory_and_hold_nobody_up(far, crowd, hostile):
    far = far(",flows=1024")
    # Far addresses with a bit turned would all be neighbours, each asked for by the host's kernel, whose table of them is
    # one for all namespaces: other tests' packets would find no entry there.
    far.host.run("sh", "-ec", "ip -6 addr del 2001:db8::1/64 dev host0; ip -6 addr add 2001:db8::1/128 dev host0 nodad;"
                 f"ip -6 route add {WORLD[6]} dev host0; ip -6 route replace default via {WORLD[6]} dev host0")
    for kind, address in itertools.product(("tcp", "udp"), WORLD.values()):
        server = far.start(far.world, crowd, "serve", kind, address, str(PORT if kind == "tcp" else 7000), "1",
                           stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "listening\n"
    friend = far.start(far.box, crowd, "hold", "tcp", WORLD[4], str(PORT), "1", "50", stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, text=True)
    assert friend.stdout.readline() == "holding 50\n"
    gateway = far.lab.show()["mac"]

    def lie(frames, seed):
        return far.start(far.host, hostile, f"{far.folder}/s.sock", str(frames), str(seed), "52:54:00:00:66:66", gateway,
                         stdout=subprocess.PIPE, text=True)
    assert lie(WARM_UP, 1).wait(200) == 0
    before, began, used, slowest = private_bytes(far), time.monotonic(), seconds_used(far), 0
    liar = lie(FRAMES, 2)
    while liar.process.poll() is None:
        asked = time.monotonic()
        friend.process.stdin.write("\n")
        friend.process.stdin.flush()
        assert friend.stdout.readline() == "echoed 50, 0 again\n"
        slowest = max(slowest, time.monotonic() - asked)
        assert time.monotonic() - began < 600, far.drops()
        time.sleep(0.05)
    said = liar.stdout.read().split()
    print(f"{' '.join(said)} in {time.monotonic() - began:.1f} s, {seconds_used(far) - used:.1f} of guestwire's; "
          f"{(private_bytes(far) - before) >> 10} KiB more; 50 echoes took {slowest:.2f} s")
    assert int(said[2]) > FRAMES // 1000 and int(said[4]) > FRAMES // 10000, "the conversations were none"
    assert SANITIZED or abs(private_bytes(far) - before) < MIB
    assert len([name for name in drops(far) if not name.startswith("dhcp")]) >= 20, drops(far)
    assert slowest < 5
