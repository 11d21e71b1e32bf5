# SPDX-License-Identifier: MIT
"""Guests made of a socket and a few lines: they build and read their frames themselves, so that what they find is
independent of the program under test."""
import itertools
import os
import select
import socket
import struct
import time

BROADCAST = b"\xff" * 6


def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))


def mac_text(mac):
    return ":".join(f"{byte:02x}" for byte in mac)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ethernet(to, source, kind, payload):
    return to + source + struct.pack("!H", kind) + payload


def arp(operation, source_mac, source_ip, target_mac, target_ip, to=BROADCAST):
    return ethernet(to, source_mac, 0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + source_mac +
                    socket.inet_aton(source_ip) + target_mac + socket.inet_aton(target_ip))


def ipv4(source, target, protocol, payload, ttl=64):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, ttl, protocol, 0, socket.inet_aton(source),
                       socket.inet_aton(target))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp4(source, target, source_port, target_port, payload):
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, 17, 8 + len(payload))
    head = struct.pack("!HHHH", source_port, target_port, 8 + len(payload), 0)
    total = checksum(pseudo + head + payload) or 0xffff
    return ipv4(source, target, 17, struct.pack("!HHHH", source_port, target_port, 8 + len(payload), total) + payload)


def ipv6(source, target, next_header, payload, hops=64):
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, hops) + packed(source) + packed(target) + payload


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def pseudo(source, target, protocol, count):
    """What a transport's checksum covers besides the transport, of either family."""
    return packed(source) + packed(target) + (struct.pack("!II", count, protocol) if ":" in source else struct.pack("!HH", protocol, count))


def tcp(source, target, source_port, target_port, flags, sequence, acknowledgement=0, payload=b"", options=b"", urgent=0, window=65535):
    """A segment without its IP header; `options` are padded to whole words."""
    options += b"\0" * (-len(options) % 4)
    head = struct.pack("!HHIIBBHHH", source_port, target_port, sequence & 0xffffffff, acknowledgement & 0xffffffff,
                       (20 + len(options)) // 4 << 4, flags, window, 0, urgent) + options
    total = checksum(pseudo(source, target, 6, len(head) + len(payload)) + head + payload)
    return head[:16] + struct.pack("!H", total) + head[18:] + payload


def udp(source, target, source_port, target_port, payload):
    """A datagram without its IP header."""
    head = struct.pack("!HHHH", source_port, target_port, 8 + len(payload), 0)
    total = checksum(pseudo(source, target, 17, len(head) + len(payload)) + head + payload) or 0xffff
    return head[:6] + struct.pack("!H", total) + payload


def echo4(source, target, number, payload=b"guestwire"):
    head = struct.pack("!BBHHH", 8, 0, 0, 1, number)
    return ipv4(source, target, 1, head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:] + payload)


