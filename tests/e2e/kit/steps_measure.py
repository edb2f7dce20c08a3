"""Steps that need many requests: load beside other steps, shares of users, large bodies, ratios of latencies."""

import hashlib
import math
import statistics
import threading
import time

from kit.failure import Failure, expect, shown, until
from kit.faults import pattern, pattern_sha256
from kit.h2peer import H2Peer, head_of
from kit.load import DEFAULTS, Load
from kit.scenario import checked, step
from kit.wire import CHUNK, dial, read_answer, read_head

MIB = 1 << 20

# --- load ---


@step("load-start", name="load", proto="h1", to=None, **DEFAULTS)
def load_start(run, t):
    """Keeps requests going on open connections until load-stop; proto h1, h1s or h2."""
    address = run.weir.address(t["to"] or ("http" if t["proto"] == "h1" else "https"))
    spec = {k: t[k] for k in DEFAULTS}
    run.loads[t["name"]] = Load(address, t["proto"], **spec)


@step("load-until", name="load", more=100, backend=None)
def load_until(run, t):
    """Waits for so many more answers (of one backend)."""
    load = run.loads[t["name"]]

    def count():
        return sum(1 for r in load.done() if not r.error and (t["backend"] is None or r.backend == t["backend"]))

    goal = count() + t["more"]
    until(lambda: count() >= goal or any(r.error for r in load.done()[:1]), f"{t['more']} more answers", patience=60)


@step("load-stop", name="load", failed=0, at_least=1, backends=None, reconnects=None, after=[], but=[], slowest=None)
def load_stop(run, t):
    """Ends the load and judges all of it. `but` are failures that must have come, and do not count ("status 502");
    no request took longer than `slowest` seconds. after = [{mark, backend, before?, at_least?}]: every request that was asked
    after the mark (and answered before another) was answered by that backend."""
    load = run.loads.pop(t["name"])
    load.stop()
    load.check({k: t[k] for k in ("failed", "at_least", "backends", "reconnects", "after", "but", "slowest") if t[k] is not None}, run.marks)


# --- who goes where ---


@step("users", "count", to="http", by="header:X-User-Id", path="/", host="users.test", save=None, same_as=None, share=None,
      only_towards=None, salt="u", backends=["legacy", "new"], websocket=False)
def users(run, t):
    """One request for each of `count` users, told apart `by` header:NAME, cookie:NAME or ip. share = percent of new:
    0 and 100 exactly, else within 5 standard deviations. same_as: everybody goes where they went then.
    only_towards = {than = saved, to = backend}: who moved since, moved to that backend, and somebody did.
    websocket: each opens one instead."""
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    went = {}
    kind, _, name = t["by"].partition(":")
    wire = None
    for n in range(t["count"]):
        user = f"{t['salt']}{n}"
        field, source = "", None
        if kind == "ip":
            user = source = f"127.0.{1 + n // 250}.{1 + n % 250}"
        elif kind == "cookie":
            field = f"Cookie: a=b; {name}={user}; c=d\r\n"
        else:
            field = f"{name}: {user}\r\n"
        if t["websocket"]:
            field += upgrade
        if wire is None or kind == "ip" or t["websocket"]:
            wire = dial(run.weir.address(t["to"]), source=source)
        wire.send(f"GET {t['path']} HTTP/1.1\r\nHost: {t['host']}\r\n{field}\r\n".encode())
        answer = read_head(wire) if t["websocket"] else read_answer(wire)
        expect(answer and answer.status == (101 if t["websocket"] else 200), f"user {user} is answered", answer and answer.raw)
        went[user] = answer.value("x-backend")
        if kind == "ip" or t["websocket"]:
            wire.close()
    wire.close()
    _judge(run, t, went)


def _judge(run, t, went):
    new = sum(1 for b in went.values() if b == t["backends"][1])
    expect(set(went.values()) <= set(t["backends"]), f"answered by {t['backends']}", set(went.values()))
    if t["share"] is not None:
        p = t["share"] / 100
        slack = 0 if p in (0, 1) else 5 * math.sqrt(len(went) * p * (1 - p))
        expect(abs(new - p * len(went)) <= slack, f"{t['share']} % of {len(went)} users go to new (± {slack:.0f})", new)
    if t["same_as"]:
        moved = {u for u, b in run.saved[t["same_as"]].items() if went[u] != b}
        expect(not moved, f"nobody moved since {t['same_as']}", sorted(moved)[:10])
    if t["only_towards"]:
        old, to = run.saved[t["only_towards"]["than"]], t["only_towards"]["to"]
        moved = {u for u, b in old.items() if went[u] != b}
        wrong = {u for u in moved if went[u] != to}
        expect(moved and not wrong, f"who moved, moved to {to}", (len(moved), sorted(wrong)[:10]))
    if t["save"]:
        run.saved[t["save"]] = went


