# SPDX-License-Identifier: MIT
"""Fixtures: each gives a maker, and ends what was made when the test is over."""
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from kit import need  # noqa: E402
from kit.far import Far  # noqa: E402
from kit.namespace import Namespace  # noqa: E402
from kit.wire import Wire  # noqa: E402


@pytest.fixture
def closing():
    """closing(thing) gives the thing back and closes it after the test, the newest first."""
    things = []

    def remember(thing):
        things.append(thing)
        return thing
    yield remember
    for thing in reversed(things):
        thing.close()


@pytest.fixture
def wire(tmp_path, closing):
    return lambda *options, **more: closing(Wire(more.pop("folder", tmp_path), *options, **more))


@pytest.fixture
def namespace(closing):
    return lambda: closing(Namespace())


@pytest.fixture
def far(namespace, wire, closing, tmp_path):
    """far(options, …) gives a guestwire with uplink=user between a box and a world."""
    return lambda options="", **more: Far(namespace, wire, closing, more.pop("folder", tmp_path), options, **more)


def build(tmp_path_factory, name):
    """The kit's program of that name."""
    need("gcc")
    built = str(tmp_path_factory.mktemp(name) / name)
    source = os.path.join(os.path.dirname(__file__), "kit", name + ".c")
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", built, source], check=True)
    return built


@pytest.fixture(scope="session")
def move(tmp_path_factory):
    """The program that moves bytes which both sides know."""
    return build(tmp_path_factory, "move")


@pytest.fixture(scope="session")
def bounce(tmp_path_factory):
    """The program that sends datagrams back."""
    return build(tmp_path_factory, "bounce")


@pytest.fixture(scope="session")
def crowd(tmp_path_factory):
    """The program that opens many connections."""
    return build(tmp_path_factory, "crowd")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """The program that is a guest which lies as fast as it can."""
    return build(tmp_path_factory, "hostile")
