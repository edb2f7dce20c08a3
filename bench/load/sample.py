"""One sample: a proxy started afresh, warmed up, loaded, and watched for a window in the middle of the load.

The difficulty is a small machine that is not ours alone: what else ran on the proxy's core is read from /proc/stat over
the same window, and a sample that was disturbed is taken again.
"""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import check
import cpu
from backends import Backends, Counts
from generators import Run, environment
from peers.peer import Flavour, Peer, Setting
from procs import Failed, Proc, Procs, Stuck, free_port, tree
from rows import Load, Row

IDLE_FIRST = 200  # connections whose memory is not counted: what is allocated once is then there


@dataclass
class Plan:
    """How long and where."""

    proxy_core: int
    load_cores: set[int]
    rounds: int = 5
    window: float = 4.0
    margin: float = 1.0
    warm_up: float = 1.0
    noise: float = 0.03  # share of the window that others may use of the proxy's core
    repeats: int = 3
    idle: int = 2000  # most connections of an idle row


@dataclass
class Subject:
    """A proxy in one flavour."""

    peer: Peer
    flavour: Flavour

    @property
    def label(self) -> str:
        return f"{self.peer.name}, {self.flavour.name}" if self.flavour.name else self.peer.name


@dataclass
class Sample:
    """What was measured. `value` is the figure of the row: µs of CPU per request, or bytes per connection."""

    value: float | None = None
    requests: int = 0
    window_s: float = 0.0
    cpu_s: float = 0.0
    threads_us: dict[str, float] = field(default_factory=dict)  # CPU per request of each thread, by its name
    per_second: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    new_percent: float | None = None
    copies_percent: float | None = None  # mirrored rows: copies that reached the target, of all requests
    backend_connections: int = 0
    core_others: float = 0.0  # share of the window in which others ran on the proxy's core
    core_steal: float = 0.0
    core_idle: float = 0.0
    noisy: bool = False
    taken: int = 1  # samples taken until one was good enough
    load_average: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Stage:
    """Everything a sample needs that outlives it."""

    def __init__(self, procs: Procs, backends: Backends, plan: Plan, room: Path, certificate: Path, key: Path):
        self.procs, self.backends, self.plan, self.room = procs, backends, plan, room
        self.certificate, self.key = certificate, key

    def raise_proxy(self, subject: Subject, row: Row) -> tuple[Proc, Setting]:
        room = self.room / "proxy"
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        new = self.backends.silent.port if row.dead_shadow else self.backends.port("new")
        setting = Setting(room=room, plain=free_port(), tls=free_port(), legacy=self.backends.port("legacy"), new=new,
                          certificate=self.certificate, key=self.key, flavour=subject.flavour)
        argv = subject.peer.prepare(setting)
        proc = self.procs.start(subject.peer.name, argv, {self.plan.proxy_core})
        self.procs.await_port(proc, setting.plain)
        self.procs.await_port(proc, setting.tls)
        return proc, setting

    def run(self, load: Load, port: int, seconds: float, exact: bool = False) -> Run:
        return Run(self.procs, load, port, seconds, self.plan.load_cores, exact)


def port_of(load: Load, setting: Setting) -> int:
    return setting.tls if load.tls else setting.plain


def inspect(stage: Stage, row: Row, subject: Subject) -> None:
    """The checks that are made once per proxy and row."""
    proc, setting = stage.raise_proxy(subject, row)
    try:
        port = port_of(row.load, setting)
        if row.load.tls:
            check.handshake(subject.peer, port, row.load.h2)
        if not row.dead_shadow:  # there the next request on a connection may wait for the copy
            check.duties(subject.peer, row.load, port)
            check.answers(subject.peer, row.load, port, stage.backends)
        if row.load.tool == "h2load":
            stage.run(row.load, port, 10.0, exact=True).finish()
        if not proc.running():
            raise Failed(f"{subject.label} ended:\n{proc.said()[-2000:]}")
    finally:
        stage.procs.stop(proc)


