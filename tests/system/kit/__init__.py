# SPDX-License-Identifier: MIT
"""The system tests' kit: namespaces, real guests, a guestwire under test. Everything it starts it ends, by its own id."""
import os
import shutil
import signal
import time

import pytest

BUILD = os.path.abspath(os.environ.get("GUESTWIRE_BUILD", "build"))
PROGRAM = os.path.abspath(os.environ.get("GUESTWIRE", "build/release/guestwire"))
SANITIZED = "asan" in PROGRAM  # what it costs in memory says nothing

signal.signal(signal.SIGTERM, signal.default_int_handler)  # as after Ctrl-C, what was started is ended


def missing(what):
    """The test cannot run here: says what is missing and is counted as skipped."""
    pytest.skip(what + " is missing")


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            missing(program)


def eventually(check, seconds=10.0, every=0.05, what="the condition"):
    """Waits until check() is true and returns what it gave; fails by name when it never is."""
    end = time.monotonic() + seconds
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s"
        time.sleep(every)
