# SPDX-License-Identifier: MIT
"""The command as a person uses it, and the mistakes a person makes: one clear line each, nothing left behind."""
import fcntl
import json
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import termios
import time

import pytest

from kit import PROGRAM, SANITIZED, eventually, need
from kit.frames import BROADCAST, StreamGuest, ethernet, mac_text
from kit.wire import Wire

pytestmark = pytest.mark.asan


@pytest.fixture
def guestwire(tmp_path):
    """guestwire("ls") runs the command in this test's runtime folder."""
    def run(*words, timeout=20, **more):
        environment = dict(os.environ, **{"XDG_RUNTIME_DIR": str(tmp_path), **more.pop("environment", {})})
        return subprocess.run([PROGRAM, *map(str, words)], env=environment, capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, **more)
    return run


def left_behind(folder):
    """Sockets, locks and folders of guestwire under the folder."""
    return sorted(os.path.join(where, name) for where, folders, names in os.walk(folder) for name in folders + names
                  if not name.endswith((".err", ".out")) and name != "guestwire")


# the words, the exit status, what the line must say
MISTAKES = [
    (["up", "t", "--frobnicate"], 2, r"frobnicate.*guestwire help up"),
    (["up", "t", "--uplink", "none,mtuu=1500"], 2, r"mtuu.*mtu"),
    (["up", "t", "--uplink", "none,mtu=huge"], 2, r"mtu=huge"),
    (["up", "t", "--uplink", "none,net=10.0.2.0/99"], 2, r"net=10\.0\.2\.0/99"),
    (["up", "t", "--uplink", "none,host=192.168.1.1"], 2, r"host=192\.168\.1\.1.*10\.0\.2\.1 to"),
    (["up", "t", "--uplink", "carrier-pigeon"], 2, r"carrier-pigeon.*none"),
    (["up", "t", "--uplink", "bridged"], 1, r"bridged.*user.*none"),
    (["up", "t", "--guest", "teletype,path=x"], 2, r"teletype.*stream"),
    (["up", "t", "--guest", "stream"], 2, r"stream.*path="),
    (["up", "t", "--guest", "stream,path=/nonexistent/x.sock"], 1, r"/nonexistent.*(No such|not exist)"),
    (["up", "t", "--guest", "stream,path=x.sock,colour=red"], 2, r"colour.*path"),
    (["up", "t", "--guest", "stream,path=x.sock,mac=12:34"], 2, r"mac=12:34"),
    (["up", "t", "--guest", "stream,path=x.sock,mode=999"], 2, r"mode=999"),
    (["up", "t", "--guest", "stream,path=x.sock,group=nosuchgroup"], 2, r"nosuchgroup"),
    (["up", "t", "--guest", "stream,path=" + "x" * 200], 2, r"107 bytes at most"),
    (["up", "t", "--guest", "tap,ifname=averyverylongname0"], 2, r"averyverylongname0.*15"),
    (["up", "t", "--dhcp-host", "nonsense"], 2, r"nonsense"),
    (["up", "t", "--dhcp-host", "52:54:00:00:00:01,1.2.3.4"], 2, r"1\.2\.3\.4.*10\.0\.2\.1 to"),
    (["up", "a/b"], 2, r"a/b"),
    (["up", "-f", "/nonexistent.yaml"], 1, r"/nonexistent\.yaml"),
    (["show", "nothere"], 1, r"nothere"),
    (["down"], 1, r"no network"),
    (["wait", "nothere", "vm1"], 1, r"nothere"),
    (["frobnicate"], 2, r"frobnicate.*guestwire help"),
    (["frob\x1b[31m\u009bnicate"], 2, r"frob\?\[31m\?\?nicate"),
    ([], 2, r"guestwire help"),
    (["up", "t", "-f", "a.yaml", "-f", "b.yaml"], 2, r"--file twice: a\.yaml and b\.yaml"),
    (["up", "a", "b"], 2, r"NAME twice: a and b"),
    (["up", "x" * 33], 2, r"32"),
    (["up", "t", "--guest", "stream,path=x.sock", "--guest", "stream,path=x.sock"], 1, r"x\.sock: is served already, by this process; choose another"),
    (["up", "t", "--dhcp-host", "52:54:00:00:00:01,10.0.2.2"], 2, r"10\.0\.2\.2 is the gateway's own address"),
    (["up", "t", "--dhcp-host", "52:54:00:00:00:01,[fd00::2]"], 2, r"fd00::2 is the gateway's own address"),
    (["up", "t", "--pidfile", "/nonexistent/p"], 1, r"pid file /nonexistent/p"),
    (["up", "t", "--log-file", "/nonexistent/l"], 1, r"log file /nonexistent/l"),
    (["up", "t", "--log-file", "log", "--guest", "stream,path=/nonexistent/x"], 1, r"/nonexistent"),
    (["up", "t", "-p", f"unix:/tmp/{'x' * 120}-:80"], 2, r"1 to 107 bytes"),
    (["up", "a.b"], 2, r"network name a\.b: letters"),
    (["up", "t", "--state-dir", "/nonexistent"], 1, r"/nonexistent.*make it first"),
    (["show", "a", "b"], 2, r"one network at a time, not a and b"),
    (["down", "a", "b"], 2, r"one network at a time, not a and b"),
    (["ls", "a"], 2, r"guestwire show a"),
    (["wait"], 2, r"which guest"),
    (["wait", "a", "b", "c"], 2, r"c is one too many"),
    (["wait", "a", "--timeout", "soon"], 2, r"--timeout soon.*seconds"),
    (["wait", "a", "--for", "moon"], 2, r"moon.*lease, connected"),
    (["wait", "a:ssh"], 2, r"a:ssh: 'ssh' is no port"),
    (["wait", "a:22", "--for", "lease"], 2, r"--for is of a guest alone.*a:22"),
    (["flows", "a", "b"], 2, r"one network at a time, not a and b"),
    (["flows", "nothere"], 1, r"no network nothere runs"),
    (["forward"], 2, r"add \[NAME\] SPEC, ls \[NAME\], or rm"),
    (["forward", "add"], 2, r"add \[NAME\] SPEC"),
    (["forward", "frobnicate", "t"], 2, r"unknown word frobnicate: add, ls or rm"),
    (["forward", "ls", "a", "b"], 2, r"ls \[NAME\]"),
    (["forward", "rm", "a", "b", "c"], 2, r"c is one word too many"),
    (["forward", "rm", "99999999999"], 2, r"99999999999 is no number of a forward"),
    (["forward", "rm", "x"], 2, r"forward rm x: neither the number of a forward nor its words; guestwire forward ls"),
    (["forward", "add", "vm1:22"], 2, r"forward vm1:22: vm1 is no port of this machine; HOST:GUEST:PORT"),
    (["up", "t", "-p", "localhost:2222:22"], 2, r"-p localhost:2222:22: localhost is neither a port nor an address"),
    (["up", "t", "-p", "2222:22/sctp"], 2, r"sctp: tcp or udp would do"),
    (["up", "t", "-p"], 2, r"-p needs a value"),
    (["up", "t", "-p", "127.0.0.1:2222:22", "--uplink", "none"], 1, r"tcp:127\.0\.0\.1:2222-:22.*uplink=user"),
    (["up", "t", "-p", "203.0.113.9:2222:22"], 1, r"203\.0\.113\.9"),
    (["guest"], 2, r"add KIND,…, or rm GUEST"),
    (["guest", "add"], 2, r"add KIND,…, or rm GUEST"),
    (["guest", "rm", "a", "b", "c"], 2, r"c is one word too many"),
    (["guest", "add", "stream,path=x.sock", "lab"], 2, r"guest add lab stream,path=x\.sock"),
    (["capture", "--count", "0"], 2, r"--count 0.*from 1"),
    (["capture", "--seconds", "0"], 2, r"--seconds 0: must be seconds, 0\.001 to"),
    (["capture", "--seconds", "1e3"], 2, r"--seconds 1e3: must be seconds"),
    (["help", "up", "down"], 2, r"not up and down"),
    (["help", "frobnicate"], 2, r"frobnicate.*guestwire help"),
    (["guest", "frobnicate", "t"], 2, r"frobnicate"),
    (["sho"], 2, r"unknown command sho; did you mean show\?"),
    (["help", "fwd"], 2, r"unknown command fwd; guestwire help"),
    (["up", "t", "--uplnk", "user"], 2, r"--uplnk; did you mean --uplink\?"),
    (["up", "t", "--uplink", "user,nett=10.1.0.0/24"], 2, r"'nett'; did you mean net=\?"),
    (["up", "t", "--uplink", "user,frobnicate=on"], 2, r"'frobnicate'; user takes .*bootfile, mac$"),
    (["up", "t", "--guest", "stream,pth=x.sock"], 2, r"'pth'; did you mean path=\?"),
    (["up", "t", "--guest", "stream,mode=0600"], 2, r"give one of its addresses: path="),
    (["up", "t", "--guest", "stream,tcp=203.0.113.9:4000"], 1, r"203\.0\.113\.9:4000.*one of this machine's"),
    (["up", "t", "--dhcp-host", "52:54:00:00:00:01,10.0.2.20,a_b"], 2, r"'a_b' is no host name: letters, digits and '-'"),
    (["up", "t", "--guest", "stream,id=n0,path=x.sock,path=/nonexistent/y"], 1, r"/nonexistent/y"),
    (["up", "t", "--guest", "user,id=n0"], 2, r"user: is an uplink, as in --uplink user; the kinds of guests are stream, "),
    (["up", "t", "--guest", "socket,listen=:1234"], 2, r"socket: is stream here: stream,tcp="),
    (["up", "t", "--uplink", "bridge,br=br0"], 1, r"uplink=bridge: not available in this version, user and none are"),
    (["-d", "up"], 2, r"unknown command -d; the command stands first: guestwire up -d"),
    (["lab", "show", "--json"], 2, r"unknown command lab; the command stands first: guestwire show lab"),
    (["start"], 2, r"unknown command start; did you mean up\?"),
    (["drops"], 2, r"unknown command drops; did you mean help drops\?"),
    (["up", "stream,path=x.sock"], 2, r"network name stream,path=x\.sock: .*with --uplink or --guest before them"),
    (["up", "t", "--uplink", "vhost-user,path=x.sock"], 2, r"uplink=vhost-user: is a kind of guest, as in --guest vhost-user"),
    (["up", "t", "--guest", "stream,path=~/x.sock"], 2, r"~/x\.sock: a shell replaces ~ only where a word begins; write /.*/x\.sock, or \./~/x\.sock"),
    (["up", "t", "--log-file=~/log"], 2, r"~/log: a shell replaces ~ only"),
    (["run", "--uplink", "user,tftp=~/boot", "--", "true", "{stream}"], 2, r"~/boot: a shell replaces ~ only"),
    (["backend", "--socket-path", "x", "--uplink", "user,tftp=~/boot"], 2, r"~/boot: a shell replaces ~ only"),
    (["netns", "--attach", "/proc/self/fd"], 2, r"--attach /proc/self/fd: is no namespace; give a process's number"),
    (["up", "t", "--guest", "dgram,path=x.sock,remote.type=inet"], 2, r"remote\.type=inet: unix alone; over IP"),
    (["up", "t", "--guest", "tap,script=/etc/qemu-ifup"], 2, r"tap,script=/etc/qemu-ifup: no script is run here; give script=no"),
    (["up", "t", "--guest", "stream,path=/dev/null/x"], 1, r"/dev/null/x: cannot make a socket there: Not a directory"),
    (["up", "-f", "/nonexistent.yaml"], 1, r"No such file.*; give a configuration that can be read"),
    (["args", "qmu"], 2, r"unknown hypervisor qmu: qemu, cloud"),
]


