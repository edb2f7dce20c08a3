"""The rows of the table: what the clients do, which flavours of each proxy take part, and what weir is to reach."""

from __future__ import annotations

from dataclasses import dataclass

from peers.peer import Flavour


@dataclass(frozen=True)
class Load:
    """What the load generator does."""

    tool: str = "wrk"  # wrk, h2load, opener (open_tls.py), or echo (echo.py: `length` is that of a message)
    tls: bool = False
    h2: bool = False
    connections: int = 64
    streams: int = 1  # at a time on each connection
    path: str = "/"
    length: int = 200  # of every answer's body
    post: int = 0  # bytes of the request's body; 0: GET
    close: bool = False  # a connection for each request


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


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    load: Load = Load()
    # One flavour: proxies are compared with the reference. Two: each proxy's second with its own first.
    flavours: tuple[Flavour, ...] = (PLAIN,)
    reach: str = ""  # as design says it, for the reader
    main: bool = False  # every proxy takes part that can, and system calls are counted
    idle: int = 0  # connections to hold open: a row of memory, without load
    flips: int = 0  # a row of how long a flip takes
    fleet: int = 1  # of so many instances on one core
    dead_shadow: bool = False
    unit: str = "µs of CPU per request"

    @property
    def pairs(self) -> bool:
        return len(self.flavours) > 1


BIG = 1 << 20
ROWS = (
    Row("h1-plain", "HTTP/1 plain, 64 keep-alive", reach="≤ 0.80", main=True),
    Row("h1-tls", "HTTP/1 TLS, 64 keep-alive", Load(tls=True), reach="≤ 0.80", main=True),
    Row("h2-tls", "HTTP/2 TLS, 32 × 16 streams", Load("h2load", tls=True, h2=True, connections=32, streams=16),
        reach="≤ 0.65", main=True),
    Row("h2-16k", "HTTP/2 TLS, 16 KiB answers",
        Load("h2load", tls=True, h2=True, connections=32, streams=4, path="/16k", length=16384)),
    Row("new-plain", "new plain connection per request", Load(close=True), reach="≤ 0.90"),
    Row("new-tls", "new TLS connection per request, full handshake", Load("opener", tls=True, connections=4, close=True),
        reach="≤ 0.97"),
    Row("post-4k", "POST 4 KiB", Load(post=4096), reach="≤ 0.75"),
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
        reach="workers ≤ 1.5 ×"),
    Row("shadow-dead", "every GET mirrored, target never answers", Load(path="/same"), flavours=(NO_SHADOW, SHADOW),
        dead_shadow=True, reach="p99 within 5 %"),
    Row("reload", "10,000 routes, reloads one after another", flavours=(STEADY, RELOADS), reach="0 failed"),
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
