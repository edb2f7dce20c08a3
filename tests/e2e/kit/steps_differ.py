"""The differential step: what weir lets through is framed by each server behind it the way weir framed it."""

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor

from kit import frames
from kit.failure import expect, until
from kit.place import wait_listening, whole_lines
from kit.scenario import step

READERS = {"python": ["/usr/bin/python3", "reader.py"], "node": ["node", "reader.js"]}
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "readers")
LAST = "/last"


def start_reader(run, kind, port):
    program, script = READERS[kind]
    process = run.place.start(f"reader-{kind}", [program, os.path.join(FOLDER, script), str(port)])
    wait_listening(process, port)
    return lambda: [json.loads(line) for line in whole_lines(process.out_path)]


def nginx_reader(server):
    """nginx tells of a request what its log line says: the scenario gives it a JSON log, reads.log. What it refused
    it did not read."""

    def lines():
        return [r for r in map(json.loads, whole_lines(server.place.path("reads.log"))) if r["status"] == 200]

    return lines


def talk(address, data):
    """Everything at once, then the end; until weir has said all it has to say."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass


def compare(weir, read, kind):
    """Every request weir answered from the server was read once, as weir read it; nothing else was."""
    passed = {l["id"]: l for l in weir if "backend" in l}
    ids = [r["id"] for r in read]
    expect(len(ids) == len(set(ids)), f"{kind} read no request twice", [i for i in ids if ids.count(i) > 1][:3])
    for r in read:
        line = passed.get(r["id"])
        expect(line is not None, f"{kind} read no request that weir did not send", r)
        expect((line["method"], line["target"]) == (r["method"], r["target"]), f"{kind} read what weir read", (line, r))
        if "length" in r:
            expect(line["bytes_in"] == r["length"], f"{kind} read a body as long as weir did", (line, r))
            expect(line.get("error") != "bad_chunk", f"{kind} took nothing malformed for complete", (line, r))
    answered = {i for i, l in passed.items() if l["status"] == 200}
    expect(answered <= set(ids), f"{kind} read each request it answered", sorted(answered - set(ids))[:3])
    return len(answered)


@step("differ", "reader", "port", to="http", count=300, seed=1, at_least=100)
def differ(run, t):
    """`count` odd connections (kit/frames.py) to weir, whose default route leads to the reader: python or node,
    started here on `port`, or the name of an nginx of the scenario. At least `at_least` requests got through."""
    kind = t["reader"]
    reads = nginx_reader(run.servers[kind]) if kind in run.servers else start_reader(run, kind, int(t["port"]))
    before = len(run.weir.access())
    address = run.weir.address(t["to"])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda data: talk(address, data), frames.cases(t["seed"], t["count"])))
    talk(address, f"GET {LAST} HTTP/1.1\r\nHost: h\r\n\r\n".encode())

    def settled():
        lines = run.weir.access()[before:]
        expect(any(l["target"] == LAST for l in lines), "the last request is logged")
        expect(run.weir.metrics().sum("weir_requests_open") == 0, "no request is left")
        return compare(lines, reads(), kind)

    got = until(settled, f"{kind} reads as weir does", patience=20)
    expect(got >= t["at_least"], f"at least {t['at_least']} requests get through", got)
