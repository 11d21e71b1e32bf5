# SPDX-License-Identifier: MIT
"""semu as a program: its files, its terminal, its exit status. The guests are a few instructions each.

  a pseudo-terminal or pipes -- semu -- an Image of our own"""
import os
import pty
import signal
import struct
import subprocess
import termios
import time

import pytest

from kit import PROGRAM, eventually
from kit.devicetree import flat

pytestmark = pytest.mark.asan

SEMU = os.path.join(os.path.dirname(PROGRAM), "semu")
UART, OFF, FAILED = 0xF4000000, (0, 0), (0, 1)
A0, A1, A6, A7, T0, T1 = 10, 11, 16, 17, 5, 6
ECALL, WFI = 0x73, 0x10500073
SRST = 0x53525354


def li_32(register, value):
    """On a hart of 32 bits."""
    return [((value + 0x800) & 0xFFFFF000) | register << 7 | 0x37, (value & 0xFFF) << 20 | register << 15 | register << 7 | 0x13]


def li(register, value):
    """A value of 32 bits, with zeros above it."""
    return li_32(register, value) + [32 << 20 | register << 15 | 1 << 12 | register << 7 | 0x13, 32 << 20 | register << 15 | 5 << 12 | register << 7 | 0x13]


def jump(words):
    """So many words on, or back."""
    at = words * 4
    return (at >> 20 & 1) << 31 | (at >> 1 & 0x3FF) << 21 | (at >> 11 & 1) << 20 | (at >> 12 & 0xFF) << 12 | 0x6F


def put(text):
    """To the console, by its register."""
    code = li(T0, UART)
    for byte in text.encode():
        code += li(T1, byte) + [T1 << 20 | T0 << 15 | 0x23]
    return code


def end(how, load=li):
    return load(A0, how[0]) + load(A1, how[1]) + load(A6, 0) + load(A7, SRST) + [ECALL]


SLEEP = [WFI, jump(-1)]
FLOOD = li(T0, UART) + li(T1, ord("x")) + [T1 << 20 | T0 << 15 | 0x23, jump(-1)]


@pytest.fixture
def image(tmp_path):
    """image(code) is the path of a kernel that runs it."""
    def make(code, name="Image", stands_at=2 << 20):
        header = struct.pack("<IIQQQIIQ8s4sI", jump(16), 0, stands_at, 1 << 20, 0, 2, 0, 0, b"RISCV\0\0\0", b"RSC\x05", 0)
        path = tmp_path / name
        path.write_bytes(header + struct.pack(f"<{len(code)}I", *code))
        return str(path)
    return make


