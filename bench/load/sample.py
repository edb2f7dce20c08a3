"""One sample: a proxy started afresh, loaded, and watched for a window in the middle of the load.

In the short mode the load is a number of requests and the window is all of it: nothing depends on time then, and what
the generator and the backends counted must be equal to the last request.

The difficulty of measuring is a small machine that is not ours alone: what else ran on the proxy's core is read from /proc/stat over
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
from typing import Any, TypeVar

import check
import cpu
from backends import Backends, Counts
from generators import Run, Seen, echo_command, echoed, environment, flips
from peers.peer import Flavour, Peer, Setting
from procs import Failed, Proc, Procs, Stuck, free_port, tree
from rows import Load, Row
from stress import LOOKS, Stress, make_certificate

T = TypeVar("T")
IDLE_FIRST = 200  # connections whose memory is not counted: what is allocated once is then there
WARM_UP, WINDOW = 0.2, 0.65  # shares of a load's time: left out first, measured after that
RELOAD_PAUSE = 0.25  # seconds between the end of a reload and the next
STRESS_MAX = 120.0  # seconds that a load may take while everything of stress.py is done once or more
ECHOES_PER_SECOND = 10000  # about what the asker can do
FEW_REQUESTS, TRACED_REQUESTS = 2048, 16384  # of a run that is a number of requests


@dataclass
class Plan:
    """How long and where."""

    proxy_core: int
    load_cores: set[int]
    spare_cores: list[int]
    rounds: int = 5
    seconds: int = 2  # of load in a sample; the tools want whole ones
    noise: float = 0.05  # share of the window that others may use of the proxy's core
    repeats: int = 15  # how many disturbed samples may be taken again in the whole run
    short: bool = False
    idle: int = 9700  # most connections of an idle row
    flips: int = 200  # most flips of a sample

    def cores_for(self, workers: int) -> set[int]:
        """A core for each worker, as far as there are: the proxy's, then those nobody has, the load's last."""
        return set([self.proxy_core, *self.spare_cores, *sorted(self.load_cores)][:workers])


@dataclass
class Subject:
    """A proxy in one flavour, and its load."""

    peer: Peer
    flavour: Flavour
    load: Load

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
    max_us: float | None = None
    # Rows of flips:
    ack_p50_us: float | None = None
    ack_p99_us: float | None = None
    ack_max_us: float | None = None
    new_percent: float | None = None
    copies_percent: float | None = None  # mirrored rows: copies that reached the target, of all requests
    backend_connections: int = 0
    core_others: float = 0.0  # share of the window in which others ran on the proxy's core
    core_steal: float = 0.0
    core_idle: float = 0.0
    noisy: bool = False
    reloads: int = 0  # while the load ran
    done: dict[str, int] = field(default_factory=dict)  # and what else: see stress.py
    # Rows of latency: turns of the loops during the load; how many took more than a millisecond; in how many a single step did;
    # how long the proxy's threads waited for a processor.
    turns: int | None = None
    slow_turns: int | None = None
    long_turns: int | None = None
    waited_s: float | None = None
    memory: int = 0  # resident bytes, before the load
    peak_memory: int = 0  # and at most
    load_average: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Stage:
    """Everything a sample needs that outlives it."""

    def __init__(self, procs: Procs, backends: Backends, plan: Plan, room: Path, tools: Path):
        self.procs, self.backends, self.plan, self.room, self.tools = procs, backends, plan, room, tools
        self.certificate = make_certificate(room)
        self.repeats_left = plan.repeats
        self.stuck: list[str] = []
        self._redis: Redis | None = None
        self._echo: Echo | None = None

    def redis(self) -> Redis:
        """Started when a row first wants it."""
        if self._redis is None:
            self._redis = Redis(self.procs, self.room, self.plan.load_cores)
        return self._redis

    def echo(self) -> Echo:
        """The same."""
        if self._echo is None:
            self._echo = Echo(self.procs, self.plan.load_cores)
        return self._echo

    def raise_proxy(self, subject: Subject, row: Row, name: str = "proxy") -> tuple[Proc, Setting]:
        room = self.room / name
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        for file in self.certificate:
            shutil.copy(file, room)
        h2 = subject.flavour.h2_backends
        new = self.backends.port(row.target, h2)
        legacy = self.echo().port if subject.flavour.echo else self.backends.port("legacy", h2)
        setting = Setting(room=room, plain=free_port(), tls=free_port(), legacy=legacy, new=new,
                          certificate=room / "certificate.pem", key=room / "key.pem", flavour=subject.flavour,
                          redis=self.redis().port if subject.flavour.redis else 0)
        argv = subject.peer.prepare(setting)
        proc = self.procs.start(subject.peer.name, argv, self.plan.cores_for(subject.flavour.workers))
        for port in (setting.plain, setting.tls) if subject.peer.proxies else (setting.plain,):
            self.procs.await_port(proc, port)
        return proc, setting

    def run(self, load: Load, port: int, seconds: float, exact: int = 0) -> Run:
        return Run(self.procs, load, port, seconds, self.plan.load_cores, self.tools, exact)


class Redis:
    """A Redis that keeps nothing on disk."""

    def __init__(self, procs: Procs, room: Path, cpus: set[int]):
        self.port, self._procs, self._room, self._cpus = free_port(), procs, room, cpus
        self.start()

    def start(self) -> None:
        self._proc = self._procs.start("redis", [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
            str(self._room)], self._cpus)
        self._procs.await_port(self._proc, self.port)

    def kill(self) -> None:
        self._procs.stop(self._proc, signal.SIGKILL)


class Echo:
    """A WebSocket server that sends messages back."""

    def __init__(self, procs: Procs, cpus: set[int]):
        self.port = free_port()
        proc = procs.start("echo", echo_command("serve", self.port), cpus)
        procs.await_port(proc, self.port)


def port_of(load: Load, setting: Setting) -> int:
    return setting.tls if load.tls else setting.plain


def inspect(stage: Stage, row: Row, subject: Subject) -> None:
    """The checks that are made once per proxy and row."""
    proc, setting = stage.raise_proxy(subject, row)
    try:
        port = port_of(subject.load, setting)
        if subject.load.tls:
            check.handshake(subject.peer, port, subject.load.h2)
        if subject.flavour.echo:
            echoed(stage.procs, subject.load, port, FEW_REQUESTS, stage.plan.load_cores).finish()
        elif row.target == "new":  # there the next request on a connection may wait for the copy
            if subject.peer.proxies:
                check.duties(subject.peer, subject.flavour, subject.load, port)
            check.answers(subject.peer, subject.load, port, stage.backends)
        if subject.load.tool == "h2load" and not stage.plan.short:
            stage.run(subject.load, port, 10.0, exact=FEW_REQUESTS).finish()
        if not proc.running():
            raise Failed(f"{subject.label} ended:\n{proc.said()[-2000:]}")
    finally:
        stage.procs.stop(proc)


def take(stage: Stage, row: Row, subject: Subject) -> Sample:
    """A sample; a disturbed one is taken again once, and the quieter one counts."""
    if row.idle:
        return _idle(stage, row, subject)
    if row.flips:
        return _flips(stage, row, subject)
    loaded = _echoes if subject.flavour.echo else _loaded
    sample = patiently(stage, row, subject, loaded)
    if _is_noisy(stage, sample) and stage.repeats_left > 0:
        stage.repeats_left -= 1
        again = patiently(stage, row, subject, loaded)
        if again.core_others + again.core_steal < sample.core_others + sample.core_steal:
            sample = again
    sample.noisy = _is_noisy(stage, sample)
    return sample


def _is_noisy(stage: Stage, sample: Sample) -> bool:
    return sample.core_others + sample.core_steal > stage.plan.noise


def patiently(stage: Stage, row: Row, subject: Subject, what: Callable[[Stage, Row, Subject], T]) -> T:
    """Now and then h2load does not end. That is noted, for it may be the proxy's doing; three times in a row is a defect
    of one of them."""
    for _ in range(2):
        try:
            return what(stage, row, subject)
        except Stuck as e:
            stage.stuck.append(f"{row.name}, {subject.label}, tried again: {e}")
    return what(stage, row, subject)


@dataclass
class Watched:
    """What one load did to the proxy: the window's two ends, and the generator's view of the whole."""

    before: cpu.Reading
    after: cpu.Reading
    inside: Counts
    seen: Seen
    cut: int  # requests under way when the generator ended
    reloads: int = 0
    done: dict[str, int] = field(default_factory=dict)


class Loops:
    """What the loops of the proxy's workers do from now on."""

    def __init__(self, peer: Peer, setting: Setting, proc: Proc):
        self._peer, self._setting, self._proc = peer, setting, proc
        self._turns, self._waited = peer.turns(setting), cpu.waited_seconds(proc.pid)

    def tell(self, sample: Sample) -> None:
        sample.waited_s = cpu.waited_seconds(self._proc.pid) - self._waited
        now = self._peer.turns(self._setting)
        if now is not None and self._turns is not None:
            turns = now - self._turns
            sample.turns, sample.slow_turns, sample.long_turns = turns.all, turns.slow, turns.long


