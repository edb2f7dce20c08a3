"""Steps that are clients: raw bytes, curl, HTTP/2 sessions, the admin API over TCP."""

import os
import subprocess

from kit.failure import Failure, expect, shown, until
from kit.faults import check_seen
from kit.h2peer import H2Peer, head_of
from kit.match import ANSWER_KEYS, check_answer, matches
from kit.scenario import step
from kit.wire import Answer, dial, parse_fields, read_answer, read_head

# --- raw bytes ---

TALK_KEYS = {"about", "send", "lines", "times", "answer", "method", "recv", "end", "silent", "fin", "reset", "close", "no_answer", "answer_rest", "head"}


def bytes_of(item):
    """`send` is bytes as they stand, `lines` a head: each line and an empty one at the end get CR LF."""
    if "lines" in item:
        return ("\r\n".join(item["lines"]) + "\r\n\r\n").encode("latin-1") + item.get("send", "").encode("latin-1")
    return item["send"].encode("latin-1") * item.get("times", 1)


def talk(wire, item, what):
    unknown = set(item) - TALK_KEYS
    expect(not unknown, f"raw: unknown {sorted(unknown)}")
    if "send" in item or "lines" in item:
        wire.send(bytes_of(item))
    if "answer" in item:
        unknown = set(item["answer"]) - ANSWER_KEYS
        expect(not unknown, f"answer: unknown {sorted(unknown)}")
        check_answer(item["answer"], read_answer(wire, item.get("method", "GET")), what)
    if "head" in item:
        unknown = set(item["head"]) - ANSWER_KEYS
        expect(not unknown, f"head: unknown {sorted(unknown)}")
        check_answer(item["head"], read_head(wire), what)
    if "no_answer" in item:
        expect(read_answer(wire) is None, f"{what}: no answer")
    if "recv" in item:
        want = item["recv"].encode("latin-1")
        got = bytearray()
        wire.exactly(len(want), got.extend)
        expect(bytes(got) == want, f"{what}: these bytes: {shown(want)}", bytes(got))
    if "answer_rest" in item:
        wire.to_end()
        expect(matches(item["answer_rest"], wire.ended), f"{what}: the rest ends with the connection", wire.ended)
    if "fin" in item:
        wire.fin()
    if "end" in item:
        how = wire.wait_end()
        expect(matches(item["end"], how), f"{what}: the connection is {item['end']}", how)
    if "silent" in item:
        expect(wire.is_silent_for(item["silent"]), f"{what}: nothing comes and the connection stays open", wire.kept)
    if "reset" in item:
        wire.reset()
    if "close" in item:
        wire.close()


@step("raw", "talk", to="http", tls=None, conn=None, source=None)
def raw(run, t):
    """One connection, item after item: send / lines; answer = {...} (method = "HEAD" for one without a body);
    head = {...} (the next head, interim or not, and nothing behind it); recv (exactly these bytes); answer_rest = how (whatever comes until the end); end = "closed", "reset" or "*"; silent = seconds; fin, reset, close = true. `conn`
    names a connection that stays open for later steps."""
    name = t["conn"] or ""
    wire = run.wires.get(name)
    if wire is None:
        tls = t["tls"] if t["tls"] is not None else {} if t["to"] == "https" else None
        wire = run.wires[name] = dial(run.weir.address(t["to"]), tls, t["source"])
    for number, item in enumerate(t["talk"], 1):
        talk(wire, item, f"item {number} of talk")
    if not t["conn"] or any("reset" in i or "close" in i for i in t["talk"]):
        run.wires.pop(name).close()


@step("table", "rows", to="http", answer={}, end=None, nothing_reached=[], tls=None)
def table(run, t):
    """One connection per row: `send` or `lines`; `answer` is the row's over the table's; then `end`. The backends
    of nothing_reached saw no request of any row. `to` may be a list: all rows for each."""
    before = {name: len(check_seen(run.servers[name], {})) for name in t["nothing_reached"]}
    for to in t["to"] if isinstance(t["to"], list) else [t["to"]]:
        for row in t["rows"]:
            _table_row(run, t, row, to)
    for name, n in before.items():
        seen = check_seen(run.servers[name], {})
        expect(len(seen) == n, f"nothing reached {name}", [s.raw for s in seen[n:]])


def _table_row(run, t, row, to):
    what = f"row \"{row['name']}\" to {to}"
    wire = dial(run.weir.address(to), {} if to == "https" else t["tls"])
    try:
        wire.send(bytes_of(row))
        if row.get("fin"):
            wire.fin()
        want = {**t["answer"], **row.get("answer", {}), **({"status": row["status"]} if "status" in row else {})}
        check_answer(want, read_answer(wire, row.get("method", "GET")), what)
        end = row.get("end", t["end"])
        if end:
            how = wire.wait_end()
            expect(matches(end, how), f"{what}: the connection is {end}", how)
    except Failure as failure:
        raise failure if what in str(failure) else Failure(f"{what}: {failure}") from None
    finally:
        wire.close()


