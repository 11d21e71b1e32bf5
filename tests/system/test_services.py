# SPDX-License-Identifier: MIT
# takes long
"""What the gateway of an uplink=user serves: files, connections that it hands on, names. The topology is kit/far.py's.

Files are fetched by busybox' and atftp's clients, names are asked by dig; what answers behind is dnsmasq, in the world."""
import hashlib
import os
import resource
import random
import re
import signal
import socket
import subprocess
import time

import pytest

from kit import eventually, need
from kit.far import CONNECT, HOST, WORLD
from kit.frames import StreamGuest, ethernet, ipv4, mac_text, tcp, udp4


def busybox():
    """One with tftp: the distribution's, unpacked."""
    path = os.path.join(os.path.dirname(__file__), "..", "..", "build", "peers", "bin", "busybox")
    if os.path.exists(path):
        return path
    need("busybox")
    return "busybox"


# ---- tftp= ----

@pytest.fixture
def files(tmp_path):
    """A folder with files in it, and one beside it."""
    folder = tmp_path / "tftp"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "small").write_bytes(b"small\n")
    (folder / "empty").write_bytes(b"")
    (folder / "sub" / "block").write_bytes(random.Random(1).randbytes(512))
    (folder / "out").symlink_to("../secret")
    (folder / "in").symlink_to("sub/block")
    (folder / "locked").write_text("locked")
    return folder


def fetch(far, name, *options, server=HOST[4], timeout=60, check=True):
    """The file as busybox' client gets it, or its words."""
    got = os.path.join(far.folder, "got")
    if os.path.exists(got):
        os.unlink(got)
    done = far.box.run(busybox(), "tftp", "-g", *options, "-r", name, "-l", got, server, timeout=timeout, check=False)
    if done.returncode != 0:
        assert not check, f"{done.stderr} {far.drops()}"
        return done.stderr
    with open(got, "rb") as file:
        return file.read()


@pytest.mark.asan
@pytest.mark.parametrize("family", [4, 6])
def test_files_of_every_length_are_fetched(far, files, family):
    far = far(f",tftp={files}")
    for name in ("small", "empty", "sub/block", "/sub/block", "in"):
        for options in ((), ("-b", "1400")):
            assert fetch(far, name, *options, server=HOST[family]) == (files / name.lstrip("/")).read_bytes()


@pytest.mark.asan
def test_what_lies_outside_of_the_directory_is_not_served(far, files):
    far = far(f",tftp={files}")
    for name in ("../secret", "/../secret", "sub/../../secret", "out", "none", "sub"):
        said = fetch(far, name, check=False)
        assert isinstance(said, str) and "server error" in said, name
    assert fetch(far, "small") == b"small\n"


