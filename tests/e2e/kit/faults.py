"""One small backend server that does what a scenario tells it, well-behaved or not, and records what reached it.

A behaviour is a table. What it does with connections:

    accept = "serve" (default), "hang" (reads nothing), "reset", "close", "speak" (sends `say` unasked), "full" (from
             the start: the kernel's queue of connections is full, so that connecting hangs)

and with each request on them (`kind`):

    ok       200 with `body` (default "NAME\\n"); also status, headers, framing = length | chunked | close, trailers
    turns    like ok, with what one table of `turns` says more for the first request of this path, the next for the
             second, and so on, from the beginning after the last (`stay` = true: the last one stays)
    echo     200 with a JSON object of what arrived
    sink     200 with a JSON object of the body's length and SHA-256, nothing kept; reads only after `pause` seconds
    pattern  200 with `bytes` of a known pattern, or as many as the query says (?BYTES); framing as above
    drip     200, `bytes` of body, one every `every` seconds
    endless  200 with a chunked body that goes on until the peer closes
    silent   reads the request and never answers
    script   whatever `say` lists: {send = "bytes"}, {gate = "name"} (waits until the scenario opens it),
             {pause = seconds}, {times = N, send = "bytes"}; `when` = "request" (default), "head" or "body" (when the
             first of the body has come); `then` = "keep" (default), "close", "reset", "hang" or "cut" (TLS without close_notify)
    websocket  101 with the right Sec-WebSocket-Accept (`accept` instead; `head` instead of the other fields), then
             `say` like a script, which may also {recv = "bytes"} (exactly these, or the connection is reset), {fin = true},
             {echo = true} and {end = true} (wait for the peer's end); `then` = "hang" (default), "close", "reset"

`paths` gives behaviours by request path, `sequence` by the number of the request on its connection (the last one
stays), `copy` what is other for a request that says that it is a copy (X-Weir-Shadow), `receive` bounds what the kernel takes for a connection that is not read, `max_requests` closes a connection without a word after that many answers. `client_ca` = "{{ca}}": a client's certificate
is required.
"""

import functools
import hashlib
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

from kit.failure import Failure, expect
from kit.wire import CHUNK, Wire, accept_of, parse_fields

_BLOCK = bytes((i * 131 + (i >> 8) * 17 + 7) & 0xFF for i in range(65521))  # a prime length: no period divides a buffer
BODY_KEPT = 1 << 20


def pattern(offset, n):
    """n bytes of the known endless pattern from offset on."""
    at = offset % len(_BLOCK)
    out = _BLOCK[at : at + n]
    while len(out) < n:
        out += _BLOCK[: n - len(out)]
    return out


@functools.cache
def pattern_sha256(n):
    digest = hashlib.sha256()
    for at in range(0, n, len(_BLOCK)):
        digest.update(_BLOCK[: min(len(_BLOCK), n - at)])
    return digest.hexdigest()


@dataclass
class Seen:
    """One request as it arrived."""

    connection: int
    method: str = ""
    target: str = ""
    raw: bytes = b""  # the head
    fields: list = field(default_factory=list)
    body: bytes = b""
    length: int = 0
    sha256: str = ""
    trailers: list = field(default_factory=list)
    whole: bool = False  # the body came to its end
    reset: object = None  # the code of the client's RST_STREAM, over HTTP/2

    def values(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]


@dataclass
class Link:
    """One connection: what came, and how it ended: "", closed, reset."""

    number: int
    received: int = 0
    sent: int = 0
    ended: str = ""
    got: bytes = b""  # instead of what was expected


class Stop(Exception):
    """The connection is over."""


