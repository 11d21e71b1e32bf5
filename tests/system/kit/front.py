# SPDX-License-Identifier: MIT
"""A vhost-user front end of a few lines, for what no hypervisor does: it says what it is told to say, its rings are empty,
and its memory may shrink."""
import os
import socket
import struct

PROTOCOL, REPLY_ACK = 1 << 30, 1 << 3
VERSION_1, RING_PACKED = 1 << 32, 1 << 34
PACKED_START = 0x80008000
SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_NUM, SET_ADDR, SET_BASE, SET_KICK, SET_CALL = 2, 3, 5, 8, 9, 10, 12, 13
SET_PROTOCOL, SET_ENABLE = 16, 18
SIZE, RING_BYTES = 64, 16384


class Front:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(5)
        self.socket.connect(path)
        self.memory = os.memfd_create("guest", os.MFD_CLOEXEC)  # not to be sealed
        self.kicks = [os.eventfd(0), os.eventfd(0)]
        os.ftruncate(self.memory, 4 * RING_BYTES)

    def tell(self, request, payload=b"", descriptors=()):
        """A message that is acknowledged."""
        socket.send_fds(self.socket, [struct.pack("=III", request, 9, len(payload)) + payload], list(descriptors))
        assert self.socket.recv(64) == struct.pack("=IIIQ", request, 5, 8, 0), request

    def start(self, packed=False):
        self.tell(SET_PROTOCOL, struct.pack("=Q", REPLY_ACK))
        self.tell(SET_OWNER)
        self.tell(SET_FEATURES, struct.pack("=Q", PROTOCOL | VERSION_1 | (RING_PACKED if packed else 0)))
        self.tell(SET_MEM_TABLE, struct.pack("=IIQQQQ", 1, 0, 0, 4 * RING_BYTES, 0, 0), [self.memory])
        for ring in (0, 1):
            at = ring * RING_BYTES
            self.tell(SET_NUM, struct.pack("=II", ring, SIZE))
            self.tell(SET_BASE, struct.pack("=II", ring, PACKED_START if packed else 0))
            self.tell(SET_ADDR, struct.pack("=IIQQQQ", ring, 0, at, at + 8192, at + 4096, 0))
            self.tell(SET_KICK, struct.pack("=Q", ring), [self.kicks[ring]])
            self.tell(SET_ENABLE, struct.pack("=II", ring, 1))
            self.kick(ring)

    def offer(self, frame):
        """One frame in the first descriptor, with the index that says so."""
        at = RING_BYTES
        os.pwrite(self.memory, bytes(12) + frame, 2 * RING_BYTES)
        os.pwrite(self.memory, struct.pack("=QIHH", 2 * RING_BYTES, 12 + len(frame), 0, 0), at)
        os.pwrite(self.memory, struct.pack("=HHH", 0, 1, 0), at + 4096)
        self.kick(1)

    def kick(self, ring):
        os.eventfd_write(self.kicks[ring], 1)

    def shrink(self):
        os.ftruncate(self.memory, 0)

    def close(self):
        self.socket.close()
        for fd in (self.memory, *self.kicks):
            os.close(fd)
