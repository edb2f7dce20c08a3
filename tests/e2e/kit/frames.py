"""Odd requests by the hundred, and readers to compare with: what weir accepts every server must read the same way.

A case is the bytes of one connection. It is made from a table of heads and bodies and, with a seed, damaged a
little. weir says in its access log how many requests it took and how long their bodies were; the reader behind it
says what it read.
"""

import random

TARGETS = ["/", "/a?b=c", "/%41/..//b;c=d", "http://h/abs?q", "/" + "x" * 200]
FIELDS = [
    [], ["Connection: keep-alive"], ["Expect: 100-continue"], ["TE: trailers"], ["X: \t v \t "], ["X:"], ["x-a: \xe9"],
    ["Connection: Content-Length"], ["Connection: Transfer-Encoding, X"], ["Content-Type: a/b", "Cookie: a=b; c=d"],
    ["Trailer: X"], ["Accept: " + "a," * 300], ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings"], ["Transfer-encoding : chunked"],
    ["Content-Length: 3", "Content-Length: 3"], ["Transfer-Encoding: xchunked"], ["Transfer-Encoding: chunked, chunked"],
    ["X: a\r\n b"], ["Content-Length : 3"], ["Content-Length: 03"], ["Content-Length: 3 "], ["Content_Length: 5"],
    ["Transfer_Encoding: chunked"], ["X: y\nContent-Length: 7"], ["X: y\rContent-Length: 7"],
]
CHUNKS = [
    "3\r\nabc\r\n0\r\n\r\n", "03\r\nabc\r\n000\r\n\r\n", "3;x=y\r\nabc\r\n0;z\r\n\r\n", "1\r\na\r\n2\r\nbc\r\n0\r\nX: 1\r\n\r\n",
    "A\r\n0123456789\r\n0\r\nContent-Length: 9\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n0\r\n\r\n", "3\nabc\n0\n\n", "3 \r\nabc\r\n0\r\n\r\n",
    "0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3;x=\"\r\n\"\r\nabc\r\n0\r\n\r\n", "-1\r\n", "3\r\nabc\r\n",
]
NEXT = "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
MUTATIONS = ["\r", "\n", "\r\n", " ", "\t", "\0", ":", ";", ",", "0", "chunked", "\x0b"]


def plain_cases():
    for number, fields in enumerate(FIELDS):
        target = TARGETS[number % len(TARGETS)]
        head = "".join(f"{f}\r\n" for f in fields)
        yield f"GET {target} HTTP/1.1\r\nHost: h\r\n{head}\r\n"
        yield f"POST {target} HTTP/1.1\r\nHost: h\r\n{head}Content-Length: 3\r\n\r\nabc"
        chunked = f"POST {target} HTTP/1.1\r\nHost: h\r\n{head}Transfer-Encoding: chunked\r\n\r\n"
        yield chunked + CHUNKS[number % len(CHUNKS)]
    for chunks in CHUNKS:
        yield f"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n{chunks}"
    yield "POST / HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc"
    yield "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"


def cases(seed, count):
    """`count` connections: each plain case, then damaged ones."""
    chance = random.Random(seed)
    plain = list(plain_cases())
    for case in plain:
        yield (case + NEXT).encode("latin-1")
    for _ in range(count - len(plain)):
        case = chance.choice(plain)
        for _ in range(chance.randint(1, 2)):
            at = chance.randrange(len(case))
            piece = chance.choice(MUTATIONS)
            case = case[:at] + piece + case[at + chance.choice([0, 1, len(piece)]):]
        yield (case + NEXT).encode("latin-1")
