"""A call that ends its workers is refused: by whose act, for how long, over which doors, and what
forgives it."""

import asyncio
import json
import os
import subprocess

import pytest

import dora

from support import v1
from support.metrics import Metrics, admin_of, ask
from support.server import Server, asking, environment, python_pool, wait_until

POISON = 100212
TEXT = "refused: this call has ended workers"


def serve(**more):
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "admin": "127.0.0.1:0"}
    pool = python_pool("poisonous.py", workers=2, kill_after_ms=0, **more)
    return Server({"p": pool}, listen=listen)


@pytest.fixture(scope="module")
def shared():
    with serve() as server:
        yield server


@pytest.fixture
def scene(shared, tmp_path):
    with Scene(shared, tmp_path) as found:
        yield found


class Scene:
    """A connection to a server that has forgotten what was, and a call that ends its workers unless
    it is spared; no other test has the same one."""

    def __init__(self, server, folder, how="exit", name="/end"):
        self.runs, self.spare = str(folder / "runs"), str(folder / "spare")
        self.name, self.param = name, {"how": how, "runs": self.runs, "spare": self.spare}
        self.server, self.conn = server, v1.Conn(server.address)
        assert wait_until(lambda: self.pool()["idle"] == 2), server.log()
        assert self.conn.command("forgive")["code"] == 0
        # A task that is done: ends of several tests are no crash loop.
        assert v1.code(self.conn.call("/echo", 1)) == 0
        self.metrics, self.said = self.read(), len(server.log())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.conn.close()

    def call(self, param=None):
        return v1.code(self.conn.call(self.name, param or self.param))

    def count(self):
        """How often the handler has run."""
        try:
            with open(self.runs) as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def log(self):
        """What was written since."""
        return self.server.log()[self.said:]

    def read(self):
        seen = Metrics(admin_of(self.server))
        return [seen.one("dora_poison_%s_total" % each, pool="p") for each in ("found", "refused")]

    def counted(self):
        """How many came to be refused since, and how often they were."""
        return [new - old for new, old in zip(self.read(), self.metrics, strict=True)]

    def pool(self):
        return self.conn.command("getStat")["data"]["server"]["pools"]["p"]

    def poison(self):
        """Calls that are refused. A death is noted when its status is known, just behind it."""
        return self.pool()["poison"]

    def make(self, code=100200):
        """Two workers end: it is refused from then on."""
        for _ in range(2):
            assert self.call() == code
        assert wait_until(self.poison), self.log()

    def ended(self, count):
        """Until the server has heard how so many workers have ended."""
        assert wait_until(lambda: self.log().count("worker process") >= count)

    def dora(self, *arguments):
        return subprocess.run(asking(*arguments), capture_output=True, text=True,
                              env=environment(), timeout=60)


@pytest.mark.parametrize("how, name, code, said", [
    ("exit", "/end", 100200, "exited with status 3"),
    ("segv", "/end", 100200, "was killed by signal 11 (Segmentation fault)"),
    ("leave", "/end", 100200, "left by exit() or an error"),
    ("loop", "/late", 100201, "was ended past its time limit")])


def test_what_ends_two_workers_is_refused(shared, tmp_path, how, name, code, said):
    with Scene(shared, tmp_path, how, name) as scene:
        scene.make(code)
        for _ in range(3):
            reply = scene.conn.call(name, scene.param)
            assert (reply["code"], reply["data"]["code"]) == (0, POISON)
            assert reply["data"]["msg"] == TEXT
        assert scene.count() == 2
        [told] = scene.poison()
        assert (told["api"], told["deaths"], told["ended"], told["refused"]) == (name, 2, said, 3)
        assert 0 < told["seconds_left"] <= 600 and len(told["digest"]) == 16
        assert v1.code(scene.conn.call("/echo", scene.param)) == 0
        assert scene.call({**scene.param, "more": 1}) == code  # another call of that api
        assert scene.count() == 3
        assert wait_until(lambda: "Such calls are refused" in scene.log())
        lines = [line for line in scene.log().splitlines()
                 if "Such calls are refused" in line]
        assert len(lines) == 1 and said in lines[0] and told["digest"] in lines[0]
        assert "error [p] %s with one parameter" % name in lines[0]
        assert scene.counted() == [1, 3]
        shown = scene.dora("stat", scene.server.address).stdout
        assert "p refuses %s (digest %s)" % (name, told["digest"]) in shown


@pytest.mark.parametrize("how", ["kill", "term"])


def test_a_signal_from_outside_does_not_count(shared, tmp_path, how):
    """What sends them is not known."""
    with Scene(shared, tmp_path, how) as scene:
        for count in range(1, 5):
            assert scene.call() == 100200
            scene.ended(count)
        assert scene.count() == 4
        assert scene.poison() == []
        assert v1.code(scene.conn.call("/echo", 1)) == 0


def test_a_run_that_ends_well_between_clears_it(scene):
    for count in range(1, 4):
        assert scene.call() == 100200
        scene.ended(count)
        with open(scene.spare, "w"):
            pass
        assert scene.call() == 0
        os.unlink(scene.spare)
    assert scene.count() == 6
    assert scene.poison() == []


def test_switched_off_nothing_is_refused(tmp_path):
    with serve(poison_s=0) as server, Scene(server, tmp_path) as scene:
        for count in range(1, 5):
            assert scene.call() == 100200
            scene.ended(count)
        assert scene.count() == 4


def test_its_time_ends(tmp_path):
    """However long a second is here: sooner or later two ends come within one."""
    with serve(poison_s=1) as server, Scene(server, tmp_path) as scene:
        assert wait_until(lambda: scene.call() == POISON, 60)
        count = scene.count()
        assert wait_until(lambda: scene.call() == 100200, 60)
        assert scene.count() == count + 1


