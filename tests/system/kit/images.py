# SPDX-License-Identifier: MIT
"""What real guests boot: stock Debian kernels and an initramfs of busybox and their own modules, made once under build/.

Kernels are downloaded and unpacked, never installed. User Mode Linux is the distribution's package."""
import fcntl
import glob
import lzma
import os
import re
import shutil
import stat
import subprocess

from kit import missing

BUILD = os.environ.get("GUESTWIRE_BUILD", "build")
PEERS = os.path.abspath(os.path.join(BUILD, "peers") if os.path.basename(BUILD) == "build" else os.path.join(os.path.dirname(BUILD), "peers"))

# Wanted, each with what it depends on; what a kernel has built in is not there and is left out.
MODULES = ["virtio_pci", "virtio_net", "8139cp", "8139too", "e1000", "ipv6"]
# Of User Mode Linux, for a guest that spoils its own wire in both directions: the kernel that runs the tests may lack netem.
SPOILING = ["sch_netem", "sch_ingress", "cls_matchall", "act_mirred", "ifb"]
SPOILING_PROGRAMS = ["tc"]
PROGRAMS = ["ethtool"]
# Of a guest that is itself a host of namespaces.
HOSTING = ["tun", "tcp_diag", "dummy"]

INIT = r"""#!/bin/busybox sh
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /proc /sys /dev /tmp /etc /run
/bin/busybox --install -s 2>/dev/null
export PATH=/usr/bin:/bin:/sbin:/usr/sbin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -t tmpfs t /tmp
for m in /mod/*; do insmod $m 2>/dev/null; done
ip link set lo up
n=0; while ! [ -e /sys/class/net/eth0 ] && ! [ -e /sys/class/net/vec0 ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done
[ -e /sys/class/net/vec0 ] && ip link set vec0 name eth0
ip link set eth0 up
stty -echo 2>/dev/null
echo "GUEST-READY"
while read -r line; do eval "$line" 2>&1; done
poweroff -f
"""

UDHCPC = r"""#!/bin/sh
case $1 in
bound|renew)
	ip -4 addr flush dev $interface scope global 2>/dev/null
	ip addr add $ip/$mask dev $interface
	[ -n "$router" ] && ip route add default via $router
	echo "DHCP $ip/$mask router=$router dns=$dns mtu=$mtu domain=$domain" ;;
esac
exit 0
"""


def debian_kernel(flavour):
    """Folder with boot/vmlinuz-* and lib/modules/* of Debian's kernel (usr/lib/modules/* since Debian 13): flavour 'cloud-amd64' or
    'amd64'."""
    folder = os.path.join(PEERS, "kernel-" + flavour)
    with locked("kernel-" + flavour):
        if not glob.glob(folder + "/boot/vmlinuz-*"):
            shown = subprocess.run(["apt-cache", "show", "linux-image-" + flavour], capture_output=True, text=True)
            names = re.findall(r"linux-image-\d[^ ,]*-" + flavour, shown.stdout)
            if not names:
                missing("Debian's linux-image-" + flavour)
            deb = folder + ".deb.d"
            shutil.rmtree(deb, ignore_errors=True)
            os.makedirs(deb)
            if subprocess.run(["apt-get", "download", "-qq", names[0]], cwd=deb, stderr=subprocess.DEVNULL).returncode:
                missing("the download of " + names[0])
            subprocess.run(["dpkg", "-x", glob.glob(deb + "/*.deb")[0], folder], check=True)
            shutil.rmtree(deb)
    return folder


def debian_modules(flavour):
    folder = debian_kernel(flavour)
    return next(p for p in (folder + "/lib/modules", folder + "/usr/lib/modules") if os.path.isdir(p))


def debian_guest(flavour):
    """(kernel image, initramfs) for QEMU."""
    modules = debian_modules(flavour)
    return glob.glob(debian_kernel(flavour) + "/boot/vmlinuz-*")[0], initramfs("initrd-" + flavour, modules, programs=PROGRAMS)


