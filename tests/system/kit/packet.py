# SPDX-License-Identifier: MIT
"""Run inside a namespace: frames with virtio-net's header through a packet socket on an interface.

  packet.py send IFNAME < header-and-frame       packet.py receive IFNAME ETHERTYPE SECONDS > one header-and-frame"""
import select
import socket
import struct
import sys

SOL_PACKET, PACKET_VNET_HDR = 263, 15
HEADER = struct.Struct("<BBHHHH")  # flags, gso type, header bytes, segment bytes, checksum start, checksum offset
NEEDS_CSUM, TCP4, TCP6, UDP_L4 = 1, 1, 4, 5


def opened(name, kind):
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
    packet.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    packet.bind((name, kind))
    return packet


if __name__ == "__main__":
    if sys.argv[1] == "send":
        opened(sys.argv[2], 0).send(sys.stdin.buffer.read())
    else:
        packet = opened(sys.argv[2], int(sys.argv[3], 0))
        sys.stdout.buffer.write(b"R")
        sys.stdout.buffer.flush()
        while select.select([packet], [], [], float(sys.argv[4]))[0]:
            data = packet.recv(1 << 17)
            if len(data) > 2000:
                sys.stdout.buffer.write(data)
                break
