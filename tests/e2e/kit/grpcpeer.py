"""A real gRPC server and client: python3-grpcio, with bytes for messages, so that no .proto is needed.

The server's calls, all of the service weir.Test:

    Unary    gives the message back; trailing metadata x-seen = how many metadata fields came
    Server   the message as often as the metadata x-count says
    Client   the number of messages and of their bytes, "3 12"
    Bidi     each message back as it comes
    Fail     ends with the status code of the message ("5"), the details "on purpose", and no message
    Half     one message, then status 10
    Wait     waits for the gate "wait", or until it is cancelled; then the message back
"""

import os
import threading
from concurrent import futures

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc

from kit.failure import PATIENCE

CODES = {c.value[0]: c for c in grpc.StatusCode}


class GrpcServer:
    def __init__(self, name, port, spec, tls=None):
        self.name, self.port, self.tls = name, port, tls
        self.address = f"127.0.0.1:{port}"
        self.gates = {}
        self.cancelled = 0
        self.lock = threading.Lock()
        self.seen = []
        self.links = []
        self.server = None

    def start(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(16))
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("weir.Test", {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Server": grpc.unary_stream_rpc_method_handler(self.many),
            "Client": grpc.stream_unary_rpc_method_handler(self.count),
            "Bidi": grpc.stream_stream_rpc_method_handler(self.each),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "Half": grpc.unary_stream_rpc_method_handler(self.half),
            "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
        }),))
        if self.tls:
            pair = [open(f, "rb").read() for f in reversed(self.tls)]
            self.server.add_secure_port(self.address, grpc.ssl_server_credentials([tuple(pair)]))
        else:
            self.server.add_insecure_port(self.address)
        self.server.start()

    def stop(self, how="close"):
        """Gracefully (GOAWAY) when how is "quit"."""
        if self.server:
            self.server.stop(30 if how == "quit" else 0).wait(60)
            self.server = None

    def gate(self, name):
        with self.lock:
            return self.gates.setdefault(name, threading.Event())

    def unary(self, request, context):
        fields = context.invocation_metadata()
        context.set_trailing_metadata([("x-seen", str(len(fields)))])
        return request

    def many(self, request, context):
        for _ in range(int(dict(context.invocation_metadata()).get("x-count", "1"))):
            yield request

    def count(self, requests, _context):
        messages = list(requests)
        return f"{len(messages)} {sum(map(len, messages))}".encode()

    def each(self, requests, _context):
        for message in requests:
            yield message

    def fail(self, request, context):
        context.abort(CODES[int(request)], "on purpose")

    def half(self, request, context):
        yield request
        context.abort(grpc.StatusCode.ABORTED, "half way")

    def wait(self, request, context):
        gate = self.gate("wait")
        context.add_callback(gate.set)
        gate.wait(120)
        if not context.is_active():
            with self.lock:
                self.cancelled += 1
        return request


class Outcome:
    def __init__(self):
        self.messages, self.code, self.details, self.trailers, self.headers = [], None, "", {}, {}


def call(address, ca, method, messages, metadata, timeout):
    """One call on a channel of its own; ca None: plaintext."""
    options = [("grpc.ssl_target_name_override", "localhost"), ("grpc.enable_retries", 0)]
    channel = (grpc.secure_channel(address, grpc.ssl_channel_credentials(ca), options) if ca
               else grpc.insecure_channel(address, options))
    kind = {"Server": channel.unary_stream, "Half": channel.unary_stream, "Client": channel.stream_unary,
            "Bidi": channel.stream_stream}.get(method, channel.unary_unary)
    given = {"metadata": list(metadata.items()), "timeout": timeout or PATIENCE}
    ask = kind(f"/weir.Test/{method}")
    out = Outcome()
    with channel:
        try:
            if method in ("Server", "Half"):
                _stream(ask(messages[0], **given), out)
            elif method == "Bidi":
                _lockstep(ask, messages, given, out)
            else:
                first = iter(messages) if method == "Client" else messages[0]
                message, done = ask.with_call(first, **given)
                out.messages.append(message)
                _close(done, out)
        except grpc.RpcError as error:
            _close(error, out)
    return out


def _stream(done, out):
    for message in done:
        out.messages.append(message)
    _close(done, out)


def _lockstep(ask, messages, given, out):
    """The next message goes when the last one has come back: neither side may be held up by the other's end."""
    turn = threading.Semaphore(1)

    def say():
        for message in messages:
            if not turn.acquire(timeout=PATIENCE):
                return
            yield message

    done = ask(say(), **given)
    for message in done:
        out.messages.append(message)
        turn.release()
    _close(done, out)


def _close(done, out):
    out.code, out.details = done.code().name, done.details()
    out.trailers = dict(done.trailing_metadata() or ())
    out.headers = dict(done.initial_metadata() or ())
