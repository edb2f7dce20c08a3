"""Scenario files and their steps. A scenario is a TOML file:

    about = "one sentence"
    threads = true    it is also run under ThreadSanitizer
    [backends.NAME]   server = "nginx" (kit/servers.py), "h2" (kit/h2server.py), "grpc" (kit/grpcpeer.py),
                      "websockets" or "libwebsockets" (kit/websocket.py), or else a
                      behaviour of kit/faults.py; tls = a kind of
                      certificate (kit/certs.py); down = true: a step starts it
    network = true    a network of its own (kit/network.py): servers of the scenario listen on its bridge
    dns = true        a name server of its own (kit/dns.py)
    [redis]           a redis-server of its own; password = ...; sentinels = N, replicas = N: a master, replicas, sentinels,
                      which have a sentinel_password or none
    [weir]            merged over a small default configuration (kit/proxy.py); `weir_starts = false`: a step starts it
    [[step]]          do = a word of the vocabulary, and what it takes

Steps are functions registered with @step; a key a step does not know is an error, so that no expectation can be
misspelt away. In every text {{...}} is replaced: a backend's address {{legacy}}, its {{legacy.port}}, {{http}},
{{https}}, {{listener.1}}, {{dir}}, {{state}}, {{weir}}, {{redis}}, {{sentinels}}, {{dns}}, {{ca}}, {{cert.KIND}}, {{key.KIND}}, {{i}} in a repeat,
and what steps saved.
"""

import os
import re
import time
import tomllib

from kit import network, proxy
from kit.certs import Certs
from kit.dns import NameServer
from kit.failure import Failure
from kit.faults import FaultServer
from kit.grpcpeer import GrpcServer
from kit.h2server import H2Server
from kit.place import Place, free_port
from kit.servers import Nginx, Redis, RedisSet
from kit.websocket import EchoServer, LibwebsocketsServer

STEPS = {}
TOP_KEYS = {"about", "threads", "backends", "redis", "weir", "weir_starts", "step", "env", "dns", "network"}
TAIL = 40  # lines of each log shown for a failure


def step(word, /, *required, **optional):
    """Registers a step. required: keys it must have; optional: key = default."""

    def register(function):
        STEPS[word] = (function, required, optional)
        return function

    return register


def checked(table):
    """A step's table with defaults filled in."""
    if table.get("do") not in STEPS:
        raise Failure(f"there is no step {table.get('do')!r}; there are {', '.join(sorted(STEPS))}")
    _, required, optional = STEPS[table["do"]]
    given = set(table) - {"do", "about"}
    unknown = given - set(required) - set(optional)
    missing = set(required) - given
    if unknown or missing:
        raise Failure(f"step {table['do']}: unknown {sorted(unknown)}, missing {sorted(missing)}")
    return {**optional, **table}


class Scenario:
    def __init__(self, path):
        self.name = os.path.basename(path).removesuffix(".toml")
        with open(path, "rb") as f:
            self.file = tomllib.load(f)
        unknown = set(self.file) - TOP_KEYS
        if unknown or "about" not in self.file or not self.file.get("step"):
            raise Failure(f"{path}: unknown {sorted(unknown)}; `about` and [[step]] are needed")
        self.steps = [checked(s) for s in self.file["step"]]

    def cannot_happen(self):
        """Why not on this machine, or None."""
        if self.file.get("network") and not network.possible():
            return "no network namespace can be made: it takes root and iproute2"
        return None


