"""Steps for what steers weir: load that goes on while things are judged, h2load, certificates, the exposition format, the demo."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

from kit.exposition import check_exposition
from kit.failure import Failure, expect, until
from kit.match import check_answer, matches
from kit.place import listens
from kit.proxy import SANITIZERS, config_text, merge
from kit.scenario import step
from kit.steps_client import ask_admin

# --- load ---


@step("load-check", name="load", failed=0, at_least=1, after=[])
def load_check(run, t):
    """Judges a load as load-stop does, and lets it go on."""
    run.loads[t["name"]].check({k: t[k] for k in ("failed", "at_least", "after")}, run.marks)


@step("h2load-start", "args", name="h2load", to="https", path="/")
def h2load_start(run, t):
    """h2load beside the other steps; `args` say how long and on how many connections."""
    scheme = "http" if t["to"] == "http" else "https"
    run.saved[f"process.{t['name']}"] = run.place.start(
        t["name"], ["h2load", *t["args"], f"{scheme}://{run.weir.address(t['to'])}{t['path']}"])


@step("h2load-end", name="h2load", at_least=1)
def h2load_end(run, t):
    """Waits for its end: every request was answered with 2xx, and there were at least so many."""
    process = run.saved.pop(f"process.{t['name']}")
    code = process.wait(60)
    text = process.stdout()
    expect(code == 0, "h2load ends with 0", text + process.stderr())
    found = re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, "
                      r"(\d+) timeout", text)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    expect(found and codes, "h2load says what came of its requests", text)
    total, _, done, good, *bad = map(int, found.groups())
    expect(good >= t["at_least"] and not any(bad) and good == done == total == int(codes.group(1)),
           f"at least {t['at_least']} requests of h2load, and all of them answered with 2xx", f"{found[0]}; {codes[0]}")


# --- the control document ---


def _acks(run):
    keys = run.redis.cli(["--raw", "KEYS", "weir:ack:*"]).split()
    return {key: json.loads(run.redis.cli(["--raw", "GET", key])) for key in keys}


@step("set-control", word=None, document=None, mark=None)
def set_control(run, t):
    """redis-cli SET weir:control, as people do it: a bare word, or a document that gets the next epoch; then waits
    until every instance has acknowledged, and sets a mark."""
    before = _acks(run)
    expect(before, "an instance has acknowledged before")
    epoch = 1 + max(n for ack in before.values() for n in (ack["epoch"], ack["document"]))
    value = t["word"] if t["word"] is not None else json.dumps({"epoch": epoch, **t["document"]})

    def check():
        for key, ack in _acks(run).items():
            expect(ack["epoch"] > before[key]["epoch"], f"{key} counts one epoch more", ack)
            expect(t["word"] is not None or ack["document"] == epoch, f"{key} has the document {epoch}", ack)
        return True

    expect(run.redis.cli(["SET", "weir:control", value]) == "OK", "redis-cli SET prints OK")
    until(check, f"{value} is acknowledged", every=0.001)
    if t["mark"]:
        run.marks[t["mark"]] = time.monotonic()


@step("second-weir", "op", set={})
def second_weir(run, t):
    """Another instance with the same configuration but for `set`, its state in b/ and its admin socket {{dir}}/b/admin.sock.
    op: start (until it is ready), stop (in order), or a signal such as KILL or CONT."""
    if t["op"] == "start":
        config = merge(run.config, {"state_dir": run.place.path("b"), **t["set"]})
        path = run.place.write("b.json", config_text(config))
        process = run.place.start("weir-b", [run.weir.program, "run", "--config", path], env=SANITIZERS)
        run.saved["process.b"] = process
        until(lambda: _is_ready(run), "the second weir is ready", patience=60)
    elif t["op"] == "stop":
        run.saved["process.b"].signal(signal.SIGTERM)
        expect(run.saved["process.b"].wait(30) == 0, "the second weir ends with 0")
    else:
        run.saved["process.b"].signal(signal.Signals[f"SIG{t['op']}"])


def _is_ready(run):
    try:
        return run.weir.admin("GET", "/readyz", path_of_socket=run.place.path("b", "admin.sock")).status == 200
    except OSError:
        return False


GARBAGE_KEYS = {"name", "set", "bytes", "times", "args", "reason", "says"}


@step("garbage", "rows")
def garbage(run, t):
    """Each row puts something into the control key that is no instruction: `set` as text, `bytes` in hex, either of
    them `times` times, or what redis-cli does with `args` to a key that is not there. It must be refused for this
    `reason`, counted once, and weir status must say why; routing stays as it is (steps around this one judge)."""
    for row in t["rows"]:
        expect(set(row) <= GARBAGE_KEYS, "garbage: known keys", row)
        before = _refusals(run, row["reason"])
        if "args" in row:
            run.redis.cli(["DEL", "weir:control"])
            run.redis.cli(row["args"])
        else:
            data = row["set"].encode() if "set" in row else bytes.fromhex(row["bytes"])
            run.redis.cli(["SET", "weir:control"], data * row.get("times", 1))
        what = f"row \"{row['name']}\""
        until(lambda: _refusals(run, row["reason"]) == before + 1, f"{what} is refused as {row['reason']}, once")
        store = run.weir.status()["store"]
        expect(store["value"] == "refused" and matches(row["says"], store["refused"]), f"{what}: status says why",
               store["refused"])
        text = run.weir.command(["status"]).stdout
        expect("what it holds is refused" in text, f"{what}: weir status says so", text)


def _refusals(run, reason):
    return run.weir.metrics().sum("weir_control_refused_total", {"reason": reason})


# --- reloading what is wrong ---


@step("bad-configs", "rows")
def bad_configs(run, t):
    """Each row is a configuration that is refused: `set` merged into the good one, or the `text` of the file. By SIGHUP
    the log says so, and weir reload ends with 1 and says it too: where (`at`, with the file) and what (`says`). The
    good file is there again at the end; nobody has read it."""
    for row in t["rows"]:
        what = f"row \"{row['name']}\""
        run.weir.configure(row["text"] if "text" in row else merge(run.config, row["set"]))
        before, logged = _refused_reloads(run), len(run.weir.log())
        run.weir.process.signal(signal.SIGHUP)
        until(lambda: _refused_reloads(run) == before + 1, f"{what} is refused")
        until(lambda: row["at"] in run.weir.log()[logged:], f"{what}: the log has the place", patience=5)
        done = run.weir.command(["reload"])
        expect(done.returncode == 1, f"{what}: weir reload ends with 1", f"{done.returncode} {done.stdout} {done.stderr}")
        for text in (run.weir.log()[logged:], done.stdout + done.stderr):
            expect("weir.json" in text and row["at"] in text and (row["says"] == "*" or row["says"] in text),
                   f"{what}: the file, {row['at']} and {row['says']}", text)
    run.weir.configure(run.config)


def _refused_reloads(run):
    return run.weir.metrics().sum("weir_reloads_total", {"result": "refused"})


# --- the admin API ---

ROW_KEYS = {"name", "get", "post", "method", "path", "fields", "plain", "body", "fill", "status", "type", "allow", "has",
            "json", "empty", "www-authenticate"}


@step("admin-table", "rows", to=None)
def admin_table(run, t):
    """One request to the admin socket, or to an address, per row: `get` or `post` a path, or method and path; a POST carries JSON unless
    `fields` say what else, or nothing at all (plain). The answer: status, type, allow, `has` texts, `json` members; an
    empty body; and always one request per connection, not to be cached, nothing to be sniffed."""
    for row in t["rows"]:
        expect(set(row) <= ROW_KEYS, "admin-table: known keys", row)
        what = f"row \"{row['name']}\""
        method = row.get("method") or ("GET" if "get" in row else "POST")
        fields = row.get("fields", ["Content-Type: application/json"] if "post" in row and not row.get("plain") else [])
        body = row.get("body", "").encode() + b"x" * row.get("fill", 0)
        path = row.get("path") or row.get("get") or row["post"]
        answer = ask_admin(run, t["to"], method, path, body, "".join(f"{f}\r\n" for f in fields))
        headers = {"content-type": row.get("type", "application/json"), "cache-control": "no-store", "connection": "close",
                   "x-content-type-options": "nosniff", **{name: row[name] for name in ("allow", "www-authenticate") if name in row}}
        want = {"status": row["status"], "headers": headers, "body_has": row.get("has", []),
                **({"json": row["json"]} if "json" in row else {}), **({"body": ""} if row.get("empty") else {})}
        check_answer(want, answer, what)


@step("exposition", families=[], series=[])
def exposition(run, t):
    """GET /metrics is the Prometheus text format to the letter (kit/exposition.py); these families are there, and these
    series with exactly these labels."""
    families = check_exposition(run.weir.admin("GET", "/metrics").body.decode())
    for name in t["families"]:
        expect(name in families, f"a metric family {name}", sorted(families))
    samples = {key: value for family in families.values() for key, value in family.samples.items()}
    for one in t["series"]:
        key = (one["name"], tuple(sorted(one["labels"].items())))
        expect(samples.get(key) == one["value"], f"{key} is {one['value']}", samples.get(key))


# --- TLS ---


@step("certificate", "path", to="https")
def certificate(run, t):
    """A new connection is shown exactly the certificate of this file."""
    host, _, port = run.weir.address(t["to"]).rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, int(port)), 10) as sock, context.wrap_socket(sock) as tls:
        shown = tls.getpeercert(binary_form=True)
    with open(os.path.join(run.place.dir, t["path"]), encoding="ascii") as f:
        expect(ssl.PEM_cert_to_DER_cert(f.read()) == shown, f"the certificate of {t['path']} is served")


# --- the demo ---


@step("demo-start", args=[])
def demo_start(run, t):
    """weir demo, with its things under the scenario's directory; from here on it is the weir of the scenario."""
    run.weir.state_dir = run.place.path(f"weir-demo-{os.geteuid()}")
    run.weir.start(["demo", *t["args"]], {"TMPDIR": run.place.dir})