@pytest.mark.parametrize("words,status,pattern", MISTAKES, ids=[" ".join(row[0])[:60] for row in MISTAKES])
def test_each_mistake_gets_one_clear_line(guestwire, tmp_path, words, status, pattern):
    done = guestwire(*words, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("guestwire: "), done.stderr
    assert re.search(pattern, lines[0]), done.stderr
    assert left_behind(tmp_path) == []


def test_a_runtime_folder_that_is_not_there_is_named(guestwire, tmp_path):
    done = guestwire("up", "t", environment={"XDG_RUNTIME_DIR": str(tmp_path / "gone")})
    assert done.returncode == 1 and re.fullmatch(r"guestwire: .*/gone/guestwire: the folder above it is not there; .*XDG_RUNTIME_DIR.*\n", done.stderr)
    assert left_behind(tmp_path) == []


def test_with_two_networks_a_name_must_be_given(wire, guestwire, tmp_path, closing):
    wire()
    closing(Wire(tmp_path, name="other"))
    for words in (["show"], ["down"], ["wait", "vm1"], ["capture"], ["guest", "rm", "stream"], ["guest", "add", "stream,path=x.sock"]):
        done = guestwire(*words)
        assert done.returncode == 2 and re.search(r"2 networks run \(other, t\): say which", done.stderr), done.stderr
    assert {network["name"] for network in json.loads(guestwire("ls", "--json").stdout)} == {"other", "t"}


def test_mistakes_against_a_running_network(wire, guestwire, tmp_path):
    lab = wire()
    for words, status, pattern in (
            (["guest", "add", f"stream,path={lab.runtime('stream')}"], 1, r"is served already"),
            (["guest", "rm", "gateway"], 1, r"no guest gateway; there are: stream, dgram, seqpacket, vhost-user"),
            (["wait", "nobody", "--timeout", "0"], 1, r"no guest nobody on network t.*guestwire show t"),
            (["capture", "-g", "nobody"], 1, r"no guest nobody; there are: stream, dgram, seqpacket, vhost-user"),
            (["capture", "-w", "/nonexistent/x"], 1, r"cannot write /nonexistent/x"),
            (["capture", "-s", "0.2", "-w", "/dev/full"], 1, r"/dev/full: No space"),
            (["show", "other"], 1, r"no network other runs; guestwire ls")):
        done = guestwire(*words)
        lines = [line for line in done.stderr.splitlines() if not line.endswith("frames captured")]
        assert done.returncode == status and len(lines) == 1 and re.search(pattern, lines[0]), done.stderr
    assert lab.show()["guests"] and not os.path.exists("/nonexistent")


def test_a_filter_that_is_none_is_refused_and_so_is_a_network_that_does_not_run(wire, guestwire):
    wire()
    done = guestwire("capture", "port", "(")
    if "libpcap" in done.stderr:
        pytest.skip("needs libpcap")
    assert done.returncode == 2 and re.fullmatch(r"guestwire: filter port \(: .*\n", done.stderr), done.stderr
    done = guestwire("capture", "nolab")
    assert done.returncode == 2 and "nor does a network nolab run" in done.stderr, done.stderr


def test_a_capture_without_a_frame_is_a_file_that_tcpdump_opens(wire, guestwire, tmp_path):
    need("tcpdump")
    wire()
    assert guestwire("capture", "-s", "0.2", "-w", tmp_path / "c").returncode == 0
    done = subprocess.run(["tcpdump", "-n", "-r", tmp_path / "c"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0 and not done.stdout, done.stderr


def test_a_capture_that_is_refused_leaves_the_file_of_before(wire, guestwire, tmp_path):
    wire()
    (tmp_path / "c").write_text("kept")
    done = guestwire("capture", "-g", "nobody", "-w", tmp_path / "c")
    assert done.returncode == 1 and "no guest nobody" in done.stderr
    assert (tmp_path / "c").read_text() == "kept"
    assert guestwire("capture", "-g", "nobody", "-w", tmp_path / "d").returncode == 1
    assert not (tmp_path / "d").exists()


def test_output_that_cannot_be_written_is_an_error_and_a_reader_that_has_enough_is_none(wire):
    lab = wire()
    for words in (["show"], ["show", "--json"], ["ls"], ["ls", "--json"], ["help"], ["help", "drops"], ["--version"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([PROGRAM, *words], env=lab.environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=10)
        assert done.returncode == 1 and "standard output: No space" in done.stderr, (words, done.stderr)
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([PROGRAM, *words], env=lab.environment, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=10)
        os.close(writer)
        assert done.returncode == 0 and not done.stderr, (words, done.stderr)


def test_what_was_made_but_could_not_be_told_stands_and_is_no_failure(wire, tmp_path):
    lab = wire()
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([PROGRAM, "guest", "add", f"stream,name=extra,path={tmp_path}/x.sock"], env=lab.environment, stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=10)
    assert done.returncode == 0 and "standard output: No space" in done.stderr and "guestwire show says" in done.stderr, done.stderr
    assert "extra" in [guest["name"] for guest in lab.show()["guests"]]


def test_qemus_words_for_a_guest_are_taken_as_they_are(wire, namespace):
    """As `-netdev stream` and `-netdev tap` have them."""
    space = namespace()
    lab = wire("--guest", "tap,id=n0,ifname=tap7,script=no,downscript=no,netns=" + space.path)
    assert [guest["address"] for guest in lab.show()["guests"]] == ["tap7"]
    socket_path = lab.runtime("q")
    lab.command("guest", "add", f"stream,id=n1,server=on,addr.type=unix,addr.path={socket_path},reconnect-ms=1000,name=q")
    StreamGuest(socket_path).close()
    lab.command("guest", "add", f"stream,id=n2,server=off,addr.type=unix,addr.path={lab.runtime('nobody')},reconnect=1")
    eventually(lambda: "nobody: No such file or directory; trying again and again (to listen there oneself it is path=, or server=on)" in lab.errors(),
               5, what="the line that says so")


def crowd(path):
    """As many connections to the socket as its queue takes."""
    crowd = []
    while True:
        crowd.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        try:
            crowd[-1].connect(path)
        except BlockingIOError:
            return crowd


def test_a_network_that_does_not_answer_is_told_and_holds_up_no_other(wire, tmp_path, closing):
    lab = wire()
    stuck = [closing(Wire(tmp_path, name=name)) for name in ("a", "b", "z")]
    for one in stuck:
        one.process.send_signal(signal.SIGSTOP)
    # those whom two of them did not answer either
    others = [other for one in stuck[:2] for other in crowd(str(tmp_path / "guestwire" / one.name / "control"))]
    try:
        shows = [subprocess.Popen([PROGRAM, "show", one.name], env=lab.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                 for one in stuck[1:]]
        began = time.monotonic()
        listed, lines = json.loads(lab.command("ls", "--json").stdout), lab.command("ls").stdout
        seconds = time.monotonic() - began
        said = [show.communicate(timeout=3)[0] for show in shows]
    finally:
        for other in others:
            other.close()
        for one in stuck:
            one.process.send_signal(signal.SIGCONT)
    assert [(one["name"], "uplink" in one) for one in listed] == [("a", False), ("b", False), ("t", True), ("z", False)]
    assert all(re.search(rf"{one.name} +{one.pid} +is stopped", lines) for one in stuck), lines
    assert seconds < 5
    for one, text in zip(stuck[1:], said):
        assert f"network {one.name} (pid {one.pid}) is stopped; `kill -CONT {one.pid}` lets it go on" in text, said


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_descriptors_are_never_sockets(guestwire, tmp_path, closed):
    environment = dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path))
    subprocess.run(["sh", "-c", f'"$0" up t -d --pidfile "$1" {closed}', PROGRAM, tmp_path / "p"], env=environment, timeout=20, check=True)
    pid = int((tmp_path / "p").read_text())
    assert [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)] == ["/dev/null"] * 3
    assert guestwire("down", "t").returncode == 0


def test_up_ends_with_its_terminal(tmp_path):
    main, side = os.openpty()
    process = subprocess.Popen([PROGRAM, "up", "t"], env=dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path)), stdin=side, stdout=side, stderr=side,
                               start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(side)
    try:
        eventually(lambda: os.path.exists(tmp_path / "guestwire/t/control"))
        os.close(main)
        assert process.wait(5) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert left_behind(tmp_path) == []


def test_names_from_a_guest_move_no_cursor(wire, tmp_path, closing):
    """A DHCP host name is checked as it comes in; the path that a datagram guest bound is shown as it is."""
    lab = wire()
    guest = closing(StreamGuest(lab.runtime("stream")))
    guest.dhcp(name=b"a\x1b[2Jb\xff\xc2\x9b31m")
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    closing(peer)
    peer.bind(os.fsencode(tmp_path) + b"/e\x1b[2J\xc2\x9b\xff")
    peer.connect(lab.runtime("dgram"))
    peer.send(ethernet(BROADCAST, b"\x52\x54\0\0\x77\x01", 0x88b5, b"hello" * 10))
    eventually(lambda: any(port["kind"] == "dgram" for port in lab.show()["ports"]))
    for words in (["show", "t"], ["show", "t", "--json"], ["ls", "--json"], ["wait", "t", mac_text(guest.mac), "--json"]):
        raw = subprocess.run([PROGRAM, *words], env=lab.environment, capture_output=True, timeout=10, check=True).stdout
        text = raw.decode("utf8")
        assert not [c for c in text if c != "\n" and (ord(c) < 32 or 0x7f <= ord(c) < 0xa0)], text
        if "--json" in words:
            assert raw.isascii() and json.loads(raw)
    with open(lab.error_path, "rb") as file:
        log = file.read()
    assert b"/e?[2J???" in log and b"\x1b" not in log and b"\xc2\x9b" not in log, log


def test_help_drops_lists_every_reason_of_the_header(guestwire):
    header = os.path.join(os.path.dirname(__file__), "../../src/base/drop.h")
    reasons = re.findall(r'^\tX\([A-Z0-9_]+, +"([a-z0-9-]+)"', open(header, encoding="utf8").read(), re.M)
    listed = [line.split()[0] for line in guestwire("help", "drops").stdout.splitlines() if line.startswith("  ")]
    assert len(reasons) > 50 and listed == reasons


def test_up_prints_a_line_to_paste_for_each_hypervisor(wire):
    lab = wire()
    text = eventually(lambda: (lambda text: text if "vhost-user" in text else None)(open(lab.out_path, encoding="utf8").read()))
    for words in ("-netdev stream,", "-netdev dgram,", "transport=bess", "unixSocketPath", lab.runtime("stream"), lab.runtime("dgram")):
        assert words in text, text


def test_up_says_how_far_its_guests_reach(wire):
    for options, said, uplink in (
            ([], "guests reach the world, and this machine's own 127.0.0.1 as 10.0.2.2", "user"),
            (["--uplink", "user,ipv4=off"], "guests reach the world, and this machine's own ::1 as fd00::2", "user"),
            (["--uplink", "user,host-loopback=off"], "guests reach the world\n", "user"),
            (["--uplink", "user,restrict=on"], "and the gateway alone (restrict=on)", "user"),
            (["--uplink", "none"], "and the gateway alone; --uplink user", "none")):
        lab = wire(*options)
        text = eventually(lambda: (lambda text: text if "guests reach" in text else None)(open(lab.out_path, encoding="utf8").read()))
        assert said in text, text
        network = lab.show()
        assert network["uplink"] == uplink and network["host_loopback"] == ("own" in said) and network["restricted"] == ("restrict" in said)
        lab.stop()


def test_up_json_says_where_everything_is(tmp_path, wire):
    lab = wire("--guest", "stream,tcp=0", "--guest", f"dgram,path={tmp_path}/d.sock", "--json")
    said = json.loads(open(lab.out_path, encoding="utf8").readline())
    kinds = {guest["kind"]: guest for guest in said["guests"]}
    assert kinds["dgram"]["path"] == f"{tmp_path}/d.sock"
    host, port = kinds["stream"]["address"].rsplit(":", 1)
    assert host == "127.0.0.1" and int(port) > 0
    guest = StreamGuest(address=(host, int(port)))
    guest.dhcp()
    guest.close()


def test_sigterm_ends_it_within_a_second_and_removes_everything(wire, tmp_path):
    lab = wire()
    began = time.monotonic()
    assert lab.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < 1
    assert left_behind(tmp_path) == []


def test_what_a_killed_one_left_is_cleared_by_the_next(wire, tmp_path):
    lab = wire()
    lab.stop(signal.SIGKILL)
    assert os.path.exists(lab.runtime("stream"))
    again = wire()
    guest = StreamGuest(again.runtime("stream"))
    guest.dhcp()
    guest.close()


def test_the_same_name_twice_is_refused_and_the_first_goes_on(wire, guestwire):
    lab = wire()
    done = guestwire("up", "t")
    assert done.returncode == 1 and str(lab.pid) in done.stderr and "down t" in done.stderr
    assert lab.show()["name"] == "t"


def test_a_path_that_is_served_is_refused_with_the_pid(wire, guestwire, tmp_path):
    lab = wire("--guest", f"stream,path={tmp_path}/s.sock")
    done = guestwire("up", "other", "--guest", f"stream,path={tmp_path}/s.sock")
    assert done.returncode == 1 and "s.sock" in done.stderr and str(lab.pid) in done.stderr
    StreamGuest(f"{tmp_path}/s.sock").close()
    (tmp_path / "file").write_text("precious")
    done = guestwire("up", "other", "--guest", f"stream,path={tmp_path}/file")
    assert done.returncode == 1 and (tmp_path / "file").read_text() == "precious"


def test_d_returns_when_ready_and_down_ends_it(guestwire, tmp_path):
    began = guestwire("up", "t", "-d", "--pidfile", tmp_path / "p", "--log-file", tmp_path / "log")
    assert began.returncode == 0, began.stderr
    pid = int((tmp_path / "p").read_text())
    os.kill(pid, 0)
    guest = StreamGuest(str(tmp_path / "guestwire/t/stream"))
    guest.dhcp(name=b"vm1")
    assert guestwire("wait", "vm1", "--timeout", "5").returncode == 0
    guest.close()
    assert "t" in guestwire("ls").stdout
    assert guestwire("down").returncode == 0
    assert ended(pid) and not (tmp_path / "p").exists()
    log = (tmp_path / "log").read_text()
    for words in ("joined", "lease", "left"):
        assert words in log, log
    assert left_behind(tmp_path) == [str(tmp_path / "log")]


def test_a_runtime_folder_that_knows_no_locks_is_named(guestwire, tmp_path):
    need("strace")
    done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", "inject=fcntl:error=ENOLCK:when=1", PROGRAM, "up", "t"],
                          env=dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path), ASAN_OPTIONS="detect_leaks=0"), capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (1, f"guestwire: {tmp_path}/guestwire/t/lock: cannot be locked: No locks available\n")