def debian_host(flavour, programs, folder):
    """As debian_guest(), of a guest that runs these programs itself: they are what is tested, and packed anew."""
    modules = debian_modules(flavour)
    base = initramfs("initrd-host-" + flavour, modules, HOSTING, ["ip"])
    root, path = os.path.join(folder, "host"), os.path.join(folder, "host.gz")
    os.makedirs(root + "/bin")
    for program in programs:
        _copy_program(root, program)
    shutil.copy(base, path)
    subprocess.run(f"cd {root} && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1 >> {path}", shell=True, check=True)
    return debian_guest(flavour)[0], path


def uml_guest():
    """(linux program, initramfs) for User Mode Linux."""
    linux = shutil.which("linux.uml")
    if not linux:
        missing("user-mode-linux")
    return linux, initramfs("initrd-uml", "/usr/lib/uml/modules", SPOILING, [*PROGRAMS, *SPOILING_PROGRAMS])


def initramfs(name, modules, more=(), programs=()):
    path = os.path.join(PEERS, name + ".gz")
    with locked(name):
        if not os.path.exists(path) or os.path.getmtime(path) < max(map(os.path.getmtime, glob.glob(os.path.dirname(__file__) + "/*"))):
            _make_initramfs(path, modules, more, programs)
    return path


def _make_initramfs(path, modules, more, programs):
    root = path + ".d"
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("bin", "mod", "etc"):
        os.makedirs(os.path.join(root, folder))
    # The one that was unpacked first: what a system has at /bin may want libraries.
    busybox = next((b for b in (PEERS + "/bin/busybox", PEERS + "/usr/bin/busybox", "/bin/busybox") if os.path.exists(b)), None)
    if not busybox:
        missing("busybox-static")
    shutil.copy(busybox, root + "/bin/busybox")
    for name in ("move", "bounce"):
        source = os.path.join(os.path.dirname(__file__), name + ".c")
        if subprocess.run(["gcc", "-O2", "-static", "-w", "-o", f"{root}/bin/{name}", source], stderr=subprocess.DEVNULL).returncode:
            missing("a compiler with a static libc")
    for program in programs:
        _copy_program(root, program)
    for number, module in enumerate(_with_dependencies(sorted(glob.glob(modules + "/*/kernel"))[-1], [*MODULES, *more]), 10):
        with open(f"{root}/mod/{number}-{os.path.basename(module).removesuffix('.xz')}", "wb") as file:
            file.write(_module_bytes(module))
    for name, text in (("init", INIT), ("etc/udhcpc.sh", UDHCPC)):
        with open(f"{root}/{name}", "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(f"{root}/{name}", stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    subprocess.run(f"cd {root} && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1 > {path}.new && mv {path}.new {path}",
                   shell=True, check=True)
    shutil.rmtree(root)


def _copy_program(root, name):
    """The program and the libraries that it names, where it looks for them. What is not here is missing there."""
    program = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not program:
        return
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    shutil.copy(program, f"{root}/bin/{os.path.basename(name)}")
    for library in re.findall(r"(/\S+) \(0x", listed):
        os.makedirs(os.path.dirname(root + library), exist_ok=True)
        shutil.copy(library, root + library)


def _module_bytes(path):
    opener = lzma.open if path.endswith(".xz") else open
    with opener(path, "rb") as file:
        return file.read()


def _with_dependencies(kernel, names):
    """Paths of the modules in an order in which insmod takes them; the names stand in each module's own .modinfo."""
    found = {}
    for folder, _, files in os.walk(kernel):
        for name in files:
            found[name.split(".ko")[0].replace("-", "_")] = os.path.join(folder, name)
    order = []

    def want(name):
        path = found.get(name.replace("-", "_"))
        if not path or path in order:
            return
        depends = re.search(rb"\0depends=([^\0]*)\0", _module_bytes(path))
        for other in depends[1].decode().split(",") if depends and depends[1] else []:
            want(other)
        order.append(path)

    for name in names:
        want(name)
    return order


class locked:
    """Two tests that need the same file make it once."""

    def __init__(self, name):
        os.makedirs(PEERS, exist_ok=True)
        self.path = os.path.join(PEERS, "." + name + ".lock")

    def __enter__(self):
        self.file = open(self.path, "w", encoding="ascii")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.file.close()
