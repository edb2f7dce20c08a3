"""A name server for one scenario: UDP, A records only, what they are is changed by the step `dns`."""

import socket
import struct
import threading

NXDOMAIN = 3


class NameServer:
    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        self.names = {}  # name -> ([address, ...], ttl)
        self.silent = False
        self.asked = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                question, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            self.asked += 1
            if not self.silent:
                self.sock.sendto(self._answer(question), peer)

    def _answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode("ascii").lower())
            at += 1 + question[at]
        kind = struct.unpack_from("!H", question, at + 1)[0]
        addresses, ttl = self.names.get(".".join(labels), (None, 0))
        records = addresses if addresses and kind == 1 else []
        flags = 0x8580 | (NXDOMAIN if addresses is None else 0)
        head = question[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, ttl, 4) + socket.inet_aton(a) for a in records)
        return head + question[12 : at + 5] + body

    def close(self):
        self.sock.close()
