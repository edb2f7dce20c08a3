"""The proxies that are compared. A new one is a file here with a subclass of Peer, and its name in `find`."""

from __future__ import annotations

from pathlib import Path

from peers.caddy import Caddy
from peers.floor import Floor
from peers.h2o import H2O
from peers.haproxy import HAProxy
from peers.nghttpx import Nghttpx
from peers.nginx import Nginx
from peers.peer import Flavour, Peer, Setting, route_prefix
from peers.weir import Weir

REFERENCE = Nginx.name

__all__ = ["Flavour", "Peer", "Setting", "REFERENCE", "find", "route_prefix"]


def find(weir: Path | None, tools: Path, wanted: list[str] | None) -> tuple[list[Peer], list[str]]:
    """The peers that can run here, nginx first and weir last, and a note for each that cannot. tools: where programs of
    this folder are built."""
    present, notes = [], []
    for peer in (Nginx(), HAProxy(), Nghttpx(), H2O(), Caddy(), Floor(tools), Weir(weir)):
        if wanted and peer.name not in wanted:
            continue
        if peer.program is None:
            notes.append(f"{peer.name} is skipped: not installed")
        else:
            present.append(peer)
    return present, notes
