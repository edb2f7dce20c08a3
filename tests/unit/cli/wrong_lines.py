#!/usr/bin/python3
"""Command lines that are wrong, each answered by an error that helps: wrong_lines.py WEIR TABLE.

The table (tests/control/command-lines.txt) has a command and what must come of it, to the letter:

    $ weir weight checkout 101
    2 weir: ...

Each runs in an empty directory with the files below and no weir anywhere. With WEIR_UPDATE set the table is
written instead of compared; read the difference before you commit it."""
import difflib
import os
import shlex
import subprocess
import sys
import tempfile

FILES = {
    "weir.json": '{"listeners": [{"address": "127.0.0.1:0"}], "backends": {"a": {"servers": ["127.0.0.1:1"]}, "b": {"servers":'
    ' ["127.0.0.1:2"]}}, "defaults": {"legacy": "a", "new": "b"}, "routes": [{"name": "checkout", "match": {"prefix": "/"}}]}',
    "wrong.json": '{"listeners": [',
    "rules.json": '{"rules": []}',
    "text.txt": "no record\n",
}


def commands(table):
    with open(table, encoding="utf-8") as f:
        return [line[2:].rstrip("\n") for line in f if line.startswith("$ ")]


def answer(weir, command, where):
    env = {"PATH": "/nowhere", "HOME": where, "STATE_DIRECTORY": "state", "TMPDIR": where, "COLUMNS": "100", "LC_ALL": "C.UTF-8"}
    words = shlex.split(command)
    done = subprocess.run([weir, *words[1:]], cwd=where, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    text = (done.stdout + done.stderr).decode()
    return "".join(f"{done.returncode} {line}\n" for line in text.splitlines())


def main():
    weir, table = os.path.abspath(sys.argv[1]), sys.argv[2]
    with open(table, encoding="utf-8") as f:
        expected = f.read()
    got = expected[: expected.index("$ ")]
    with tempfile.TemporaryDirectory() as where:
        for name, text in FILES.items():
            with open(os.path.join(where, name), "w", encoding="utf-8") as f:
                f.write(text)
        for command in commands(table):
            got += f"$ {command}\n{answer(weir, command, where)}"
    if "WEIR_UPDATE" in os.environ:
        with open(table, "w", encoding="utf-8") as f:
            f.write(got)
        return 0
    sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), got.splitlines(True), "expected", "got", n=1))
    return got != expected


sys.exit(main())
