# SPDX-License-Identifier: MIT
"""Commands against networks that are not well: that somebody else made, that start, stand still, or end meanwhile. No guests.

    guestwire COMMAND --- control --- guestwire up, or a stand-in that holds the lock of a network and says what a test wants
"""
import concurrent.futures
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import pytest

from kit import PROGRAM, eventually, missing, need
from kit.frames import StreamGuest

NOBODY = 65534


@pytest.fixture
def open_folder():
    """One that every user may look into: pytest's are closed to others."""
    folder = tempfile.mkdtemp(prefix="guestwire-control-")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


class StandIn:
    """Holds a network's lock, as if this process served it."""

    def __init__(self, folder, name="t"):
        self.folder = os.path.join(folder, "guestwire", name)
        os.makedirs(self.folder, mode=0o700)
        os.chmod(os.path.dirname(self.folder), 0o700)
        self.lock = open(os.path.join(self.folder, "lock"), "w", encoding="ascii")
        fcntl.lockf(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.listener = None

    def listen(self, answer=b"", after=0.0):
        """From now on whoever asks is told this, so many seconds later; nothing when it is empty."""
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(os.path.join(self.folder, "control"))
        self.listener.listen()
        threading.Thread(target=self._serve, args=[answer, after], daemon=True).start()

    def _serve(self, answer, after):
        kept = []
        with contextlib.suppress(OSError):
            while True:
                kept.append(self.listener.accept()[0])
                kept[-1].recv(65536)
                time.sleep(after)
                kept[-1].sendall(answer)
        for one in kept:
            one.close()

    def close(self):
        self.lock.close()
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()


@pytest.fixture
def guestwire(tmp_path):
    """guestwire("ls") runs the command in this test's runtime folder and gives what came of it, with its seconds."""
    def run(*words, before=(), timeout=30):
        began = time.monotonic()
        done = subprocess.run([*before, PROGRAM, *map(str, words)], env=dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path)), capture_output=True,
                              text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        done.seconds = time.monotonic() - began
        return done
    return run


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


def test_a_pid_file_that_another_network_has_by_now_is_left_to_it(guestwire, tmp_path):
    for name in ("a", "b"):
        assert guestwire("up", name, "-d", "--pidfile", tmp_path / "p").returncode == 0
    second = (tmp_path / "p").read_text()
    assert guestwire("down", "a").returncode == 0
    assert (tmp_path / "p").read_text() == second
    assert guestwire("down", "b").returncode == 0
    assert not (tmp_path / "p").exists()


