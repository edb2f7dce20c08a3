"""Steps that look: counters, logs, status, what backends saw. Each waits until things are as expected."""

import json
import re
from collections import Counter

from kit.failure import PATIENCE, expect, until
from kit.faults import check_seen
from kit.match import at, check_json, matches
from kit.scenario import step


@step("metric", "name", labels={}, value=None, min=None, max=None, save=None, grows=None)
def metric(run, t):
    """The sum of a metric (or of several: `name` is a list then) over samples with these labels: `value` exactly,
    `min`, `max`; `save` keeps it; `grows` = {from = saved, by = N}."""
    names = t["name"] if isinstance(t["name"], list) else [t["name"]]

    def check():
        metrics = run.weir.metrics()
        actual = sum(metrics.sum(name, t["labels"]) for name in names)
        what = f"{' + '.join(names)}{t['labels'] or ''}"
        if t["value"] is not None:
            expect(actual == float(t["value"]), f"{what} is {t['value']}", actual)
        if t["min"] is not None:
            expect(actual >= float(t["min"]), f"{what} is at least {t['min']}", actual)
        if t["max"] is not None:
            expect(actual <= float(t["max"]), f"{what} is at most {t['max']}", actual)
        if t["grows"]:
            by = actual - run.saved[t["grows"]["from"]]
            expect(by == t["grows"]["by"], f"{what} has grown by {t['grows']['by']}", by)
        if t["save"]:
            run.saved[t["save"]] = actual
        return True

    until(check, "metric")


@step("log", has=[], lacks=[], times=None)
def log(run, t):
    """weir's operational log, of all its starts: lines that match, and text that may not be there. times = {"regex"
    = N}: exactly so many lines."""

    def check():
        text = run.weir.log()
        for want in t["has"]:
            expect(re.search(want, text), f"the log has a line like {want!r}")
        for want, n in (t["times"] or {}).items():
            found = len(re.findall(want, text))
            expect(found == n, f"the log has {n} lines like {want!r}", found)
        return True

    until(check, "log")
    for no in t["lacks"]:
        found = re.search(f".*{no}.*", run.weir.log())
        expect(not found, f"the log has no line like {no!r}", found.group(0) if found else "")


@step("access", where={}, has={}, absent=[], count=None, members=None, save={}, file="access.log")
def access(run, t):
    """Lines of the JSON access log. `where` picks lines, `has` is what each of them must say, `absent` the members
    they must not have, `members` all they may have, in order, `count` how many there are (default: at least one);
    `save` = {name = member} keeps members of the last one."""

    def check():
        lines = run.weir.access(t["file"])
        found = [l for l in lines if all(matches(v, at(l, k)) for k, v in t["where"].items())]
        if t["count"] is None:
            expect(found, f"an access line with {t['where']}", lines[-3:])
        else:
            expect(len(found) == t["count"], f"{t['count']} access lines with {t['where']}", (len(found), found[-3:]))
        for line in found:
            check_json(t["has"], line, f"access line {json.dumps(line)}")
            for name in t["absent"]:
                expect(name not in line, f"no {name} in the access line", line)
            if t["members"]:
                expect(list(line) == t["members"], f"the members {t['members']}", list(line))
        for name, member in t["save"].items():
            run.saved[name] = found[-1][member]
        return True

    until(check, "access log")


@step("access-alike", "targets", "key")
def access_alike(run, t):
    """The access lines of these targets all say the same under `key`."""

    def check():
        lines = {l.get("target"): l for l in run.weir.access()}
        missing = [target for target in t["targets"] if target not in lines]
        expect(not missing, "an access line for each target", missing)
        values = {target: at(lines[target], t["key"]) for target in t["targets"]}
        expect(len(set(values.values())) == 1, f"the same {t['key']} for all", values)
        return True

    until(check, "access log")


@step("access-text", "lines", count=None, file="access.log")
def access_text(run, t):
    """Lines of an access log as text: each regex of `lines` matches a whole line; `count`: how many lines there
    are."""

    def check():
        lines = run.weir.access_lines(t["file"])
        for want in t["lines"]:
            expect(any(re.fullmatch(want, line) for line in lines), f"an access line like {want!r}", lines[-3:])
        if t["count"] is not None:
            expect(len(lines) == t["count"], f"{t['count']} access lines", len(lines))
        return True

    until(check, "access log")


def _classes(line):
    return f"{line['status'] // 100}xx" if line["status"] else "none"


@step("log-and-metrics-agree")
def log_and_metrics_agree(run, _):
    """What the counters say of exchanges is what the lines of the JSON access log add up to, label set by label set."""
    families = {
        "weir_requests_total": ("route", "backend", "side", "class"),
        "weir_request_duration_seconds_count": ("route", "backend", "side"),
        "weir_decisions_total": ("route", "side", "reason"),
        "weir_requests_refused_total": ("error",),
    }

    def lines_of(family):
        for line in run.weir.access():
            if family == "weir_requests_refused_total":
                if line["status"] and "error" in line and "first_byte_us" not in line:
                    yield {"error": line["error"]}
            elif "route" in line:
                yield {**line, "class": _classes(line)}

    def check():
        metrics = run.weir.metrics()
        for family, labels in families.items():
            logged = Counter(tuple(line[l] for l in labels) for line in lines_of(family))
            names = [l if l != "error" else "reason" for l in labels]
            counted = Counter({tuple(ls[l] for l in names): v for n, ls, v in metrics.samples if n == family and v})
            expect(logged == counted, f"{family} counts what the access log says", f"log {dict(logged)} metric {dict(counted)}")
        return True

    until(check, "the access log and the metrics agree")


