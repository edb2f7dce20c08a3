"""Steps of hot upgrades and of the service manager: new processes, good and bad, and sockets and notes of systemd's."""

import http.client
import os
import shutil
import signal
import socket
import threading
import time

from kit.failure import expect, until
from kit.match import matches
from kit.place import children_of
from kit.proxy import SANITIZERS
from kit.scenario import step
from kit.steps_life import TEXTS, check_texts

# A new process that keeps to the protocol of base/handover.h up to `last`, and then does as it is told.
FALSE_HEIR = """#!/usr/bin/python3
import os, signal, socket, sys, time
channel = socket.socket(fileno=int(os.environ["WEIR_HANDOVER"]))
def until(word):
    while True:
        text, fds, _, _ = socket.recv_fds(channel, 1 << 16, 4)
        for fd in fds:
            os.close(fd)
        if not text:
            sys.exit(9)
        if text.split(b" ")[0] == word:
            return
for said, awaited in (("hello 0.0.0", b"given"), ("ready", b"state"), ("running", b"yours"), ("taken", b"never")):
    channel.send(said.encode())
    if said.split(" ")[0] == {last!r}:
        break
    until(awaited)
{then}
"""

# What systemd-socket-activate does, but at once.
ACTIVATE = """#!/usr/bin/python3
import argparse, os, socket
p = argparse.ArgumentParser()
p.add_argument("--listen", action="append")
p.add_argument("--fdname", default="")
p.add_argument("command", nargs=argparse.REMAINDER)
a = p.parse_args()
sockets = []
for address in a.listen:
    s = socket.socket(socket.AF_UNIX if address[0] == "/" else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    host, _, port = address.rpartition(":")
    s.bind(address if address[0] == "/" else (host, int(port)))
    s.listen()
    sockets.append(os.dup2(s.fileno(), 100 + len(sockets)))
for i, fd in enumerate(sockets):
    os.dup2(fd, 3 + i)
env = {**os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": a.fdname}
os.closerange(3 + len(sockets), 256)
os.execve(a.command[0], a.command, env)
"""

THEN = {"exit": "sys.exit(7)", "hang": "time.sleep(3600)", "kill": "os.kill(os.getpid(), signal.SIGKILL)",
        "close": "channel.close(); time.sleep(3600)"}


@step("program", script=None, heir=None, then="exit")
def program(run, t):
    """What an upgrade finds from now on: `script`, a shell script in which {weir} is the good one; or `heir`, a false
    one that goes on up to this word (hello, ready, running) and `then` does exit, kill, hang or close; or weir."""
    os.unlink(run.weir.link)
    good = os.path.realpath(run.weir.program)
    text = None
    if t["script"]:
        text = "#!/bin/sh\n" + t["script"].replace("{weir}", good)
    if t["heir"]:
        text = FALSE_HEIR.format(last=t["heir"], then=THEN[t["then"]])
    if text is None:
        os.symlink(good, run.weir.link)
        return
    run.place.program("weir", text)


@step("upgrade", signal=False, hangup=False, ended=True, patience=60)
def upgrade(run, t):
    """A good upgrade, by `weir upgrade --wait` or by SIGUSR2 (and SIGHUP behind it with `hangup`). With `ended`
    the old process is waited for, which must end in order."""
    before = run.weir.status()["pid"]
    if t["signal"]:
        run.weir.process.signal(signal.SIGUSR2)
        if t["hangup"]:
            _wait_begun(run)
            run.weir.process.signal(signal.SIGHUP)
        until(lambda: run.weir.status()["pid"] != before, "another process is in charge", patience=60)
    else:
        done = run.weir.command(["upgrade", "--wait"])
        expect(done.returncode == 0, "weir upgrade --wait ends with 0", done.stdout + done.stderr + run.weir.log()[-2000:])
        expect("has taken over" in done.stdout, "it says so", done.stdout)
    upgraded(run, t, before)


def _wait_begun(run):
    """Until a new process has been started since the last one that was replaced ended."""
    until(lambda: "has been started to take over" in run.weir.log().rpartition("has ended")[2], "the upgrade begins")


def upgraded(run, t, before):
    """Another process has been put in charge."""
    old = run.weir.upgraded()
    expect(run.weir.process.pid != before, "another process is in charge", before)
    if t["ended"]:
        code = old.wait(t["patience"])
        expect(code == 0, "the old process ends with 0", f"{code}: {old.stderr()[-1500:]}")
        until(lambda: run.weir.status()["upgrade"]["before"] is None, "the new one knows that the old one has ended")
    else:
        run.saved["old"] = old


