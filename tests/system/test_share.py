# SPDX-License-Identifier: MIT
"""smb=FOLDER: a folder of this machine for guests.

    smbclient in a namespace, or a box on a tap -- guestwire -- smbd, one for each connection -- a folder

The real smbd and smbclient of the distribution, only unpacked; where it shows more, a script that stands in for smbd."""
import hashlib
import os
import pathlib
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import types

import pytest

from kit import BUILD, eventually, missing, need
from kit.far import CONNECT, WORLD
from kit.namespace import Namespace
from kit.person import Person

SMBCLIENT = ["smbclient", "-s", "/dev/null", "-N"]
# A name that smb.conf(5) would misread.
NAME = 'my "100%" files;'
STAND_IN = """#!/bin/sh
echo "started $*"
exec cat
"""
TALK = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
c.sendall(b"words")
c.shutdown(socket.SHUT_WR)
data = b""
while part := c.recv(65536):
    data += part
print(data.decode())
"""
HOLD = """
import socket, sys, time
c = socket.create_connection(("10.0.2.4", 445), 5)
print("ready", flush=True)
print(len(c.recv(1)), flush=True)
"""


def tool(name, folder):
    """A program that was only unpacked, as a script in `folder` that finds its libraries."""
    program = shutil.which(name, path=f"{BUILD}/peers/usr/sbin:{BUILD}/peers/usr/bin:/usr/sbin:/usr/bin")
    if not program:
        missing(name)
    libraries = f"{BUILD}/peers/usr/lib/{os.uname().machine}-linux-gnu"
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf8") as file:
        file.write(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries}:{libraries}/samba exec {program} "$@"\n')
    os.chmod(path, 0o755)
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        missing(f"a library of {name} ({done.stderr.strip()})")
    return path


def processes(word):
    """The command lines of those that run, and are no zombies, with this word in them."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace")
            if word in words and int(pid) != os.getpid():
                found.append(words.replace("\0", " "))
        except OSError:
            pass
    return found


@pytest.fixture(params=["ordinary", "root"])
def person(closing, request):
    """Somebody with smbd and smbclient in PATH, a folder to give away and a payload. Not nobody, who is Samba's own guest."""
    if os.geteuid() != 0:
        pytest.skip("who is root in a user namespace alone cannot be whom Samba wants")
    made = closing(Person(closing(Namespace()), ordinary=request.param == "ordinary", uid=pwd.getpwnam("games").pw_uid))
    os.mkdir(made.path("bin"), 0o755)
    for name in ("smbd", "smbclient"):
        tool(name, made.path("bin"))
    for name in ("work", NAME):
        os.mkdir(made.path(name), 0o700)
        os.chown(made.path(name), made.uid, made.uid)
    with open(made.path("work/payload"), "wb") as file:
        file.write(os.urandom(6 << 20))
    os.chmod(made.path("work/payload"), 0o644)
    made.environment.update(PATH=f"{made.path('bin')}:{made.environment['PATH']}")
    made.uplink = f"user,smb={made.path(NAME)}"
    return made


def hash_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def test_a_file_goes_there_and_comes_back_and_nothing_stays_behind(person):
    script = f"""
cd {person.path("work")}
{' '.join(SMBCLIENT)} //10.0.2.4/qemu -c 'put payload there; get there back; mkdir inner' >/dev/null
{' '.join(SMBCLIENT)} -p 139 //10.0.2.4/qemu -c 'get there again' >/dev/null
{' '.join(SMBCLIENT)} //10.0.2.4/other -c ls >/dev/null; echo $?
"""
    done = person.guestwire("netns", "--name", "box", "--uplink", person.uplink, "--", "sh", "-c", script, check=True)
    assert done.stdout == "1\n" and "failed" not in done.stderr, done.stderr
    there = os.path.join(person.path(NAME), "there")
    assert hash_of(there) == hash_of(person.path("work/back")) == hash_of(person.path("work/again")) == hash_of(person.path("work/payload"))
    status = os.stat(there)
    assert status.st_uid == person.uid and stat.S_ISDIR(os.stat(os.path.join(person.path(NAME), "inner")).st_mode)
    eventually(lambda: not processes(person.path("run")), 10, what="the servers' end")
    assert not person.left()


def test_two_at_once_see_each_others_files(person):
    script = f"""
cd {person.path("work")}
for i in 1 2; do
    {' '.join(SMBCLIENT)} //10.0.2.4/qemu -c "put payload there$i; get there$i back$i" >/dev/null &
done
wait
{' '.join(SMBCLIENT)} //10.0.2.4/qemu -c "get there1 again" >/dev/null
"""
    person.guestwire("netns", "--uplink", person.uplink, "--", "sh", "-c", script, check=True)
    assert {hash_of(person.path("work/" + name)) for name in ("back1", "back2", "again")} == {hash_of(person.path("work/payload"))}


def test_a_symbolic_link_does_not_lead_out_of_the_folder(person):
    os.symlink("/etc", os.path.join(person.path(NAME), "etc"))
    shutil.copy(person.path("work/payload"), os.path.join(person.path(NAME), "beside"))
    script = f"""
cd {person.path("work")}
{' '.join(SMBCLIENT)} //10.0.2.4/qemu -c 'get beside; get etc/passwd passwd; get beside again'
"""
    person.guestwire("netns", "--uplink", person.uplink, "--", "sh", "-c", script)
    assert not os.path.exists(person.path("work/passwd"))
    assert hash_of(person.path("work/beside")) == hash_of(person.path("work/again")) == hash_of(person.path("work/payload"))


