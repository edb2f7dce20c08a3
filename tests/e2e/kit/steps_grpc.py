"""The step that is a gRPC client."""

from kit.failure import expect
from kit.grpcpeer import call
from kit.match import matches
from kit.scenario import step


@step("grpc", "call", to="https", send=["hello"], times=1, metadata={}, timeout=None, status="OK", messages=None,
      details=None, trailers={}, headers={}, repeat=1)
def grpc_call(run, t):
    """A call of kit/grpcpeer.py with the messages of `send`, each `times` times as long; its status (A|B: one of
    them), details, messages (as sent, when not given and the status is OK), trailing and initial metadata."""
    ca = None
    if t["to"] == "https":
        with open(run.value_of("ca"), "rb") as f:
            ca = f.read()
    sent = [m.encode() * t["times"] for m in t["send"]]
    for _ in range(t["repeat"]):
        got = call(run.weir.address(t["to"]), ca, t["call"], sent, t["metadata"], t["timeout"])
        what = f"grpc {t['call']}"
        expect(got.code in t["status"].split("|"), f"{what}: status {t['status']}", (got.code, got.details))
        want = t["messages"]
        if want is not None:
            expect(got.messages == [m.encode() * t["times"] for m in want], f"{what}: messages {want}", got.messages)
        if t["details"] is not None:
            expect(matches(t["details"], got.details), f"{what}: details {t['details']}", got.details)
        for where in ("trailers", "headers"):
            have = getattr(got, where)
            for name, value in t[where].items():
                expect(matches(value, have.get(name)), f"{what}: {where}: {name}: {value}", have)
