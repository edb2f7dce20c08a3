"""The rows of the table: what the clients do, which flavours of each proxy take part, and what weir is to reach."""

from __future__ import annotations

from dataclasses import dataclass

from peers.peer import Flavour, route_prefix


@dataclass(frozen=True)
class Load:
    """What the load generator does."""

    tool: str = "wrk"  # wrk, h2load, turns (turns.c), opener (open_tls.py), or echo (echo.py: `length` is that of a message)
    tls: bool = False
    h2: bool = False
    connections: int = 64
    streams: int = 1  # at a time on each connection
    path: str = "/"
    length: int = 200  # of every answer's body
    post: int = 0  # bytes of the request's body; 0: GET
    close: bool = False  # a connection for each request
    # Only turns has these:
    at_once: int = 64  # requests under way on all connections together
    rate: int = 0  # requests a second, made when they are due; 0: as fast as answers come
    variety: int = 1  # different requests: {n} in `path` and `fields` counts up to it, {prefix} is that of the nth route
    fields: str = ""  # more lines of the head

    @property
    def first_path(self) -> str:
        return self.path.format(n=0, prefix=route_prefix(0))

    def requests(self) -> str:
        head = f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n{self.fields}\r\n"
        return "".join(head.format(n=n, prefix=route_prefix(n)) for n in range(self.variety))


PLAIN = Flavour()
NO_SHADOW = Flavour(name="no shadow", new_percent=0)
SHADOW = Flavour(name="shadow", new_percent=0, mirror=True)
NO_LOG = Flavour(name="no log")
LOG = Flavour(name="access log", access_log=True)
STEADY = Flavour(name="steady", routes=10000)
RELOADS = Flavour(name="reloads", routes=10000, reloads=True)
REDIS = Flavour(redis=True)
H2_BACKENDS = Flavour(h2_backends=True)
ECHO = Flavour(new_percent=0, echo=True)
CALM = Flavour(name="calm", new_percent=0, mirror=True, redis=True, routes=10000)
STRESS = Flavour(name="stress", new_percent=0, mirror=True, redis=True, routes=10000, stress=True)

CONNECTIONS = (10, 100, 1000, 9900)  # with more, a proxy's two descriptors for each would be beyond the usual 20,000
ROUTES = (10, 100, 1000, 10000)
USERS = 10000
USER = "X-User: u{n}\r\nCookie: theme=dark; user=u{n}\r\nX-Forwarded-For: 10.1.2.3, 2001:db8::{n}\r\n"
# What weir does and has an option for; everything else is at its default.
FEATURES = (
    Flavour(name="defaults, split at random"),
    Flavour(name="sticky by header", route={"sticky": ["header:X-User"]}),
    Flavour(name="sticky by cookie", route={"sticky": ["cookie:user"]}),
    Flavour(name="sticky by address, of a trusted proxy", route={"sticky": ["ip"]},
            options={"trusted_proxies": ["127.0.0.1"]}),
    Flavour(name="sticky by a cookie of weir's, new to each", route={"sticky": ["minted"]},
            options={"sticky_cookie": {"secret": "0123456789abcdef", "secure": False}}),
    Flavour(name="10,000 users listed",
            route={"sticky": ["header:X-User"], "always_legacy": [f"v{n}" for n in range(USERS)]}),
    Flavour(name="override allowed", options={"override": {"token": "0123456789abcdef"}}),
    Flavour(name="conditions: regex and field",
            route={"match": {"prefix": "/", "regex": "^/[a-z]+$", "headers": [{"name": "accept"}]}}),
    Flavour(name="four edits of fields", route={"headers": [
        {"on": "request", "name": "X-Tenant", "value": "a"}, {"on": "request", "action": "remove", "name": "X-Debug"},
        {"on": "answer", "name": "Cache-Control", "value": "no-store"},
        {"on": "answer", "action": "add", "name": "X-A", "value": "b"}]}),
    Flavour(name="path rewritten", route={"rewrites": [{"regex": "^/s", "to": "/s"}]}),
    Flavour(name="deprecation told", route={"deprecation": {"at": "2026-01-01", "sunset": "2027-01-01"}}),
    Flavour(name="new falls back to legacy", route={"on_new_error": "legacy"}),
    Flavour(name="controlled by Redis", redis=True),
    Flavour(name="access log, JSON", access_log=True),
    Flavour(name="access log, combined", access_log=True, options={"log": {"access_format": "combined"}}),
    Flavour(name="shadow, bare: no probes, re-checks, self-tests", new_percent=0, mirror=True, route={"shadow": {"probe": 0}},
            options={"shadow": {"rechecks": 0, "self_test": 0, "store": "none", "publish_max": 0}}),
    Flavour(name="shadow, defaults", new_percent=0, mirror=True),
)


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    load: Load = Load()
    # One flavour: proxies are compared with the reference. More: each proxy's others with its own first.
    flavours: tuple[Flavour, ...] = (PLAIN,)
    loads: tuple[Load, ...] = ()  # one for each flavour, where they are not the same
    reach: str = ""  # as design says it, for the reader
    main: bool = False  # every proxy takes part that can, and system calls are counted
    floor: bool = False  # a relay that looks at nothing takes part
    idle: int = 0  # connections to hold open: a row of memory, without load
    flips: int = 0  # a row of how long a flip takes
    fleet: int = 1  # of so many instances on one core
    latency: bool = False  # a row of how long clients and loops wait
    target: str = "new"  # what copies are sent to: new, or the backends' slow or dead
    growth: int = 0  # MiB by which a proxy's memory may grow under the load; 0: not looked at
    times: int = 1  # as long a load
    unit: str = "µs of CPU per request"

    @property
    def pairs(self) -> bool:
        return len(self.flavours) > 1

    def load_of(self, flavour: Flavour) -> Load:
        return self.loads[self.flavours.index(flavour)] if self.loads else self.load


