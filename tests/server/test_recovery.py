"""What must never cost a pool its workers, a caller its reply, or the server its end."""

import os
import shutil
import signal
import struct

import pytest

from support import processes, v1
from support.server import Server, python_pool, wait_until
from test_start import app, refused

QUICK = "import dora\napp = dora.App()\n"


def calls(address, name, param=None):
    with v1.Conn(address) as conn:
        return conn.call(name, param)["data"]


def test_an_interpreter_that_is_missing_beside_a_good_pool(tmp_path):
    pools = {"a": dict(python_pool("basic.py"), interpreter="/nonexistent/python"),
             "b": python_pool("basic.py")}
    assert "/nonexistent/python" in refused(tmp_path, pools)


@pytest.mark.parametrize("preload", [True, False])
def test_an_application_that_exits_while_loading(tmp_path, preload):
    path = app(tmp_path, "leaves.py", "import os\nos._exit(7)\n")
    error = refused(tmp_path, {"p": {"runtime": "python", "app": path, "preload": preload}})
    assert "status 7" in error and "load" in error


def test_a_start_hook_that_exits(tmp_path):
    path = app(tmp_path, "hook.py", QUICK + "import os\n@app.api('/a')\ndef a(param): pass\n"
               "@app.worker_start\ndef start(worker): os._exit(3)\n")
    error = refused(tmp_path, {"p": {"runtime": "python", "app": path, "workers": 1}})
    assert "ended while it started" in error


def test_handlers_are_found_by_name_after_a_change(tmp_path):
    """Late loading reads the file again: its order may have changed, its names count."""
    one = "@app.api('/a')\ndef a(param): return 'a'\n"
    two = "@app.api('/b')\ndef b(param): return 'b'\n"
    path = app(tmp_path, "late.py", QUICK + one + two)
    pools = {"p": {"runtime": "python", "app": path, "workers": 1, "preload": False}}
    with Server(pools) as server:
        assert calls(server.address, "/a")["data"] == "a"
        app(tmp_path, "late.py", QUICK + two)
        [worker] = server.workers("p").values()
        os.kill(worker, signal.SIGKILL)
        assert wait_until(lambda: set(server.workers("p").values()) - {worker})
        assert calls(server.address, "/b")["data"] == "b"
        assert calls(server.address, "/a")["code"] == 100204
        assert server.stop() == 0


def test_a_pool_that_cannot_start_again_leaves_the_others_alone(tmp_path):
    path = app(tmp_path, "gone.py", QUICK + "@app.api('/gone')\ndef gone(param): return 1\n")
    kept = str(tmp_path / "kept.py")
    pools = {"gone": {"runtime": "python", "app": path, "workers": 1},
             "p": python_pool("basic.py", workers=1)}
    with Server(pools) as server:
        zygote = next(pid for pid in server.everyone()
                      if processes.title(pid) == "dora: zygote gone")
        shutil.move(path, kept)
        os.kill(zygote, signal.SIGKILL)
        assert wait_until(lambda: calls(server.address, "/gone")["code"] == 100203)
        assert calls(server.address, "/echo", 5)["data"] == 5
        shutil.move(kept, path)
        assert wait_until(lambda: calls(server.address, "/gone")["code"] == 0)
        assert server.stop() == 0


def test_workers_that_die_when_ready_are_started_slowly(tmp_path):
    """One that dies just after it was ready is a crash loop, not a hundred forks a second."""
    path = app(tmp_path, "loop.py", QUICK + "import os, threading\n"
               "@app.api('/a')\ndef a(param): return 1\n"
               "@app.worker_start\ndef start(worker):\n"
               "    if os.path.exists(%r): threading.Timer(0.001, os._exit, [1]).start()\n"
               % str(tmp_path / "die"))
    with Server({"p": {"runtime": "python", "app": path, "workers": 1}}) as server:
        [worker] = server.workers("p").values()
        (tmp_path / "die").touch()
        os.kill(worker, signal.SIGKILL)
        assert wait_until(lambda: "status 1" in server.log())
        wait_until(lambda: False, 1.0)
        assert server.log().count("exited with status 1") < 30
        (tmp_path / "die").unlink()
        assert wait_until(lambda: calls(server.address, "/a").get("data") == 1, 60), server.log()


def test_a_stop_hook_that_hangs_is_ended(tmp_path):
    path = app(tmp_path, "hang.py", QUICK + "import time\n"
               "@app.api('/a')\ndef a(param): return 1\n"
               "@app.worker_stop\ndef stop(worker): time.sleep(60)\n")
    pool = {"runtime": "python", "app": path, "workers": 1, "max_requests": 1}
    with Server({"p": pool}) as server:
        for _ in range(6):
            assert calls(server.address, "/a")["data"] == 1
        assert wait_until(lambda: len(server.workers("p")) <= 2)
        assert calls(server.address, "/a")["data"] == 1


def test_a_many_reply_over_the_limit_drops_results_not_the_reply(tmp_path):
    path = app(tmp_path, "big.py", QUICK + "@app.api('/big')\ndef big(n): return 'x' * n\n")
    pool = {"runtime": "python", "app": path, "workers": 2}
    with Server({"p": pool}, frame_bytes_max=65536) as server, v1.Conn(server.address) as conn:
        conn.send(v1.request_many(v1.guid(), {k: ("/big", 30000) for k in ("a", "b", "c", "d")}))
        codes = sorted(each["code"] for each in conn.receive()[1]["data"].values())
        assert codes == [0, 0, 100206, 100206]
        # Keys alone can be too much for a reply that a request still had room for.
        conn.send(v1.request_many(v1.guid(), {"k%0300d" % k: ("/n", 1) for k in range(160)}))
        assert conn.receive()[1]["code"] == 100206
        assert conn.call("/big", 1)["data"]["data"] == "x"


def test_a_refused_frame_waits_for_accepted_calls():
    with Server({"p": python_pool("basic.py")}) as server, v1.Conn(server.address) as conn:
        ident = v1.guid()
        conn.send(v1.request(ident, "/sleep", 200) + struct.pack(">I", 5) + b"abcde")
        got = dict(conn.receive() for _ in range(2))
        assert got["0" * 32]["code"] == 100007
        assert v1.code(got[ident]) == 0


def test_a_second_sigterm_is_patient():
    with Server({"p": python_pool("basic.py")}) as server, v1.Conn(server.address) as conn:
        ident = v1.guid()
        conn.send(v1.request(ident, "/sleep", 300))
        assert wait_until(lambda: calls(server.address, "/echo", 1)["data"] == 1)
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGTERM)
        guid, reply = conn.receive()
        assert (guid, v1.code(reply)) == (ident, 0)
        assert server.wait() == 0


