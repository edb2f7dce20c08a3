#!/usr/bin/python3
"""docs/evidence.md names tests that are there, and every scenario stands in it.

    evidence.py ROOT
"""
import pathlib
import re
import sys


def is_there(root, kind, name):
    if kind == "e2e":
        return any((root / "tests/e2e/scenarios").glob(f"{name}.toml"))
    if kind == "unit":
        return (root / f"tests/{name}.c").exists()
    if kind == "bench":
        return f'Row("{name}"' in (root / "bench/load/rows.py").read_text()
    return (root / ("tests/fuzz" if kind == "fuzz" else "bench/micro") / f"{name}.c").exists()


def main():
    root = pathlib.Path(sys.argv[1])
    rows = [line for line in (root / "docs/evidence.md").read_text().splitlines() if line.startswith("|")]
    wrong, named = [], set()
    for row in rows:
        for kind, names in re.findall(r"\b(e2e|unit|bench|micro|fuzz): ((?:`[^`]+`(?:, | and )?)+)", row):
            for name in re.findall(r"`([^`]+)`", names):
                if name.startswith(("tests/", "bench/")):
                    continue
                named.update([name] if kind == "e2e" else [])
                wrong += [] if is_there(root, kind, name) else [f"there is no {kind} {name}"]
        for path in re.findall(r"`((?:tests|bench)/[^`]+)`", row):
            wrong += [] if (root / path).exists() else [f"there is no {path}"]
    for file in (root / "tests/e2e/scenarios").glob("*.toml"):
        if not any(pathlib.PurePath(file.stem).match(n) for n in named):
            wrong.append(f"the scenario {file.stem} proves nothing that is promised")
    print("\n".join(wrong))
    return 1 if wrong else 0


sys.exit(main())