def run(*words, **more):
    return subprocess.run([SEMU, "-n", "none", *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **more)


@pytest.fixture
def start(closing):
    """start(words, …) starts a semu; what is left of it is killed."""
    class Running(subprocess.Popen):
        def close(self):
            self.kill()
            self.wait()
            for stream in (self.stdin, self.stdout, self.stderr):
                if stream:
                    stream.close()
    return lambda *words, **more: closing(Running([SEMU, "-n", "none", *words], **more))


def test_how_the_guest_ends_is_how_semu_ends(image):
    done = run("-k", image(put("hello\n") + end(OFF)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")
    done = run("-k", image(put("oh\n") + end(FAILED)))
    assert (done.returncode, done.stdout) == (3, "oh\n")
    assert done.stderr == "semu: the guest's system failed; what it printed last says why\n"


def test_a_file_that_cannot_be_used_is_one_line(image, tmp_path):
    good = image(end(OFF))
    (tmp_path / "Image.gz").write_bytes(b"\x1f\x8b\x08" + bytes(100))
    (tmp_path / "short").write_bytes(open(good, "rb").read()[:40])
    (tmp_path / "large").write_bytes(b"")
    os.truncate(tmp_path / "large", 300 << 20)
    table = [
        (["-k", "Image.gz"], "Image.gz: is compressed by gzip; unpack it first: gunzip <Image.gz >kernel"),
        (["-k", "short"], "short: not a kernel; give a RISC-V Linux Image"),
        (["-k", "/bin/sh"], "/bin/sh: is an ELF file; make an Image of it: objcopy -O binary /bin/sh kernel"),
        (["-k", "none"], "none: No such file or directory; give a file that can be read"),
        (["-k", good, "-i", "large", "-m", "256M"], "large: needs a machine of 304 MiB, and this one has 256; give it more by -m 304M"),
        (["-k", good, "-b", "short"], "short: not a device tree; make one: dtc -o minimal.dtb minimal.dts"),
    ]
    for words, line in table:
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"semu: {line}\n")
    (tmp_path / "odd").write_bytes(bytes(1000))
    for words, line in ((["-d", "odd"], "odd: ends within a sector of 512 bytes; `truncate -s %512 odd` fills it up"),
                        (["-d", "none"], "none: there is no such disk; `truncate -s 1G none` makes an empty one")):
        done = run("-k", good, *words, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"semu: {line}\n")
    done = run("-k", good, "--smp", "many")
    assert (done.returncode, done.stderr) == (2, "semu: -c many: harts are a number from 1 to 32\n")


def test_what_would_be_lost_is_told(image):
    good = image(put("hello\n") + end(OFF))
    done = run("-k", good, "-a", "x" * 2000)
    assert done.returncode == 0 and done.stderr.endswith("Linux reads the first 1023\n"), done.stderr
    done = run("-k", good, "-a", "x" * 5000)
    assert done.returncode == 2 and "at most 4095 are passed on\n" in done.stderr
    done = run("-k", good, "-n", "none,mac=52:54:00:00:00:0a", "-n", "none,mac=52:54:00:00:00:0A")
    assert (done.returncode, done.stderr) == (2, "semu: -n none,mac=52:54:00:00:00:0A: another card of this machine has this MAC address\n")
    for words, code, line in ((["-k", good], 0, "standard output: No space left on device; what the guest prints from here on is lost\r\n"),
                              (["--help"], 1, "standard output: No space left on device\n")):
        with open("/dev/full", "w") as full:
            done = subprocess.run([SEMU, "-n", "none", *words], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=60)
        assert (done.returncode, done.stderr.decode()) == (code, f"semu: {line}")


def test_the_kernel_chooses_the_machine_and_nothing_may_contradict_it(image, tmp_path):
    """A Linux of 32 bits stands at 4 MiB, one of 64 at 2 MiB."""
    image(end(OFF), "wide")
    image(end(OFF, li_32), "narrow", 4 << 20)
    for bits in (64, 32):
        hart = {"device_type": "cpu", "riscv,isa": f"rv{bits}ima"}
        (tmp_path / f"{bits}.dtb").write_bytes(flat({"#address-cells": 1, "#size-cells": 1, "cpus": {"cpu": hart}}))
    plic = {"compatible": "sifive,plic-1.0.0", "reg": [0xF0000000, 0x4000000], "#interrupt-cells": 1, "phandle": 1}
    (tmp_path / "plic.dtb").write_bytes(flat({"#address-cells": 1, "#size-cells": 1, "cpus": {"cpu": hart}, "plic": plic}))
    for words, machine in ((["-k", "wide"], "rv64"), (["-k", "narrow"], "rv32"), (["-k", "narrow", "-M", "rv32", "-b", "plic.dtb"], "rv32")):
        done = run("-v", *words, cwd=tmp_path)
        assert done.returncode == 0 and f"semu: {machine}, 1 hart" in done.stderr, done.stderr
    table = [
        (["-k", "narrow", "-M", "rv64"], "narrow: a kernel of 32 bits, and -M asks for rv64; leave -M out"),
        (["-k", "wide", "-M", "rv32"], "wide: a kernel of 64 bits, and -M asks for rv32; leave -M out"),
        (["-k", "narrow", "-b", "64.dtb"], "narrow: a kernel of 32 bits, and 64.dtb describes rv64; give the one that goes with the other, or leave -b out"),
        (["-k", "wide", "-b", "32.dtb"], "wide: a kernel of 64 bits, and 32.dtb describes rv32; give the one that goes with the other, or leave -b out"),
        (["-k", "wide", "-M", "rv64", "-b", "32.dtb"], "wide: a kernel of 64 bits, and 32.dtb describes rv32; give the one that goes with the other, or leave -b out"),
        (["-k", "narrow", "-b", "32.dtb", "-c", "2"], "32.dtb: has 1 hart, and -c asks for 2; give one with as many, or leave -b out"),
        (["-k", "narrow", "-b", "32.dtb", "-n", "none"], "32.dtb: lacks a network card or the disk, and the PLIC at 0xf0000000 that it would need; give none: semu makes it"),
        (["-k", image(end(OFF), "any", 0), "-M", "rv64", "-b", "32.dtb"], "32.dtb: describes rv32, and -M asks for rv64; leave -M out"),
    ]
    for words, line in table:
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"semu: {line}\n")


def test_a_guest_that_waits_costs_nothing(image, start):
    machine = start("-k", image(SLEEP), "-c", "4", stdin=subprocess.PIPE)

    def ticks():
        with open(f"/proc/{machine.pid}/stat") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))

    time.sleep(1)
    before = ticks()
    time.sleep(3)
    assert ticks() - before <= 6  # 2 % of a core, by ticks of 10 ms
    # It hears what is typed all the same.
    machine.stdin.write(b"\x01x")
    machine.stdin.flush()
    assert machine.wait(timeout=10) == 0


def test_output_that_nobody_reads_holds_up_only_the_guest(image, start):
    machine = start("-k", image(FLOOD), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    time.sleep(1)
    assert machine.poll() is None
    machine.send_signal(signal.SIGTERM)
    assert machine.wait(timeout=10) == -signal.SIGTERM
    assert set(machine.stdout.read()) == {ord("x")}


@pytest.mark.parametrize("how", ["key", "signal", "crash", "error"])
def test_the_terminal_is_left_as_it_was(image, start, how, tmp_path):
    ours, theirs = pty.openpty()
    try:
        before = termios.tcgetattr(theirs)
        words = ["-k", image(put("up") + SLEEP)] + (["-d", str(tmp_path)] if how == "error" else [])
        machine = start(*words, stdin=theirs, stdout=theirs, stderr=theirs)
        if how != "error":
            eventually(lambda: b"up" in os.read(ours, 64), 20, what="the guest")
            assert not termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
        if how == "key":
            os.write(ours, b"nobody takes this")
            time.sleep(0.2)
            os.write(ours, b"\x01x")
        elif how != "error":
            machine.send_signal(signal.SIGTERM if how == "signal" else signal.SIGSEGV)
        expected = {"key": 0, "signal": -signal.SIGTERM, "crash": -signal.SIGSEGV, "error": 1}
        assert machine.wait(timeout=20) == expected[how]
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)
