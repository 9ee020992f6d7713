"""Single and many: what a reply is, which code stands where, in which order and how long."""

import gzip
import json
import os
import zlib

import pytest

from support import v1
from support.server import HERE, ROOT, Held, Server, python_pool, wait_tasking, wait_until

APPS = os.path.join(HERE, "apps")


def pools():
    c_app = os.environ.get("DORA_BENCH_APP") or os.path.join(
        os.path.dirname(os.environ["DORA_BIN"]), "tests", "bench", "bench_app.so")
    return {"py": python_pool("basic.py", workers=2),
            "php": {"runtime": "php", "app": os.path.join(APPS, "basic.php"), "workers": 2},
            "c": {"runtime": "c", "app": c_app, "workers": 2}}


@pytest.fixture(scope="module")
def server():
    with Server(pools()) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def conn(server):
    with v1.Conn(server.address) as one:
        yield one


def test_single_in_each_language(conn):
    for name, param, data in (("/echo", {"a": [1, 2.5, None, True, "x"]}, None),
                              ("/php/echo", {"a": [1, 2.5, None, True, "x"]}, None),
                              ("/bench/hello", None, "hello")):
        reply = conn.call(name, param)
        assert list(reply) == ["guid", "code", "msg", "data"]
        assert list(reply["data"]) == ["guid", "code", "msg", "data"]
        assert reply["data"]["guid"] == reply["guid"]
        assert (reply["code"], reply["data"]["code"]) == (0, 0)
        assert reply["data"]["data"] == (param if data is None else data)


def test_many_over_all_languages_in_order(conn):
    apis = {"z": ("/php/echo", 1), "a": ("/echo", 2), 7: ("/bench/hello", None),
            "none": ("/no/such", None), "bad": ("/raise", {"code": 42, "msg": "no"})}
    ident = v1.guid()
    conn.send(v1.request_many(ident, apis))
    guid, reply = conn.receive()
    assert guid == ident
    assert reply["code"] == 0
    assert list(reply["data"]) == list(apis)
    found = {key: (each["code"], each["data"]) for key, each in reply["data"].items()}
    assert found["z"] == (0, 1)
    assert found["a"] == (0, 2)
    assert found[7] == (0, "hello")
    assert found["none"][0] == 100204
    assert found["bad"][0] == 42


@pytest.mark.parametrize("count, in_a_row", [(15, 15), (16, 16), (17, 17), (40, 1), (40, 3),
                                             (100, 40)])