@step("demo-said", has=[])
def demo_said(run, t):
    """What the demo has printed."""
    text = run.weir.process.stdout()
    for want in t["has"]:
        expect(matches(want, text) if want.startswith("~") else want in text, f"the demo prints {want!r}", text)


@step("findings", "endpoints", slower=[], pairs=5)
def findings(run, t):
    """weir report finds exactly this: endpoints = {"GET /x" = ["kind path", ...]}, each seen at least `pairs` times, and
    new takes 50 ms more (median) for those in `slower`, and for no other."""

    def check():
        done = run.weir.command(["report", "--format", "json"])
        expect(done.returncode == 0, "weir report ends with 0", done.stderr)
        report = json.loads(done.stdout)
        few = {e["endpoint"]: e["compared"] for e in report["endpoints"] if e["compared"] < t["pairs"]}
        expect(not few and len(report["endpoints"]) >= len(t["endpoints"]), f"each endpoint has {t['pairs']} pairs", few)
        return report

    report = until(check, "the report")
    found = {e["endpoint"]: sorted(f"{f['kind']} {f['path']}" for f in e["findings"]) for e in report["endpoints"]}
    expect(found == t["endpoints"], f"weir report finds {t['endpoints']}", found)
    expect(report["failed"] == 0 and report["skipped"] == 0 and report["records"]["unreadable"] == 0,
           "every pair was compared, every record read", {k: v for k, v in report.items() if k != "endpoints"})
    for endpoint in report["endpoints"]:
        legacy, new = endpoint["latency_us"]["p50"]
        expect((new - legacy > 50000) == (endpoint["endpoint"] in t["slower"]), f"{t['slower']} is slower on new, and only that",
               (endpoint["endpoint"], legacy, new))


@step("nothing-left", "files")
def nothing_left(run, t):
    """weir has ended, and nobody it started still runs; in the scenario's directory are `files` and nothing else, but
    for the output of processes and the program; nobody listens where it did."""
    left = [pid for pid in os.listdir("/proc") if pid.isdigit() and _session(pid) == run.weir.process.pid]
    expect(not left, "no process is left", left)
    there = sorted(f for f in os.listdir(run.place.dir) if not f.endswith((".out", ".err")) and f != "weir")
    expect(there == sorted(t["files"]), f"there is {t['files']} and no other file", there)
    for url in run.weir.listeners:
        expect(not listens(url.port, url.hostname), f"nobody listens on {url.geturl()}")


def _session(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return int(f.read().rpartition(")")[2].split()[3])
    except OSError:
        return None
