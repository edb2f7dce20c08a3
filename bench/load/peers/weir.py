"""weir, with every option at its default but those that say what the comparison is."""

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
        f = setting.flavour
        state = setting.room / "state"
        state.mkdir()
        route: dict[str, Any] = {"name": "all", "match": {"prefix": "/"}, "new_percent": f.new_percent,
                                 "sticky": ["random"]}
        if f.mirror:
            route["shadow"] = {"percent": 100}
        log: dict[str, Any] = {"level": "warn"}
        if f.access_log:
            log["access"] = str(setting.access_log)
        certificate = {"cert": str(setting.certificate), "key": str(setting.key)}
        config = {
            "workers": 1,
            "state_dir": str(state),
            "listeners": [{"address": f"127.0.0.1:{setting.plain}"},
                          {"address": f"127.0.0.1:{setting.tls}",
                           "tls": {"min_version": "1.3", "certificates": [certificate]}}],
            "backends": {"old": {"servers": [f"127.0.0.1:{setting.legacy}"]},
                         "new": {"servers": [f"127.0.0.1:{setting.new}"]}},
            "defaults": {"legacy": "old", "new": "new"},
            "routes": [route],
            "log": log,
        }
        conf = setting.room / "weir.json"
        conf.write_text(json.dumps(config, indent=2))
        return [str(self.program), "run", "--config", str(conf)]

    def version_command(self) -> list[str]:
        return [str(self.program), "--version"]
