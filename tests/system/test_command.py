# SPDX-License-Identifier: MIT
"""The command as a person uses it, and the mistakes a person makes: one clear line each, nothing left behind."""
import json
import os
import re
import signal
import socket
import struct
import subprocess
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
        environment = dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path), **more.pop("environment", {}))
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
    (["up", "t", "--uplink", "user"], 1, r"user.*none"),
    (["up", "t", "--guest", "teletype,path=x"], 2, r"teletype.*stream"),
    (["up", "t", "--guest", "stream"], 2, r"stream.*path="),
    (["up", "t", "--guest", "stream,path=/nonexistent/x.sock"], 1, r"/nonexistent.*(No such|not exist)"),
    (["up", "t", "--guest", "stream,path=x.sock,colour=red"], 2, r"colour.*path"),
    (["up", "t", "--guest", "stream,path=x.sock,mac=12:34"], 2, r"mac=12:34"),
    (["up", "t", "--guest", "stream,path=x.sock,mode=999"], 2, r"mode=999"),
    (["up", "t", "--guest", "stream,path=x.sock,group=nosuchgroup"], 2, r"nosuchgroup"),
    (["up", "t", "--guest", "stream,path=" + "x" * 200], 1, r"too long|at most"),
    (["up", "t", "--guest", "tap,ifname=averyverylongname0"], 2, r"averyverylongname0.*15"),
    (["up", "t", "--dhcp-host", "nonsense"], 2, r"nonsense"),
    (["up", "t", "--dhcp-host", "52:54:00:00:00:01,1.2.3.4"], 2, r"1\.2\.3\.4.*10\.0\.2\.1 to"),
    (["up", "a/b"], 2, r"a/b"),
    (["up", "-f", "/nonexistent.yaml"], 1, r"/nonexistent\.yaml"),
    (["show", "nothere"], 1, r"nothere"),
    (["down"], 1, r"no network"),
    (["wait", "nothere", "vm1"], 1, r"nothere"),
    (["frobnicate"], 2, r"frobnicate.*guestwire help"),
    (["guest", "frobnicate", "t"], 2, r"frobnicate"),
]


@pytest.mark.parametrize("words,status,pattern", MISTAKES, ids=[" ".join(row[0])[:60] for row in MISTAKES])
def test_each_mistake_gets_one_clear_line(guestwire, tmp_path, words, status, pattern):
    done = guestwire(*words, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("guestwire: "), done.stderr
    assert re.search(pattern, lines[0]), done.stderr
    assert left_behind(tmp_path) == []


def test_up_prints_a_line_to_paste_for_each_hypervisor(wire):
    lab = wire()
    text = eventually(lambda: (lambda text: text if "seqpacket" in text else None)(open(lab.out_path, encoding="utf8").read()))
    for words in ("-netdev stream,", "-netdev dgram,", "transport=bess", "unixSocketPath", lab.runtime("stream"), lab.runtime("dgram")):
        assert words in text, text


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


def ended(pid):
    """Gone, or waiting for init to notice."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


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
    lab = wire()
    a, b = (closing(StreamGuest(lab.runtime("stream"))) for _ in range(2))
    a.hello(), b.hello()
    file = tmp_path / "c.pcapng"
    capture = subprocess.Popen([PROGRAM, "capture", "t", "-w", file, "ether", "proto", "0x88b5"], env=lab.environment, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        a.send(ethernet(b.mac, a.mac, 0x88b5, b"wanted" * 10))
        a.send(ethernet(BROADCAST, b"\x01" * 6, 0x88b5, b"refused" * 10))
        a.dhcp()
        assert any(b"wanted" in frame for frame in b.frames(1))
        time.sleep(0.3)
    finally:
        capture.send_signal(signal.SIGINT)
        capture.wait(5)
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
    tracer.stderr.readline()
    time.sleep(10)
    tracer.terminate()
    tracer.wait()
    tracer.stderr.close()
    woken = [line for line in open(lab.folder + "/strace", encoding="ascii") if "<unfinished" not in line and "detached" not in line]
    assert woken == []
    with open(f"/proc/{lab.pid}/smaps_rollup", encoding="ascii") as file:
        private = sum(int(line.split()[1]) for line in file if line.startswith(("Private_Clean", "Private_Dirty")))
    assert SANITIZED or private < 2048
