#!/usr/bin/env python3
"""Judges the configurations of this folder and the examples by config/weir.schema.json.

good-* and the examples must be valid, schema-* must not be; cross-* are valid as far as a schema can see (what is wrong
with them is between options); syntax-* is not JSON at all, or not an object."""
import json
import pathlib
import re
import sys

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent


def valid(validator, file):
    document = json.loads(file.read_text(encoding="utf-8-sig"))
    return jsonschema.exceptions.best_match(validator.iter_errors(document))


# What the full example cannot have beside what it has.
ELSEWHERE = {"listeners[].tls.certificates[].self_signed", "control.sentinel_user", "control.sentinel_password"}


def options():
    """Every option by its path, from options.def."""
    paths = {}
    for line in (TOP / "config/options.def").read_text().splitlines():
        scope = re.match(r'SCOPE\((\w+), "([^"]*)"', line)
        option = re.match(r'OPT\((\w+), "(\w+)"', line)
        if scope:
            paths[scope[1]] = scope[2]
        elif option:
            yield f"{paths[option[1]]}.{option[2]}".lstrip(".")


def named(value, path=""):
    """The paths of the options that a configuration says something about."""
    if isinstance(value, list):
        for one in value:
            yield from named(one, path + "[]")
    elif isinstance(value, dict):
        for key, one in value.items():
            here = path + ".NAME" if path == "backends" else f"{path}.{key}".lstrip(".")
            yield here
            yield from named(one, re.sub(r"match\.(cookies|query)$", "match.headers", here))  # they look the same


def unsaid(file):
    return sorted(set(options()) - ELSEWHERE - set(named(json.loads(file.read_text()))))


def main():
    schema = json.loads((TOP / "config/weir.schema.json").read_text())
    kind = jsonschema.validators.validator_for(schema)
    if kind is not jsonschema.Draft202012Validator:
        sys.exit("the schema is not of draft 2020-12")
    kind.check_schema(schema)
    validator = kind(schema)
    cases = sorted(p for p in HERE.glob("*/config.json") if not p.parent.name.startswith("syntax-"))
    examples = sorted((TOP / "config/examples").glob("*.json"))
    failed = 0
    for file in cases + examples:
        name = file.parent.name
        must_be_valid = not name.startswith("schema-")
        error = valid(validator, file)
        if (error is None) != must_be_valid:
            failed += 1
            print(f"{file.relative_to(TOP)}: " + (f"refused: {error.json_path}: {error.message}"
                                                   if error else "is valid"))
    for path in unsaid(TOP / "config/examples/full.json"):
        failed += 1
        print(f"config/examples/full.json says nothing about {path}")
    print(f"{len(cases)} cases and {len(examples)} examples, {failed} judged wrong")
    sys.exit(failed > 0 or len(cases) < 80)


main()
