"""Steps that change the world: weir, its configuration, backends, Redis, files."""

import os
import resource
import signal
import stat
import subprocess
import time

from kit import proxy, servers
from kit.failure import PATIENCE, Failure, expect, until
from kit.match import check_json, matches
from kit.scenario import checked, step

import json


def check_texts(table, out, err, what):
    for name, text in (("out", out), ("err", err)):
        for want in table[name]:
            found = matches(want, text) if want.startswith("~") else want in text
            expect(found, f"{what}: {'standard output' if name == 'out' else 'standard error'} has {want!r}",
                   f"{text} | {err}" if name == "out" else text)
        for want in table[f"{name}_not"]:
            expect(want not in text, f"{what}: no {want!r}", text)


TEXTS = {"out": [], "err": [], "out_not": [], "err_not": []}


@step("weir-start", args=None, env={})
def weir_start(run, t):
    """Starts weir (again) and waits until it is ready."""
    run.weir.start(t["args"], t["env"])


@step("weir-stop", exit=0, signal="TERM", wait=True)
def weir_stop(run, t):
    """Ends weir and waits for its exit status; with wait = false only the signal is sent."""
    run.weir.process.awaited = t["exit"]
    if not t["wait"] or t["signal"] != "TERM":
        run.weir.process.signal(signal.Signals[f"SIG{t['signal']}"])
    elif t["exit"] == 0:
        run.weir.stop()
        return
    if t["wait"]:
        code = run.weir.process.wait(proxy.END_PATIENCE)
        expect(code == t["exit"], f"weir ends with status {t['exit']}", code)


@step("weir-ended", exit=0, patience=60)
def weir_ended(run, t):
    """Waits until weir has ended by itself."""
    run.weir.process.awaited = t["exit"]
    code = run.weir.process.wait(t["patience"])
    expect(code == t["exit"], f"weir ended with status {t['exit']}", code)


@step("weir-runs")
def weir_runs(run, _):
    """weir has not ended."""
    expect(run.weir.is_running(), "weir still runs")


@step("signal", "name")
def send_signal(run, t):
    """A signal to weir: HUP, TERM, USR1, KILL, ..."""
    run.weir.process.signal(signal.Signals[f"SIG{t['name']}"])


@step("files-limit", "soft")
def files_limit(run, t):
    """How many descriptors weir may have open from now on."""
    pid = run.weir.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (t["soft"], hard))


@step("file-table", "at_least")
def file_table(run, t):
    """For how many descriptors weir's table has room."""
    with open(f"/proc/{run.weir.process.pid}/status", encoding="ascii") as f:
        room = next(int(line.split()[1]) for line in f if line.startswith("FDSize:"))
    expect(room >= t["at_least"], f"its table has room for {t['at_least']} descriptors", room)


@step("config", set=None, text=None)
def config(run, t):
    """Changes the configuration file: `set` is merged into what it was, `text` replaces the file's bytes. Nobody
    is told."""
    if t["text"] is not None:
        run.weir.configure(t["text"])
        return
    run.config = proxy.merge(run.config, t["set"])
    run.weir.configure(run.config)


@step("reload", reloads=1)
def reload(run, t):
    """SIGHUP, until weir counts one good reload more; `reloads` times. Then finds the listeners again."""
    for _ in range(t["reloads"]):
        before = run.weir.metrics().sum("weir_reloads_total")
        good = run.weir.metrics().sum("weir_reloads_total", {"result": "ok"})
        run.weir.process.signal(signal.SIGHUP)
        until(lambda: run.weir.metrics().sum("weir_reloads_total") > before, "weir reloads")
        expect(run.weir.metrics().sum("weir_reloads_total", {"result": "ok"}) > good, "the reload is accepted",
               run.weir.log()[-1500:])
    run.weir.find_listeners()


