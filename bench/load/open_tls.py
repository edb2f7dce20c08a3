#!/usr/bin/env python3
"""A new TLS connection for each request, always with a full handshake.

wrk and h2load both resume the sessions of the connections they close, which is a much cheaper handshake and another
question. A few processes take turns, so that the proxy has the next client at hand while one of them does its own part
of the handshake.

Usage: open_tls.py HOST PORT SECONDS PROCESSES PATH LENGTH; prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import time


def exchange(context: ssl.SSLContext, address: tuple[str, int], request: bytes, length: int) -> str:
    """One connection, one request. What was wrong, or nothing."""
    with socket.create_connection(address, timeout=10) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            if tls.session_reused:
                return "the session was resumed"
            tls.sendall(request)
            answer = b""
            while more := tls.recv(65536):
                answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or len(body) != length:
        return f"{head[:30]!r}, {len(body)} bytes"
    return ""


def run(address: tuple[str, int], seconds: float, path: str, length: int) -> dict[str, object]:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    took: list[int] = []
    wrong, first_wrong = 0, ""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.perf_counter_ns()
        try:
            error = exchange(context, address, request, length)
        except OSError as e:
            error = str(e)
        took.append((time.perf_counter_ns() - begin) // 1000)
        if error:
            wrong, first_wrong = wrong + 1, first_wrong or error
    return {"took": took, "wrong": wrong, "first_wrong": first_wrong}


def main() -> int:
    host, port, seconds, processes, path, length = sys.argv[1:]
    pipes = []
    begin = time.monotonic()
    for _ in range(int(processes)):
        out, into = os.pipe()
        if os.fork() == 0:
            os.close(out)
            with os.fdopen(into, "w") as f:
                json.dump(run((host, int(port)), float(seconds), path, int(length)), f)
            os._exit(0)
        os.close(into)
        pipes.append(os.fdopen(out))
    done = [json.load(pipe) for pipe in pipes]
    took = sorted(us for one in done for us in one["took"])
    print("JSON " + json.dumps({
        "requests": len(took), "wrong": sum(one["wrong"] for one in done),
        "first_wrong": next((one["first_wrong"] for one in done if one["first_wrong"]), ""),
        "seconds": time.monotonic() - begin, "p50_us": took[len(took) // 2], "p99_us": took[len(took) * 99 // 100]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
