"""The kernel's floor: floor.c, which relays bytes and looks at nothing."""

from __future__ import annotations

from pathlib import Path

from peers.peer import Peer, Setting


class Floor(Peer):
    name = "floor"
    command = "floor"
    proxies = False

    def __init__(self, tools: Path):
        super().__init__()
        program = tools / self.command
        self.program = str(program) if program.exists() else None

    def prepare(self, setting: Setting) -> list[str]:
        return [str(self.program), str(setting.plain), str(setting.legacy)]

    def version_command(self) -> list[str]:
        return []

    def version(self) -> str:
        return "floor (bench/load/floor.c)"