# --- large bodies ---


class Watch(threading.Thread):
    """The highest resident size of weir while something goes on."""

    def __init__(self, weir):
        super().__init__(daemon=True)
        self.weir, self.stopping, self.highest = weir, threading.Event(), weir.rss_kib()
        self.before = self.highest
        self.start()

    def run(self):
        while not self.stopping.wait(0.02):
            try:
                self.highest = max(self.highest, self.weir.rss_kib())
            except (OSError, AttributeError):
                return

    def judge(self, growth_mib):
        self.stopping.set()
        self.join()
        # A sanitizer keeps freed memory and shadows of it: there only the order of magnitude can be told.
        limit = growth_mib if not self.weir.sanitizer else growth_mib + 48
        grown = (self.highest - self.before) / 1024
        expect(grown <= limit, f"weir's memory grows by less than {limit} MiB", f"{grown:.1f} MiB")


@step("transfer", "way", mib=64, proto="h1", path="/", framing="length", growth_mib=8, stall=None)
def transfer(run, t):
    """A body of `mib` MiB (a quarter of more than 256 when a sanitizer slows weir down), way = "up" (to a backend that digests it) or
    "down" (from one that sends the known pattern), over h1, h1s or h2; it must arrive byte for byte while weir's memory
    stays as it was. stall = a backend: the reader (down) stops after 1 MiB until that backend cannot send more."""
    watch = Watch(run.weir)
    if run.weir.sanitizer and t["mib"] > 256:
        t["mib"] //= 4
    n = t["mib"] * MIB
    if t["stall"]:
        t["sent_before"] = _sent(run, t)
    address = run.weir.address("http" if t["proto"] == "h1" else "https")
    if t["way"] == "up":
        answer = (_h2_up if t["proto"] == "h2" else _h1_up)(address, t, n)
        expect(answer.status == 200, "the upload is answered", answer.raw)
        expect(pattern_sha256(n).encode() in answer.body, "the body arrived byte for byte", answer.body)
    else:
        digest = hashlib.sha256()
        (_h2_down if t["proto"] == "h2" else _h1_down)(run, address, t, n, digest)
        expect(digest.hexdigest() == pattern_sha256(n), "the body came byte for byte")
    watch.judge(t["growth_mib"])


def _dial(address, proto):
    return dial(address, {"alpn": ["http/1.1"]} if proto == "h1s" else None)


def _pieces(n):
    return ((at, min(CHUNK, n - at)) for at in range(0, n, CHUNK))


def _h1_up(address, t, n):
    wire = _dial(address, t["proto"])
    chunked = t["framing"] == "chunked"
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {n}"
    wire.send(f"POST {t['path']} HTTP/1.1\r\nHost: big.test\r\n{framing}\r\n\r\n".encode())
    for at, size in _pieces(n):
        data = pattern(at, size)
        expect(wire.send(b"%x\r\n%b\r\n" % (size, data) if chunked else data), f"byte {at} can be sent")
    if chunked:
        wire.send(b"0\r\n\r\n")
    answer = read_answer(wire)
    wire.close()
    return answer


def _h2_up(address, t, n):
    peer = H2Peer(address)
    length = [] if t["framing"] == "chunked" else [("content-length", str(n))]
    stream = peer.request(head_of("POST", t["path"], "big.test", length), end=False)
    for at, size in _pieces(n):
        expect(peer.data(stream, pattern(at, size), end=at + size == n), f"byte {at} can be sent")
    answer = peer.wait_answer(stream, 120)
    peer.close()
    return answer


