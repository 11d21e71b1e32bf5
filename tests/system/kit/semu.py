# SPDX-License-Identifier: MIT
"""semu with its guest's console in our hands: what a person types and reads, through a terminal of its own."""
import functools
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest

from kit import PROGRAM, SANITIZED

SEMU = os.path.join(os.path.dirname(PROGRAM), "semu")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SLOWNESS = 12 if SANITIZED else 1
PROMPT = r"(?:~|/[^\n]*|) ?# (?:\x1b\[6n)?$"


@functools.lru_cache(None)
def guest(*words):
    """(Image, rootfs.cpio) that scripts/guest makes; the test is skipped where none can be had."""
    done = subprocess.run([os.path.join(ROOT, "scripts", "guest"), *words], capture_output=True, text=True, timeout=900)
    if done.returncode:
        pytest.skip((done.stderr.strip().split("\n") or ["no guest"])[-1])
    folder = done.stdout.strip()
    return os.path.join(folder, "Image"), os.path.join(folder, "rootfs.cpio")


class Here:
    """Where a semu runs that needs no namespace."""

    @staticmethod
    def command(*words):
        return list(map(str, words))


class Semu:
    """A running semu; `words` are its options besides -k and -i, which are the guest's of scripts/guest unless given."""

    def __init__(self, space, *words, files=None, program=SEMU, environment=None):
        image, rootfs = files or guest()
        self.seen = ""
        ours, theirs = pty.openpty()
        self.terminal = ours
        self.settings = termios.tcgetattr(theirs)
        command = space.command(*self.command(program, image, rootfs, *words))
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment)
        os.close(theirs)

    @staticmethod
    def command(program, image, rootfs, *words):
        return [program, "-k", image, *(["-i", rootfs] if rootfs else []), *words]

    def read(self, seconds):
        """What came until then, or False at the end."""
        ready, _, _ = select.select([self.terminal], [], [], seconds)
        if ready:
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:  # the other end is closed
                return False
            self.seen += piece.decode(errors="replace").replace("\r", "")
            return bool(piece)
        return True

    def expect(self, pattern, seconds=60):
        """The match; what was read up to its end will not be matched again."""
        end = time.monotonic() + seconds * SLOWNESS
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return match
            going = self.read(0.2)
            assert going, f"semu ended before {pattern!r}:\n{self.seen[-3000:]}"
            assert time.monotonic() < end, f"{pattern!r} did not come within {seconds} s:\n{self.seen[-3000:]}"

    def type(self, text):
        os.write(self.terminal, text.encode())

    def boot(self, seconds=60):
        """Until the shell's prompt; the seconds that the guest says it took."""
        up = float(self.expect(r"guest: up after ([0-9.]+)", seconds).group(1))
        self.expect(PROMPT, 60)
        return up

    def ask(self, command, seconds=30):
        """(what the command printed, its exit status), without what a kernel on a busy machine says in between."""
        self.type(command + '; echo "<$?>"\n')
        self.expect(r'<\$\?>"\s*\n', 30)
        end = self.expect(r"(?s)^(.*?)<(\d+)>\n", seconds)
        self.expect(PROMPT, 30)
        return re.sub(r"(?m)^\[ *\d+\.\d+\] .*\n", "", end.group(1)), int(end.group(2))

    def do(self, command, seconds=30):
        """What it printed; it must succeed."""
        text, status = self.ask(command, seconds)
        assert status == 0, f"{command}: {status}\n{text}"
        return text

    def wait(self, seconds=20):
        """Its exit status, when it has ended by itself."""
        end = time.monotonic() + seconds * SLOWNESS
        while self.process.poll() is None:
            self.read(0.1)
            assert time.monotonic() < end, f"semu did not end within {seconds} s:\n{self.seen[-2000:]}"
        while self.read(0.05) and select.select([self.terminal], [], [], 0)[0]:
            pass
        return self.process.returncode

    def power_off(self):
        self.type("poweroff -f\n")
        return self.wait()

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def children(self):
        """What it started and has not reaped."""
        return subprocess.run(["pgrep", "-P", str(self.process.pid)], stdout=subprocess.PIPE, text=True).stdout.split()

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.terminal)
