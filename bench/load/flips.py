#!/usr/bin/env python3
"""How long a flip takes: from the write to Redis to the last answer that the old side gave.

A few connections ask without a pause, and the same loop writes `legacy` and `new` to Redis in turn, so that one clock
sees everything. What is measured ends when the answer of the old side *arrives*: a little more than the promise, which
is about the moment the request is routed. Once a connection has seen the new side it must not see the old one again.

Usage: flips.py HOST PORT CONNECTIONS REDIS_PORT KEY FLIPS; prints one line of JSON.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE = 5.0  # for a flip to be seen by all connections
CALM = (0.003, 0.012)  # seconds between a flip that all have seen and the next


class Asker:
    """One connection with one request on its way."""

    def __init__(self, address: tuple[str, int]):
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._got = b""

    def ask(self) -> None:
        self._got = b""
        self.socket.sendall(REQUEST)

    def side(self) -> str | None:
        """Which side's answer has arrived whole, if one has."""
        more = self.socket.recv(65536)
        if not more:
            raise ValueError(f"a connection was closed after {self._got[:100]!r}")
        self._got += more
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end or len(body) < 200:
            return None
        if not head.startswith(b"HTTP/1.1 200 ") or len(body) != 200:
            raise ValueError(f"the answer was {self._got[:300]!r}")
        return str(json.loads(body)["side"])


class Flips:
    def __init__(self, address: tuple[str, int], connections: int, redis_port: int, key: str):
        self._redis = socket.create_connection(("127.0.0.1", redis_port), timeout=10)
        self._redis.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._key = key
        self._selector = selectors.DefaultSelector()
        self.askers = [Asker(address) for _ in range(connections)]
        for asker in self.askers:
            self._selector.register(asker.socket, selectors.EVENT_READ, asker)
            asker.ask()
        self.answers = 0
        self.back = 0  # answers of the old side on a connection that had seen the new one

    def _turn(self) -> list[tuple[Asker, str, float]]:
        """The answers that have arrived; their connections ask again."""
        found = []
        for key, _ in self._selector.select(1.0):
            asker: Asker = key.data
            side = asker.side()
            if side is not None:
                found.append((asker, side, time.perf_counter()))
                self.answers += 1
                asker.ask()
        return found

    def flip(self, word: str) -> float:
        """Microseconds until the last answer of the other side; 0 when none came any more."""
        begin = time.perf_counter()
        self._redis.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (
            len(self._key), self._key.encode(), len(word), word.encode()))
        last, moved = begin, set()
        while len(moved) < len(self.askers):
            for asker, side, at in self._turn():
                if side == word:
                    moved.add(asker)
                else:
                    last = at
                    self.back += asker in moved
            if time.perf_counter() > begin + PATIENCE:
                raise ValueError(f"{word} is seen by {len(moved)} of {len(self.askers)} connections only")
        if not self._redis.recv(100).startswith(b"+OK"):
            raise ValueError("Redis did not take the word")
        self._calm(word)
        return (last - begin) * 1e6

    def _calm(self, word: str) -> None:
        end = time.perf_counter() + random.uniform(*CALM)
        while time.perf_counter() < end:
            self.back += sum(side != word for _, side, _ in self._turn())


def main() -> int:
    host, port, connections, redis_port, key, flips = sys.argv[1:]
    run = Flips((host, int(port)), int(connections), int(redis_port), key)
    for word in ("legacy", "new"):  # the first one ends the split, which is no flip
        run.flip(word)
    run.answers = run.back = 0
    begin = time.perf_counter()
    took = sorted(run.flip(("legacy", "new")[i % 2]) for i in range(int(flips)))
    seconds = time.perf_counter() - begin
    print("JSON " + json.dumps({
        "requests": run.answers, "wrong": run.back, "first_wrong": "the old side again, after the new one",
        "seconds": seconds, "p50_us": took[len(took) // 2], "p99_us": took[len(took) * 99 // 100], "max_us": took[-1]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
