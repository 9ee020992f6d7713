"""Memory stays flat over many conversions, calls and errors."""

import gc
import sys
from pathlib import Path

import pytest

import dora
from dora_helpers import SANITIZED, envelope, reply_frame
from dora.wire import frame_check, frame_pack, pack, unpack

pytestmark = pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps freed memory")

ROUNDS = 30
SLACK_KB = 1024


def rss_kb():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def assert_flat(work):
    for _ in range(ROUNDS // 3):
        work()
    gc.collect()
    before = rss_kb()
    for _ in range(ROUNDS):
        work()
    gc.collect()
    grown = rss_kb() - before
    assert grown < SLACK_KB, f"{grown} KiB in {ROUNDS} rounds"


def raises(error, function, *args):
    with pytest.raises(error):
        function(*args)


def test_values_stay_flat():
    value = {"rows": [{"id": i, "name": f"n{i}", "blob": b"\xff" * 9} for i in range(500)]}
    encoded = pack(value)

    def work():
        for _ in range(20):
            unpack(pack(value))
        for cut in range(0, len(encoded), 97):
            raises(ValueError, unpack, encoded[:cut])

    assert_flat(work)


def test_refused_values():
    wrong = {"rows": [[1, 2, {"x": "y" * 500}], {"deep": [object()]}]}

    def work():
        for _ in range(500):
            raises(TypeError, pack, wrong)
            raises(OverflowError, pack, [2**70])

    assert_flat(work)


def test_many_different_keys():
    """The memory of keys is bounded."""
    rounds = iter(range(10**9))

    def work():
        number = next(rounds)
        for i in range(5000):
            unpack(b'a:1:{s:17:"%017d";i:1;}' % (number * 5000 + i))

    assert_flat(work)


def test_frames_stay_flat():
    body = pack("x" * 20000)

    def work():
        for gzip in (False, True):
            for _ in range(50):
                frame = frame_pack("0" * 32, body, gzip=gzip, sign=True)
                assert frame_check(frame, gzip=gzip, sign=True)[1] == body
                assert frame_check(frame[:-1] + b"!", sign=True)[2] == 100005

    assert_flat(work)


def test_calls_stay_flat(peer):
    def answer(message, guid):
        api = message["api"]["one"]
        code = 7 if api["name"] == "/bad" else 0
        return reply_frame(guid, envelope(guid, envelope(guid, api["param"], code, "m" * 200)))

    server = peer(answer)
    with dora.Client(server.node) as client:

        def work():
            for i in range(100):
                client.call("/a", {"i": i, "pad": "x" * 3000})
                raises(dora.HandlerError, client.call, "/bad", 1)
                raises(TypeError, client.call, "/a", [object()])

        assert_flat(work)


def test_clients_and_applications():
    def work():
        for _ in range(200):
            dora.Client("127.0.0.1:1").close()
            dora.Client("127.0.0.1:1")
            raises(ValueError, dora.Client, "nothing")
            app = dora.App()

            @app.api("/a")
            def handler(param, app=app):
                return app

    assert_flat(work)


def test_reference_counts():
    none = sys.getrefcount(None)
    key = "a key that is kept"
    count = sys.getrefcount(key)
    for _ in range(1000):
        unpack(pack({key: None}))
        raises(TypeError, pack, {key: object()})
    assert abs(sys.getrefcount(None) - none) < 100
    assert sys.getrefcount(key) == count
