# SPDX-License-Identifier: MIT
"""The installed library as a stranger builds against it: by pkg-config, shared and static, from C and from C++.

  make install DESTDIR=… -> pkg-config -> cc examples/two-guests.c -> alice and bob hear each other and the gateway
"""
import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
EXAMPLE = os.path.join(ROOT, "examples", "two-guests.c")
HEARD = """\
bob: type 0806 from 52:54:00:00:00:0a
alice: type 88b5 from 52:54:00:00:00:0b
alice: type 0806 from 52:55:0a:00:02:02
"""


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def clean_environment(**more):
    """Without what a make above this one hands down."""
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VARIANT")}
    return dict(kept, **more)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("installed"))
    run("make", "-s", "install", "PREFIX=/usr", f"DESTDIR={root}", cwd=ROOT, env=clean_environment())
    return root


@pytest.fixture(scope="module")
def flags(installed):
    if not shutil.which("pkg-config"):
        pytest.skip("pkg-config is not installed")
    environment = clean_environment(
        PKG_CONFIG_PATH=f"{installed}/usr/lib/pkgconfig", PKG_CONFIG_SYSROOT_DIR=installed,
        PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1", PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")

    def ask(*options):
        return run("pkg-config", *options, "guestwire", env=environment).split()
    return ask


def test_the_example_runs_against_the_shared_library(installed, flags, tmp_path):
    program = str(tmp_path / "two-guests")
    run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", EXAMPLE, "-o", program, *flags("--cflags", "--libs"))
    needed = run("readelf", "-d", program)
    assert "libguestwire.so.0" in needed
    assert run(program, env=dict(os.environ, LD_LIBRARY_PATH=f"{installed}/usr/lib")) == HEARD


def test_the_example_runs_against_the_static_library(installed, flags, tmp_path):
    program = str(tmp_path / "two-guests")
    run("gcc", "-Wall", "-Wextra", "-Werror", EXAMPLE, "-o", program, *flags("--cflags"), f"{installed}/usr/lib/libguestwire.a")
    assert "libguestwire" not in run("readelf", "-d", program)
    assert run(program) == HEARD


def test_a_name_of_the_programs_own_does_not_take_the_librarys(installed, flags, tmp_path):
    """The static archive keeps its inner names to itself: a program may have an ethswitch_input() of its own."""
    source = tmp_path / "own.c"
    source.write_text(open(EXAMPLE).read() + "\nvoid ethswitch_input(void);\nvoid ethswitch_input(void)\n{\n\t__builtin_trap();\n}\n")
    program = str(tmp_path / "own")
    run("gcc", str(source), "-o", program, *flags("--cflags"), f"{installed}/usr/lib/libguestwire.a")
    assert run(program) == HEARD


def test_the_header_alone_is_cplusplus(installed, flags, tmp_path):
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    source = tmp_path / "header.cc"
    source.write_text("""#include <guestwire/guestwire.h>
int main()
{
	gw_network_config config = GW_INIT(gw_network_config);
	gw_port_config port = GW_INIT(struct gw_port_config);
	gw_network *network = nullptr;
	gw_error error;

	config.uplink = "none";
	port.to_guest = [](void *, const gw_frame *, size_t count) { return count; };
	gw_port *made = nullptr;
	return gw_network_new(&config, &network, &error) || gw_port_new(network, &port, &made, &error) || (gw_network_free(network), 0);
}
""")
    run("g++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", *flags("--cflags"), str(source))
    program = str(tmp_path / "header")
    run("g++", "-std=c++17", str(source), "-o", program, *flags("--cflags"), f"{installed}/usr/lib/libguestwire.a")
    run(program)


VIRTIO = """#include <guestwire/virtio.h>
static void on_interrupt(void *owner, unsigned queue)
{
	(void)owner;
	(void)queue;
}
int main(void)
{
	struct gw_network_config network_config = GW_INIT(struct gw_network_config);
	struct gw_virtio_config config = GW_INIT(struct gw_virtio_config);
	struct gw_virtio_queue queue = GW_INIT(struct gw_virtio_queue);
	static unsigned char memory[65536];
	unsigned char mac[6];
	struct gw_network *network;
	struct gw_virtio *virtio;

	network_config.uplink = "none";
	config.mac = "52:54:00:00:00:01";
	config.without = GW_VIRTIO_FEATURE(RING_PACKED);
	config.on_interrupt = on_interrupt;
	if (gw_network_new(&network_config, &network, 0) || gw_virtio_new(network, &config, &virtio, 0))
		return 1;
	gw_virtio_config_read(virtio, 0, mac, sizeof(mac));
	if (mac[5] != 1 || gw_virtio_accept(virtio, gw_virtio_features(virtio)))
		return 2;
	queue.entries = 16;
	queue.desc = 0x1000;
	queue.driver = 0x2000;
	queue.device = 0x3000;
	if (gw_virtio_start(virtio, 0, &queue) == 0 || gw_virtio_memory_add(virtio, 0, memory, sizeof(memory)))
		return 3;
	if (gw_virtio_start(virtio, 0, &queue))
		return 4;
	gw_virtio_kick(virtio, 0);
	if (gw_network_run(network, 0))
		return 5;
	gw_network_free(network);
	return 0;
}
"""


@pytest.mark.parametrize("compiler, name", [("gcc -std=c11", "device.c"), ("g++ -std=c++17", "device.cc")])
def test_an_emulators_device_from_c_and_cplusplus(installed, flags, tmp_path, compiler, name):
    words = compiler.split()
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed")
    source = tmp_path / name
    source.write_text(VIRTIO)
    program = str(tmp_path / "device")
    run(*words, "-Wall", "-Wextra", "-Wpedantic", "-Werror", str(source), "-o", program, *flags("--cflags", "--libs"))
    run(program, env=dict(os.environ, LD_LIBRARY_PATH=f"{installed}/usr/lib"))


def test_the_library_needs_libc_alone(installed):
    needed = [line for line in run("readelf", "-d", f"{installed}/usr/lib/libguestwire.so").splitlines() if "NEEDED" in line]
    assert len(needed) == 1 and "libc.so" in needed[0], needed


@pytest.mark.parametrize("name, page, least", [("guestwire.h", "guestwire.3", 20), ("virtio.h", "guestwire_virtio.3", 10)])
def test_the_manual_has_every_function_and_no_other(name, page, least):
    header = open(os.path.join(ROOT, "include", "guestwire", name)).read()
    page = open(os.path.join(ROOT, "docs", page)).read()
    declared = set(re.findall(r"GW_API[^;(]*?\b(gw_\w+)\(", header))
    described = set(re.findall(r"^\.Fn (gw_\w+)", page.split(".Sh DESCRIPTION")[0], re.M))
    assert len(declared) > least
    assert described == declared
