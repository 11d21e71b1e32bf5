# SPDX-License-Identifier: MIT
"""The distribution's own DHCP clients, each in a namespace on a tap of its own.

  udhcpc | dhclient | dhcpcd | rdisc6  -- tap0 in a namespace -- guestwire"""
import os
import re
import signal
import subprocess

import pytest

from kit import eventually, need

UPLINK = ("none,net=10.7.0.0/24,host=10.7.0.1,dhcpstart=10.7.0.50,dhcpend=10.7.0.99,dns=10.7.0.1,router=on,domainname=lab.example,"
          "dnssearch=lab.example,dnssearch=example.org,mtu=1400,ipv6-net=fd07::/64,ipv6-host=fd07::1,ipv6-dns=fd07::1,ipv6-dns=fd07::53,lease=600")


def up(space, name):
    """Brings an interface up and gives its MAC."""
    space.run("ip", "link", "set", name, "up")
    return re.search(r"link/ether ([0-9a-f:]+)", space.run("ip", "link", "show", name).stdout)[1]

pytestmark = pytest.mark.asan


@pytest.fixture
def tap(wire, namespace):
    """(network, namespace with tap0 up, its MAC)"""
    space = namespace()
    lab = wire("--uplink", UPLINK, "--guest", f"tap,ifname=tap0,netns={space.path}")
    return lab, space, up(space, "tap0")


@pytest.fixture
def squatted(wire, namespace):
    """The same with another machine on the segment that has the pool's first address and never asked for it."""
    space, squatter = namespace(), namespace()
    lab = wire("--uplink", UPLINK, "--guest", f"tap,ifname=tap0,netns={space.path}", "--guest", f"tap,ifname=tap1,netns={squatter.path}")
    up(squatter, "tap1")
    squatter.run("ip", "addr", "add", "10.7.0.50/24", "dev", "tap1")
    return lab, space, up(space, "tap0")


@pytest.fixture(autouse=True)
def no_client_left(tmp_path):
    """dhclient goes into the background: what a failed test left there is ended."""
    yield
    for path in tmp_path.glob("*.pid"):
        pid = path.read_text().strip()
        try:
            with open(f"/proc/{pid}/comm", encoding="utf8") as comm:
                ours = comm.read().strip() in ("dhclient", "udhcpc")
            if ours:
                os.kill(int(pid), signal.SIGTERM)
        except OSError:
            pass


def state(lab, mac, family=4):
    lease = lab.lease_of(mac, family)
    return lease and lease["state"]


def at(lab, address):
    """The state of an address' lease."""
    return next((lease["state"] for lease in lab.show()["leases"] if lease["address"] == address), None)


def left(lab, mac, family=4):
    lease = lab.lease_of(mac, family)
    return lease["seconds_left"] if lease and lease["state"] == "bound" else 0


def age(lab, mac, family=4):
    """Waits until the lease is a second or two old and gives what is left of it: a renewal is seen by its having more."""
    before = left(lab, mac, family)
    return eventually(lambda: left(lab, mac, family) < before - 1 and left(lab, mac, family), what="a lease that ages")


def drops(lab, reason):
    return sum(port["drops"].get(reason, 0) for port in lab.show()["ports"])


UDHCPC_SCRIPT = """#!/bin/sh
echo "$1 $ip $mask router=$router dns=$dns mtu=$mtu domain=$domain search=$search" >> "$0.log"
[ "$1" = bound ] && ip addr add $ip/$mask dev $interface
exit 0
"""

# What dhclient-script does at the least: without an address on the interface renewals and releases, which are sent
# from it to the server alone, find no way.
DHCLIENT_SCRIPT = """#!/bin/sh
echo "$reason" >> "$0.log"
case $reason in
BOUND | RENEW | REBIND | REBOOT) ip addr replace $new_ip_address/24 dev $interface ;;
esac
exit 0
"""


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


def words(path):
    log = path.parent / (path.name + ".log")
    return log.read_text() if log.exists() else ""


# -B: the client wants its answers broadcast.
@pytest.mark.parametrize("more", [[], ["-B"]], ids=["unicast", "broadcast"])
def test_udhcpc_gets_renews_and_releases(tap, tmp_path, more):
    need("udhcpc")
    lab, space, mac = tap
    told = script(tmp_path / "u", UDHCPC_SCRIPT)
    client = space.start("udhcpc", "-i", "tap0", "-f", "-t", "5", "-T", "1", "-s", told, "-O", "mtu", "-O", "search", "-R",
                         "-p", tmp_path / "u.pid", *more)
    try:
        eventually(lambda: state(lab, mac) == "bound" and "bound" in words(told), what="bound")
        assert re.search(r"bound 10\.7\.0\.\d+ 24 router=10\.7\.0\.1 dns=10\.7\.0\.1 mtu=1400 domain=lab\.example search=lab\.example example\.org",
                         words(told))
        assert 590 <= left(lab, mac) <= 600
        old = age(lab, mac)
        space.run("sh", "-c", f"kill -USR1 $(cat {tmp_path}/u.pid)")
        eventually(lambda: left(lab, mac) > old, what="renewed")
        eventually(lambda: "renew" in words(told), what="the client's word of it")
        space.run("sh", "-c", f"kill -USR2 $(cat {tmp_path}/u.pid)")
        eventually(lambda: state(lab, mac) == "free", what="released")
    finally:
        client.kill()
        client.wait()