def test_a_relative_path_in_the_uplink_counts_from_where_it_was_typed(guestwire, tmp_path):
    done = guestwire("up", "t", "-d", "--uplink", "user,hostfwd=unix:web.sock-10.0.2.15:80", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [one["listening"] for one in json.loads(guestwire("forward", "ls", "--json").stdout)] == [str(tmp_path / "web.sock")]
    assert guestwire("down").returncode == 0
    assert left_behind(tmp_path) == []


def ended(pid):
    """Gone, or waiting for init to notice."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_pid_file_that_is_no_file_stays_where_it_is(guestwire, tmp_path):
    os.mkfifo(tmp_path / "p", 0o600)
    done = guestwire("up", "t", "-d", "--pidfile", tmp_path / "p")
    assert done.returncode == 1 and "No such device or address" in done.stderr and done.stderr.count("\n") == 1  # nobody reads it
    reader = os.open(tmp_path / "p", os.O_RDONLY | os.O_NONBLOCK)
    assert guestwire("up", "t", "-d", "--pidfile", tmp_path / "p").returncode == 0
    assert os.read(reader, 100).strip().isdigit()
    os.close(reader)
    assert guestwire("down", "t").returncode == 0
    assert stat.S_IMODE(os.lstat(tmp_path / "p").st_mode) == 0o600


def test_d_passes_on_why_it_failed(guestwire, tmp_path):
    done = guestwire("up", "t", "-d", "--guest", "stream,path=/nonexistent/x.sock")
    assert done.returncode == 1 and "/nonexistent" in done.stderr
    assert left_behind(tmp_path) == []


def test_readiness_is_told_in_sd_notifys_protocol(tmp_path):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(tmp_path / "n"))
    notify.settimeout(10)
    process = subprocess.Popen([PROGRAM, "up", "t"], env=dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path), NOTIFY_SOCKET=str(tmp_path / "n")),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert b"READY=1" in notify.recv(4096)
        StreamGuest(str(tmp_path / "guestwire/t/stream")).close()
        process.terminate()
        assert b"STOPPING=1" in notify.recv(4096)
        assert process.wait(5) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        notify.close()


def test_guests_are_added_and_removed_while_it_runs(wire, tmp_path, closing):
    lab = wire()
    first = closing(StreamGuest(lab.runtime("stream")))
    first.dhcp()
    lab.command("guest", "add", "t", f"seqpacket,path={tmp_path}/late.sock,name=late")
    assert os.path.exists(tmp_path / "late.sock")
    lab.command("guest", "rm", "t", "late")
    assert not os.path.exists(tmp_path / "late.sock")
    done = lab.command("guest", "rm", "t", "late", check=False)
    assert done.returncode == 1 and "late" in done.stderr
    done = lab.command("guest", "add", "t", "stream,path=/nonexistent/x", check=False)
    assert done.returncode == 1 and "/nonexistent" in done.stderr
    assert first.ping()


def test_wait_gives_up_after_its_time(wire):
    lab = wire()
    began = time.monotonic()
    done = lab.command("wait", "t", "nobody", "--timeout", "1", check=False)
    assert done.returncode == 1 and 0.9 < time.monotonic() - began < 3 and "nobody" in done.stderr


def test_a_ports_name_is_not_taken_by_a_guest_that_calls_itself_so(wire, tmp_path, closing):
    lab = wire("--guest", f"stream,path={tmp_path}/web,name=web,guests=1", "--guest", f"stream,path={tmp_path}/others")
    liar, web = closing(StreamGuest(f"{tmp_path}/others")), closing(StreamGuest(f"{tmp_path}/web"))
    liar.dhcp(name=b"web")
    assert lab.command("wait", "web", "--for", "lease", "--timeout", "0.3", check=False).returncode == 1
    address = web.dhcp(name=b"vm1")
    assert json.loads(lab.command("wait", "web", "--for", "lease", "--json").stdout)["addresses"] == [address]
    assert lab.command("wait", "web").stdout == f"{address}\n"


def test_show_has_ports_leases_and_drops(wire, closing):
    lab = wire()
    guest = closing(StreamGuest(lab.runtime("stream")))
    address = guest.dhcp(name=b"vm1")
    text = lab.command("show").stdout
    for words in ("vm1", address, mac_text(guest.mac)):
        assert words in text, text


def test_a_mtu_that_a_port_cannot_carry_is_refused_with_the_one_that_works(guestwire, namespace):
    space = namespace()
    space.run("ip", "tuntap", "add", "tap0", "mode", "tap")
    space.run("ip", "link", "set", "tap0", "mtu", "1300")
    done = guestwire("up", "t", "--guest", f"tap,ifname=tap0,netns={space.path}")
    assert done.returncode == 1 and "mtu=1300" in done.stderr, done.stderr


def test_a_configuration_file_says_the_same_words(wire, closing, tmp_path):
    (tmp_path / "lab.yaml").write_text(f"""
name: t
uplink: {{kind: none, net: 10.9.0.0/24, mtu: 1400}}
dhcp-hosts:
  - 52:54:00:00:00:09,10.9.0.77,web
guests:
  - stream,path={tmp_path}/a.sock
  - {{kind: seqpacket, path: {tmp_path}/b.sock, name: second}}
""")
    closing(Wire(tmp_path, "-f", tmp_path / "lab.yaml", name="t"))
    guest = closing(StreamGuest(f"{tmp_path}/a.sock", mac="52:54:00:00:00:09"))
    assert guest.dhcp() == "10.9.0.77"


def test_a_wrong_configuration_file_names_the_line(guestwire, tmp_path):
    (tmp_path / "bad.yaml").write_text("name: t\nuplink: none\ngests:\n  - stream,path=x\n")
    done = guestwire("up", "-f", tmp_path / "bad.yaml")
    assert done.returncode == 2 and re.search(r"bad\.yaml:3:\d+.*gests.*guests", done.stderr), done.stderr


def test_a_wrong_reservation_in_a_file_names_its_own_line(guestwire, tmp_path):
    (tmp_path / "bad.yaml").write_text("name: t\nuplink: none\ndhcp-hosts:\n  - 52:54:00:00:00:01,10.0.2.9\n  - 52:54:00:00:00:02,9.9.9.9\n")
    done = guestwire("up", "-f", tmp_path / "bad.yaml")
    assert done.returncode == 2 and re.search(r"bad\.yaml:5:5: dhcp-host=52:54:00:00:00:02,9\.9\.9\.9: ", done.stderr), done.stderr


def test_leases_survive_a_restart(wire, tmp_path, closing):
    (tmp_path / "state").mkdir()
    lab = wire("--state-dir", tmp_path / "state", "--uplink", "none,dhcpstart=10.0.2.40")
    for mac in ("52:54:00:00:01:01", "52:54:00:00:01:02"):
        guest = StreamGuest(lab.runtime("stream"), mac=mac)
        address = guest.dhcp()
        guest.close()
    assert lab.stop() == 0
    again = wire("--state-dir", tmp_path / "state", "--uplink", "none,dhcpstart=10.0.2.40")
    assert closing(StreamGuest(again.runtime("stream"), mac="52:54:00:00:01:02")).dhcp() == address


def test_a_control_client_that_lies_or_never_reads_harms_nobody(wire, closing):
    lab = wire()
    for data in (b"\n", b"{", b"{}\n", b"[1]\n", b'{"command":"frobnicate"}\n', b"x" * 200000, b'{"command":"show"}\n' * 500, b"\xff\xfe\n"):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(lab.runtime("control"))
        client.settimeout(5)
        try:
            client.sendall(data)
        except OSError:
            pass
        closing(client)
    assert lab.show()["name"] == "t"
    assert lab.process.poll() is None


def test_capture_writes_frames_drops_and_directions(wire, tmp_path, closing):
    need("tshark")
    lab = wire("-v")
    a, b = (closing(StreamGuest(lab.runtime("stream"))) for _ in range(2))
    a.hello(), b.hello()
    file = tmp_path / "c.pcapng"
    capture = subprocess.Popen([PROGRAM, "capture", "t", "-w", file, "ether", "proto", "0x88b5"], env=lab.environment, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: "control: capture" in lab.errors(), what="the capture")
        wanted = ethernet(b.mac, a.mac, 0x88b5, b"wanted" * 10)
        a.send(wanted)
        a.send(ethernet(BROADCAST, b"\x01" * 6, 0x88b5, b"refused" * 10))
        a.dhcp()
        assert b.gets(wanted)
        # in the file once from its guest and once to the other
        eventually(lambda: file.read_bytes().count(wanted) == 2 and b"refused" in file.read_bytes(), what="the frames in the file")
    finally:
        capture.send_signal(signal.SIGINT)
        capture.wait(20)
        capture.stderr.close()
    text = subprocess.run(["tshark", "-r", file, "-T", "fields", "-e", "eth.type", "-e", "frame.packet_flags_direction", "-e", "frame.comment",
                           "-e", "eth.src"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in text.splitlines()]
    assert rows and all(row[0] == "0x88b5" for row in rows), text
    assert {int(row[1], 0) for row in rows if row[3] == mac_text(a.mac)} == {1, 2}, text
    assert any("source-multicast" in row[2] for row in rows), text


def test_help_and_version():
    for words in (["help"], ["--help"], ["help", "up"], ["up", "--help"]):
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=10)
        assert done.returncode == 0 and "guestwire" in done.stdout and not done.stderr
    assert re.fullmatch(r"guestwire \d+\.\d+\.\d+\n", subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=10).stdout)


def test_an_idle_network_wakes_for_nothing_and_is_small(wire, closing):
    need("strace")
    lab = wire()
    guest = closing(StreamGuest(lab.runtime("stream")))
    guest.dhcp()
    time.sleep(1.5)
    tracer = subprocess.Popen(["strace", "-f", "-o", lab.folder + "/strace", "-p", str(lab.pid)], stderr=subprocess.PIPE, text=True)
    assert "attached" in tracer.stderr.readline()
    time.sleep(10)
    tracer.terminate()
    tracer.wait()
    tracer.stderr.close()
    woken = [line for line in open(lab.folder + "/strace", encoding="ascii") if "<unfinished" not in line and "detached" not in line]
    assert woken == []
    with open(f"/proc/{lab.pid}/smaps_rollup", encoding="ascii") as file:
        private = sum(int(line.split()[1]) for line in file if line.startswith(("Private_Clean", "Private_Dirty")))
    assert SANITIZED or private < 2048


COMPLETED = [
    (["up", "--uplink", "us"], {"user"}),
    (["up", "-g", ""], {"stream", "dgram", "seqpacket", "tap", "vhost-user"}),
    (["up", "--uplink", "user,re"], {"user,restrict="}),
    (["netns", "--uplink", "user,net", "=", "10.1.0.0/24,udp"], {"10.1.0.0/24,udp-filter="}),
    (["run", "-u", "user,ipv6-net", "=", "fd00", ":", ":", "/64,ipv6-h"], {"/64,ipv6-host="}),
    (["backend", "--uplink", "=", "none,mt"], {"none,mtu="}),
    (["up", "--guest", "tap,if"], {"tap,ifname="}),
    (["up", "--guest", "stream,path", "=", "/a,conn"], {"/a,connect=", "/a,connect-tcp="}),
    (["up", "--guest", "nothing,pa"], set()),
    (["up", "--uplink", "user,net", "="], set()),
    (["up", "--uplink", "type", "=", "user,host-l"], {"user,host-loopback="}),
    (["up", "--uplink", "user,restrict", "="], {"on", "off"}),
    (["up", "--uplink", "user,outb"], {"user,outbound=", "user,outbound-if4=", "user,outbound-if6="}),
    (["up", "--uplink", "user,outbound-if4", "=", "lo"], {"lo"}),
    (["up", "--uplink", "=", "user,udp-filter", "=", "n"], {"none"}),
    (["up", "--guest", "stream,path", "=", "/proc/self/statu"], {"/proc/self/status"}),
    (["up", "-g", "stream,addr.ty"], {"stream,addr.type="}),
    (["netns", "-t", "a"], {"auto", "all"}),
    (["netns", "-u", "n"], {"none"}),
    (["run", "-p", "8080", ":", "80", "cat", "/proc/self/statu"], {"/proc/self/status"}),
    (["netns", "--uplink", "user,net", "=", "10.1.0.0/24", "--", "cat", "/proc/self/statu"], {"/proc/self/status"}),
    (["netns", "--", "true", "--na"], set()),
    (["netns", "--na"], {"--name"}),
    (["help", "vhost"], {"vhost-user"}),
    (["up", "--publish", "127.0.0.1", ":", "80", ":"], set()),
    (["wait", "--for", "l"], {"lease"}),
    (["guest", "add", "vh"], {"vhost-user"}),
    (["guest", "add", "stream,pa"], {"stream,path="}),
    (["guest", "add", "lab", "tap,ifname", "=", "i,net"], {"i,netns="}),
    (["guest", "rm", "st"], set()),
]


@pytest.mark.parametrize("words,wanted", COMPLETED, ids=["".join(row[0]) for row in COMPLETED])
def test_a_shell_completes_keys_from_what_the_program_says(words, wanted):
    """As readline calls the function: words are cut at '=' and ':'."""
    need("bash")
    script = """source "$1"; guestwire() { "$0" "$@"; }; shift
        COMP_WORDS=(guestwire "$@"); COMP_CWORD=$#; _guestwire; printf '%s\\n' "${COMPREPLY[@]}" """
    completions = os.path.join(os.path.dirname(__file__), "../../completions/guestwire.bash")
    done = subprocess.run(["bash", "-c", script, PROGRAM, completions, *words], capture_output=True, text=True, check=True, timeout=20)
    assert done.stderr == "" and set(done.stdout.split()) == wanted, done


def test_a_shell_completes_guests_and_forwards_that_are_there(wire):
    need("bash")
    lab = wire("--uplink", "user", "--dhcp-host", "52:54:00:00:00:01,10.0.2.20,web", "-p", "127.0.0.1::22", "-p", "127.0.0.1::web:80")
    environment = dict(lab.environment, PATH=os.path.dirname(os.path.abspath(PROGRAM)) + ":" + os.environ["PATH"])
    made = {"stream", "dgram", "seqpacket", "vhost-user"}
    script = """source "$0"; COMP_WORDS=(guestwire "$@"); COMP_CWORD=$#; _guestwire; printf '%s\\n' "${COMPREPLY[@]}" """
    completions = os.path.join(os.path.dirname(__file__), "../../completions/guestwire.bash")
    for words, wanted in ((["guest", "rm", ""], made | {"t"}), (["guest", "rm", "t", ""], made), (["guest", "rm", "t", "stream", ""], set()),
                          (["wait", "t", ""], made | {"web"}), (["wait", "--timeout", "3", "t", "w"], {"web"}), (["capture", "t", "-g", "w"], {"web"}),
                          (["forward", "rm", "t", ""], {"1", "2"}), (["forward", "rm", ""], {"1", "2", "t"}), (["show", ""], {"t"}),
                          (["show", "t", ""], set()), (["args", "qemu", ""], {"t"}), (["guest", "add", "s"], {"stream", "seqpacket"})):
        done = subprocess.run(["bash", "-c", script, completions, *words], env=environment, capture_output=True, text=True, check=True, timeout=20)
        assert done.stderr == "" and set(done.stdout.split()) == wanted, (words, done)


def test_each_kind_says_what_it_takes(guestwire, tmp_path):
    for kind in ("user", "none", "stream", "dgram", "seqpacket", "tap", "vhost-user"):
        done = guestwire("help", kind)
        assert done.returncode == 0 and done.stderr == "" and re.fullmatch(rf"{kind} takes (\S+, )*(mac|queue)\n", done.stdout), done
        option = "--uplink" if kind in ("user", "none") else "--guest"
        assert guestwire("up", "t", option, f"{kind},help").stderr == f"guestwire: {done.stdout}"
    assert left_behind(tmp_path) == []
    assert guestwire("help", "moon").returncode == 2