@step("status", "has")
def status(run, t):
    """GET /status: {"store.connected" = true, ...}, see kit/match.py."""
    until(lambda: check_json(t["has"], run.weir.status(), "status") or True, "status")


@step("metrics-are-sound", families=[])
def metrics_are_sound(run, t):
    """The whole exposition parses; histograms are cumulative and agree with their counts; `families` are there."""
    m = run.weir.metrics()
    for name in t["families"]:
        expect(name in m.types, f"a metric family {name}", sorted(m.types))
    for name, kind in m.types.items():
        expect(kind in ("counter", "gauge", "histogram"), f"{name} has a known type", kind)
        expect(kind != "counter" or name.endswith("_total"), f"{name} is a counter and ends in _total")
        if kind == "histogram":
            _check_histogram(m, name)
    expect(all(v >= 0 for _, _, v in m.samples), "no negative sample", [s for s in m.samples if s[2] < 0])
    keys = [(n, tuple(sorted(l.items()))) for n, l, _ in m.samples]
    expect(len(keys) == len(set(keys)), "no sample is there twice")


def _check_histogram(m, name):
    series = {}
    for n, labels, value in m.samples:
        if n == f"{name}_bucket":
            key = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
            series.setdefault(key, []).append((float(labels["le"].replace("+Inf", "inf")), value))
    for key, buckets in series.items():
        values = [v for _, v in sorted(buckets)]
        expect(values == sorted(values), f"{name}{key} is cumulative", buckets)
        expect(sorted(buckets)[-1][0] == float("inf"), f"{name}{key} ends with +Inf")
        expect(m.sum(f"{name}_count", dict(key)) == values[-1], f"{name}{key}: _count is the last bucket")


SEEN_KEYS = {"method", "target", "headers", "absent", "count", "body", "length", "trailers", "head", "whole", "names"}


@step("backend-saw", "name", requests=None, at_least=None, complete=None, path=None, last=None, links=None, ended=None, max_sent=None)
def backend_saw(run, t):
    """What reached a backend. requests / at_least / complete (of `path`); last = {method, target, headers, absent, count, body,
    length, trailers, names (of all fields, in order), head (exact bytes), whole}; links: how many connections; ended:
    how the last one ended (closed, reset); max_sent: it could send at most so many bytes. For nginx only the number
    of requests."""
    server = run.servers[t["name"]]
    if not hasattr(server, "seen"):
        until(lambda: _nginx_saw(server, t), f"nginx {t['name']}")
        return
    want = {k: t[k] for k in ("requests", "at_least", "complete", "path") if t[k] is not None}

    def check():
        seen = check_seen(server, want)
        if t["last"] is not None:
            expect(seen, f"backend {t['name']} saw a request")
            _check_request(t["last"], seen[-1], t["name"])
        if t["links"] is not None:
            expect(len(server.links) == t["links"], f"backend {t['name']} had {t['links']} connections", server.links)
        if t["ended"] is not None:
            expect(server.links and matches(t["ended"], server.links[-1].ended),
                   f"backend {t['name']}: the last connection was {t['ended']}", server.links[-3:])
        if t["max_sent"] is not None:
            expect(server.links[-1].sent <= t["max_sent"], f"backend {t['name']} sent at most {t['max_sent']} bytes",
                   server.links[-1].sent)
        return True

    until(check, f"backend {t['name']}", patience=PATIENCE)


def _nginx_saw(server, t):
    n = server.requests()
    if t["requests"] is not None:
        expect(n == t["requests"], f"nginx {t['name']} saw {t['requests']} requests", n)
    if t["at_least"] is not None:
        expect(n >= t["at_least"], f"nginx {t['name']} saw at least {t['at_least']} requests", n)
    return True


def _check_request(want, seen, name):
    unknown = set(want) - SEEN_KEYS
    expect(not unknown, f"backend-saw.last knows no {sorted(unknown)}")
    what = f"backend {name}: the last request"
    got = seen.raw
    for key in ("method", "target", "length", "whole"):
        if key in want:
            expect(matches(want[key], getattr(seen, key)), f"{what}: {key} is {want[key]!r}", (getattr(seen, key), got))
    if "head" in want:
        expect(matches(want["head"], seen.raw.decode("latin-1")), f"{what}: the head is {want['head']!r}", got)
    if "names" in want:
        names = [n.lower() for n, _ in seen.fields]
        expect(names == want["names"], f"{what}: the fields are {want['names']}", names)
    if "body" in want:
        expect(matches(want["body"], seen.body.decode("latin-1")), f"{what}: the body is {want['body']!r}", seen.body)
    for n, v in want.get("headers", {}).items():
        expect(any(matches(v, x) for x in seen.values(n)), f"{what}: header {n} is {v!r}", got)
    for n in want.get("absent", []):
        expect(not seen.values(n), f"{what}: no header {n}", got)
    for n, k in want.get("count", {}).items():
        expect(len(seen.values(n)) == k, f"{what}: {k} times the header {n}", got)
    if "trailers" in want:
        expect(dict(seen.trailers) == want["trailers"], f"{what}: the trailers are {want['trailers']}", seen.trailers)
