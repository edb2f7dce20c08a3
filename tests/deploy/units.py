#!/usr/bin/python3
"""The systemd units of deploy/, judged by systemd itself: systemd-analyze verify and security.

    units.py ROOT    exit 77: skipped, there is no systemd-analyze (package systemd)
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
EXPOSURE = "20"  # tenths; 100 is a service that is not hardened at all


def analyze(folder, *words):
    return subprocess.run(["systemd-analyze", *words], cwd=folder, capture_output=True, encoding="utf-8", check=False)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if shutil.which("systemd-analyze") is None:
        print("skipped: systemd-analyze is not installed (apt-get install systemd)")
        sys.exit(SKIPPED)
    units = sorted(p for p in (pathlib.Path(sys.argv[1]) / "deploy").iterdir() if p.suffix in (".service", ".socket"))
    if len(units) < 2:
        sys.exit("deploy/ has no units")
    with tempfile.TemporaryDirectory() as folder:
        for unit in units:  # weir itself need not be installed
            text = unit.read_text().replace("/usr/bin/weir", "/bin/true")
            (pathlib.Path(folder) / unit.name).write_text(text)
        verified = analyze(folder, "verify", *(f"./{u.name}" for u in units))
        secure = analyze(folder, "security", "--offline=true", f"--threshold={EXPOSURE}", "./weir.service")
    print(verified.stderr, end="")
    print(ascii(secure.stdout.strip().splitlines()[-1]) if secure.stdout.strip() else secure.stderr)
    wrong = [line for line in verified.stderr.splitlines() if any(u.name in line for u in units)]
    sys.exit(1 if verified.returncode != 0 or wrong or secure.returncode != 0 else 0)


main()
