"""What every proxy in the comparison is: a configuration writer and a command."""

from __future__ import annotations

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

SBIN = ":/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Flavour:
    """What a proxy is asked to do besides the split."""

    name: str = ""
    new_percent: int = 10
    mirror: bool = False  # a copy of every request to the new side, which must then have new_percent 0
    access_log: bool = False
    routes: int = 1
    all_split: bool = False  # each route has the share of the split, not only the one for all paths
    workers: int = 1
    reloads: bool = False  # under load; see Peer.reload
    stress: bool = False  # under load: everything of stress.py
    redis: bool = False  # the control document is in a Redis
    h2_backends: bool = False  # HTTP/2 with prior knowledge is spoken to both sides
    echo: bool = False  # legacy is a WebSocket server
    # weir's own options: what is merged over its configuration, and over that of the route for all paths.
    options: dict[str, Any] = field(default_factory=dict)
    route: dict[str, Any] = field(default_factory=dict)


def route_prefix(n: int) -> str:
    """Of the nth route; the first takes every path that no other does."""
    return f"/service{n % 97}/api/v{n}/" if n else "/"


@dataclass(frozen=True)
class Setting:
    """Where one sample takes place."""

    room: Path  # an empty folder of the proxy's own
    plain: int  # the port to listen on, HTTP/1 in the clear
    tls: int  # the port to listen on, TLS with HTTP/2 and HTTP/1
    legacy: int  # the port of the side
    new: int
    certificate: Path
    key: Path
    flavour: Flavour
    redis: int = 0  # its port, when the flavour wants one

    @property
    def access_log(self) -> Path:
        return self.room / "access.log"


@dataclass(frozen=True)
class Turns:
    """Of the loops of a proxy's workers."""

    all: int
    slow: int  # that took more than a millisecond
    long: int  # in which a single step did

    def __sub__(self, other: Turns) -> Turns:
        return Turns(self.all - other.all, self.slow - other.slow, self.long - other.long)


class Peer(ABC):
    """Duties, equal for all: add the client's address to X-Forwarded-For, pass Host on, send a share of the requests at
    random to the new side, keep connections to both sides open, leave the answer as it is, write no log unless told.
    One worker. TLS 1.3 only, AES-128-GCM."""

    name: str
    command: str
    guest = False  # takes part in the main rows only, unless everyone was asked for
    proxies = True  # False: it has none of these duties and no TLS, and takes part only in rows that want the floor

    def __init__(self) -> None:
        self.program = shutil.which(self.command, path=os.environ.get("PATH", "") + SBIN)

    @abstractmethod
    def prepare(self, setting: Setting) -> list[str]:
        """Writes the configuration into setting.room; the command that runs the proxy in the foreground."""

    def can(self, flavour: Flavour) -> bool:
        """Most do the plain split and no more."""
        return replace(flavour, name="", new_percent=10) == Flavour()

    def reload(self, setting: Setting, turn: int) -> list[str]:
        """Changes the configuration a little; the command that puts it into force and fails if it cannot."""
        raise NotImplementedError(f"{self.name} has no reload here")

    def turns(self, setting: Setting) -> Turns | None:
        """Since it began, if it tells."""
        return None

    @abstractmethod
    def version_command(self) -> list[str]: ...

    def version(self) -> str:
        done = subprocess.run(self.version_command(), capture_output=True, text=True, check=False)
        return ((done.stdout + done.stderr).strip().splitlines() or ["?"])[0]
