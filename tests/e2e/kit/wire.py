"""A socket with a deadline, and HTTP/1 answers read from it strictly: a body that ends too early says so."""

import base64
import hashlib
import socket
import ssl
import time
from dataclasses import dataclass, field

from kit.failure import PATIENCE, Failure, shown

CHUNK = 256 * 1024


def accept_of(key):
    """Sec-WebSocket-Accept for a key (RFC 6455 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


class Wire:
    """Reads keep what came beyond what was asked for. `ended` is None, "closed" or "reset"."""

    def __init__(self, sock, patience=PATIENCE):
        self.sock = sock
        self.patience = patience
        self.kept = b""
        self.ended = None

    def send(self, data):
        """True when everything went out; False when the peer has reset the connection."""
        self.sock.settimeout(self.patience)
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False
        except TimeoutError:
            raise Failure(f"{len(data)} bytes could not be sent within {self.patience:g} s") from None

    def more(self, patience=None):
        """Some bytes; b"" at the end of the connection."""
        if self.kept:
            data, self.kept = self.kept, b""
            return data
        if self.ended:
            return b""
        self.sock.settimeout(patience or self.patience)
        try:
            data = self.sock.recv(CHUNK)
        except ConnectionResetError:
            self.ended = "reset"
            return b""
        except ssl.SSLEOFError:
            self.ended = "reset"
            return b""
        except TimeoutError:
            raise Failure(f"nothing came within {patience or self.patience:g} s") from None
        if not data:
            self.ended = "closed"
        return data

    def until(self, marker):
        """Everything up to and with marker; what there was when the connection ended before it."""
        data = b""
        while marker not in data:
            more = self.more()
            if not more:
                return data, False
            data += more
        at = data.index(marker) + len(marker)
        self.kept = data[at:] + self.kept
        return data[:at], True

    def exactly(self, n, sink):
        """n bytes into sink(); how many came."""
        left = n
        while left > 0:
            data = self.more()
            if not data:
                break
            self.kept = data[left:] + self.kept
            sink(data[:left])
            left -= len(data[:left])
        return n - left

    def to_end(self, sink=lambda data: None):
        while True:
            data = self.more()
            if not data:
                return
            sink(data)

    def is_silent_for(self, seconds):
        """True when nothing comes and the connection stays open that long."""
        if self.kept or self.ended:
            return False
        try:
            self.kept = self.more(seconds)
        except Failure:
            return True
        return False

    def wait_end(self):
        """Waits for the end; a Failure when bytes come instead."""
        data = self.more()
        if data:
            raise Failure(f"the connection should have ended, but there came: {shown(data)}")
        return self.ended

    def fin(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self):
        try:
            if isinstance(self.sock, ssl.SSLSocket):
                self.sock.settimeout(0.2)
                self.sock.unwrap().close()
        except (OSError, ValueError):
            pass
        self.sock.close()


@dataclass
class Answer:
    status: int = 0
    version: str = ""
    reason: str = ""
    fields: list = field(default_factory=list)
    body: bytes = b""
    length: int = 0
    trailers: list = field(default_factory=list)
    framing: str = "none"  # none, length, chunked, close
    cut: str = ""  # how the connection ended within it: "", closed, reset
    interim: list = field(default_factory=list)
    raw: bytes = b""  # the head

    def values(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def value(self, name):
        found = self.values(name)
        return found[0] if found else None


def parse_fields(lines):
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Failure(f"not a header field: {shown(line)}")
        fields.append((name, value.strip()))
    return fields


def read_head(wire):
    """The next head, interim or final; None when the connection ended before one began."""
    raw, whole = wire.until(b"\r\n\r\n")
    if not whole:
        if raw:
            raise Failure(f"the connection was {wire.ended} within a head: {shown(raw)}")
        return None
    lines = raw[:-4].decode("latin-1").split("\r\n")
    first = lines[0].split(" ", 2)
    if len(first) < 2 or not first[0].startswith("HTTP/1.") or not first[1].isdigit():
        raise Failure(f"not a status line: {shown(lines[0])}")
    return Answer(status=int(first[1]), version=first[0], reason=first[2] if len(first) > 2 else "",
                  fields=parse_fields(lines[1:]), raw=raw)


def read_answer(wire, method="GET", sink=None, keep=1 << 20):
    """The next final answer; interim ones before it are kept in it. None when the connection ended before one began.
    sink gets the body's bytes; at most `keep` of them are kept in .body."""
    interim = []
    while True:
        answer = read_head(wire)
        if answer is None:
            return None
        if answer.status >= 200:
            break
        interim.append(answer)
    answer.interim = interim
    kept = bytearray()

    def take(data):
        answer.length += len(data)
        if len(kept) < keep:
            kept.extend(data[: keep - len(kept)])
        if sink:
            sink(data)

    _read_body(wire, method, answer, take)
    answer.body = bytes(kept)
    return answer


def _read_body(wire, method, answer, take):
    coding, lengths = answer.value("transfer-encoding"), answer.values("content-length")
    if coding and lengths:
        raise Failure(f"an answer with both Transfer-Encoding and Content-Length: {shown(answer.raw)}")
    if method == "HEAD" or answer.status in (204, 304):
        return
    if coding:
        answer.framing = "chunked"
        if not _read_chunks(wire, answer, take):
            answer.cut = wire.ended
    elif lengths:
        answer.framing = "length"
        if wire.exactly(int(lengths[0]), take) < int(lengths[0]):
            answer.cut = wire.ended
    else:
        answer.framing = "close"
        wire.to_end(take)
        if wire.ended == "reset":
            answer.cut = "reset"


def _read_chunks(wire, answer, take):
    while True:
        line, whole = wire.until(b"\r\n")
        if not whole:
            return False
        size = int(line.strip(), 16)
        if size == 0:
            break
        if wire.exactly(size, take) < size:
            return False
        end = bytearray()
        if wire.exactly(2, end.extend) < 2:
            return False
        if end != b"\r\n":
            raise Failure(f"a chunk does not end in CR LF: {shown(end)}")
    lines = []
    while True:
        line, whole = wire.until(b"\r\n")
        if not whole:
            return False
        if line == b"\r\n":
            answer.trailers = parse_fields(lines)
            return True
        lines.append(line[:-2].decode("latin-1"))


def dial(address, tls=None, source=None, patience=PATIENCE, receive_buffer=None):
    """A Wire to host:port. tls: None or a dict with alpn, version, name."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(patience)
        sock.connect(address[5:])
        return Wire(_wrapped(sock, tls), patience)
    host, _, port = address.rpartition(":")
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(patience)
    if source:
        sock.bind((source, 0))
    sock.connect((host.strip("[]"), int(port)))
    return Wire(_wrapped(sock, tls), patience)


def _wrapped(sock, tls):
    if tls is None:
        return sock
    return client_tls(tls).wrap_socket(sock, server_hostname=tls.get("name", "localhost"))


def client_tls(options):
    """A context that believes every certificate: what weir shows is looked at by steps that ask for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(options.get("alpn", ["http/1.1"]))
    if "version" in options:
        version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[options["version"]]
        context.minimum_version = context.maximum_version = version
    return context


def now():
    return time.monotonic()
