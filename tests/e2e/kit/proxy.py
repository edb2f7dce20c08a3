"""The weir under test: its configuration, its process, what it says about itself, and its orderly end."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.parse

from kit.failure import Failure, expect, until
from kit.place import Adopted, whole_lines
from kit.wire import Wire, read_answer

TROUBLE = re.compile(r"^BUG |ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|ERROR: ThreadSanitizer",
                     re.MULTILINE)
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:quarantine_size_mb=16",
    "LSAN_OPTIONS": "exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=99:second_deadlock_stack=1",
}
END_PATIENCE = 60
SPARE_DESCRIPTORS = 12  # what may differ between start and end beside connections: logs, records, Redis


def merge(base, over):
    """Tables merge, everything else replaces; the word "remove" takes a key away."""
    out = dict(base)
    for key, value in over.items():
        if value == "remove":
            out.pop(key, None)
        elif isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merge(out[key], value)
        else:
            out[key] = value
    return out


def default_config(place, servers):
    """Every server of the scenario is a backend of its name; the route goes from legacy to new."""
    return {
        "workers": 2,
        "state_dir": place.path("state"),
        "listeners": [{"address": "127.0.0.1:0"}],
        "backends": {name: {"servers": [server.address]} for name, server in servers.items()},
        "defaults": {"legacy": "legacy", "new": "new"},
        "routes": [{"name": "default", "match": {"prefix": "/"}}],
        "log": {"access": place.path("access.log")},
    }


def config_text(config):
    """By default two of a hundred mirrored requests are asked again of the side that served them, as chance has it: no
    scenario could count requests. Those that are about it say so."""
    for route in config.get("routes", []):
        if "shadow" in route:
            route["shadow"].setdefault("probe", 0)
    return json.dumps(config, indent=1)


def which_sanitizer(program):
    with open(program, "rb") as f:
        data = f.read()
    return "address" if b"__asan_init" in data else "thread" if b"__tsan_init" in data else ""


class Metrics:
    """One reading of /metrics."""

    LINE = re.compile(r'^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$')
    LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(,|$)')

    def __init__(self, text):
        self.samples = []
        self.types = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                expect(name not in self.types, "each metric family has one TYPE line", line)
                self.types[name] = kind
            elif line and not line.startswith("#"):
                self.samples.append(self._parse(line))

    def _parse(self, line):
        found = self.LINE.match(line)
        expect(found, "a line of the Prometheus text format", line)
        name, labels, value = found.groups()
        pairs = self.LABEL.findall(labels or "")
        expect("".join(f'{n}="{v}"{c}' for n, v, c in pairs) == (labels or ""), "labels of the text format", line)
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        expect(name in self.types or base in self.types, "a sample of a family with a TYPE line", line)
        return name, {n: v for n, v, _ in pairs}, float(value)

    def sum(self, name, labels=None):
        """The sum over all samples with these labels (and any others)."""
        want = (labels or {}).items()
        return sum(v for n, l, v in self.samples if n == name and all(l.get(k) == w for k, w in want))


class Weir:
    def __init__(self, place, program):
        self.place, self.program = place, program
        self.link = place.path("weir")  # as which it is started: an upgrade finds what it names then
        os.symlink(os.path.realpath(program), self.link)
        self.config_path = place.path("weir.json")
        self.state_dir = place.path("state")
        self.sanitizer = which_sanitizer(program)
        self.process = None
        self.starts = 0
        self.listeners = []
        self.descriptors = 0
        self.checked = {}  # error file -> how much of it was looked at

    # --- life ---

    def configure(self, config):
        self.place.write("weir.json", config if isinstance(config, str) else config_text(config))

    def start(self, args=None, env=None, wait=True):
        args = args or ["run", "--config", self.config_path]
        self.process = self.place.start(f"weir-{self.starts}", [self.link, *args], env={**SANITIZERS, **(env or {})})
        self.starts += 1
        if wait:
            until(self._is_ready, "weir is ready", patience=END_PATIENCE)
            self.find_listeners()
            self.descriptors = self.count_descriptors()

    def _is_ready(self):
        if not self.process.is_running():
            raise RuntimeError(f"weir ended at once with {self.process.popen.returncode}: {self.process.stderr()[-2000:]}")
        try:
            return self.admin("GET", "/readyz").status == 200
        except OSError:
            return False

    def upgraded(self):
        """After an upgrade: the process in charge is this one's; returns the one before."""
        before = self.process
        self.process = Adopted(f"heir-{self.starts}", self.status()["pid"], before)
        self.starts += 1
        self.find_listeners()
        return before

    def is_running(self):
        return self.process is not None and self.process.is_running()

    def find_listeners(self):
        self.listeners = [urllib.parse.urlsplit(url) for url in self.status()["listeners"]]

    def address(self, to):
        """to: http, https (the first such listener), listener.N, or an address."""
        if to in ("http", "https"):
            for url in self.listeners:
                if url.scheme == to:
                    return url.netloc
            raise Failure(f"weir has no {to} listener: {[u.geturl() for u in self.listeners]}")
        if to.startswith("listener."):
            url = self.listeners[int(to.split(".")[1])]
            return f"unix:{url.path}" if url.netloc == "unix:" else url.netloc
        return to

    # --- what it says ---

    def admin(self, method, path, body=b"", fields="", timeout=30, path_of_socket=None):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        with sock:
            sock.connect(path_of_socket or os.path.join(self.state_dir, "admin.sock"))
            length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
            wire = Wire(sock, timeout)
            wire.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{fields}\r\n".encode() + body)
            answer = read_answer(wire, method, keep=1 << 24)
        if answer is None:
            raise Failure(f"{method} {path}: the admin socket gave no answer")
        return answer

    def status(self):
        answer = self.admin("GET", "/status")
        expect(answer.status == 200, "GET /status", answer.raw)
        return json.loads(answer.body)

    def metrics(self):
        answer = self.admin("GET", "/metrics")
        expect(answer.status == 200, "GET /metrics", answer.raw)
        return Metrics(answer.body.decode())

    def log(self):
        return "".join(p.stderr() for p in self.place.processes if p.name.startswith("weir-"))

    def access_lines(self, name="access.log"):
        try:
            return whole_lines(self.place.path(name))
        except FileNotFoundError:
            return []

    def access(self, name="access.log"):
        return [json.loads(line) for line in self.access_lines(name)]

    def command(self, args, env=None, timeout=120):
        """Runs another weir, pointed at this one: (status, stdout, stderr)."""
        where = {"WEIR_ADMIN": os.path.join(self.state_dir, "admin.sock"), "STATE_DIRECTORY": self.state_dir}
        done = subprocess.run([self.program, *args], capture_output=True, text=True, timeout=timeout, cwd=self.place.dir,
                              env={**os.environ, **SANITIZERS, **where, **(env or {})})
        self._check_text(f"weir {' '.join(args)}", done.stderr)
        return done

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1))

    def count_descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    # --- the end ---

    def stop(self, patience=END_PATIENCE):
        """SIGTERM; it must end in order."""
        self.process.signal(signal.SIGTERM)
        code = self.process.wait(patience)
        expect(code == 0, "weir ends with status 0 after SIGTERM", f"{code}; {self.process.stderr()[-1500:]}")
        expect(not os.path.exists(os.path.join(self.state_dir, "admin.sock")), "admin.sock is gone after the end")

    def wait_quiet(self):
        """With all clients gone, nothing may be open, running or held."""
        gauges = ["weir_connections_open", "weir_requests_open", "weir_shadow_in_flight", "weir_shadow_memory_bytes"]

        def quiet():
            m = self.metrics()
            open_ones = {g: m.sum(g) for g in gauges if m.sum(g) != 0}
            expect(not open_ones, "no connection, request or copy is left", open_ones)
            return True

        until(quiet, "weir is quiet once its clients are gone", patience=END_PATIENCE)

    def check_descriptors(self):
        def balanced():
            spare = self.count_descriptors() - self.descriptors - self.metrics().sum("weir_backend_connections_open")
            expect(spare <= SPARE_DESCRIPTORS, "no descriptor is left open", f"{spare:g} more than at the start")
            return True

        until(balanced, "weir's descriptors", patience=10)

    def check_output(self):
        """A crash, BUG or a sanitizer's report fails the scenario, whatever else happened."""
        for process in self.place.processes:
            if not process.name.startswith("weir-"):
                continue
            text = process.stderr()
            start = self.checked.get(process.err_path, 0)
            self.checked[process.err_path] = len(text)
            self._check_text(process.name, text[start:])
            code = process.popen.poll()
            expect(code in (None, process.awaited, -signal.SIGKILL), f"{process.name} did not end but as it should",
                   f"status {code}: {text[-1500:]}")

    @staticmethod
    def _check_text(name, text):
        found = TROUBLE.search(text)
        if found:
            raise Failure(f"{name} is in trouble:\n{text[found.start() : found.start() + 6000]}")
