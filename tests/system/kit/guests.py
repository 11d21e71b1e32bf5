# SPDX-License-Identifier: MIT
"""Real guests with a shell on their console: QEMU under TCG and User Mode Linux."""
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time

from kit import fewregisters, images, missing, need


CMDLINE = "console=ttyS0 panic=-1 mitigations=off no_timer_check quiet"


class OwnFault(AssertionError):
    """A guest's kernel ended by what its stack says is a fault of its own: a User Mode Linux 6.1 panicked in vector_send(),
    where dql_completed() found more sent than queued. Seen once, and not looked into further."""


class Console:
    """A guest's shell: run() gives a command's output and status."""

    def __init__(self, name, command, cwd):
        self.name = name
        self.cwd = cwd
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd,
                                        start_new_session=True)
        self.lines = queue.Queue()
        self.log = []
        self.serial = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            text = line.decode("utf8", "replace").rstrip("\r\n")
            self.log.append(text)
            self.lines.put(text)
        self.lines.put(None)

    def expect(self, pattern, seconds):
        """Lines up to the one that matches, and the match."""
        seen, end = [], time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.name}: no {pattern!r} within {seconds} s:\n" + "\n".join(self.log[-30:])) from None
            if line is None:
                text = "\n".join(self.log[-30:])
                raise (OwnFault if "dql_completed" in text else AssertionError)(f"{self.name} ended:\n{text}")
            match = re.search(pattern, line)
            if match:
                return seen, match
            seen.append(line)

    def ready(self, seconds=120):
        self.expect("GUEST-READY", seconds)
        return self

    def start(self, command):
        self.serial += 1
        self.process.stdin.write(f"{{ {command} ; }}; status=$?; echo; echo END-{self.serial}-$status\n".encode())
        self.process.stdin.flush()

    def finish(self, seconds=30):
        seen, match = self.expect(rf"^END-{self.serial}-(\d+)", seconds)
        return int(match[1]), "\n".join(line for line in seen if line)

    def run(self, command, seconds=30, check=True):
        self.start(command)
        status, text = self.finish(seconds)
        assert not check or status == 0, f"{self.name}: {command}: exit {status}\n{text}"
        return text if check else (status, text)

    def dhcp(self, seconds=60):
        """The address by DHCP, as text."""
        text = self.run("udhcpc -i eth0 -f -q -n -t 30 -T 1 -O mtu -s /etc/udhcpc.sh", seconds)
        return re.search(r"DHCP ([\d.]+)/", text)[1]

    def slaac(self, prefix, seconds=90):
        """The autoconfigured address under the prefix, once duplicate address detection is done."""
        text = self.run("n=0; while [ $n -lt 300 ]; do ip -6 addr show dev eth0 scope global | grep -v tentative | grep inet6 | "
                        f"grep {prefix} && break; sleep 0.1; n=$((n+1)); done", seconds)
        return re.search(r"inet6 ([0-9a-f:]+)/", text)[1]

    def close(self):
        """Ends the whole group: User Mode Linux is several processes."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()


def qemu(name, folder, netdev, device="virtio-net-pci", mac=None, flavour="cloud-amd64", memory=256, processors=1, more=(),
         reboots=False, netboot=False, inside=None, image=None):
    """A QEMU guest under TCG: `netdev` is its -netdev argument with id=n0, `inside` the namespace of its tap; `more` are words
    of the command line, `image` is (kernel, initramfs) if not the flavour's usual one. Where it boots over the network it has no
    kernel, and QEMU's own choice of a ROM. TCG does
    `rep movsb` byte by byte, hence erms=off: what is copied costs a third. On a busy machine the kernel's look at its timer
    fails, hence no_timer_check."""
    need("qemu-system-x86_64")
    boots = ["-kernel", (image := image or images.debian_guest(flavour))[0], "-initrd", image[1], "-append", CMDLINE] if not netboot else []
    nic = f"{device},netdev=n0" + ("" if netboot else ",romfile=") + (f",mac={mac}" if mac else "")
    command = inside.command if inside else lambda *words: words
    return Console(name, command("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,erms=off", "-smp", str(processors),
                                 "-m", str(memory), "-nodefaults", "-no-user-config", "-display", "none", *([] if reboots else ["-no-reboot"]),
                                 "-serial", "stdio", *boots, *more, "-netdev", netdev, "-device", nic), folder)


def qemu_vhost(name, folder, socket, mac=None, queues=1, options="", memory=256, more=(), reboots=False, netboot=False):
    """A QEMU guest whose memory is the wire. `options` are the device's; QEMU 7.2 under TCG crashes itself with MSI-X, hence
    vectors=0. It has as many processors as queues: the driver takes no more queues than those."""
    size = memory if isinstance(memory, str) else f"{memory}M"
    shared = ["-object", f"memory-backend-memfd,id=m0,size={size},share=on", "-machine", "memory-backend=m0",
              "-chardev", f"socket,id=c0,path={socket},reconnect=1"]
    device = "virtio-net-pci,vectors=0" + (",mq=on" if queues > 1 else "") + options
    return qemu(name, folder, f"vhost-user,id=n0,chardev=c0,queues={queues}", device, mac, memory=memory, processors=queues,
                more=[*shared, *more], reboots=reboots, netboot=netboot)


def uml(name, folder, vector, mac, memory=256, inside=None, initrd=None):
    """A User Mode Linux guest: `vector` is the value of vec0 without its mac; `inside` the namespace of its tap; `initrd` if not
    the usual one."""
    return _uml(name, folder, f"vec0:{vector},mac={mac}", memory, inside, initrd)


SPOILED = "delay 1ms 1ms loss 1% duplicate 1% reorder 10%"


def spoil(guest):
    """From now on a User Mode Linux guest's wire loses, delays, doubles and reorders, both ways. Without offloads, so that what
    is lost is a packet of the wire and not 64 KiB at once, which its ifb would lose always."""
    guest.run("/bin/ethtool -K eth0 tso off gso off gro off; ip link set ifb0 up && "
              f"/bin/tc qdisc add dev eth0 root netem {SPOILED} && /bin/tc qdisc add dev eth0 handle ffff: ingress && "
              "/bin/tc filter add dev eth0 parent ffff: matchall action mirred egress redirect dev ifb0 && "
              f"/bin/tc qdisc add dev ifb0 root netem {SPOILED}")


def spoiled(guest):
    """How many packets were lost so far on the way that lost fewer."""
    return min(int(re.search(r"netem.*\n.*dropped (\d+)", guest.run(f"/bin/tc -s qdisc show dev {device}"))[1]) for device in ("eth0", "ifb0"))


def uml_vhost(name, folder, socket, memory=256):
    """A User Mode Linux guest whose memory is the wire. Its driver makes up an address."""
    return _uml(name, folder, f"virtio_uml.device={socket}:1", memory)


def uml_vde(name, folder, switch, mac, memory=256):
    """A User Mode Linux guest on a vde_switch: its kernel 6.1 can, later ones cannot."""
    return _uml(name, folder, f"eth0=vde,{switch},{mac}", memory)


def _uml(name, folder, device, memory, inside=None, initrd=None):
    linux, usual = images.uml_guest()
    if not os.path.exists("/dev/shm"):
        missing("/dev/shm")
    command = inside.command if inside else lambda *words: words
    few = fewregisters.needed()
    return Console(name, command(*((sys.executable, fewregisters.__file__) if few else ()), linux, f"mem={memory}M", f"initrd={initrd or usual}",
                                 "root=/dev/ram0", "con=null", "con0=fd:0,fd:1", "quiet", f"umid={name}{os.getpid()}",
                                 f"uml_dir={folder}", *((fewregisters.NO_AVX,) if few else ()), device), folder)
