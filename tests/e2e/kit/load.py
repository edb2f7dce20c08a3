"""Requests in a closed loop on connections that stay open, each answer recorded: when it was asked for and came,
status, who answered. What counts as failed: no complete answer, another status, a connection that ended under a
request. An answer that says `Connection: close`, or a GOAWAY, is no failure: the next request goes elsewhere."""

import threading
import time
from collections import Counter
from dataclasses import dataclass

import h2.exceptions

from kit.failure import PATIENCE, Failure, expect
from kit.h2peer import H2Peer, head_of
from kit.wire import dial, read_answer


@dataclass
class Record:
    asked: float
    came: float
    status: int = 0
    backend: str = ""
    user: str = ""
    error: str = ""


class H1Connection:
    def __init__(self, address, tls):
        self.wire = dial(address, {"alpn": ["http/1.1"]} if tls else None)
        self.ends = False

    def ask(self, spec, user):
        extra = "".join(f"{n}: {v}\r\n" for n, v in spec["headers"].items())
        body = spec["body"].encode()
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = (f"{spec['method']} {spec['path']} HTTP/1.1\r\nHost: {spec['host']}\r\nX-User-Id: {user}\r\n"
                f"{length}{extra}\r\n").encode()
        if not self.wire.send(head + body):
            raise Failure("the connection was reset under a request")
        answer = read_answer(self.wire, spec["method"])
        if answer is None:
            raise Failure(f"the connection was {self.wire.ended} instead of an answer")
        if answer.cut:
            raise Failure(f"the answer was cut: {answer.cut}")
        self.ends = "close" in (answer.value("connection") or "")
        return answer

    def close(self):
        self.wire.close()


class H2Connection:
    def __init__(self, address, _):
        self.peer = H2Peer(address)
        self.ends = False

    def ask(self, spec, user):
        fields = head_of(spec["method"], spec["path"], spec["host"],
                         [("x-user-id", user), *((n.lower(), v) for n, v in spec["headers"].items())])
        body = spec["body"].encode()
        try:
            stream = self.peer.request(fields, end=not body)
            if body:
                self.peer.data(stream, body, end=True)
            answer = self.peer.wait_answer(stream)
        except h2.exceptions.ProtocolError as e:
            raise Failure(f"HTTP/2: {e!r}") from None
        del self.peer.streams[stream.id]
        if answer.cut:
            raise Failure(f"the stream was cut: {answer.cut}")
        self.ends = bool(self.peer.goaways)
        return answer

    def close(self):
        self.peer.close()


DEFAULTS = {"connections": 8, "users": 100, "path": "/", "host": "load.test", "method": "GET", "status": 200,
            "pause": 0.002, "headers": {}, "body": ""}


class Load:
    """`proto` is h1, h1s (over TLS) or h2."""

    def __init__(self, address, proto, **spec):
        self.address, self.proto = address, proto
        self.spec = {**DEFAULTS, **spec}
        self.records = []
        self.opened = 0  # connections
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True)
                        for n in range(self.spec["connections"])]
        for thread in self.threads:
            thread.start()

    def _open(self):
        with self.lock:
            self.opened += 1
        return (H2Connection if self.proto == "h2" else H1Connection)(self.address, self.proto != "h1")

    def _run(self, number):
        connection = None
        n = number
        while not self.stopping.is_set():
            record = Record(time.monotonic(), 0, user=f"user-{n % self.spec['users']}")
            n += self.spec["connections"]
            try:
                connection = connection or self._open()
                answer = connection.ask(self.spec, record.user)
                record.status, record.backend = answer.status, answer.value("x-backend") or ""
                if answer.status != self.spec["status"]:
                    record.error = f"status {answer.status}"
            except (Failure, OSError) as e:
                record.error = str(e) or repr(e)
            record.came = time.monotonic()
            with self.lock:
                self.records.append(record)
            if connection and (record.error or connection.ends):
                connection.close()
                connection = None
            time.sleep(self.spec["pause"])
        if connection:
            connection.close()

    def done(self):
        with self.lock:
            return list(self.records)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            expect(not thread.is_alive(), "a connection of the load ends when it is told to")

    def check(self, want, marks):
        """want: failed (default 0), at_least, backends, reconnects, after = {mark, backend}, but, slowest."""
        records = self.done()
        errors = Counter(r.error for r in records if r.error)
        for error in want.get("but", []):
            expect(errors.pop(error, 0) > 0, f"some requests end with {error}", dict(errors.most_common(5)))
        expect(sum(errors.values()) <= want.get("failed", 0),
               f"of {len(records)} requests at most {want.get('failed', 0)} fail", dict(errors.most_common(5)))
        hung = [r for r in records if r.came - r.asked > want.get("slowest", PATIENCE)]
        expect(not hung, f"no request takes longer than {want.get('slowest', PATIENCE):g} s", hung[:3])
        expect(len(records) >= want.get("at_least", 1), f"at least {want.get('at_least', 1)} requests", len(records))
        seen = Counter(r.backend for r in records if not r.error)
        if "backends" in want:
            expect(set(seen) == set(want["backends"]), f"answered by {want['backends']} and nobody else", dict(seen))
        if "reconnects" in want:
            extra = self.opened - self.spec["connections"]
            expect(extra <= want["reconnects"], f"at most {want['reconnects']} connections opened anew", extra)
        for rule in want.get("after", []):
            self._check_after(records, rule, marks)

    def _check_after(self, records, rule, marks):
        """Everything asked for after a mark was answered by one backend, and there was something."""
        mark = marks[rule["mark"]]
        end = marks[rule["before"]] if "before" in rule else float("inf")
        later = [r for r in records if r.asked > mark and r.came < end and not r.error]
        wrong = [r for r in later if r.backend != rule["backend"]]
        expect(len(later) >= rule.get("at_least", 1), f"requests after mark {rule['mark']}", len(later))
        expect(not wrong, f"all {len(later)} requests after mark {rule['mark']} answered by {rule['backend']}",
               [f"{r.backend} {1000 * (r.asked - mark):.2f} ms after" for r in wrong[:5]] + [f"{len(wrong)} in all"])
