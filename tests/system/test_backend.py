# SPDX-License-Identifier: MIT
"""The program as a management layer starts it for one virtual machine: the conventions for back-end programs of QEMU's
vhost-user, by a front end that asks one question.

  test -- AF_UNIX, by path or inherited -- guestwire-vhost-user"""
import json
import os
import signal
import socket
import struct
import subprocess

import pytest

from kit import PROGRAM, eventually

pytestmark = pytest.mark.asan

GET_FEATURES, VERSION, REPLY = 1, 1, 4
VERSION_1, PROTOCOL_FEATURES = 1 << 32, 1 << 30


@pytest.fixture
def backend(tmp_path, closing):
    """backend("--fd=3", pass_fds=…) is the program under the name by which it is found."""
    name = tmp_path / "guestwire-vhost-user"
    name.symlink_to(os.path.abspath(PROGRAM))

    def start(*words, **more):
        process = subprocess.Popen([name, *words], env=dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path)), cwd=tmp_path, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        closing(Ended(process))
        return process
    return start


class Ended:
    def __init__(self, process):
        self.process = process

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def is_served(connection):
    """It answers, as a back end for networks does."""
    connection.settimeout(20)
    connection.sendall(struct.pack("=III", GET_FEATURES, VERSION, 0))
    answer = connection.recv(20, socket.MSG_WAITALL)
    request, flags, size, features = struct.unpack("=IIIQ", answer)
    assert (request, flags, size) == (GET_FEATURES, VERSION | REPLY, 8)
    assert features & VERSION_1 and features & PROTOCOL_FEATURES


def ends(process):
    """At SIGTERM, cleanly, and what it had to say it said on standard error."""
    process.send_signal(signal.SIGTERM)
    said, logged = process.communicate(timeout=20)
    assert process.returncode == 0, logged
    assert said == ""
    return logged


def test_capabilities_are_json_whatever_else_is_asked(backend):
    for words in ((), ("--socket-path=/nowhere/at/all", "--frobnicate", "word")):
        process = backend(*words, "--print-capabilities")
        said, logged = process.communicate(timeout=20)
        assert json.loads(said) == {"type": "net", "features": []}
        assert (process.returncode, logged) == (0, "")


def test_it_listens_where_it_is_told_and_is_gone_at_sigterm(backend, tmp_path):
    process = backend("--socket-path=vm,1.sock")
    path = tmp_path / "vm,1.sock"
    eventually(path.exists, what="the socket")
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    is_served(connection)
    assert process.poll() is None
    assert ": joined (pid " in ends(process)
    assert not path.exists()


def test_it_takes_a_socket_that_listens_and_one_that_is_connected(backend, tmp_path):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "listening.sock"))
    listening.listen(4)
    process = backend(f"--fd={listening.fileno()}", pass_fds=[listening.fileno()])
    listening.close()
    for _ in range(2):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(tmp_path / "listening.sock"))
        is_served(connection)
    ends(process)

    ours, theirs = socket.socketpair(socket.AF_UNIX)
    process = backend(f"--fd={theirs.fileno()}", pass_fds=[theirs.fileno()])
    theirs.close()
    is_served(ours)
    ends(process)


def test_what_cannot_be_is_refused_at_once(backend):
    for words in ((), ("--socket-path=a", "--fd=0"), ("--fd=77",), ("--socket-path=/nowhere/at/all",)):
        process = backend(*words)
        said, logged = process.communicate(timeout=20)
        assert process.returncode != 0 and said == ""
        assert logged.startswith("guestwire: ") and len(logged.splitlines()) == 1
