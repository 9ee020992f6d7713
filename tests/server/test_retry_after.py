"""Who is refused for want of room hears when to come again, at every door, and comes then."""

import asyncio
import threading

import pytest

import dora
from support import v1
from support.door import Door
from support.json_conn import JsonConn
from support.server import Server, python_pool, wait_tasking, wait_until
from support.web import Web

BOUNDS = range(10, 30001)
ONE = {"one": {"name": "/echo", "param": 1}}


class Full:
    """A server whose one worker is busy, and in whose queue there is no room."""

    def __init__(self, folder):
        self.gate = str(folder / "gate")
        self.path = str(folder / "dora.sock")
        self.server = Server({"p": python_pool("stuck.py", workers=1, queue_tasks_max=1)},
                             listen={"tcp": "127.0.0.1:0", "http": 0, "unix": self.path})
        self.conn = v1.Conn(self.server.address)
        for count in (1, 2):
            param = {"mark": "", "until": self.gate}
            self.conn.send(v1.request(v1.guid(), "/wait", param))
            wait_tasking(self.conn_of(), count)

    def conn_of(self):
        """Another one, for commands."""
        if not hasattr(self, "asking"):
            self.asking = v1.Conn(self.server.address)
        return self.asking

    def refused(self):
        return self.conn_of().command("getStat")["data"]["server"]["pools"]["p"]["refused"]

    def open(self):
        with open(self.gate, "w"):
            pass

    def close(self):
        self.open()
        self.conn.close()
        self.conn_of().close()
        self.server.close()


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    one = Full(tmp_path_factory.mktemp("full"))
    yield one
    one.close()


def check(data):
    assert list(data) == ["retry_after_ms"]
    assert data["retry_after_ms"] in BOUNDS


@pytest.mark.parametrize("door", ["tcp", "unix"])
def test_frames_say_it_in_the_data_of_what_is_refused(full, door):
    with v1.Conn(full.path if door == "unix" else full.server.address) as conn:
        reply = conn.call("/echo", 1)
        assert reply["code"] == 0 and reply["data"]["code"] == 100203
        check(reply["data"]["data"])
        conn.ask("W_M", {"a": ("/echo", 1), "b": ("/none", 1)})
        both = conn.receive()[1]["data"]
        check(both["a"]["data"])
        assert both["b"]["code"] == 100204 and both["b"]["data"] in ([], {})
        for kind in ("AN_S", "AN_M", "AM_S", "AM_M"):
            ident = conn.ask(kind, {"one": ("/echo", 1)})
            guid, reply = conn.receive()
            assert guid == ident and reply["code"] == 100203
            check(reply["data"])


def test_json_and_http_say_it_too(full):
    with JsonConn(full.server.address) as conn:
        reply = conn.single("/echo", 1)
        assert reply["data"]["code"] == 100203
        check(reply["data"]["data"])
    with Web(full.server.http) as web:
        status, body = web.call("echo", 1)
        assert status == 503
        error = body["error"]
        assert list(error) == ["code", "msg", "retry_after_ms"]
        assert error["code"] == 100203 and error["retry_after_ms"] in BOUNDS
        seconds = -(-error["retry_after_ms"] // 1000)
        assert web.headers["retry-after"] == str(seconds)
        status, reply = web.form("/api/multisync", {"guid": v1.guid(), "api": ONE})
        assert status == 200
        check(reply["data"]["one"]["data"])
        status, reply = web.form("/api/multinoresult", {"guid": v1.guid(), "api": ONE})
        assert reply["code"] == 100203
        check(reply["data"])


def test_python_has_it_on_the_error(full):
    client = dora.Client(full.server.address, timeout=60)
    for ask in (client.call, client.send, client.submit):
        with pytest.raises(dora.NotRunError) as caught:
            ask("/echo", 1)
        assert caught.value.code == 100203 and caught.value.retry_after_ms in BOUNDS
    many = client.call_many({"a": ("/echo", 1), "b": ("/none", 1)})
    assert many["a"].retry_after_ms in BOUNDS
    assert many["b"].code == 100204 and many["b"].retry_after_ms is None
    with pytest.raises(dora.NotRunError) as caught:
        client.send_many({"a": ("/echo", 1)})
    assert caught.value.retry_after_ms in BOUNDS
    with pytest.raises(dora.NotRunError) as caught:
        client.send("/none")
    assert caught.value.retry_after_ms is None
    client.close()


def test_async_python_has_it_on_the_error(full):
    async def main():
        async with dora.AsyncClient(full.server.address, timeout=60) as client:
            for ask in (client.call, client.send, client.submit):
                with pytest.raises(dora.NotRunError) as caught:
                    await ask("/echo", 1)
                assert caught.value.code == 100203 and caught.value.retry_after_ms in BOUNDS
            many = await client.call_many({"a": ("/echo", 1)})
            assert many["a"].retry_after_ms in BOUNDS

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_a_call_that_may_wait_comes_again_when_there_is_room(tmp_path, kind):
    full = Full(tmp_path)
    try:
        given = []

        async def call():
            async with dora.AsyncClient(full.server.address, timeout=60) as client:
                given.append(await client.call("/echo", 7, timeout=60, wait=50))

        def run():
            if kind == "async":
                asyncio.run(call())
            else:
                given.append(dora.Client(full.server.address).call("/echo", 7, timeout=60, wait=50))

        thread = threading.Thread(target=run)
        thread.start()
        assert wait_until(lambda: full.refused() >= 1)
        assert given == []
        full.open()
        thread.join(60)
        assert given == [7]
    finally:
        full.close()


class Refusing(Door):
    """A server that has no room, and says for how long. It counts who asks."""

    def __init__(self, retry_after_ms):
        self.retry_after_ms = retry_after_ms
        self.asked = 0
        super().__init__(self.serve)

    def serve(self, sock):
        splitter = v1.Splitter()
        while True:
            data = sock.recv(65536)
            if not data:
                return
            for guid, _ in splitter.feed(data):
                self.asked += 1
                data = {"retry_after_ms": self.retry_after_ms}
                envelope = {"guid": guid, "code": 100203, "msg": "full", "data": data}
                reply = {"guid": guid, "code": 0, "msg": "OK", "data": envelope}
                sock.sendall(v1.frame(guid, v1.dump(reply)))


def test_no_room_within_the_wait_is_an_error_at_once():
    node = Refusing(30000)
    client = dora.Client(node.address, timeout=60)
    with pytest.raises(dora.NotRunError) as caught:
        client.call("/echo", 1, wait=20)
    assert caught.value.retry_after_ms == 30000
    assert node.asked == 1
    client.close()
    node.close()


def test_another_node_is_asked_before_one_is_waited_for(full):
    """One that has refused is not asked again while another takes the call."""
    node = Refusing(30000)
    with Server({"p": python_pool("basic.py", workers=1)}) as server:
        client = dora.Client([node.address, server.address], timeout=60)
        assert [client.call("/echo", number, wait=20) for number in range(20)] == list(range(20))
        client.close()
    assert node.asked <= 20
    node.close()


@pytest.mark.parametrize("said", [None, 0, -1, "5", 2 ** 40])
def test_what_no_server_says_is_not_believed(said):
    node = Refusing(said)
    client = dora.Client(node.address, timeout=60)
    with pytest.raises(dora.NotRunError) as caught:
        client.call("/echo", 1)
    assert caught.value.retry_after_ms == (30000 if said == 2 ** 40 else None)
    client.close()
    node.close()
