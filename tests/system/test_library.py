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


def test_the_library_needs_libc_alone(installed):
    needed = [line for line in run("readelf", "-d", f"{installed}/usr/lib/libguestwire.so").splitlines() if "NEEDED" in line]
    assert len(needed) == 1 and "libc.so" in needed[0], needed


def test_the_manual_has_every_function_and_no_other():
    header = open(os.path.join(ROOT, "include", "guestwire", "guestwire.h")).read()
    page = open(os.path.join(ROOT, "docs", "guestwire.3")).read()
    declared = set(re.findall(r"GW_API[^;(]*?\b(gw_\w+)\(", header))
    described = set(re.findall(r"^\.Fn (gw_\w+)", page.split(".Sh DESCRIPTION")[0], re.M))
    assert len(declared) > 20
    assert described == declared
