#!/usr/bin/env python3
"""How long a flip takes: from the write to Redis to the last answer that the old side gave, and to the acknowledgement
of the last instance.

A few connections ask without a pause, and the same loop writes `legacy` and `new` to Redis in turn, so that one clock
sees everything. What is measured ends when the answer of the old side *arrives*: a little more than the promise, which
is about the moment the request is routed. Once a connection has seen the new side it must not see the old one again.
Acknowledgements are seen as Redis' own notifications of keys that are set.

Usage: flips.py HOST PORT[,PORT...] CONNECTIONS REDIS_PORT KEY FLIPS; prints one line of JSON.
"""

from __future__ import annotations

import json
import random
import re
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


class Acks:
    """Notifications of acknowledgements."""

    KEY = re.compile(rb"\r\n(weir:ack:[^\r]+)\r\n")

    def __init__(self, redis_port: int):
        self.socket = dial(redis_port)
        self.socket.sendall(b"CONFIG SET notify-keyspace-events E$\r\nSUBSCRIBE __keyevent@0__:set\r\n")
        self._got = b""

    def arrived(self) -> set[bytes]:
        self._got += self.socket.recv(65536)
        whole, _, self._got = self._got.rpartition(b"*3\r\n")  # the last may not be whole yet
        found = set(self.KEY.findall(whole + b"\r\n"))
        last = self.KEY.search(self._got)
        if last:
            found.add(last.group(1))
        self._got = b"*3\r\n" + self._got
        return found


def dial(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class Flips:
    def __init__(self, addresses: list[tuple[str, int]], connections: int, redis_port: int, key: str):
        self._redis = dial(redis_port)
        self._key = key
        self._selector = selectors.DefaultSelector()
        self._acks = Acks(redis_port)
        self._acked: set[bytes] = set()
        self._instances = len(addresses)
        self._selector.register(self._acks.socket, selectors.EVENT_READ, None)
        self.askers = [Asker(addresses[i % len(addresses)]) for i in range(connections)]
        for asker in self.askers:
            self._selector.register(asker.socket, selectors.EVENT_READ, asker)
            asker.ask()
        self.answers = 0
        self.back = 0  # answers of the old side on a connection that had seen the new one

    def _turn(self) -> list[tuple[Asker, str, float]]:
        """The answers that have arrived; their connections ask again."""
        found = []
        for key, _ in self._selector.select(1.0):
            if key.data is None:
                self._acked |= self._acks.arrived()
                continue
            asker: Asker = key.data
            side = asker.side()
            if side is not None:
                found.append((asker, side, time.perf_counter()))
                self.answers += 1
                asker.ask()
        return found

    def flip(self, word: str) -> tuple[float, float]:
        """Microseconds until the last answer of the other side, 0 when none came any more; and until all have
        acknowledged."""
        self._acked.clear()
        begin = time.perf_counter()
        self._redis.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (
            len(self._key), self._key.encode(), len(word), word.encode()))
        last, moved, acked = begin, set(), 0.0
        while len(moved) < len(self.askers) or not acked:
            for asker, side, at in self._turn():
                if side == word:
                    moved.add(asker)
                else:
                    last = at
                    self.back += asker in moved
            if not acked and len(self._acked) >= self._instances:
                acked = time.perf_counter()
            if time.perf_counter() > begin + PATIENCE:
                raise ValueError(f"{word} is seen by {len(moved)} of {len(self.askers)} connections and acknowledged by "
                                 f"{len(self._acked)} of {self._instances} instances only")
        if not self._redis.recv(100).startswith(b"+OK"):
            raise ValueError("Redis did not take the word")
        self._calm(word)
        return (last - begin) * 1e6, (acked - begin) * 1e6

    def forget(self) -> None:
        """Takes the document away, so that the next proxy finds none."""
        self._redis.sendall(b"*2\r\n$3\r\nDEL\r\n$%d\r\n%s\r\n" % (len(self._key), self._key.encode()))
        if not self._redis.recv(100).startswith(b":1"):
            raise ValueError("Redis did not delete the document")

    def _calm(self, word: str) -> None:
        end = time.perf_counter() + random.uniform(*CALM)
        while time.perf_counter() < end:
            self.back += sum(side != word for _, side, _ in self._turn())


def quantiles(name: str, of: list[float]) -> dict[str, float]:
    return {f"{name}p50_us": of[len(of) // 2], f"{name}p99_us": of[len(of) * 99 // 100], f"{name}max_us": of[-1]}


def main() -> int:
    host, ports, connections, redis_port, key, flips = sys.argv[1:]
    run = Flips([(host, int(port)) for port in ports.split(",")], int(connections), int(redis_port), key)
    for word in ("legacy", "new"):  # the first one ends the split, which is no flip
        run.flip(word)
    run.answers = run.back = 0
    begin = time.perf_counter()
    each = [run.flip(("legacy", "new")[i % 2]) for i in range(int(flips))]
    run.forget()
    took, acked = sorted(last for last, _ in each), sorted(acked for _, acked in each)
    seconds = time.perf_counter() - begin
    print("JSON " + json.dumps({
        "requests": run.answers, "wrong": run.back, "first_wrong": "the old side again, after the new one",
        "seconds": seconds, **quantiles("", took), **quantiles("ack_", acked)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
