# SPDX-License-Identifier: MIT
"""What people do every day from a guest, through uplink=user: the tools that they do it with, and the errors that they see.

    box --tap0-- guestwire, in host --veth-- world --veth-- beyond
                                    192.0.2.2      198.51.100.1, .2 and 2001:db8:1::1, ::2

The servers are started here, in world; nothing of the machine's own is asked. What moved is compared by its hash."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from kit import eventually, missing, need
from kit.far import HOST, WORLD
from kit.namespace import Namespace

BEYOND = {4: "198.51.100.2", 6: "2001:db8:1::2"}
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def hash_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@pytest.fixture
def payload(tmp_path):
    """8 MiB that nobody has seen before, in a folder of its own."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "payload").write_bytes(os.urandom(8 << 20))
    return str(folder / "payload")


def listens(far, port, kind="t"):
    eventually(lambda: f":{port} " in far.world.run("ss", f"-Hln{kind}").stdout, what=f"a server at port {port}")


def web(far, folder):
    far.start(far.world, sys.executable, "-m", "http.server", "--bind", "::", "--directory", folder, "8000",
              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    listens(far, 8000)


# ---- the tools ----

@FAMILIES
def test_curl(far, payload, tmp_path, family):
    need("curl")
    far = far()
    web(far, os.path.dirname(payload))
    got = str(tmp_path / "got")
    url = f"http://{bracketed(WORLD[family])}:8000"
    far.box.run("curl", "-sSgf", "-o", got, f"{url}/payload")
    assert hash_of(got) == hash_of(payload), far.drops()
    assert far.box.run("curl", "-sSgf", f"{url}/nothing", check=False).returncode == 22


def sshd(far, folder):
    """A server with keys and users of its own; the client's words up to the address."""
    program = shutil.which("sshd", path=os.environ["PATH"] + ":build/peers/usr/sbin:/usr/sbin")
    if not program:
        missing("sshd")
    if os.geteuid() != 0:
        missing("the right to be root and another user, which sshd wants")
    for name in ("host", "mine"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{name}"], check=True)
    with open("/etc/passwd", encoding="utf8") as users, open(f"{folder}/passwd", "w", encoding="utf8") as file:
        file.write(users.read() + ("" if "\nsshd:" in users.read() else "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n"))
    options = {"HostKey": f"{folder}/host", "AuthorizedKeysFile": f"{folder}/mine.pub", "StrictModes": "no", "UsePAM": "no", "PidFile": "none",
               "PermitRootLogin": "yes", "ListenAddress": "[::]:2222", "AddressFamily": "any"}
    # newer ones are three programs, which look for each other where they are installed
    for name, other in (("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")):
        path = os.path.join(os.path.dirname(os.path.abspath(program)), "../lib/openssh", other)
        if os.path.exists(path):
            options[name] = path
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    far.start(far.world, "unshare", "-m", "--propagation", "private", "sh", "-ec",
              'mount --bind "$0" /etc/passwd; mount -t tmpfs t /run; mkdir -m 755 /run/sshd; exec "$@"', f"{folder}/passwd",
              os.path.abspath(program), "-D", "-e", "-f", "/dev/null", *words, "-o", "ListenAddress=0.0.0.0:2222", stderr=subprocess.DEVNULL)
    listens(far, 2222)
    return ["ssh", "-F", "/dev/null", "-i", f"{folder}/mine", "-p", "2222", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-l", "root"]


def test_ssh(far, payload, tmp_path):
    need("ssh", "ssh-keygen")
    far = far()
    ssh = " ".join(sshd(far, tmp_path))
    for family in (4, 6):
        there, back = tmp_path / f"there{family}", tmp_path / f"back{family}"
        done = far.box.run("sh", "-c", f"{ssh} {WORLD[family]} 'tee {there}; exit 7' <{payload} >{back}", check=False)
        assert done.returncode == 7, done.stderr
        assert hash_of(there) == hash_of(back) == hash_of(payload), far.drops()


@FAMILIES
def test_git(far, payload, tmp_path, family):
    need("git")
    far = far()
    clean = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main", "-c", "safe.directory=*"]
    origin, work, copy = (str(tmp_path / name) for name in ("origin.git", "work", "copy"))
    subprocess.run([*clean, "init", "-q", "--bare", origin], check=True)
    far.start(far.world, *clean, "daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", f"--base-path={tmp_path}", stderr=subprocess.DEVNULL)
    listens(far, 9418)
    url = f"git://{bracketed(WORLD[family])}/origin.git"
    subprocess.run([*clean, "init", "-q", work], check=True)
    os.truncate(payload, 1 << 20)  # git's own work on it takes longer than the way
    shutil.copy(payload, work)
    subprocess.run([*clean, "add", "payload"], cwd=work, check=True)
    subprocess.run([*clean, "commit", "-qm", "one"], cwd=work, check=True)
    far.box.run(*clean, "-C", work, "push", "-q", url, "HEAD:main")
    far.box.run(*clean, "clone", "-q", "-b", "main", url, copy)
    assert hash_of(copy + "/payload") == hash_of(payload), far.drops()


def package(folder, payload):
    """A flat repository with one package that holds the payload; its path."""
    root = folder / "package"
    (root / "DEBIAN").mkdir(parents=True)
    shutil.copy(payload, root / "payload")
    control = "Package: gw-payload\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: a payload\n"
    (root / "DEBIAN" / "control").write_text(control)
    (folder / "repo").mkdir()
    path = folder / "repo" / "gw-payload.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", root, path], check=True, stdout=subprocess.DEVNULL)
    index = f"{control}Filename: ./gw-payload.deb\nSize: {os.path.getsize(path)}\nSHA256: {hash_of(path)}\n"
    (folder / "repo" / "Packages").write_text(index)
    return path


def test_apt(far, payload, tmp_path):
    need("apt-get", "dpkg-deb")
    far = far()
    made = package(tmp_path, payload)
    web(far, str(tmp_path / "repo"))
    for family in (4, 6):
        own = tmp_path / f"apt{family}"
        for folder in ("state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "etc/trusted.gpg.d"):
            (own / folder).mkdir(parents=True)
        (own / "status").write_text("")
        (own / "etc" / "sources.list").write_text(f"deb [trusted=yes] http://{bracketed(WORLD[family])}:8000/ ./\n")
        (own / "apt.conf").write_text(f'Dir::State "{own}/state"; Dir::State::status "{own}/status"; Dir::Cache "{own}/cache"; Dir::Etc "{own}/etc"; '
                                      'APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::http::Proxy "DIRECT"; #clear DPkg::Post-Invoke;')
        apt = f"cd {own} && APT_CONFIG={own}/apt.conf apt-get -q"
        far.box.run("sh", "-c", f"{apt} update && {apt} download gw-payload")
        assert hash_of(own / "gw-payload_1_all.deb") == hash_of(made), far.drops()


IPERF = {
    "tcp": "-n 128M", "down": "-n 128M -R", "many": "-n 128M -P 32", "many-down": "-n 128M -P 32 -R", "both": "-t 1 --bidir",
    "udp": "-u -n 1M -b 20M -l 1200", "udp-down": "-u -n 1M -b 20M -l 1200 -R",
}


def overrun(space):
    """Datagrams that came, and found the receiver's socket full: its own slowness is not the way's."""
    four = space.run("grep", "^Udp:", "/proc/net/snmp").stdout.split("\n")
    six = re.search(r"Udp6RcvbufErrors\s+(\d+)", space.run("cat", "/proc/net/snmp6").stdout)
    return int(dict(zip(four[0].split(), four[1].split()))["RcvbufErrors"]) + int(six[1])


def iperf3(far, family, words):
    """The server serves one at a time, and takes a moment after each: a client that was quicker is told so and asks again."""
    for _ in range(50):
        done = far.box.run("iperf3", "-J", "-c", WORLD[family], *words.split(), check=False)
        said = json.loads(done.stdout)
        if "server is busy" not in said.get("error", ""):
            break
        time.sleep(0.1)
    assert done.returncode == 0 and "error" not in said, (words, said.get("error"), far.drops())
    return said["end"]


def datagrams_arrive(far, family, words, receiver):
    """How many were lost on the way, and what iperf3 says of them all."""
    before = overrun(receiver)
    sums = iperf3(far, family, words)["sum"]
    assert sums["packets"] > 800, sums
    return sums["lost_packets"] - (overrun(receiver) - before), sums


def test_iperf3(far):
    need("iperf3")
    far = far()
    far.start(far.world, "iperf3", "-s", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    listens(far, 5201)
    for number, (name, words) in enumerate(IPERF.items()):
        family = 4 if number % 2 else 6
        if name.startswith("udp"):
            # A host that takes a processor away for a quarter of a second loses what came meanwhile: one of three is whole.
            tries = []
            while len(tries) < 3 and (not tries or tries[-1][0] > 9):
                tries.append(datagrams_arrive(far, family, words, far.box if name == "udp-down" else far.world))
            assert tries[-1][0] <= 9, (name, tries, far.drops())
            continue
        sums = iperf3(far, family, words)
        # It ends when all is handed over; what the kernels' buffers hold then, tens of MiB, is not counted as received.
        for way in ("", "_bidir_reverse") if name == "both" else ("",):
            assert sums["sum_received" + way]["bytes"] >= (1 << 20 if name == "both" else 24 << 20), (name, sums, far.drops())


def test_dig(far):
    need("dig", "dnsmasq")
    far = far()
    far.start(far.world, "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--address=/answer.test/198.51.100.7",
              "--address=/answer.test/2001:db8::7", *(f"--txt-record=long{i}.test,{'x' * 250},{'y' * 250},{'z' * 250},{'w' * 250}" for i in range(2)),
              stderr=subprocess.DEVNULL)
    listens(far, 53)

    def dig(*words):
        return far.box.run("dig", "+short", "+tries=2", "+time=3", *words).stdout.strip()
    for server in (WORLD[4], WORLD[6], "10.0.2.3", "fd00::3"):
        for more in ([], ["+tcp"]):
            assert dig(f"@{server}", "answer.test", *more) == "198.51.100.7", (server, more, far.drops())
        assert dig(f"@{server}", "answer.test", "AAAA") == "2001:db8::7", server
        assert "z" * 250 in dig(f"@{server}", "long1.test", "TXT"), server
        assert "z" * 250 in dig(f"@{server}", "long1.test", "TXT", "+noedns"), server  # truncated, and asked again by TCP


@pytest.mark.asan
@FAMILIES
def test_ping(far, family):
    far = far()
    for address in (WORLD[family], HOST[family]):
        for size in (0, 56, 1400, 4000):
            done = far.box.run("ping", "-n", "-c", "3", "-i", "0.05", "-W", "2", "-s", str(size), address)
            assert " 3 received" in done.stdout, (address, size, done.stdout, far.drops())


def lead_beyond(far):
    """A network behind world, so that there is a router on the way."""
    far.beyond = far.closing(Namespace())
    far.world.run("ip", "link", "add", "beyond0", "type", "veth", "peer", "name", "world1", "netns", str(far.beyond.holder.pid))
    for space, name, number in ((far.world, "beyond0", 1), (far.beyond, "world1", 2)):
        space.run("sh", "-ec", f"ip addr add 198.51.100.{number}/24 dev {name}; ip addr add 2001:db8:1::{number}/64 dev {name} nodad; ip link set {name} up")
    far.beyond.run("sh", "-ec", "ip route add default via 198.51.100.1; ip -6 route add default via 2001:db8:1::1")
    unlimited(far.beyond)
    route(far.world)
    for address in BEYOND.values():  # they know each other before a tool counts the time
        far.world.run("ping", "-c", "1", "-W", "3", address)


def unlimited(space):
    """Its ICMP errors come always, however many."""
    space.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")


def route(space):
    unlimited(space)
    space.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")


@pytest.mark.asan
@FAMILIES
@pytest.mark.parametrize("how", ["udp", "icmp"])
def test_traceroute_names_each_router(far, family, how):
    need("traceroute")
    far = far()
    lead_beyond(far)
    done = far.box.run("traceroute", f"-{family}", "-n", "-q", "2", "-w", "2", "-N", "4", "-m", "6", *(["-I"] if how == "icmp" else []), BEYOND[family])
    hops = [{word for word in line.split()[1:] if word.count(".") == 3 or ":" in word} for line in done.stdout.splitlines()[1:]]
    assert hops == [{HOST[family]}, {WORLD[family]}, {BEYOND[family]}], (done.stdout, far.drops())


def test_tftp(far, payload, tmp_path):
    need("tftp", "dnsmasq")
    far = far()
    far.start(far.world, "dnsmasq", "-k", "-C", "/dev/null", "--port=0", "--pid-file=", "--user=root", "--enable-tftp",
              f"--tftp-root={os.path.dirname(payload)}", stderr=subprocess.DEVNULL)
    listens(far, 69, "u")
    os.truncate(payload, 512 * 1000 + 7)
    for family in (4, 6):
        got = tmp_path / f"got{family}"
        far.box.run("sh", "-ec", f"cd {tmp_path}; tftp -{family} -m binary {WORLD[family]} -c get payload {got}")
        assert hash_of(got) == hash_of(payload), far.drops()


@FAMILIES
def test_nc(far, payload, tmp_path, family):
    need("nc")
    far = far()
    got = tmp_path / "got"
    # -N ends what was sent; -d: it listens alone, and is over when the far end is
    for port, server, client in ((7000, f"-N -l 7000 <{payload}", f"-d {WORLD[family]} 7000 >{got}"),
                                 (7001, f"-d -l 7001 >{got}", f"-N {WORLD[family]} 7001 <{payload}")):
        listening = far.start(far.world, "sh", "-c", f"exec nc -{family} {server}")
        listens(far, port)
        far.box.run("sh", "-c", f"exec nc -{family} {client}")
        assert listening.wait() == 0
        assert hash_of(got) == hash_of(payload), (server, far.drops())
        os.unlink(got)


# ---- the errors ----

# For each KIND,ADDRESS at once: a connect(), or a datagram of a connected socket, which asks to be told of ICMP errors or not. What
# became of it, and after how many seconds.
TRY = """
import errno, json, socket, sys, threading, time

def said_of(kind, address):
    six = ":" in address
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as s:
        s.settimeout(1.5)
        if kind == "asking":
            s.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, 25 if six else 11, 1)  # IPV6_RECVERR, IP_RECVERR
        try:
            s.connect((address, 9))
            if kind != "tcp":
                s.send(b"hello")
                s.recv(100)
            return "answered"
        except TimeoutError:
            return "silence"
        except OSError as error:
            return errno.errorcode[error.errno]

def try_one(index, kind, address):
    start = time.monotonic()
    said = said_of(kind, address)
    results[index] = said, time.monotonic() - start

results = [None] * (len(sys.argv) - 1)
threads = [threading.Thread(target=try_one, args=(i, *words.split(","))) for i, words in enumerate(sys.argv[1:])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(results))
"""


# where the way ends: who ends it by which kind of route, and what must be seen (the families' kernels differ in the rest)
ENDS = [
    ("refused by the far end", None, None, ["ECONNREFUSED"]),
    ("a router says unreachable", "world", "unreachable", ["EHOSTUNREACH", "ENETUNREACH"]),
    ("a router says prohibited", "world", "prohibit", ["EHOSTUNREACH", "EACCES"]),
    ("a router has no route", "world", "throw", ["ENETUNREACH"]),
    ("a router throws it away", "world", "blackhole", ["silence"]),
    ("the host has no route", "host", "throw", ["ENETUNREACH"]),
    ("the host's route says unreachable", "host", "unreachable", ["EHOSTUNREACH", "ENETUNREACH"]),
    ("nobody has the address on the host's own network", "neighbour", None, ["EHOSTUNREACH"]),
]


def led_to_their_ends(far):
    """(what, destinations by family, what may be seen) of each row; routes as the rows say."""
    rows = []
    route(far.world)
    for family in ("ipv4", "ipv6"):
        far.host.run("sysctl", "-qw", f"net.{family}.neigh.host0.retrans_time_ms=100")
    for number, (what, who, kind, seen) in enumerate(ENDS, 10):
        ends = {4: f"203.0.113.{number}", 6: f"2001:db8:2::{number}"}
        if who is None:
            ends = WORLD
        elif who == "neighbour":
            ends = {4: "192.0.2.77", 6: "2001:db8::77"}
        else:
            for end in ends.values():
                getattr(far, who).run("ip", "route", "add", kind, end)
        if who == "world":
            # A router's errors are rationed to each sender of packets, and no namespace may change that: one for each row.
            far.host.run("sh", "-ec", f"ip addr add 192.0.2.{number}/24 dev host0; ip route add {ends[4]} via {WORLD[4]} src 192.0.2.{number}")
            far.world.run("ip", "neigh", "replace", f"192.0.2.{number}", "lladdr", "02:00:00:00:00:01", "nud", "permanent", "dev", "world0")
        rows.append((what, ends, seen))
    return rows


@pytest.mark.asan
@FAMILIES
def test_a_guest_sees_the_errors_that_the_host_sees(far, family):
    far = far()
    tries = [(what, kind, ends[family], may) for what, ends, may in led_to_their_ends(far) for kind in ("tcp", "asking")]
    words = [f"{kind},{address}" for _, kind, address, _ in tries]
    ask = lambda space, *words: json.loads(far.python(space, TRY, *words))
    for (what, kind, _, may), word, (direct, direct_seconds), (seen, seconds) in zip(tries, words, ask(far.host, *words), ask(far.box, *words)):
        assert seen == direct and seen in may, (what, kind, f"the host {direct}, the guest {seen}", far.drops())
        late = seconds - direct_seconds
        if 0.1 <= late < 0.8:  # a busy machine; a packet that was lost costs a second
            late = ask(far.box, word)[0][1] - direct_seconds
        assert late < 0.1, (what, kind, direct_seconds, seconds, late)


@FAMILIES
def test_a_connected_datagram_socket_is_told_of_a_refusal(far, family):
    far = far()
    unlimited(far.world)
    said = json.loads(far.python(far.box, TRY, *[f"udp,{WORLD[family]}"] * 3))
    assert [what for what, _ in said] == ["ECONNREFUSED"] * 3, far.drops()