def test_a_pid_file_without_room_leaves_nothing_behind(guestwire, tmp_path):
    done = guestwire("up", "t", "--pidfile", tmp_path / "p", before=["sh", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$@"', "sh"])
    assert done.returncode == 1 and f"pid file {tmp_path}/p: File too large" in done.stderr, done.stderr
    assert os.listdir(tmp_path) == []


def test_a_log_that_is_as_long_as_it_may_be_ends_no_network(guestwire, tmp_path):
    """By the limit of a file's size, whose signal ends whoever does not expect it."""
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh"]
    assert guestwire("up", "t", "-d", "-v", "--log-file", tmp_path / "log", before=limited).returncode == 0
    for _ in range(30):
        assert guestwire("show", "t").returncode == 0
    assert 400 < os.stat(tmp_path / "log").st_size <= 1024
    assert guestwire("down", "t").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a file of groups of one's own needs root")
def test_a_group_of_thousands_is_found(guestwire, tmp_path):
    (tmp_path / "group").write_text("root:x:0:\nwheel:x:4321:" + ",".join(f"member{i}" for i in range(20000)) + "\n")
    script = 'mount --bind "$0" /etc/group && exec "$@"'
    done = guestwire("up", "t", "-d", "--guest", f"stream,path={tmp_path}/s,group=wheel,mode=0660",
                     before=["unshare", "-m", "--propagation", "private", "sh", "-c", script, tmp_path / "group"])
    assert done.returncode == 0, done.stderr
    assert os.stat(tmp_path / "s").st_gid == 4321
    assert guestwire("down", "t").returncode == 0


def test_a_folder_that_may_not_be_looked_into_is_named(open_folder):
    if os.geteuid() != 0:
        missing("root")
    closed = os.path.join(open_folder, "closed")
    os.mkdir(closed, 0o700)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", shutil.copy(PROGRAM, open_folder + "/program"), "ls"],
                          env=dict(os.environ, XDG_RUNTIME_DIR=closed, ASAN_OPTIONS="detect_leaks=0"), capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and f"{closed}/guestwire: Permission denied" in done.stderr, done.stderr


def test_who_asks_while_a_network_starts_waits_for_its_socket(guestwire, tmp_path, closing):
    """The lock is there before the network can be used."""
    starting = closing(StandIn(tmp_path))
    timer = threading.Timer(0.7, starting.listen, [b'{"ok":true,"name":"t","pid":1,"guests":[]}\n'])
    timer.start()
    done = guestwire("show", "t")
    timer.join()
    assert done.returncode == 0 and "network t" in done.stdout and done.seconds >= 0.6, done
    assert guestwire("ls").stdout.count("\n") == 2


def test_a_network_whose_socket_was_removed_is_told_in_bounded_time(guestwire, tmp_path, closing):
    closing(StandIn(tmp_path))
    done = guestwire("show", "t")
    assert done.returncode == 1 and f"network t (pid {os.getpid()}) has no socket" in done.stderr and 4 < done.seconds < 8, done


def test_a_network_that_ends_meanwhile_is_told_at_once(guestwire, tmp_path, closing):
    ending = closing(StandIn(tmp_path))
    timer = threading.Timer(0.5, ending.close)
    timer.start()
    done = guestwire("show", "t")
    timer.join()
    assert done.returncode == 1 and "network t ended just now" in done.stderr and done.seconds < 3, done


def test_a_network_that_says_nothing_is_given_up_in_bounded_time(guestwire, tmp_path, closing):
    silent = closing(StandIn(tmp_path))
    silent.listen()
    commands = (["show"], ["flows"], ["forward", "ls"], ["capture"], ["guest", "rm", "t", "x"])
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = list(pool.map(lambda words: guestwire(*words), commands))
    for done in asked:
        assert done.returncode == 1 and f"network t (pid {os.getpid()}) does not answer; `kill -9 {os.getpid()}` ends it" in done.stderr, done
        assert 4 < done.seconds < 8 and not done.stdout


def test_fifty_that_stand_still_are_listed_in_two_seconds(guestwire, wire, tmp_path, closing):
    lab = wire()
    silent = [closing(StandIn(tmp_path, f"n{i}")) for i in range(50)]
    for one in silent[::2]:
        one.listen()  # the others have no socket yet
    done = guestwire("ls")
    assert done.returncode == 0 and done.stdout.count("does not answer") == 50, done.stdout
    assert done.stdout.split("\n")[-2].split()[:3] == ["t", str(lab.pid), "user"], done.stdout
    assert done.seconds < 4


def test_what_says_nonsense_is_no_mistake_of_who_asked(guestwire, tmp_path, closing):
    """Exit status 2 is for words that are wrong."""
    for i, (answer, said) in enumerate(((b"hello\n", "network n0 gave nonsense"), (b"{}\n", "network n1 gave nonsense"),
                                        (b'{"ok":false}\n', "failed, without a reason"), (b"[" * 2000 + b"\n", "network n3 gave nonsense"))):
        closing(StandIn(tmp_path, f"n{i}")).listen(answer)
        done = guestwire("show", f"n{i}")
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and said in done.stderr, (answer, done)


@pytest.mark.skipif(os.geteuid() != 0, reason="a pid namespace needs root")
def test_a_process_without_a_number_here_is_no_reason_to_end_all(guestwire, wire, tmp_path):
    """In a container that shares the runtime folder the process behind a network has no number; `kill -9 -1` means everybody."""
    lab = wire()
    inside = ["unshare", "--pid", "--fork", "--kill-child"]
    listed = guestwire("ls", before=inside)
    assert "-1" not in listed.stdout and listed.stdout.split("\n")[1].split()[:2] == ["t", "-"], listed.stdout
    again = guestwire("up", "t", before=inside)
    assert again.returncode == 1 and "network t is running already (in another pid namespace)" in again.stderr, again.stderr
    lab.process.send_signal(signal.SIGSTOP)
    try:
        done = guestwire("show", "t", before=inside)
        quiet = json.loads(guestwire("ls", "--json", before=inside).stdout)
    finally:
        lab.process.send_signal(signal.SIGCONT)
    assert done.returncode == 1 and "does not answer" in done.stderr and "kill" not in done.stderr, done.stderr
    assert quiet == [{"name": "t", "pid": None}]


def test_wait_without_patience_tells_what_is_so(guestwire, tmp_path, closing):
    """On a busy machine even an answer that is there takes a moment."""
    closing(StandIn(tmp_path)).listen(b'{"ok":true,"guest":{"name":"vm1","addresses":["10.0.2.15"]}}\n', after=0.1)
    done = guestwire("wait", "t", "vm1", "--timeout", "0")
    assert done.returncode == 0 and done.stdout == "10.0.2.15\n", done
    closing(StandIn(tmp_path, "silent")).listen()
    done = guestwire("wait", "silent", "vm1", "--timeout", "0")
    assert done.returncode == 1 and "no guest vm1 on network silent" in done.stderr and done.seconds < 2


@contextlib.contextmanager
def capture(lab, *words, **more):
    """One that is at work: the network logs what it is asked."""
    asked = lab.errors().count("control: capture")
    with subprocess.Popen([PROGRAM, "capture", "t", *map(str, words)], env=lab.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          **more) as process:
        try:
            eventually(lambda: lab.errors().count("control: capture") > asked, what="the capture")
            time.sleep(0.2)
            yield process
        finally:
            process.kill()


def test_a_capture_ends_when_nobody_reads_it_although_nothing_happens(wire):
    """On a quiet network there is no next frame whose write would tell."""
    lab = wire("-v")
    for words in (["-w", "-"], []):
        reader, writer = os.pipe()
        with capture(lab, *words, stdout=writer) as process:
            os.close(writer)
            assert process.poll() is None
            os.close(reader)
            said = process.communicate(timeout=5)[1]
        assert process.returncode == 0 and said == "guestwire: 0 frames captured\n", said


def test_a_capture_says_that_its_network_has_ended_and_its_file_is_whole(wire, tmp_path, closing):
    need("tshark")
    lab = wire("-v")
    guest = closing(StreamGuest(lab.runtime("stream")))
    with capture(lab, "-w", tmp_path / "c.pcapng", "-g", "stream", "ether", "proto", "0x88b5") as process:
        guest.hello()
        time.sleep(0.2)
        assert lab.command("down", "t").returncode == 0
        said = process.communicate(timeout=5)[1]
    assert process.returncode == 0 and said == "guestwire: network t has ended\nguestwire: 1 frame captured\n", said
    # the statistics of each interface stand at the end: block type 5
    blocks, at, data = [], 0, (tmp_path / "c.pcapng").read_bytes()
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        blocks.append(kind)
        at += length
    assert at == len(data) and blocks.count(5) == blocks.count(1) and blocks[-1] == 5, blocks
    assert subprocess.run(["tshark", "-r", tmp_path / "c.pcapng"], capture_output=True, text=True, check=True).stdout.count("\n") == 1


def test_a_capture_that_finds_no_room_on_its_disk_fails(wire, closing):
    lab = wire("-v")
    guest = closing(StreamGuest(lab.runtime("stream")))
    with capture(lab, "-w", "/dev/full") as process:
        guest.hello()
        said = process.communicate(timeout=5)[1]
    assert process.returncode == 1 and "/dev/full: No space left" in said, said
