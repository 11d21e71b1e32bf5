# SPDX-License-Identifier: MIT
"""Fixtures: each gives a maker, and ends what was made when the test is over."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

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