def _loaded(stage: Stage, row: Row, subject: Subject) -> Sample:
    proc, setting = stage.raise_proxy(subject, row)
    try:
        start = settled(stage.backends)
        memory = cpu.memory_bytes(proc.pid, "Rss")
        loops = Loops(subject.peer, setting, proc) if row.latency else None
        watch = _watch_all if stage.plan.short else _watch_window
        watched = watch(stage, row, subject, setting, proc)
        whole = settled(stage.backends) - start
        if not (proc.running() and watched.before.pids <= watched.after.pids):
            raise Failed(f"{subject.label} ended or lost a process under load:\n{proc.said()[-2000:]}")
        _judge(row, subject, watched, whole)
        sample = _figures(row, subject, watched, whole)
        sample.memory, sample.peak_memory = memory, cpu.peak_bytes(proc.pid)
        check.growth(subject.label, memory, sample.peak_memory, row.growth)
        if loops is not None:
            loops.tell(sample)
        return sample
    finally:
        stage.procs.stop(proc)


def _watch_window(stage: Stage, row: Row, subject: Subject, setting: Setting, proc: Proc) -> Watched:
    seconds = stage.plan.seconds * row.times
    run = stage.run(subject.load, port_of(subject.load, setting), STRESS_MAX if subject.flavour.stress else seconds)
    time.sleep(WARM_UP * seconds)
    cpu_a, count_a = _moment(stage, proc)
    watched = _pass(stage, subject, setting, WINDOW * seconds)
    cpu_b, count_b = _moment(stage, proc)
    if not run.proc.running():
        raise Stuck(f"{subject.label}: the load ended before the window did")
    if subject.flavour.stress:
        run.stop()
    return Watched(cpu_a, cpu_b, count_b - count_a, run.finish(), run.cut, *watched)


