# SPDX-License-Identifier: MIT
"""A network namespace of the test's own, held by a sleeping process. As root it is a plain one; as an ordinary user it is
inside a user namespace of its own."""
import os
import subprocess

from kit import missing


class Namespace:
    def __init__(self):
        command = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
        self.holder = subprocess.Popen(command + ["sh", "-c", "ip link set lo up && echo ready && exec sleep 3600"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            missing("a network namespace (" + self.holder.stderr.read().strip() + ")")

    @property
    def path(self):
        return f"/proc/{self.holder.pid}/ns/net"

    def command(self, *words):
        """The words, to be run inside."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", "-t", str(self.holder.pid), *user, "--net", "--", *map(str, words)]

    def run(self, *words, check=True, timeout=60, **more):
        """Runs to its end; gives the CompletedProcess with text."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=timeout, **more)
        assert not check or done.returncode == 0, f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start(self, *words, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.command(*words), **more)

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()
