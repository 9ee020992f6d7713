"""dora.Client against a scripted peer: options, results, and what a real server never does."""

import pickle
import socket
import threading
import time

import pytest

import dora
from dora_helpers import envelope, reply_frame
from dora import wire


def single(data=None, code=0, msg="OK"):
    """An answer to W_S whose handler envelope is as given."""

    def answer(message, guid):
        inner = envelope(guid, data(message) if callable(data) else data, code, msg)
        return reply_frame(guid, envelope(guid, inner))

    return answer


def echo(message):
    return message["api"]["one"]["param"]


def test_a_call_is_answered(peer):
    seen = []

    def answer(message, guid):
        seen.append((message, guid))
        return single(echo)(message, guid)

    server = peer(answer)
    with dora.Client(server.node) as client:
        assert client.call("/a", {"id": 7, "x": [1.5, "é"]}) == {"id": 7, "x": [1.5, "é"]}
        assert client.call("/a") is None
        assert client.call(name="/a", param=b"\xff", timeout=1) == b"\xff"
    message, guid = seen[0]
    assert message["type"] == "W_S" and message["guid"] == guid.decode()
    assert message["api"]["one"] == {"name": "/a", "param": {"id": 7, "x": [1.5, "é"]}}
    assert 0 < message["timeout"] <= 3000
    assert len({guid for _, guid in seen}) == 3
    assert server.connections == 1


def test_call_many(peer):
    def answer(message, guid):
        data = {}
        for key, api in message["api"].items():
            code = 404 if api["name"] == "/bad" else 0
            data[key] = envelope(guid, api["param"], code, "no such" if code else "OK")
        return reply_frame(guid, envelope(guid, data))

    server = peer(answer)
    with dora.Client([server.node]) as client:
        results = client.call_many({"b": ("/x", [1]), "a": ("/bad", 2), 5: ("/x",)})
        assert list(results) == ["b", "a", 5]
        assert results["b"] == [1] and results[5] is None
        assert type(results["a"]) is dora.HandlerError
        assert (results["a"].code, results["a"].msg) == (404, "no such")
        assert client.call_many({}) == {}
        for wrong in ({"a": "/x"}, {"a": ()}, {"a": ("/x", 1, 2)}, {1.5: ("/x",)}, {"a": (1,)}):
            with pytest.raises(TypeError):
                client.call_many(wrong)
        with pytest.raises(ValueError):
            client.call_many({1: ("/x",), "1": ("/x",)})
        with pytest.raises(TypeError, match=r"\$\[0\]"):
            client.call_many({"a": ("/x", [object()])})
        assert client.call_many({"z": ("/x", "again")}) == {"z": "again"}


@pytest.mark.parametrize(
    "code,kind,not_run",
    [
        (1231, dora.HandlerError, False),
        (-3, dora.HandlerError, False),
        (100010, dora.HandlerError, False),
        (100200, dora.HandlerError, False),
        (100206, dora.HandlerError, False),
        (100208, dora.HandlerError, False),
        (100202, dora.NotRunError, True),
        (100203, dora.NotRunError, True),
        (100204, dora.NotRunError, True),
    ],
)
def test_api_errors(peer, code, kind, not_run):
    server = peer(single(None, code, "why é"))
    with dora.Client(server.node) as client:
        with pytest.raises(dora.Error) as info:
            client.call("/a")
    error = info.value
    assert type(error) is kind and error.code == code and error.msg == "why é"
    assert str(error) == "why é" and error.not_run is not_run


@pytest.mark.parametrize(
    "code,kind", [(100003, dora.Error), (100205, dora.NotRunError), (100207, dora.NotRunError)]
)
def test_request_errors(peer, code, kind):
    server = peer(lambda message, guid: reply_frame(guid, envelope(guid, [], code, "no")))
    with dora.Client(server.node, timeout=20) as client:
        with pytest.raises(dora.Error) as info:
            client.call("/a")
        assert type(info.value) is kind and info.value.code == code
        with pytest.raises(kind):
            client.call_many({"a": ("/a",)})


def test_timeout_is_kept_and_the_late_answer_reaches_nobody(peer):
    release = threading.Event()

    def answer(message, guid):
        if message["api"]["one"]["name"] == "/slow":
            release.wait(60)
        return single(echo)(message, guid)

    server = peer(answer)
    with dora.Client(server.node, timeout=60) as client:
        client.call("/fast")
        begin = time.monotonic()
        with pytest.raises(dora.TimeoutError) as info:
            client.call("/slow", "late", timeout=0.2)
        assert 0.15 < time.monotonic() - begin < 30
        assert info.value.code == 100009 and not info.value.not_run
        assert isinstance(info.value, TimeoutError) and isinstance(info.value, OSError)
        release.set()
        for i in range(20):
            assert client.call("/fast", i) == i


