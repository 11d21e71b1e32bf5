# SPDX-License-Identifier: MIT
"""guestwire netns: a command in a network namespace of its own.

    the command's namespace -- eth0 tap --  guestwire, typed by an ordinary  --host0 ---- world0-- world (servers)
                10.0.2.15, fd00::1000       user in the namespace `host`        192.0.2.1   192.0.2.2
                                                                                2001:db8::1 2001:db8::2
"""
import hashlib
import ipaddress
import json
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time

import pytest

from kit import eventually, need
from kit.far import WORLD, Far, Process
from kit.namespace import Namespace
from kit.person import Person

pytestmark = pytest.mark.asan

PAGE = bytes(range(256)) * 4096
SERVER = """
import http.server, socket, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 20))
        self.end_headers()
        self.wfile.write(bytes(range(256)) * 4096)
    def log_message(self, *words):
        pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)
server = Server(("::", int(sys.argv[1])), Handler)
print("ready", flush=True)
server.serve_forever()
"""
FETCH = """
import hashlib, sys, urllib.request
print(hashlib.sha256(urllib.request.urlopen(sys.argv[1], timeout=10).read()).hexdigest())
"""


@pytest.fixture(scope="module")
def machine():
    """A host with a way to a world, where a server and a resolver run."""
    need("dnsmasq")
    host, world, servers = Namespace(), Namespace(), []
    host.run("ip", "link", "add", "host0", "type", "veth", "peer", "name", "world0", "netns", str(world.holder.pid))
    Far.link(host, "host0", 1)
    Far.link(world, "world0", 2)
    host.run("sh", "-c", f"ip route add default via {WORLD[4]} && ip -6 route add default via {WORLD[6]}")
    host.run("sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
    for space in (host, world):
        servers.append(Process(space.start(sys.executable, "-c", SERVER, "8000", stdout=subprocess.PIPE, text=True)))
    servers.append(Process(world.start("dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--bind-interfaces",
                                       f"--listen-address={WORLD[4]}", f"--address=/page.test/{WORLD[4]}", f"--address=/page.test/{WORLD[6]}",
                                       stderr=subprocess.DEVNULL)))
    assert all(process.stdout.readline() == "ready\n" for process in servers[:2])
    eventually(lambda: "53" in world.run("ss", "-Hltn", "src", WORLD[4]).stdout, what="dnsmasq")
    yield host
    for process in servers:
        process.close()
    host.close()
    world.close()


@pytest.fixture(params=["ordinary", "root"])
def anyone(machine, closing, request):
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("is not root")
    return closing(Person(machine, ordinary=request.param == "ordinary"))


@pytest.fixture
def person(machine, closing):
    return closing(Person(machine))


def fetch(url):
    return [sys.executable, "-c", FETCH, url]


# ---- what the command finds ----

def link_local(mac):
    byte = bytes.fromhex(mac.replace(":", ""))
    address = b"\xfe\x80" + bytes(6) + bytes([byte[0] ^ 2]) + byte[1:3] + b"\xff\xfe" + byte[3:]
    return f"{ipaddress.IPv6Address(address)}/64"


LOOK = """
ip -j address; ip -j route; ip -j -6 route; cat /etc/resolv.conf
"""


def test_the_command_has_an_interface_with_addresses_routes_and_a_resolver(anyone):
    address, route, route6, *resolv = anyone.guestwire("netns", "--name", "box", "--", "sh", "-c", LOOK, check=True).stdout.splitlines()
    links = {link["ifname"]: link for link in json.loads(address)}
    assert set(links) == {"lo", "eth0"}
    assert "UP" in links["lo"]["flags"] and "UP" in links["eth0"]["flags"]
    assert links["eth0"]["mtu"] == 65520
    found = {f"{one['local']}/{one['prefixlen']}": one for one in links["eth0"]["addr_info"]}
    assert "10.0.2.15/24" in found and "fd00::1000/64" in found
    assert [one for one in found if one.startswith("fe80:")] == [link_local(links["eth0"]["address"])]
    assert not any(one.get("tentative") for one in found.values())
    assert [one["gateway"] for one in json.loads(route) if one["dst"] == "default"] == ["10.0.2.2"]
    assert [one["gateway"] for one in json.loads(route6) if one["dst"] == "default"] == ["fd00::2"]
    paces = [list(one["metrics"][0].values()) for one in [*json.loads(route), *json.loads(route6)] if one["dst"] == "default"]
    assert paces == [["reno"]] * 2
    assert [line for line in resolv if not line.startswith("#")] == ["nameserver 10.0.2.3", "nameserver fd00::3"]


@pytest.mark.parametrize("family", [4, 6])
def test_the_first_packet_goes_out_at_once(person, family):
    start = time.monotonic()
    person.guestwire("netns", "--", "ping", "-q", "-c1", "-W2", WORLD[family], check=True)
    assert time.monotonic() - start < 2


def test_names_and_pages_of_the_world_are_reached(anyone):
    for host in ("page.test", WORLD[4], f"[{WORLD[6]}]"):
        done = anyone.guestwire("netns", "--", *fetch(f"http://{host}:8000/"), check=True)
        assert done.stdout.strip() == hashlib.sha256(PAGE).hexdigest()


def test_the_hosts_loopback_is_reached_only_when_it_is_asked_for(person):
    assert "refused" in person.guestwire("netns", "--", *fetch("http://10.0.2.2:8000/")).stderr
    person.guestwire("netns", "--uplink", "user,host-loopback=on", "--", *fetch("http://10.0.2.2:8000/"), check=True)


def test_the_words_of_the_uplink_are_what_the_namespace_has(person):
    words = "none,net=10.9.0.0/24,route=10.8.0.0/16,ipv6=off,dnssearch=example.org"
    done = person.guestwire("netns", "--uplink", words, "--mtu", 1400, "--ifname", "lan", "--", "sh", "-c",
                            "ip -o -4 address show dev lan; ip link show dev lan; ip route; cat /etc/resolv.conf", check=True).stdout
    assert "10.9.0.15/24" in done and "mtu 1400" in done and "10.8.0.0/16 via 10.9.0.2" in done and "search example.org" in done
    assert "default via" not in done and "nameserver" not in done


def test_the_user_is_root_inside_or_himself(person):
    ids = "id -u; id -g; ip link add v0 type veth 2>&1; echo $?"
    inside = person.guestwire("netns", "--", "sh", "-c", ids, check=True).stdout.split()
    assert inside == ["0", "0", "0"]
    himself = person.guestwire("netns", "--map-current-user", "--", "sh", "-c", ids, check=True).stdout.split()
    assert himself[:2] == [str(person.uid)] * 2 and himself[-1] != "0"


def test_the_command_gets_back_what_guestwire_changed_for_itself(person):
    ask = "umask; ulimit -Sn; grep -E 'Sig(Ign|Blk)' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '"

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, 4096))
    plain = subprocess.run(person.words("sh", "-c", ask), env=person.environment, capture_output=True, text=True, check=True, preexec_fn=limit).stdout
    served = person.guestwire("netns", "--", "sh", "-c", ask, check=True, preexec_fn=limit).stdout
    assert served == plain