class FaultServer:
    def __init__(self, name, port, behaviour, tls=None):
        self.name = name
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.behaviour = behaviour
        self.tls = None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)
            if "client_ca" in behaviour:
                self.tls.verify_mode = ssl.CERT_REQUIRED
                self.tls.load_verify_locations(behaviour["client_ca"])
        self.lock = threading.Lock()
        self.seen = []
        self.links = []
        self.gates = {}
        self.listener = None
        self.sockets = set()
        self.stopping = False

    # --- life ---

    def start(self):
        if self.listener:
            return
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if "receive" in self.behaviour:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.behaviour["receive"])
        self.listener.bind(("127.0.0.1", self.port))
        if self.behaviour.get("accept") == "full":
            self._fill()
            return
        self.listener.listen(1024)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _fill(self):
        self.listener.listen(0)
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", self.port))
            self.sockets.add(sock)

    def stop(self, how="close"):
        """Nobody listens any more and open connections end: by a FIN, or with how="reset" by a reset."""
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.lock:
            sockets, self.sockets = self.sockets, set()
        for sock in sockets:
            _end(sock, how)

    def gate(self, name):
        with self.lock:
            return self.gates.setdefault(name, threading.Event())

    def forget(self):
        with self.lock:
            self.seen.clear()

    # --- serving ---

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                link = Link(len(self.links))
                self.links.append(link)
                self.sockets.add(sock)
            threading.Thread(target=self._serve, args=(sock, link), daemon=True).start()

    def _serve(self, sock, link):
        how = "close"
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            accept = self.behaviour.get("accept", "serve")
            if accept in ("close", "reset"):
                how = accept
                return
            if accept == "hang":
                _wait_gone(sock)
                return
            if self.tls:
                sock.settimeout(60)
                plain, sock = sock, self.tls.wrap_socket(sock, server_side=True)
                with self.lock:
                    self.sockets.discard(plain)
                    self.sockets.add(sock)
            if accept == "speak":
                sock.sendall(self.behaviour["say"].encode("latin-1"))
            self.converse(sock, link)
        except Stop as stop:
            how = str(stop) or "close"
        except (OSError, ValueError, Failure):
            pass
        finally:
            link.ended = link.ended or how
            with self.lock:
                self.sockets.discard(sock)
            _end(sock, how)

    def converse(self, sock, link):
        Conversation(self, sock, link).run()

    def behaviour_for(self, seen, number):
        b = self.behaviour
        path = seen.target.split("?", 1)[0]
        b = b.get("paths", {}).get(path, b)
        if "sequence" in b:
            b = b["sequence"][min(number, len(b["sequence"]) - 1)]
        if "copy" in b and seen.values("x-weir-shadow"):
            b = {**b, **b["copy"]}
        return b


def _end(sock, how):
    try:
        if how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif isinstance(sock, ssl.SSLSocket) and how != "cut":
            sock.settimeout(0.2)
            sock.unwrap()
        if how != "reset":
            sock.shutdown(socket.SHUT_RDWR)
    except (OSError, ValueError):
        pass
    sock.close()


def _wait_gone(sock):
    """Until the peer ends the connection, reading as little as possible."""
    sock.settimeout(600)
    while True:
        try:
            if sock.recv(1, socket.MSG_PEEK) == b"":
                return
        except OSError:
            return
        time.sleep(0.05)


