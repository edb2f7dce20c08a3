"""What /proc says: processor time of a proxy, what else ran on its core, memory."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

from procs import stat_fields, tree

TICK = 1.0 / os.sysconf("SC_CLK_TCK")
UTIME, STIME = 11, 12
_libc = ctypes.CDLL(None)


@dataclass
class Reading:
    """One moment. Seconds of processor time since the beginning of the processes and of the machine."""

    pids: frozenset[int]
    at: float
    proxy: float
    threads: dict[str, float]
    core_busy: float
    core_steal: float
    core_idle: float


def _seconds(fields: list[str]) -> float:
    return (int(fields[UTIME]) + int(fields[STIME])) * TICK if fields else 0.0


def _process_seconds(pid: int) -> float:
    """utime + stime of a whole process, also of threads that ended, finer than the ticks of /proc/PID/stat."""
    clock = ctypes.c_int()
    try:
        if _libc.clock_getcpuclockid(pid, ctypes.byref(clock)) == 0:
            return time.clock_gettime(clock.value)
    except OSError:
        pass
    return _seconds(stat_fields(pid))


def _threads(pid: int) -> dict[str, float]:
    found: dict[str, float] = {}
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for task in tasks:
        try:
            name = Path(f"/proc/{pid}/task/{task}/comm").read_text().strip()
        except OSError:
            continue
        found[name] = found.get(name, 0.0) + _seconds(stat_fields(pid, int(task)))
    return found


def _core(core: int) -> list[int]:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            return [int(x) for x in line.split()[1:]]
    raise OSError(f"/proc/stat has no cpu{core}")


def read(pids: list[int], core: int) -> Reading:
    """The processor time of all processes, and what the core did."""
    user, nice, system, idle, iowait, irq, softirq, steal = _core(core)[:8]
    threads: dict[str, float] = {}
    for pid in pids:
        for name, seconds in _threads(pid).items():
            threads[name] = threads.get(name, 0.0) + seconds
    return Reading(pids=frozenset(pids), at=time.monotonic(), proxy=sum(_process_seconds(pid) for pid in pids),
                   threads=threads,
                   core_busy=(user + nice + system + irq + softirq) * TICK, core_steal=steal * TICK,
                   core_idle=(idle + iowait) * TICK)


def waited_seconds(pid: int) -> float:
    """How long a program's threads that still run have waited for a processor that others had."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[1])
        except OSError:
            continue  # it has ended
    return total / 1e9


def memory_bytes(pid: int, what: str = "Pss") -> int:
    """Of a program and its descendants. Pss, proportional set size: what would be free if it were not there."""
    return _sum_of(pid, "smaps_rollup", what)


def peak_bytes(pid: int) -> int:
    """The most that was resident, of each process since it began."""
    return _sum_of(pid, "status", "VmHWM")


def _sum_of(pid: int, file: str, what: str) -> int:
    total = 0
    for one in tree(pid):
        try:
            text = Path(f"/proc/{one}/{file}").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith(f"{what}:"):
                total += int(line.split()[1]) * 1024
    return total
