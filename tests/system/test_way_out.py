# SPDX-License-Identifier: MIT
"""The commands about uplink=user as a person uses them: what guests talk about with the world, which sockets of this
machine lead to them, and whether they answer; and the mistakes a person makes."""
import json
import resource
import socket
import subprocess

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
    assert f"flows: {len(flows)} of 131072" in shown and "flows_made" in shown and "conversations begun" in shown


def test_a_network_without_flows_says_so(wire):
    lab = wire("--uplink", "none")
    assert json.loads(lab.command("flows", "--json").stdout) == []
    assert lab.command("flows").stdout == "0 flows: 0 tcp, 0 udp, 0 icmp; 0B from guests, 0B to guests\n"
    assert "nat" not in lab.show() and "flows:" not in lab.command("show").stdout


def test_few_files_are_worth_a_line_and_many_are_not(tmp_path):
    def line(files, *options):
        done = subprocess.run([PROGRAM, "up", "t", "-d", *options], env={"XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True,
                              timeout=20, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files // 2, files)))
        subprocess.run([PROGRAM, "down", "t"], env={"XDG_RUNTIME_DIR": str(tmp_path)}, timeout=20, check=True)
        assert done.returncode == 0, done.stderr
        return done.stderr
    assert line(500).count("\n") == 1 and "may have 500 files open" in line(500) and "ulimit -Hn 16448" in line(500)
    assert line(500, "--uplink", "user,flows=400") == line(500, "--uplink", "none") == ""


def test_a_port_without_a_way_out_cannot_be_waited_for(wire):
    lab = wire("--uplink", "none")
    done = lab.command("wait", "t", "10.0.2.15:22", "--timeout", "5", check=False)
    assert done.returncode == 1 and done.stderr == "guestwire: guest 10.0.2.15 at 10.0.2.15: port 22 cannot be asked for: that needs --uplink user\n"
    done = lab.command("wait", "t", "vm1:22", "--timeout", "0.1", check=False)
    assert done.returncode == 1 and "no guest vm1 on network t that held a lease within 0.1 s" in done.stderr
