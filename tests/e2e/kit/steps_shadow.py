"""Steps for what the shadow found: reports of tables that are told every so often, and looking for what must be nowhere."""

import json
import os
import signal

from kit.failure import expect, until
from kit.match import check_json
from kit.proxy import SANITIZERS
from kit.scenario import step


@step("report-until", "args", json={}, instances=None, missing=[], env={})
def report_until(run, t):
    """Until `weir report --format json` with these arguments says so: `json` looks into it, `instances` are those whose
    tables it is made from, `missing` those that run and have none."""

    def check():
        done = run.weir.command(["report", "--format", "json", *t["args"]], t["env"])
        expect(done.returncode == 0, "weir report ends with 0", done.stderr)
        document = json.loads(done.stdout)
        check_json(t["json"], document, "weir report")
        if t["instances"] is not None:
            there = [i["instance"] for i in document["instances"] if not i["missing"]]
            expect(there == t["instances"], f"the report is made from {t['instances']}", there)
            gone = [i["instance"] for i in document["instances"] if i["missing"]]
            expect(gone == t["missing"], f"missing: {t['missing']}", gone)
        return True

    until(check, "the report says so", patience=20, every=0.1)


def _files(run, but):
    for folder, _, names in os.walk(run.place.dir):
        for name in names:
            path = os.path.join(folder, name)
            if name not in but and os.path.isfile(path):
                with open(path, "rb") as f:
                    yield path, f.read()


@step("nowhere", "words", but=[], files=True, there=[])
def nowhere(run, t):
    """These words are in no file of the scenario's directory (but those named), in no metric, in no answer of the admin
    API and in no value in Redis; all of `there` are in some of them: it was looked where something is."""
    places = list(_files(run, t["but"]))
    for path in ("/metrics", "/status", "/findings", "/fleet"):
        places.append((path, run.weir.admin("GET", path).body))
    if run.redis is not None:
        for key in run.redis.cli(["--raw", "KEYS", "*"]).split():
            kind = run.redis.cli(["--raw", "TYPE", key]).strip()
            read = ["XRANGE", key, "-", "+"] if kind == "stream" else ["GET", key]
            places.append((f"redis {key}", run.redis.cli(["--raw", *read]).encode()))
    for where, content in places:
        for word in t["words"]:
            expect(word.encode() not in content, f"{word} is not in {where}", content[:2000])
    for word in t["there"]:
        expect(any(word.encode() in content for _, content in places), f"{word} is somewhere", [p for p, _ in places])


# --- purges ---


def _report_pairs(run, route):
    done = run.weir.command(["report", "--format", "json", "--route", route])
    expect(done.returncode == 0, "weir report ends with 0", done.stderr)
    document = json.loads(done.stdout)
    expect(document["records"]["unreadable"] == 0, "every record can be read", document["records"])
    return document["pairs"]


def _recorded(run, route):
    """Until there are as many records of this route as pairs were compared."""

    def check():
        there, compared = _report_pairs(run, route), run.weir.metrics().sum("weir_shadow_verdicts_total", {"route": route})
        expect(there == compared, f"records of route {route}", f"{there}, compared {compared}")
        return there

    return until(check, f"all pairs of route {route} are on record", patience=20, every=0.1)


@step("purges", "times", "route", "keeps", more=50)
def purges(run, t):
    """Beside load: so many times `weir purge` of a route, each when the load has got on. What is then on record of the
    route `keeps` is all that was compared of it, whole."""

    def compared():
        return run.weir.metrics().sum("weir_shadow_verdicts_total", {"route": t["keeps"]})

    for _ in range(t["times"]):
        goal = compared() + t["more"]
        until(lambda: compared() >= goal, "the load gets on", patience=60)
        done = run.weir.command(["purge", "--route", t["route"], "--json"])
        expect(done.returncode == 0, "weir purge ends with 0", done.stderr)
        said = json.loads(done.stdout)
        expect(said["message"] == f"purged {said['removed']} records of route {t['route']}", "it says what it did", said)
    for load in run.loads.values():
        load.stop()
    _recorded(run, t["keeps"])


@step("purge-interrupted", "by", "keeps")
def purge_interrupted(run, t):
    """A purge that reads a file that does not come to its end is interrupted: the command by INT (weir goes on with it),
    or weir by TERM (it ends the purge first) or by KILL. When weir has been started again all records are there, and
    nothing else lies around."""
    records = os.path.join(run.weir.state_dir, "shadow.ndjson")
    there = _report_pairs(run, t["keeps"])
    with open(records + ".1", "rb") as f:
        content = f.read()
    os.remove(records + ".1")
    os.mkfifo(records + ".1")
    socket = os.path.join(run.weir.state_dir, "admin.sock")
    command = run.place.start("purge", [run.weir.program, "purge", "--older", "1h", "--admin", socket], env=SANITIZERS)
    until(lambda: os.path.exists(records + ".purging.1"), "the purge has the file before")
    process = command if t["by"] == "INT" else run.weir.process
    process.signal(signal.Signals[f"SIG{t['by']}"])
    if t["by"] != "TERM":
        process.awaited = -signal.Signals[f"SIG{t['by']}"]
        process.wait(20)
    if t["by"] == "KILL":
        os.remove(records + ".purging.1")
    with open(records + ".purging.1", "wb") as f:
        f.write(content)
    if t["by"] == "TERM":
        expect(process.wait(60) == 0, "weir ends with 0", process.stderr()[-1500:])
    if t["by"] != "INT":
        command.awaited = command.wait(20)
        run.weir.start()
    until(lambda: not [n for n in os.listdir(run.weir.state_dir) if "purg" in n], "the purge leaves nothing behind")
    now = _report_pairs(run, t["keeps"])
    expect(now == there, f"{there} records of route {t['keeps']}", now)
