#!/usr/bin/python3
"""The gate itself: a small tree with one violation of each kind planted, and with what is allowed beside it."""
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check

# file, line of an include, and what the complaint must say; None: it is allowed.
CASES = [
    ("base/a.c", '#include "base/b.h"', None),
    ("base/a.c", "#include <stdio.h>", None),
    ("base/a.c", "#include <sys/socket.h>", None),
    ("base/loop.c", "#include <event2/event.h>", None),
    ("base/a.c", "#include <event2/event.h>", "libevent may be included by only base/loop.c, control/redis.c"),
    ("base/a.c", '#include "http/http.h"', "http (step 1) stands above base (step 0)"),
    ("base/digest.c", "#include <openssl/evp.h>", None),
    ("base/a.c", "#include <openssl/evp.h>", "OpenSSL may be included by only proxy/tls*.[ch]"),
    ("http/a.c", '#include "base/anything.h"', None),
    ("http/a.c", '#include "base/err.def"', "it is private to base/"),
    ("http/a.h", '#include "config/config.h"', "http and config are on one step (1)"),
    ("http/h2_session.c", "#include <nghttp2/nghttp2.h>", None),
    ("http/h1_codec.c", "#include <nghttp2/nghttp2.h>", "nghttp2 may be included by only http/h2_*.[ch]"),
    ("config/a.c", "#include <jansson.h>", None),
    ("router/a.c", "#include <jansson.h>", "jansson may be included by"),
    ("router/a.c", '#include "http/http.h"', None),
    ("router/a.c", '#include "http/h1_head.h"', "it is private to http/, whose doors are http/http.h, http/codec.h, http/ws.h"),
    ("router/a.c", '#include "config/room.h"', "whose doors are config/config.h"),
    ("router/a.c", '#include "shadow/shadow.h"', "router and shadow are on one step (2)"),
    ("shadow/decode.c", "#include <brotli/decode.h>", None),
    ("shadow/diff.c", "#include <zlib.h>", "zlib may be included by only shadow/decode.c"),
    ("proxy/a.c", '#include "router/router.h"', None),
    ("proxy/a.c", '#include "control/control.h"', "proxy and control are on one step (3)"),
    ("proxy/tls_ctx.c", "#include <openssl/ssl.h>", None),
    ("proxy/front.c", "#include <openssl/ssl.h>", "OpenSSL may be included by only"),
    ("control/redis.c", "#include <hiredis/adapters/libevent.h>", None),
    ("control/store.c", "#include <hiredis/hiredis.h>", "hiredis may be included by only control/redis.c"),
    ("control/admin_api.c", "#include <libwebsockets.h>", None),
    ("control/flip.c", "#include <libwebsockets.h>", "libwebsockets may be included by only"),
    ("control/flip.c", '#include "proxy/proxy.h"', "control and proxy are on one step (3)"),
    ("cli/main.c", '#include "proxy/proxy.h"', None),
    ("cli/main.c", '#include "proxy/worker.h"', "it is private to proxy/"),
    ("proxy/b.c", '#include "cli/cli.h"', "nobody includes the program itself"),
    ("cli/main.c", "#include <cmocka.h>", "cmocka may be included by nothing but tests"),
    ("cli/main.c", "#include <curl/curl.h>", "no library with a grant"),
    ("cli/main.c", '#include "cli.h"', 'name a file by its room: "cli/cli.h"'),
    ("cli/main.c", '#include "../base/a.h"', "name a file by its room"),
    ("cli/main.c", "#include <base/a.h>", "rooms are included with quotes"),
    ("cli/main.c", "#include HEADER", "an include that is computed"),
    # spellings
    ("base/a.c", '  #  include   "http/http.h"', "stands above"),
    ("base/a.c", '#include"http/http.h"', "stands above"),
    ("base/a.c", '#include "http/http.h" /* for a while */', "stands above"),
    ("base/a.c", '#inc\\\nlude "http/http.h"', None),  # spliced names are nobody's style; clang-format would not keep it
    ("base/a.c", '#include \\\n"http/http.h"', "stands above"),
    ("base/a.c", '/* a comment */ #include "http/http.h"', "stands above"),
    ("base/a.c", '// #include "http/http.h"', None),
    ("base/a.c", '/* #include "http/http.h" */', None),
    ("base/a.c", '/* text\n#include "http/http.h"\n*/', None),
    ("base/a.c", 'static const char *s = "/*";\n#include "http/http.h"', "stands above"),
    ("base/a.c", '/* it\'s "quoted */\n#include "http/http.h"', "stands above"),
    ("base/deep/down/a.c", '#include "http/http.h"', "stands above"),
    ("base/a.def", '#include "http/http.h"', "stands above"),
    ("base/notes.md", '#include "http/http.h"', None),
]


def run(file, text):
    with tempfile.TemporaryDirectory() as d:
        root = pathlib.Path(d)
        path = root / file
        path.parent.mkdir(parents=True)
        path.write_text("/* first line */\n" + text + "\n")
        found, files = check.check(root)
        return found


def main():
    wrong = 0
    for file, text, expected in CASES:
        found = run(file, text)
        if expected is None:
            ok = found == []
        else:
            ok = len(found) == 1 and expected in found[0] and found[0].startswith(file + ":")
        if not ok:
            wrong += 1
            print("%s with %r gives %r, not %r" % (file, text, found, expected))
    line = run("base/a.c", '\n\n#include "http/http.h"')[0]
    if not line.startswith("base/a.c:4: includes \"http/http.h\": "):
        wrong += 1
        print("the line is wrong: %s" % line)
    print("%d cases, %d wrong" % (len(CASES) + 1, wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