# doors and modes

def test_each_mode_is_told_so(scene):
    scene.make()
    conn, poison, good = scene.conn, ("/end", scene.param), ("/echo", 5)
    conn.ask("W_M", {"a": poison, "b": good})
    data = conn.receive()[1]["data"]
    assert (data["a"]["code"], data["b"]["code"], data["b"]["data"]) == (POISON, 0, 5)
    for kind, apis in [("AN_S", {"one": poison}), ("AN_M", {"a": good, "b": poison}),
                       ("AM_S", {"one": poison}), ("AM_M", {"a": poison, "b": good})]:
        conn.ask(kind, apis)
        reply = conn.receive()[1]
        assert (reply["code"], reply["msg"]) == (POISON, TEXT), kind
    assert scene.count() == 2


def test_over_http_it_is_422(scene):
    scene.make()
    body = json.dumps(scene.param)
    # In JSON the parameter is the same value, and so the same call.
    status, text, _ = ask(scene.server.http, "/call/end", "POST", body)
    assert (status, json.loads(text)) == (422, {"error": {"code": POISON, "msg": TEXT}})
    assert scene.count() == 2


def test_a_repeat_gets_the_reply_that_its_call_had(scene):
    ident = v1.guid()
    for _ in range(2):
        scene.conn.send(v1.request(ident, "/end", scene.param, attempt=1))
        assert v1.code(scene.conn.receive()[1]) == 100200
    assert scene.count() == 1
    assert scene.call() == 100200
    assert wait_until(scene.poison)
    scene.conn.send(v1.request(ident, "/end", scene.param, attempt=2))
    assert v1.code(scene.conn.receive()[1]) == 100200
    assert scene.call() == POISON
    assert scene.count() == 2


# clients

def test_clients_do_not_send_it_again(scene):
    scene.make()
    with dora.Client(scene.server.address, retry=3, wait=5.0, timeout=60) as client:
        for count in (1, 2):
            with pytest.raises(dora.NotRunError) as caught:
                client.call("/end", scene.param)
            assert (caught.value.code, caught.value.msg) == (POISON, TEXT)
            assert scene.poison()[0]["refused"] == count

    async def run():
        async with dora.AsyncClient(scene.server.address, retry=3, wait=5.0, timeout=60) as other:
            await other.call("/end", scene.param)

    with pytest.raises(dora.NotRunError) as caught:
        asyncio.run(run())
    assert caught.value.code == POISON
    assert scene.poison()[0]["refused"] == 3
    done = scene.dora("call", scene.server.address, "/end", json.dumps(scene.param))
    assert "100212 " + TEXT in done.stderr
    assert scene.poison()[0]["refused"] == 4
    assert scene.count() == 2


def test_clients_do_not_take_it_to_another_server(scene):
    with Server({"p": python_pool("poisonous.py")}) as second:
        scene.make()
        with open(scene.spare, "w"):
            pass  # where it runs, it ends well
        took = refused = 0
        with dora.Client("%s,%s" % (scene.server.address, second.address), retry=3,
                         timeout=60) as client:
            while took == 0 or refused == 0:
                try:
                    assert client.call("/end", scene.param) == "spared"
                    took += 1
                except dora.NotRunError as error:
                    assert error.code == POISON
                    refused += 1
                assert took + refused < 2000, "one of the servers is never asked"
        assert scene.count() == 2 + took
        assert scene.poison()[0]["refused"] == refused


# forgiving

def test_forgive_takes_it_again(scene):
    address = scene.server.address
    done = scene.dora("forgive", address)
    assert (done.returncode, done.stdout) == (0, "nothing to forgive\n")
    scene.make()
    digest = scene.poison()[0]["digest"]
    assert scene.dora("forgive", address, "/other").stdout == "nothing to forgive\n"
    assert scene.call() == POISON
    done = scene.dora("forgive", address, "/end")
    assert done.stdout == ("forgiven: p /end (digest %s), which has ended workers: 2\n" %
                           digest)
    assert scene.poison() == []
    scene.make()  # and counts anew
    assert scene.call() == POISON
    assert scene.dora("forgive", address).stdout.startswith("forgiven: p /end ")
    assert scene.call() == 100200
    assert scene.count() == 5
    said = "calls that had ended workers are forgiven: 1"
    assert wait_until(lambda: scene.log().count(said) >= 2)


def test_the_command_checks_its_parameter(scene):
    wrong = [5, {"a": 1}, ""]
    for param, code in [(each, 100003) for each in wrong] + [(None, 0), ([], 0), ("/end", 0)]:
        scene.conn.ask("SC", {"cmd": ("forgive", param)})
        reply = scene.conn.receive()[1]
        assert reply["code"] == code, param
        assert reply["data"] == ({"p": []} if code == 0 else [])


def test_an_api_may_stand_alone(scene):
    """What begins with a slash is no address: the server is asked that is usually there."""
    done = scene.dora("forgive", "/test/none")
    assert done.returncode != 2 and "usage" not in done.stderr


def test_the_tool_checks_the_name(scene):
    for name in ["", 5000 * "x"]:
        done = scene.dora("forgive", scene.server.address, name)
        assert (done.returncode, done.stdout) == (2, "")
        assert "the name of an api has 1 to 255 bytes" in done.stderr


def test_a_reload_forgives(scene):
    scene.make()
    generation = scene.pool()["generation"]
    assert scene.conn.command("reloadTask", 20)["code"] == 0
    assert wait_until(lambda: scene.pool()["generation"] == generation + 1)
    assert scene.poison() == []
    assert scene.call() == 100200
    assert scene.count() == 3