def test_nobody_listens():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with dora.Client(f"127.0.0.1:{port}", timeout=20) as client:
            with pytest.raises(dora.ConnectionError) as info:
                client.call("/a")
    assert info.value.code == 100010 and info.value.not_run
    assert isinstance(info.value, ConnectionError)


def test_peer_hangs_up(peer):
    server = peer(lambda message, guid: None)
    with dora.Client(server.node, timeout=20) as client:
        with pytest.raises(dora.ConnectionError) as info:
            client.call("/a")
    assert info.value.code == 100009 and not info.value.not_run


@pytest.mark.parametrize("garbage", [b"\0\0\0\x05abcde", b"\x7f\xff\xff\xff" + b"0" * 32])
def test_peer_talks_nonsense(peer, garbage):
    server = peer(lambda message, guid: garbage)
    with dora.Client(server.node, timeout=20) as client:
        with pytest.raises(dora.Error):
            client.call("/a")


@pytest.mark.parametrize("sign,gzip", [(True, False), (False, True), (True, True)])
def test_signed_and_compressed(peer, sign, gzip):
    options = {"sign": sign, "gzip": gzip, "salt": "pepper" if sign else None}

    def answer(message, guid):
        return reply_frame(guid, envelope(guid, envelope(guid, echo(message))), **options)

    server = peer(answer, **options)
    with dora.Client(server.node, **options) as client:
        assert client.call("/a", "x" * 5000) == "x" * 5000


NODE = "127.0.0.1:1"


@pytest.mark.parametrize(
    "error,text,arguments",
    [
        (TypeError, "nodes", {}),
        (ValueError, "no port", {"nodes": "no port"}),
        (ValueError, "127.0.0.1:99999", {"nodes": "127.0.0.1:99999"}),
        (ValueError, "nodes is empty", {"nodes": ""}),
        (ValueError, "nodes is empty", {"nodes": []}),
        (TypeError, r'nodes\[1\] is int: "host:port" is wanted', {"nodes": [NODE, 5]}),
        (ValueError, "nodes is empty: .*groups by name", {"nodes": {}}),
        (TypeError, "a group's name is int", {"nodes": {5: NODE}}),
        (ValueError, "a group's name is empty", {"nodes": {"": NODE}}),
        (ValueError, r'nodes\["a"\] is empty', {"nodes": {"a": []}}),
        (TypeError, r'nodes\["a"\] is dict', {"nodes": {"a": {"b": NODE}}}),
        (ValueError, "no port", {"nodes": {"a": NODE, "b": ["no port"]}}),
        (ValueError, "redis://127.0.0.1", {"nodes": [NODE, "redis://127.0.0.1"]}),
        (ValueError, "redis://127.0.0.1", {"nodes": ["redis://127.0.0.1", NODE]}),
        (ValueError, "not host or host:port", {"nodes": "redis://:99999"}),
        (ValueError, "the database is not a number", {"nodes": "rediss://127.0.0.1/x"}),
        (ValueError, "rediss://127.0.0.1", {"nodes": [NODE, "rediss://127.0.0.1"]}),
        (ValueError, "is a registry", {"nodes": {"a": "file:/tmp/nodes.json"}}),
        (ValueError, "nodes has a NUL byte", {"nodes": "127.0.0.1:1\0"}),
        (TypeError, "nodes is int", {"nodes": 9567}),
        (TypeError, "group must be str", {"nodes": {"a": NODE}, "group": 5}),
        (ValueError, "other", {"nodes": {"a": NODE}, "group": "other"}),
        (ValueError, "retry must be 0 to", {"nodes": NODE, "retry": -1}),
        (TypeError, "retry must be int", {"nodes": NODE, "retry": 1.0}),
        (ValueError, "wait must be 0 to 2000000 s, not -1", {"nodes": NODE, "wait": -1}),
        (ValueError, "wait must be 0 to", {"nodes": NODE, "wait": float("nan")}),
        (ValueError, "wait must be 0 to 2000000 s", {"nodes": NODE, "wait": 10**400}),
        (TypeError, "wait must be seconds .*, not str", {"nodes": NODE, "wait": "3"}),
        (ValueError, "timeout must be above 0", {"nodes": NODE, "timeout": 0}),
        (ValueError, "timeout must be above 0", {"nodes": NODE, "timeout": float("nan")}),
        (ValueError, "timeout must be .* at most 4000000 s", {"nodes": NODE, "timeout": 1e12}),
        (ValueError, "timeout must be .*, not inf", {"nodes": NODE, "timeout": float("inf")}),
        (ValueError, "timeout must be above 0", {"nodes": NODE, "timeout": float("-inf")}),
        (ValueError, "timeout must be .* at most 4000000 s", {"nodes": NODE, "timeout": 10**400}),
        (TypeError, "timeout must be seconds", {"nodes": NODE, "timeout": "3"}),
        (TypeError, "salt", {"nodes": NODE, "salt": 5}),
        (ValueError, "salt must not hold NUL", {"nodes": NODE, "salt": "a\0b"}),
        (TypeError, "colour", {"nodes": NODE, "colour": "red"}),
    ],
)
def test_options_refused(error, text, arguments):
    with pytest.raises(error, match=text):
        dora.Client(**arguments)


