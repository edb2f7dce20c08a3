"""weir, with every option at its default but those that say what the comparison is: as many idle connections to a side
as nginx and haproxy keep here, for example."""

from __future__ import annotations

import http.client
import json
import re
import socket
from pathlib import Path
from typing import Any

from peers.peer import Flavour, Peer, Setting, Turns, route_prefix

TURNS = re.compile(r'weir_loop_turn_seconds_bucket\{.*le="([^"]+)"\} (\d+)')
LONG = re.compile(r"weir_loop_long_turns_total\{.*\} (\d+)")


class Local(http.client.HTTPConnection):
    """To a Unix socket."""

    def __init__(self, path: Path):
        super().__init__("weir", timeout=30)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for key, value in over.items():
        both[key] = merged(base[key], value) if isinstance(base.get(key), dict) and isinstance(value, dict) else value
    return both


class Weir(Peer):
    name = "weir"
    command = "weir"

    def __init__(self, program: Path | None):
        super().__init__()
        self.program = str(program) if program else None

    def can(self, flavour: Flavour) -> bool:
        return True

    def prepare(self, setting: Setting) -> list[str]:
        (setting.room / "state").mkdir()
        conf = self._write(setting, 0)
        return [str(self.program), "run", "--config", str(conf)]

    def reload(self, setting: Setting, turn: int) -> list[str]:
        self._write(setting, turn)
        return [str(self.program), "reload", "--state-dir", str(setting.room / "state")]

    def metrics(self, setting: Setting) -> str:
        asked = Local(setting.room / "state" / "admin.sock")
        try:
            asked.request("GET", "/metrics")
            return asked.getresponse().read().decode()
        finally:
            asked.close()

    def turns(self, setting: Setting) -> Turns | None:
        text = self.metrics(setting)
        upto: dict[str, int] = {}
        for le, number in TURNS.findall(text):
            upto[le] = upto.get(le, 0) + int(number)
        return Turns(upto["+Inf"], upto["+Inf"] - upto["0.001"], sum(map(int, LONG.findall(text))))

    def _write(self, setting: Setting, turn: int) -> Path:
        """turn: the weight of the routes nobody asks for, which is how one configuration differs from the next."""
        f = setting.flavour
        route: dict[str, Any] = {"name": "all", "match": {"prefix": "/"}, "new_percent": f.new_percent,
                                 "sticky": ["random"]}
        if f.mirror:
            route["shadow"] = {"percent": 100}
        log: dict[str, Any] = {"level": "warn"}
        if f.access_log:
            log["access"] = str(setting.access_log)
        protocol = "h2" if f.h2_backends else "http1"
        certificate = {"cert": str(setting.certificate), "key": str(setting.key)}
        config = {
            "workers": f.workers,
            "state_dir": str(setting.room / "state"),
            "listeners": [{"address": f"127.0.0.1:{setting.plain}"},
                          {"address": f"127.0.0.1:{setting.tls}",
                           "tls": {"min_version": "1.3", "certificates": [certificate]}}],
            "backends": {"old": {"servers": [f"127.0.0.1:{setting.legacy}"], "protocol": protocol},
                         "new": {"servers": [f"127.0.0.1:{setting.new}"], "protocol": protocol}},
            "defaults": {"legacy": "old", "new": "new"},
            "routes": [merged(route, f.route)] + [self._other(f, i, turn) for i in range(1, f.routes)],
            "limits": {"backend_idle": 1024},
            "log": log,
        }
        if setting.redis:
            config["control"] = {"redis": f"redis://127.0.0.1:{setting.redis}/0"}
        conf = setting.room / "weir.json"
        conf.write_text(json.dumps(merged(config, f.options), indent=2))
        return conf

    @staticmethod
    def _other(f: Flavour, n: int, turn: int) -> dict[str, Any]:
        share = {"new_percent": f.new_percent, "sticky": ["random"]} if f.all_split else {"new_percent": turn % 100}
        return {"name": f"r{n}", "match": {"prefix": route_prefix(n)}, **share}

    def version_command(self) -> list[str]:
        return [str(self.program), "--version"]