@pytest.mark.asan
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_while_a_guest_is_connected_leaves_nothing(person, end):
    """Killed, it leaves its folder to the next of its name; the servers end by themselves."""
    words = ["netns", "--name", "box", "--uplink", person.uplink, "--"]
    process = person.start(*words, sys.executable, "-c", HOLD, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout.readline() == "ready\n"
        eventually(lambda: processes(person.path("run") + "/guestwire/box/smb"), what="smbd")
        process.send_signal(end)
        process.wait(10)
    finally:
        process.kill()
        process.communicate()
    eventually(lambda: not processes(person.path("run")), 10, what="the servers' end")
    if end == signal.SIGKILL:
        assert person.left()
        person.guestwire(*words, "true", check=True)
    assert not person.left()


# ---- a script in place of smbd ----

@pytest.fixture
def stand_in(monkeypatch, closing):
    """A folder for the network, its path short enough for Samba's sockets, with files to give away, and the script in PATH."""
    made = tempfile.TemporaryDirectory(prefix="guestwire-share-")
    closing(types.SimpleNamespace(close=made.cleanup))
    folder = pathlib.Path(made.name)
    (folder / "files").mkdir()
    (folder / "smbd").write_text(STAND_IN)
    (folder / "smbd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.asan
@pytest.mark.parametrize("options", ["", ",restrict=on", ",smbserver=10.0.2.77", ",smbserver=10.0.2.2,host-loopback=off", ",smbserver=198.51.100.9,restrict=on"])
def test_a_connection_to_the_servers_ports_starts_one(far, stand_in, options):
    far = far(f",smb={stand_in}/files{options}", folder=stand_in)
    address = options.split("smbserver=")[1].split(",")[0] if "smbserver=" in options else "10.0.2.4"
    place = far.lab.runtime("smb")
    far.host.run("ip", "link", "set", "lo", "up")
    for port in (139, 445):
        assert far.python(far.box, TALK, address, port) == f"started -s {place}/smb.conf -l {place}\nwords", far.lab.errors()
    assert far.python(far.box, CONNECT, address, 446).split()[0] in ("ECONNREFUSED", "EACCES", "EHOSTUNREACH", "EPERM")
    if "restrict" in options:
        assert far.python(far.box, CONNECT, WORLD[4], 80).split()[0] in ("EACCES", "EHOSTUNREACH", "EPERM")
    with open(far.lab.out_path, encoding="utf8") as out:
        assert f"guests find {stand_in}/files as \\\\{address}\\qemu, by SMB" in out.read()
    far.lab.stop()
    assert not os.path.exists(place)


@pytest.mark.asan
def test_servers_leave_neither_descriptors_nor_children_behind(far, stand_in):
    far = far(f",smb={stand_in}/files", folder=stand_in)
    far.host.run("ip", "link", "set", "lo", "up")

    def open_now():
        return len(os.listdir(f"/proc/{far.lab.pid}/fd"))

    def children():
        with open(f"/proc/{far.lab.pid}/task/{far.lab.pid}/children", encoding="utf8") as file:
            return file.read().split()
    before = open_now()
    for _ in range(10):
        assert far.python(far.box, TALK, "10.0.2.4", 445).endswith("words")
    eventually(lambda: not children(), 10, what="the servers' end")
    eventually(lambda: open_now() <= before, 10, what="the descriptors' end")


@pytest.mark.asan
def test_a_file_has_the_words_too_and_an_error_in_them_says_where(wire, stand_in):
    file = stand_in / "lab.yaml"
    file.write_text(f"uplink:\n  kind: user\n  smb: {stand_in}/files\n  smbserver: 10.0.2.9\n")
    lab = wire("-f", file, "--guest", f"stream,path={stand_in}/s.sock", folder=stand_in)
    assert os.readlink(lab.runtime("smb", "folder")) == f"{stand_in}/files"
    lab.stop()
    file.write_text(f"uplink:\n  kind: user\n  smb: {stand_in}/none\n")
    lab = wire("-f", file, check=False, name="u", folder=stand_in)
    assert lab.process.wait(10) == 1
    assert lab.errors() == f"guestwire: {file}:2:3: smb={stand_in}/none: No such file or directory; name a folder that can be read\n"
    assert not os.path.exists(lab.runtime())


@pytest.mark.asan
def test_without_smbd_one_line_names_the_package(wire, tmp_path, monkeypatch):
    if os.path.exists("/usr/sbin/smbd"):
        pytest.skip("smbd is installed")
    monkeypatch.setenv("PATH", "/bin")
    lab = wire("--uplink", f"user,smb={tmp_path}", check=False)
    assert lab.process.wait(10) == 1
    assert lab.errors() == (f"guestwire: smb={tmp_path}: there is no smbd in PATH or /usr/sbin; install the package samba "
                            "(its own service need not run)\n")
    assert not os.path.exists(lab.runtime())


def test_qemu_takes_the_same_words(wire, stand_in):
    """As far as the words go: it starts no smbd before a guest asks."""
    need("qemu-system-x86_64")
    for number, words in enumerate((f"smb={stand_in}/files", f"smb={stand_in}/files,smbserver=10.0.2.9,restrict=on")):
        lab = wire("--uplink", f"user,id=n,{words}", "--guest", f"stream,path={stand_in}/{number}.sock", name=f"q{number}", folder=stand_in)
        assert lab.stop() == 0
        done = subprocess.run(["qemu-system-x86_64", "-machine", "none", "-display", "none", "-serial", "none", "-monitor", "stdio",
                               "-netdev", f"user,id=n,{words}"], input="quit\n", capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0 or "install it" in done.stderr, done.stderr
