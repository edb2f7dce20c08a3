"""Where and with what it was measured."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from peers import Peer
from procs import Failed

ROOT = Path(__file__).resolve().parents[2]


def said(argv: list[str]) -> str:
    """The first line a command prints, or "?"."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    except OSError:
        return "?"
    return ((done.stdout.strip() or done.stderr.strip()).splitlines() or ["?"])[0]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model", "CPU part")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _system() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return platform.system()


def facts(peers: list[Peer]) -> dict[str, Any]:
    changed = said(["git", "status", "--porcelain", "--untracked-files=no"]) != "?"
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "system": _system(),
        "kernel": platform.release(),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "virtual": " hypervisor " in Path("/proc/cpuinfo").read_text().replace("\n", " "),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
        "load_average_before": list(os.getloadavg()),
        "commit": said(["git", "rev-parse", "--short=12", "HEAD"]) + (" with changes" if changed else ""),
        "versions": {peer.name: peer.version() for peer in peers},
        "openssl": said(["openssl", "version"]),
        "h2load": said(["h2load", "--version"]),
        "wrk": said(["wrk", "-v"]).split(" Copyright")[0],
    }


def cores(proxy: int | None, load: list[int] | None) -> tuple[int, set[int], list[str]]:
    """(the proxy's core, the cores of everything else, notes). By default the last core is the proxy's, and the first one
    that is no hardware thread of the same core is the load's."""
    allowed = sorted(os.sched_getaffinity(0))
    for core in ([proxy] if proxy is not None else []) + (load or []):
        if core not in allowed:
            raise Failed(f"processor {core} is not among those this process may use: {allowed}")
    chosen = proxy if proxy is not None else allowed[-1]
    others = [core for core in allowed if core != chosen]
    if load:
        return chosen, set(load), ["the load shares the proxy's core"] if chosen in load else []
    if not others:
        return chosen, {chosen}, ["only one processor: load and proxy share it; the figures mean little"]
    apart = [core for core in others if core not in _siblings(chosen)]
    notes = [] if apart else ["load and proxy are hardware threads of one core"]
    return chosen, {(apart or others)[0]}, notes


def _siblings(core: int) -> set[int]:
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return {core}
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found
