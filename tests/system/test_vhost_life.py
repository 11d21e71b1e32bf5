# SPDX-License-Identifier: MIT
# takes long
"""Vhost-user guests, and guestwire itself, that begin anew. The topology is kit/vhost.py's."""
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from kit import eventually, guests, images
from kit.far import WORLD
from kit.qmp import Qmp
from kit.vhost import MACS, addressed, network, nothing_was_lost, to_world


def reached(guest):
    return guest.run("ping -c 1 -W 1 10.0.2.2", check=False)[0] == 0


def appeared(guest):
    """The driver has it, after a bind or a plug."""
    guest.run("i=0; while ! [ -e /sys/class/net/eth0 ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done; [ -e /sys/class/net/eth0 ]")


def rebound(guest):
    """The driver lets the device go and takes it again."""
    guest.run("d=/sys/bus/virtio/drivers/virtio_net; n=$(basename $(readlink -f /sys/class/net/eth0/device)); echo $n >$d/unbind; "
              "echo $n >$d/bind")
    appeared(guest)


def replugged(guest, monitor, options):
    """The device is taken out of the running machine, and another put in its place."""
    monitor("device_del", id="d0")
    eventually(lambda: monitor("query-status") and "DEVICE_DELETED" in monitor.events, 20, what="the end of the device")
    assert guest.run("[ -e /sys/class/net/eth0 ]", check=False)[0] != 0
    monitor("device_add", driver="virtio-net-pci", id="d0", netdev="n0", mac=MACS[0], vectors=0, romfile="", **options)
    appeared(guest)


@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
def test_a_guest_that_begins_anew_goes_on(far, tmp_path, closing, move, packed):
    lab = network(far, tmp_path)
    guest = closing(guests.qemu_vhost("guest", tmp_path, f"{tmp_path}/v.sock", MACS[0], 1, f",id=d0,packed={'on' if packed else 'off'}",
                                      more=Qmp.words(f"{tmp_path}/qmp"), reboots=True))
    guest.ready()
    monitor = closing(Qmp(f"{tmp_path}/qmp"))
    addressed(guest)
    rebound(guest)
    addressed(guest)
    to_world(lab, guest, move, 4, "send", 1 << 20)
    replugged(guest, monitor, {"packed": packed})
    addressed(guest)
    to_world(lab, guest, move, 4, "fetch", 1 << 20)
    guest.start("echo 1 >/proc/sys/kernel/sysrq; echo b >/proc/sysrq-trigger")
    guest.ready()
    addressed(guest)
    to_world(lab, guest, move, 6, "fetch", 1 << 20)
    nothing_was_lost(lab)


@pytest.mark.parametrize("end,packed", [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGKILL, False)],
                         ids=["SIGTERM-split", "SIGTERM-packed", "SIGKILL-split"])
def test_a_guestwire_that_begins_anew_goes_on(wire, tmp_path, closing, end, packed):
    words = ["--guest", f"vhost-user,path={tmp_path}/v.sock"]
    lab = wire(*words)
    guest = closing(guests.qemu_vhost("guest", tmp_path, f"{tmp_path}/v.sock", MACS[0], 1, f",packed={'on' if packed else 'off'}"))
    guest.ready()
    guest.dhcp()
    for _ in range(2):
        guest.run("sh -c 'ping -q -i 0.005 -s 1000 10.0.2.2 >/dev/null 2>&1 & echo $! >/tmp/ping'")  # buffers are under way both ways
        time.sleep(0.5)
        lab.process.send_signal(end)
        lab.process.wait(10)
        lab = wire(*words)
        eventually(lambda: reached(guest), 30, what="traffic")
        guest.run("kill $(cat /tmp/ping); ping -q -A -c 1000 -s 1400 -w 30 10.0.2.2", 60)
        guest.dhcp()
    assert not any(reason.startswith(("ring-", "vhost-")) and reason != "ring-off" for port in lab.show()["ports"] for reason in port.get("drops") or {})


def test_a_guest_keeps_its_network_when_memory_is_added_and_when_it_is_refused(wire, tmp_path, closing):
    """A DIMM of memory that may be shared, and one of a file that is on a disk, of which the back end takes none."""
    lab = wire("--guest", f"vhost-user,path={tmp_path}/v.sock")
    guest = closing(guests.qemu_vhost("guest", tmp_path, f"{tmp_path}/v.sock", MACS[0],
                                      more=["-m", "256,slots=2,maxmem=1G", *Qmp.words(f"{tmp_path}/qmp")]))
    guest.ready()
    guest.dhcp()
    monitor = closing(Qmp(f"{tmp_path}/qmp"))
    for kind, more in (("memfd", {}), ("file", {"mem-path": f"{tmp_path}/memory"})):
        monitor("object-add", **{"qom-type": f"memory-backend-{kind}", "id": kind, "size": 128 << 20, "share": True}, **more)
        monitor("device_add", driver="pc-dimm", id=f"dimm-{kind}", memdev=kind)
        assert reached(guest)
    assert "left (" not in lab.errors(), lab.errors()


def test_a_packed_ring_whose_guestwire_was_killed_is_lost_by_name_until_the_guest_resets_it(wire, tmp_path, closing):
    words = ["--guest", f"vhost-user,path={tmp_path}/v.sock"]
    lab = wire(*words)
    guest = closing(guests.qemu_vhost("guest", tmp_path, f"{tmp_path}/v.sock", MACS[0], 1, ",packed=on"))
    guest.ready()
    guest.dhcp()
    lab.process.kill()
    lab.process.wait(10)
    lab = wire(*words)
    eventually(lambda: any("ring-lost" in (port.get("drops") or {}) for port in lab.show()["ports"]), 20, what="the drop's name")
    assert not reached(guest)
    rebound(guest)
    guest.run("ip link set eth0 up")
    guest.dhcp()
    assert reached(guest)
    assert lab.errors().count("ring-lost") == 1 and "left (" not in lab.errors(), lab.errors()


@pytest.mark.parametrize("options", ["", ",disable-modern=on"], ids=["virtio-1", "before"])
def test_ipxe_boots_over_it(far, tmp_path, closing, options):
    """DHCP names a script, TFTP brings it and the initramfs, HTTP the kernel; what they start is on the network again. Before
    virtio 1.0 iPXE's frames have a shorter header than Linux's, whose buffers are mergeable."""
    kernel, initrd = images.debian_guest("cloud-amd64")
    files = tmp_path / "files"
    files.mkdir()
    shutil.copy(initrd, files / "initrd")
    (files / "start").write_text(f"#!ipxe\nkernel http://{WORLD[4]}:8080/{os.path.basename(kernel)} {guests.CMDLINE} by=ipxe\n"
                                 "initrd tftp://${next-server}/initrd\nboot\n")
    lab = network(far, tmp_path, options=f",tftp={files},bootfile=start")
    lab.start(lab.world, sys.executable, "-m", "http.server", "8080", "--bind", WORLD[4], "--directory", os.path.dirname(kernel),
              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    guest = closing(guests.qemu_vhost("guest", tmp_path, f"{tmp_path}/v.sock", MACS[0], options=options, netboot=True))
    guest.ready()
    assert "by=ipxe" in guest.run("cat /proc/cmdline")
    addressed(guest)
    assert reached(guest)
    nothing_was_lost(lab)
    assert not any("queue-full" in drops for drops in lab.drops().values() if drops)  # TCP waits for room, and TFTP for its answer
