"""A strict reader of the Prometheus text format, version 0.0.4: every line is accounted for, or it is a Failure."""

import re

from kit.failure import expect

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
HELP = re.compile(rf"# HELP ({NAME}) ((?:[^\\\n]|\\\\|\\n)+)")
TYPE = re.compile(rf"# TYPE ({NAME}) (counter|gauge|histogram)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\+Inf|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')
PLAIN = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Family:
    def __init__(self, name):
        self.name, self.kind = name, None
        self.samples = {}  # (name, labels) -> value, in the order they came


def _labels(text, line):
    """The label set, its escapes undone; a trailing comma, a double name or other bytes are errors."""
    labels, at = {}, 0
    while at < len(text):
        found = LABEL.match(text, at)
        expect(found, "name=\"value\" in a label set", line)
        name, value = found.groups()
        expect(name not in labels, "each label once", line)
        labels[name] = re.sub(r'\\[\\"n]', lambda m: PLAIN[m.group(0)], value)
        at = found.end()
        if at < len(text):
            expect(text[at] == "," and at + 1 < len(text), "a comma between labels, none at the end", line)
            at += 1
    return labels


def _belongs(family, name):
    ends = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
    return any(name == family.name + end for end in ends)


def _sample(family, line):
    found = SAMPLE.fullmatch(line)
    expect(found, "a sample: name{labels} value", line)
    name, labels, value = found.groups()
    expect(family and family.kind, "a sample behind the TYPE of its family", line)
    expect(_belongs(family, name), f"a sample of the family {family.name} it stands in", line)
    key = (name, tuple(sorted(_labels(labels, line).items() if labels is not None else ())))
    expect(key not in family.samples, "each sample once", line)
    expect(family.kind == "gauge" or not value.startswith("-"), "no negative count", line)
    family.samples[key] = float(value.replace("+Inf", "inf"))


def parse(text):
    """{name: Family}. HELP, then TYPE, then the samples of a family, together and once."""
    expect(text.endswith("\n"), "the last line has its end")
    families, family = {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            found = HELP.fullmatch(line)
            expect(found and found[1] not in families, "one HELP line per family", line)
            family = families[found[1]] = Family(found[1])
        elif line.startswith("# TYPE "):
            found = TYPE.fullmatch(line)
            expect(found and family and found[1] == family.name and family.kind is None and not family.samples,
                   "one TYPE line behind the HELP line", line)
            family.kind = found[2]
        else:
            _sample(family, line)
    return families


def _check_histogram(family):
    """Of each label set: buckets rise, in order, to +Inf, which is _count; and there is a _sum."""
    series = {}
    for (name, labels), value in family.samples.items():
        rest = tuple(l for l in labels if l[0] != "le")
        one = series.setdefault(rest, {"le": [], "sum": None, "count": None})
        end = name[len(family.name) + 1 :]
        if end == "bucket":
            expect(len(rest) == len(labels) - 1, "a bucket has `le`", (name, labels))
            one["le"].append((float(dict(labels)["le"].replace("+Inf", "inf")), value))
        else:
            expect(one[end] is None, f"one _{end}", (name, labels))
            one[end] = value
    for rest, one in series.items():
        what = f"{family.name}{dict(rest)}"
        bounds, counts = [b for b, _ in one["le"]], [n for _, n in one["le"]]
        expect(bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), f"{what}: buckets in order, +Inf last", bounds)
        expect(counts == sorted(counts), f"{what}: buckets are cumulative", counts)
        expect(one["count"] == counts[-1] and one["sum"] is not None, f"{what}: +Inf is _count, and there is a _sum", one)


def check_exposition(text):
    """Parses and checks all of it: {name: Family}."""
    families = parse(text)
    for family in families.values():
        expect(family.kind, f"{family.name} has a TYPE")
        expect(family.kind != "counter" or family.name.endswith("_total"), f"the counter {family.name} ends in _total")
        if family.kind == "histogram":
            _check_histogram(family)
    return families