def test_many_apis_each_have_their_result(conn, count, in_a_row):
    """`in_a_row`: so many apis of one pool, then as many of the other, and some of nobody."""
    names = [("/echo", "/php/echo", "/no/such")[i // in_a_row % 3] for i in range(count)]
    for _ in range(3):
        conn.send(v1.request_many(v1.guid(), {i + 1: (name, i) for i, name in enumerate(names)}))
        found = conn.receive()[1]["data"]
        assert list(found) == list(range(1, count + 1))
        for i, name in enumerate(names):
            one = found[i + 1]
            assert one["code"] == (100204 if name == "/no/such" else 0)
            assert name == "/no/such" or one["data"] == i


def test_many_runs_at_the_same_time(conn, tmp_path):
    """One after the other they would wait for ever."""
    meet = ("/meet", {"folder": str(tmp_path), "count": 2})
    apis = {"a": meet, "b": meet, "c": ("/php/sleep", 300)}
    conn.send(v1.request_many(v1.guid(), apis))
    reply = conn.receive()[1]
    assert len({each["data"] for each in reply["data"].values()}) == 3


def test_unknown_api_troubles_no_worker(conn):
    reply = conn.call("/no/such")
    assert reply["code"] == 0
    assert reply["data"]["code"] == 100204


@pytest.mark.parametrize("name", ["/raise", "/php/raise"])
@pytest.mark.parametrize("thrown, seen", [(42, 42), (-5, -5), (0, 100208), (100200, 100208),
                                          (100204, 100208), (100299, 100208), (100300, 100300)])
def test_handler_errors(conn, name, thrown, seen):
    reply = conn.call(name, {"code": thrown, "msg": "because"})
    assert reply["code"] == 0
    assert reply["data"]["code"] == seen
    assert "because" in reply["data"]["msg"]
    if seen != thrown:
        assert str(thrown) in reply["data"]["msg"]


def test_plain_exception(conn):
    reply = conn.call("/raise", None)
    assert reply["data"]["code"] == 100208
    assert "no param" in reply["data"]["msg"]


def test_deadline_that_passed_is_not_run(server, tmp_path):
    """Others fill the pool; a call with 50 ms left gets 100202."""
    held, sleepers = Held(tmp_path), [v1.guid() for _ in range(6)]
    with v1.Conn(server.address) as busy, v1.Conn(server.address) as late:
        busy.send(b"".join(v1.request(each, *held.api) for each in sleepers))
        wait_tasking(late, len(sleepers))
        ident = v1.guid()
        late.send(v1.request(ident, "/echo", "late", timeout=50))
        guid, reply = late.receive()
        assert guid == ident
        assert v1.code(reply) == 100202
        held.let_go()
        assert {busy.receive()[0] for _ in sleepers} == set(sleepers)


def test_many_calls_on_one_connection_are_all_answered(conn):
    idents = [v1.guid() for _ in range(500)]
    conn.send(b"".join(v1.request(each, "/echo", number) for number, each in enumerate(idents)))
    got = dict(conn.receive() for _ in idents)
    assert [got[each]["data"]["data"] for each in idents] == list(range(500))


def vectors(kind):
    with open(os.path.join(ROOT, "tests", "vectors", "v1.json")) as file:
        return json.load(file)[kind]


class Wrapped(v1.Conn):
    """A connection to a server with sign or gzip on: only the frames differ."""

    def __init__(self, address, vector):
        super().__init__(address)
        self.vector = vector

    def good_frame(self):
        """The valid vector of the same settings."""
        name = "request_signed" if self.vector.get("signed") else "request_gzip"
        return bytes.fromhex(next(each["hex"] for each in vectors("valid")
                                  if each["name"] == name))

    def raw_reply(self):
        """(guid, decoded body) of the next frame."""
        data = b""
        while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
            data += self.sock.recv(65536)
        at = 8 if self.vector.get("signed") else 4
        body = data[at + 32:]
        if self.vector.get("signed"):
            assert int.from_bytes(data[4:8], "big") == zlib.crc32(body + b"=&$*#@(*&%(@")
        if self.vector.get("gzip"):
            body = gzip.decompress(body)
        return data[at:at + 32].decode(), v1.load(body)


@pytest.mark.parametrize("vector", [each for each in vectors("invalid")
                                    if each.get("signed") or each.get("gzip")],
                         ids=lambda each: each["name"])
def test_invalid_frames_signed_or_compressed(vector):
    settings = {"sign": bool(vector.get("signed")), "gzip": bool(vector.get("gzip"))}
    with Server({"py": python_pool("basic.py", workers=1)}, **settings) as server:
        with Wrapped(server.address, vector) as conn:
            conn.send(bytes.fromhex(vector["hex"]))
            assert conn.raw_reply()[1]["code"] == vector["code"]
            conn.send(conn.good_frame())
            assert v1.code(conn.raw_reply()[1]) == 100204
        assert server.stop() == 0


@pytest.mark.parametrize("pace", ["whole", "bytes"])
@pytest.mark.parametrize("vector", [each for each in vectors("invalid")
                                    if not each.get("signed") and not each.get("gzip")],
                         ids=lambda each: each["name"])
def test_invalid_frames(server, vector, pace):
    frame = bytes.fromhex(vector["hex"])
    with v1.Conn(server.address) as conn:
        if pace == "bytes" and len(frame) < 4096:
            for at in range(len(frame)):
                conn.send(frame[at:at + 1])
        else:
            conn.send(frame)
        got = conn.receive()
        assert got is not None, "closed without a reply"
        assert got[1]["code"] == vector["code"]
        if vector.get("closes"):
            assert conn.receive() is None
        else:
            assert conn.call("/echo", 1)["data"]["data"] == 1


def test_client_that_leaves_is_forgotten(server):
    """Half a frame, a whole one without waiting for the reply, and then gone."""
    frame = v1.request(v1.guid(), "/sleep", 50)
    for piece in (frame[:3], frame[:20], frame, frame * 3):
        with v1.Conn(server.address) as conn:
            conn.send(piece)
    with v1.Conn(server.address) as conn:
        assert conn.call("/echo", "still well")["data"]["data"] == "still well"


def test_queued_calls_of_a_gone_client_do_not_run(tmp_path):
    gate, mark = str(tmp_path / "gate"), str(tmp_path / "mark")
    with Server({"py": python_pool("stuck.py", workers=1)}) as server:
        with v1.Conn(server.address) as busy, v1.Conn(server.address) as after:
            busy.send(v1.request(v1.guid(), "/wait", {"mark": "", "until": gate}))
            with v1.Conn(server.address) as gone:
                gone.send(b"".join(v1.request(v1.guid(), "/loop", mark) for _ in range(20)))
                wait_tasking(after, 21)
            assert wait_until(lambda: after.command("getStat")["data"]["server"]["tasking_num"] ==
                              1)
            with open(gate, "w"):
                pass
            assert after.call("/echo", 1)["data"]["data"] == 1
            assert not os.path.exists(mark)