# ---- its end ----

@pytest.mark.parametrize("script, status", [("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("true", 0)])
def test_the_exit_status_is_the_commands(anyone, script, status):
    done = anyone.guestwire("netns", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_a_command_that_is_none_is_told_as_by_a_shell(person):
    done = person.guestwire("netns", "--", "/nowhere/at/all")
    assert done.returncode == 127 and done.stderr == "guestwire: /nowhere/at/all: there is no such command\n"
    done = person.guestwire("netns", "--", "/etc/passwd")
    assert done.returncode == 126 and "/etc/passwd: Permission denied" in done.stderr


def test_the_shell_is_run_where_no_command_is_given_and_reads_standard_input(person):
    person.environment["SHELL"] = "/bin/sh"
    done = person.guestwire("netns", input="ip -o link | grep -c eth0; exit 3\n", stdin=None)
    assert (done.returncode, done.stdout) == (3, "1\n")


WAITS = 'trap "echo told; exit 5" TERM INT HUP; echo ready; while :; do sleep 0.05; done'


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_from_another_process_is_passed_on(person, number):
    process = person.start("netns", "--", "sh", "-c", WAITS, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.communicate(timeout=10)[0] == "told\n" and process.returncode == 5


def test_the_command_does_not_outlive_guestwire(person):
    process = person.start("netns", "--name", "box", "--", "sh", "-c", "echo $$; exec sleep 100", stdout=subprocess.PIPE)
    pid = int(process.stdout.readline())
    children = [int(one) for one in open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf8").read().split()]
    assert pid in children
    process.kill()
    process.communicate()
    eventually(lambda: not any(os.path.exists(f"/proc/{child}") for child in children), what="the end of what guestwire had started")
    person.guestwire("netns", "--name", "box", "--", "true", check=True)  # clears what the killed one left


class Terminal:
    """A shell with job control at a terminal, where a person types."""

    def __init__(self, person):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            words = person.words("bash", "--norc", "--noprofile", "-i")
            os.execvpe(words[0], words, dict(person.environment, PS1="$ ", TERM="dumb"))
        self.seen = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def see(self, text, seconds=10):
        """Waits until the terminal shows it; what was shown before is not looked at again."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, f"no {text!r} in {self.seen!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                self.seen += os.read(self.fd, 4096).decode(errors="replace")
        self.seen = self.seen.split(text, 1)[1]

    def close(self):
        os.kill(self.pid, signal.SIGHUP)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def test_what_is_typed_interrupts_the_command_alone(person, closing):
    terminal = closing(Terminal(person))
    terminal.type(f"{person.program} netns -- sh -c '{WAITS}'; echo status=$?.\n")
    terminal.see("\r\nready\r\n")
    terminal.type("\x03")
    terminal.see("told\r\n")
    terminal.see("status=5.\r\n")


def test_a_stopped_command_stops_guestwire_and_goes_on_with_it(person, closing):
    terminal = closing(Terminal(person))
    terminal.type(f"{person.program} netns -- sh -c 'echo ready; read word; echo read $word; ping -qc1 -W2 10.0.2.2 >/dev/null && exit 6'\n")
    terminal.see("\r\nready\r\n")
    terminal.type("\x1a")
    terminal.see("Stopped")
    terminal.type("fg\n")
    terminal.see("guestwire")
    terminal.type("word\n")
    terminal.see("read word\r\n")
    terminal.see("$ ")
    terminal.type("echo status=$?.\n")
    terminal.see("status=6.\r\n")


def test_an_interactive_shell_has_the_terminal_and_its_jobs(person, closing):
    terminal = closing(Terminal(person))
    terminal.type(f"PS1='inside ' {person.program} netns -- bash --norc\n")
    terminal.see("\ninside ")
    terminal.type("sh -c 'echo \"a job\" begins; exec sleep 50'\n")
    terminal.see("\r\na job begins\r\n")
    terminal.type("\x03")
    terminal.see("inside ")
    terminal.type("echo interrupted=$?.\n")
    terminal.see("interrupted=130.\r\n")
    terminal.type("suspend\n")
    terminal.see("Stopped")
    terminal.type("fg\n")
    terminal.see("inside ")
    terminal.type("exit 4\n")
    terminal.see("$ ")
    terminal.type("echo status=$?.\n")
    terminal.see("status=4.\r\n")


# ---- its network ----

def down(person, name, process):
    """What the network's process ends with. It is waited for at once, since `down` waits until it is listed no more."""
    with person.start("down", name) as command:
        process.communicate(timeout=10)
        assert command.wait(5) == 0
    return process.returncode


def test_it_is_a_network_like_any_other_while_the_command_runs(person):
    process = person.start("netns", "--", "sh", "-c", "trap '' HUP; echo ready; exec sleep 100", stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    name = f"netns-{process.pid}"
    assert [one["name"] for one in json.loads(person.guestwire("ls", "--json", check=True).stdout)] == [name]
    shown = json.loads(person.guestwire("show", "--json", check=True).stdout)
    port = next(one for one in shown["ports"] if one["name"] == "netns")
    leases = {lease["address"]: lease for lease in shown["leases"]}
    assert leases["10.0.2.15"]["mac"] == leases["fd00::1000"]["mac"] == port["macs"][0]
    assert leases["10.0.2.15"]["name"] == "netns" and leases["10.0.2.15"]["state"] == "bound"
    assert down(person, name, process) == 143


def test_down_kills_a_command_that_takes_no_notice(person):
    process = person.start("netns", "--name", "box", "--", "sh", "-c", "trap '' TERM HUP; echo ready; while :; do sleep 0.1; done", stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    assert down(person, "box", process) == 137


def test_whoever_stops_what_guestwire_started_does_not_hold_up_its_end(person):
    command = person.start("netns", "--name", "box", "--", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    command.stdin.write("up\n")
    command.stdin.flush()
    assert command.stdout.readline() == "up\n"
    children = [int(one) for one in open(f"/proc/{command.pid}/task/{command.pid}/children", encoding="utf8").read().split()]
    others = [child for child in children if open(f"/proc/{child}/comm", encoding="utf8").read() != "cat\n"]
    assert others
    for child in others:
        os.kill(child, signal.SIGSTOP)
    try:
        command.stdin.close()
        assert command.wait(5) == 0
    finally:
        for child in others:
            if os.path.exists(f"/proc/{child}"):
                os.kill(child, signal.SIGKILL)
        command.stdout.close()


def test_a_port_of_the_host_leads_to_the_command(person, machine):
    process = person.start("netns", "-p", "127.0.0.1::8080", "-p", "[::1]::8080", "-p", "127.0.0.1::netns:8080", "--", sys.executable, "-c", SERVER, "8080",
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    for _ in range(3):
        place = process.stderr.readline().split()[2]
        assert machine.run(*fetch(f"http://{place}/")).stdout.strip() == hashlib.sha256(PAGE).hexdigest()
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=10) == ("", "") and process.returncode == 143


def test_it_is_waited_for_until_the_command_listens(person):
    late = f"import time; time.sleep(0.3); exec({SERVER!r})"
    process = person.start("netns", "--name", "box", "--", sys.executable, "-c", late, "8080", stdout=subprocess.PIPE)
    eventually(lambda: "box" in person.guestwire("ls").stdout, what="the network")
    assert person.guestwire("wait", "box", "netns:8080", "--timeout", "10", check=True).stdout == "10.0.2.15\n"
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)


def test_a_port_that_is_taken_is_one_line_and_the_command_is_not_started(person):
    done = person.guestwire("netns", "-p", "8000:80", "--", "echo", "started")
    assert done.returncode == 1 and done.stdout == "" and "8000" in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("guest", ["box", "netns.example", "lab"])
def test_a_forward_to_a_guest_that_can_never_be_is_one_line_and_the_command_is_not_started(person, guest):
    for words in (["-p", f"0:{guest}:80"], ["--uplink", f"user,hostfwd=tcp::0-{guest}:80"]):
        done = person.guestwire("netns", "--name", "lab", *words, "--", "echo", "started")
        assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
        assert f"no guest {guest} is here; without a name it leads to the namespace" in done.stderr


def test_what_is_left_out_is_said_in_the_log_file(person):
    log = os.path.join(person.path("run"), "log")
    script = 'ulimit -n 200; exec "$0" "$@"'
    words = person.words("sh", "-c", script, person.program, "netns", "--log-file", log, "-t", "all", "--", "true")
    done = subprocess.run(words, env=person.environment, capture_output=True, text=True, timeout=60)
    with open(log, encoding="utf8") as file:
        said = file.read()
    os.unlink(log)
    assert done.returncode == 0 and said.count("too few open files are allowed") == 1, (said, done.stderr)
    assert "too few" not in done.stderr


def test_a_process_inside_that_cannot_say_how_it_went_ends_the_command(machine, closing):
    """The second message that it sends: the tap went before."""
    need("strace")
    person = closing(Person(machine, ordinary=False))
    words = person.words("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=sendmsg:error=ENOBUFS:when=2", person.program, "netns", "--", "echo", "started")
    done = subprocess.run(words, env=person.environment, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "guestwire: netns: the process inside the namespace ended\n")


def test_a_log_file_on_a_full_disk_is_said_and_stops_nothing(person):
    done = person.guestwire("netns", "-v", "--log-file", "/dev/full", "--", "sh", "-c", "exit 7")
    assert done.returncode == 7
    assert any(line.startswith("guestwire: the log file cannot be written (No space left on device): ") for line in done.stderr.split("\n")), done.stderr


def test_a_command_that_is_nowhere_is_not_there_whatever_folders_are_shut(person):
    environment = dict(person.environment, PATH="/proc/1/cwd:/root:" + person.environment["PATH"])
    done = subprocess.run(person.words(person.program, "netns", "--", "nosuchcommand"), env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 127 and done.stderr == "guestwire: nosuchcommand: there is no such command\n", done.stderr


# ---- a namespace that is there ----

@pytest.fixture
def box(person):
    """A namespace of the person's own: the process that holds it."""
    process = subprocess.Popen(person.words("unshare", *([] if os.geteuid() != 0 else ["-Ur"]), "-n", "sh", "-c", "echo ready; exec sleep 100"),
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def inside(box, *words):
    # the user namespace's root, by one of its two numbers: it may not change its groups
    user = ["-U", "--preserve-credentials", "-S", "0"]
    return subprocess.run(["nsenter", "-t", str(box.pid), *user, "-n", *words], capture_output=True, text=True, timeout=30)


def attached(person, what, **more):
    process = person.start("netns", "--name", "box", "--attach", what, stderr=subprocess.PIPE, **more)
    assert "serves" in process.stderr.readline()
    return process


@pytest.mark.parametrize("form", ["{pid}", "/proc/{pid}/ns/net"])
def test_a_namespace_that_is_there_is_served_until_its_holder_is_gone(person, box, form):
    process = attached(person, form.format(pid=box.pid))
    assert inside(box, *fetch(f"http://{WORLD[4]}:8000/")).stdout.strip() == hashlib.sha256(PAGE).hexdigest()
    assert "LOOPBACK,UP" in inside(box, "ip", "link", "show", "lo").stdout
    box.kill()
    assert process.wait(10) == 0, process.stderr.read()
    process.stderr.close()


def test_the_interface_goes_when_it_is_told_to_end(person, box):
    process = attached(person, box.pid)
    assert "eth0" in inside(box, "ip", "link").stdout
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert "eth0" not in inside(box, "ip", "link").stdout
    process.stderr.close()


def test_a_named_namespace_is_served_until_its_name_is_gone(machine, closing, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("is not root")
    root = closing(Person(machine, ordinary=False))
    path = tmp_path / "named"
    path.touch()
    space = closing(Namespace())
    subprocess.run(["mount", "--bind", space.path, path], check=True)
    try:
        process = attached(root, "./named", cwd=tmp_path)
        assert space.run("ping", "-qc1", "-W2", "10.0.2.2").returncode == 0
    finally:
        subprocess.run(["umount", "-l", path], check=True)
        path.unlink()
    # the name in guestwire's own mount namespace is gone with the file
    assert process.wait(10) == 0
    process.stderr.close()


def test_in_the_background_it_returns_when_the_namespace_is_served(person, box):
    pidfile = os.path.join(person.environment["XDG_RUNTIME_DIR"], "box.pid")
    done = person.guestwire("netns", "-d", "--pidfile", pidfile, "--name", "box", "--attach", box.pid)
    assert done.returncode == 0 and "serves" in done.stderr, done.stderr
    assert inside(box, *fetch(f"http://{WORLD[4]}:8000/")).stdout.strip() == hashlib.sha256(PAGE).hexdigest()
    with open(pidfile, encoding="ascii") as file:
        assert json.loads(person.guestwire("ls", "--json").stdout)[0]["pid"] == int(file.read())
    assert person.guestwire("netns", "-d", "--name", "box", "--attach", box.pid).returncode == 1
    assert person.guestwire("down", "box").returncode == 0
    assert "eth0" not in inside(box, "ip", "link").stdout and not os.path.exists(pidfile)


def test_in_the_background_a_relative_path_still_counts_from_where_it_was_typed(person, box):
    run = person.environment["XDG_RUNTIME_DIR"]
    os.mkdir(os.path.join(run, "boot"))
    os.chmod(os.path.join(run, "boot"), 0o755)
    done = person.guestwire("netns", "-d", "--name", "box", "--uplink", "user,tftp=boot,hostfwd=unix:web.sock-:80", "--attach", box.pid, cwd=run)
    assert done.returncode == 0, done.stderr
    listening = [one["listening"] for one in json.loads(person.guestwire("forward", "ls", "--json").stdout)]
    assert person.guestwire("down", "box").returncode == 0
    os.rmdir(os.path.join(run, "boot"))
    assert listening == [os.path.join(run, "web.sock")] and not os.path.exists(listening[0])


# ---- what cannot be ----

def test_a_folder_where_one_may_not_look_is_named_with_what_to_do(person):
    if not person.dropped:
        pytest.skip("needs root, whose folder is not to be looked into")
    done = person.guestwire("up", "--guest", "stream,path=/root/x.sock")
    assert (done.returncode, done.stderr) == (1, "guestwire: /root/x.sock: cannot make a socket there: Permission denied; "
                                                 "choose a folder where you may write\n")
    person.environment["XDG_RUNTIME_DIR"] = "/root"
    done = person.guestwire("up")
    assert (done.returncode, done.stderr) == (1, "guestwire: /root/guestwire: Permission denied; set XDG_RUNTIME_DIR to a folder "
                                                 "that is yours\n")


@pytest.mark.parametrize("words, status, text", [
    (["--mtu", "12"], 2, "mtu=12"),
    (["--mtu", "1500", "--uplink", "user,mtu=1400"], 2, "leave one of them out"),
    (["--uplink", "bridged"], 1, "bridged"),
    (["--uplink", "user,nett=1"], 2, "nett"),
    (["--name", "a b"], 2, "a b"),
    (["--attach", "1", "--", "true"], 2, "serves a namespace that is there"),
    (["--attach", "1", "--map-current-user"], 2, "--map-current-user"),
    (["--ifname", "muchtoolongforakernel"], 2, "15"),
    (["--wrong"], 2, "--wrong"),
    (["-d"], 2, "--daemon and --pidfile are for --attach"),
    (["-u", "user,net=10.1.0.0/24"], 2, "--uplink user,net=10.1.0.0/24 is written out"),
    (["-t", "%nosuch/8080"], 1, "there is no interface nosuch"),
])
def test_a_mistake_is_one_line_and_its_status(person, words, status, text):
    done = person.guestwire("netns", *words, *(["--", "true"] if "--" not in words else []) if "--attach" not in words else [])
    assert done.returncode == status and done.stderr.count("\n") == 1 and text in done.stderr and done.stderr.startswith("guestwire: "), done.stderr


@pytest.mark.parametrize("what, status, text", [
    ("999999999", 1, "cannot open"),
    ("nosuchname", 1, "/run/netns/nosuchname"),
    ("/etc/passwd", 2, "is no namespace"),
    ("/proc/self/ns/uts", 2, "is no network namespace"),
    ("/proc/self/ns/net", 2, "itself"),
    ("1", 1, "sudo"),
])
def test_what_cannot_be_attached_is_one_line(person, what, status, text):
    if what == "1" and not person.dropped:
        pytest.skip("needs another user's process")
    done = person.guestwire("netns", "--attach", what)
    assert done.returncode == status and done.stderr.count("\n") == 1 and text in done.stderr, done.stderr


def test_an_interface_of_that_name_is_left_alone(person, box):
    assert inside(box, "ip", "link", "add", "eth0", "type", "bridge").returncode == 0
    done = person.guestwire("netns", "--attach", box.pid)
    assert done.returncode == 2 and "eth0" in done.stderr and done.stderr.count("\n") == 1
    assert "eth0" in inside(box, "ip", "link").stdout


@pytest.mark.parametrize("tun, text", [("no", "you may not open it"), ("missing", "this kernel has no taps, or the file is missing")])
def test_without_the_device_it_says_what_helps(machine, closing, tun, text):
    if os.geteuid() != 0 or os.stat("/dev/net/tun").st_mode & 0o006:
        pytest.skip("needs root and a /dev/net/tun of root's own")
    done = closing(Person(machine, tun=tun)).guestwire("netns", "--", "true")
    assert done.returncode == 1 and text in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("limit", ["max_user_namespaces", "max_net_namespaces"])
def test_where_namespaces_are_forbidden_the_setting_is_named(person, limit):
    # root of a user namespace without a capability is as good as nobody, and may lower its own limits before
    script = f'echo 0 >/proc/sys/user/{limit}; exec setpriv --bounding-set=-all --inh-caps=-all "$0" netns -- true'
    done = subprocess.run(person.words("unshare", "-Ur", "sh", "-c", script, person.program), env=person.environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and f"user.{limit}=0" in done.stderr and done.stderr.count("\n") == 1, done.stderr
