"""Programs that are started and stopped, each pinned to processors.

The difficulty is to leave nothing behind: whatever ends the harness, every program it started ends, and only those. A
program is known by its process id and start time together, because ids are used again.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 5.0
START_SECONDS = 15.0
_libc = ctypes.CDLL(None, use_errno=True)
_ports_given: set[int] = set()


class Failed(Exception):
    """The benchmark cannot go on; the text says why."""


class Stuck(Failed):
    """A program did not end in time, which says nothing about the proxy: worth another try."""


def free_port() -> int:
    """A port of the loopback address that nobody listens on, below the range the kernel takes clients' ports from:
    otherwise one of thousands of connections may sit on it when the listener wants it."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    top = low if low > 12000 else 32000
    for _ in range(1000):
        port = random.randrange(10000, top)
        if port in _ports_given:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _ports_given.add(port)
        return port
    raise Failed("no free port on 127.0.0.1")


def stat_fields(pid: int, task: int | None = None) -> list[str]:
    """The fields of /proc/PID/stat from the state on (field 3), as proc(5) numbers them minus 3. Empty: gone."""
    where = f"/proc/{pid}/stat" if task is None else f"/proc/{pid}/task/{task}/stat"
    try:
        text = Path(where).read_text()
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def _start_time(pid: int) -> str:
    fields = stat_fields(pid)
    return fields[19] if len(fields) > 19 else ""


def tree(pid: int) -> list[int]:
    """pid and all its descendants."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo.extend(children.get(one, []))
    return found


class Proc:
    """One running program. Its standard output and error go to one file."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], output: Path):
        self.name = name
        self.popen = popen
        self.pid = popen.pid
        self.output = output

    def running(self) -> bool:
        return self.popen.poll() is None

    def said(self) -> str:
        try:
            return self.output.read_text(errors="replace")
        except OSError:
            return ""

    def finish(self, seconds: float) -> str:
        """Waits until it ends by itself; its output. Raises Stuck when it takes too long, Failed when it fails."""
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Stuck(f"{self.name} did not end within {seconds:.0f} s:\n{self.said()[-2000:]}") from None
        if code != 0:
            raise Failed(f"{self.name} ended with status {code}:\n{self.said()[-2000:]}")
        return self.said()


class Procs:
    """Everything that was started and not yet stopped."""

    def __init__(self, room: Path):
        self.room = room
        self.alive: list[Proc] = []
        self._serial = 0

    def start(self, name: str, argv: list[str], cpus: set[int], env: dict[str, str] | None = None) -> Proc:
        """env: without it, ours but for the clients' OPENSSL_CONF."""
        if env is None:
            env = {k: v for k, v in os.environ.items() if k != "OPENSSL_CONF"}
        self._serial += 1
        output = self.room / f"{self._serial:04d}-{name}.out"
        parent = os.getpid()

        def prepare() -> None:
            os.sched_setaffinity(0, cpus)
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        with output.open("wb") as out:
            # A session of its own: Ctrl-C in the terminal reaches the harness only, which then stops things in order.
            popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env,
                                     start_new_session=True, preexec_fn=prepare, cwd=self.room)
        proc = Proc(name, popen, output)
        self.alive.append(proc)
        return proc

    def await_port(self, proc: Proc, port: int) -> None:
        self.await_that(proc, lambda: _connects(port), f"does not listen on 127.0.0.1:{port}")

    def await_that(self, proc: Proc, is_so: Callable[[], bool], otherwise: str) -> None:
        end = time.monotonic() + START_SECONDS
        while not is_so():
            if not proc.running():
                raise Failed(f"{proc.name} ended at once:\n{proc.said()[-2000:]}")
            if time.monotonic() > end:
                raise Failed(f"{proc.name} {otherwise} after {START_SECONDS:.0f} s:\n{proc.said()[-2000:]}")
            time.sleep(0.01)

    def stop(self, proc: Proc, sig: int = signal.SIGTERM) -> None:
        family = [(pid, _start_time(pid)) for pid in tree(proc.pid)] if proc.running() else []
        if proc.running():
            proc.popen.send_signal(sig)
            try:
                proc.popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        for pid, born in reversed(family):
            if born and _start_time(pid) == born and stat_fields(pid)[:1] != ["Z"]:
                _kill(pid)
        proc.popen.wait()
        if proc in self.alive:
            self.alive.remove(proc)
        proc.output.unlink(missing_ok=True)

    def stop_all(self) -> None:
        for proc in reversed(list(self.alive)):
            self.stop(proc)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _connects(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
