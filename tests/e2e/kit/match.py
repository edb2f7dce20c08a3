"""How what is expected is written in scenarios, in one place.

A value: text is compared exactly, "~REGEX" is searched for, "*" is anything that is there, numbers and true/false
are equal. A table for an answer: status, reason, headers {name = value}, absent [names], count {name = how many},
body, body_has [texts], length, trailers {name = value}, framing, cut, json {"a.b.0" = value}, interim [statuses].
"""

import json
import re

from kit.failure import Failure, expect, shown

ANSWER_KEYS = {"status", "reason", "headers", "absent", "count", "body", "body_has", "length", "trailers", "framing", "cut",
               "json", "interim", "version"}


def matches(want, actual):
    if isinstance(want, str) and want == "*":
        return actual is not None
    if isinstance(want, str) and want.startswith("~"):
        return actual is not None and re.search(want[1:], str(actual), re.DOTALL) is not None
    if isinstance(want, (bool, type(None))) or isinstance(actual, bool):
        return want is actual
    if isinstance(want, str) and isinstance(actual, (int, float)):
        return want == str(actual)
    return want == actual


def at(document, path):
    """The value at "a.b.0" of parsed JSON; None when there is none. "#" at the end: how many."""
    for part in path.split("."):
        if part == "#":
            document = len(document)
        elif isinstance(document, list):
            document = document[int(part)] if part.isdigit() and int(part) < len(document) else None
        elif isinstance(document, dict):
            document = document.get(part)
        else:
            return None
    return document


def check_json(want, document, what):
    for path, value in want.items():
        actual = at(document, path)
        if value == "absent":
            expect(actual is None, f"{what}: nothing at {path}", actual)
        else:
            expect(matches(value, actual), f"{what}: {path} is {value!r}", repr(actual))


def check_answer(want, answer, what):
    if answer is None:
        raise Failure(f"{what}: there was no answer, the connection ended")
    got = shown(answer.raw or answer.fields) + " | " + shown(answer.body, 300)
    for key in ("status", "reason", "framing", "version"):
        if key in want:
            expect(matches(want[key], getattr(answer, key)), f"{what}: {key} is {want[key]!r}", got)
    if not matches(want.get("cut", ""), answer.cut):
        raise Failure(f"{what}: the answer is {'cut: ' + want['cut'] if want.get('cut') else 'complete'}\n"
                      f"      got: cut={answer.cut!r} {got}")
    _check_fields(want.get("headers", {}), answer.fields, f"{what}: header", got)
    _check_fields(want.get("trailers", {}), answer.trailers, f"{what}: trailer", shown(answer.trailers))
    for name in want.get("absent", []):
        expect(answer.value(name) is None, f"{what}: no header {name}", got)
    for name, n in want.get("count", {}).items():
        expect(len(answer.values(name)) == n, f"{what}: {n} times the header {name}", got)
    body = answer.body.decode("latin-1")
    if "body" in want:
        expect(matches(want["body"], body), f"{what}: the body is {shown(want['body'])}", got)
    for text in want.get("body_has", []):
        expect(text in body, f"{what}: the body has {shown(text)}", got)
    if "length" in want:
        expect(answer.length == want["length"], f"{what}: {want['length']} bytes of body", answer.length)
    if "interim" in want:
        expect([i.status for i in answer.interim] == want["interim"], f"{what}: interim answers {want['interim']}",
               [i.status for i in answer.interim])
    if "json" in want:
        try:
            document = json.loads(answer.body)
        except ValueError:
            raise Failure(f"{what}: the body is not JSON: {got}") from None
        check_json(want["json"], document, what)


def _check_fields(want, fields, what, got):
    for name, value in want.items():
        values = [v for n, v in fields if n.lower() == name.lower()]
        expect(any(matches(value, v) for v in values), f"{what} {name} is {value!r}", got)