@pytest.mark.parametrize(
    "nodes",
    [NODE, "127.0.0.1:1, 127.0.0.1:2", [NODE], (NODE, "unix:/tmp/a.sock"), "unix:/tmp/a.sock",
     {"a": NODE}, {"a": [NODE], "b": (NODE, "127.0.0.1:2")}],
)
def test_nodes_of_every_form(nodes):
    with dora.Client(nodes, timeout=None, retry=3, wait=None, group=None) as client:
        assert client.pending == 0


def test_arguments_refused(peer):
    server = peer(single(echo))
    with dora.Client(server.node, retry=0, group=None) as client:
        for arguments, keywords in [
            ((), {}),
            ((5,), {}),
            (("/a", 1, 2), {}),
            (("/a",), {"colour": 1}),
            (("/a", 1), {"param": 2}),
            (("/a",), {"timeout": "x"}),
            (("/a", {1j, 2}), {}),
        ]:
            with pytest.raises(TypeError):
                client.call(*arguments, **keywords)
        with pytest.raises(ValueError):
            client.call("/a", timeout=-1)
        with pytest.raises(dora.Error) as info:
            client.call("/a", "x" * (3 << 20))
        assert info.value.code == 100206
        assert client.call("/a", "fine") == "fine"
    assert server.calls == 1


def test_a_closed_client_refuses(peer):
    server = peer(single(echo))
    client = dora.Client(server.node)
    assert client.call("/a", 1) == 1
    client.close()
    client.close()
    with pytest.raises(RuntimeError):
        client.call("/a")
    with pytest.raises(RuntimeError):
        client.call_many({"a": ("/a",)})


def test_errors_are_picklable_and_have_defaults():
    for kind, code in [
        (dora.Error, 100208),
        (dora.HandlerError, 100208),
        (dora.TimeoutError, 100009),
        (dora.ConnectionError, 100010),
        (dora.NotRunError, 100203),
    ]:
        error = kind("text")
        assert (error.code, error.msg, str(error)) == (code, "text", "text")
        again = pickle.loads(pickle.dumps(kind("text", 5)))
        assert type(again) is kind and (again.code, again.msg) == (5, "text")
        assert kind().msg == ""
    with pytest.raises(TypeError):
        dora.Error("x", code="5")

    class Mine(dora.HandlerError):
        def __init__(self):
            pass

    assert (Mine().code, str(Mine())) == (100208, "")


def test_reply_for_another_guid_is_not_taken(peer):
    def answer(message, guid):
        other = b"f" * 32
        wrong = reply_frame(other, envelope(other, envelope(other, "wrong")))
        return wrong + single(echo)(message, guid)

    server = peer(answer)
    with dora.Client(server.node, timeout=20) as client:
        try:
            assert client.call("/a", "right") == "right"
        except dora.Error:
            pass  # hanging up on a peer that mixes up its guids is fine as well


def test_wire_module():
    assert wire.unpack(wire.pack([1])) == [1]


def test_frame_bytes_max(peer):
    """The largest request and reply: named with its value where something is larger."""
    text = "x" * (3 << 20)
    server = peer(
        lambda _, guid: reply_frame(guid, envelope(guid, envelope(guid, text)), bytes_max=4 << 20)
    )
    with dora.Client(server.node) as client:
        for param in (text, ""):  # the request, the reply
            with pytest.raises(dora.Error, match=r"the limit of 2097152 \(frame_bytes_max") as info:
                client.call("/x", param)
            assert info.value.code == 100206
    with dora.Client(server.node, frame_bytes_max=4 << 20) as client:
        assert client.call("/x", "") == text


@pytest.mark.parametrize("kind", [dora.Client, dora.AsyncClient])
def test_frame_bytes_max_refused(kind):
    for number in (0, 1023, (64 << 20) + 1, -1, 1 << 70):
        with pytest.raises(ValueError, match="frame_bytes_max must be 1024 to 67108864, not"):
            kind("127.0.0.1:1", frame_bytes_max=number)
    for other in ("4M", 4e6, True, None):
        with pytest.raises(TypeError, match="frame_bytes_max must be int"):
            kind("127.0.0.1:1", frame_bytes_max=other)
