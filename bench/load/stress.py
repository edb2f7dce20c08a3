"""What operators do and what breaks, while clients go on: reloads, new certificates, flips through Redis, reports, a look at the
metrics, and a Redis that dies and comes back.

Each thing is done to its end, and what it was for must be seen: the certificate in a handshake, the side in an answer.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from peers.peer import Peer, Setting
from procs import Failed

KEY = "weir:control"
PATIENCE = 20.0  # seconds for one thing to be seen
CERTIFICATE, PRIVATE = "certificate.pem", "key.pem"
LOOKS = "looks at the side"  # requests of its own: how many a flip takes depends on how fast the machine is


class Store(Protocol):
    port: int

    def start(self) -> None: ...
    def kill(self) -> None: ...


def make_certificate(room: Path) -> tuple[Path, Path]:
    cert, key = room / CERTIFICATE, room / PRIVATE
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


class Stress:
    def __init__(self, store: Store, peer: Peer, setting: Setting):
        self._store, self._peer, self._setting = store, peer, setting
        self._turn = 0
        self._looks = 0
        self._word = "legacy"

    def go_on(self, seconds: float) -> dict[str, int]:
        """Everything in turn, once at least and for so long; how often each was done."""
        things: dict[str, Callable[[], None]] = {
            "reloads": self.reload, "flips": self.flip, "certificates": self.certificate, "live reports": self.live_report,
            "reports": self.report, "looks at the metrics": self.metrics, "losses of Redis": self.lose_redis}
        done = dict.fromkeys(things, 0)
        end = time.monotonic() + seconds
        while not all(done.values()) or time.monotonic() < end:
            for name, thing in things.items():
                thing()
                done[name] += 1
        self._run([*self._redis(), "del", KEY])  # so that the next proxy finds none
        return {**done, LOOKS: self._looks}

    def reload(self) -> None:
        self._turn += 1
        self._run(self._peer.reload(self._setting, self._turn))

    def certificate(self) -> None:
        made = self._setting.room / "made"
        made.mkdir(exist_ok=True)
        cert, key = make_certificate(made)
        shutil.move(cert, self._setting.certificate)
        shutil.move(key, self._setting.key)
        self.reload()
        told = ssl.PEM_cert_to_DER_cert(self._setting.certificate.read_text())
        if self._shown() != hashlib.sha256(told).digest():
            raise Failed("after the reload the old certificate was shown")

    def _shown(self) -> bytes:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self._setting.tls), timeout=PATIENCE) as plain, \
                context.wrap_socket(plain) as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").digest()

    def flip(self) -> None:
        self._word = "new" if self._word == "legacy" else "legacy"
        self._say()

    def _say(self) -> None:
        """The word to Redis, until an answer is of that side."""
        self._run([*self._redis(), "set", KEY, self._word])
        end = time.monotonic() + PATIENCE
        while (side := self._side()) != self._word:
            if time.monotonic() > end:
                raise Failed(f"Redis says {self._word}, but {side} still answers")
            time.sleep(0.002)

    def _side(self) -> str:
        asked = http.client.HTTPConnection("127.0.0.1", self._setting.plain, timeout=PATIENCE)
        self._looks += 1
        try:
            asked.request("GET", "/", headers={"Connection": "close"})
            return str(json.loads(asked.getresponse().read())["side"])
        finally:
            asked.close()

    def _redis(self) -> list[str]:
        return ["redis-cli", "-p", str(self._store.port)]

    def live_report(self) -> None:
        self._run([*self._report(), "--live"])

    def report(self) -> None:
        self._run([*self._report(), "--format", "html"])

    def _report(self) -> list[str]:
        return [str(self._peer.program), "report", "--state-dir", str(self._setting.room / "state")]

    def metrics(self) -> None:
        if self._peer.turns(self._setting) is None:
            raise Failed("there are no metrics")

    def lose_redis(self) -> None:
        """What it knew is lost with it; weir goes on as it was, and hears the next word."""
        self._store.kill()
        time.sleep(0.2)
        self._store.start()
        self.flip()

    @staticmethod
    def _run(argv: list[str]) -> None:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{' '.join(argv)} failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