def _wait_stalled(run, t):
    """Until the backend has not been able to send anything for a second."""
    last = [-1, time.monotonic()]

    def stalled():
        sent = _sent(run, t)
        if sent != last[0]:
            last[:] = [sent, time.monotonic()]
        return time.monotonic() - last[1] > 1.0

    until(stalled, "the backend is held back", patience=60)
    sent = _sent(run, t) - t["sent_before"]
    # The socket buffers of the kernel, which may hold 40 MiB here, are not weir's.
    expect(sent < t["mib"] * MIB * 3 / 4, "the backend is held back long before the end", sent)


def _sent(run, t):
    return sum(link.sent for link in run.servers[t["stall"]].links)


def _h1_down(run, address, t, n, digest):
    wire = _dial(address, t["proto"])
    got = [0]

    def take(data):
        digest.update(data)
        before, got[0] = got[0], got[0] + len(data)
        if t["stall"] and before < MIB <= got[0]:
            _wait_stalled(run, t)

    wire.send(f"GET {t['path']}?{n} HTTP/1.1\r\nHost: big.test\r\n\r\n".encode())
    answer = read_answer(wire, sink=take, keep=0)
    expect(answer and answer.status == 200 and not answer.cut, "a complete 200", answer)
    expect(got[0] == n, f"{n} bytes", got[0])
    wire.close()


def _h2_down(run, address, t, n, digest):
    peer = H2Peer(address)
    stream = peer.request(head_of("GET", f"{t['path']}?{n}", "big.test", []))
    total, stalled = 0, False
    while not (stream.ended or stream.reset is not None):
        expect(peer.pump(60), "the body goes on", (total, peer.closed))
        digest.update(stream.body)
        total += len(stream.body)
        stream.body.clear()
        if t["stall"] and not stalled and total >= MIB:
            stalled = True
            _wait_stalled(run, t)
    expect(stream.ended and total == n, f"{n} bytes and the end", (total, stream.reset))
    peer.close()


@step("memory", "steps", growth_mib=16)
def memory(run, t):
    """What the inner steps do makes weir's memory grow by less than growth_mib."""
    watch = Watch(run.weir)
    for inner in t["steps"]:
        run.do(checked(inner))
    watch.judge(t["growth_mib"])


# --- nothing may change ---


@step("same-bytes", "paths", "send", times=3, to="http", mask=[])
def same_bytes(run, t):
    """The same request to each path ({path} in `send`) gives the same bytes, `times` times, on one connection each;
    compared is all that comes until one second of silence or the end."""
    answers = {}
    for path in t["paths"]:
        wire = dial(run.weir.address(t["to"]))
        for _ in range(t["times"]):
            wire.send(t["send"].replace("{path}", path).encode("latin-1"))
            answer = read_answer(wire)
            expect(answer and not answer.cut, f"{path} is answered completely", answer)
            raw = answer.raw.replace(path.encode(), b"{path}")
            answers.setdefault(path, []).append((raw, answer.body, answer.trailers))
        wire.close()
    first = answers[t["paths"][0]]
    for path in t["paths"][1:]:
        for a, b in zip(first, answers[path]):
            if a != b:
                raise Failure(f"{path} answers in other bytes than {t['paths'][0]}\n      {shown(a)}\n      {shown(b)}")


@step("latency", "paths", count=150, factor=5.0, slack_ms=20.0, to="http")
def latency(run, t):
    """Requests to both paths in turn, on a connection each: the median of the second is at most `factor` times that
    of the first and `slack_ms`, and so is the 90th percentile. A hundredfold would not show on a slow machine
    otherwise; what this is to find is a client that waits for a timeout."""
    times = {path: [] for path in t["paths"]}
    wires = {path: dial(run.weir.address(t["to"])) for path in t["paths"]}
    for _ in range(t["count"]):
        for path, wire in wires.items():
            began = time.monotonic()
            wire.send(f"GET {path} HTTP/1.1\r\nHost: latency.test\r\n\r\n".encode())
            answer = read_answer(wire)
            expect(answer and answer.status == 200 and not answer.cut, f"{path} is answered", answer)
            times[path].append(1000 * (time.monotonic() - began))
    for wire in wires.values():
        wire.close()
    plain, other = (times[p] for p in t["paths"])
    for what, of in (("median", statistics.median), ("90th percentile", lambda v: statistics.quantiles(v, n=10)[-1])):
        limit = of(plain) * t["factor"] + t["slack_ms"]
        expect(of(other) <= limit, f"{what} of {t['paths'][1]} is at most {limit:.1f} ms", f"{of(other):.1f} ms")