def readable(source, seconds):
    """By poll(): select() takes no descriptor beyond 1023."""
    poll = select.poll()
    poll.register(source, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


class Guest:
    """What every kind of socket guest can do; kinds give send(), receive() and fileno()."""

    serial = itertools.count(1)

    def __init__(self, mac=None):
        self.mac = mac_bytes(mac) if mac else b"\x52\x54\x00" + struct.pack("!I", next(Guest.serial))[1:]
        self.ip = None
        self.gateway = None
        self.gateway_mac = None

    def frames(self, seconds):
        """Frames as they come, until the time is over."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            frame = self.receive(left)
            if frame is None:
                return
            yield frame

    def ask(self, frame, answers, seconds=10.0):
        """Sends, and gives the first frame for which answers(frame) is true; None when there is none in time."""
        self.send(frame)
        return next((got for got in self.frames(seconds) if answers(got)), None)

    def gets(self, wanted, seconds=10.0):
        """True as soon as the frame comes."""
        return any(frame == wanted for frame in self.frames(seconds))

    def heard_behind(self, *senders, gateway="10.0.2.2"):
        """All that came to it before the gateway's answer, which it asks for when the senders have theirs: what they sent was
        delivered before that. No time is waited, so that a slow machine changes nothing."""
        for sender in senders:
            sender.heard_behind(gateway=gateway)
        heard, target = [], socket.inet_aton(gateway)

        def is_answer(frame):
            heard.append(frame)
            return frame[:6] == self.mac and frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2" and frame[28:32] == target
        answer = self.ask(arp(1, self.mac, self.ip or "0.0.0.0", b"\0" * 6, gateway, to=self.gateway_mac or BROADCAST), is_answer)
        assert answer, "the gateway does not answer"
        self.gateway_mac = answer[6:12]  # from now on nobody else hears the question
        return heard[:-1]

    def hello(self):
        """A broadcast that makes the switch learn this guest's address and means nothing."""
        self.send(ethernet(BROADCAST, self.mac, 0x88b5, b"\0" * 46))

    def dhcp(self, seconds=10.0, name=b"guest"):
        """Discover, offer, request, acknowledge; gives the address as text."""
        number = struct.unpack("!I", os.urandom(4))[0]
        offer = self._dhcp(number, 1, b"\x0c" + bytes([len(name)]) + name, 2, seconds)
        assert offer, "no DHCP offer"
        asked = b"\x32\x04" + offer[16:20] + b"\x36\x04" + self._option(offer, 54)
        ack = self._dhcp(number, 3, asked + b"\x0c" + bytes([len(name)]) + name, 5, seconds)
        assert ack, "no DHCP acknowledgement"
        self.ip, self.gateway = socket.inet_ntoa(ack[16:20]), socket.inet_ntoa(self._option(ack, 54))
        return self.ip

    def _dhcp(self, number, kind, options, answer, seconds):
        message = struct.pack("!BBBBIHH16s6s10s192sI", 1, 1, 6, 0, number, 0, 0x8000, b"", self.mac, b"", b"", 0x63825363)
        message += b"\x35\x01" + bytes([kind]) + options + b"\x37\x04\x01\x03\x06\x1a\xff"
        frame = ethernet(BROADCAST, self.mac, 0x0800, udp4("0.0.0.0", "255.255.255.255", 68, 67, message))

        def is_answer(got):
            return (got[12:14] == b"\x08\x00" and got[23] == 17 and got[36:38] == b"\x00\x44" and
                    got[46:50] == struct.pack("!I", number) and self._option(got[42:], 53) == bytes([answer]))
        got = self.ask(frame, is_answer, seconds)
        return got and got[42:]

    @staticmethod
    def _option(message, wanted):
        at = 240
        while at + 1 < len(message) and message[at] != 255:
            if message[at] == wanted:
                return message[at + 2:at + 2 + message[at + 1]]
            at += 1 if message[at] == 0 else 2 + message[at + 1]
        return None

    def resolve(self, ip, seconds=5.0):
        """The MAC address that answers ARP for it, or None."""
        target = socket.inet_aton(ip)
        got = self.ask(arp(1, self.mac, self.ip or "0.0.0.0", b"\0" * 6, ip),
                       lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[28:32] == target, seconds)
        return got and got[22:28]

    def ping(self, ip=None, seconds=5.0, number=1):
        """True when the gateway, or another address of the network, answers an echo."""
        ip = ip or self.gateway
        mac = self.resolve(ip, seconds)
        if not mac:
            return False
        target = socket.inet_aton(ip)
        return self.ask(ethernet(mac, self.mac, 0x0800, echo4(self.ip, ip, number)),
                        lambda f: f[12:14] == b"\x08\x00" and f[23] == 1 and f[34] == 0 and f[26:30] == target, seconds) is not None

    def close(self):
        self.socket.close()

    def fileno(self):
        return self.socket.fileno()


class StreamGuest(Guest):
    """The framing of -netdev stream: a 32-bit big-endian length before each frame."""

    def __init__(self, path=None, mac=None, address=None):
        super().__init__(mac)
        if address:
            self.socket = socket.create_connection(address)
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.connect(path)
        self.buffer = b""

    def send(self, frame):
        self.socket.sendall(struct.pack("!I", len(frame)) + frame)

    def receive(self, seconds=1.0):
        end = time.monotonic() + seconds
        while True:
            if len(self.buffer) >= 4:
                length = struct.unpack("!I", self.buffer[:4])[0]
                if len(self.buffer) >= 4 + length:
                    frame, self.buffer = self.buffer[4:4 + length], self.buffer[4 + length:]
                    return frame
            left = end - time.monotonic()
            if left <= 0 or not readable(self.socket, left):
                return None
            data = self.socket.recv(1 << 18)
            if not data:
                return None
            self.buffer += data


class PacketGuest(Guest):
    """One frame per packet: SOCK_SEQPACKET connected, or SOCK_DGRAM bound to a path of its own."""

    def __init__(self, path, kind=socket.SOCK_SEQPACKET, own=None, mac=None):
        super().__init__(mac)
        self.own = own
        self.socket = socket.socket(socket.AF_UNIX, kind)
        if own:
            self.socket.bind(own)
        self.socket.connect(path)

    def send(self, frame):
        self.socket.send(frame)

    def receive(self, seconds=1.0):
        if not readable(self.socket, max(0, seconds)):
            return None
        return self.socket.recv(1 << 17) or None

    def close(self):
        super().close()
        if self.own and os.path.exists(self.own):
            os.unlink(self.own)
