"""A fleet of weirs on one Redis set: flips while masters are killed."""

import itertools
import json
import os
import signal
import subprocess
import threading

from kit.failure import Failure, expect, until
from kit.load import Load
from kit.place import free_port
from kit.proxy import SANITIZERS, merge
from kit.scenario import step


class Member:
    """One weir of the fleet with load on it; somebody looks all the time whether its epoch ever goes back."""

    def __init__(self, run, number, connections):
        self.run, self.name = run, f"w{number}"
        self.socket = run.place.path(self.name, "admin.sock")
        port = free_port()
        config = merge(run.config, {"state_dir": run.place.path(self.name), "workers": 1,
                                    "listeners": [{"address": f"127.0.0.1:{port}"}], "control": {"instance": self.name}})
        config.pop("log")
        path = run.place.write(f"{self.name}.json", json.dumps(config))
        self.process = run.place.start(self.name, [run.weir.program, "run", "--config", path], env=SANITIZERS)
        until(lambda: self.ask("/readyz").status == 200, f"{self.name} is ready", patience=60)
        self.load = Load(f"127.0.0.1:{port}", "h1", connections=connections)
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


def _calm(run, members):
    """There is a master, the one that was killed follows it, and every weir is connected."""
    run.saved.pop("dead").start()
    until(lambda: all(m.status()["store"]["connected"] for m in members), "all are connected again", patience=60)
    until(lambda: "role:slave" in "".join(n.cli(["INFO", "replication"]) for n in run.redis.replicas()) and
          all("master_link_status:up" in n.cli(["INFO", "replication"]) for n in run.redis.replicas()),
          "the replicas follow", patience=60)


@step("fleet", weirs=3, flips=12, kills=1, connections=1)
def fleet(run, t):
    """So many weirs, load on each, so many flips through one after the other, during which the master is killed so many
    times. While there is a master every flip is acknowledged by all; no request fails, no epoch goes back, and at the
    end all have the same document. WEIR_FLEET=8,200,5 in the environment: other numbers of weirs, flips and kills."""
    given = os.environ.get("WEIR_FLEET")
    weirs, flips, kills = map(int, given.split(",")) if given else (t["weirs"], t["flips"], t["kills"])
    members = [Member(run, n, t["connections"]) for n in range(weirs)]
    kill_at = {flips * (k + 1) // (kills + 1) for k in range(kills)}
    words = itertools.cycle(["new", "legacy"])
    for n in range(flips):
        killing = n in kill_at
        if killing:
            run.saved["dead"] = run.redis.master()
            run.saved["dead"].kill()
        done = members[n % weirs].flip(next(words), "1s" if killing else "10s")
        allowed = (0, 1, 4) if killing else (0,)
        expect(done.returncode in allowed, f"flip {n} ends with one of {allowed}", done.stdout + done.stderr)
        if killing:
            until(lambda: run.redis.master() is not run.saved["dead"], "there is another master", patience=30)
            _calm(run, members)
    done = members[0].flip("legacy")
    expect(done.returncode == 0, "the last flip is acknowledged by all", done.stdout + done.stderr)
    seen = [(m.status()["document"], m.status()["pin"]) for m in members]
    expect(len(set(seen)) == 1 and seen[0][1] == "legacy", "all have the same document", seen)
    for member in members:
        member.end()
