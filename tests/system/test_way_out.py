# SPDX-License-Identifier: MIT
"""The commands about uplink=user as a person uses them: what guests talk about with the world, which sockets of this
machine lead to them, and whether they answer; and the mistakes a person makes."""
import json
import resource
import socket
import subprocess
import time

import pytest

from kit import PROGRAM, eventually
from kit.frames import StreamGuest, ethernet, udp4

pytestmark = pytest.mark.asan

FLOWS = 2500


def test_many_flows_are_listed_each_once_with_totals(wire, closing, tmp_path):
    """More than fit into one answer of the control protocol."""
    lab = wire()
    server = closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    server.bind(("127.0.0.1", 0))
    guest = closing(StreamGuest(lab.runtime("stream")))
    guest.dhcp()
    gateway = guest.resolve("10.0.2.2")
    for number in range(FLOWS):
        guest.send(ethernet(gateway, guest.mac, 0x0800, udp4(guest.ip, "10.0.2.2", 10000 + number, server.getsockname()[1], b"x" * 20)))
    eventually(lambda: lab.show()["nat"]["flows_made"] >= FLOWS)
    said = lab.command("flows", "t", "--json").stdout
    flows = json.loads(said)
    assert said.isascii() and said.count("\n") == 1
    mine = [flow for flow in flows if flow["guest"].startswith(guest.ip + ":1")]
    assert sorted(flow["guest"] for flow in mine) == sorted(f"{guest.ip}:{10000 + number}" for number in range(FLOWS))
    assert {(flow["protocol"], flow["port"], flow["state"], flow["from_guest"], flow["to_guest"], flow["far"]) for flow in mine} == \
        {("udp", "stream.1", "request", 20, 0, "")}
    assert all(flow["idle_ms"] < 60000 for flow in mine)
    lines = lab.command("flows").stdout.splitlines()
    assert lines[0].split("  ")[0] == "PORT" and lines[-1].startswith(f"{len(flows)} flows: 0 tcp, {len(flows)} udp, 0 icmp; 49K from guests")
    assert len(lines) == len(flows) + 2
    shown = lab.command("show").stdout
    assert f"flows: {len(flows)} of {lab.show()['nat']['flows_max']}" in shown and "flows_made" in shown and "conversations begun" in shown


def test_a_network_without_flows_says_so(wire):
    lab = wire("--uplink", "none")
    assert json.loads(lab.command("flows", "--json").stdout) == []
    assert lab.command("flows").stdout == "0 flows: 0 tcp, 0 udp, 0 icmp; 0B from guests, 0B to guests\n"
    assert "nat" not in lab.show() and "flows:" not in lab.command("show").stdout


