"""Servers that do what the target says: /WHERE/KIND/BYTES?... Their own random choices are where, and how, it goes wrong.

    ok slow behind okclose     a good answer: at once, in pieces, with bytes behind it, with the connection closed
    cut reset close            the answer is cut short; the connection is reset or closed instead of an answer
    garbage silent early       bytes that are no answer; none at all; an answer before the request is read
    ws                         a WebSocket that echoes; it is given up after some messages once in a while
"""

import asyncio
import random
import ssl

import hpack

import wire

GOOD = ("ok", "slow", "behind", "okclose", "early")


def kind_of(target):
    """(kind, body) of an answer."""
    _, kind, size = target.partition("?")[0].strip("/").split("/")
    return kind, wire.BODY[: int(size)]


async def give_slowly(writer, data):
    for _ in range(4):
        cut = random.randint(0, len(data))
        writer.write(data[:cut])
        await writer.drain()
        await asyncio.sleep(random.random() * 0.01)
        data = data[cut:]
    writer.write(data)
    await writer.drain()


# --- HTTP/1 ---


async def serve_h1(reader, writer):
    try:
        while await answer_h1(reader, writer):
            pass
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def read_body(reader, fields):
    if "transfer-encoding" in fields:
        await wire.read_chunks(reader)
    else:
        await reader.readexactly(int(fields.get("content-length", 0)))


async def answer_h1(reader, writer):
    """Whether the connection goes on."""
    line, fields = await wire.read_head(reader)
    kind, body = kind_of(line.split(" ")[1])
    if kind == "ws":
        await echo_ws(reader, writer, fields)
        return False
    if kind != "early":
        await read_body(reader, fields)
    if kind == "reset":
        wire.abort(writer)
        return False
    if kind in ("close", "silent"):
        await (reader.read() if kind == "silent" else writer.drain())
        return False
    if kind == "garbage":
        writer.write(random.choice([random.randbytes(300), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
                                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX\r\n0\r\n\r\n",
                                    b"HTTP/1.1 99 Low\r\n\r\n", b"\0" * 50, b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70000]))
        await writer.drain()
        return False
    return await give_h1(reader, writer, kind, body)


async def give_h1(reader, writer, kind, body):
    close = b"Connection: close\r\n" if kind in ("okclose", "early") else b""
    if random.random() < 0.5:
        head, data = b"Content-Length: %d\r\n" % len(body), body
    else:
        head, data = b"Transfer-Encoding: chunked\r\n", wire.chunked(body, random)
    if kind == "cut":
        data = data[: random.randrange(len(data))]
    if kind == "behind":
        data += b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot yours"
    answer = b"HTTP/1.1 200 OK\r\nX-Kind: %b\r\n%b%b\r\n%b" % (kind.encode(), close, head, data)
    if kind == "slow":
        await give_slowly(writer, answer)
    else:
        writer.write(answer)
        await writer.drain()
    if kind == "cut" and random.random() < 0.5:
        wire.abort(writer)
    if kind == "early":
        writer.write_eof() if writer.can_write_eof() else None
        await reader.read()
    return kind in ("ok", "slow")


async def echo_ws(reader, writer, fields):
    from kit.wire import accept_of

    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                 + accept_of(fields["sec-websocket-key"]).encode() + b"\r\n\r\n")
    left = random.choice([2, 1 << 30, 1 << 30, 1 << 30])
    while True:
        opcode, payload = await wire.read_ws(reader)
        left -= 1
        if left == 0:
            random.choice([lambda: wire.abort(writer), lambda: writer.write(b"\xff\xff\xff"), lambda: None])()
            await writer.drain()
            return
        writer.write(wire.ws_frame(payload, opcode=opcode))
        await writer.drain()
        if opcode == 8:
            return


# --- HTTP/2 with prior knowledge ---


