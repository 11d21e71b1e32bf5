# SPDX-License-Identifier: MIT
"""Somebody who types guestwire commands at a machine (a Namespace): root, or an ordinary user. Where the tests run as root
the ordinary one is nobody, who may open a /dev/net/tun that only he sees, and has a resolv.conf of his own."""
import os
import shutil
import subprocess
import tempfile

from kit import PROGRAM, SANITIZED

NOBODY = 65534

# In a mount namespace: the device, resolv.conf, and then the user.
SETTING = """
set -e
folder=$0 tun=$1 uid=$2
shift 2
mount -t tmpfs none "$folder/dev"
if [ "$tun" = yes ]; then
	mknod "$folder/dev/tun" c 10 200
	chmod 666 "$folder/dev/tun"
	mount --bind "$folder/dev/tun" /dev/net/tun
elif [ "$tun" = missing ]; then
	mount --bind "$folder/dev" /dev/net
fi
mount --bind "$folder/resolv.conf" /etc/resolv.conf
"""
AS_USER = SETTING + 'exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all "$@"'
AS_ROOT = SETTING + 'exec "$@"'


class Person:
    def __init__(self, space, ordinary=True, tun="yes", resolver="192.0.2.2", uid=NOBODY):
        """`tun`: yes, no (the machine's own, 0600), missing."""
        self.space, self.ordinary, self.tun = space, ordinary, tun
        self.dropped = ordinary and os.geteuid() == 0
        self.uid = uid if self.dropped else os.geteuid()
        self.folder = tempfile.mkdtemp(prefix="guestwire-person-")
        os.chmod(self.folder, 0o755)
        for name in ("dev", "run"):
            os.mkdir(self.path(name), 0o700)
        with open(self.path("resolv.conf"), "w", encoding="utf8") as file:
            file.write(f"nameserver {resolver}\n")
        os.chmod(self.path("resolv.conf"), 0o644)
        self.program = self.path("guestwire")
        shutil.copy(PROGRAM, self.program)
        if self.dropped:
            os.chown(self.path("run"), self.uid, self.uid)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.path("run"), PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        if SANITIZED:
            self.environment["ASAN_OPTIONS"] = "detect_leaks=0"  # its tracer may not look at a process of another user namespace

    def path(self, name):
        return os.path.join(self.folder, name)

    def words(self, *words):
        """The whole command line for what the person types."""
        script = AS_USER if self.dropped else AS_ROOT
        if os.geteuid() != 0:
            return self.space.command(*words)
        return self.space.command("unshare", "-m", "--propagation", "private", "sh", "-c", script, self.folder, self.tun, str(self.uid), *words)

    def guestwire(self, *words, check=False, timeout=30, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(self.words(self.program, *map(str, words)), env=self.environment, capture_output=True, text=True, timeout=timeout, **more)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        assert not check or done.returncode == 0, f"guestwire {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start(self, *words, **more):
        """The guestwire that was started: what stands before it on the command line replaces itself by it."""
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.words(self.program, *map(str, words)), env=self.environment, text=True, **more)

    def left(self):
        """What lies in the runtime folder still."""
        return [os.path.join(path, name) for path, folders, files in os.walk(self.path("run")) for name in folders + files]

    def close(self):
        left = self.left()
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, left
