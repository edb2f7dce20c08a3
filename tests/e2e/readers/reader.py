#!/usr/bin/python3
"""python's http.server as a reader: one line of JSON for each request it read completely. Usage: reader.py PORT"""

import http.server
import json
import os
import sys


class Reader(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _chunked(self):
        total = 0
        while True:
            size = int(self.rfile.readline().split(b";")[0].strip(), 16)
            total += len(self.rfile.read(size))
            if size == 0:
                break
            if self.rfile.read(2) != b"\r\n":
                raise ValueError("a chunk without an end")
        while self.rfile.readline().strip():
            pass
        return total

    def _answer(self):
        try:
            if "transfer-encoding" in self.headers:
                length = self._chunked()
            else:
                wanted = int(self.headers.get("content-length", 0))
                length = len(self.rfile.read(wanted))
                if length != wanted:
                    raise ValueError("a body cut short")
        except ValueError:
            self.close_connection = True
            return
        line = json.dumps({"id": self.headers.get("x-request-id"), "method": self.command, "target": self.path,
                           "length": length})
        os.write(1, f"{line}\n".encode())  # in one piece: there are many threads
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Reader).serve_forever()