BIG = 1 << 20
SHADOW_MIB = 112  # shadow.memory is 64 by default, and the allocator keeps some of what it had
ROWS = (
    Row("h1-plain", "HTTP/1 plain, 64 keep-alive", reach="≤ 0.80", main=True, floor=True),
    Row("h1-tls", "HTTP/1 TLS, 64 keep-alive", Load(tls=True), reach="≤ 0.80", main=True),
    Row("h2-tls", "HTTP/2 TLS, 32 × 16 streams", Load("h2load", tls=True, h2=True, connections=32, streams=16),
        reach="≤ 0.65", main=True),
    Row("h2-16k", "HTTP/2 TLS, 16 KiB answers",
        Load("h2load", tls=True, h2=True, connections=32, streams=4, path="/16k", length=16384)),
    Row("new-plain", "new plain connection per request", Load(close=True), reach="≤ 0.90"),
    Row("new-tls", "new TLS connection per request, full handshake", Load("opener", tls=True, connections=4, close=True),
        reach="≤ 0.97"),
    Row("post-4k", "POST 4 KiB", Load(post=4096), reach="≤ 0.75", floor=True),
    Row("body-plain", "1 MiB answers, plain", Load("h2load", connections=16, path="/big", length=BIG), reach="≤ 0.80"),
    Row("body-tls", "1 MiB answers, TLS", Load("h2load", tls=True, connections=16, path="/big", length=BIG),
        reach="≤ 0.72"),
    Row("h2-backends", "HTTP/1 plain, 64 keep-alive, HTTP/2 to the backends", flavours=(H2_BACKENDS,)),
    Row("h2-h2", "HTTP/2 TLS, 32 × 16 streams, HTTP/2 to the backends",
        Load("h2load", tls=True, h2=True, connections=32, streams=16), flavours=(H2_BACKENDS,)),
    Row("websocket", "WebSocket echo of 100 bytes, 64 tunnels", Load("echo", length=100), flavours=(ECHO,),
        unit="µs of CPU per message"),
    Row("access-log", "access log on and off", flavours=(NO_LOG, LOG), reach="≤ +0.3 µs"),
    Row("shadow-fast", "every GET mirrored, target answers", Load(path="/same"), flavours=(NO_SHADOW, SHADOW),
        reach="workers ≤ 1.5 ×", growth=SHADOW_MIB),
    Row("shadow-slow", "every GET mirrored, target takes 200 ms", Load(path="/same"), flavours=(NO_SHADOW, SHADOW),
        target="slow", reach="p99 within 5 %", growth=SHADOW_MIB),
    Row("shadow-dead", "every GET mirrored, target never answers", Load(path="/same"), flavours=(NO_SHADOW, SHADOW),
        target="dead", reach="p99 within 5 %", growth=SHADOW_MIB),
    Row("reload", "10,000 routes, reloads one after another", flavours=(STEADY, RELOADS), reach="0 failed",
        times=3),  # it must outlast the reloads of the window
    Row("stress", "reloads, flips, certificates, reports, loss of Redis", Load("turns", path="/same", rate=1000),
        flavours=(CALM, STRESS), reach="no step > 1 ms", latency=True, times=5),
    Row("scale-connections", "kept-alive connections, ten of them ask at a time",
        flavours=tuple(Flavour(name=f"{n:,}") for n in CONNECTIONS),
        loads=tuple(Load("turns", connections=n, at_once=10) for n in CONNECTIONS), reach="within 15 %", floor=True),
    Row("scale-routes", "routes, all of them asked",
        flavours=tuple(Flavour(name=f"{n:,}", routes=n, all_split=True) for n in ROUTES),
        loads=tuple(Load("turns", path="{prefix}", variety=n) for n in ROUTES)),
    Row("scale-workers", "workers", flavours=(Flavour(name="1 worker"), Flavour(name="2 workers", workers=2)),
        reach="within 15 %"),
    Row("features", "features", Load("turns", path="/same", variety=USERS, fields=USER), flavours=FEATURES),
    Row("flip", "Redis write to the last request on the old side", Load(connections=8), flavours=(REDIS,), flips=200,
        reach="p99 < 5 ms", unit="µs, p99"),
    Row("flip-fleet", "the same for 8 instances on that core", Load(connections=16), flavours=(REDIS,), flips=200, fleet=8,
        unit="µs, p99"),
    Row("idle-plain", "memory of an idle plain connection, of 9,900", idle=9700, reach="≤ 0.5 KiB", unit="bytes per connection"),
    Row("idle-tls", "memory of an idle TLS connection, of 9,900", Load(tls=True), idle=9700, reach="≤ 12 KiB",
        unit="bytes per connection"),
)


def named(names: list[str]) -> list[Row]:
    """The rows with these names, all of them when there is no name."""
    known = {row.name: row for row in ROWS}
    for name in names:
        if name not in known:
            raise ValueError(f"there is no row {name!r}; the rows are {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] if names else list(ROWS)
