"""Hosts of the scenario's own: a network namespace each, on one bridge, whose cable can be pulled. It takes root (or
CAP_NET_ADMIN) and iproute2; where namespaces cannot be made, a scenario that has `network = true` is skipped."""

import os
import random
import subprocess

from kit.failure import Failure


def _ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise Failure(f"ip {' '.join(words)}: {done.stderr.strip()}")


def possible():
    """Whether this user may make network namespaces and a bridge."""
    name = f"wp{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, timeout=30).returncode == 0
    if made:
        made = subprocess.run(["ip", "-n", name, "link", "add", "br0", "type", "bridge"],
                              capture_output=True, timeout=30).returncode == 0
        _ip("netns", "del", name)
    return made


class Network:
    """One bridge; its address is where the servers of the scenario listen."""

    def __init__(self):
        self.bridge = f"wb{os.getpid()}"
        self.net = f"10.{random.randint(193, 254)}.{random.randint(1, 254)}"
        self.host = f"{self.net}.1"
        self.hosts = []
        _ip("link", "add", self.bridge, "type", "bridge", "forward_delay", "0")  # a mended cable carries at once
        _ip("addr", "add", f"{self.host}/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")

    def add(self):
        """A host of its own: (name of the namespace, its address)."""
        number = len(self.hosts)
        space, cable, address = f"w{os.getpid()}n{number}", f"w{os.getpid()}c{number}", f"{self.net}.{number + 2}"
        _ip("netns", "add", space)
        self.hosts.append((space, cable))
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            _ip("-n", space, "link", "set", link, "up")
        _ip("link", "set", cable, "master", self.bridge, "up")
        return space, address

    def command(self, space, command):
        return ["ip", "netns", "exec", space, *command]

    def _cable(self, space):
        return dict(self.hosts)[space]

    def cut(self, space):
        """What is sent vanishes, in both directions; no side is told."""
        _ip("link", "set", self._cable(space), "nomaster")

    def mend(self, space):
        _ip("link", "set", self._cable(space), "master", self.bridge)

    def end(self):
        for space, _ in self.hosts:
            _ip("netns", "del", space)
        _ip("link", "del", self.bridge)
