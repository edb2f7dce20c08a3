"""The load generators: how each is called, and what it says it saw.

Every answer is checked. wrk.lua and open_tls.py look at status and length of each one. h2load counts statuses and the
bytes of all bodies; they must add up, but for the answers that were on their way when the time was over.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from procs import Failed, Proc, Procs, Stuck
from rows import Load

HERE = Path(__file__).resolve().parent
CIPHERS = "TLS_AES_128_GCM_SHA256"
SHORT_CONNECTIONS = 200
PATIENCE, SLOW = 12.0, 30.0  # for the end of a generator beyond its time; SLOW when it is a number of requests


@dataclass
class Seen:
    """What a generator saw, its whole run."""

    requests: int
    seconds: float
    p50_us: float | None
    p99_us: float | None
    before: int = 0  # answers before the run began, which are in nothing else here
    more: dict[str, float] = field(default_factory=dict)  # what else the tool measured

    def per_second(self) -> float:
        return self.requests / self.seconds if self.seconds > 0 else 0.0


def environment() -> dict[str, str]:
    return os.environ | {"OPENSSL_CONF": str(HERE / "openssl.cnf")}


def fitted(load: Load, short: bool) -> Load:
    """The load with a tool that is installed: h2load can do what wrk does, with other overhead of its own. The short
    mode needs a number of requests rather than a time, so it leaves only the plainest load to wrk; and few connections."""
    if short and load.tool == "turns":
        load = replace(load, connections=min(load.connections, SHORT_CONNECTIONS))
    if load.tool == "wrk" and (shutil.which("wrk") is None or (short and load != Load())):
        load = replace(load, tool="h2load")
    if load.tool == "h2load" and shutil.which("h2load") is None:
        raise Failed("h2load is not installed: scripts/install-packages test")
    return load


class Run:
    """A generator at work on one load against one port."""

    def __init__(self, procs: Procs, load: Load, port: int, seconds: float, cpus: set[int], tools: Path, exact: int = 0):
        """exact: h2load and turns do about so many requests instead of a time, so that the bytes add up to the last one, and
        none is under way at the end (with turns, none is in any case)."""
        self.load, self.port, self.seconds, self.exact = load, port, seconds, exact
        self._log: Path | None = None
        self._post: Path | None = None
        self._exact_number = 0
        whole = load.tool == "turns" or (exact and load.tool == "h2load")
        self.cut = 0 if whole else load.connections * load.streams  # under way at the end
        self._procs, self._tools = procs, tools
        self.proc = procs.start(load.tool, self._argv(procs, port), cpus, environment())
        if load.tool == "turns":
            procs.await_that(self.proc, lambda: "\n" in self.proc.said(), "has not had an answer on each connection")

    def _argv(self, procs: Procs, port: int) -> list[str]:
        load = self.load
        url = f"{'https' if load.tls else 'http'}://127.0.0.1:{port}{load.first_path}"
        if load.tool == "opener":
            return [sys.executable, str(HERE / "open_tls.py"), "127.0.0.1", str(port), str(self.seconds),
                    str(load.connections), load.path, str(load.length)]
        if load.tool == "turns":
            requests = procs.room / f"requests-{port}.txt"
            requests.write_text(load.requests())
            return [str(self._tools / "turns"), *map(str, (port, load.connections, load.at_once, load.rate, self.seconds,
                                                           self.exact, load.length, requests))]
        if load.tool == "wrk":
            close = ["-H", "Connection: close"] if load.close else []
            return ["wrk", "-t1", f"-c{load.connections}", f"-d{self.seconds:.0f}s", "--timeout", "10s", "-s",
                    str(HERE / "wrk.lua"), *close, url, "--", str(load.length), str(load.post)]
        return self._h2load(procs, url)

    def _h2load(self, procs: Procs, url: str) -> list[str]:
        load = self.load
        argv = ["h2load", "-t1", f"-c{load.connections}", f"-m{load.streams}", f"--tls13-ciphers={CIPHERS}",
                "--groups=X25519"]
        if not load.h2:
            argv.append("--h1")
        if load.length > 65536:
            argv += ["-w20", "-W24"]
        if load.close:
            argv += ["-H", "Connection: close"]
        if load.post:
            self._post = procs.room / "post.json"
            self._post.write_text('"' + "x" * (load.post - 2) + '"')
            argv += ["-d", str(self._post), "-H", "Content-Type: application/json"]
        if self.exact:
            atonce = load.connections * load.streams
            self._exact_number = atonce * max(2, self.exact // atonce if load.length <= 65536 else 0)
            return [*argv, f"-n{self._exact_number}", url]
        self._log = procs.room / f"h2load-{port_of(url)}.log"
        return [*argv, f"-D{self.seconds:g}", f"--log-file={self._log}", url]

    def stop(self) -> None:
        """turns ends before its time, with the answers it waits for."""
        self.proc.popen.send_signal(signal.SIGTERM)

    def _end(self) -> str:
        try:
            return self.proc.finish(SLOW if self.exact else self.seconds + PATIENCE)
        except Stuck as e:
            raise Stuck(f"{e}\nits connections:\n{_connections(self.port)}") from None

    def finish(self) -> Seen:
        """Waits for the end. Raises Failed when one answer was wrong."""
        try:
            text = self._end()
            return self._of_h2load(text) if self.load.tool == "h2load" else _of_json(self.load.tool, text)
        finally:
            self._procs.stop(self.proc)
            if self._log is not None:
                self._log.unlink(missing_ok=True)
            if self._post is not None:
                self._post.unlink(missing_ok=True)

    def _of_h2load(self, text: str) -> Seen:
        def number(pattern: str) -> float:
            found = re.search(pattern, text)
            if found is None:
                raise Failed(f"h2load printed something unexpected:\n{text[-2000:]}")
            return float(found.group(1))

        done, good = int(number(r"(\d+) done")), int(number(r"status codes: (\d+) 2xx"))
        failed, errored = int(number(r"(\d+) failed")), int(number(r"(\d+) errored"))
        data = int(number(r"\((\d+)\) data"))
        length = self.load.length
        if failed or errored or good < done or not done * length <= data <= (done + self.cut) * length:
            raise Failed(f"h2load: {done} answers, {good} of them 2xx, {failed} failed, {errored} errored,"
                         f" {data} bytes of bodies (right: {length} each):\n{text[-2000:]}")
        if self.exact and done != self._exact_number:
            raise Failed(f"h2load: {done} answers to {self._exact_number} requests:\n{text[-2000:]}")
        if self.load.h2 and "Application protocol: h2" not in text:
            raise Failed(f"h2load did not speak HTTP/2:\n{text[-2000:]}")
        p50, p99 = self._latencies()
        return Seen(done, self.seconds, p50, p99)

    def _latencies(self) -> tuple[float | None, float | None]:
        if self._log is None:
            return None, None
        took = sorted(int(line.rsplit("\t", 1)[1]) for line in self._log.read_text().splitlines() if "\t" in line)
        return (float(took[len(took) // 2]), float(took[len(took) * 99 // 100])) if took else (None, None)


def flips(procs: Procs, load: Load, ports: list[int], redis_port: int, number: int, cpus: set[int]) -> Seen:
    """flips.py from beginning to end; its times are those of the flips."""
    argv = [sys.executable, str(HERE / "flips.py"), "127.0.0.1", ",".join(map(str, ports)), str(load.connections),
            str(redis_port),
            "weir:control", str(number)]
    proc = procs.start("flips", argv, cpus, environment())
    try:
        return _of_json("flips.py", proc.finish(number + PATIENCE))
    finally:
        procs.stop(proc)


def echo_command(role: str, *words: object) -> list[str]:
    return [sys.executable, str(HERE / "echo.py"), role, *map(str, words)]


class Echoed:
    """echo.py, once its tunnels are open and before the first message."""

    def __init__(self, procs: Procs, proc: Proc):
        self._procs, self._proc = procs, proc

    def finish(self) -> Seen:
        try:
            return _of_json("echo.py", self._proc.finish(SLOW))
        finally:
            self._procs.stop(self._proc)


def echoed(procs: Procs, load: Load, port: int, messages: int, cpus: set[int]) -> Echoed:
    proc = procs.start("asker", echo_command("ask", "127.0.0.1", port, load.connections, load.length, messages), cpus)
    procs.await_that(proc, lambda: "READY" in proc.said(), "opens no tunnels")
    return Echoed(procs, proc)


MORE = ("max_us", "ack_p50_us", "ack_p99_us", "ack_max_us")


def _of_json(tool: str, text: str) -> Seen:
    line = next((x for x in text.splitlines() if x.startswith("JSON ")), None)
    if line is None:
        raise Failed(f"{tool} printed no result:\n{text[-2000:]}")
    said = json.loads(line[5:])
    # wrk counts an answer whose connection ends before its body does as a read error, and a wish for a connection
    # that is refused as a connect error; at its own end it cuts what is under way without counting it.
    errors = {k: said[k] for k in ("connect", "read", "write", "timeout") if said.get(k)}
    if said["wrong"] or errors:
        raise Failed(f"{tool}: {said['wrong']} of {said['requests']} answers were wrong"
                     f" (the first: {said['first_wrong'] or '-'}); errors {errors}")
    return Seen(said["requests"], said["seconds"], said["p50_us"], said["p99_us"], int(said.get("before", 0)),
                {k: v for k, v in said.items() if k in MORE})


def _connections(port: int) -> str:
    """Who waits for whom: both ends of each connection to a port, with the bytes that have passed."""
    if shutil.which("ss") is None:
        return "? (ss is not installed)"
    done = subprocess.run(["ss", "-tnpiHO", f"( sport = :{port} or dport = :{port} )"], capture_output=True, text=True,
                          check=False)
    return done.stdout[:3000]


def port_of(url: str) -> str:
    return url.rsplit(":", 1)[1].split("/")[0]