def take(stage: Stage, row: Row, subject: Subject) -> Sample:
    """A sample as quiet as it can be had."""
    best: Sample | None = None
    for taken in range(1, stage.plan.repeats + 2):
        one = _idle(stage, row, subject) if row.idle else _patiently(lambda: _loaded(stage, row, subject))
        if best is None or one.core_others + one.core_steal < best.core_others + best.core_steal:
            best = one
        best.taken = taken
        best.noisy = best.core_others + best.core_steal > stage.plan.noise
        if row.idle or not best.noisy:
            break
    assert best is not None
    return best


def _patiently(what: Callable[[], Sample]) -> Sample:
    """Now and then h2load does not end; three times in a row is a defect."""
    for _ in range(2):
        try:
            return what()
        except Stuck:
            continue
    return what()


def _loaded(stage: Stage, row: Row, subject: Subject) -> Sample:
    plan, load = stage.plan, row.load
    proc, setting = stage.raise_proxy(subject, row)
    try:
        port = port_of(load, setting)
        if plan.warm_up > 0:
            stage.run(load, port, plan.warm_up).finish()
        pids = tree(proc.pid)
        start = _settled(stage.backends)
        run = stage.run(load, port, plan.window + 2 * plan.margin)
        time.sleep(plan.margin)
        cpu_a, count_a = _moment(stage, pids)
        time.sleep(plan.window)
        cpu_b, count_b = _moment(stage, pids)
        seen = run.finish()
        whole = _settled(stage.backends) - start
        if not proc.running() or tree(proc.pid) != pids:
            raise Failed(f"{subject.label} ended or lost a process under load:\n{proc.said()[-2000:]}")
        _judge(row, subject, seen.requests, whole)
        return _figures(row, subject, cpu_a, cpu_b, count_b - count_a, whole, seen)
    finally:
        stage.procs.stop(proc)


def _moment(stage: Stage, pids: list[int]) -> tuple[cpu.Reading, Counts]:
    """CPU and counters of one moment. Asking the counters takes a while on a loaded core, so the processor time is the
    mean of before and after."""
    core = stage.plan.proxy_core
    before = cpu.read(pids, core)
    counts = stage.backends.count()
    after = cpu.read(pids, core)
    mean = cpu.Reading(
        at=(before.at + after.at) / 2, proxy=(before.proxy + after.proxy) / 2,
        threads={name: (before.threads.get(name, 0.0) + seconds) / 2 for name, seconds in after.threads.items()},
        core_busy=(before.core_busy + after.core_busy) / 2, core_steal=(before.core_steal + after.core_steal) / 2,
        core_idle=(before.core_idle + after.core_idle) / 2)
    return mean, counts


def _settled(backends: Backends) -> Counts:
    """The counters, once nothing is on its way any more: copies, and requests of a generator that has ended."""
    last = backends.count()
    for _ in range(100):
        time.sleep(0.02)
        now = backends.count()
        if now.requests == last.requests:
            return now
        last = now
    return last


def _judge(row: Row, subject: Subject, answered: int, whole: Counts) -> None:
    """What the backends counted must be what the generator saw, but for what was on its way at the end."""
    load, flavour = row.load, subject.flavour
    underway = load.connections * load.streams
    served = whole.requests["legacy"] if flavour.mirror else whole.total
    if not answered <= served <= answered + underway:
        raise Failed(f"{subject.label}: the client got {answered} answers, the backends served {served}")
    if flavour.mirror and whole.requests["new"] > served:
        raise Failed(f"{subject.label}: {whole.requests['new']} copies of {served} requests")
    if not (row.dead_shadow or flavour.mirror):
        check.kept_alive(subject.label, whole, 2 * underway + 64)


def _figures(row: Row, subject: Subject, a: cpu.Reading, b: cpu.Reading, inside: Counts, whole: Counts,
             seen: Any) -> Sample:
    mirrored = subject.flavour.mirror
    requests = inside.requests["legacy"] if mirrored else inside.total
    wall, used = b.at - a.at, b.proxy - a.proxy
    others = max(0.0, (b.core_busy - a.core_busy) - used)
    # With a dead shadow some proxies serve next to nothing; a figure per request would then be noise.
    per = 1e6 / requests if requests >= 100 else None
    copies = whole.requests["new"] / max(1, whole.requests["legacy"])
    return Sample(
        value=used * per if per else None, requests=requests, window_s=wall, cpu_s=used,
        threads_us={n: round((s - a.threads.get(n, 0.0)) * per, 3) for n, s in b.threads.items()} if per else {},
        per_second=seen.per_second(), p50_us=seen.p50_us, p99_us=seen.p99_us,
        new_percent=None if mirrored else check.split(subject.label, subject.flavour, whole),
        copies_percent=100 * copies if mirrored and not row.dead_shadow else None,
        backend_connections=sum(whole.connections.values()),
        core_others=others / wall, core_steal=(b.core_steal - a.core_steal) / wall,
        core_idle=(b.core_idle - a.core_idle) / wall, load_average=_load_average())


