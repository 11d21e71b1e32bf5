# SPDX-License-Identifier: MIT
"""A QEMU that is told what to do: its machine protocol over a socket that it listens on."""
import json
import socket

from kit import eventually


class Qmp:
    def __init__(self, path):
        self.path = path
        self.socket = eventually(self._connect, 20, what="QEMU's socket")
        self.socket.settimeout(30)
        self.file = self.socket.makefile("rw", encoding="utf8")
        self.events = []
        assert "QMP" in json.loads(self.file.readline())
        self("qmp_capabilities")

    @staticmethod
    def words(path):
        """Of QEMU's command line."""
        return ["-qmp", f"unix:{path},server=on,wait=off"]

    def _connect(self):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.connect(self.path)
            return made
        except OSError:
            made.close()
            return None

    def __call__(self, command, **arguments):
        """The answer, and an assertion when it is an error."""
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            said = json.loads(self.file.readline())
            if "event" in said:
                self.events.append(said["event"])
                continue
            assert "error" not in said, f"{command}: {said}"
            return said["return"]

    def close(self):
        self.file.close()
        self.socket.close()