def test_few_files_are_worth_a_line_and_many_are_not(tmp_path):
    def line(files, *options):
        process = subprocess.Popen([PROGRAM, "up", "t", *options], env={"XDG_RUNTIME_DIR": str(tmp_path)}, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files // 2, files)))
        assert process.stdout.readline().startswith("network t is up")
        process.terminate()
        said = process.communicate(timeout=20)[1]
        assert process.returncode == 0, said
        return said
    said = line(500)
    assert said.count("\n") == 1 and "may have 500 files open" in said and "more than 374 of them" in said and "ulimit -Hn 18800" in said
    assert line(500, "--uplink", "user,flows=300") == line(500, "--uplink", "none") == ""


def test_a_port_without_a_way_out_cannot_be_waited_for(wire):
    lab = wire("--uplink", "none")
    done = lab.command("wait", "t", "10.0.2.15:22", "--timeout", "5", check=False)
    assert done.returncode == 1 and done.stderr == "guestwire: guest 10.0.2.15 at 10.0.2.15: port 22 cannot be asked for: that needs --uplink user\n"
    done = lab.command("wait", "t", "vm1:22", "--timeout", "0.1", check=False)
    assert done.returncode == 1 and "no guest vm1 on network t that held a lease within 0.1 s" in done.stderr


SERVER = """
import socket, sys
s = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    c = s.accept()[0]
    c.sendall(b"hello")
    c.close()
"""
ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(2000)
    s.sendto(data + b" back", who)
"""
ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"hello")
print(s.recv(100).decode())
"""
HEAR = """
import socket, sys
s = socket.socket(socket.AF_UNIX) if "/" in sys.argv[1] else socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.settimeout(5)
try:
    s.connect(sys.argv[1] if "/" in sys.argv[1] else (sys.argv[1], int(sys.argv[2])))
    print(s.recv(10).decode())
except OSError as error:
    print(type(error).__name__)
"""


def test_forwards_are_added_listed_and_removed_while_it_runs(far, tmp_path):
    far = far()
    lab = far.lab
    far.server(far.box, SERVER, 8080)
    assert lab.command("forward", "ls").stderr == "no forwards\n" and json.loads(lab.command("forward", "ls", "--json").stdout) == []
    said = lab.command("forward", "add", "127.0.0.1:2222:10.0.2.15:8080").stdout
    assert said == "forward tcp 127.0.0.1:2222 -> 10.0.2.15:8080\n"
    assert far.python(far.host, HEAR, "127.0.0.1", 2222) == "hello", far.drops()
    said = lab.command("forward", "add", "t", "8081:8080").stdout
    assert said == "forward tcp *:8081 -> 10.0.2.15:8080 (others can reach it; -p 127.0.0.1:8081:8080 keeps it to this machine)\n"
    assert far.python(far.host, HEAR, "::1", 8081) == "hello" == far.python(far.world, HEAR, "192.0.2.1", 8081), far.drops()
    chosen = json.loads(lab.command("forward", "add", "[::1]::[fd00::15]:8080", "--json").stdout)
    assert len(chosen) == 1 and chosen[0]["listening"].startswith("[::1]:") and not chosen[0]["everywhere"]
    assert far.python(far.host, HEAR, "::1", chosen[0]["listening"].rsplit(":", 1)[1]) == "hello", far.drops()
    lab.command("forward", "add", f"unix:{tmp_path}/web.sock-:8080")
    assert far.python(far.host, HEAR, f"{tmp_path}/web.sock", 0) == "hello", far.drops()
    far.server(far.box, ECHO, 5300)
    assert lab.command("forward", "add", "127.0.0.1:53:5300/udp").stdout == "forward udp 127.0.0.1:53 -> 10.0.2.15:5300\n"
    assert far.python(far.host, ASK, "127.0.0.1", 53) == "hello back", far.drops()
    listed = json.loads(lab.command("forward", "ls", "t", "--json").stdout)
    assert listed == lab.show()["forwards"] and {forward["id"] for forward in listed} == {1, 2, 3, 4, 5}
    assert sum(forward["connections"] for forward in listed) == 6
    states = {(flow["protocol"], flow["state"]) for flow in json.loads(lab.command("flows", "--json").stdout)}
    assert ("udp", "listening") in states, states
    table = lab.command("show").stdout
    assert "every interface" in table and f"{tmp_path}/web.sock" in table
    for word in ("1", "t 8081:8080", f"unix:{tmp_path}/web.sock-:8080", "3", "127.0.0.1:53:5300/udp"):
        assert lab.command("forward", "rm", *word.split()).stdout == ""
    assert json.loads(lab.command("forward", "ls", "--json").stdout) == []
    assert far.python(far.host, HEAR, "127.0.0.1", 2222) == "ConnectionRefusedError"


def test_a_guest_that_nobody_knows_is_told_when_it_is_forwarded_to(wire, closing):
    lab = wire()
    done = lab.command("forward", "add", "127.0.0.1::vm1:22")
    assert done.stderr == "guestwire: no guest vm1 has an address yet; it is looked up when somebody connects\n" and "-> vm1:22" in done.stdout
    closing(StreamGuest(lab.runtime("stream"))).dhcp(name=b"vm1")
    assert lab.command("forward", "add", "127.0.0.1::vm1:23").stderr == ""
    assert lab.command("forward", "add", "127.0.0.1::10.0.2.99:23").stderr == ""


def test_an_address_that_no_guest_can_have_is_not_waited_for(wire):
    done = wire().command("wait", "192.0.2.77:80", "--timeout", "10", check=False)
    assert done.returncode == 1 and done.stderr.startswith("guestwire: 192.0.2.77: no guest of this network can have that address; "), done.stderr


def test_mistakes_about_forwards_of_a_running_network(wire, closing):
    lab = wire()
    taken = closing(socket.create_server(("127.0.0.1", 0)))
    port = taken.getsockname()[1]
    for words, status, pattern in (
            (["add", f"127.0.0.1:{port}:22"], 1, f"127.0.0.1:{port} is in use"),
            (["add", "127.0.0.1:2222:-bad-:22"], 2, "-bad-"),
            (["add", "tcp:127.0.0.1:2222"], 2, "tcp:127.0.0.1:2222"),
            (["add", "nothere", "2222:22"], 1, "no network nothere runs"),
            (["rm", "7"], 1, "no forward 7; guestwire forward ls"),
            (["rm", "127.0.0.1:2222:22"], 1, "no forward 127.0.0.1:2222:22; guestwire forward ls")):
        done = lab.command("forward", *words, check=False)
        assert done.returncode == status and done.stderr.count("\n") == 1 and pattern in done.stderr, done.stderr
    assert lab.show()["forwards"] == []


def test_up_says_what_leads_where_and_so_does_its_file(wire, tmp_path, closing):
    lab = wire("-p", "127.0.0.1::vm1:22", "--publish", ":80")
    text = eventually(lambda: (lambda text: text if "vhost-user" in text else None)(open(lab.out_path, encoding="utf8").read()))
    lines = [line for line in text.splitlines() if line.startswith("forward ")]
    first, second = (forward["listening"] for forward in lab.show()["forwards"][:2])
    assert lines[0] == f"forward tcp {first} -> vm1:22" and int(first.rsplit(":", 1)[1]) > 0
    port = second.rsplit(":", 1)[1]
    assert lines[1].endswith(f":{port} -> 10.0.2.15:80 (others can reach it; -p 127.0.0.1:{port}:80 keeps it to this machine)"), lines
    assert len(lines) == 2
    (tmp_path / "t.yaml").write_text("forwards:\n  - 127.0.0.1:0:vm2:22\n")
    lab.stop()
    lab = wire("-f", tmp_path / "t.yaml", "--json")
    assert [forward["guest"] for forward in json.loads(open(lab.out_path, encoding="utf8").readline())["forwards"]] == ["vm2"]
    lab.stop()
    (tmp_path / "t.yaml").write_text("forwards:\n  - 127.0.0.1:0:80\n  - localhost:80:80\n")
    done = subprocess.run([PROGRAM, "up", "t", "-f", tmp_path / "t.yaml"], env=lab.environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "t.yaml:3:5: -p localhost:80:80: localhost is neither" in done.stderr
    taken = closing(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
    (tmp_path / "t.yaml").write_text(f"forwards:\n  - 127.0.0.1:{taken}:80\n")
    done = subprocess.run([PROGRAM, "up", "t", "-f", tmp_path / "t.yaml"], env=lab.environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "t.yaml:2:5: forward " in done.stderr and "is in use" in done.stderr


def test_wait_returns_when_the_guest_accepts_and_says_why_it_does_not(far):
    far = far()
    lab = far.lab
    done = lab.command("wait", "10.0.2.15:8080", "--timeout", "1", check=False)
    assert done.returncode == 1 and done.stderr == "guestwire: guest 10.0.2.15 at 10.0.2.15: still refuses connections to port 8080\n"
    done = lab.command("wait", "10.0.2.77:8080", "--timeout", "1", check=False)
    assert done.returncode == 1 and done.stderr == "guestwire: guest 10.0.2.77 at 10.0.2.77: nobody answers for that address\n"
    waiting = subprocess.Popen(lab._words(["wait", "t", "[fd00::15]:8080", "--timeout", "20"]), env=lab.environment, stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    assert waiting.poll() is None
    far.server(far.box, SERVER, 8080)
    assert waiting.communicate(timeout=10)[0] == "fd00::15\n" and waiting.returncode == 0
    began = time.monotonic()
    assert lab.command("wait", "10.0.2.15:8080").stdout == "10.0.2.15\n" and time.monotonic() - began < 1
    # a guest by the name that it has with its lease
    guest = far.closing(StreamGuest(f"{far.folder}/s.sock"))
    guest.dhcp(name=b"vm1")
    done = lab.command("wait", "vm1:22", "--timeout", "1", check=False)
    assert done.returncode == 1 and f"guest vm1 at {guest.ip}: " in done.stderr
