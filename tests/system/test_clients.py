# SPDX-License-Identifier: MIT
"""The distribution's own DHCP clients, each in a namespace on a tap of its own.

  udhcpc | dhclient | dhcpcd | rdisc6  -- tap0 in a namespace -- guestwire"""
import re

import pytest

from kit import eventually, need

UPLINK = ("none,net=10.7.0.0/24,host=10.7.0.1,dhcpstart=10.7.0.50,dhcpend=10.7.0.99,dns=10.7.0.1,router=on,domainname=lab.example,"
          "dnssearch=lab.example,dnssearch=example.org,mtu=1400,ipv6-net=fd07::/64,ipv6-host=fd07::1,ipv6-dns=fd07::1,ipv6-dns=fd07::53,lease=600")


@pytest.fixture
def tap(wire, namespace):
    """(network, namespace with tap0 up, its MAC)"""
    space = namespace()
    lab = wire("--uplink", UPLINK, "--guest", f"tap,ifname=tap0,netns={space.path}")
    space.run("ip", "link", "set", "tap0", "up")
    mac = re.search(r"link/ether ([0-9a-f:]+)", space.run("ip", "link", "show", "tap0").stdout)[1]
    return lab, space, mac


def state(lab, mac, family=4):
    lease = lab.lease_of(mac, family)
    return lease and lease["state"]


def test_udhcpc_gets_renews_and_releases(tap, tmp_path):
    need("udhcpc")
    lab, space, mac = tap
    script = tmp_path / "u.sh"
    script.write_text(f'#!/bin/sh\necho "$1 $ip $mask router=$router dns=$dns mtu=$mtu domain=$domain search=$search" >> {tmp_path}/u.log\n'
                      '[ "$1" = bound ] && ip addr add $ip/$mask dev $interface\nexit 0\n')
    script.chmod(0o755)
    client = space.start("udhcpc", "-i", "tap0", "-f", "-t", "5", "-T", "1", "-s", script, "-O", "mtu", "-O", "search", "-R",
                         "-p", tmp_path / "u.pid")
    try:
        eventually(lambda: state(lab, mac) == "bound", what="bound")
        log = eventually(lambda: (tmp_path / "u.log").read_text() if "bound" in (tmp_path / "u.log").read_text() else None, what="the script")
        assert re.search(r"bound 10\.7\.0\.\d+ 24 router=10\.7\.0\.1 dns=10\.7\.0\.1 mtu=1400 domain=lab\.example search=lab\.example example\.org", log)
        left = lab.lease_of(mac)["seconds_left"]
        renewed = len(re.findall(r"renew", log))
        space.run("sh", "-c", f"sleep 1.2; kill -USR1 $(cat {tmp_path}/u.pid)")
        eventually(lambda: (tmp_path / "u.log").read_text().count("renew") > renewed, what="renewed")
        assert lab.lease_of(mac)["seconds_left"] >= left - 1
        space.run("sh", "-c", f"kill -USR2 $(cat {tmp_path}/u.pid)")
        eventually(lambda: state(lab, mac) in (None, "free"), what="released")
    finally:
        client.kill()
        client.wait()


def test_dhclient_gets_renews_and_releases(tap, tmp_path):
    need("dhclient")
    lab, space, mac = tap
    files = ["-lf", tmp_path / "d.leases", "-pf", tmp_path / "d.pid", "-sf", "/bin/true"]
    (tmp_path / "d.conf").write_text("request subnet-mask, routers, domain-name-servers, domain-search, interface-mtu;\n")
    space.run("dhclient", "-4", "-1", "-v", "-cf", tmp_path / "d.conf", *files, "tap0", timeout=30)
    assert state(lab, mac) == "bound"
    text = (tmp_path / "d.leases").read_text()
    assert "interface-mtu 1400" in text and "dhcp-lease-time 600" in text and 'domain-search "lab.example.", "example.org."' in text
    space.run("sh", "-c", f"kill $(cat {tmp_path}/d.pid); sleep 0.2", check=False)
    space.run("dhclient", "-4", "-1", "-v", "-cf", tmp_path / "d.conf", *files, "tap0", timeout=30)
    assert state(lab, mac) == "bound" and len([1 for lease in lab.show()["leases"] if lease["state"] == "bound"]) == 1
    space.run("dhclient", "-4", "-r", "-v", "-cf", tmp_path / "d.conf", *files, "tap0", timeout=30)
    eventually(lambda: state(lab, mac) in (None, "free"), what="released")


