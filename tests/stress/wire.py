"""What both sides of the stress test share: the known body, HTTP/1 heads and bodies, HTTP/2 and WebSocket frames."""

import random
import socket
import struct

BODY = random.Random(1).randbytes(1 << 18)  # every body is a beginning of it
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
FRAME = 16384


def abort(writer):
    """Ends a connection by a reset."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def read_head(reader):
    """First line and fields in lower case."""
    lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
    return lines[0], {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}


async def read_chunks(reader):
    body = bytearray()
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if size == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return bytes(body)
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise ValueError("a chunk without its end")


def chunked(body, random):
    out, at = bytearray(), 0
    while at < len(body):
        n = random.randint(1, 1 + len(body) // 3)
        piece = body[at : at + n]
        out += b"%x\r\n%b\r\n" % (len(piece), piece)
        at += n
    return bytes(out + b"0\r\n\r\n")


# --- HTTP/2 ---


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


async def read_frame(reader):
    head = await reader.readexactly(9)
    payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
    return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, payload


def block(fields):
    """A header block of literals: the sender keeps no table."""
    out = bytearray()
    for name, value in fields:
        assert len(name) < 127 and len(value) < 127
        out += b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
    return bytes(out)


def data_frames(stream, body):
    """Ends the stream."""
    pieces = [body[at : at + FRAME] for at in range(0, len(body), FRAME)] or [b""]
    return b"".join(frame(DATA, END_STREAM if n == len(pieces) - 1 else 0, stream, p) for n, p in enumerate(pieces))


# --- WebSocket ---


def ws_frame(payload, mask=None, opcode=2):
    n = len(payload)
    length = bytes([n]) if n < 126 else b"\x7e" + n.to_bytes(2, "big")
    if mask is None:
        return bytes([0x80 | opcode]) + length + payload
    masked = bytes(b ^ mask[i & 3] for i, b in enumerate(payload))
    return bytes([0x80 | opcode, length[0] | 0x80]) + length[1:] + mask + masked


async def read_ws(reader):
    """(opcode, payload), unmasked."""
    first, second = await reader.readexactly(2)
    n = second & 0x7F
    if n == 126:
        n = int.from_bytes(await reader.readexactly(2), "big")
    mask = await reader.readexactly(4) if second & 0x80 else b"\0\0\0\0"
    payload = await reader.readexactly(n)
    return first & 15, bytes(b ^ mask[i & 3] for i, b in enumerate(payload))
