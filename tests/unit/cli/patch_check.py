#!/usr/bin/python3
"""`weir diff --format patch`, judged by somebody else's RFC 6902: the patch applied to A gives B.

    patch_check.py WEIR CASES      CASES: tests/diff; beside them, documents made by dice that are always the same
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import jsonpatch
except ImportError:
    print("python3-jsonpatch is not installed")
    sys.exit(77)

KEYS = ["a", "b/c", "~x", "", "k", "\u00e9"]
TEXTS = ["a", "b/c", "~x", "", "\u00e9", "d\n\"\\", "\U0001f600"]


def check(weir, a, b, files):
    done = subprocess.run([weir, "diff", "--format", "patch", *files], stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1):
        return False
    patch = json.loads(done.stdout)
    made = jsonpatch.apply_patch(a, patch)
    if made != b or (done.returncode == 0) != (patch == []):
        sys.exit(f"{files}: status {done.returncode}, the patch makes {made!r}, not {b!r}:\n{done.stdout.decode()}")
    return True


def value(dice, depth):
    kind = dice.randrange(8 if depth > 0 else 5)
    if kind < 2:
        return dice.choice([None, True, False, 0, 1, 2, 3.5])
    if kind < 5:
        return dice.choice(TEXTS)
    if kind < 7:
        return {dice.choice(KEYS): value(dice, depth - 1) for _ in range(dice.randrange(5))}
    return [value(dice, depth - 1) for _ in range(dice.randrange(7))]


def changed(dice, v):
    if dice.random() < 0.1:
        return value(dice, 2)
    if isinstance(v, dict):
        return {k: changed(dice, x) for k, x in v.items() if dice.random() > 0.1}
    if isinstance(v, list):
        v = [changed(dice, x) for x in v if dice.random() > 0.1]
        if dice.random() < 0.3:
            v.insert(dice.randrange(len(v) + 1), value(dice, 1))
    return v


def main(weir, cases):
    done = 0
    for case in sorted(pathlib.Path(cases).iterdir()):
        files = [case / "legacy", case / "new"]
        try:
            a, b = (json.loads(f.read_bytes()) for f in files)
        except (ValueError, OSError):
            continue
        done += check(weir, a, b, files)
    dice = random.Random(6902)
    with tempfile.TemporaryDirectory() as room:
        files = [pathlib.Path(room, "a"), pathlib.Path(room, "b")]
        for i in range(150):
            a = [value(dice, 4) for _ in range(6)]
            b = changed(dice, a) if i % 3 else [value(dice, 4) for _ in range(5)]
            for file, v in zip(files, (a, b)):
                file.write_text(json.dumps(v))
            if not check(weir, a, b, files):
                sys.exit(f"no patch for {a!r} and {b!r}")
    if done < 50:
        sys.exit(f"only {done} cases of {cases} are two JSON texts")


main(*sys.argv[1:])
