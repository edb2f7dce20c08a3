"""From samples to figures: medians, and ratios taken round by round.

A ratio of medians would compare a quiet moment of one proxy with a busy moment of another; the median of the ratios
within a round does not.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from peers import REFERENCE
from rows import Row
from sample import Sample, Subject

MEDIANS = ("value", "per_second", "p50_us", "p99_us", "max_us", "ack_p50_us", "ack_p99_us", "ack_max_us", "new_percent",
           "copies_percent", "core_idle", "core_others", "turns", "slow_turns", "long_turns", "waited_s", "memory", "peak_memory")


@dataclass
class Ratio:
    median: float
    low: float
    high: float


@dataclass
class Line:
    """One proxy in one row."""

    subject: Subject
    samples: list[Sample] = field(default_factory=list)
    syscalls: dict[str, float] = field(default_factory=dict)
    to_reference: Ratio | None = None  # against nginx in the same flavour
    to_own_first: Ratio | None = None  # another flavour against the first of the same proxy
    over_own_first: float | None = None  # the difference, in the row's unit

    def median(self, what: str) -> float | None:
        found = [getattr(s, what) for s in self.samples if getattr(s, what) is not None]
        return statistics.median(found) if found else None

    def worker_us(self) -> float | None:
        """CPU per request of the threads that serve clients, when they can be told from others."""
        sums = [sum(us for name, us in s.threads_us.items() if name.startswith("worker"))
                for s in self.samples if s.threads_us]
        return statistics.median(sums) if sums and max(sums) > 0 else None

    def done(self) -> dict[str, int]:
        """What was done to the proxy meanwhile, in all samples."""
        names = {name for s in self.samples for name in s.done}
        return {name: sum(s.done.get(name, 0) for s in self.samples) for name in sorted(names)}

    @property
    def noisy(self) -> int:
        return sum(s.noisy for s in self.samples)


@dataclass
class Result:
    row: Row
    lines: list[Line]
    errors: list[str] = field(default_factory=list)

    def find(self, peer: str, flavour: str) -> Line | None:
        return next((x for x in self.lines if x.subject.peer.name == peer and x.subject.flavour.name == flavour), None)

    def conclude(self) -> None:
        first = self.row.flavours[0].name
        for line in self.lines:
            peer, flavour = line.subject.peer.name, line.subject.flavour.name
            line.to_reference = _ratio(line, self.find(REFERENCE, flavour) if peer != REFERENCE else None)
            if self.row.pairs and flavour != first:
                own = self.find(peer, first)
                line.to_own_first = _ratio(line, own)
                line.over_own_first = _difference(line, own)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.row.name, "title": self.row.title, "unit": self.row.unit, "reach": self.row.reach,
            "errors": self.errors,
            "subjects": [{
                "label": x.subject.label, "peer": x.subject.peer.name, "flavour": x.subject.flavour.name,
                "median": {what: x.median(what) for what in MEDIANS},
                "to_reference": vars(x.to_reference) if x.to_reference else None,
                "to_own_first": vars(x.to_own_first) if x.to_own_first else None,
                "over_own_first": x.over_own_first, "worker_us": x.worker_us(), "noisy": x.noisy,
                "syscalls_per_request": x.syscalls, "samples": [s.as_dict() for s in x.samples],
            } for x in self.lines],
        }


def _pairs(line: Line, other: Line | None) -> list[tuple[float, float]]:
    if other is None:
        return []
    return [(a.value, b.value) for a, b in zip(line.samples, other.samples)
            if a.value is not None and b.value is not None]


def _ratio(line: Line, other: Line | None) -> Ratio | None:
    ratios = [a / b for a, b in _pairs(line, other) if b > 0]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def _difference(line: Line, other: Line | None) -> float | None:
    differences = [a - b for a, b in _pairs(line, other)]
    return statistics.median(differences) if differences else None