def test_dhclient_gets_a_dhcp6_address(tap, tmp_path):
    need("dhclient")
    lab, space, mac = tap
    eventually(lambda: "tentative" not in space.run("ip", "-6", "addr", "show", "dev", "tap0", "scope", "link").stdout and
               "fe80" in space.run("ip", "-6", "addr", "show", "dev", "tap0").stdout, what="the link-local address")
    space.run("dhclient", "-6", "-1", "-v", "-lf", tmp_path / "6.leases", "-pf", tmp_path / "6.pid", "-sf", "/bin/true", "tap0", timeout=30)
    text = (tmp_path / "6.leases").read_text()
    address = re.search(r"iaaddr (fd07::[0-9a-f:]+)", text)[1]
    lease = next(lease for lease in lab.show()["leases"] if lease["address"] == address)
    assert lease["state"] == "bound"
    assert "dhcp6.name-servers fd07::1,fd07::53" in text
    space.run("dhclient", "-6", "-r", "-v", "-lf", tmp_path / "6.leases", "-pf", tmp_path / "6.pid", "-sf", "/bin/true", "tap0", timeout=30)
    eventually(lambda: not any(lease["address"] == address and lease["state"] == "bound" for lease in lab.show()["leases"]), what="released")


def test_dhcpcd_gets_renews_and_releases(tap, tmp_path):
    need("dhcpcd")
    lab, space, mac = tap
    (tmp_path / "c.conf").write_text("allowinterfaces tap0\nclientid\nnohook resolv.conf, hostname, timesyncd\nnoarp\n"
                                     "option interface_mtu, domain_name_servers, domain_search, classless_static_routes\n")
    (tmp_path / "run").mkdir()
    space.run("mount", "--version")
    inside = f"mount -t tmpfs t /var/lib/dhcpcd 2>/dev/null; mkdir -p /run/dhcpcd; exec dhcpcd -B -d -4 -f {tmp_path}/c.conf --script /bin/true tap0"
    client = space.start("unshare", "--mount", "sh", "-c", inside, stdout=open(tmp_path / "c.log", "w"), stderr=-2)
    try:
        eventually(lambda: state(lab, mac) == "bound", seconds=15, what="bound")
        left = eventually(lambda: (lab.lease_of(mac) or {}).get("seconds_left"))
        space.run("sleep", "1.2")
        space.run("dhcpcd", "-4", "-f", tmp_path / "c.conf", "--rebind", "tap0", check=False)
        eventually(lambda: lab.lease_of(mac)["seconds_left"] >= left, what="renewed")
        space.run("dhcpcd", "-4", "--release", "tap0", check=False)
        eventually(lambda: state(lab, mac) in (None, "free"), what="released: " + (tmp_path / "c.log").read_text())
    finally:
        client.kill()
        client.wait()


def test_rdisc6_prints_exactly_what_was_configured(tap):
    need("rdisc6")
    _, space, _ = tap
    eventually(lambda: re.search(r"fe80\S+ scope link\s", space.run("ip", "-6", "addr", "show", "dev", "tap0").stdout) and
               "tentative" not in space.run("ip", "-6", "addr", "show", "dev", "tap0").stdout, what="the link-local address")
    text = space.run("rdisc6", "-1", "tap0").stdout
    wanted = {"MTU": r"MTU\s+:\s+1400 bytes", "prefix": r"Prefix\s+:\s+fd07::/64", "DNS 1": r"Recursive DNS server\s+:\s+fd07::1\n",
              "DNS 2": r"Recursive DNS server\s+:\s+fd07::53\n", "search": r"DNS search list\s+:\s+lab\.example", "search 2": r"example\.org"}
    for what, pattern in wanted.items():
        assert re.search(pattern, text), what + "\n" + text
    assert len(re.findall(r"Prefix ", text)) == 1 and len(re.findall(r"Recursive DNS server", text)) == 2
