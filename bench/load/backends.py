"""The two backends: nginx, one worker each, with a counter that the proxies cannot fake.

Every answer is either 200 bytes of JSON made in memory or a file of 16 KiB or 1 MiB. stub_status counts requests; each
look at it is a request too, and is taken off again.
"""

from __future__ import annotations

import http.client
import json
import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from procs import Failed, Procs, free_port

SMALL, MIDDLE, BIG = 200, 16384, 1 << 20
SIDES = ("legacy", "new")

CONF = """\
daemon off;
pid {room}/pid;
error_log {room}/error.log warn;
worker_processes 1;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_max_body_size 0;
    client_body_temp_path {room}/body;
    proxy_temp_path {room}/proxy;
    fastcgi_temp_path {room}/fastcgi;
    uwsgi_temp_path {room}/uwsgi;
    scgi_temp_path {room}/scgi;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{h2_port} http2 backlog=4096;
        root {room}/files;
        location / {{ return 200 '{small}'; }}
        location = /same {{ return 200 '{same}'; }}
        location = /16k {{ default_type application/octet-stream; }}
        location = /big {{ default_type application/octet-stream; }}
        location = /duties {{ return 200 '$http_x_forwarded_for $server_protocol $http_host'; }}
    }}
    server {{
        listen 127.0.0.1:{count_port};
        location / {{ stub_status; }}
    }}
}}
"""


@dataclass
class Counts:
    """Since the backends' start: requests of each side, and connections that were opened to each."""

    requests: dict[str, int]
    connections: dict[str, int]

    def __sub__(self, other: Counts) -> Counts:
        return Counts({s: self.requests[s] - other.requests[s] for s in SIDES},
                      {s: self.connections[s] - other.connections[s] for s in SIDES})

    @property
    def total(self) -> int:
        return sum(self.requests.values())


def small_answer(side: str) -> bytes:
    """200 bytes of JSON that name the side."""
    body = {"id": 4711, "side": side, "name": "Ada Lovelace", "price": 12.5, "tags": ["a", "b", "c"],
            "at": "2026-03-01T02:13:00Z", "note": ""}
    body["note"] = "x" * (SMALL - len(json.dumps(body)))
    return json.dumps(body).encode()


class Backend:
    def __init__(self, procs: Procs, room: Path, side: str, cpus: set[int], nginx: str):
        self.side, self.port, self.h2_port, self._count_port = side, free_port(), free_port(), free_port()
        self._looks = 0
        files = room / "files"
        files.mkdir(parents=True)
        # Bytes without a pattern that a cut or a swap of buffers would keep.
        self.big = b"".join(b"%015d\n" % (i * 2654435761 % 10**15) for i in range(BIG // 16))
        (files / "big").write_bytes(self.big)
        (files / "16k").write_bytes(self.big[:MIDDLE])
        conf = room / "nginx.conf"
        conf.write_text(CONF.format(room=room, port=self.port, h2_port=self.h2_port, count_port=self._count_port,
                                    small=small_answer(side).decode(), same=small_answer("same").decode()))
        self.proc = procs.start(f"backend-{side}", [nginx, "-c", str(conf), "-e", str(room / "error.log")], cpus)
        procs.await_port(self.proc, self.port)
        procs.await_port(self.proc, self._count_port)
        self._http = http.client.HTTPConnection("127.0.0.1", self._count_port, timeout=10)

    def look(self) -> tuple[int, int]:
        """(requests, connections) without our own."""
        try:
            self._http.request("GET", "/")
            text = self._http.getresponse().read().decode()
            accepts, _, requests = (int(x) for x in text.splitlines()[2].split())
        except (OSError, http.client.HTTPException, ValueError, IndexError) as e:
            raise Failed(f"the counter of backend {self.side} does not answer: {e}") from None
        self._looks += 1
        return requests - self._looks, accepts

    def body(self, path: str) -> bytes:
        """What this side answers, byte for byte."""
        special = {"/big": self.big, "/16k": self.big[:MIDDLE], "/same": small_answer("same")}
        return special.get(path, small_answer(self.side))


class Backends:
    def __init__(self, procs: Procs, room: Path, cpus: set[int], nginx: str):
        self.sides = {side: Backend(procs, room / f"backend-{side}", side, cpus, nginx) for side in SIDES}
        self.silent, self.slow = Silent(), Slow(small_answer("same"))

    def port(self, side: str, h2: bool = False) -> int:
        """side: legacy, new, slow or dead."""
        if side in ("slow", "dead"):
            return (self.slow if side == "slow" else self.silent).port
        return self.sides[side].h2_port if h2 else self.sides[side].port

    def count(self) -> Counts:
        looks = {side: backend.look() for side, backend in self.sides.items()}
        return Counts({s: looks[s][0] for s in SIDES}, {s: looks[s][1] for s in SIDES})

    def close(self) -> None:
        self.silent.close()
        self.slow.close()


class Silent:
    """A dead server of the nastiest kind: it accepts, takes what it is sent, and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._end = False
        self._thread = threading.Thread(target=self._serve, daemon=True, name="silent")
        self._thread.start()

    def _serve(self) -> None:
        while not self._end:
            for key, _ in self._selector.select(self._answer_due()):
                if key.fileobj is self._listener:
                    self._accept()
                elif self._drain(key.fileobj):  # type: ignore[arg-type]
                    self._take(key.fileobj)  # type: ignore[arg-type]

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        self.accepted += 1
        client.setblocking(False)
        self._selector.register(client, selectors.EVENT_READ)

    def _answer_due(self) -> float:
        """Answers what is due; seconds until something may be."""
        return 0.2

    def _take(self, client: socket.socket) -> None:
        """A request has come, which is one piece here."""

    def _drain(self, client: socket.socket) -> bool:
        """Whether something has come."""
        try:
            more = client.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            more = b""
        if not more:
            self._selector.unregister(client)
            client.close()
        return bool(more)

    def close(self) -> None:
        self._end = True
        self._thread.join(2)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()


class Slow(Silent):
    """Answers every request after a while."""

    AFTER = 0.2

    def __init__(self, body: bytes) -> None:
        self._due: deque[tuple[float, socket.socket]] = deque()
        self._answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        super().__init__()

    def _answer_due(self) -> float:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            try:
                self._due.popleft()[1].sendall(self._answer)
            except OSError:
                pass  # who asked has given up
        return min(0.2, self._due[0][0] - now) if self._due else 0.2

    def _take(self, client: socket.socket) -> None:
        self._due.append((time.monotonic() + self.AFTER, client))
