"""Is a proxy doing what the comparison assumes? Asked once of each, before anything is measured.

Exact bodies by curl, over the protocol of the row; what the backend was told; what the TLS handshake agreed on. While a
row is measured the generators check every answer (generators.py) and the split is checked by the backends' counters.
"""

from __future__ import annotations

import math
import socket
import ssl
import subprocess

from backends import Backends, Counts
from generators import environment
from peers.peer import Flavour, Peer
from procs import Failed
from rows import Load

ASKED = 30  # requests; one side of 90/10 is then almost surely among them
KEEP_ALIVE_SLACK = 0.01  # connections to backends per request above which a proxy does not keep them


def answers(peer: Peer, load: Load, port: int, backends: Backends) -> None:
    """Some answers, each exactly the body of a side."""
    scheme = "https" if load.tls else "http"
    version = "--http2" if load.h2 else "--http1.1"
    url = f"{scheme}://127.0.0.1:{port}{load.first_path}"
    right = {side: backend.body(load.first_path) for side, backend in backends.sides.items()}
    for _ in range(2 if load.length > 65536 else 1):
        got = _curl([version, "-w", "\n%{http_version} %{response_code}\n", url])
        body, _, told = got.rstrip(b"\n").rpartition(b"\n")
        if told.decode() != ("2 200" if load.h2 else "1.1 200"):
            raise Failed(f"{peer.name}: {url} gave version and status {told.decode()!r}")
        if body not in right.values():
            raise Failed(f"{peer.name}: {url} gave {len(body)} bytes that are the body of neither side: {body[:300]!r}")
    if load.length <= 65536:
        together = _curl([version, *[url] * ASKED])
        if len(together) != ASKED * load.length or any(
                together[i : i + load.length] not in right.values() for i in range(0, len(together), load.length)):
            raise Failed(f"{peer.name}: {ASKED} requests to {url} gave something that is the body of neither side")


def duties(peer: Peer, flavour: Flavour, load: Load, port: int) -> None:
    """The backend hears the client's address, the right version and the Host the client used."""
    version = "HTTP/2.0" if flavour.h2_backends else "HTTP/1.1"
    told = _curl([f"{'https' if load.tls else 'http'}://127.0.0.1:{port}/duties"]).decode().strip()
    if told not in (f"127.0.0.1 {version} 127.0.0.1:{port}", f"127.0.0.1 {version} 127.0.0.1"):
        raise Failed(f"{peer.name} told the backend {told!r} (X-Forwarded-For, version, Host)")


def handshake(peer: Peer, port: int, h2: bool) -> None:
    """TLS 1.3, AES-128-GCM, an ECDSA certificate on P-256, and the protocol of the row."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"] if h2 else ["http/1.1"])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as tls:
        cipher = tls.cipher()
        agreed = (tls.version(), cipher[0] if cipher else None, tls.selected_alpn_protocol())
        certificate = tls.getpeercert(binary_form=True) or b""
    if agreed != ("TLSv1.3", "TLS_AES_128_GCM_SHA256", "h2" if h2 else "http/1.1"):
        raise Failed(f"{peer.name} agreed on {agreed}")
    if bytes.fromhex("06082a8648ce3d030107") not in certificate:  # the object id of P-256
        raise Failed(f"{peer.name} shows a certificate that is not on P-256")


def split(who: str, flavour: Flavour, counted: Counts) -> float:
    """The share of new, in percent, by the backends' own counters; it must be the one that was asked for."""
    new, total = counted.requests["new"], counted.total
    if flavour.mirror:
        return 0.0  # all requests at legacy, all copies at new: sample.py compares them with the generator's count
    if total == 0:
        raise Failed(f"{who}: no request reached a backend")
    share, want = new / total, flavour.new_percent / 100
    allowed = 6 * math.sqrt(want * (1 - want) / total) + (0.002 if want else 0.0)
    if abs(share - want) > allowed:
        raise Failed(f"{who}: {new} of {total} requests went to new, {100 * share:.2f} % instead of {100 * want:.0f} %")
    return 100 * share


def kept_alive(who: str, counted: Counts, most: int) -> None:
    """Connections to the backends are used again; most: as many as may be open at once."""
    opened = sum(counted.connections.values())
    if opened > most + KEEP_ALIVE_SLACK * counted.total:
        raise Failed(f"{who}: {opened} connections to the backends for {counted.total} requests: not kept alive")


def growth(who: str, before: int, peak: int, most: int) -> None:
    """Memory stays bounded; most: MiB, 0 where it is not looked at."""
    grown = (peak - before) / (1 << 20)
    if most and grown > most:
        raise Failed(f"{who}: its memory grew by {grown:.0f} MiB under the load, of {most} at most")


def _curl(args: list[str]) -> bytes:
    done = subprocess.run(["curl", "-sS", "--insecure", "--max-time", "20", *args], capture_output=True,
                          env=environment(), check=False)
    if done.returncode != 0:
        raise Failed(f"curl {args[-1]}: {done.stderr.decode().strip()}")
    return done.stdout
