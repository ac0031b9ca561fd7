"""Steps, counted; each failure is told with the requests that led to it. What a client's journey is written in."""

import struct
import sys
import time
import traceback
import zlib
from collections import deque

import requests


class Blocked(Exception):
    """A step needs what an earlier one should have made."""


class Kept:
    """What steps hand on to later ones."""

    def has(self, *names):
        return all(name in self.__dict__ for name in names)

    def __getattr__(self, name):
        raise Blocked(f"needs '{name}', which an earlier step did not get")


class Journey:
    """Runs steps one after another. A failed step is told and counted, and the next one begins."""

    def __init__(self):
        self.passed, self.failed, self.exchanges = 0, 0, deque(maxlen=4)

    def session(self):
        """A requests session whose last exchanges are shown with a failure."""
        session = requests.Session()
        session.hooks["response"].append(self._note)
        # A proxy or .netrc of the surroundings has no say in a test on loopback.
        session.trust_env = False
        return session

    def _note(self, response, **_):
        request = response.request
        sent = request.body if isinstance(request.body, (str, bytes)) else b""
        sent = sent.decode("utf-8", "replace") if isinstance(sent, bytes) else sent
        kind = response.headers.get("Content-Type", "")
        readable = kind.startswith(("application/json", "text/")) and not kind.startswith("text/event-stream")
        got = response.text if readable else f"({kind})"
        self.exchanges.append(f"{request.method} {request.url} {sent[:300]}\n        -> {response.status_code} {got[:600]}")

    def step(self, name):
        return Step(self, name)

    def finish(self):
        """The closing line; ends the process."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


class Step:
    """`with journey.step("posts"):` … counts as one."""

    def __init__(self, journey, name):
        self.journey, self.name = journey, name

    def __enter__(self):
        self.journey.exchanges.clear()
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.journey.passed += 1
            return False
        if not issubclass(kind, Exception):
            return False
        self.journey.failed += 1
        here = traceback.extract_tb(trace)[0]
        print(f"FAILED: {self.name} (line {here.lineno}: {here.line})", flush=True)
        print(f"    {kind.__name__}: {str(error)[:1500]}")
        if kind is not Blocked:
            for exchange in self.journey.exchanges:
                print(f"    {exchange}")
        return True


def same(got, wanted):
    """Fails unless equal, with both told."""
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def within(item, collection):
    if item not in collection:
        raise AssertionError(f"{item!r} is not in {collection!r}")


def absent(item, collection):
    if item in collection:
        raise AssertionError(f"{item!r} is in {collection!r}")


def refused(kind, call, *arguments, **named):
    """Fails unless the call raises `kind`; where that carries an HTTP status, it must be the caller's fault (4xx)."""
    try:
        result = call(*arguments, **named)
    except kind as error:
        status = next((a for a in error.args if isinstance(a, int)), 400)
        assert 400 <= status < 500, f"answered {status}: {error}"
        return
    raise AssertionError(f"was not refused with {kind.__name__}, but gave {result!r}")


def eventually(what, check, seconds=8):
    """The first truthy value of `check()`: fan-out may happen in the background."""
    until = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {seconds} s (last: {value!r})")
        time.sleep(0.1)


def png(width=64, height=48, seed=0):
    """A PNG with a gradient, so that thumbnails and blurhash have something to do."""
    rows = b"".join(
        b"\0" + b"".join(bytes(((x * 4 + seed) % 256, (y * 5) % 256, (x + y) % 256)) for x in range(width)) for y in range(height)
    )

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
