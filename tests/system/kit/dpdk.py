# SPDX-License-Identifier: MIT
"""dpdk-testpmd, a front end that never sleeps: the distribution's program and those of its libraries that it cannot start
without, unpacked under build/ (6 MB to download; installed, they would be 220 packages)."""
import glob
import os
import re
import shutil
import subprocess

from kit import missing
from kit.guests import Console
from kit.images import PEERS, locked

# Named by no other library: the driver, and the kind of memory pool that it takes.
LOADED = {"librte_net_virtio.so": "librte-net-virtio", "librte_mempool_ring.so": "librte-mempool-ring"}
OTHERS = {"libmlx5.so.1": "ibverbs-providers"}


def _package(library):
    """Debian's name of the package of a library, of those that testpmd names."""
    name, version = re.fullmatch(r"lib(.+)\.so\.([\d.]+)", library).groups()
    name = name.replace("_", "-").lower()
    return OTHERS.get(library) or f"lib{name}{'-' if name[-1].isdigit() else ''}{version}"


class _Unpacked:
    def __init__(self, root):
        self.root = root
        self.program = root + "/usr/bin/dpdk-testpmd"

    def fetch(self, names):
        folder = self.root + "/packages"
        os.makedirs(folder)
        if subprocess.run(["apt-get", "download", "-qq", *names], cwd=folder, stderr=subprocess.DEVNULL).returncode:
            missing("the download of " + " ".join(names))
        for package in glob.glob(folder + "/*.deb"):
            subprocess.run(["dpkg", "-x", package, self.root], check=True)
        shutil.rmtree(folder)

    def libraries(self):
        return glob.glob(self.root + "/usr/lib/*/")[0]

    def environment(self):
        """By its path it would not load a driver that lies below a folder that all may write to, as /tmp is."""
        libraries = self.libraries()
        loaded = [path for name in LOADED for path in glob.glob(f"{libraries}{name}.[0-9][0-9]")]
        return {"LD_LIBRARY_PATH": libraries, "LD_PRELOAD": ":".join(loaded)}

    def lacking(self):
        listed = [subprocess.run(["ldd", path], env=dict(os.environ, LD_LIBRARY_PATH=self.libraries()), capture_output=True, text=True).stdout
                  for path in (self.program, *self.environment()["LD_PRELOAD"].split(":"))]
        return sorted({_package(name) for name in re.findall(r"(\S+) => not found", "".join(listed))})


def _unpack(root):
    made = _Unpacked(root)
    depends = subprocess.run(["apt-cache", "depends", "dpdk-dev"], capture_output=True, text=True).stdout
    version = re.search(r"librte-eal(\d+)", depends)
    if not version:
        missing("Debian's dpdk-dev")
    made.fetch(["dpdk-dev", *(name + version[1] for name in LOADED.values())])
    while lacking := made.lacking():
        made.fetch(lacking)


def testpmd(name, folder, devices, *options):
    """One that runs: `devices` are values of --vdev. It has a processor to itself, or as much of one as it gets."""
    root = os.path.join(PEERS, "dpdk")
    with locked("dpdk"):
        if not os.path.exists(root):
            shutil.rmtree(root + ".new", ignore_errors=True)
            _unpack(root + ".new")
            os.rename(root + ".new", root)
    made = _Unpacked(root)
    variables = dict(made.environment(), XDG_RUNTIME_DIR=str(folder))
    return Console(name, ["env", *(f"{key}={value}" for key, value in variables.items()), "stdbuf", "-oL", made.program, "--lcores", "0,1", "--no-huge", "-m", "128",
                          "--no-pci", "--no-telemetry", "--no-shconf", *(f"--vdev={device}" for device in devices), "--",
                          "--total-num-mbufs=2048", "--auto-start", *options], folder)
