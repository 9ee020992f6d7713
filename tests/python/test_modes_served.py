"""send, submit and collect against a real server, and calls that handlers make."""

import contextlib
import time

import pytest

import dora
from dora_helpers import APP, DEADLINE_S, wait_until

NOTES = """
    from pathlib import Path

    @app.api("/note")
    def note(param, request):
        Path(param).write_text(request.type)

    @app.api("/note/slowly")
    def note_slowly(param, request):
        time.sleep(0.2)
        note(param, request)

    def outcome(function):
        try:
            return f"{function()}\\n"
        except dora.Error as error:
            return f"{type(error).__name__} {error.code}\\n"

    @app.api("/nested")
    def nested(param):
        client = dora.Client(param["node"])
        with Path(param["to"]).open("w") as file:
            file.write(outcome(lambda: client.call(param["name"], 2)))
            file.write(outcome(lambda: client.call("/echo", "more")))
"""


@pytest.fixture
def server(serve):
    return serve(APP + NOTES, "--workers", "4")


@pytest.fixture
def client(server):
    with dora.Client(server.node, timeout=DEADLINE_S) as made:
        yield made


def text(path):
    """What stands in the file, once it does."""
    wait_until(lambda: path.exists() and path.read_text(), path.name)
    return path.read_text()


def test_a_send_runs_later(client, server, tmp_path):
    assert client.send("/note", "one") is None
    assert client.send_many({"a": ("/note", "two"), "b": ("/note", "three")}) is None
    assert text(tmp_path / "one") == "AN_S"
    assert text(tmp_path / "two") == text(tmp_path / "three") == "AN_M"
    client.send("/raise")
    server.wait_log("ValueError: no such thing")


def test_what_was_sent_runs_when_its_caller_is_gone(server, tmp_path):
    with dora.Client(server.node) as client:
        client.send("/note/slowly", "sent")
        client.submit("/note/slowly", "submitted")
    assert text(tmp_path / "sent") == "AN_S" and text(tmp_path / "submitted") == "AM_S"


def test_what_cannot_be_queued_is_raised(serve, tmp_path):
    """All or none."""
    source = """
        from pathlib import Path
        import dora
        app = dora.App()
        app.api("/note")(lambda param: Path(param).touch())
    """
    one = serve(source, "--workers", "1")
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        calls = {"a": ("/note", "first"), "b": ("/none", 1)}
        for call in (lambda: client.send("/none"), lambda: client.submit("/none"),
                     lambda: client.send_many(calls), lambda: client.submit_many(calls)):
            with pytest.raises(dora.NotRunError) as info:
                call()
            assert info.value.code == 100204
        assert client.pending == 0
        client.call("/note", "last")
    assert (tmp_path / "last").exists() and not (tmp_path / "first").exists()


def test_submit_and_collect(client):
    data = client.submit("/echo", {"id": 7})
    kind = client.submit("/request")
    failed = client.submit("/raise/handler")
    died = client.submit("/kill")
    many = client.submit_many({"type": ("/request",), 5: ("/echo", [1]), "x": ("/raise",)})
    assert client.pending == 5
    found = client.collect()
    assert client.pending == 0 and len(found) == 5
    assert found[data] == {"id": 7}
    assert found[kind]["type"] == "AM_S" and found[kind]["guid"] == kind
    assert found[kind]["left"] is None, "what was accepted runs, however late"
    assert (type(found[failed]), found[failed].code) == (dora.HandlerError, 404)
    assert (type(found[died]), found[died].code) == (dora.HandlerError, 100200)
    assert found[many]["type"]["type"] == "AM_M" and found[many][5] == [1]
    assert found[many]["x"].code == 100208


def test_submissions_run_at_the_same_time(client):
    begin = time.monotonic()
    guids = [client.submit("/sleep", 2.5) for _ in range(4)]
    assert set(client.collect()) == set(guids)
    assert time.monotonic() - begin < 9.5


def test_collect_in_time_and_not(client):
    quick, slow = client.submit("/echo", 1), client.submit("/sleep", 4.5)
    found = client.collect(timeout=2)
    assert found[quick] == 1 and type(found[slow]) is dora.TimeoutError
    assert client.pending == 0 and client.call("/echo", 2) == 2


def test_signed_and_compressed(serve):
    one = serve(APP, config={
        "listen": {"tcp": "127.0.0.1:0"}, "sign": True, "salt": "pepper", "gzip": True,
        "pools": {"p": {"runtime": "python", "app": "app.py", "workers": 1}},
    })
    with dora.Client(one.node, sign=True, salt=b"pepper", gzip=True) as client:
        client.send("/echo", "x" * 9000)
        guid = client.submit("/echo", "x" * 9000)
        assert client.collect() == {guid: "x" * 9000}


def test_calls_inside_a_handler_have_what_is_left(client, server, tmp_path):
    """Their own timeout is the default, 3 s: the caller's second counts."""
    param = {"node": server.node, "name": "/sleep", "to": "nested"}
    with contextlib.suppress(dora.TimeoutError):  # or the answer comes at the last moment
        client.call("/nested", param, timeout=1)
    wait_until(lambda: text(tmp_path / "nested").count("\n") == 2, "both calls")
    assert text(tmp_path / "nested").splitlines() == ["TimeoutError 100009"] * 2


def test_calls_inside_a_handler_in_time(client, server, tmp_path):
    client.call("/nested", {"node": server.node, "name": "/echo", "to": "nested"})
    assert text(tmp_path / "nested").splitlines() == ["2", "more"]