@pytest.mark.asan
def test_a_guest_that_holds_all_transfers_by_many_addresses_makes_way_for_another(wire, files, closing, tmp_path):
    lab = wire("--uplink", f"user,tftp={files}", "--guest", f"stream,path={tmp_path}/s")
    greedy, modest = closing(StreamGuest(f"{tmp_path}/s")), closing(StreamGuest(f"{tmp_path}/s"))
    greedy.dhcp(), modest.dhcp()
    gateway = modest.resolve(HOST[4])

    def request(mac, ip, port):
        return ethernet(gateway, mac, 0x800, udp4(ip, HOST[4], port, 69, b"\0\1small\0octet\0"))
    for number in range(160):
        greedy.send(request(bytes([2, 0, 0, 0, 1, number // 16]), greedy.ip, 3000 + number))
    eventually(lambda: lab.port("gateway")["drops"].get("tftp-full", 0) == 32, what=lambda: lab.drops())
    assert modest.ask(request(modest.mac, modest.ip, 2000), lambda frame: frame[12:14] == b"\x08\0" and frame[42:] == b"\0\3\0\1small\n")


def test_40_mib_come_whole_with_windows_and_with_large_blocks(far, files):
    need("atftp")
    far = far(f",tftp={files}")
    data = random.Random(2).randbytes(40 << 20)
    (files / "large").write_bytes(data)
    got = os.path.join(far.folder, "got")
    for options in (("--option", "blksize 1428", "--option", "windowsize 16"), ("--option", "blksize 1428", "--option", "tsize 0")):
        start = time.monotonic()
        far.box.run("atftp", *options, "-g", "-r", "large", "-l", got, HOST[4], timeout=60)
        with open(got, "rb") as file:
            assert hashlib.sha256(file.read()).digest() == hashlib.sha256(data).digest()
        assert time.monotonic() - start < 60


@pytest.mark.asan
def test_ten_transfers_at_once_are_kept_apart(far, files):
    far = far(f",tftp={files}")
    for number in range(10):
        (files / f"f{number}").write_bytes(bytes([number]) * (100000 + number))
    processes = [far.start(far.box, busybox(), "tftp", "-g", "-b", "1024", "-r", f"f{number}", "-l", f"{far.folder}/g{number}", HOST[4])
                 for number in range(10)]
    for number, process in enumerate(processes):
        assert process.wait() == 0, far.drops()
        with open(f"{far.folder}/g{number}", "rb") as file:
            assert file.read() == bytes([number]) * (100000 + number)


# Asks for a file and acknowledges block 1 alone, then never again; later the next, from the same port.
VANISH = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.sendto(b"\\0\\1" + sys.argv[1].encode() + b"\\0octet\\0", ("10.0.2.2", 69))
data, server = s.recvfrom(2000)
assert data[:4] == b"\\0\\3\\0\\1" and server[1] != 69, data[:8]
time.sleep(float(sys.argv[2]))
s.setblocking(False)
copies = 0
try:
    while s.recv(2000)[:4] == b"\\0\\3\\0\\1":
        copies += 1
except BlockingIOError:
    pass
s.settimeout(1)
s.sendto(b"\\0\\4\\0\\1", server)
try:
    data = s.recv(2000)
except TimeoutError:
    data = bytes(4)
print(copies, data[1], data[3])
"""


def test_a_slow_client_gets_its_block_again_and_one_that_vanished_is_forgotten(far, files):
    far = far(f",tftp={files}")
    (files / "two").write_bytes(b"2" * 1000)
    slow = far.start(far.box, "python3", "-c", VANISH, "two", "2.5", stdout=subprocess.PIPE, text=True)
    gone = far.start(far.box, "python3", "-c", VANISH, "two", "7", stdout=subprocess.PIPE, text=True)
    assert fetch(far, "small") == b"small\n"
    copies, kind, block = map(int, slow.stdout.read().split())
    assert copies >= 1 and (kind, block) == (3, 2)
    # 5 repetitions, and then nobody serves that port any more
    copies, kind, block = map(int, gone.stdout.read().split())
    assert copies <= 5 and (kind, block) == (0, 0)


@pytest.mark.asan
def test_a_directory_that_vanished_is_an_error_and_serves_again_when_it_is_back(far, files):
    far = far(f",tftp={files}")
    files.rename(files.parent / "away")
    said = fetch(far, "small", check=False)
    assert isinstance(said, str) and "server error" in said
    (files.parent / "away").rename(files)
    assert fetch(far, "small") == b"small\n"


@pytest.mark.asan
def test_a_directory_that_is_not_there_at_the_start_is_one_clear_line(wire, tmp_path):
    lab = wire("--uplink", f"user,tftp={tmp_path}/none", check=False)
    assert lab.process.wait(20) != 0
    assert f"tftp={tmp_path}/none: No such file or directory; name a directory that can be read" in lab.errors()


@pytest.mark.asan
def test_dhcp_says_where_to_boot_from(far, files):
    far = far(f",tftp={files},bootfile=sub/block")
    got = os.path.join(far.folder, "script")
    with open(got, "w", encoding="utf8") as file:
        file.write('#!/bin/sh\n[ "$1" = bound ] && echo "$siaddr $boot_file $tftp $bootfile" > ' + got + ".out\nexit 0\n")
    os.chmod(got, 0o755)
    far.box.run(busybox(), "udhcpc", "-i", "tap0", "-n", "-q", "-O", "tftp", "-O", "bootfile", "-s", got, timeout=20)
    with open(got + ".out", encoding="utf8") as file:
        assert file.read().split() == ["10.0.2.2", "sub/block", "10.0.2.2", "sub/block"]


# ---- guestfwd= ----

TALK = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
c.sendall(sys.argv[3].encode())
c.shutdown(socket.SHUT_WR)
data = b""
while True:
    part = c.recv(65536)
    if not part:
        break
    data += part
print(len(data), data[:60].decode())
"""
UPPER = """
import socket, sys
s = socket.socket(getattr(socket, sys.argv[1]))
s.bind(sys.argv[2] if sys.argv[1] == "AF_UNIX" else (sys.argv[2], int(sys.argv[3])))
s.listen()
print("ready", flush=True)
while True:
    c = s.accept()[0]
    data = b""
    while part := c.recv(65536):
        data += part
    c.sendall(data.upper())
    c.close()
"""


def talk(far, address, port, text="words"):
    return far.python(far.box, TALK, address, port, text)


@pytest.mark.asan
@pytest.mark.parametrize("options", ["", ",restrict=on"])
def test_connections_of_guests_are_handed_to_sockets_and_commands(far, tmp_path, options):
    path = tmp_path / "target.sock"
    far = far(f"{options},guestfwd=tcp:10.0.2.100:80-unix:{path},guestfwd=tcp:10.0.2.100:81-tcp:127.0.0.1:8081"
              ",guestfwd=tcp:[fd00::100]:80-cmd:tr a-z A-Z,guestfwd=tcp:198.51.100.9:80-cmd:tr a-z A-Z;; echo end")
    far.server(far.host, UPPER, "AF_UNIX", path)
    far.server(far.host, UPPER, "AF_INET", "127.0.0.1", 8081)
    for address, port in (("10.0.2.100", 80), ("10.0.2.100", 81), ("fd00::100", 80)):
        assert talk(far, address, port) == "5 WORDS", (address, port, far.drops(), far.lab.errors())
        assert talk(far, address, port, "again") == "5 AGAIN"
    # the gateway answers for the address itself, and refuses its other ports
    far.box.run("ping", "-c", "1", "-W", "2", "10.0.2.100")
    assert far.python(far.box, CONNECT, "10.0.2.100", 82).split()[0] == "ECONNREFUSED"
    if options:
        assert far.python(far.box, CONNECT, WORLD[4], 80).split()[0] in ("EACCES", "EHOSTUNREACH", "EPERM")


@pytest.mark.asan
def test_a_target_that_is_not_there_refuses_the_guest(far, tmp_path):
    far = far(f",guestfwd=tcp:10.0.2.100:80-unix:{tmp_path}/none,guestfwd=tcp:10.0.2.100:81-tcp:127.0.0.1:9"
              ",guestfwd=tcp:10.0.2.100:82-cmd:exit 1")
    for port in (80, 81):
        said, seconds = far.python(far.box, CONNECT, "10.0.2.100", port).split()
        assert said == "ECONNREFUSED" and float(seconds) < 0.5
    assert talk(far, "10.0.2.100", 82, "") == "0"


@pytest.mark.asan
def test_commands_leave_neither_descriptors_nor_children_behind(far):
    far = far(",guestfwd=tcp:10.0.2.100:80-cmd:cat")

    def open_now():
        return len(os.listdir(f"/proc/{far.lab.pid}/fd"))

    def children():
        with open(f"/proc/{far.lab.pid}/task/{far.lab.pid}/children", encoding="utf8") as file:
            return file.read().split()
    before = open_now()
    for number in range(20):
        assert talk(far, "10.0.2.100", 80, f"text{number}") == f"{len(str(number)) + 4} text{number}"
    eventually(lambda: not children(), 10, what="the commands' end")
    eventually(lambda: open_now() <= before, 10, what="the descriptors' end")


# ---- DNS ----

class Etc:
    """The host's namespace with a folder for its /etc, so that resolv.conf can be replaced by rename."""

    def __init__(self, space, folder):
        self.space, self.folder = space, folder

    def command(self, *words):
        return self.space.command("unshare", "-m", "--propagation", "private", "sh", "-c",
                                  'mount --bind "$0" /etc && exec "$@"', self.folder, *words)


@pytest.fixture
def named(far, tmp_path, monkeypatch):
    """A far whose resolv.conf is a file in a folder; named(servers…) writes it, resolve(servers…) replaces it."""
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.setattr("kit.far.Host", lambda space, resolv: Etc(space, folder))

    def replace(*servers):
        (folder / "new").write_text("".join(f"nameserver {server}\n" for server in servers))
        (folder / "new").rename(folder / "resolv.conf")

    def make(options="", servers=(WORLD[4],), **more):
        replace(*servers)
        made = far(options, **more)
        made.replace = replace
        return made
    return make


def serve(far, address, *options):
    """dnsmasq in the world."""
    need("dnsmasq")
    process = far.start(far.world, "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root",
                        "--bind-interfaces", f"--listen-address={address}", *options, stderr=subprocess.DEVNULL)
    eventually(lambda: "53" in far.world.run("ss", "-Hltn", "src", address).stdout, what="dnsmasq")
    return process


def dig(far, *words, server="10.0.2.3"):
    """The status, the flags and the answers."""
    need("dig")
    done = far.box.run("dig", f"@{server}", "+noall", "+comments", "+answer", *words, timeout=30, check=False)
    lines = done.stdout.splitlines()
    header = next((line for line in lines if "status:" in line), "")
    flags = next((line for line in lines if line.startswith(";; flags:")), "")
    return (header.split("status: ")[1].split(",")[0] if header else "none", flags[9:].split(";")[0].split(),
            [line.split()[-1] for line in lines if line and not line.startswith(";")])


@pytest.mark.asan
@pytest.mark.parametrize("server", ["10.0.2.3", "fd00::3"])
def test_an_answer_beyond_the_datagram_is_cut_and_comes_whole_by_tcp(named, server):
    far = named()
    addresses = [f"198.51.100.{number}" for number in range(1, 200)]
    serve(far, WORLD[4], "--edns-packet-max=4096", *(f"--host-record=many.test,{address}" for address in addresses))
    status, flags, answers = dig(far, "many.test", "+ignore", "+bufsize=4096", server=server)
    assert status == "NOERROR" and "tc" in flags and not answers
    assert dig(far, "few.test", "+ignore", server=server)[0] in ("REFUSED", "SERVFAIL", "NXDOMAIN")
    status, flags, answers = dig(far, "many.test", "+bufsize=4096", server=server)
    assert status == "NOERROR" and sorted(answers) == sorted(addresses)
    status, flags, answers = dig(far, "many.test", "+tcp", server=server)
    assert status == "NOERROR" and sorted(answers) == sorted(addresses)


def dig_seconds(far, name):
    """The status, and after how long by dig's own clock."""
    need("dig")
    said = far.box.run("dig", "@10.0.2.3", "+noall", "+comments", "+stats", "+tries=1", "+time=10", name, timeout=30, check=False).stdout
    return re.search(r"status: (\w+)", said)[1], int(re.search(r"Query time: (\d+) msec", said)[1]) / 1000


HALF_CLOSING = r"""
import socket, sys
s = socket.create_connection((sys.argv[1], 53))
s.settimeout(5)
query = bytes.fromhex("123401000001000000000000") + b"\4once\4test\0\0\1\0\1"
s.sendall(len(query).to_bytes(2, "big") + query)
s.shutdown(socket.SHUT_WR)
got = b""
while more := s.recv(4096):
    got += more
print(got.hex())
"""


@pytest.mark.asan
@pytest.mark.parametrize("server", ["10.0.2.3", "fd00::3"])
def test_who_asks_by_tcp_and_closes_its_side_hears_the_answer(named, server):
    far = named()
    serve(far, WORLD[4], "--address=/once.test/198.51.100.7")
    said = bytes.fromhex(far.box.run("python3", "-c", HALF_CLOSING, server).stdout)
    assert said[2:4] == b"\x12\x34" and said[-4:] == bytes([198, 51, 100, 7]) and len(said) == 2 + int.from_bytes(said[:2], "big")


ONE_ANSWER = """
import socket, sys
s = socket.create_server((sys.argv[1], 53))
print("ready", flush=True)
while True:
    connection, _ = s.accept()
    data = connection.recv(4096)
    query = data[2:2 + int.from_bytes(data[:2], "big")]
    said = query[:2] + bytes.fromhex("818000010001000000000000")[:10] + query[12:] + bytes.fromhex("c00c000100010000003c0004c6336407")
    connection.sendall(len(said).to_bytes(2, "big") + said)
    connection.close()
"""

PIPELINED = r"""
import socket
s = socket.create_connection(("10.0.2.3", 53))
s.settimeout(8)
data = b""
for number in range(3):
    query = bytes([0x12, number]) + bytes.fromhex("01000001000000000000") + b"\4name\1" + b"abc"[number:number + 1] + b"\0\0\1\0\1"
    data += len(query).to_bytes(2, "big") + query
s.sendall(data)
data = b""
while len(data) < 3 * 42 and (more := s.recv(4096)):
    data += more
while data:
    said, data = data[2:2 + int.from_bytes(data[:2], "big")], data[2 + int.from_bytes(data[:2], "big"):]
    print(said[1], said[3] & 15, socket.inet_ntoa(said[-4:]))
"""


@pytest.mark.asan
def test_a_resolver_that_gives_one_answer_to_a_connection_gives_all(named):
    far = named()
    far.server(far.world, ONE_ANSWER, WORLD[4])
    assert sorted(far.python(far.box, PIPELINED).splitlines()) == [f"{number} 0 198.51.100.7" for number in range(3)]


@pytest.mark.asan
def test_an_answer_that_fits_goes_by_udp_and_respects_what_the_guest_takes(named):
    far = named()
    addresses = [f"198.51.100.{number}" for number in range(1, 61)]
    serve(far, WORLD[4], *(f"--host-record=some.test,{address}" for address in addresses))
    status, flags, answers = dig(far, "some.test", "+ignore", "+bufsize=1232")
    assert status == "NOERROR" and "tc" not in flags and sorted(answers) == sorted(addresses)
    assert "tc" in dig(far, "some.test", "+ignore", "+noedns")[1]
    assert sorted(dig(far, "some.test", "+noedns")[2]) == sorted(addresses)


@pytest.mark.asan
def test_resolv_conf_replaced_by_rename_is_used_from_the_next_query_on(named):
    far = named()
    far.world.run("ip", "addr", "add", "192.0.2.3/24", "dev", "world0")
    serve(far, WORLD[4], "--address=/answer.test/198.51.100.7")
    serve(far, "192.0.2.3", "--address=/answer.test/198.51.100.8")
    assert dig(far, "answer.test")[2] == ["198.51.100.7"]
    far.replace("192.0.2.3")
    assert dig(far, "answer.test")[2] == ["198.51.100.8"]
    far.replace(WORLD[4])
    assert dig(far, "answer.test", "+tcp")[2] == ["198.51.100.7"]


def test_a_resolv_conf_that_no_descriptor_was_left_for_is_read_again(named):
    far = named()
    serve(far, WORLD[4], "--address=/answer.test/198.51.100.7")
    os.utime(os.path.join(far.folder, "etc", "resolv.conf"), (1, 1))  # what was just written is read again in any case
    limits = resource.prlimit(far.lab.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(far.lab.pid, resource.RLIMIT_NOFILE, (0, limits[1]))
    assert dig(far, "answer.test", "+tries=1")[0] == "SERVFAIL"
    resource.prlimit(far.lab.pid, resource.RLIMIT_NOFILE, limits)
    assert dig(far, "answer.test", "+tries=1")[2] == ["198.51.100.7"]


@pytest.mark.asan
def test_a_guest_that_holds_all_connections_to_the_resolver_makes_way_for_another(named, closing):
    far = named()
    serve(far, WORLD[4], "--address=/answer.test/198.51.100.7")
    greedy = far.server(far.box, """
import socket, time
held = [socket.create_connection(("10.0.2.3", 53), 5) for _ in range(64)]
print("ready", flush=True)
time.sleep(60)""")
    modest = closing(StreamGuest(f"{far.folder}/s.sock"))
    modest.dhcp()
    resolver = modest.resolve("10.0.2.3")
    syn = ethernet(resolver, modest.mac, 0x800, ipv4(modest.ip, "10.0.2.3", 6, tcp(modest.ip, "10.0.2.3", 4000, 53, 2, 1000)))
    answer = modest.ask(syn, lambda frame: frame[12:14] == b"\x08\x00" and frame[23] == 6)
    assert answer and answer[47] == 0x12, "no SYN|ACK"
    assert dig(far, "answer.test", "+tcp")[2] == ["198.51.100.7"]  # and the greedy one is served still
    assert greedy.process.poll() is None


@pytest.mark.asan
def test_without_any_resolver_the_answer_is_servfail_at_once(named):
    far = named(servers=())
    status, seconds = dig_seconds(far, "answer.test")
    assert status == "SERVFAIL" and seconds < 1  # not after the 5 s that a silent resolver is given
    assert dig(far, "answer.test", "+tries=1", "+time=3", "+tcp")[0] == "SERVFAIL"


def test_a_resolver_that_is_gone_is_servfail_within_5_s_and_serves_the_next_query_after_its_return(named):
    far = named()
    server = serve(far, WORLD[4], "--address=/answer.test/198.51.100.7")
    assert dig(far, "answer.test")[2] == ["198.51.100.7"]
    # gone without a word: its queue takes what nobody reads
    server.process.send_signal(signal.SIGSTOP)
    status, seconds = dig_seconds(far, "other.test")
    assert status == "SERVFAIL" and 1 < seconds < 5
    server.process.send_signal(signal.SIGCONT)
    assert dig(far, "answer.test", "+tries=1", "+time=3")[2] == ["198.51.100.7"]
    # gone and its host says so
    server.close()
    status, seconds = dig_seconds(far, "third.test")
    assert status == "SERVFAIL" and seconds < 1


def test_the_second_resolver_answers_for_a_silent_first_one_and_is_asked_first_then(named):
    far = named(servers=("192.0.2.77", WORLD[4]))
    far.host.run("ip", "neigh", "replace", "192.0.2.77", "lladdr", "02:00:00:00:00:77", "nud", "permanent", "dev", "host0")
    serve(far, WORLD[4], "--address=/answer.test/198.51.100.7")
    for least, most in ((0.9, 3), (0, 0.9)):
        status, seconds = dig_seconds(far, "answer.test")
        assert status == "NOERROR" and least <= seconds < most, seconds
        assert dig(far, "answer.test")[2] == ["198.51.100.7"]


@pytest.mark.asan
def test_a_name_server_that_is_not_the_gateways_is_asked_by_the_guest_itself(named):
    far = named(f",dns={WORLD[4]}")
    serve(far, WORLD[4], "--address=/answer.test/198.51.100.7")
    assert dig(far, "answer.test", server=WORLD[4])[2] == ["198.51.100.7"]
    # nobody is at the usual address
    assert far.box.run("ping", "-c", "1", "-W", "1", "10.0.2.3", check=False).returncode != 0


def lie(address):
    """A resolver whose every answer is to another question."""
    return f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{address}", 53))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(2000)
    s.sendto(bytes([data[0] ^ 1]) + data[1:2] + b"\\x81\\x80" + data[4:], who)
"""


@pytest.mark.asan
def test_answers_to_what_was_not_asked_are_counted_and_not_believed(named):
    far = named()
    far.server(far.world, lie(WORLD[4]))
    assert dig(far, "answer.test", "+tries=1", "+time=1")[0] == "none"
    drops = far.lab.port("gateway")["drops"]
    assert drops.get("dns-unasked", 0) >= 1, drops


@pytest.mark.asan
def test_guests_know_each_other_by_names_of_every_kind(named):
    far = named(",domainname=lab.test,dnssearch=lab.test,dnssearch=t.internal,hostname=box")
    serve(far, WORLD[4], "--address=/www.lab.test/198.51.100.9")
    script = os.path.join(far.folder, "script")
    with open(script, "w", encoding="utf8") as file:
        file.write('#!/bin/sh\n[ "$1" = bound ] && echo "$ip/$hostname/$domain/$search" > ' + script + ".out\nexit 0\n")
    os.chmod(script, 0o755)
    far.box.run(busybox(), "udhcpc", "-i", "tap0", "-n", "-q", "-F", "vm1", "-x", "hostname:vm1", "-O", "search", "-s", script, timeout=20)
    with open(script + ".out", encoding="utf8") as file:
        address, name, domain, search = file.read().strip().split("/")
    assert (name, domain, search) == ("vm1", "lab.test", "lab.test t.internal")
    for name in ("vm1", "VM1.t.internal", "vm1.lab.test"):
        assert dig(far, name)[2] == [address], name
    assert dig(far, "www.lab.test")[2] == ["198.51.100.9"]
    assert dig(far, "nobody.t.internal")[0] == "NXDOMAIN"
    assert dig(far, "-x", address)[2] == ["vm1.t.internal."]
    for server in ("10.0.2.3", "fd00::3"):
        assert dig(far, "host.guestwire.internal", server=server)[2] == ["10.0.2.2"]
        assert dig(far, "host.guestwire.internal", "AAAA", server=server)[2] == ["fd00::2"]
    assert dig(far, "-x", "fd00::2")[2] == ["host.guestwire.internal."]
    # as a guest's own system looks for it
    with open(script + ".resolv", "w", encoding="utf8") as file:
        file.write("search lab.test t.internal\nnameserver 10.0.2.3\n")
    found = far.box.run("unshare", "-m", "sh", "-c", f"mount --bind {script}.resolv /etc/resolv.conf && getent ahostsv4 vm1").stdout
    assert found.split()[0] == address


def address_of(guest, name):
    """What the resolver says to a guest without a system: an address, or "" for none."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\1\0\1"
    query = b"\x12\x34\1\0\0\1" + b"\0" * 6 + question
    resolver = guest.resolve("10.0.2.3")
    got = guest.ask(ethernet(resolver, guest.mac, 0x800, udp4(guest.ip, "10.0.2.3", 4000, 53, query)),
                    lambda frame: frame[12:14] == b"\x08\0" and frame[23] == 17 and frame[34:38] == b"\0\x35\x0f\xa0")
    assert got and got[42:44] == b"\x12\x34", "no answer"
    return socket.inet_ntoa(got[-4:]) if got[48:50] == b"\0\1" else ""


@pytest.mark.asan
def test_a_name_given_by_dhcp_host_is_not_taken_by_who_calls_itself_so(wire, closing, tmp_path):
    lab = wire("--uplink", "user", "--dhcp-host", "52:54:00:aa:00:01,10.0.2.50,db", "--guest", f"stream,path={tmp_path}/s")
    liar, asker = closing(StreamGuest(f"{tmp_path}/s")), closing(StreamGuest(f"{tmp_path}/s"))
    liar.dhcp(name=b"db")
    asker.dhcp(name=b"asker")
    assert address_of(asker, "asker") == asker.ip
    assert address_of(asker, "db") == ""  # its guest is not there yet
    assert lab.command("wait", "db", "--timeout", "0.2", check=False).returncode == 1
    assert lab.lease_of(mac_text(liar.mac))["name"] == ""
    named = closing(StreamGuest(f"{tmp_path}/s", mac="52:54:00:aa:00:01"))
    assert named.dhcp(name=b"other") == "10.0.2.50"
    assert address_of(asker, "db") == "10.0.2.50"
    liar.dhcp(name=b"db")
    assert address_of(asker, "db") == "10.0.2.50"
    assert lab.command("wait", "db").stdout == "10.0.2.50\n"


# ---- what cannot be reached ----

UDP_ERROR = """
import errno, socket, sys, time
six = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.setsockopt(*((socket.IPPROTO_IPV6, 25) if six else (socket.IPPROTO_IP, 11)), 1)  # what Linux keeps to itself otherwise
s.connect((sys.argv[1], int(sys.argv[2])))
start = time.monotonic()
s.send(b"x")
try:
    s.recv(10)
    said = "answered"
except TimeoutError:
    said = "timeout"
except OSError as error:
    said = errno.errorcode[error.errno]
print(said, time.monotonic() - start)
"""


def tries(far, address, port):
    """What connect() and a datagram are told, and how long the slower took. The first time too: a packet that is lost costs
    a second. What a busy machine delays by less is asked again."""
    for _ in range(5):
        said = [far.python(far.box, code, address, port).split() for code in (CONNECT, UDP_ERROR)]
        seconds = max(float(words[1]) for words in said)
        if not 0.1 <= seconds < 0.8:
            break
    return said[0][0], said[1][0], seconds


@pytest.mark.asan
def test_a_host_without_ipv6_is_no_router_for_it_and_says_so_at_once(far):
    far = far(ip6=False)
    far.box.run("sh", "-c", "ip -6 route del default; sysctl -qw net.ipv6.conf.tap0.accept_ra=2")
    need("rdisc6")
    said = far.box.run("rdisc6", "-1", "-w", "2000", "tap0", timeout=10).stdout
    assert "Router lifetime           :            0" in said, said
    assert "default" not in far.box.run("ip", "-6", "route").stdout
    far.box.run("ip", "-6", "route", "add", "default", "via", "fd00::2")
    connected, datagram, seconds = tries(far, WORLD[6], 80)
    assert (connected, datagram) == ("ENETUNREACH", "ENETUNREACH") and seconds < 0.1
    # and as the host has a way again, so have its guests
    far.host.run("ip", "addr", "add", "2001:db8::1/64", "dev", "host0", "nodad")
    far.host.run("ip", "-6", "route", "add", "default", "via", WORLD[6])
    eventually(lambda: "Router lifetime           :            0" not in far.box.run("rdisc6", "-1", "-w", "2000", "tap0", timeout=10).stdout,
               what="a router for it")


@pytest.mark.asan
def test_without_a_route_the_net_is_unreachable(far):
    far = far()
    far.host.run("ip", "route", "del", "default")
    connected, datagram, seconds = tries(far, "203.0.113.1", 80)
    assert (connected, datagram) == ("ENETUNREACH", "ENETUNREACH") and seconds < 0.1


@pytest.mark.asan
@pytest.mark.parametrize("options", [",host-loopback=off", ",restrict=on"])
def test_a_gateway_that_leads_nowhere_refuses(far, options):
    far = far(options)
    for family in (4, 6):
        connected, datagram, seconds = tries(far, HOST[family], 80)
        assert (connected, datagram) == ("ECONNREFUSED", "ECONNREFUSED") and seconds < 0.1, (
            family, connected, datagram, seconds, far.drops(), far.box.run("ip", "neigh").stdout)


@pytest.mark.asan
def test_an_address_of_the_net_that_nobody_has_is_no_way_out(far):
    far = far()
    far.box.run("ip", "neigh", "replace", "10.0.2.77", "lladdr", "52:55:0a:00:02:02", "dev", "tap0")
    connected, datagram, seconds = tries(far, "10.0.2.77", 80)
    assert (connected, datagram) == ("EHOSTUNREACH", "EHOSTUNREACH") and seconds < 0.1


TAGGED = """
import fcntl, socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("tap0", 0))
own = fcntl.ioctl(s, 0x8927, struct.pack("256s", b"tap0"))[18:24]
s.send(bytes.fromhex("52550a000202") + own + bytes.fromhex("810000070800") + bytes(46))
"""


@pytest.mark.asan
def test_tagged_frames_for_the_gateway_are_dropped_by_name(far):
    far = far()
    far.python(far.box, TAGGED)
    eventually(lambda: far.lab.port("gateway")["drops"].get("vlan-tagged", 0) == 1, 5, what="the drop")


# ---- address=host ----

LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
echo "$ip/$mask $router $dns $siaddr" > "$0.out"
ip addr flush dev tap0 scope global
ip addr add "$ip/$mask" dev tap0
ip route add default via $router
"""


# Tells whoever comes what its address is.
PEER = """
import socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print("ready", flush=True)
while True:
    c, who = s.accept()
    c.sendall(who[0].encode())
    c.close()
"""
ASK_PEER = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
print(c.recv(100).decode())
"""


class Worn:
    """A far with address=host, whose box has taken its lease and its advertisement."""

    def __init__(self, far):
        self.far = far
        self.script = os.path.join(far.folder, "script")
        with open(self.script, "w", encoding="utf8") as file:
            file.write(LEASE)
        os.chmod(self.script, 0o755)
        far.box.run("sh", "-c", "ip addr flush dev tap0 scope global; ip route flush default; sysctl -qw net.ipv6.conf.tap0.accept_ra=2")
        self.lease()

    def lease(self):
        self.far.box.run(busybox(), "udhcpc", "-i", "tap0", "-n", "-q", "-s", self.script, timeout=20)
        with open(self.script + ".out", encoding="utf8") as file:
            return file.read().split()

    def advertised(self):
        # it needs its link-local address first
        eventually(lambda: self.far.box.run("rdisc6", "-1", "-w", "1000", "tap0", timeout=10, check=False).returncode == 0, what="rdisc6")
        addresses = lambda: self.far.box.run("ip", "-6", "addr", "show", "dev", "tap0", "scope", "global", "-tentative").stdout
        return eventually(addresses, 5, what="an address of the advertised net")


@pytest.mark.asan
def test_the_guest_wears_the_hosts_address_router_and_name_servers(far):
    need("rdisc6")
    far = far(",address=host,guestfwd=tcp:192.0.2.50:80-cmd:tr a-z A-Z")
    worn = Worn(far)
    assert worn.lease() == ["192.0.2.1/24", WORLD[4], WORLD[4]]
    assert "2001:db8:" in worn.advertised()
    # the world is in the guest's own net, and reached: it is the router too, whose address leads to the host's loopback
    far.world.run("ip", "addr", "add", "192.0.2.3/24", "dev", "world0")
    far.world.run("ip", "addr", "add", "203.0.113.1/32", "dev", "world0")
    far.world.run("ip", "addr", "add", "2001:db8::3/64", "dev", "world0", "nodad")
    for number, address in enumerate(("192.0.2.3", "203.0.113.1", "2001:db8::3")):
        far.server(far.world, PEER, address, 8000 + number)
        shown = "2001:db8::1" if ":" in address else "192.0.2.1"
        assert far.python(far.box, ASK_PEER, address, 8000 + number) == shown, far.drops()
    far.server(far.host, PEER, "127.0.0.1", 8100)
    assert far.python(far.box, ASK_PEER, WORLD[4], 8100) == "127.0.0.1"
    assert talk(far, "192.0.2.50", 80) == "5 WORDS"
    # duplicate address detection finds nobody, and the guest's own address is not answered for
    assert far.box.run(busybox(), "arping", "-D", "-I", "tap0", "-c", "1", "-w", "1", "192.0.2.1", check=False).returncode == 0


@pytest.mark.asan
def test_map_host_leads_to_the_loopback_and_leaves_the_router_alone(far):
    far = far(",address=host,map-host=192.0.2.99,map-host=2001:db8::99")
    Worn(far).advertised()
    far.server(far.host, PEER, "127.0.0.1", 8100)
    far.server(far.host, PEER, "::1", 8100)
    far.server(far.world, PEER, WORLD[4], 8100)
    assert far.python(far.box, ASK_PEER, "192.0.2.99", 8100) == "127.0.0.1"
    assert far.python(far.box, ASK_PEER, "2001:db8::99", 8100) == "::1"
    assert far.python(far.box, ASK_PEER, WORLD[4], 8100) == "192.0.2.1"


@pytest.mark.asan
def test_map_host_works_with_a_net_of_its_own(far):
    far = far(",map-host=10.0.2.200")
    far.server(far.host, PEER, "127.0.0.1", 8100)
    assert far.python(far.box, ASK_PEER, "10.0.2.200", 8100) == "127.0.0.1"
    assert far.python(far.box, CONNECT, HOST[4], 8100).split()[0] == "ECONNREFUSED"


@pytest.mark.asan
def test_a_host_whose_address_changes_gives_the_new_one_to_the_next_lease(far):
    far = far(",address=host")
    worn = Worn(far)
    far.host.run("sh", "-c", "ip addr del 192.0.2.1/24 dev host0 && ip addr add 198.51.100.7/24 dev host0 && "
                 "ip route add default via 198.51.100.2")
    far.world.run("sh", "-c", "ip addr add 198.51.100.2/24 dev world0; ip addr add 198.51.100.3/24 dev world0")
    # a flow begun with the old address goes out by the new one; not to the router, which is soon this host for the guest
    far.server(far.world, PEER, "198.51.100.3", 8000)
    assert far.python(far.box, ASK_PEER, "198.51.100.3", 8000) == "198.51.100.7"
    eventually(lambda: "addresses are 198.51.100.7 and" in far.lab.errors(), what="the line that tells")
    # and so does one that is begun then, before the lease is renewed: the router is found where it was
    far.box.run("ip", "neigh", "flush", "dev", "tap0")
    far.server(far.world, PEER, "198.51.100.3", 8002)
    assert far.python(far.box, ASK_PEER, "198.51.100.3", 8002) == "198.51.100.7"
    assert worn.lease()[:2] == ["198.51.100.7/24", "198.51.100.2"]
    assert "addresses are 198.51.100.7 and 2001:db8::1 now, 192.0.2.1 and 2001:db8::1 before" in far.lab.errors()
    far.server(far.world, PEER, "198.51.100.3", 8001)
    assert far.python(far.box, ASK_PEER, "198.51.100.3", 8001) == "198.51.100.7"


def test_a_host_whose_name_servers_change_gives_the_new_ones_to_the_next_lease(far):
    far = far(",address=host")
    worn = Worn(far)
    assert worn.lease()[2] == WORLD[4]
    with open(far.resolv, "w", encoding="utf8") as file:
        file.write("nameserver 192.0.2.53\n")
    eventually(lambda: worn.lease()[2] == "192.0.2.53", what="the new name server in a lease")
    # one of its own is the guest's own by now: the gateway asks it
    with open(far.resolv, "w", encoding="utf8") as file:
        file.write("nameserver 192.0.2.1\n")
    eventually(lambda: worn.lease() == ["192.0.2.1/24", WORLD[4], WORLD[4]], what="the gateway in a lease")


@pytest.mark.asan
def test_a_machine_without_a_default_route_has_no_address_to_wear(wire, namespace):
    lab = wire("--uplink", "user,address=host", inside=namespace(), check=False)
    assert lab.process.wait(20) != 0
    assert "address=host: this machine has no default route" in lab.errors()


# ---- QEMU's argument ----

LINES = [
    "user,id=n",
    "user,id=n,ipv6=n,restrict=y,hostname=vm.lab.test",
    "user,id=n,net=10.0.0.0",
    "user,id=n,net=10.0.2.5/255.255.255.128,host=10.0.2.1,dns=10.0.2.9,dhcpstart=10.0.2.20",
    "user,id=n,ipv6-net=fec0::/64,ipv6-host=fec0::2,ipv6-dns=fec0::3,hostname=vm,domainname=lab.test,dnssearch=a.test,dnssearch=b.test",
    "user,id=n,dns=10.0.2.4,tftp=/tmp,tftp-server-name=boot.test,bootfile=/pxelinux.0",
    "user,id=n,ipv6-prefix=fec0::,ipv6-prefixlen=64,guestfwd=tcp:10.0.2.100:1234-cmd:cat -,,x,guestfwd=:10.0.2.101:4321-cmd:cat",
    "user,id=n,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp::0-10.0.2.15:53,hostfwd=::0-:80",
]


def test_lines_that_qemu_takes_for_its_user_network_are_taken_here(wire, tmp_path):
    need("qemu-system-x86_64")
    for number, line in enumerate(LINES):
        started = subprocess.run(["qemu-system-x86_64", "-machine", "none", "-display", "none", "-serial", "none", "-monitor", "stdio",
                                  "-netdev", line], input="quit\n", capture_output=True, text=True, timeout=20)
        assert started.returncode == 0, f"{line}: {started.stderr}"
        lab = wire("--uplink", line, "--guest", f"stream,path={tmp_path}/{number}.sock", name=f"q{number}")
        assert lab.stop() == 0, line


@pytest.mark.asan
def test_a_forward_to_the_guest_that_wears_the_hosts_address_finds_it(far):
    far = far(",address=host,hostfwd=tcp::8080-:80")
    Worn(far)
    far.server(far.box, PEER, "192.0.2.1", 80)
    # the guest could not answer its own address: the host is its router, and so is the world here, whose address that is
    for space, address in ((far.host, "127.0.0.1"), (far.host, "192.0.2.1"), (far.world, "192.0.2.1")):
        assert far.python(space, ASK_PEER, address, 8080) == "192.0.2.2", far.drops()


@pytest.mark.asan
def test_guestfwd_goes_before_the_hosts_loopback(far):
    far = far(",guestfwd=tcp:10.0.2.2:80-cmd:tr a-z A-Z,host-loopback=off")
    assert talk(far, HOST[4], 80) == "5 WORDS"
    assert far.python(far.box, CONNECT, HOST[4], 81).split()[0] == "ECONNREFUSED"
