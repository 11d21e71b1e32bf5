# SPDX-License-Identifier: MIT
"""A guest moves from one QEMU to another on this machine, and no connection notices.

  QEMU, the guest until now ----+
     | its memory, by a socket  |
  QEMU, the guest from then on -+-- vhost-user -- guestwire, in host --veth-- world: `move`
  QEMU, another guest ----------+

All are on the same network. What the device writes into the guest's memory while that is being copied it has to say in the
dirty log: `move hold` leaves 64 MiB where the network wrote them, and looks at them only when all have come. One
migration is cancelled half-way and repeated. The guest moves ten times; FULL=1 does it with a packed ring as well."""
import os
import re
import signal
import subprocess
import time

import pytest

from kit import eventually, guests
from kit.far import WORLD
from kit.qmp import Qmp

FULL = bool(os.environ.get("FULL"))
MOVES = 10
CANCELLED = 2  # the move that is cancelled half-way and then repeated
MAC, OTHER = "52:54:00:00:04:01", "52:54:00:00:04:02"
# QEMU before 9.0, emulating, loses what its guest writes while it looks for dirty pages 64 at a time (mended by its commit
# 03bfc2188f); memory that is no whole number of those it looks at page by page.
MEMORY = f"{384 * 1024 + 8}K"
HELD = 64 << 20


class Home:
    """A QEMU where the guest is, or is to come."""

    def __init__(self, closing, folder, number, options, comes=False):
        self.at = f"{folder}/in{number}.sock"
        qmp = f"{folder}/qmp{number}.sock"
        self.console = closing(guests.qemu_vhost(f"home{number}", folder, f"{folder}/v.sock", MAC, 1, options, MEMORY,
                                                 more=[*Qmp.words(qmp), *(["-incoming", f"unix:{self.at}"] if comes else [])]))
        self.qmp = closing(Qmp(qmp))

    def migrate(self, to, mib_per_s=1000):
        self.qmp("migrate-set-parameters", **{"max-bandwidth": mib_per_s << 20})
        self.qmp("migrate", uri=f"unix:{to.at}")

    def migration(self):
        return self.qmp("query-migrate")

    def quit(self):
        self.qmp("quit")
        self.console.process.wait(10)


def ports_of_guest(lab):
    """The ports that the switch heard the guest at."""
    return [port["name"] for port in lab.lab.show()["ports"] if MAC in port["macs"]]


def moved(lab, home, to, seconds=60):
    """The guest goes to the other, its console and all, and the network finds it there."""
    before = ports_of_guest(lab)
    home.migrate(to)
    eventually(lambda: home.migration()["status"] in ("completed", "failed"), seconds, 0.05, "the migration")
    assert home.migration()["status"] == "completed"
    eventually(lambda: ports_of_guest(lab) not in ([], before), 20, 0.02, "a sign of the guest from its new port")
    to.console.serial = home.console.serial
    home.quit()
    return to


def cancelled(home, to):
    """Half-way, the guest stays."""
    home.migrate(to, 30)
    eventually(lambda: home.migration().get("ram", {}).get("transferred", 0) > 40 << 20, 30, 0.05, "half of a migration")
    home.qmp("migrate_cancel")
    eventually(lambda: home.migration()["status"] == "cancelled", 20, 0.05, "the end of a migration that was cancelled")


class Flows:
    """Connections that go slowly, and not to their ends, until finish(): from the guest and to it through NAT, to another guest,
    and one whose bytes stay where the network writes them."""
    SIZE, PACE, HELD_PACE = 24 << 20, 1024, 3072  # bytes, KiB/s

    def __init__(self, lab, home, other, address, move, number):
        port = 9000 + 10 * number
        self.other = other
        self.far = [self._far(lab, move, "take", port, self.SIZE, self.PACE), self._far(lab, move, "give", port + 1, self.SIZE, self.PACE),
                    self._far(lab, move, "give", port + 2, HELD, self.HELD_PACE)]
        other.start(f"move take {port + 3} {self.SIZE} 7")
        other.expect("^listening", 10)
        for name, words in (("up", f"send {WORLD[4]} {port} {self.SIZE} 7"), ("down", f"fetch {WORLD[6]} {port + 1} {self.SIZE} 7"),
                            ("held", f"hold {WORLD[4]} {port + 2} {HELD} 7"), ("across", f"send {address} {port + 3} {self.SIZE} 7")):
            home.console.run(f"( (MOVE_PACE={self.PACE} move {words}; echo exit $?) >/tmp/{name} 2>&1 & )")

    @staticmethod
    def _far(lab, move, verb, port, size, pace):
        process = lab.start(lab.world, "env", f"MOVE_PACE={pace}", move, verb, port, size, 7, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "listening\n"
        return process

    @staticmethod
    def are_under_way(console):
        said = console.run("cd /tmp; grep . up down held across; cd /", check=False)[1]
        assert not re.search("^(up|down|held|across):", said, re.M), said

    def finish(self, console):
        """Each byte arrives, once and in order."""
        console.run("killall -USR1 move")
        for process in self.far:
            process.process.send_signal(signal.SIGUSR1)
        for name, said in (("up", ""), ("down", "right"), ("held", "held right"), ("across", "")):
            text = console.run(f"while ! grep -q exit /tmp/{name}; do sleep 0.1; done; cat /tmp/{name}", 60)
            assert re.findall(r"\w+", text) == [*said.split(), "exit", "0"], name + ": " + text
        status, text = self.other.finish(30)
        assert status == 0 and "right" in text, text
        assert [process.wait(30) for process in self.far] == [0, 0, 0]
        assert self.far[0].stdout.read() == "right\n"


def begun(far, folder, closing, options):
    lab = far(guests=[f"vhost-user,path={folder}/v.sock"])
    other = closing(guests.qemu_vhost("other", folder, f"{folder}/v.sock", OTHER))
    home = Home(closing, folder, 0, options)
    home.console.ready()
    home.console.run("cd /proc/sys/net; echo 1000000 1500000 2000000 >ipv4/tcp_mem; echo 300000000 >core/rmem_max; "
                     "cd ipv6/conf/eth0; echo 0 >router_solicitation_delay; cd /; ip link set eth0 down; ip link set eth0 up")
    home.console.dhcp()
    home.console.slaac("fd00:")
    other.ready()
    return lab, home, other, other.dhcp()


@pytest.mark.parametrize("options", ["", ",packed=on"] if FULL else [""], ids=["split", "packed"] if FULL else ["split"])
def test_connections_outlive_migrations(far, tmp_path, closing, move, options):
    lab, home, other, address = begun(far, tmp_path, closing, options)
    for number in range(1, MOVES + 1):
        homes = [Home(closing, tmp_path, f"{number}{kind}", options, comes=True) for kind in ("a", "b")[:1 + (number == CANCELLED)]]
        flows = Flows(lab, home, other, address, move, number)
        time.sleep(1)
        if number == CANCELLED:
            cancelled(home, homes.pop())
            flows.are_under_way(home.console)
        home = moved(lab, home, homes.pop())
        flows.are_under_way(home.console)
        flows.finish(home.console)
        lies = {reason for drops in lab.drops().values() for reason in drops or {} if re.match("vhost-|offload-|ring-(?!off$)", reason)}
        assert not lies
    assert home.console.dhcp() == "10.0.2.15"
