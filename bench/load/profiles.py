"""Where the time of a row goes: `perf record` over one sample, as a table of functions in text."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rows import Row
from sample import Observer, Stage, Subject, observe

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


def _perf(data: Path, pids: list[str]) -> list[str]:
    return ["perf", "record", "-q", "-B", "-e", "cpu-clock", "-F", str(HERTZ), "-o", str(data), "-p", ",".join(pids)]


def profile(stage: Stage, row: Row, subject: Subject) -> Profile:
    data, requests = observe(stage, row, subject, Observer(_perf, "", SECONDS, 0, least=1000))
    report = subprocess.run(["perf", "report", "-i", str(data), "--stdio", "--no-children", "-n", "--sort", "dso,symbol"],
                            capture_output=True, text=True, check=True).stdout
    return Profile(subject.label, requests, _parse(report, requests))


def _parse(report: str, requests: int) -> Counter[tuple[str, str]]:
    places: Counter[tuple[str, str]] = Counter()
    for line in report.splitlines():
        found = re.match(r"\s*[\d.]+%\s+(\d+)\s+(\S+)\s+\[[.k]\]\s+(\S+)", line)
        if found:
            where = "kernel" if found[2].startswith("[kernel") else re.sub(r"\.so[.\d]*$", "", found[2])
            name = re.sub(r"\.(lto_priv|part|isra|constprop|cold)[.\d]*", "", found[3])
            places[where, name] += int(found[1]) * 1e6 / HERTZ / requests
    return places