@step("reloads", "times", "sets", warm=100, growth_mib=8)
def reloads(run, t):
    """Reload after reload through the admin socket, each with the next of the configurations `sets`; from the `warm`th on
    weir's memory does not grow by more than growth_mib, and its descriptors not at all."""
    limit = t["growth_mib"] + (48 if run.weir.sanitizer else 0)
    for i in range(t["times"]):
        run.config = proxy.merge(run.config, t["sets"][i % len(t["sets"])])
        run.weir.configure(run.config)
        answer = run.weir.admin("POST", "/reload", timeout=60)
        expect(answer.status == 200, f"reload {i + 1} is accepted", answer.body)
        if i + 1 == t["warm"]:
            before = run.weir.rss_kib()
    grown = (run.weir.rss_kib() - before) / 1024
    expect(grown <= limit, f"{t['times'] - t['warm']} reloads grow memory by at most {limit} MiB", f"{grown:.1f} MiB")
    run.weir.check_descriptors()
    run.weir.find_listeners()


@step("weir", "args", exit=0, env={}, json={}, save=None, **TEXTS)
def weir_command(run, t):
    """A weir command beside the running one; `json` looks into its standard output; `save` keeps that output."""
    done = run.weir.command(t["args"], t["env"])
    what = f"weir {' '.join(t['args'])}"
    expect(done.returncode == t["exit"], f"{what} ends with {t['exit']}",
           f"{done.returncode}: {done.stdout} {done.stderr}")
    check_texts(t, done.stdout, done.stderr, what)
    if t["json"]:
        check_json(t["json"], json.loads(done.stdout), what)
    if t["save"]:
        run.saved[t["save"]] = done.stdout.strip()


@step("run", "command", exit=0, timeout=120, **TEXTS)
def run_program(run, t):
    """Another program, to its end."""
    done = subprocess.run(t["command"], capture_output=True, text=True, timeout=t["timeout"], cwd=run.place.dir)
    what = t["command"][0]
    expect(done.returncode == t["exit"], f"{what} ends with {t['exit']}", done.stdout + done.stderr)
    check_texts(t, done.stdout, done.stderr, what)


@step("backend", "name", op=None, behave=None, gate=None)
def backend(run, t):
    """op: stop (connections end by FIN; nginx is killed), reset (by reset), quit (nginx: in order), start, restart,
    pause and go-on (nginx: SIGSTOP, SIGCONT), forget (what was seen). behave: another behaviour from the next request on. gate: opens a gate a script waits at."""
    server = run.servers[t["name"]]
    if t["behave"] is not None:
        server.behaviour = t["behave"]
    if t["gate"]:
        server.gate(t["gate"]).set()
    if t["op"] in ("stop", "restart"):
        server.stop("close")
    if t["op"] in ("reset", "quit"):
        server.stop(t["op"])
    if t["op"] in ("start", "restart"):
        server.start()
    if t["op"] == "pause":
        server.pause()
    if t["op"] == "go-on":
        server.go_on()
    if t["op"] == "forget":
        server.forget()


@step("haproxy", "name", to="http", words="")
def haproxy(run, t):
    """Starts an haproxy in front of a listener of weir's; {{NAME}} is its address from then on."""
    run.saved[t["name"]] = servers.Haproxy(run.place, t["name"], run.weir.address(t["to"]), t["words"]).address


@step("redis", "op")
def redis(run, t):
    """op: start (empty), kill, stop (SIGSTOP), cont, empty (killed and started empty). Of a set with sentinels:
    kill-master (until there is another one), start-again (the one that was killed, as it believes to be: a master),
    stop-replicas (SIGSTOP), kill-master-cont-replicas (so that what was written between never reaches them)."""
    r = run.redis
    if t["op"] == "kill-master":
        run.saved["dead-master"] = r.kill_master()
    if t["op"] == "start-again":
        run.saved["dead-master"].start()
    if t["op"] == "stop-replicas":
        run.saved["stopped"] = r.replicas()
        for node in run.saved["stopped"]:
            node.pause()
        r.cli(["CLIENT", "KILL", "TYPE", "replica"])  # else what is written now waits in their sockets
    if t["op"] == "kill-master-cont-replicas":
        run.saved["dead-master"] = r.kill_master(run.saved["stopped"])
    if t["op"] in ("kill", "empty"):
        r.kill()
    if t["op"] in ("start", "empty"):
        r.start()
    if t["op"] == "stop":
        r.pause()
    if t["op"] == "cont":
        r.go_on()


