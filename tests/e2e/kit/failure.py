"""How a scenario fails, and the one way of waiting for something."""

import time

PATIENCE = 30.0  # seconds; everything that is waited for has this long unless a step says otherwise


class Failure(Exception):
    """What was expected and what came instead, for a reader of the test's output."""


def shown(value, limit=600):
    """A value for a message: one line, cut in the middle."""
    text = value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else str(value)
    text = text.replace("\r", "\\r").replace("\n", "\\n")
    if len(text) > limit:
        text = text[: limit // 2] + " ... " + text[-limit // 2 :]
    return text


def expect(condition, what, actual=None):
    if condition:
        return
    raise Failure(what if actual is None else f"{what}\n      got: {shown(actual)}")


def until(check, what, patience=PATIENCE, every=0.02):
    """Calls check() until it returns something true; a Failure in between counts as not yet."""
    end = time.monotonic() + patience
    last = None
    while True:
        try:
            found = check()
            if found:
                return found
        except Failure as failure:
            last = failure
        if time.monotonic() >= end:
            raise Failure(f"{what}: not within {patience:g} s" + (f"\n      last: {last}" if last else ""))
        time.sleep(every)