def test_udhcpc_declines_an_address_that_somebody_has(squatted, tmp_path):
    need("udhcpc")
    lab, space, mac = squatted
    told = script(tmp_path / "u", UDHCPC_SCRIPT)
    client = space.start("udhcpc", "-i", "tap0", "-f", "-t", "5", "-T", "1", "-A", "1", "-a200", "-s", told)
    try:
        eventually(lambda: at(lab, "10.7.0.50") == "declined", what="declined")
        eventually(lambda: at(lab, "10.7.0.51") == "bound" and lab.lease_of(mac), what="the next address")
        eventually(lambda: "bound 10.7.0.51" in words(told), what="the client's word of it")
        assert at(lab, "10.7.0.50") == "declined"
    finally:
        client.kill()
        client.wait()


def test_dhclient_gets_renews_and_releases(tap, tmp_path):
    need("dhclient")
    lab, space, mac = tap
    told = script(tmp_path / "d", DHCLIENT_SCRIPT)
    files = ["-cf", tmp_path / "d.conf", "-lf", tmp_path / "d.leases", "-pf", tmp_path / "d.pid", "-sf", told]
    # it is to renew by itself, soon
    (tmp_path / "d.conf").write_text("request subnet-mask, routers, domain-name-servers, domain-search, interface-mtu, dhcp-renewal-time;\n"
                                     "supersede dhcp-renewal-time 3;\n")
    space.run("dhclient", "-4", "-1", "-v", *files, "tap0", timeout=30)
    assert state(lab, mac) == "bound"
    text = (tmp_path / "d.leases").read_text()
    assert "interface-mtu 1400" in text and "dhcp-lease-time 600" in text and 'domain-search "lab.example.", "example.org."' in text
    old = age(lab, mac)
    eventually(lambda: left(lab, mac) > old and "RENEW" in words(told), what="renewed")
    space.run("dhclient", "-4", "-r", "-v", *files, "tap0", timeout=30)
    eventually(lambda: state(lab, mac) == "free", what="released")
    assert drops(lab, "dhcp4-no-lease") == 0


def test_dhclient_comes_back_to_its_address(tap, tmp_path):
    need("dhclient")
    lab, space, mac = tap
    files = ["-lf", tmp_path / "d.leases", "-pf", tmp_path / "d.pid", "-sf", script(tmp_path / "d", DHCLIENT_SCRIPT)]
    addresses = []
    for _ in range(2):
        space.run("dhclient", "-4", "-1", "-v", *files, "tap0", timeout=30)
        addresses.append(lab.lease_of(mac)["address"])
        space.run("sh", "-c", f"kill $(cat {tmp_path}/d.pid)")
    assert addresses[0] == addresses[1] and "REBOOT" in words(tmp_path / "d")
    assert [lease["state"] for lease in lab.show()["leases"]] == ["bound"]


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


DHCPCD = """
set -e
mkdir -p /var/lib/dhcpcd /run/dhcpcd
mount -t tmpfs t /var/lib/dhcpcd
mount -t tmpfs t /run/dhcpcd
dhcpcd -B -d -4 -f "$0" --script /bin/true tap0 &
while read word; do
	dhcpcd -4 -f "$0" "$word" tap0 || true
done
kill $! && wait $!
"""


def dhcpcd(space, tmp_path, *settings):
    """A shell with one that keeps its files to itself, since another check on the machine may run one too. Each line to the
    shell is an option for another dhcpcd, which finds the first by its files; at the end of the lines they end."""
    (tmp_path / "c.conf").write_text("\n".join(["allowinterfaces tap0", "clientid", "nohook resolv.conf, hostname, timesyncd",
                                                "option interface_mtu, domain_name_servers, domain_search, classless_static_routes", *settings, ""]))
    with open(tmp_path / "c.log", "w", encoding="utf8") as log:
        return space.start("unshare", "--mount", "sh", "-c", DHCPCD, tmp_path / "c.conf", stdin=subprocess.PIPE, text=True, stdout=log, stderr=log,
                           start_new_session=True)


def tell(client, word):
    client.stdin.write(word + "\n")
    client.stdin.flush()


def ended(client):
    """Not killed at once: dhcpcd's own servants would outlive it."""
    client.stdin.close()
    try:
        client.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(client.pid, signal.SIGKILL)
        client.wait()


def test_dhcpcd_gets_renews_and_releases(tap, tmp_path):
    need("dhcpcd")
    lab, space, mac = tap
    client = dhcpcd(space, tmp_path, "noarp")
    try:
        eventually(lambda: state(lab, mac) == "bound", seconds=15, what="bound")
        old = age(lab, mac)
        tell(client, "--rebind")
        eventually(lambda: left(lab, mac) > old, what="renewed")
        # dhcpcd takes its address away right behind the message, which must not wait for the server's by then
        space.run("ping", "-c", "1", "-W", "1", "10.7.0.1")
        tell(client, "--release")
        eventually(lambda: state(lab, mac) == "free", what="released: " + (tmp_path / "c.log").read_text())
    finally:
        ended(client)


def test_dhcpcd_declines_an_address_that_somebody_has(squatted, tmp_path):
    need("dhcpcd")
    lab, space, _ = squatted
    client = dhcpcd(space, tmp_path)
    try:
        eventually(lambda: at(lab, "10.7.0.50") == "declined", what="declined: " + (tmp_path / "c.log").read_text())
    finally:
        ended(client)


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