class Run:
    """One scenario while it happens: everything steps work on."""

    def __init__(self, scenario, program):
        self.scenario = scenario
        self.network = network.Network() if scenario.file.get("network") else None
        self.place = Place(scenario.name, **({"host": self.network.host} if self.network else {}))
        self.weir = proxy.Weir(self.place, program)
        self.certs = None
        self.servers = {}
        self.redis = None
        self.dns = None
        self.config = {}
        self.saved = {}
        self.marks = {}
        self.wires = {}
        self.peers = {}
        self.loads = {}
        self.at = "set-up"

    # --- life ---

    def happen(self):
        self._set_up()
        for number, table in enumerate(self.scenario.steps, 1):
            self.at = f"step {number}: {table['do']}" + (f" ({table['about']})" if "about" in table else "")
            self.do(table)
            self.weir.check_output()
        self.at = "the end"
        self._end()

    def do(self, table):
        STEPS[table["do"]][0](self, self.fill(table))

    def _set_up(self):
        file = self.scenario.file
        for name, spec in file.get("backends", {}).items():
            self.servers[name] = server = self._server(name, spec)
            if not spec.get("down"):
                server.start()
        if file.get("dns"):
            self.dns = NameServer()
        if "redis" in file:
            self.redis = (RedisSet if "sentinels" in file["redis"] else Redis)(self.place, file["redis"])
            if not file["redis"].get("down"):
                self.redis.start()
        self.config = proxy.merge(proxy.default_config(self.place, self.servers), self.fill(file.get("weir", {})))
        self.weir.configure(self.config)
        if file.get("weir_starts", True):
            self.weir.start(env=self.fill(file.get("env", {})))

    def _server(self, name, spec):
        tls = self.cert(spec["tls"]) if "tls" in spec else None
        placed = {"nginx": Nginx, "websockets": EchoServer, "libwebsockets": LibwebsocketsServer}
        if spec.get("server") in placed:
            return placed[spec["server"]](self.place, name, self.fill(spec), tls)
        if "client_ca" in spec:
            spec = {**spec, "client_ca": self.fill(spec["client_ca"])}
        kinds = {"h2": H2Server, "grpc": GrpcServer, None: FaultServer}
        return kinds[spec.get("server")](name, free_port(), spec, tls)

    def close_clients(self):
        for load in self.loads.values():
            load.stop()
        for client in [*self.wires.values(), *self.peers.values()]:
            client.close()
        self.wires, self.peers, self.loads = {}, {}, {}

    def _end(self):
        self.close_clients()
        if self.weir.is_running():
            self.weir.wait_quiet()
            self.weir.check_descriptors()
            self.weir.stop()
        self.weir.check_output()

    def clean_up(self, keep):
        for load in self.loads.values():
            load.stopping.set()
        for server in self.servers.values():
            server.stop()
        if self.dns:
            self.dns.close()
        self.place.end_all()
        if self.network:
            self.network.end()
        if not keep:
            self.place.remove()

    # --- names in texts ---

    def cert(self, kind):
        self.certs = self.certs or Certs(self.place)
        return self.certs.pair(kind)

    def value_of(self, name):
        head, _, rest = name.partition(".")
        if name in self.saved:
            return self.saved[name]
        if head in self.servers:
            return str(self.servers[head].port) if rest == "port" else self.servers[head].address
        if head in ("cert", "key"):
            return self.cert(rest)[head == "key"]
        if name == "ca":
            self.certs = self.certs or Certs(self.place)
            return self.certs.ca()
        if name == "redis":
            return f"{self.place.host}:{self.redis.port}"
        if name == "weir":
            return self.weir.program
        if name == "sentinels":
            return self.redis.addresses
        if name == "dns":
            return self.dns.address
        if name in ("dir", "state"):
            return {"dir": self.place.dir, "state": self.weir.state_dir}[name]
        if name in ("http", "https") or head == "listener":
            return self.weir.address(name)
        if head == "free_port":
            return str(self.saved.setdefault(name, free_port()))
        raise Failure(f"there is nothing called {{{{{name}}}}}")

    def fill(self, value):
        """The same value with every {{name}} replaced. Nested steps are filled when their turn comes."""
        if isinstance(value, str):
            return re.sub(r"\{\{([a-z_][\w.-]*)\}\}", lambda m: str(self.value_of(m.group(1))), value)
        if isinstance(value, list):
            return [self.fill(v) for v in value]
        if isinstance(value, dict):
            return {self.fill(k): v if k == "steps" else self.fill(v) for k, v in value.items()}
        return value

    # --- for the reader of a failure ---

    def tails(self):
        out = []
        for process in self.place.processes:
            if process.name.startswith("weir-"):
                lines = process.stderr().splitlines()[-TAIL:]
                out.append(f"--- {process.name}: standard error ---")
                out += lines
        out.append("--- access log ---")
        out += self.weir.access_lines()[-12:]
        return "\n".join(line[:500] for line in out)


def run_scenario(path, program, keep):
    """(passed, seconds, text for the reader); passed is None where it cannot happen."""
    began = time.monotonic()
    try:
        scenario = Scenario(path)
    except (Failure, tomllib.TOMLDecodeError) as failure:
        return False, 0, f"{path}: {failure}"
    reason = scenario.cannot_happen()
    if reason:
        return None, 0, f"  {reason}"
    run = Run(scenario, program)
    try:
        run.happen()
        keep = False
        return True, time.monotonic() - began, ""
    except KeyboardInterrupt:
        keep = False
        raise
    except Exception as failure:
        text = f"  {scenario.file['about']}\n  at {run.at}\n    {_story(failure)}\n{_more(run)}{run.tails()}"
        if keep:
            text += f"\nkept: {run.place.dir}"
        return False, time.monotonic() - began, text
    finally:
        run.clean_up(keep)


def _story(failure):
    if isinstance(failure, Failure):
        return str(failure)
    import traceback

    return "".join(traceback.format_exception(failure))


def _more(run):
    """A report of the sanitizer tells more than the step that noticed that weir was gone."""
    try:
        run.weir.check_output()
        return ""
    except Failure as trouble:
        return f"    also: {trouble}\n"
