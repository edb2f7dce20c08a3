"""Steps for what the shadow found: reports of tables that are told every so often, and looking for what must be nowhere."""

import json
import os

from kit.failure import expect, until
from kit.match import check_json
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