@step("upgrade-under-drip", path="/findings", within=15)
def upgrade_under_drip(run, t):
    """An upgrade while a client of the admin socket reads a large answer slowly, never idle: the old process ends within
    that many seconds all the same. The answer must be more than the socket takes at once."""
    fill = http.client.HTTPConnection(run.weir.address("http"), timeout=30)
    for i in range(1000):
        fill.request("GET", f"/a{i // 100}x/b{i // 10 % 10}x/c{i % 10}x")
        fill.getresponse().read()
    fill.close()
    until(lambda: len(run.weir.admin("GET", t["path"]).body) > 400_000, "the answer is large")
    before = run.weir.status()["pid"]
    ended = threading.Event()
    drip = socket.socket(socket.AF_UNIX)
    drip.settimeout(30)
    drip.connect(os.path.join(run.weir.state_dir, "admin.sock"))
    drip.send(f"GET {t['path']} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    expect(drip.recv(1) == b"H", "the answer begins")

    def read():
        while not ended.wait(2) and drip.recv(32 * 1024):
            pass
    reader = threading.Thread(target=read)
    reader.start()
    try:
        done = run.weir.command(["upgrade", "--wait"])
        expect(done.returncode == 0, "weir upgrade --wait ends with 0", done.stdout + done.stderr + run.weir.log()[-2000:])
        upgraded(run, {"ended": False}, before)
        begun = time.monotonic()
        code = run.saved["old"].wait(90)
        took = time.monotonic() - begun
    finally:
        ended.set()
        reader.join()
        drip.close()
    expect(code == 0, "the old process ends with 0", code)
    expect(took < t["within"], f"it ends within {t['within']} s", f"{took:.1f} s")


@step("upgrade-during-purge", ended=True, patience=60, held=2)
def upgrade_during_purge(run, t):
    """An upgrade while a purge reads a file that does not come to its end: it waits for the purge."""
    before = run.weir.status()["pid"]
    records = os.path.join(run.weir.state_dir, "shadow.ndjson")
    done = {}

    def command(*args):
        def call():
            done[args[0]] = run.weir.command(args)
        thread = threading.Thread(target=call)
        thread.start()
        return thread

    os.mkfifo(records + ".1")
    purge = command("purge", "--older", "1h")
    until(lambda: os.path.exists(records + ".purging.1"), "the purge has the file before")
    upgrade = command("upgrade", "--wait")
    _wait_begun(run)
    upgrade.join(t["held"])
    waited = upgrade.is_alive()
    with open(records + ".purging.1", "wb"):
        pass
    for thread in (purge, upgrade):
        thread.join(t["patience"])
    expect(waited, "the upgrade waits for the purge", done)
    for name, got in done.items():
        expect(got.returncode == 0, f"weir {name} ends with 0", got.stdout + got.stderr + run.weir.log()[-2000:])
    upgraded(run, t, before)


@step("old-ended", patience=60)
def old_ended(run, t):
    """The old process of the last upgrade ends in order."""
    code = run.saved.pop("old").wait(t["patience"])
    expect(code == 0, "the old process ends with 0", code)


@step("upgrade-fails", signal=False, status=1, **TEXTS)
def upgrade_fails(run, t):
    """An upgrade that is refused or fails: the same process stays, ready, and no other is left behind."""
    before = run.weir.status()["pid"]
    failed = run.weir.metrics().sum("weir_upgrades_total", {"result": "failed"})
    if t["signal"]:
        run.weir.process.signal(signal.SIGUSR2)
        until(lambda: run.weir.metrics().sum("weir_upgrades_total", {"result": "failed"}) > failed, "it fails")
    else:
        done = run.weir.command(["upgrade", "--wait"])
        expect(done.returncode == t["status"], f"weir upgrade --wait ends with {t['status']}", done.stdout + done.stderr)
        check_texts(t, done.stdout, done.stderr, "weir upgrade --wait")
    expect(run.weir.status()["pid"] == before, "the same process is in charge")
    expect(run.weir.admin("GET", "/readyz").status == 200, "it is ready")
    if "old" not in run.saved:
        expect(not children_of(before), "no process is left behind", children_of(before))


@step("processes", "growth_mib")
def processes(run, t):
    """weir's memory and descriptors, but for connections, are those of the first process, and so many MiB."""
    limit = (t["growth_mib"] + (48 if run.weir.sanitizer else 0)) * 1024

    def own():
        """Descriptors that are no connections; both change under load."""
        m = run.weir.metrics()
        return (run.weir.count_descriptors() - m.sum("weir_connections_open") - m.sum("weir_backend_connections_open"))

    first = run.saved.setdefault("first-process", (run.weir.rss_kib(), own()))
    now = run.weir.rss_kib()
    expect(now - first[0] <= limit, f"memory grows by less than {limit} KiB", f"{first[0]} KiB, now {now} KiB")
    until(lambda: own() <= first[1] + 8, f"descriptors are {first[1]:g} as at the beginning, not {own():g}", patience=10)


# --- the service manager ---


class Manager:
    """The socket of sd_notify, and what came through it."""

    def __init__(self, name, abstract):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind("\0" + name[1:] if abstract else name)
        self.lock, self.notes = threading.Lock(), []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            text, control, _, _ = self.socket.recvmsg(4096, 256)
            pid = int.from_bytes(control[0][2][:4], "little") if control else 0
            with self.lock:
                self.notes.append((time.monotonic(), pid, text.decode()))

    def have(self):
        with self.lock:
            return list(self.notes)


@step("manager", abstract=False)
def manager(run, t):
    """Receives what weir tells its service manager: for weir-start, {{notify}} is the value of NOTIFY_SOCKET."""
    name = f"@weir-{os.getpid()}" if t["abstract"] else run.place.path("notify")
    run.saved["notify"] = name
    run.saved["manager"] = Manager(name, t["abstract"])


@step("notes", "has", count=1, main=False)
def notes(run, t):
    """weir has told its service manager this (a regular expression behind ~), at least `count` times; with `main` the
    process in charge did."""
    def check():
        found = [n for n in run.saved["manager"].have()
                 if (matches(t["has"], n[2]) if t["has"].startswith("~") else t["has"] in n[2].split("\n"))]
        expect(len(found) >= t["count"], f"{t['count']} × {t['has']}", run.saved["manager"].have()[-8:])
        if t["main"]:
            expect(any(n[1] == run.weir.process.pid for n in found), f"by {run.weir.process.pid}", found)
        return True

    until(check, f"weir says {t['has']}", patience=30)


@step("socket-activate", listen=[], names=None, args=None, exit=None, err=[])
def socket_activate(run, t):
    """Starts weir with sockets that listen on `listen` already: by systemd-socket-activate, which does so at the first
    connection, or where there is none by a small program of ours. With `exit` weir refuses them."""
    tool = shutil.which("systemd-socket-activate") or run.place.program("activate", ACTIVATE)
    options = [f"--listen={address}" for address in t["listen"]]
    if t["names"]:
        options.append(f"--fdname={t['names']}")
    run.weir.process = run.place.start("weir-activated", [tool, *options, run.weir.link, "run", "--config", run.weir.config_path],
                                       env=SANITIZERS)
    address = t["listen"][0]
    # the first connection starts it
    if address.startswith("/"):
        client = socket.socket(socket.AF_UNIX)
        until(lambda: os.path.exists(address), "the socket is there")
        client.connect(address)
    else:
        host, port = address.rsplit(":", 1)
        client = until(lambda: _connect(host, int(port)), "the socket is there")
    if t["exit"] is not None:
        run.weir.process.awaited = t["exit"]
        code = run.weir.process.wait(60)
        expect(code == t["exit"], f"weir ends with {t['exit']}", code)
        for want in t["err"]:
            expect(want in run.weir.process.stderr(), f"it says {want!r}", run.weir.process.stderr())
        client.close()
        return
    until(run.weir._is_ready, "weir is ready", patience=60)
    client.sendall(b"GET /first HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    answer = b""
    client.settimeout(20)
    while piece := client.recv(4096):
        answer += piece
    expect(answer.startswith(b"HTTP/1.1 200"), "the connection that started it is answered", answer)
    client.close()
    run.weir.find_listeners()
    run.weir.descriptors = run.weir.count_descriptors()


def _connect(host, port):
    s = socket.socket()
    try:
        s.connect((host, port))
        return s
    except OSError:
        s.close()
        return None
