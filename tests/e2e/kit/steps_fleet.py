"""A fleet of weirs on one Redis set: flips while masters are killed."""

import itertools
import json
import os
import re
import signal
import subprocess
import threading

from kit.failure import Failure, expect, until
from kit.load import Load
from kit.place import free_port
from kit.proxy import SANITIZERS, config_text, merge
from kit.scenario import step

PARTLY = 4  # how `weir flip --wait` ends when some have not answered


class Member:
    """One weir of the fleet, on a host of its own when `remote`, with load on it; somebody looks all the time whether its epoch ever goes back."""

    def __init__(self, run, number, connections, remote):
        self.run, self.name = run, f"w{number}"
        self.socket = run.place.path(self.name, "admin.sock")
        self.space, host = run.network.add() if remote else (None, run.place.host)
        address = f"{host}:{free_port()}"
        config = merge(run.config, {"state_dir": run.place.path(self.name), "workers": 1,
                                    "listeners": [{"address": address}], "control": {"instance": self.name}})
        config.pop("log")
        path = run.place.write(f"{self.name}.json", config_text(config))
        command = [run.weir.program, "run", "--config", path]
        self.process = run.place.start(self.name, run.network.command(self.space, command) if remote else command,
                                       env=SANITIZERS)
        until(lambda: self.ask("/readyz").status == 200, f"{self.name} is ready", patience=60)
        self.load = Load(address, "h1", connections=connections)
        run.loads[self.name] = self.load
        self.epoch, self.went_back = 0, []
        self.stopping = threading.Event()
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()

    def ask(self, path):
        try:
            return self.run.weir.admin("GET", path, path_of_socket=self.socket)
        except OSError as e:
            raise Failure(f"{self.name}: {e}") from None

    def status(self):
        return json.loads(self.ask("/status").body)

    def document(self):
        now = self.status()
        return now["document"], now["pin"]

    def _watch(self):
        while not self.stopping.wait(0.05):
            now = self.status()["epoch"]
            if now < self.epoch:
                self.went_back.append((self.epoch, now))
            self.epoch = now

    def flip(self, word, wait="10s"):
        return subprocess.run([self.run.weir.program, "flip", word, f"--wait={wait}", "--admin", self.socket],
                              capture_output=True, text=True, timeout=60, env={**os.environ, **SANITIZERS})

    def end(self):
        self.stopping.set()
        self.watcher.join()
        self.load.stop()
        self.load.check({"failed": 0, "at_least": 10}, {})
        expect(not self.went_back, f"the epoch of {self.name} never goes back", self.went_back)
        self.process.signal(signal.SIGTERM)
        expect(self.process.wait(60) == 0, f"{self.name} ends with 0")


class Fleet:
    """The weirs, and flips through one after the other."""

    def __init__(self, run, weirs, remote, connections):
        self.run = run
        self.members = [Member(run, n, connections, n >= weirs - remote) for n in range(weirs)]
        self.words = itertools.cycle(["new", "legacy"])
        self.away = []
        self.flips = 0

    def flip(self, wait="10s", allowed=(0,)):
        """Through one that is not away."""
        here = [m for m in self.members if m not in self.away]
        done = here[self.flips % len(here)].flip(next(self.words), wait)
        expect(done.returncode in allowed, f"flip {self.flips} ends with one of {allowed}", done.stdout + done.stderr)
        self.flips += 1
        return done

    def flip_without_master(self):
        """There is a master again when it is over, the one that was killed follows it, and every weir is connected."""
        dead = self.run.redis.master()
        dead.kill()
        self.flip("1s", (0, 1, PARTLY))
        until(lambda: self.run.redis.master() is not dead, "there is another master", patience=30)
        dead.start()
        until(lambda: all(m.status()["store"]["connected"] for m in self.members), "all are connected again", patience=60)
        until(self._replicas_follow, "the replicas follow", patience=60)

    def _replicas_follow(self):
        facts = [n.cli(["INFO", "replication"]) for n in self.run.redis.replicas()]
        return all("role:slave" in f and "master_link_status:up" in f for f in facts)

    def flip_with_some_cut_off(self):
        """Those on hosts of their own are cut off: they hold what they have, the others go on; then they catch up."""
        self.away = [m for m in self.members if m.space]
        held = [m.document() for m in self.away]
        for m in self.away:
            self.run.network.cut(m.space)
        done = self.flip("2s", (PARTLY,))
        for m in self.members:
            expect((m.name in named(done)) == (m in self.away), f"{m.name}: only who is cut off is named as missing",
                   done.stdout + done.stderr)
        until(lambda: not any(m.status()["store"]["connected"] for m in self.away), "they notice", patience=30)
        expect([m.document() for m in self.away] == held, "who is cut off holds its state")
        for m in self.away:
            self.run.network.mend(m.space)
        self.away = []
        until(self.agree, "who was cut off catches up", patience=60)

    def agree(self):
        return len({m.document() for m in self.members}) == 1


def named(done):
    """Who `weir flip --wait` says has not taken the document over."""
    return set(re.findall(r"behind: (\S+)", done.stdout + done.stderr))


@step("fleet", weirs=3, flips=12, kills=1, cuts=0, remote=0, connections=1)
def fleet(run, t):
    """So many weirs, load on each, so many flips through one after the other, during which the master is killed and the
    `remote` ones are cut off so many times. While there is a master every flip is acknowledged by all that can be
    reached; no request fails, no epoch goes back, and at the end all have the same document.
    WEIR_FLEET=8,200,5,5 in the environment: other numbers of weirs, flips, kills and cuts."""
    given = os.environ.get("WEIR_FLEET")
    weirs, flips, kills, cuts = map(int, given.split(",")) if given else (t["weirs"], t["flips"], t["kills"], t["cuts"])
    fleet = Fleet(run, weirs, t["remote"], t["connections"])
    kill_at = {flips * (2 * k + 1) // (2 * kills) for k in range(kills)}
    cut_at = {flips * (2 * k + 1) // (2 * cuts) + 1 for k in range(cuts)}
    while fleet.flips < flips:
        if fleet.flips in cut_at:
            fleet.flip_with_some_cut_off()
        elif fleet.flips in kill_at:
            fleet.flip_without_master()
        else:
            fleet.flip()
    done = fleet.members[0].flip("legacy")
    expect(done.returncode == 0, "the last flip is acknowledged by all", done.stdout + done.stderr)
    expect(fleet.agree() and fleet.members[0].document()[1] == "legacy", "all have the same document",
           [m.document() for m in fleet.members])
    for member in fleet.members:
        member.end()
