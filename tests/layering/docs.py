#!/usr/bin/python3
"""What the documents name has to be there: files, pages, commands, metrics; and no metric is left out.

    docs.py ROOT
"""
import pathlib
import re
import sys

ROOMS = "base|http|config|router|shadow|proxy|control|cli|scripts|bench|tests|deploy|docs"
PATH = re.compile(rf"(?<![\w./-])(?:{ROOMS})/[\w./-]*\w")
NOT_PATHS = {"http/1.1"}
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
METRIC = re.compile(r"\bweir_[a-z0-9_]+\b")
NOT_METRICS = {"weir_route", "weir_token", "weir_id"}  # cookies
COMMAND = re.compile(r"(?:`|^    )weir ([a-z]+)\b", re.M)


def pages(root):
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def is_there(root, name):
    """`proxy/mirror` stands for its .c and .h, `scenarios/ends-*.toml` for all that begin so."""
    return any(root.glob(name + "*"))


def complaints(root):
    """Yields a sentence for everything that is named and not there."""
    metrics = set(re.findall(r'METRIC\(\w+, "(\w+)"', (root / "base/metrics.def").read_text()))
    commands = set(re.findall(r"&cmd_(\w+)", (root / "cli/main.c").read_text())) | {"help"}
    for page in pages(root):
        text = page.read_text()
        name = page.relative_to(root)
        paths = set() if page.name == "evidence.md" else set(PATH.findall(text))  # evidence.py looks at its tests
        for path in sorted(paths - NOT_PATHS):
            if not is_there(root, path):
                yield f"{name}: there is no {path}"
        for link in sorted(set(LINK.findall(text))):
            if not (page.parent / link).exists():
                yield f"{name}: a link leads to {link}, which is not there"
        for metric in sorted(set(METRIC.findall(text)) - metrics - NOT_METRICS):
            yield f"{name}: there is no metric {metric}"
        for command in sorted(set(COMMAND.findall(text)) - commands):
            yield f"{name}: there is no command weir {command}"
    for metric in sorted(metrics - set(METRIC.findall((root / "docs/observing.md").read_text()))):
        yield f"docs/observing.md: the metric {metric} is missing"


def main():
    found = list(complaints(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "what the documents name is there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
