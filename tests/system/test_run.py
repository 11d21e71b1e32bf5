# SPDX-License-Identifier: MIT
"""guestwire run: a hypervisor with a network that is there for it. Stand-ins show what a command is given; QEMU is real.

   guestwire run ── starts ──> HYPERVISOR <── socket ──> the network"""
import os
import re
import signal
import subprocess

import pytest

from kit import PROGRAM, eventually, images, need
from kit.guests import CMDLINE, Console
from kit.wire import Wire


def run(folder, *words, check=True, **more):
    environment = dict(os.environ, XDG_RUNTIME_DIR=str(folder))
    done = subprocess.run([PROGRAM, "run", *words], env=environment, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
                          **more)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.mark.asan
def test_a_program_is_given_its_sockets_and_its_status_is_passed_on(tmp_path):
    done = run(tmp_path, "--uplink", "none", "--", "sh", "-c", "echo {stream} {dgram} {vhost-user} {mac}; "
               "test -S {stream} && test -S {dgram} && test -S {vhost-user} && exit 42", check=False)
    assert done.returncode == 42, done.stderr
    stream, dgram, vhost, mac = done.stdout.split()
    assert {os.path.basename(path) for path in (stream, dgram, vhost)} == {"stream", "dgram", "vhost-user"}
    assert re.fullmatch("52:54:00(:[0-9a-f]{2}){3}", mac)
    assert not os.path.exists(os.path.dirname(stream)), "the network ended with it"


@pytest.mark.asan
@pytest.mark.parametrize("way, receive", [("stream", "os.read(fd, 4)"), ("dgram", "os.read(fd, 2048)")])
def test_a_program_inherits_a_connected_socket(tmp_path, way, receive):
    # An ARP request for the gateway, and its answer.
    arp = "ff" * 6 + "525400000001" + "0806" + "0001080006040001" + "525400000001" + "0a00020f" + "00" * 6 + "0a000202"
    code = (f"import os; fd={{fd}}; frame=bytes.fromhex('{arp}'); "
            + ("os.write(fd, len(frame).to_bytes(4, 'big') + frame); " if way == "stream" else "os.write(fd, frame); ")
            + f"print({receive}.hex())")
    done = run(tmp_path, "--uplink", "none,ipv6=off", "-g", way, "--", "/usr/bin/python3", "-c", code)
    assert done.stdout.strip().startswith("0000" if way == "stream" else "525400000001"), done.stdout


@pytest.mark.asan
@pytest.mark.parametrize("words, text", [
    ([], "which hypervisor?"),
    (["--", "bhyve", "vm"], "put {stream}"),
    (["--", "qemu-system-x86_64", "-nic", "user"], "network options of its own (-nic); leave them out"),
    (["--", "qemu-system-x86_64", "-device", "e1000,netdev=n0"], "network options of its own (-device)"),
    (["--", "qemu-system-x86_64", "-m", "64", "-daemonize"], "-daemonize: "),
    (["--guest", "tap", "--", "qemu-system-x86_64"], "auto, vhost-user, stream or dgram"),
    (["--guest", "vhost-user", "--", "qemu-system-x86_64", "-mem-path", "/x"], "share=on"),
])
def test_mistakes_have_a_line_each(tmp_path, words, text):
    done = run(tmp_path, *words, check=False)
    assert done.returncode == 2
    assert text in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_print_shows_a_line_that_a_shell_reads_back(tmp_path):
    line = run(tmp_path, "--print", "--name", "x", "--", "qemu-system-x86_64", "-m", "1G", "my disk").stdout
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True).stdout.split("\n")
    assert words[:4] == ["qemu-system-x86_64", "-m", "1G", "my disk"]
    assert f"socket,id=gw-socket,path={tmp_path}/guestwire/x/vhost-user" in words
    assert line == run(tmp_path, "--print", "--name", "x", "--", "qemu-system-x86_64", "-m", "1G", "my disk").stdout, "its MAC is stable"