@step("dns", name=None, addresses=None, ttl=0, silent=None, asked=None)
def dns(run, t):
    """What the name server says of `name` from now on: `addresses` with `ttl`; without any the name does not exist.
    silent: it says nothing. asked = N: waits until it was asked N times more."""
    server = run.dns
    if t["name"] is not None:
        server.names.pop(t["name"], None)
    if t["addresses"] is not None:
        server.names[t["name"]] = (t["addresses"], t["ttl"])
    if t["silent"] is not None:
        server.silent = t["silent"]
    if t["asked"] is not None:
        want = server.asked + t["asked"]
        until(lambda: server.asked >= want, f"the name server is asked {t['asked']} times")


@step("redis-cli", "args", out=None, save=None)
def redis_cli(run, t):
    """redis-cli with these arguments; `out` is what it must print."""
    out = run.redis.cli(t["args"])
    if t["out"] is not None:
        expect(matches(t["out"], out), f"redis-cli {' '.join(t['args'])} prints {t['out']!r}", out)
    if t["save"]:
        run.saved[t["save"]] = out


@step("acknowledged", mark=None, has=None)
def acknowledged(run, t):
    """Until every ack key in Redis is as `has` says ({document = N} and so on; numbers: at least); sets a mark at
    that moment."""

    def check():
        keys = run.redis.cli(["--raw", "KEYS", "weir:ack:*"]).split()
        acks = [json.loads(run.redis.cli(["--raw", "GET", key])) for key in keys]
        for ack in acks:
            for name, want in (t["has"] or {}).items():
                ok = ack[name] >= want if isinstance(want, int) else matches(want, ack[name])
                expect(ok, f"the ack's {name} is {want!r}", ack)
        return bool(acks)

    until(check, "weir acknowledges", every=0.001)
    if t["mark"]:
        run.marks[t["mark"]] = time.monotonic()


@step("mark", "name")
def mark(run, t):
    """Remembers this moment, for the step load-stop."""
    run.marks[t["name"]] = time.monotonic()


@step("file", "path", write=None, append=None, replace={}, move_to=None, remove=False, exists=None, mode=None, has=[], lacks=[])
def file(run, t):
    """A file in the scenario's directory (or anywhere, by its full path): changed, or looked at until it is so."""
    path = os.path.join(run.place.dir, t["path"])
    if t["write"] is not None:
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(t["write"])
    if t["append"] is not None:
        with open(path, "a", encoding="utf-8", newline="") as f:
            f.write(t["append"])
    if t["replace"]:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for old, new in t["replace"].items():
            expect(old in text, f"{path} has {old!r}", text)
            text = text.replace(old, new)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    if t["move_to"]:
        os.rename(path, os.path.join(run.place.dir, t["move_to"]))
    if t["remove"]:
        os.unlink(path)

    def check():
        there = os.path.exists(path)
        if t["exists"] is not None:
            expect(there == t["exists"], f"{path} is {'there' if t['exists'] else 'not there'}")
        if t["mode"]:
            expect(f"{stat.S_IMODE(os.stat(path).st_mode):04o}" == t["mode"], f"{path} has mode {t['mode']}",
                   oct(os.stat(path).st_mode))
        if t["has"] or t["lacks"]:
            expect(there, f"{path} is there")
            with open(path, encoding="utf-8") as f:
                text = f.read()
            for want in t["has"]:
                expect(matches(want, text) if want.startswith("~") else want in text, f"{path} has {want!r}", text)
            for no in t["lacks"]:
                expect(no not in text, f"{path} lacks {no!r}", text)
        return True

    until(check, f"{t['path']}", patience=PATIENCE if t["exists"] is not False or t["has"] else 10)


@step("repeat", "times", "steps")
def repeat(run, t):
    """The same steps again and again, with {{i}} counting from 1."""
    for i in range(1, t["times"] + 1):
        run.saved["i"] = i
        for inner in t["steps"]:
            try:
                run.do(checked(inner))
            except Failure as failure:
                raise Failure(f"repetition {i}, {inner['do']}: {failure}") from None


@step("close-clients")
def close_clients(run, _):
    """Closes every connection, session and load that is open."""
    run.close_clients()