class Session:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.decoder = hpack.Decoder()
        self.windows = {0: 65535}
        self.first_window = 65535
        self.room = asyncio.Event()
        self.targets = {}
        self.tasks = set()

    async def run(self):
        await self.reader.readexactly(len(wire.PREFACE))
        self.writer.write(wire.frame(wire.SETTINGS, 0, 0) + wire.frame(wire.WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big")))
        while True:
            await self.take(*await wire.read_frame(self.reader))

    async def take(self, kind, flags, stream, payload):
        if kind == wire.HEADERS:
            assert flags & wire.END_HEADERS
            target = dict(self.decoder.decode(payload)).get(":path")
            if target is None:
                target = self.targets[stream]
            self.targets[stream] = target
            self.windows[stream] = self.first_window
            if kind_of(target)[0] == "early" and not flags & wire.END_STREAM:
                self.begin(stream)
        if kind == wire.DATA and payload:
            n = len(payload).to_bytes(4, "big")
            self.writer.write(wire.frame(wire.WINDOW_UPDATE, 0, stream, n))
        if kind in (wire.DATA, wire.HEADERS) and flags & wire.END_STREAM:
            self.begin(stream)
        if kind == wire.SETTINGS and not flags & wire.ACK:
            self.settings(payload)
            self.writer.write(wire.frame(wire.SETTINGS, wire.ACK, 0))
        if kind == wire.PING and not flags & wire.ACK:
            self.writer.write(wire.frame(wire.PING, wire.ACK, 0, payload))
        if kind == wire.WINDOW_UPDATE:
            self.windows[stream] = self.windows.get(stream, self.first_window) + int.from_bytes(payload, "big")
            self.room.set()
        if kind == wire.RST_STREAM:
            self.targets.pop(stream, None)
            self.room.set()

    def settings(self, payload):
        for at in range(0, len(payload), 6):
            if payload[at : at + 2] == b"\0\4":
                self.first_window = int.from_bytes(payload[at + 2 : at + 6], "big")

    def begin(self, stream):
        if stream in self.targets:
            task = asyncio.ensure_future(self.answer(stream, *kind_of(self.targets[stream])))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def answer(self, stream, kind, body):
        try:
            await self.say(stream, kind, body)
        except OSError:
            pass

    async def say(self, stream, kind, body):
        self.targets.setdefault(stream, "")
        if kind == "silent":
            return
        if kind == "reset":
            self.rst(stream)
            return
        if kind == "close":  # all streams of the connection
            if random.random() < 0.1:
                wire.abort(self.writer) if random.random() < 0.5 else self.writer.close()
            else:
                self.rst(stream, 8)
            return
        if kind == "garbage":
            self.garbage(stream)
            return
        fields = [(":status", "200"), ("x-kind", kind)]
        if random.random() < 0.5:
            fields.append(("content-length", str(len(body))))
        self.writer.write(wire.frame(wire.HEADERS, wire.END_HEADERS, stream, wire.block(fields)))
        sent = body[: random.randrange(len(body))] if kind == "cut" else body
        await self.body(stream, sent, kind != "cut", 0.005 if kind == "slow" else 0)
        if kind == "cut":
            self.rst(stream, random.choice([0, 1, 2, 8, 11]))
        self.targets.pop(stream, None)

    def rst(self, stream, code=None):
        code = random.choice([0, 1, 2, 7, 8, 11]) if code is None else code
        self.writer.write(wire.frame(wire.RST_STREAM, 0, stream, code.to_bytes(4, "big")))
        self.targets.pop(stream, None)

    def garbage(self, stream):
        if random.random() < 0.1:
            self.writer.write(random.randbytes(100))
            return
        bad = random.choice([[("x", "y")], [(":status", "20x")], [(":status", "200"), ("connection", "close")],
                             [(":status", "101")], [(":status", "200"), ("A", "b")], [(":status", "204"), ("content-length", "5")]])
        flags = wire.END_HEADERS | (wire.END_STREAM if bad[0][1] != "204" else 0)
        self.writer.write(wire.frame(wire.HEADERS, flags, stream, wire.block(bad)))
        if bad[0][1] == "204":
            self.writer.write(wire.frame(wire.DATA, wire.END_STREAM, stream, b"hello"))

    async def body(self, stream, body, end, pause):
        at = 0
        while at < len(body):
            n = min(len(body) - at, wire.FRAME, self.windows[0], self.windows[stream])
            if n <= 0:
                self.room.clear()
                await self.room.wait()
                if stream not in self.targets:
                    return
                continue
            self.windows[0] -= n
            self.windows[stream] -= n
            self.writer.write(wire.frame(wire.DATA, 0, stream, body[at : at + n]))
            await self.writer.drain()
            await asyncio.sleep(pause)
            at += n
        if end:
            self.writer.write(wire.frame(wire.DATA, wire.END_STREAM, stream))


async def serve_h2(reader, writer):
    session = Session(reader, writer)
    try:
        await session.run()
    except (OSError, EOFError, ValueError, AssertionError, hpack.HPACKError):
        pass
    finally:
        for task in session.tasks:
            task.cancel()
        writer.close()


async def serve(ports, cert, key):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    for name, (port, handler, context) in {"plain": (ports["plain"], serve_h1, None), "tls": (ports["tls"], serve_h1, tls),
                                           "h2": (ports["h2"], serve_h2, None)}.items():
        await asyncio.start_server(handler, "127.0.0.1", port, ssl=context, backlog=1024)
    await asyncio.Event().wait()


def main(ports, cert, key, seed):
    random.seed(seed)
    asyncio.run(serve(ports, cert, key))