def test_a_program_that_is_not_there(tmp_path):
    done = run(tmp_path, "--uplink", "none", "--", "no-such-hypervisor", "{stream}", check=False)
    assert done.returncode == 127
    assert "no-such-hypervisor" in done.stderr


def test_qemu_needs_nothing_more(tmp_path):
    need("qemu-system-x86_64")
    kernel, initrd = images.debian_guest("cloud-amd64")
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path)
    guest = Console("run", [PROGRAM, "run", "-v", "--name", "vm", "-p", "127.0.0.1::80", "--", "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max",
                            "-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", kernel,
                            "-initrd", initrd, "-append", CMDLINE], str(tmp_path))
    try:
        guest.ready()
        port = re.search(r"forward tcp 127\.0\.0\.1:(\d+) ", "\n".join(guest.log))[1]
        assert guest.dhcp() == "10.0.2.15"
        guest.run("echo hello >/tmp/page; httpd -p 80 -h /tmp")
        page = subprocess.run(["curl", "-s", "--max-time", "10", f"http://127.0.0.1:{port}/page"], capture_output=True, text=True)
        assert page.stdout == "hello\n", page
        guest.process.stdin.write(b"poweroff -f\n")
        guest.process.stdin.flush()
        assert guest.process.wait(20) == 0
        eventually(lambda: not os.path.exists(f"{tmp_path}/guestwire/vm"), 5)
    finally:
        guest.close()


def test_a_signal_reaches_it(tmp_path):
    environment = dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path))
    process = subprocess.Popen([PROGRAM, "run", "--uplink", "none", "--", "sh", "-c", "trap 'exit 9' TERM; : {stream}; touch ready; sleep 60 & wait"],
                               env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL)
    eventually(lambda: os.path.exists(tmp_path / "ready"), 10)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 9


@pytest.mark.asan
def test_args_prints_words_for_each_hypervisor(tmp_path):
    lab = Wire(tmp_path, "--uplink", "none,mtu=9000")
    try:
        mac = "52:54:00:00:00:07"
        stream, dgram, vhost = (lab.runtime(kind) for kind in ("stream", "dgram", "vhost-user"))
        rows = {
            ("qemu",): f"-netdev stream,id=gw-net,server=off,addr.type=unix,addr.path={stream} "
                       f"-device virtio-net-pci,netdev=gw-net,mac={mac},host_mtu=9000",
            ("cloud-hypervisor",): f"--net vhost_user=true,socket={vhost},mac={mac}",
            ("crosvm", "t"): f"--vhost-user type=net,socket={vhost}",
            ("libkrun",): f"--device virtio-net,type=unixgram,path={dgram},mac={mac}",
            ("vfkit",): f"--device virtio-net,unixSocketPath={dgram},mac={mac}",
        }
        for words, line in rows.items():
            assert lab.command("args", *words, "--mac", mac).stdout == line + "\n"
        memory = lab.command("args", "qemu", "-m", "2G").stdout
        assert "memory-backend-memfd,id=gw-memory,size=2G,share=on" in memory and f"path={vhost} " in memory
        assert re.search("mac=52:54:00(:[0-9a-f]{2}){3}", memory)
        for words, status, text in [(["args"], 2, "which hypervisor?"), (["args", "bhyve"], 2, "qemu, cloud-hypervisor"),
                                    (["args", "qemu", "nobody"], 1, "nobody"), (["args", "qemu", "--mac", "1"], 2, "52:54:00"),
                                    (["args", "qemu", "--mac", "01:54:00:00:00:01"], 2, "52:54:00"),
                                    (["args", "qemu", "--memory", "2G,x=y"], 2, "2G or 512M"),
                                    (["args", "qemu", "--memory", "512"], 2, "with its suffix, as in 2G or 512M"),
                                    (["args", "vfkit", "--memory", "2G"], 2, "--memory is QEMU's")]:
            done = lab.command(*words, check=False)
            assert done.returncode == status and text in done.stderr, done.stderr
        lab.command("guest", "rm", "dgram")
        assert "serves no dgram socket" in lab.command("args", "vfkit", check=False).stderr
    finally:
        lab.close()
