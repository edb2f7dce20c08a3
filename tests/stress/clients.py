"""Clients that follow the rules for a while and then do not. Each request is kept with what became of it."""

import asyncio
import contextvars
import random
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field

import hpack

import backends
import wire

KINDS = ["ok"] * 10 + ["slow", "behind", "okclose", "early", "cut", "cut", "reset", "close", "garbage"]
PATIENCE = 180.0  # nothing takes longer, whatever the fault: weir's own timeouts come several times before
MINE = contextvars.ContextVar("the requests of the session that runs")


@dataclass
class Request:
    id: str
    where: str  # h1 or h2: how the servers are spoken to
    kind: str
    size: int
    method: str
    upload: bytes = field(repr=False)
    fault: str = ""
    status: int = 0
    complete: bool = False
    wrong: bytes = b""  # complete, with other bytes: the beginning of them
    tunnel: bool = False
    session: str = ""
    seconds: float = 0  # its session lasted
    end: str = ""  # what ended it
    before: str = ""  # the request before this one on a connection of HTTP/1

    @property
    def target(self):
        return f"/{self.where}/{self.kind}/{self.size}?{self.id}"


class Clients:
    def __init__(self, plain, secure, total, seed):
        self.random = random.Random(seed)
        self.plain, self.secure, self.left = plain, secure, total
        self.requests = []
        self.hung = Counter()
        self.tls = {}
        for alpn in ("h2", "http/1.1"):
            self.tls[alpn] = ssl.create_default_context()
            self.tls[alpn].check_hostname, self.tls[alpn].verify_mode = False, ssl.CERT_NONE
            self.tls[alpn].set_alpn_protocols([alpn])

    async def run(self, width):
        await asyncio.gather(*(self.go_on() for _ in range(width)))

    async def go_on(self):
        while self.left > 0:
            session = self.random.choices([self.h1, self.h1s, self.h2, self.ws, self.ws_h2], [10, 3, 10, 2, 1])[0]
            mine = []
            MINE.set(mine)
            began = time.monotonic()
            try:
                await asyncio.wait_for(session(), PATIENCE)
            except asyncio.TimeoutError:
                self.hung[session.__name__] += 1
            except (OSError, EOFError, ValueError, ssl.SSLError, hpack.HPACKError) as error:
                self.tell_end(mine, error)
            for q in mine:
                q.session = session.__name__
                q.seconds = time.monotonic() - began

    def tell_end(self, mine, error):
        for q, before in zip(mine, [None] + mine):
            q.end = repr(error)
            q.before = before.id if before else ""

    def request(self, kind=None):
        r = self.random
        kind = kind or ("silent" if r.random() < 0.003 else r.choice(KINDS))
        method = r.choice(["GET", "GET", "POST"])
        size = r.choice([0, 1, 200, 5000, 60000, 200000]) if kind != "cut" else r.choice([200, 5000, 60000])
        upload = wire.BODY[: r.choice([0, 10, 4096, 40000])] if method == "POST" else b""
        made = Request(f"{r.getrandbits(64):016x}", r.choice(["h1", "h2"]), kind, size, method, upload)
        self.requests.append(made)
        MINE.get().append(made)
        self.left -= 1
        return made

    async def open(self, alpn=None):
        host, _, port = (self.secure if alpn else self.plain).rpartition(":")
        return await asyncio.open_connection(host, int(port), ssl=self.tls[alpn] if alpn else None, limit=1 << 20)

    # --- HTTP/1 ---

    async def h1(self):
        await self.talk_h1(*await self.open())

    async def h1s(self):
        await self.talk_h1(*await self.open("http/1.1"))

    async def talk_h1(self, reader, writer):
        try:
            for _ in range(self.random.randint(1, 8)):
                request = self.request()
                if self.random.random() < 0.25:
                    await self.misbehave_h1(reader, writer, request)
                    return
                writer.write(self.bytes_of(request))
                await writer.drain()
                if not await self.read_h1(reader, request):
                    return
        finally:
            writer.close()

    def bytes_of(self, q):
        framing = ""
        body = q.upload
        if q.method == "POST" and self.random.random() < 0.5:
            framing, body = "Transfer-Encoding: chunked\r\n", wire.chunked(body, self.random)
        elif q.method == "POST":
            framing = f"Content-Length: {len(body)}\r\n"
        return f"{q.method} {q.target} HTTP/1.1\r\nHost: stress.test\r\nX-User-Id: {q.id}\r\n{framing}\r\n".encode() + body

    async def misbehave_h1(self, reader, writer, q):
        r = self.random
        data = self.bytes_of(q)
        cut = r.randint(0, len(data))
        q.fault = r.choice(["reset", "half", "damage", "slow", "reset-answer", "reset-at-once"] * 6 + ["no-read", "stall"])
        if q.fault == "damage":
            at = r.randrange(len(data))
            data = data[:at] + r.randbytes(r.randint(1, 4)) + data[at:]
            cut = len(data)
        if q.fault in ("reset-answer", "reset-at-once", "no-read"):
            cut = len(data)
        if q.fault == "slow":
            await backends.give_slowly(writer, data)
        else:
            writer.write(data[:cut])
            await writer.drain()
        if q.fault == "half" and writer.can_write_eof():
            writer.write_eof()
        if q.fault in ("reset", "reset-at-once"):
            wire.abort(writer)
        elif q.fault == "reset-answer":
            await reader.read(r.randint(1, 2000))
            wire.abort(writer)
        elif q.fault == "no-read":
            writer.transport.pause_reading()
            await asyncio.sleep(r.random() * 2)
            wire.abort(writer)
        else:
            await self.read_h1(reader, q)

    async def read_h1(self, reader, q):
        """Whether the connection goes on."""
        while True:
            line, fields = await wire.read_head(reader)
            q.status = int(line.split(" ")[1])
            if q.status >= 200 or q.status == 101:
                break
        if "transfer-encoding" in fields:
            body = await wire.read_chunks(reader)
        else:
            body = await reader.readexactly(int(fields.get("content-length", 0)))
        self.judge(q, body)
        return fields.get("connection") != "close"

    def judge(self, q, body):
        q.complete = True
        size = q.size if q.fault != "damage" else len(body)  # it may have changed what was asked for
        if q.status == 200 and body != wire.BODY[:size]:
            q.wrong = b"%d: %b" % (len(body), body[:40])

    # --- HTTP/2 ---

    async def h2(self):
        reader, writer = await self.open("h2")
        try:
            await H2(self, reader, writer).run([self.request() for _ in range(self.random.randint(1, 12))])
        finally:
            writer.close()

    # --- WebSocket ---

    async def ws(self):
        reader, writer = await self.open(self.random.choice([None, "http/1.1"]))
        q = self.request("ws")
        q.where, q.tunnel = "h1", True
        try:
            writer.write(f"GET {q.target} HTTP/1.1\r\nHost: stress.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
            line, _ = await wire.read_head(reader)
            q.status = int(line.split(" ")[1])
            if q.status == 101:
                await self.messages(q, reader, writer.write, writer)
        finally:
            writer.close()

    async def messages(self, q, reader, send, writer):
        """Some messages that come back, then one of several ends."""
        for _ in range(self.random.randint(0, 6)):
            message = wire.BODY[: self.random.choice([0, 1, 125, 126, 20000])]
            send(wire.ws_frame(message, self.random.randbytes(4)))
            opcode, echo = await wire.read_ws(reader)
            if opcode == 2 and echo != message:
                q.wrong = b"echo: " + echo[:40]
        how = self.random.choice(["close", "reset", "garbage", "gone", "half-message"])
        if how == "close":
            send(wire.ws_frame(b"\x03\xe8", self.random.randbytes(4), opcode=8))
            await wire.read_ws(reader)
        elif how == "garbage":
            send(self.random.randbytes(200))
        elif how == "half-message":
            send(wire.ws_frame(wire.BODY[:100], b"abcd")[:50])
        if how in ("reset", "garbage"):
            wire.abort(writer)

    async def ws_h2(self):
        reader, writer = await self.open("h2")
        q = self.request("ws")
        q.where, q.tunnel = "h1", True
        try:
            await H2(self, reader, writer).tunnel(q)
        finally:
            writer.close()


class H2:
    """One connection: requests side by side, then an end or a fault of one of them or of all."""

    def __init__(self, clients, reader, writer):
        self.c, self.reader, self.writer = clients, reader, writer
        self.random = clients.random
        self.decoder = hpack.Decoder()
        self.open = {}
        self.bodies = {}
        window = self.random.choice([65535, 1 << 20, 8000])
        self.writer.write(wire.PREFACE + wire.frame(wire.SETTINGS, 0, 0, b"\0\4" + window.to_bytes(4, "big"))
                          + wire.frame(wire.WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big")))

    async def run(self, requests):
        for n, q in enumerate(requests):
            self.ask(2 * n + 1, q)
        await self.writer.drain()
        if self.random.random() < 0.3:
            await self.misbehave()
        while self.open:
            await self.take()
        if self.random.random() < 0.5:
            self.writer.write(wire.frame(wire.GOAWAY, 0, 0, bytes(8)))

    def ask(self, stream, q):
        fields = [(":method", q.method), (":scheme", "https"), (":authority", "stress.test"), (":path", q.target), ("x-user-id", q.id)]
        flags = wire.END_HEADERS | (0 if q.upload else wire.END_STREAM)
        self.writer.write(wire.frame(wire.HEADERS, flags, stream, wire.block(fields)))
        self.open[stream], self.bodies[stream] = q, bytearray()
        whole = wire.data_frames(stream, q.upload) if q.upload else b""
        chance = self.random.random()
        if chance < 0.1:
            q.fault = "rst"
            self.writer.write(whole[: 9 + wire.FRAME] if len(whole) > 9 + wire.FRAME else b"")
            self.rst(stream, 8)
        elif chance < 0.105 and q.upload:
            q.fault = "stall"  # the rest never comes
        else:
            self.writer.write(whole)

    def rst(self, stream, code):
        self.writer.write(wire.frame(wire.RST_STREAM, 0, stream, code.to_bytes(4, "big")))
        self.open.pop(stream, None)

    async def misbehave(self):
        how = self.random.choice(["reset", "half", "garbage", "frame", "no-read", "later"])
        for q in self.open.values():
            q.fault = q.fault or how
        if how == "later":
            for _ in range(self.random.randint(1, 10)):
                await self.take()
        if how in ("reset", "later"):
            self.open.clear()
            wire.abort(self.writer)
        elif how == "half":
            self.open.clear()
            self.writer.close()
        elif how == "garbage":
            self.writer.write(self.random.randbytes(100))
        elif how == "frame":
            stream = self.random.choice(list(self.open) or [1])
            self.writer.write(wire.frame(self.random.randrange(11), self.random.randrange(256), self.random.choice([0, stream]),
                                         self.random.randbytes(self.random.choice([0, 4, 5, 8, 30]))))
        elif how == "no-read":
            self.writer.transport.pause_reading()
            await asyncio.sleep(self.random.random() * 2)
            self.open.clear()
            wire.abort(self.writer)

    async def take(self):
        kind, flags, stream, payload = await wire.read_frame(self.reader)
        q = self.open.get(stream)
        if kind == wire.HEADERS:
            status = int(dict(self.decoder.decode(payload)).get(":status", 0))
            if q and status:
                q.status = status
        if kind == wire.DATA and payload:
            n = len(payload).to_bytes(4, "big")
            self.writer.write(wire.frame(wire.WINDOW_UPDATE, 0, stream, n))
            if q:
                self.bodies[stream] += payload
        if kind == wire.SETTINGS and not flags & wire.ACK:
            self.writer.write(wire.frame(wire.SETTINGS, wire.ACK, 0))
        if kind == wire.PING and not flags & wire.ACK:
            self.writer.write(wire.frame(wire.PING, wire.ACK, 0, payload))
        if q and kind in (wire.DATA, wire.HEADERS) and flags & wire.END_STREAM:
            if not q.tunnel:
                self.c.judge(q, bytes(self.bodies[stream]))
            self.open.pop(stream)
        if kind == wire.RST_STREAM:
            self.open.pop(stream, None)

    async def tunnel(self, q):
        self.writer.write(wire.frame(wire.HEADERS, wire.END_HEADERS, 1, wire.block([
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "stress.test"),
            (":path", q.target), ("sec-websocket-version", "13")])))
        self.open[1], self.bodies[1] = q, bytearray()
        while q.status == 0 and self.open:
            await self.take()
        if q.status == 200:
            await self.c.messages(q, self, lambda data: self.writer.write(wire.frame(wire.DATA, 0, 1, data[:wire.FRAME])
                                  + (wire.frame(wire.DATA, 0, 1, data[wire.FRAME:]) if len(data) > wire.FRAME else b"")), self.writer)

    async def readexactly(self, n):
        """Of the tunnel."""
        while len(self.bodies[1]) < n:
            if not self.open:
                raise EOFError
            await self.take()
        data, self.bodies[1] = bytes(self.bodies[1][:n]), self.bodies[1][n:]
        return data
