"""Processes that end by themselves, again and again: starts wait, callers do not, and what is not
such a loop goes on as ever."""

import os
import signal
import subprocess

import pytest

from support import processes, v1
from support.metrics import Metrics, admin_of, ask
from support.server import Server, asking, environment, python_pool, wait_until

LOOP = "a crash loop: its processes have ended by themselves"


def serve(folder, **more):
    """A pool whose workers do not start while the file `broken` is there, and another pool."""
    pools = {"p": python_pool("poisonous.py", env={"DORA_TEST_BROKEN": str(folder / "broken")},
                              **{"workers": 1, "poison_s": 0, **more}),
             "other": python_pool("basic.py", workers=1, apis=["/pid"])}
    return Server(pools, listen={"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("loop")


@pytest.fixture(scope="module")
def shared(folder):
    with serve(folder) as server:
        yield server


@pytest.fixture
def scene(shared, folder):
    with Scene(shared, folder) as found:
        yield found


class Scene:
    """A connection to such a server, whose pool is well."""

    def __init__(self, server, folder):
        self.broken, self.runs = str(folder / "broken"), str(folder / "runs")
        self.server, self.conn = server, v1.Conn(server.address)
        if os.path.exists(self.broken):
            self.mend()
        assert wait_until(lambda: self.call() == 0, 60), server.log()
        assert wait_until(lambda: not self.pool()["crash_loop"]), server.log()
        self.worker()
        self.said = len(server.log())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.conn.close()

    def log(self):
        """What was written since."""
        return self.server.log()[self.said:]

    def call(self, name="/echo", param=None):
        return v1.code(self.conn.call(name, param, timeout=30))

    def crash(self, how="exit"):
        return self.call("/end", {"how": how, "runs": self.runs, "spare": ""})

    def pool(self):
        return self.conn.command("getStat")["data"]["server"]["pools"]["p"]

    def worker(self):
        """The process of the one worker, once it is ready."""
        def ready():
            return [each["pid"] for each in self.pool()["processes"] if each["state"] == "idle"]

        found = wait_until(ready)
        assert found, self.log()
        return found[0]

    def zygote(self):
        found = [pid for pid in self.server.everyone() if processes.title(pid) == "dora: zygote p"]
        return found[0] if found else None

    def break_it(self):
        """No worker starts any more."""
        worker = self.worker()
        with open(self.broken, "w"):
            pass
        os.kill(worker, signal.SIGKILL)
        assert wait_until(lambda: self.pool()["crash_loop"], 30), self.log()

    def mend(self):
        os.unlink(self.broken)

    def dora(self, *arguments):
        return subprocess.run(asking(*arguments, self.server.address), capture_output=True,
                              text=True, env=environment(), timeout=30)


def test_one_worker_is_enough_where_others_do_not_start(tmp_path):
    """`dora stat --check` says so as /readyz does: who restarts such a server loses it."""
    with serve(tmp_path, workers=2) as server, Scene(server, tmp_path) as scene:
        (tmp_path / "broken").touch()
        assert scene.crash() == 100200
        assert wait_until(lambda: not scene.pool()["healthy"], 60), scene.log()
        done = scene.dora("stat", "--check")
        assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
        assert ask(admin_of(server), "/readyz")[:2] == (200, "ok\n")
        assert scene.call() == 0


def test_a_pool_that_loops_answers_at_once_and_comes_back(scene):
    scene.break_it()
    for _ in range(3):
        assert scene.call() == 100203
    assert scene.call("/pid") == 0
    told = scene.pool()
    assert (told["crash_loop"], told["healthy"], told["idle"]) == (True, False, 0)
    assert ask(admin_of(scene.server), "/readyz")[:2] == (
        503, "pool p has no worker: a crash loop\n")
    assert Metrics(admin_of(scene.server)).one("dora_pool_crash_loop", pool="p") == 1
    assert "crash loop, next start in " in scene.dora("stat").stdout
    done = scene.dora("stat", "--check")
    assert done.returncode == 1 and "pool p: crash loop, next start in " in done.stderr
    scene.mend()
    assert wait_until(lambda: scene.call() == 0, 60), scene.log()
    assert wait_until(lambda: "the crash loop is over" in scene.log())
    assert scene.pool()["crash_loop"] is False
    assert ask(admin_of(scene.server), "/readyz")[:2] == (200, "ok\n")
    log = scene.log()
    assert log.count(LOOP) == 1
    assert log.count("no worker is left: until one has started, calls are refused") == 1


def test_a_reload_starts_at_once(scene):
    scene.break_it()
    scene.mend()
    generation = scene.pool()["generation"]
    assert scene.conn.command("reloadTask", 30)["code"] == 0
    assert wait_until(lambda: scene.pool()["generation"] == generation + 1)
    told = scene.pool()
    assert (told["crash_loop"], told["next_start_ms"], told["healthy"]) == (False, 0, True)
    assert scene.call() == 0


def test_calls_that_end_every_worker_are_a_loop(scene):
    """No task is done between: here their caller hears 100203 before long, and none waits."""
    codes = set()
    assert wait_until(lambda: codes.add(scene.crash()) or 100203 in codes, 30), codes
    assert codes == {100200, 100203}
    assert wait_until(lambda: scene.log().count(LOOP) == 1)
    assert wait_until(lambda: scene.call() == 0, 30)


def test_with_tasks_done_between_it_is_none(scene):
    """Others notice nothing of a call that ends its worker, however often it comes."""
    for _ in range(8):
        assert scene.crash() == 100200
        assert scene.call() == 0
    assert scene.pool()["crash_loop"] is False
    assert LOOP not in scene.log()


def test_workers_that_end_side_by_side_are_none(tmp_path):
    """Six bad calls at once are one end in a row: the next call has its worker."""
    with serve(tmp_path, workers=6) as server, Scene(server, tmp_path) as scene:
        assert wait_until(lambda: scene.pool()["idle"] == 6)
        end = ("/end", {"how": "exit", "runs": scene.runs, "spare": "", "beside": 6})
        scene.conn.ask("W_M", {str(i): end for i in range(6)})
        told = scene.conn.receive()[1]["data"]
        assert [each["code"] for each in told.values()] == [100200] * 6
        assert scene.call() == 0
        assert wait_until(lambda: scene.log().count("worker process") == 6)
        assert LOOP not in scene.log()


def test_kills_from_outside_are_none(scene):
    for _ in range(5):
        os.kill(scene.worker(), signal.SIGKILL)
        assert scene.call() == 0
    told = scene.pool()
    assert (told["crash_loop"], told["next_start_ms"]) == (False, 0)
    assert LOOP not in scene.log()


def test_a_zygote_that_ends_again_and_again(scene):
    """SIGSEGV is taken for its own act; SIGKILL is somebody else's, as often as it comes."""
    def end(number):
        scene.worker()
        zygote = scene.zygote()
        os.kill(zygote, number)
        assert wait_until(lambda: scene.zygote() not in (zygote, None), 30)

    end(signal.SIGKILL)
    for _ in range(3):
        end(signal.SIGSEGV)
    assert scene.pool()["crash_loop"] is False  # of these four, three count
    assert wait_until(lambda: end(signal.SIGSEGV) or LOOP in scene.log(), 60)
    scene.worker()


def test_so_many_starts_in_a_minute(tmp_path):
    """Beyond them callers do not wait for the next one: it is half a minute away."""
    with serve(tmp_path, restarts_per_minute=2) as server, Scene(server, tmp_path) as scene:
        for _ in range(2):
            assert scene.crash() == 100200
            assert scene.call() == 0
        codes = set()
        assert wait_until(lambda: codes.add(scene.crash()) or 100203 in codes), codes
        assert codes == {100200, 100203}
        assert scene.pool()["next_start_ms"] > 1000
        assert LOOP not in scene.log()
        assert ask(admin_of(scene.server), "/readyz")[:2] == (503, "pool p has no worker\n")
