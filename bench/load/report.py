"""The Markdown of a run: one table to compare, one of what features and growth cost, and the particulars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peers import REFERENCE
from summary import Line, Ratio, Result


def markdown(results: list[Result], machine: dict[str, Any], plan: dict[str, Any], notes: list[str]) -> str:
    parts = [_preamble(results, machine, plan, notes)]
    single = [r for r in results if not (r.row.pairs or r.row.flips)]
    paired = [r for r in results if r.row.pairs and not r.row.latency]
    if single:
        parts.append(_comparison(single))
    if paired:
        parts.append(_features(paired))
    if flips := [r for r in results if r.row.flips]:
        parts.append(_flips(flips))
    if waits := [r for r in results if r.row.latency]:
        parts.append(_latency(waits))
    parts.append(_particulars(results))
    if any(line.syscalls for r in results for line in r.lines):
        parts.append(_calls(results))
    return "\n".join(parts)


def _preamble(results: list[Result], machine: dict[str, Any], plan: dict[str, Any], notes: list[str]) -> str:
    versions = ", ".join(machine["versions"].values())
    before, after = machine["load_average_before"][0], machine.get("load_average_after", [None])[0]
    load = f"load average {before:.2f} before" + (f", {after:.2f} after" if after is not None else "")
    lines = [
        f"Measured {machine['date']} on {machine['cpus']} × {machine['cpu']}"
        f"{' (virtual)' if machine['virtual'] else ''}, {machine['system']}, Linux {machine['kernel']}; {load}.",
        f"weir at {machine['commit']}. {versions}; {machine['openssl']}.",
        f"Median of {plan['rounds']} rounds (features, flips, nghttpx, h2o and caddy: at most 3; memory: 2), each "
        f"{plan['seconds']} s of load of which 65 % are measured; ratios are medians of the ratios round by round, "
        "in brackets the lowest and the highest.", ""]
    notes = notes + [f"row {r.row.name} failed: {e}" for r in results for e in r.errors]
    lines += [f"- {note.splitlines()[0]}" for note in notes]
    return "\n".join(lines + ([""] if notes else []))


def _comparison(results: list[Result]) -> str:
    peers = list(dict.fromkeys(x.subject.peer.name for r in results for x in r.lines))
    others = [p for p in peers if p != REFERENCE]
    head = ["", *peers, *[f"{p} × {REFERENCE}" for p in others], "weir is to reach"]
    table = [_row(head), _row(["---", *["--:"] * (len(head) - 1)])]
    for r in results:
        cells = [f"**{r.row.title}** ({r.row.unit})"]
        lines = {x.subject.peer.name: x for x in r.lines}
        cells += [_value(r, lines.get(p)) for p in peers]
        cells += [_ratio(lines[p].to_reference) if p in lines else "–" for p in others]
        table.append(_row([*cells, r.row.reach or "–"]))
    return "\n".join(["## Compared", "", *table, ""])


def _features(results: list[Result]) -> str:
    table = [_row(["", "", "first", "other", "first, µs", "other, µs", "other − first", "other ÷ first", "workers, other",
                   "requests/s, first", "other", "p99, first", "other", "copies",
                   "peak MiB, first", "other", "weir is to reach"]),
             _row(["---", "---", "---", "---", *["--:"] * 13])]
    for r in results:
        for off, on in _against_first(r):
            peer = on.subject.peer.name
            table.append(_row([
                f"**{r.row.title}**", peer, off.subject.flavour.name, on.subject.flavour.name, _value(r, off), _value(r, on),
                "–" if on.over_own_first is None else f"{on.over_own_first:+.2f}", _ratio(on.to_own_first),
                _number(on.worker_us(), "{:.2f}"), _number(off.median("per_second"), "{:,.0f}"),
                _number(on.median("per_second"), "{:,.0f}"), _time(off.median("p99_us")), _time(on.median("p99_us")),
                _number(on.median("copies_percent"), "{:.1f} %"), _mib(off.median("peak_memory")),
                _mib(on.median("peak_memory")), r.row.reach if peer == "weir" else ""]))
    return "\n".join(["## Each proxy beside itself: what features and growth cost (µs of CPU per request)", "", *table, ""])


def _against_first(r: Result) -> list[tuple[Line, Line]]:
    """Each proxy's lines beside its first one."""
    return [(first, x) for x in r.lines if (first := r.find(x.subject.peer.name, r.row.flavours[0].name)) not in (None, x)]


