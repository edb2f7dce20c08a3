"""Steps with WebSocket peers (kit/websocket.py) and with a browser."""


import shutil

from kit.failure import expect, until
from kit.match import matches
from kit.scenario import step
from kit.websocket import Clients


@step("websocket", path="/", to="http", protocol=None, deflate=False, echo=[], headers={}, name=None, clients=1)
def websocket(run, t):
    """`clients` connections by python3-websockets; echo: messages of these sizes come back, as bytes and as text;
    headers: of the 101. With a name they stay open, else they are closed in order."""
    group = Clients(run.weir.address(t["to"]), t["to"] == "https", t["path"], t["protocol"], t["deflate"],
                    t["clients"])
    try:
        for name, want in t["headers"].items():
            expect(matches(want, group.headers().get(name)), f"the 101 has {name}: {want}", group.headers())
        group.echo(t["echo"])
    except BaseException:
        group.close()
        raise
    if t["name"]:
        run.peers[t["name"]] = group
    else:
        group.close()
        expect(group.codes() == [1000], "closed with 1000", group.codes())


@step("websocket-closed", "name", codes=[1001], backend=None)
def websocket_closed(run, t):
    """All connections of that name end, with these codes; `backend` is the echo server, which has seen the same."""
    codes = run.peers.pop(t["name"]).codes()
    expect(codes == t["codes"], f"close codes {t['codes']}", codes)
    if t["backend"]:
        server = run.servers[t["backend"]]
        until(lambda: sorted(set(server.closes)) == t["codes"], f"the server saw {t['codes']}, not {server.closes}")


@step("browser", "path", "asks", "backend", to="https", access={})
def browser(run, t):
    """A headless chromium loads a page until it has asked the backend for `asks`; then there is an access line with
    `access`. Nothing happens where there is no
    chromium."""
    program = shutil.which("chromium")
    if program is None:
        return
    process = run.place.start("chromium", [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--ignore-certificate-errors",
        "--no-first-run", "--disable-background-networking", f"--user-data-dir={run.place.path('chromium')}",
        "--remote-debugging-port=0", f"https://{run.weir.address(t['to'])}{t['path']}"],
        env={"HOME": run.place.dir, "NO_PROXY": "*", "no_proxy": "*"})
    server = run.servers[t["backend"]]

    def asked():
        with server.lock:
            return [s.target for s in server.seen if s.target.startswith(t["asks"].split("?")[0])]

    try:
        found = until(asked, f"the page asks for {t['asks']}; saw {[s.target for s in server.seen]}", patience=40)
    finally:
        process.signal(15)
        process.kill()
    expect(found == [t["asks"]], f"the page asks for {t['asks']}", found)

    def logged():
        return any(all(line.get(k) == v for k, v in t["access"].items()) for line in run.weir.access())

    until(logged, f"an access line with {t['access']}")
