"""Where the time of a row goes: `perf record` over one sample, as a table of functions in text."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass

from generators import environment
from procs import Failed, tree
from rows import Row
from sample import Stage, Subject, port_of, settled

HERTZ = 4999
SECONDS = 5
LEAST = 0.004  # share of the whole that a function needs to be told of


@dataclass
class Profile:
    subject: str
    requests: int
    places: Counter[tuple[str, str]]  # microseconds per request by object and function

    def text(self, row: Row) -> str:
        whole = sum(self.places.values())
        objects: Counter[str] = Counter()
        for (where, _), us in self.places.items():
            objects[where] += us
        lines = [f"{row.name}, {self.subject}: {whole:.2f} µs of CPU per request ({self.requests:,} requests; perf record -e cpu-clock"
                 f" -F {HERTZ})", ""]
        lines += [f"{us:8.2f} {100 * us / whole:5.1f} %  {where}" for where, us in objects.most_common()]
        lines += ["", f"{'µs':>8} {'share':>7}  function ({100 * LEAST:.1f} % and more)"]
        lines += [f"{us:8.3f} {100 * us / whole:5.1f} %  {name}  [{where}]" for (where, name), us in self.places.most_common()
                  if us >= LEAST * whole]
        return "\n".join(lines) + "\n"


def can_profile() -> bool:
    return shutil.which("perf") is not None


def profile(stage: Stage, row: Row, subject: Subject) -> Profile:
    """One sample of its own, so that what perf costs is in no other figure."""
    proc, setting = stage.raise_proxy(subject, row)
    data = stage.room / "perf.data"
    data.unlink(missing_ok=True)
    try:
        port = port_of(row.load, setting)
        stage.run(row.load, port, 1.0).finish()
        pids = ",".join(str(pid) for pid in tree(proc.pid))
        recorder = stage.procs.start("perf", ["perf", "record", "-q", "-B", "-e", "cpu-clock", "-F", str(HERTZ), "-o", str(data),
                                              "-p", pids], stage.plan.load_cores, environment())
        try:
            before = settled(stage.backends)
            stage.run(row.load, port, SECONDS).finish()
            requests = (settled(stage.backends) - before).total
        finally:
            stage.procs.stop(recorder, signal.SIGINT)
    finally:
        stage.procs.stop(proc)
    if not data.exists() or requests < 1000:
        raise Failed(f"perf recorded nothing for {subject.label} ({requests} requests)")
    report = subprocess.run(["perf", "report", "-i", str(data), "--stdio", "--no-children", "-n", "--sort", "dso,symbol"],
                            capture_output=True, text=True, check=True).stdout
    return Profile(subject.label, requests, _parse(report, requests))


def _parse(report: str, requests: int) -> Counter[tuple[str, str]]:
    places: Counter[tuple[str, str]] = Counter()
    for line in report.splitlines():
        found = re.match(r"\s*[\d.]+%\s+(\d+)\s+(\S+)\s+\[[.k]\]\s+(\S+)", line)
        if found:
            where = "kernel" if found[2].startswith("[kernel") else re.sub(r"\.so[.\d]*$", "", found[2])
            places[where, re.sub(r"\.(lto_priv|part|isra|constprop|cold)[.\d]*", "", found[3])] += int(found[1]) * 1e6 / HERTZ / requests
    return places
