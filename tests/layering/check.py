#!/usr/bin/python3
"""The ladder's gate: reads every #include of every room and fails on one that may not be.

    check.py ROOT     ROOT holds the rooms (base, http, config, router, shadow, proxy, control, cli)

A room includes its own files, and the doors (public headers) of rooms on lower steps; rooms on one step do not see
each other. A library is included only where it has a grant. docs/architecture.md says why.
"""
import fnmatch
import pathlib
import re
import sys

STEPS = {"base": 0, "http": 1, "config": 1, "router": 2, "shadow": 2, "proxy": 3, "control": 3, "cli": 4}

# What a room shows to the rooms above it. cli stands on top: nobody includes it.
DOORS = {
    "base": ["*.h"],
    "http": ["http.h", "codec.h", "ws.h"],
    "config": ["config.h"],
    "router": ["router.h"],
    "shadow": ["shadow.h"],
    "proxy": ["proxy.h"],
    "control": ["control.h"],
    "cli": [],
}

# Headers of a library -> who may include them.
GRANTS = [
    ("libevent", ["event.h", "event2/*", "evhttp.h", "evutil.h"], ["base/loop.c", "control/redis.c"]),
    ("hiredis' libevent adapter", ["hiredis/adapters/*"], ["control/redis.c"]),
    ("hiredis", ["hiredis/*"], ["control/redis.c"]),
    ("OpenSSL", ["openssl/*"], ["proxy/tls*.[ch]", "proxy/conn.c", "base/digest.c"]),
    ("c-ares", ["ares.h"], ["proxy/names.c"]),
    ("nghttp2", ["nghttp2/*"], ["http/h2_*.[ch]"]),
    ("jansson", ["jansson.h"], ["config/*", "shadow/*", "control/*"]),
    ("libwebsockets", ["libwebsockets.h", "libwebsockets/*"], ["control/admin*.[ch]"]),
    ("zlib", ["zlib.h"], ["shadow/decode.c"]),
    ("brotli", ["brotli/*"], ["shadow/decode.c"]),
    ("utf8proc", ["utf8proc.h"], ["shadow/unicode.c"]),
    ("PCRE2", ["pcre2.h", "pcre2posix.h"], ["router/match*.[ch]", "shadow/rules.c"]),
    ("cmocka", ["cmocka.h"], []),
]

# The C library, POSIX and Linux. Anything else in <> is a library that needs a grant.
SYSTEM = [
    "assert.h", "complex.h", "ctype.h", "errno.h", "fenv.h", "float.h", "inttypes.h", "iso646.h", "limits.h", "locale.h",
    "math.h", "setjmp.h", "signal.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h",
    "stdio.h", "stdlib.h", "stdnoreturn.h", "string.h", "time.h", "uchar.h", "wchar.h", "wctype.h",
    "arpa/*", "net/*", "netinet/*", "sys/*", "linux/*", "dirent.h", "fcntl.h", "fnmatch.h", "getopt.h", "glob.h", "grp.h",
    "ifaddrs.h", "langinfo.h", "libgen.h", "netdb.h", "poll.h", "pthread.h", "pwd.h", "regex.h", "sched.h",
    "semaphore.h", "spawn.h", "strings.h", "syslog.h", "termios.h", "unistd.h", "wordexp.h",
    "byteswap.h", "endian.h", "emmintrin.h", "immintrin.h", "malloc.h",
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include\b[ \t]*(.*)$')
TARGET = re.compile(r'^(?:"([^"]*)"|<([^>]*)>)')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def without_comments(text):
    """Comments become blanks; lines and strings stay where they are (a string may look like a comment)."""
    parts = re.split(r'("(?:[^"\\\n]|\\.)*")', text)
    out = []
    comment = None
    for i, part in enumerate(parts):
        if comment is not None:
            end = part.find("*/")
            if end < 0:
                out.append(re.sub(r"[^\n]", " ", part))
                continue
            out.append(" " * (end + 2))
            part = part[end + 2:]
            comment = None
        elif i % 2 == 1:
            out.append(part)
            continue
        part = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), part)
        begin = part.find("/*")
        if begin >= 0:
            comment = begin
            part = part[:begin] + re.sub(r"[^\n]", " ", part[begin:])
        out.append(part)
    return "".join(out)


def includes(path):
    text = without_comments(path.read_text(encoding="utf-8", errors="replace").replace("\\\n", "  "))
    for number, line in enumerate(text.split("\n"), 1):
        m = INCLUDE.match(line)
        if m:
            yield number, m.group(1).strip()


def why_not_room(file, room, name):
    """Why `file` of `room` may not include "name", or None."""
    other, slash, rest = name.partition("/")
    if not slash or other not in STEPS:
        return "name a file by its room: \"%s/%s\" if it is yours" % (room, name)
    if other == room:
        return None
    if other == "cli":
        return "nobody includes the program itself"
    if STEPS[other] > STEPS[room]:
        return "%s (step %d) stands above %s (step %d): a room knows only the steps below it" % (
            other, STEPS[other], room, STEPS[room])
    if STEPS[other] == STEPS[room]:
        return "%s and %s are on one step (%d): such rooms do not see each other" % (room, other, STEPS[room])
    if not matches(rest, DOORS[other]):
        return "it is private to %s/, whose doors are %s" % (other, ", ".join("%s/%s" % (other, d) for d in DOORS[other]))
    return None


def why_not_library(file, name):
    for library, headers, allowed in GRANTS:
        if matches(name, headers):
            if matches(file, allowed):
                return None
            where = "only " + ", ".join(allowed) if allowed else "nothing but tests"
            return "%s may be included by %s" % (library, where)
    if name.split("/")[0] in STEPS:
        return "rooms are included with quotes"
    if matches(name, SYSTEM):
        return None
    return "it is no header of C, POSIX or Linux, and no library with a grant"


def why_not(file, target):
    m = TARGET.match(target)
    if not m:
        return "an include that is computed cannot be checked"
    quoted, angled = m.groups()
    if quoted is not None:
        return why_not_room(file, file.split("/")[0], quoted)
    return why_not_library(file, angled)


def check(root):
    found, files = [], 0
    for room in STEPS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix not in (".c", ".h", ".def") or not path.is_file():
                continue
            files += 1
            file = path.relative_to(root).as_posix()
            for line, target in includes(path):
                why = why_not(file, target)
                if why is not None:
                    found.append("%s:%d: includes %s: %s" % (file, line, target, why))
    return found, files


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    found, files = check(root)
    for line in found:
        print(line)
    if files == 0:
        sys.exit("%s holds no room" % root)
    print("%d files, %d includes that may not be" % (files, len(found)))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