class Conversation:
    """The requests of one connection, one after the other."""

    def __init__(self, server, sock, link):
        self.server = server
        self.wire = Wire(sock, patience=600)
        self.link = link
        self.number = 0

    def run(self):
        while True:
            seen = self._read_head()
            if seen is None:
                self.link.ended = self.wire.ended or "closed"
                raise Stop("close")
            b = self.server.behaviour_for(seen, self.number)
            kind = b.get("kind", "ok")
            if not hasattr(self, f"do_{kind}"):
                raise RuntimeError(f"there is no behaviour {kind}")
            getattr(self, f"do_{kind}")(b, seen)
            self.number += 1
            if self.number >= self.server.behaviour.get("max_requests", 1 << 60):
                raise Stop("close")

    # --- reading ---

    def _read_head(self):
        raw, whole = self.wire.until(b"\r\n\r\n")
        self.link.received += len(raw)
        if not whole:
            return None
        lines = raw[:-4].decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        seen = Seen(self.link.number, method, target, raw, parse_fields(lines[1:]))
        with self.server.lock:
            self.server.seen.append(seen)
        return seen

    def read_body(self, seen, keep=BODY_KEPT):
        digest, kept = hashlib.sha256(), bytearray()

        def take(data):
            digest.update(data)
            seen.length += len(data)
            self.link.received += len(data)
            kept.extend(data[: max(0, keep - len(kept))])

        if seen.values("expect"):
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            if seen.values("transfer-encoding"):
                seen.whole = self._read_chunks(seen, take)
            else:
                n = int((seen.values("content-length") or ["0"])[0])
                seen.whole = self.wire.exactly(n, take) == n
        finally:
            seen.body, seen.sha256 = bytes(kept), digest.hexdigest()
        if not seen.whole:
            self.link.ended = self.wire.ended
            raise Stop("close")

    def _read_chunks(self, seen, take):
        while True:
            line, whole = self.wire.until(b"\r\n")
            if not whole:
                return False
            size = int(line.split(b";")[0], 16)
            if size and (self.wire.exactly(size, take) < size or self.wire.until(b"\r\n")[0] != b"\r\n"):
                return False
            if size == 0:
                break
        lines = []
        while True:
            line, whole = self.wire.until(b"\r\n")
            if not whole:
                return False
            if line == b"\r\n":
                seen.trailers = parse_fields(lines)
                return True
            lines.append(line[:-2].decode("latin-1"))

    # --- answering ---

    def send(self, data):
        self.wire.sock.settimeout(600)
        try:
            self.wire.sock.sendall(data)
        except OSError:
            self.link.ended = "reset"
            raise
        self.link.sent += len(data)

    def answer(self, b, seen, pieces, length, content_type="text/plain"):
        """A 200 (or b.status) whose body is what `pieces` gives, `length` bytes in all."""
        framing = b.get("framing", "length")
        head = [f"HTTP/1.1 {b.get('status', 200)} {b.get('reason', 'OK')}"]
        if framing != "none" and content_type:
            head.append(f"Content-Type: {b.get('content_type', content_type)}")
        if framing == "length":
            head.append(f"Content-Length: {length}")
        elif framing == "chunked":
            head.append("Transfer-Encoding: chunked")
        elif framing == "close":
            head.append("Connection: close")
        for name, value in b.get("headers", {}).items():
            head += [f"{name}: {v}" for v in (value if isinstance(value, list) else [value])]
        self.send(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
        if seen.method == "HEAD" or framing == "none":
            return
        for piece in pieces:
            self.send(b"%x\r\n%b\r\n" % (len(piece), piece) if framing == "chunked" else piece)
        if framing == "chunked":
            trailers = "".join(f"{n}: {v}\r\n" for n, v in b.get("trailers", {}).items())
            self.send(f"0\r\n{trailers}\r\n".encode("latin-1"))
        elif framing == "close":
            raise Stop("close")

    def do_ok(self, b, seen):
        self.read_body(seen)
        body = b.get("body", f"{self.server.name}\n").encode("latin-1") * b.get("times", 1)
        self.answer(b, seen, [body] if body else [], len(body))

    def do_turns(self, b, seen):
        self.read_body(seen)
        with self.server.lock:
            n = sum(s.target == seen.target for s in self.server.seen) - 1
        turns = b["turns"]
        turn = {**b, **turns[min(n, len(turns) - 1) if b.get("stay") else n % len(turns)]}
        body = turn["body"].encode("latin-1")
        self.answer(turn, seen, [body], len(body))

    def do_echo(self, b, seen):
        self.read_body(seen)
        what = {"server": self.server.name, "method": seen.method, "target": seen.target, "headers": seen.fields,
                "body": seen.body.decode("latin-1"), "length": seen.length, "sha256": seen.sha256,
                "trailers": seen.trailers}
        body = json.dumps(what).encode()
        self.answer(b, seen, [body], len(body), "application/json")

    def do_sink(self, b, seen):
        time.sleep(b.get("pause", 0))
        self.read_body(seen, keep=0)
        body = json.dumps({"length": seen.length, "sha256": seen.sha256}).encode()
        self.answer(b, seen, [body], len(body), "application/json")

    def do_pattern(self, b, seen):
        self.read_body(seen)
        n = b["bytes"] if "bytes" in b else int(seen.target.partition("?")[2])
        pieces = (pattern(at, min(CHUNK, n - at)) for at in range(0, n, CHUNK))
        self.answer(b, seen, pieces, n, "application/octet-stream")

    def do_drip(self, b, seen):
        self.read_body(seen)

        def pieces():
            for at in range(b["bytes"]):
                yield pattern(at, 1)
                time.sleep(b.get("every", 1.0))

        self.answer(b, seen, pieces(), b["bytes"])

    def do_endless(self, b, seen):
        self.read_body(seen)

        def pieces():
            while True:
                yield pattern(0, CHUNK)

        self.answer({"framing": "chunked", **b}, seen, pieces(), 0)

    def do_silent(self, _, seen):
        self.read_body(seen)
        raise_gone(self)

    def do_script(self, b, seen):
        when = b.get("when", "request")
        if when == "request":
            self.read_body(seen)
        elif when == "body":
            self.wire.kept = self.wire.more()
        for line in b["say"]:
            self._say(line)
        then = b.get("then", "keep")
        if then == "hang":
            raise_gone(self)
        if then != "keep":
            raise Stop(then)
        if when != "request":
            self.read_body(seen)

    def do_websocket(self, b, seen):
        self.read_body(seen)
        accept = b.get("accept", accept_of((seen.values("sec-websocket-key") or [""])[0]))
        head = b.get("head", "Upgrade: websocket\r\nConnection: Upgrade\r\n")
        self.send(f"HTTP/1.1 101 Switching Protocols\r\n{head}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        for line in b.get("say", []):
            self._say(line)
        then = b.get("then", "hang")
        if then == "hang":
            raise_gone(self)
        raise Stop(then)

    def _say(self, line):
        if "recv" in line:
            want, got = line["recv"].encode("latin-1"), bytearray()
            self.wire.exactly(len(want), got.extend)
            if bytes(got) != want:
                self.link.got = bytes(got)
                raise Stop("reset")
        if "echo" in line:
            self.wire.to_end(self.send)
        if "end" in line:
            self.wire.to_end()
            self.link.ended = self.wire.ended
        if "fin" in line:
            self.wire.fin()
        if "gate" in line:
            if not self.server.gate(line["gate"]).wait(120):
                raise Stop("close")
        if "pause" in line:
            time.sleep(line["pause"])
        if "send" in line:
            self.send(line["send"].encode("latin-1") * line.get("times", 1))


def raise_gone(conversation):
    """The peer ends it; how, is kept."""
    conversation.wire.to_end()
    conversation.link.ended = conversation.wire.ended
    raise Stop("close")


def check_seen(server, want):
    """Whether what a server saw is as a scenario's table says; see the step `backend-saw`."""
    with server.lock:
        seen = list(server.seen)
    where = f"backend {server.name}"
    if "path" in want:
        seen = [s for s in seen if s.target.split("?", 1)[0] == want["path"]]
    if "requests" in want:
        expect(len(seen) == want["requests"], f"{where} saw {want['requests']} requests",
               [f"{s.method} {s.target}" for s in seen])
    if "at_least" in want:
        expect(len(seen) >= want["at_least"], f"{where} saw at least {want['at_least']} requests", len(seen))
    if "complete" in want:
        whole = [s for s in seen if s.whole]
        expect(len(whole) == want["complete"], f"{where} got {want['complete']} requests completely",
               [s.raw for s in whole])
    return seen
