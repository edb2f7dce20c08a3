#!/usr/bin/python3
"""WebSocket echo, both ends of it: echo.py serve PORT; echo.py ask HOST PORT CONNECTIONS LENGTH MESSAGES

The asker opens its tunnels, says READY, rests for half a second, and then keeps one message on its way in each until it has
seen as many as it was told to. Each is compared with what was sent. The result is one line of JSON, as the other tools give it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import selectors
import socket
import sys
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x12\x34\x56\x78"
REST = 0.5  # seconds after READY


def accept_of(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def masked(payload: bytes, mask: bytes) -> bytes:
    n = len(payload)
    stream = (mask * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(n, "big")


class Server:
    """Sends each message back, unmasked. Messages are shorter than 126 bytes."""

    def __init__(self, port: int):
        self.selector = selectors.DefaultSelector()
        self.selector.register(socket.create_server(("127.0.0.1", port), backlog=1024), selectors.EVENT_READ)

    def run(self) -> None:
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    client, _ = key.fileobj.accept()  # type: ignore[union-attr]
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(client, selectors.EVENT_READ, bytearray())
                else:
                    self.take(key.fileobj, key.data)  # type: ignore[arg-type]

    def take(self, client: socket.socket, kept: bytearray) -> None:
        try:
            more = client.recv(65536)
        except OSError:
            more = b""
        if not more:
            self.selector.unregister(client)
            client.close()
            return
        kept += more
        if kept.startswith(b"GET "):
            client.sendall(self.greeting(kept))
        else:
            client.sendall(self.echoes(kept))

    @staticmethod
    def greeting(kept: bytearray) -> bytes:
        head, end, rest = bytes(kept).partition(b"\r\n\r\n")
        if not end:
            return b""
        kept[:] = rest
        key = next(line.partition(b":")[2].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                + accept_of(key) + b"\r\n\r\n")

    @staticmethod
    def echoes(kept: bytearray) -> bytes:
        out = bytearray()
        while len(kept) >= 6 and len(kept) >= 6 + (kept[1] & 0x7F):
            n = kept[1] & 0x7F
            out += bytes([kept[0], n]) + masked(bytes(kept[6 : 6 + n]), bytes(kept[2:6]))
            del kept[: 6 + n]
        return bytes(out)


class Asker:
    def __init__(self, host: str, port: int, connections: int, length: int):
        self.message = bytes(33 + i % 90 for i in range(length))
        self.frame = bytes([0x82, 0x80 | length]) + MASK + masked(self.message, MASK)
        self.echo = bytes([0x82, length]) + self.message
        self.tunnels = [self.open(host, port) for _ in range(connections)]
        self.asked: dict[socket.socket, float] = {}
        self.took: list[float] = []
        self.wrong, self.first_wrong = 0, ""

    @staticmethod
    def open(host: str, port: int) -> socket.socket:
        tunnel = socket.create_connection((host, port), timeout=10)
        tunnel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tunnel.sendall(b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = tunnel.recv(4096)
            if not more:
                sys.exit(f"no tunnel: {answer!r}")
            answer += more
        if not answer.startswith(b"HTTP/1.1 101 ") or accept_of(KEY) not in answer:
            sys.exit(f"no tunnel: {answer!r}")
        return tunnel

    def send(self, tunnel: socket.socket) -> None:
        self.asked[tunnel] = time.monotonic()
        tunnel.sendall(self.frame)

    def run(self, messages: int) -> None:
        selector = selectors.DefaultSelector()
        for tunnel in self.tunnels:
            selector.register(tunnel, selectors.EVENT_READ, bytearray())
            self.send(tunnel)
        left = messages - len(self.tunnels)
        while len(self.took) < messages:
            for key, _ in selector.select(10):
                tunnel: socket.socket = key.fileobj  # type: ignore[assignment]
                more = tunnel.recv(65536)
                if not more:
                    sys.exit("a tunnel ended")
                key.data.extend(more)
                if len(key.data) < len(self.echo):
                    continue
                self.judge(bytes(key.data))
                key.data.clear()
                self.took.append(time.monotonic() - self.asked[tunnel])
                if left > 0:
                    left -= 1
                    self.send(tunnel)

    def judge(self, got: bytes) -> None:
        if got != self.echo:
            self.first_wrong = self.first_wrong or repr(got[:60])
            self.wrong += 1


def ask(host: str, port: int, connections: int, length: int, messages: int) -> None:
    asker = Asker(host, port, connections, length)
    print("READY", flush=True)
    time.sleep(REST)
    began = time.monotonic()
    asker.run(messages)
    seconds = time.monotonic() - began
    took = sorted(asker.took)
    print("JSON " + json.dumps({"requests": len(took), "seconds": seconds, "p50_us": 1e6 * took[len(took) // 2],
                                "p99_us": 1e6 * took[len(took) * 99 // 100], "wrong": asker.wrong,
                                "first_wrong": asker.first_wrong}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        Server(int(sys.argv[2])).run()
    else:
        ask(sys.argv[2], *map(int, sys.argv[3:]))