def _idle(stage: Stage, row: Row, subject: Subject) -> Sample:
    """Connections that had one request each and then wait."""
    proc, setting = stage.raise_proxy(subject, row)
    held: list[socket.socket] = []
    number = min(row.idle, stage.plan.idle)
    try:
        port = port_of(row.load, setting)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for _ in range(min(IDLE_FIRST, number)):
            held.append(_waiting(port, context if row.load.tls else None))
        before = _memory(proc)
        for _ in range(number):
            held.append(_waiting(port, context if row.load.tls else None))
        after = _memory(proc)
        if not proc.running():
            raise Failed(f"{subject.label} ended:\n{proc.said()[-2000:]}")
        return Sample(value=(after - before) / number, requests=len(held), load_average=_load_average())
    finally:
        for one in held:
            one.close()
        stage.procs.stop(proc)


def _memory(proc: Proc) -> int:
    """Once it no longer changes: buffers may be given back a moment later."""
    last = cpu.memory_bytes(proc.pid)
    for _ in range(10):
        time.sleep(0.3)
        now = cpu.memory_bytes(proc.pid)
        if abs(now - last) < 4096:
            break
        last = now
    return last


def _waiting(port: int, context: ssl.SSLContext | None) -> socket.socket:
    """A connection after one request and its whole answer."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    if context is not None:
        connection = context.wrap_socket(connection, server_hostname="localhost")
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < 200:
        more = connection.recv(65536)
        if not more:
            raise Failed(f"an idle connection was closed after {answer[:100]!r}")
        answer += more
    if not answer.startswith(b"HTTP/1.1 200 ") or len(answer.partition(b"\r\n\r\n")[2]) != 200:
        raise Failed(f"the answer on an idle connection was {answer[:100]!r}")
    return connection


def syscalls(stage: Stage, row: Row, subject: Subject) -> dict[str, float]:
    """System calls per request by name, counted by strace in a short run of its own; `total` is their sum."""
    proc, setting = stage.raise_proxy(subject, row)
    counted = stage.room / "strace.txt"
    counted.unlink(missing_ok=True)
    try:
        port = port_of(row.load, setting)
        stage.run(row.load, port, 1.0, exact=True).finish()
        attach = [arg for pid in tree(proc.pid) for arg in ("-p", str(pid))]
        tracer = stage.procs.start("strace", ["strace", "-f", "-c", "-o", str(counted), *attach],
                                   stage.plan.load_cores, environment())
        try:
            stage.procs.await_that(tracer, lambda: "attached" in tracer.said(), "is not attached")
            start = _settled(stage.backends)
            # By number: after a run by time h2load waits for ever on a server that strace slows down.
            stage.run(row.load, port, 2.0, exact=True).finish()
            requests = (_settled(stage.backends) - start).total
        finally:
            stage.procs.stop(tracer, signal.SIGINT)
    finally:
        stage.procs.stop(proc)
    if not counted.exists() or requests < 100:
        raise Failed(f"strace counted nothing for {subject.label} ({requests} requests)")
    return _parse_strace(counted.read_text(), requests)


def _parse_strace(text: str, requests: int) -> dict[str, float]:
    calls: dict[str, float] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 5 and words[0].replace(".", "").isdigit() and words[3].isdigit():
            calls[words[-1]] = int(words[3]) / requests
    return dict(sorted(calls.items(), key=lambda item: -item[1]))


def can_trace() -> bool:
    """strace is there and may attach to another program (in containers it often may not)."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-c", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


def _load_average() -> float:
    return float(Path("/proc/loadavg").read_text().split()[0])
