"""An HTTP/2 client session that a scenario keeps open across steps, on python3-h2.

Nothing runs in the background: bytes are read when a step waits for something. What was received is kept per
stream: interim and final heads, body, trailers, how it ended. GOAWAY frames are taken out before python-h2 sees
them: for it a connection ends with the first one, in truth streams go on behind it (RFC 9113 6.8).
"""

import time
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from kit.failure import PATIENCE, Failure, expect, shown
from kit.wire import Answer, dial


FRAMES = {"DATA": 0, "HEADERS": 1, "PRIORITY": 2, "RST_STREAM": 3, "SETTINGS": 4, "PUSH_PROMISE": 5, "PING": 6, "GOAWAY": 7,
          "WINDOW_UPDATE": 8, "CONTINUATION": 9}
GOAWAY = FRAMES["GOAWAY"]


@dataclass
class Stream:
    id: int
    answer: Answer = field(default_factory=Answer)
    body: bytearray = field(default_factory=bytearray)
    has_head: bool = False
    ended: bool = False
    reset: object = None  # the error code
    reset_by_peer: bool = False


class H2Peer:
    def __init__(self, address, source=None, window=None, manual=False, strict=True, tls_version=None):
        tls = {"alpn": ["h2"]}
        if tls_version:
            tls["version"] = tls_version
        self.wire = dial(address, tls, source)
        expect(self.wire.sock.selected_alpn_protocol() == "h2", "ALPN chose h2", self.wire.sock.selected_alpn_protocol())
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=strict, normalize_outbound_headers=strict,
            validate_inbound_headers=True))
        self.manual = manual  # windows are opened only when a step says so
        self.streams = {}
        self.goaways = []  # (last stream, code)
        self.partial = b""  # of a frame
        self.closed = ""  # how the connection ended
        self.h2.initiate_connection()
        if window is not None:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()
        self.pump_until(lambda: self._has_settings, "the server's SETTINGS")

    _has_settings = False

    # --- bytes ---

    def flush(self):
        data = self.h2.data_to_send()
        if data and not self.wire.send(data):
            self.closed = self.closed or "reset"

    def pump(self, patience):
        """Reads once. False: nothing came in time, or the connection is over."""
        if self.closed:
            return False
        try:
            data = self.wire.more(patience)
        except Failure:
            return False
        if not data:
            self.closed = self.wire.ended
            return False
        try:
            events = self.h2.receive_data(self._without_goaways(data))
        except h2.exceptions.ProtocolError as e:
            raise Failure(f"weir broke HTTP/2: {e!r}") from None
        for event in events:
            self._take(event)
        self.flush()
        return True

    def _without_goaways(self, data):
        """Whole frames but for GOAWAYs; what is incomplete waits for more."""
        self.partial += data
        out, at = [], 0
        while len(self.partial) - at >= 9:
            end = at + 9 + int.from_bytes(self.partial[at : at + 3], "big")
            if len(self.partial) < end:
                break
            frame = self.partial[at:end]
            if frame[3] == GOAWAY:
                last, code = int.from_bytes(frame[9:13], "big"), int.from_bytes(frame[13:17], "big")
                self.goaways.append((last & 0x7FFFFFFF, code))
            elif self._is_known(frame):
                out.append(frame)
            at = end
        self.partial = self.partial[at:]
        return b"".join(out)

    def _is_known(self, frame):
        """RST_STREAM for a request that was sent as raw frames would break python-h2."""
        return frame[3] != FRAMES["RST_STREAM"] or int.from_bytes(frame[5:9], "big") in self.streams

    def pump_until(self, check, what, patience=PATIENCE):
        end = time.monotonic() + patience
        while not check():
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f"HTTP/2: {what}: not within {patience:g} s")
            if not self.pump(left) and self.closed and not check():
                raise Failure(f"HTTP/2: {what}: the connection was {self.closed} before; GOAWAYs: {self.goaways}")

    def _take(self, event):
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self._has_settings = True
        stream = self.streams.get(getattr(event, "stream_id", None))
        if stream is None:
            return
        if isinstance(event, h2.events.InformationalResponseReceived):
            stream.answer.interim.append(_answer_of(event.headers))
        elif isinstance(event, h2.events.ResponseReceived):
            interim = stream.answer.interim
            stream.answer = _answer_of(event.headers)
            stream.answer.interim = interim
            stream.has_head = True
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if not self.manual and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.answer.trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset, stream.reset_by_peer = int(event.error_code), event.remote_reset

    # --- doing ---

    def request(self, fields, end=True):
        id = self.h2.get_next_available_stream_id()
        stream = self.streams[id] = Stream(id)
        self.h2.send_headers(id, fields, end_stream=end)
        self.flush()
        return stream

    def data(self, stream, data, end=False):
        """Sends within the peer's windows, waiting for them."""
        while True:
            room = 0
            if stream.reset is None and not self.closed:
                room = min(self.h2.local_flow_control_window(stream.id), self.h2.max_outbound_frame_size)
            else:
                return False
            if data and room == 0:
                self.pump_until(lambda: self._can_send(stream), "room to send")
                continue
            piece, data = data[:room], data[room:]
            self.h2.send_data(stream.id, piece, end_stream=end and not data)
            self.flush()
            if not data:
                return True

    def _can_send(self, stream):
        return stream.reset is not None or self.closed or self.h2.local_flow_control_window(stream.id) > 0

    def trailers(self, stream, fields):
        self.h2.send_headers(stream.id, fields, end_stream=True)
        self.flush()

    def reset(self, stream, code=8):
        self.h2.reset_stream(stream.id, code)
        self.flush()

    def raw_frame(self, type, flags=0, stream=0, payload=b""):
        """A frame's bytes, right or wrong; python-h2 does not know of it."""
        return len(payload).to_bytes(3, "big") + bytes([FRAMES[type], flags]) + stream.to_bytes(4, "big") + payload

    def believe_streams(self, n):
        self.h2.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = n
        self.h2.remote_settings.acknowledge()

    def set_initial_window(self, n):
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: n})
        self.flush()

    def open_window(self, stream):
        """Everything that came may be followed by as much."""
        n = len(stream.body)
        self.h2.acknowledge_received_data(n, stream.id)
        self.flush()

    def wait_answer(self, stream, patience=PATIENCE):
        """The complete answer; a stream that was reset gives one that is cut."""
        self.pump_until(lambda: stream.ended or stream.reset is not None, f"stream {stream.id} ends", patience)
        answer = stream.answer
        answer.body, answer.length = bytes(stream.body), len(stream.body)
        answer.framing = "h2"
        answer.cut = "" if stream.ended else f"reset {stream.reset}"
        return answer

    def close(self):
        if not self.closed:
            self.h2.close_connection()
            self.flush()
        self.wire.close()


def _answer_of(headers):
    fields = [(n, v) for n, v in headers if not n.startswith(":")]
    status = [v for n, v in headers if n == ":status"]
    if len(status) != 1 or not status[0].isdigit():
        raise Failure(f"an HTTP/2 answer without one :status: {shown(headers)}")
    return Answer(status=int(status[0]), version="HTTP/2", fields=fields)


def head_of(method, path, authority, headers, scheme="https"):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), *headers]
