#!/usr/bin/python3
"""Every C file of the rooms, tests and benchmarks is as clang-format 14 would write it (.clang-format in the root).

    format.py ROOT    exit 77: skipped, there is no clang-format 14 (others format differently)
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOMS = ["base", "http", "config", "router", "shadow", "proxy", "control", "cli", "tests", "bench"]
SKIPPED = 77
BATCH = 50


def find_tool():
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path is None:
            continue
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        if re.search(r"version 14\.", version):
            return path
    return None


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    tool = find_tool()
    if tool is None:
        print("skipped: clang-format 14 is not installed (apt-get install clang-format-14)")
        sys.exit(SKIPPED)
    files = sorted(p for room in ROOMS for p in (root / room).rglob("*.[ch]"))
    if not files:
        sys.exit("%s holds no room" % root)
    wrong = set()
    for i in range(0, len(files), BATCH):
        names = [str(p.relative_to(root)) for p in files[i:i + BATCH]]
        run = subprocess.run([tool, "--dry-run", "-Werror", "--style=file"] + names, cwd=root, capture_output=True, text=True,
                             check=False)
        for line in run.stderr.splitlines():
            m = re.match(r"([^:\s]+:\d+):\d+: error:", line)
            if m:
                wrong.add(m.group(1))
        if run.returncode != 0 and not wrong:
            sys.exit(run.stderr)
    for place in sorted(wrong, key=lambda p: (p.split(":")[0], int(p.split(":")[1]))):
        print("%s: not as clang-format 14 writes it; run: clang-format-14 -i %s" % (place, place.split(":")[0]))
    print("%d files, %d places that are not formatted" % (len(files), len(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
