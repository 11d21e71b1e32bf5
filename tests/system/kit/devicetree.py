# SPDX-License-Identifier: MIT
"""Device trees as bytes (Devicetree Specification 0.4, 5): flat({"#address-cells": 1, "soc": {"compatible": "simple-bus"}})."""
import struct

BEGIN, END, PROPERTY, FINISH = 1, 2, 3, 9


def padded(data):
    return data + bytes(-len(data) % 4)


def value_of(value):
    """A text, a cell, or a list of cells."""
    if isinstance(value, str):
        return value.encode() + b"\0"
    cells = value if isinstance(value, list) else [value]
    return struct.pack(f">{len(cells)}I", *cells)


def node(name, content, names):
    """Properties stand before the nodes within. `names` grows."""
    properties = [(key, value_of(value)) for key, value in content.items() if not isinstance(value, dict)]
    data = struct.pack(">I", BEGIN) + padded(name.encode() + b"\0")
    for key, value in properties:
        data += struct.pack(">III", PROPERTY, len(value), len(names)) + padded(value)
        names += key.encode() + b"\0"
    for key, inner in content.items():
        if isinstance(inner, dict):
            data += node(key, inner, names)
    return data + struct.pack(">I", END)


def flat(root):
    names = bytearray()
    structure = node("", root, names) + struct.pack(">I", FINISH)
    at = 40 + 16  # the header, and a reservation map with nothing in it
    header = struct.pack(">10I", 0xD00DFEED, at + len(structure) + len(names), at, at + len(structure), 40, 17, 16, 0, len(names), len(structure))
    return header + bytes(16) + structure + bytes(names)
