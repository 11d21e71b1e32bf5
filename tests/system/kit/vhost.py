# SPDX-License-Identifier: MIT
"""What the tests of vhost-user guests share: their network, what they send and fetch, what must not have been dropped.

  QEMU, virtio-net  --+
  QEMU, virtio-net  --+-- vhost-user ---+
  User Mode Linux   --+                 +-- guestwire, in host --veth-- world: `move` listens, dnsmasq answers
  QEMU, e1000 ------------- stream -----+
"""
import re
import subprocess

from kit.far import WORLD

MACS = ["52:54:00:00:03:01", "52:54:00:00:03:02", "52:54:00:00:03:03"]
BYTES = 64 << 20


def addressed(guest):
    """Its two addresses, as a guest gets them, without the waiting that only many guests at once need."""
    guest.run("cd /proc/sys/net/ipv6/conf/eth0; echo 0 >router_solicitation_delay; echo 0 >accept_dad; cd /; "
              "ip link set eth0 down; ip link set eth0 up")
    return {4: guest.dhcp(), 6: guest.slaac("fd00:")}


def network(far, folder, **more):
    lab = far(guests=[f"vhost-user,path={folder}/v.sock"], **more)
    lab.box.run("ip", "link", "set", "tap0", "down")  # its address is the first that a guest gets
    lab.start(lab.world, "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root",
              "--bind-interfaces", "--listen-address=" + WORLD[4], "--address=/answer.test/198.51.100.7")
    return lab


def to_world(lab, guest, move, family, inside, size=BYTES, seconds=300):
    """The guest connects; it sends or it fetches."""
    far_end = lab.start(lab.world, move, "take" if inside == "send" else "give", 9000, size, 7, stdout=subprocess.PIPE, text=True)
    assert far_end.stdout.readline() == "listening\n"
    said = guest.run(f"move {inside} {WORLD[family]} 9000 {size} 7", seconds)
    assert far_end.wait(60) == 0, lab.drops()
    assert re.findall(r"\w+", said + far_end.stdout.read()) == ["right"], lab.drops()


def to_guest(source, sink, address, size=BYTES, seconds=300):
    sink.start(f"move take 9001 {size} 9")
    sink.expect("^listening", 30)
    source.run(f"move send {address} 9001 {size} 9", seconds)
    status, text = sink.finish(30)
    assert status == 0 and "right" in text, text


def resolved(guest):
    return guest.run("nslookup answer.test 10.0.2.3", check=False)[1]  # of IPv6 there is no answer, which fails it


def offloads(guest):
    """What `ethtool -k` says is on."""
    return set(re.findall(r"^\s*([\w-]+): on", guest.run("/bin/ethtool -k eth0"), re.M))


def nothing_was_lost(lab):
    """No guest lied and no frame was refused for its offloads."""
    lies = {name: drops for name, drops in lab.drops().items()
            if drops and any(re.match("vhost-|offload-|ring-(?!off$)", reason) for reason in drops)}
    assert not lies
