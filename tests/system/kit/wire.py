# SPDX-License-Identifier: MIT
"""The guestwire under test: one `guestwire up` in a runtime folder of its own, and the commands that talk to it."""
import json
import os
import signal
import subprocess

from kit import PROGRAM, eventually


class Wire:
    def __init__(self, folder, *options, name="t", inside=None, check=True, pass_fds=()):
        """`inside`: a Namespace in which the program runs; `check=False`: it may fail to start."""
        self.folder = str(folder)
        self.name = name
        self.inside = inside
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.folder)
        self.environment.pop("NOTIFY_SOCKET", None)
        self.error_path = os.path.join(self.folder, name + ".err")
        self.out_path = os.path.join(self.folder, name + ".out")
        self.may_fail = not check
        self.process = self._start(["up", name, *map(str, options)], pass_fds)
        if check:
            self._wait_ready()

    def _words(self, words):
        command = [PROGRAM, *words]
        return self.inside.command(*command) if self.inside else command

    def _start(self, words, pass_fds=()):
        with open(self.error_path, "w", encoding="utf8") as error, open(self.out_path, "w", encoding="utf8") as out:
            return subprocess.Popen(self._words(words), env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=error,
                                    pass_fds=pass_fds)

    def _wait_ready(self):
        def ready():
            assert self.process.poll() is None, "guestwire up ended: " + self.errors()
            return self.command("ls", "--json", check=False).returncode == 0 and self._served()
        eventually(ready, 20, what="guestwire up")

    def _served(self):
        done = self.command("show", self.name, "--json", check=False)
        return done.returncode == 0

    @property
    def pid(self):
        """Of guestwire itself: nsenter replaces itself by it."""
        return self.process.pid

    def runtime(self, *names):
        return os.path.join(self.folder, "guestwire", self.name, *names)

    def errors(self):
        with open(self.error_path, encoding="utf8", errors="replace") as file:
            return file.read()

    def command(self, *words, check=True, timeout=30):
        done = subprocess.run(self._words(list(map(str, words))), env=self.environment, capture_output=True, text=True,
                              timeout=timeout, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"guestwire {' '.join(map(str, words))}: exit {done.returncode}\n{done.stderr}"
        return done

    def show(self):
        return json.loads(self.command("show", self.name, "--json").stdout)

    def drops(self):
        """Of every port that has some: for messages of failed assertions."""
        return {port["name"]: port.get("drops") for port in self.show()["ports"]}

    def port(self, name):
        return next(port for port in self.show()["ports"] if port["name"] == name)

    def lease_of(self, mac, family=4):
        """The lease entry of a MAC address and family, or None."""
        for lease in self.show()["leases"]:
            if lease["mac"] == mac and (":" in lease["address"]) == (family == 6):
                return lease
        return None

    def stop(self, end=signal.SIGTERM):
        """Ends it and gives its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(end)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def close(self):
        """Ends it, if the test has not; what the sanitizers found, leaks at the end among it, fails the test, and so does an
        end that nobody wanted, however long ago."""
        status = self.stop()
        assert "Sanitizer" not in self.errors() and "runtime error" not in self.errors(), self.errors()
        wanted = (0, -signal.SIGKILL, *((1, 2) if self.may_fail else ()))
        assert status in wanted, f"guestwire ended with {status}: {self.errors()}"
