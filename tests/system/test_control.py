# SPDX-License-Identifier: MIT
"""Commands against networks that are not well: that somebody else made, that start, stand still, or end meanwhile. No guests.

    guestwire COMMAND --- control --- guestwire up, or a stand-in that holds the lock of a network and says what a test wants
"""
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from kit import PROGRAM, SANITIZED, eventually, missing
from kit.frames import StreamGuest

NOBODY = 65534


@pytest.fixture
def open_folder():
    """One that every user may look into: pytest's are closed to others."""
    folder = tempfile.mkdtemp(prefix="guestwire-control-")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_what_another_user_made_is_not_believed(open_folder):
    """In /tmp, without a session, anybody may make the folder first: what answers there would be his network."""
    program = shutil.copy(PROGRAM, open_folder + "/program")
    base = os.path.join(open_folder, "guestwire")
    environment = dict(os.environ, XDG_RUNTIME_DIR=open_folder, ASAN_OPTIONS="detect_leaks=0")
    with subprocess.Popen([PROGRAM, "up", "lab"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as liar:
        try:
            eventually(lambda: os.path.exists(base + "/lab/control"))
            for path in (base, base + "/lab", base + "/lab/lock", base + "/lab/control"):
                os.chmod(path, 0o755 if os.path.isdir(path) else 0o666)
            for words in (["ls"], ["show", "lab"], ["args", "qemu", "lab"], ["capture", "lab"], ["forward", "ls"], ["up", "other"]):
                done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, *words], env=environment,
                                      capture_output=True, text=True, timeout=20)
                assert done.returncode == 1 and f"{base}: belongs to user 0, not to us" in done.stderr, (words, done)
                assert not done.stdout
            # root may look at everybody's
            os.chown(base, NOBODY, NOBODY)
            done = subprocess.run([PROGRAM, "ls"], env=environment, capture_output=True, text=True, timeout=20, check=True)
            assert "lab" in done.stdout
            os.chown(base, 0, 0)
        finally:
            liar.terminate()


def test_a_network_whose_folder_was_removed_harms_no_other_of_its_name(wire, tmp_path):
    first = wire()
    shutil.rmtree(first.runtime())
    second = wire()
    assert first.stop() == 0
    assert second.show()["pid"] == second.pid
    StreamGuest(second.runtime("stream")).close()


def test_a_folder_that_may_not_be_looked_into_is_named(open_folder):
    if os.geteuid() != 0:
        missing("root")
    closed = os.path.join(open_folder, "closed")
    os.mkdir(closed, 0o700)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", shutil.copy(PROGRAM, open_folder + "/program"), "ls"],
                          env=dict(os.environ, XDG_RUNTIME_DIR=closed, ASAN_OPTIONS="detect_leaks=0"), capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and f"{closed}/guestwire: Permission denied" in done.stderr, done.stderr
