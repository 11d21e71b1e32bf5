# SPDX-License-Identifier: MIT
"""What a place is loaded with: TCP by iperf3 or pour, round trips by echo. Each gives {column: figure}, and the CPU that the
contender spent for it."""
import json
import os
import subprocess

from place import BUILD, ECHO, PORT, WORLD
from kit import eventually  # noqa: I100

SECS = float(os.environ.get("SECS", 2))
GIB = 1 << 30
POUR, POUR_PORT = os.path.join(BUILD, "bench", "pour"), "7008"


def iperf3(place, *words):
    """Its report, and the CPU seconds that the contender spent."""
    server = place.world.start("iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
    eventually(lambda: ":5201" in place.world.run("ss", "-ltn").stdout, 5, what="iperf3 -s")
    before = place.busy_s()
    done = place.client.run("iperf3", "-c", WORLD, "-t", max(1, round(SECS)), "-J", *words, check=False)
    busy = place.busy_s() - before
    server.kill()
    server.wait()
    report = json.loads(done.stdout)
    return (report["end"], busy) if "error" not in report and "end" in report else (None, busy)


def measure_tcp(place, mtu):
    figures = {}
    for way, words in (("up", []), ("down", ["-R"])):
        for flows in (1, 8):
            end, busy = iperf3(place, "-P", str(flows), *words)
            if not end:
                continue
            got = end["sum_received"]
            figures[f"TCP {way} {mtu} x{flows}, Mbit/s"] = got["bits_per_second"] / 1e6
            if place.process and got["bytes"]:
                figures[f"TCP {way} {mtu} x{flows}, CPU s/GiB"] = busy / (got["bytes"] / GIB)
    return figures


def pour(place, way, flows):
    """Bytes a second, and the CPU seconds that each of the place's processes spent for a GiB; None: it does not work."""
    server = place.start(place.world, POUR, "serve", WORLD, POUR_PORT)
    eventually(lambda: f":{POUR_PORT}" in place.world.run("ss", "-ltn").stdout, 5, what="pour serve")
    before = place.busy()
    done = place.client.run(POUR, way, WORLD, POUR_PORT, str(SECS), str(flows), check=False)
    busy = {who: seconds - before[who] for who, seconds in place.busy().items()}
    server.kill()
    server.wait()
    count = int(done.stdout) if done.returncode == 0 else 0
    return (count / SECS, {who: seconds / (count / GIB) for who, seconds in busy.items()}) if count else None


def measure_poured(place, mtu):
    """As measure_tcp(), with programs at both ends that copy nothing: what is measured is what lies between."""
    figures = {}
    for way in ("up", "down"):
        for flows in (1, 8):
            found = pour(place, way, flows)
            if not found:
                continue
            column = f"TCP {way} {mtu} x{flows}"
            figures[column + ", Mbit/s"] = found[0] * 8 / 1e6
            for who, seconds in found[1].items():
                figures[f"{column}, CPU s/GiB{who}"] = seconds
    return figures


def measure_rr(place, _mtu):
    figures = {}
    for column, mode in (("TCP_RR", "tcp"), ("UDP_RR", "udp"), ("TCP_CRR", "connect")):
        before = place.busy_s()
        done = place.client.run(ECHO, mode, WORLD, PORT, str(SECS), check=False)
        if done.returncode:
            continue
        count, p50, p99 = (float(word) for word in done.stdout.split())
        figures[f"{column} p50, µs"], figures[f"{column} p99, µs"] = p50, p99
        if place.process:
            figures[f"{column} CPU, µs each"] = (place.busy_s() - before) / count * 1e6
    return figures