def _latency(results: list[Result]) -> str:
    table = [_row(["", "p50", "p99", "max", "turns of the loop", "of them > 1 ms", "by a single step", "waited for the processor",
                   "peak MiB", "what went on", "weir is to reach"]),
             _row(["---", *["--:"] * 8, "---", "---"])]
    for r in results:
        for x in r.lines:
            done = ", ".join(f"{n} {what}" for what, n in x.done().items())
            table.append(_row([
                f"**{r.row.title}**, {x.subject.label}", *(_time(x.median(f"{what}_us")) for what in ("p50", "p99", "max")),
                _number(x.median("turns"), "{:,.0f}"), _number(x.median("slow_turns"), "{:,.0f}"),
                _number(x.median("long_turns"), "{:,.0f}"), _number(x.median("waited_s"), "{:.2f} s"),
                _mib(x.median("peak_memory")), done or "–", r.row.reach]))
    return "\n".join(["## How long clients wait while other things go on (all rounds)", "", *table, ""])


def _spread(x: Line, of: str) -> str:
    return ", ".join(f"{what} {_time(x.median(f'{of}{what}_us'))}" for what in ("p50", "p99", "max"))


def _flips(results: list[Result]) -> str:
    lines = ["## How long a flip takes", ""]
    for r in results:
        for x in r.lines:
            reach = f" (to reach: {r.row.reach})" if r.row.reach else ""
            lines.append(f"- {r.row.title}, {x.subject.label}: {_spread(x, '')}{reach}; to the last acknowledgement: "
                         f"{_spread(x, 'ack_')}")
    return "\n".join([*lines, ""])


def _particulars(results: list[Result]) -> str:
    table = [_row(["", "", "requests/s", "p50", "p99", "calls/request", "new %", "core idle", "others on the core", "noisy"]),
             _row(["---", "---", *["--:"] * 8])]
    for r in results:
        if r.row.idle or r.row.flips:
            continue
        for x in r.lines:
            table.append(_row([
                r.row.title, x.subject.label, _number(x.median("per_second"), "{:,.0f}"), _time(x.median("p50_us")),
                _time(x.median("p99_us")), _number(x.syscalls.get("total"), "{:.2f}"),
                _number(x.median("new_percent"), "{:.2f}"), _percent(x.median("core_idle")),
                _percent(x.median("core_others")), f"{x.noisy} of {len(x.samples)}"]))
    return "\n".join(["## Particulars", "", *table, ""])


def _calls(results: list[Result]) -> str:
    lines = ["## System calls per request", ""]
    for r in results:
        for x in r.lines:
            if x.syscalls:
                calls = [f"{name} {n:.2f}" for name, n in x.syscalls.items() if name != "total" and n >= 0.01]
                lines.append(f"- {r.row.title}, {x.subject.label}: **{x.syscalls.get('total', 0):.2f}** ({', '.join(calls)})")
    return "\n".join([*lines, ""])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _value(r: Result, line: Line | None) -> str:
    if line is None:
        return "–"
    if r.row.idle:
        return _number(line.median("value"), "{:,.0f}")
    return _number(line.median("value"), "{:.2f}") if (line.median("value") or 0) < 100 else _number(
        line.median("value"), "{:.0f}")


def _ratio(r: Ratio | None) -> str:
    return f"**{r.median:.2f}** ({r.low:.2f}–{r.high:.2f})" if r else "–"


def _number(x: float | None, form: str) -> str:
    return "–" if x is None else form.format(x)


def _mib(x: float | None) -> str:
    return "–" if x is None else f"{x / (1 << 20):.0f}"


def _percent(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:.0f} %"


def _time(us: float | None) -> str:
    steps: list[tuple[float, Callable[[float], str]]] = [
        (1000, lambda t: f"{t:.0f} µs"), (1e6, lambda t: f"{t / 1000:.2f} ms"), (1e12, lambda t: f"{t / 1e6:.2f} s")]
    return "–" if us is None else next(show(us) for top, show in steps if us < top)
