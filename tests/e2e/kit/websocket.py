"""WebSocket peers: Debian's python3-websockets as client and echo server, libwebsockets' test server.

Both run on one asyncio loop in a thread of its own; steps hand coroutines to it and wait.
"""

import asyncio
import threading

import websockets

from kit.failure import PATIENCE, Failure, expect
from kit.place import free_port, wait_listening
from kit.wire import client_tls

_loop = None


def wait_for(coroutine, patience=PATIENCE):
    """Runs a coroutine on the peers' loop."""
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, daemon=True).start()
    future = asyncio.run_coroutine_threadsafe(coroutine, _loop)
    try:
        return future.result(patience)
    except TimeoutError:
        future.cancel()
        raise Failure(f"WebSocket: not within {patience:g} s") from None


class EchoServer:
    """A backend that sends every message back."""

    def __init__(self, _place, name, spec, tls=None):
        expect(tls is None, "the WebSocket server speaks plaintext")
        self.name, self.spec = name, spec
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.server = None
        self.closes = []  # (code, reason) of connections that ended

    def start(self):
        async def begin():
            return await websockets.serve(self._echo, "127.0.0.1", self.port, max_size=None)

        if self.server is None:
            self.server = wait_for(begin())

    def stop(self, _how="close"):
        async def end():
            self.server.close()
            await self.server.wait_closed()

        if self.server is not None:
            wait_for(end())
            self.server = None

    async def _echo(self, ws):
        try:
            async for message in ws:
                await ws.send(message)
        except websockets.ConnectionClosed:
            pass
        await ws.wait_closed()
        self.closes.append(ws.close_code)


class LibwebsocketsServer:
    """libwebsockets-test-server; its lws-mirror-protocol sends every message to all, the sender too."""

    def __init__(self, place, name, _spec, _tls=None):
        self.place, self.name = place, name
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.process = self.place.start(f"libwebsockets-{self.name}", ["libwebsockets-test-server", "-p", str(self.port)])
        wait_listening(self.process, self.port)

    def stop(self, _how="kill"):
        if self.process:
            self.process.kill()


class Clients:
    """Connections of python3-websockets that stay open until a step closes them or weir does."""

    def __init__(self, address, tls, path, protocol, deflate, count):
        self.all = wait_for(self._open(address, tls, path, protocol, deflate, count))

    async def _open(self, address, tls, path, protocol, deflate, count):
        more = {"compression": "deflate" if deflate else None}
        if tls:
            more["ssl"] = client_tls({})
        if protocol:
            more["subprotocols"] = [protocol]
        url = f"{'wss' if tls else 'ws'}://{address}{path}"
        return [await websockets.connect(url, max_size=None, **more) for _ in range(count)]

    def echo(self, sizes):
        wait_for(asyncio.wait_for(self._echo(sizes), PATIENCE))

    async def _echo(self, sizes):
        for ws in self.all:
            for size in sizes:
                message = bytes(i * 31 & 0xFF for i in range(min(size, 251))) * (size // 251 + 1)
                message = message[:size]
                for sent in (message, message.hex()[:size]):
                    back, _ = await asyncio.gather(ws.recv(), ws.send(sent))
                    expect(back == sent, f"{size} bytes come back as they were", back[:40])

    def close(self):
        async def end():
            for ws in self.all:
                await ws.close()

        wait_for(end())

    def codes(self):
        """Waits until all are closed; with which codes."""

        async def end():
            await asyncio.gather(*(ws.wait_closed() for ws in self.all))

        wait_for(end())
        return sorted({ws.close_code for ws in self.all})

    def headers(self):
        return self.all[0].response_headers