# --- curl ---


@step("curl", "path", to="http", args=[], answer={}, exit=0, times=1, scheme=None, host=None)
def curl(run, t):
    """curl -k to a listener, `times` times one after the other; its exit status and its answer. `host` is resolved
    to the listener."""
    address = run.weir.address(t["to"])
    scheme = t["scheme"] or ("https" if t["to"] == "https" else "http")
    more = list(t["args"])
    if t["host"]:
        port = address.rpartition(":")[2]
        more += ["--resolve", f"{t['host']}:{port}:127.0.0.1"]
        address = f"{t['host']}:{port}"
    body, head = run.place.path("curl.body"), run.place.path("curl.head")
    for _ in range(t["times"]):
        for path in (body, head):
            if os.path.exists(path):
                os.unlink(path)
        done = subprocess.run(["curl", "-sSk", "--path-as-is", "--max-time", "60", "-o", body, "-D", head, *more,
                               f"{scheme}://{address}{t['path']}"], capture_output=True, text=True, cwd=run.place.dir)
        expect(done.returncode == t["exit"], f"curl ends with {t['exit']}", f"{done.returncode}: {done.stderr}")
        if t["answer"]:
            unknown = set(t["answer"]) - ANSWER_KEYS
            expect(not unknown, f"answer: unknown {sorted(unknown)}")
            check_answer(t["answer"], _curl_answer(head, body), "curl")


def _curl_answer(head, body):
    with open(head, "rb") as f:
        parts = [p for p in f.read().split(b"\r\n\r\n") if p]
    heads = []
    for part in parts:
        lines = part.decode("latin-1").split("\r\n")
        first = lines[0].split(" ", 2)
        if lines[0].startswith("HTTP/"):
            heads.append(Answer(status=int(first[1]), version=first[0], reason=first[2] if len(first) > 2 else "",
                                fields=parse_fields(lines[1:]), raw=part))
        else:
            heads[-1].trailers = parse_fields(lines)
    final = [h for h in heads if h.status >= 200]
    expect(final, "curl: a final answer", parts)
    answer = final[-1]
    answer.interim = [h for h in heads if h.status < 200]
    if os.path.exists(body):
        with open(body, "rb") as f:
            answer.body = f.read(1 << 20)
        answer.length = os.path.getsize(body)
    return answer


# --- HTTP/2 ---

ACT_KEYS = {"about", "head", "headers", "path", "method", "on", "end", "data", "times", "trailers", "answer", "interim",
            "reset", "expect_reset", "goaway", "code", "closed", "window", "initial_window", "got_bytes", "opened", "silent",
            "raw", "frames", "reset_at_once", "fin", "streams", "host", "scheme"}


@step("h2", "session", "acts", to="https", window=None, manual=False, strict=True, tls_version=None, source=None)
def h2_session(run, t):
    """A session named `session`, opened when it is not yet. acts, in order, each about the stream `on`:
    head = [["name", "value"], ...] as it stands, or path (method, host, headers) for an ordinary request; end = false
    leaves it open; data (times, end); trailers; reset = code; answer = {...} waits for all of it; interim = status;
    expect_reset = code; opened = status waits for the head, got_bytes = N for so much body; window = true opens the
    windows for what came (manual sessions); initial_window = N changes that setting; goaway = last stream id ("*": any)
    waits for one more GOAWAY, with this `code`; closed = how; silent = seconds; raw bytes; frames = [{type, flags, stream, hex}] as they stand, `times`
    (of the stream plus `step` each time; the bytes of `tail` follow `tails` times);
    reset_at_once = N requests for `path` that are reset in the same breath; fin = true ends what we send;
    streams = N believes that so many may be open, whatever weir says."""
    peer = run.peers.get(t["session"])
    if peer is None:
        peer = run.peers[t["session"]] = H2Peer(run.weir.address(t["to"]), t["source"], t["window"], t["manual"],
                                                t["strict"], t["tls_version"])
        peer.named = {}
        peer.goaways_seen = 0
    for number, act in enumerate(t["acts"], 1):
        unknown = set(act) - ACT_KEYS
        expect(not unknown, f"h2: unknown {sorted(unknown)}")
        try:
            _act(peer, act)
        except Failure as failure:
            raise Failure(f"act {number} {act}: {failure}") from None
        except Exception as e:
            raise Failure(f"act {number} {act}: {e!r}; GOAWAYs {peer.goaways}, {peer.closed or 'open'}") from e