def _watch_all(stage: Stage, row: Row, subject: Subject, setting: Setting, proc: Proc) -> Watched:
    cpu_a, count_a = _moment(stage, proc)
    stress = subject.flavour.stress
    run = stage.run(subject.load, port_of(subject.load, setting), STRESS_MAX if stress else 1,
                    exact=0 if stress else FEW_REQUESTS)
    watched = _pass(stage, subject, setting, RELOAD_PAUSE if subject.flavour.reloads else 0.0)
    if stress:
        run.stop()
    seen = run.finish()
    settled(stage.backends)
    cpu_b, count_b = _moment(stage, proc)
    return Watched(cpu_a, cpu_b, count_b - count_a, seen, run.cut, *watched)


def _pass(stage: Stage, subject: Subject, setting: Setting, seconds: float) -> tuple[int, dict[str, int]]:
    """Lets the window pass, with reloads and stress when the flavour wants them; how many, and how often what."""
    if subject.flavour.stress:
        return 0, Stress(stage.redis(), subject.peer, setting).go_on(seconds)
    if subject.flavour.reloads:
        return _reloads(subject, setting, seconds), {}
    time.sleep(seconds)
    return 0, {}


def _reloads(subject: Subject, setting: Setting, seconds: float) -> int:
    """Each must succeed."""
    end, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        turn += 1
        done = subprocess.run(subject.peer.reload(setting, turn), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{subject.label}: reload {turn} failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
        time.sleep(max(0.0, min(RELOAD_PAUSE, end - time.monotonic())))
    return turn


def _moment(stage: Stage, proc: Proc) -> tuple[cpu.Reading, Counts]:
    """CPU and counters of one moment. Asking the counters takes a while on a loaded core, so the processor time is the
    mean of before and after."""
    core, pids = stage.plan.proxy_core, tree(proc.pid)
    before = cpu.read(pids, core)
    counts = stage.backends.count()
    after = cpu.read(pids, core)
    mean = cpu.Reading(
        pids=after.pids, at=(before.at + after.at) / 2, proxy=(before.proxy + after.proxy) / 2,
        threads={name: (before.threads.get(name, 0.0) + seconds) / 2 for name, seconds in after.threads.items()},
        core_busy=(before.core_busy + after.core_busy) / 2, core_steal=(before.core_steal + after.core_steal) / 2,
        core_idle=(before.core_idle + after.core_idle) / 2)
    return mean, counts


def settled(backends: Backends) -> Counts:
    """The counters, once nothing is on its way any more: copies, and requests of a generator that has ended."""
    last = backends.count()
    for _ in range(100):
        time.sleep(0.02)
        now = backends.count()
        if now.requests == last.requests:
            return now
        last = now
    return last


def _judge(row: Row, subject: Subject, watched: Watched, whole: Counts) -> None:
    """What the backends counted must be what the generator saw, but for what was on its way at the end."""
    flavour, answered = subject.flavour, watched.seen.requests + watched.seen.before
    served = whole.requests["legacy"] if flavour.mirror and not flavour.stress else whole.total
    probes = answered // 20 + 8 if flavour.mirror else 0  # weir asks the serving side again for 2 of 100 mirrored ones
    # Under stress each side serves or gets a copy. Flips ask for themselves what differs by side: served, copied, perhaps
    # probed, and twice asked again on both sides.
    copies = answered + 7 * watched.done[LOOKS] if flavour.stress else 0
    if not answered <= served <= answered + watched.cut + probes + copies:
        raise Failed(f"{subject.label}: the client got {answered} answers, the backends served {served}")
    if flavour.mirror and not flavour.stress and whole.requests["new"] > served:
        raise Failed(f"{subject.label}: {whole.requests['new']} copies of {served} requests")
    if subject.peer.proxies and not flavour.mirror:
        check.kept_alive(subject.label, whole, 2 * subject.load.connections * subject.load.streams + 64)


def _figures(row: Row, subject: Subject, watched: Watched, whole: Counts) -> Sample:
    a, b, seen, mirrored = watched.before, watched.after, watched.seen, subject.flavour.mirror
    requests = watched.inside.requests["legacy"] if mirrored and not subject.flavour.stress else watched.inside.total
    wall, used = b.at - a.at, b.proxy - a.proxy
    others = max(0.0, (b.core_busy - a.core_busy) - used)
    # With a dead shadow some proxies serve next to nothing; a figure per request would then be noise.
    per = 1e6 / requests if requests >= 100 else None
    copies = whole.requests["new"] / max(1, whole.requests["legacy"])
    return Sample(
        value=used * per if per else None, requests=requests, window_s=wall, cpu_s=used,
        threads_us={n: round((s - a.threads.get(n, 0.0)) * per, 3) for n, s in b.threads.items()} if per else {},
        per_second=seen.per_second(), p50_us=seen.p50_us, p99_us=seen.p99_us, max_us=seen.more.get("max_us"),
        new_percent=check.split(subject.label, subject.flavour, whole) if subject.peer.proxies and not mirrored else None,
        copies_percent=100 * copies if mirrored and row.target == "new" else None,
        backend_connections=sum(whole.connections.values()), reloads=watched.reloads, done=watched.done,
        core_others=others / wall, core_steal=(b.core_steal - a.core_steal) / wall,
        core_idle=(b.core_idle - a.core_idle) / wall, load_average=_load_average())


def _flips(stage: Stage, row: Row, subject: Subject) -> Sample:
    """Flips through Redis while a few connections ask without a pause."""
    raised = [stage.raise_proxy(subject, row, f"proxy-{n}") for n in range(row.fleet)]
    try:
        seen = flips(stage.procs, subject.load, [port_of(subject.load, s) for _, s in raised], raised[0][1].redis,
                     min(row.flips, stage.plan.flips), stage.plan.load_cores)
        for proc, _ in raised:
            if not proc.running():
                raise Failed(f"{subject.label} ended:\n{proc.said()[-2000:]}")
        return Sample(value=seen.p99_us, requests=seen.requests, per_second=seen.per_second(), p50_us=seen.p50_us,
                      p99_us=seen.p99_us, load_average=_load_average(), **seen.more)
    finally:
        for proc, _ in raised:
            stage.procs.stop(proc)


def _echoes(stage: Stage, row: Row, subject: Subject) -> Sample:
    """Messages through tunnels that are open already."""
    proc, setting = stage.raise_proxy(subject, row)
    number = FEW_REQUESTS if stage.plan.short else ECHOES_PER_SECOND * stage.plan.seconds
    try:
        run = echoed(stage.procs, subject.load, port_of(subject.load, setting), number, stage.plan.load_cores)
        a = cpu.read(tree(proc.pid), stage.plan.proxy_core)
        seen = run.finish()
        b = cpu.read(tree(proc.pid), stage.plan.proxy_core)
        if not proc.running():
            raise Failed(f"{subject.label} ended under load:\n{proc.said()[-2000:]}")
        wall, used = b.at - a.at, b.proxy - a.proxy
        others = max(0.0, (b.core_busy - a.core_busy) - used)
        return Sample(value=1e6 * used / seen.requests, requests=seen.requests, window_s=wall, cpu_s=used,
                      per_second=seen.per_second(), p50_us=seen.p50_us, p99_us=seen.p99_us, core_others=others / wall,
                      core_steal=(b.core_steal - a.core_steal) / wall, core_idle=(b.core_idle - a.core_idle) / wall,
                      load_average=_load_average())
    finally:
        stage.procs.stop(proc)


def _idle(stage: Stage, row: Row, subject: Subject) -> Sample:
    """Connections that had one request each and then wait."""
    proc, setting = stage.raise_proxy(subject, row)
    held: list[socket.socket] = []
    number = min(row.idle, stage.plan.idle)
    try:
        port = port_of(subject.load, setting)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for _ in range(min(IDLE_FIRST, number)):
            held.append(_waiting(port, context if subject.load.tls else None))
        before = _memory(proc)
        for _ in range(number):
            held.append(_waiting(port, context if subject.load.tls else None))
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


@dataclass
class Observer:
    """A tool that looks at a proxy under load, and writes what it saw to a file when it is interrupted."""

    argv: Callable[[Path, list[str]], list[str]]  # for this file and these processes
    ready: str  # in what it says, as soon as it looks; "": at once
    seconds: float
    exact: int  # requests, instead of seconds
    least: int  # requests, for what it saw to mean something


def observe(stage: Stage, row: Row, subject: Subject, tool: Observer) -> tuple[Path, int]:
    """What it saw, and during how many requests. In a run of its own, so that what it costs is in no other figure."""
    proc, setting = stage.raise_proxy(subject, row)
    seen = stage.room / "observed"
    seen.unlink(missing_ok=True)
    try:
        port = port_of(subject.load, setting)
        stage.run(subject.load, port, 1.0, exact=FEW_REQUESTS).finish()
        argv = tool.argv(seen, [str(pid) for pid in tree(proc.pid)])
        observer = stage.procs.start(argv[0], argv, stage.plan.load_cores, environment())
        try:
            stage.procs.await_that(observer, lambda: tool.ready in observer.said(), "is not attached")
            start = settled(stage.backends)
            stage.run(subject.load, port, tool.seconds, exact=tool.exact).finish()
            requests = (settled(stage.backends) - start).total
        finally:
            stage.procs.stop(observer, signal.SIGINT)
    finally:
        stage.procs.stop(proc)
    if not seen.exists() or requests < tool.least:
        raise Failed(f"{argv[0]} saw nothing of {subject.label} ({requests} requests)")
    return seen, requests


def _strace(counted: Path, pids: list[str]) -> list[str]:
    return ["strace", "-f", "-c", "-o", str(counted), *(arg for pid in pids for arg in ("-p", pid))]


def syscalls(stage: Stage, row: Row, subject: Subject) -> dict[str, float]:
    """System calls per request by name, counted by strace; `total` is their sum."""
    # By number: after a run by time h2load waits for ever on a server that strace slows down.
    exact = FEW_REQUESTS if stage.plan.short else TRACED_REQUESTS
    counted, requests = observe(stage, row, subject, Observer(_strace, "attached", 2.0, exact, least=100))
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
    with subprocess.Popen(["sleep", "0.3"]) as other:
        traced = subprocess.run(["strace", "-c", "-o", "/dev/null", "-p", str(other.pid)], capture_output=True,
                                check=False)
        return traced.returncode == 0


def _load_average() -> float:
    return float(Path("/proc/loadavg").read_text().split()[0])
