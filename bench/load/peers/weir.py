"""weir, with every option at its default but those that say what the comparison is: as many idle connections to a side
as nginx and haproxy keep here, for example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from peers.peer import Flavour, Peer, Setting


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
            "workers": 1,
            "state_dir": str(setting.room / "state"),
            "listeners": [{"address": f"127.0.0.1:{setting.plain}"},
                          {"address": f"127.0.0.1:{setting.tls}",
                           "tls": {"min_version": "1.3", "certificates": [certificate]}}],
            "backends": {"old": {"servers": [f"127.0.0.1:{setting.legacy}"], "protocol": protocol},
                         "new": {"servers": [f"127.0.0.1:{setting.new}"], "protocol": protocol}},
            "defaults": {"legacy": "old", "new": "new"},
            "routes": [route] + [{"name": f"r{i}", "match": {"prefix": f"/service{i % 97}/api/v{i}/"},
                                  "new_percent": turn % 100} for i in range(1, f.routes)],
            "limits": {"backend_idle": 1024},
            "log": log,
        }
        if setting.redis:
            config["control"] = {"redis": f"redis://127.0.0.1:{setting.redis}/0"}
        conf = setting.room / "weir.json"
        conf.write_text(json.dumps(config, indent=2))
        return conf

    def version_command(self) -> list[str]:
        return [str(self.program), "--version"]