def _act(peer, act):
    name = act.get("on", "")
    if "streams" in act:
        peer.believe_streams(act["streams"])
    if "head" in act or "path" in act:
        fields = [tuple(f) for f in act["head"]] if "head" in act else head_of(
            act.get("method", "GET"), act["path"], act.get("host", "localhost"), list(act.get("headers", {}).items()),
            act.get("scheme", "https"))
        for _ in range(act.get("reset_at_once", 0)):
            peer.reset(peer.request(fields))
        if "reset_at_once" not in act:
            peer.named[name] = peer.request(fields, end=act.get("end", True) and "data" not in act)
    if "data" in act:
        peer.data(peer.named[name], act["data"].encode("latin-1") * act.get("times", 1), act.get("end", False))
    if "trailers" in act:
        peer.trailers(peer.named[name], list(act["trailers"].items()))
    if "reset" in act:
        peer.reset(peer.named[name], act["reset"])
    if "window" in act:
        peer.open_window(peer.named[name])
    if "initial_window" in act:
        peer.set_initial_window(act["initial_window"])
    if "frames" in act:
        peer.wire.send(b"".join(_frame(peer, f, n) for n in range(act.get("times", 1)) for f in act["frames"]))
    if "fin" in act:
        peer.wire.fin()
    if "raw" in act:
        peer.wire.send(act["raw"].encode("latin-1"))
    _expectations(peer, act, name)


def _frame(peer, f, n):
    payload = bytes.fromhex(f["hex"]) + bytes.fromhex(f.get("tail", "")) * f.get("tails", 1)
    return peer.raw_frame(f["type"], f.get("flags", 0), f.get("stream", 0) + n * f.get("step", 0), payload)


def _expectations(peer, act, name):
    if "interim" in act:
        stream = peer.named[name]
        peer.pump_until(lambda: stream.answer.interim, "an interim answer")
        expect(stream.answer.interim[-1].status == act["interim"], f"interim answer {act['interim']}",
               stream.answer.interim[-1].status)
    if "opened" in act:
        stream = peer.named[name]
        peer.pump_until(lambda: stream.has_head, "the head of the answer")
        expect(stream.answer.status == act["opened"], f"status {act['opened']}", stream.answer.status)
    if "got_bytes" in act:
        stream = peer.named[name]
        peer.pump_until(lambda: len(stream.body) >= act["got_bytes"], f"{act['got_bytes']} bytes of body")
    if "answer" in act:
        unknown = set(act["answer"]) - ANSWER_KEYS
        expect(not unknown, f"answer: unknown {sorted(unknown)}")
        check_answer(act["answer"], peer.wait_answer(peer.named[name]), f"stream {name}")
    if "expect_reset" in act:
        stream = peer.named[name]
        peer.pump_until(lambda: stream.reset is not None or stream.ended and act["expect_reset"] == "none", "RST_STREAM")
        expect(matches(act["expect_reset"], stream.reset), f"RST_STREAM {act['expect_reset']}", stream.reset)
    if "goaway" in act:
        peer.pump_until(lambda: len(peer.goaways) > peer.goaways_seen, "GOAWAY")
        last, code = peer.goaways[peer.goaways_seen]
        peer.goaways_seen += 1
        expect(matches(act["goaway"], last) and act.get("code", code) == code,
               f"GOAWAY with last stream {act['goaway']}, code {act.get('code', '*')}", (last, code))
    if "closed" in act:
        peer.pump_until(lambda: peer.closed, "the connection ends")
        expect(matches(act["closed"], peer.closed), f"the connection is {act['closed']}", peer.closed)
    if "silent" in act:
        before = [(s.id, len(s.body), s.ended, s.has_head) for s in peer.streams.values()]
        peer.pump(act["silent"])
        after = [(s.id, len(s.body), s.ended, s.has_head) for s in peer.streams.values()]
        expect(before == after and not peer.closed, "nothing comes", (after, peer.closed))


# --- the admin API ---


def ask_admin(run, to, method, path, body, fields):
    """The answer to one request, on the admin socket, or over TCP when `to` is an address."""
    if to is None:
        return run.weir.admin(method, path, body, fields)
    wire = dial(to)
    length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
    host = "" if "host:" in fields.lower() else f"Host: {to}\r\n"
    wire.send(f"{method} {path} HTTP/1.1\r\n{host}{length}{fields}\r\n".encode() + body)
    answer = read_answer(wire, method)
    wire.close()
    return answer


@step("admin", "path", method="GET", body="", fields=[], to=None, waits=False, answer={})
def admin(run, t):
    """A request to the admin socket, or to an address over TCP; waits: again until the answer is as expected."""
    unknown = set(t["answer"]) - ANSWER_KEYS
    expect(not unknown, f"answer: unknown {sorted(unknown)}")
    fields = "".join(f"{f}\r\n" for f in t["fields"])
    body = t["body"].encode()

    def check():
        answer = ask_admin(run, t["to"], t["method"], t["path"], body, fields)
        check_answer(t["answer"], answer, f"{t['method']} {t['path']}")
        return True

    if t["waits"]:
        until(check, "the admin API")
    else:
        check()
