"""An HTTP/2 server, over TLS or with prior knowledge, that says what a scenario tells it, on python3-h2.

A behaviour is a table as in kit/faults.py (`accept`, `paths`), with these words of its own:

    settings      {max_streams, window} sent at the beginning
    silent_first  a gate that opens before SETTINGS are sent
    alpn          the protocols offered over TLS (default ["h2"])
    when          "request" (default: at the request's end) or "head"
    say           what is said on the stream, in order (default: 200 with a JSON object of what arrived):
                  {interim = 103}, {head = 200, headers = {...}, end = true}, {data = "x", times = N, end = true},
                  {trailers = {...}}, {rst = code}, {goaway = last, code = N} (last: "this", "before", "all" or a
                  number), {gate = "name"}, {settings = {...}}, {then = "close" or "reset"}, {raw = "bytes"}
    sequence      behaviours by the number of the request on its connection (the last one stays)
    deaf          true: PINGs are not answered
"""

import json
import socket
import struct
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from kit.faults import FaultServer, Seen, Stop

CODES = h2.settings.SettingCodes
GOAWAY = 7
PING = 6


class H2Server(FaultServer):
    def __init__(self, name, port, behaviour, tls=None):
        super().__init__(name, port, behaviour, tls)
        if self.tls:
            self.tls.set_alpn_protocols(behaviour.get("alpn", ["h2"]))

    def converse(self, sock, link):
        Session(self, sock, link).run()


class Session:
    """One connection. Its thread reads; each stream is answered by a thread of its own, under the lock."""

    def __init__(self, server, sock, link):
        self.server, self.sock, self.link = server, sock, link
        self.lock = threading.RLock()
        self.room = threading.Condition(self.lock)
        self.seen = {}
        self.number = 0
        self.how = ""
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False))

    def run(self):
        b = self.server.behaviour
        if "silent_first" in b:
            self.server.gate(b["silent_first"]).wait(120)
        with self.lock:
            self.h2.initiate_connection()
            if "settings" in b:
                self._settings(b["settings"])
            self._flush()
        self.sock.settimeout(600)
        while True:
            data = self.sock.recv(65536)
            if not data:
                raise Stop(self.how or "close")
            self.link.received += len(data)
            with self.lock:
                if b.get("deaf"):
                    data = without_pings(data)
                try:
                    events = self.h2.receive_data(data)
                except h2.exceptions.ProtocolError:
                    self._flush()
                    raise Stop("close") from None
                for event in events:
                    self._take(event)
                self._flush()
                self.room.notify_all()
            if self.how:
                raise Stop(self.how)

    def _flush(self):
        data = self.h2.data_to_send()
        if data:
            try:
                self.sock.sendall(data)
                self.link.sent += len(data)
            except OSError:
                self.how = self.how or "close"

    def _settings(self, s):
        names = {"max_streams": CODES.MAX_CONCURRENT_STREAMS, "window": CODES.INITIAL_WINDOW_SIZE}
        self.h2.update_settings({names[k]: v for k, v in s.items()})

    # --- requests ---

    def _take(self, event):
        seen = self.seen.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RequestReceived):
            seen = self.seen[event.stream_id] = Seen(self.link.number)
            fields = dict(event.headers)
            seen.method, seen.target = fields[":method"], fields[":path"]
            seen.fields = list(event.headers)
            seen.number, self.number = self.number, self.number + 1
            seen.behaviour = self.server.behaviour_for(seen, seen.number)
            with self.server.lock:
                self.server.seen.append(seen)
            if seen.behaviour.get("when") == "head":
                self._answer(event.stream_id, seen)
        elif seen is None:
            return
        elif isinstance(event, h2.events.DataReceived):
            seen.body += event.data
            seen.length += len(event.data)
            if not seen.behaviour.get("holds"):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            seen.trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            seen.whole = True
            if seen.behaviour.get("when") != "head":
                self._answer(event.stream_id, seen)
        elif isinstance(event, h2.events.StreamReset):
            seen.reset = int(event.error_code)

    def _answer(self, id, seen):
        threading.Thread(target=self._say_all, args=(id, seen), daemon=True).start()

    # --- answers ---

    def _say_all(self, id, seen):
        try:
            for line in seen.behaviour.get("say") or self._echo(seen):
                if "gate" in line:
                    self.server.gate(line["gate"]).wait(120)
                    continue
                with self.lock:
                    self._say(id, line)
                    self._flush()
        except (h2.exceptions.ProtocolError, OSError):
            pass  # the stream or the connection is over

    def _echo(self, seen):
        what = {"server": self.server.name, "method": seen.method, "target": seen.target, "headers": seen.fields,
                "body": seen.body.decode("latin-1"), "length": seen.length, "trailers": seen.trailers,
                "connection": seen.connection}
        return [{"head": 200, "headers": {"content-type": "application/json"}}, {"data": json.dumps(what), "end": True}]

    def _say(self, id, line):
        end = line.get("end", False)
        if "interim" in line:
            self.h2.send_headers(id, [(":status", str(line["interim"])), *line.get("headers", {}).items()])
        if "head" in line:
            fields = [] if line["head"] == "none" else [(":status", str(line["head"]))]
            self.h2.send_headers(id, fields + list(line.get("headers", {}).items()), end_stream=end)
        if "data" in line:
            self._data(id, line["data"].encode("latin-1") * line.get("times", 1), end)
        if "trailers" in line:
            self.h2.send_headers(id, list(line["trailers"].items()), end_stream=True)
        if "rst" in line:
            self.h2.reset_stream(id, line["rst"])
        if "settings" in line:
            self._settings(line["settings"])
        if "goaway" in line:
            last = {"this": id, "before": max(id - 2, 0), "all": 0x7FFFFFFF}.get(line["goaway"], line["goaway"])
            self._flush()
            self.sock.sendall(struct.pack(">HBBBLLL", 0, 8, GOAWAY, 0, 0, last, line.get("code", 0)))
        if "raw" in line:
            self._flush()
            self.sock.sendall(line["raw"].encode("latin-1"))
        if "then" in line:
            self._flush()
            self.how = line["then"]
            self._wake()

    def _wake(self):
        """The reader notices."""
        if self.how == "reset":
            self.sock.shutdown(socket.SHUT_RD)
        else:
            self.sock.shutdown(socket.SHUT_RDWR)

    def _data(self, id, data, end):
        while True:
            room = min(self.h2.local_flow_control_window(id), self.h2.max_outbound_frame_size)
            if data and room == 0:
                self._flush()
                self.room.wait(60)
                continue
            piece, data = data[:room], data[room:]
            self.h2.send_data(id, piece, end_stream=end and not data)
            self._flush()
            if not data:
                return


def without_pings(data):
    """PING frames taken out, where frames are whole: that is how weir sends them."""
    if data.startswith(b"PRI * HTTP/2.0"):
        return data
    out, at = [], 0
    while at < len(data):
        end = at + 9 + int.from_bytes(data[at : at + 3], "big")
        if data[at + 3] != PING:
            out.append(data[at:end])
        at = end
    return b"".join(out)
