"""The operators' listener: alive, ready, and numbers that agree with what clients counted."""

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import threading

import pytest

from support import v1
from support.load import Load
from support.server import ROOT, Server, environment, program, python_pool, wait_until
from support.metrics import Metrics, admin_of, ask

LISTEN = {"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}


def one_pool(**more):
    return {"py": python_pool("modes.py", workers=2, **more)}


@pytest.fixture(scope="module")
def server():
    with Server(one_pool(), listen=LISTEN) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def admin(server):
    return admin_of(server)


def test_the_paths(server, admin):
    status, text, headers = ask(admin, "/")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert [line.split()[0] for line in text.splitlines()] == [
        "/livez", "/readyz", "/stats", "/metrics", "/apis", "/apis.json", "/openapi.json"]
    assert headers["Cache-Control"] == "no-store"
    assert ask(admin, "/livez")[:2] == (200, "ok\n")
    assert ask(admin, "/readyz?verbose")[:2] == (200, "ok\n")
    status, text, headers = ask(admin, "/stats")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    told = json.loads(text)
    with v1.Conn(server.address) as conn:
        stat = conn.command("getStat")["data"]
    assert list(told) == list(stat)
    assert list(told["server"]) == list(stat["server"])
    assert list(told["server"]["pools"]["py"]) == list(stat["server"]["pools"]["py"])
    assert told["server"]["pid"] == server.pid
    status, text, headers = ask(admin, "/metrics")
    assert (status, headers["Content-Type"]) == (
        200, "text/plain; version=0.0.4; charset=utf-8")
    assert server.ready_line.endswith(" http=- admin=" + admin)
    assert wait_until(lambda: "operators are answered at http://%s/" % admin in server.log())


def test_what_is_refused(admin):
    status, text, _ = ask(admin, "/metric")
    assert (status, json.loads(text)["error"]["msg"]) == (404, "no such page; / lists them")
    for method in ("POST", "DELETE"):
        status, _, headers = ask(admin, "/metrics", method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
    status, text, headers = ask(admin, "/metrics", "HEAD")
    assert (status, text) == (200, "") and int(headers["Content-Length"]) > 1000
    assert ask(admin, "/stats", "POST", b"x" * 70000)[0] == 413


def test_pages_of_others_do_not_see_it(admin):
    """A web page can have its own name resolve to this machine, but must send that name."""
    port = admin.rsplit(":", 1)[1]
    for host in ("evil.example", "evil.example:" + port, "127.0.0.1.evil.example"):
        status, text, _ = ask(admin, "/stats", headers={"Host": host})
        assert (status, json.loads(text)["error"]["field"]) == (403, "Host")
    for host in ("localhost:" + port, "127.0.0.1", "[::1]:" + port):
        assert ask(admin, "/stats", headers={"Host": host})[0] == 200
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert ask(admin, "/metrics", headers=headers)[0] == 403


def test_an_address_for_all_takes_any_name():
    with Server(one_pool(), listen={"tcp": "127.0.0.1:0", "admin": "0.0.0.0:0"}) as server:
        port = admin_of(server).rsplit(":", 1)[1]
        assert ask("127.0.0.1:" + port, "/livez", headers={"Host": "node7.lan"})[0] == 200
        assert server.stop() == 0


def test_a_port_in_use_is_named(server, admin):
    app = os.path.join(os.path.dirname(__file__), "..", "support", "apps", "modes.py")
    done = subprocess.run(
        [program(), "serve", app, "--port", "0", "--admin", admin.rsplit(":", 1)[1]],
        env=environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "cannot listen on %s: Address already in use" % admin in done.stderr
    assert done.stdout == ""


def test_the_flag():
    app = os.path.join(os.path.dirname(__file__), "..", "support", "apps", "modes.py")
    command = [program(), "serve", app, "--port", "0", "--workers", "1", "--admin", "0"]
    with Server(command=command) as server:
        assert admin_of(server).startswith("127.0.0.1:")
        assert ask(admin_of(server), "/readyz")[0] == 200
        assert server.stop() == 0


def test_without_it_nothing_listens():
    with Server(one_pool()) as server:
        assert "admin=" not in server.ready_line
        assert server.stop() == 0


def test_ready_only_once_it_serves(tmp_path):
    """It listens before the applications are loaded."""
    log, gate = tmp_path / "log", tmp_path / "go"
    app = tmp_path / "app.py"
    app.write_text("import dora, os, time\napp = dora.App()\n@app.api('/a')\ndef a(param):\n"
                   "    return 1\nwhile not os.path.exists(%r):\n    time.sleep(0.005)\n"
                   % str(gate))
    seen = {}

    def look():
        """From another thread: the server of the test's own must not outlive its thread."""
        text = "operators are answered at"
        assert wait_until(lambda: log.exists() and text in log.read_text())
        admin = log.read_text().split("http://")[1].split("/")[0]
        for path in ("/readyz", "/livez"):
            seen[path] = ask(admin, path)[:2]
        seen["ready"] = Metrics(admin).one("dora_ready")
        gate.write_text("")

    thread = threading.Thread(target=look)
    thread.start()
    with Server({"py": {"runtime": "python", "app": str(app), "workers": 1}}, listen=LISTEN,
                log={"file": str(log)}) as server:
        thread.join()
        assert seen == {"/readyz": (503, "starting\n"), "/livez": (200, "ok\n"), "ready": 0}
        assert ask(admin_of(server), "/readyz")[:2] == (200, "ok\n")
        assert Metrics(admin_of(server)).one("dora_ready") == 1
        assert server.stop() == 0


def test_not_ready_while_draining(tmp_path):
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with Server(one_pool(), listen=LISTEN) as server, v1.Conn(server.address) as conn:
        admin = admin_of(server)
        conn.ask("W_S", {"one": ("/hold", {"file": marks, "until": gate})})
        assert wait_until(lambda: os.path.exists(marks))
        server.signal(signal.SIGTERM)
        assert wait_until(lambda: ask(admin, "/readyz")[:2] == (503, "draining\n"))
        assert ask(admin, "/livez")[0] == 200
        told = json.loads(ask(admin, "/stats")[1])["server"]
        assert told["draining"] is True and told["tasking_num"] == 1
        assert Metrics(admin).one("dora_tasks_running", pool="py") == 1
        conn.send(v1.request(v1.guid(), "/big", 1, attempt=0))
        assert conn.receive()[1]["code"] == 100207
        assert wait_until(
            lambda: Metrics(admin).requests().get(("/big", "W_S", "100207")) == 1)
        with open(gate, "w"):
            pass
        assert conn.receive()[1]["data"]["data"] == "let go"
        conn.close()
        assert server.wait() == 0


def test_it_answers_while_workers_stand_still():
    """Nothing of it waits for a worker."""
    with Server(one_pool(), listen=LISTEN) as server, v1.Conn(server.address) as conn:
        assert wait_until(lambda: len(server.workers()) == 2)
        for pid in server.workers().values():
            os.kill(pid, signal.SIGSTOP)
        for _ in range(20):
            conn.ask("W_S", {"one": ("/big", 100)})
        admin = admin_of(server)
        assert wait_until(
            lambda: json.loads(ask(admin, "/stats")[1])["server"]["tasking_num"] == 20)
        for pid in server.workers().values():
            os.kill(pid, signal.SIGCONT)
        assert all(conn.receive()[1]["code"] == 0 for _ in range(20))


def test_not_ready_without_workers(tmp_path):
    """Workers that do not start any more, and then do."""
    broken, app = tmp_path / "broken", tmp_path / "app.py"
    app.write_text("import dora, os\napp = dora.App()\n@app.worker_start\ndef start():\n"
                   "    if os.path.exists(%r):\n        raise RuntimeError('broken')\n"
                   "@app.api('/a')\ndef a(param):\n    return 1\n" % str(broken))
    with Server({"shop": {"runtime": "python", "app": str(app), "workers": 2}},
                listen=LISTEN) as server:
        admin = admin_of(server)
        assert ask(admin, "/readyz")[0] == 200
        broken.write_text("")
        for pid in server.workers().values():
            os.kill(pid, signal.SIGKILL)
        assert wait_until(
            lambda: ask(admin, "/readyz")[:2] == (503, "pool shop has no worker\n"))
        assert wait_until(lambda: Metrics(admin).one("dora_pool_healthy", pool="shop") == 0)
        broken.unlink()
        assert wait_until(lambda: ask(admin, "/readyz")[0] == 200)
        assert Metrics(admin).one("dora_pool_healthy", pool="shop") == 1
        assert server.stop() == 0


def test_requests_equal_what_clients_counted(tmp_path):
    """Of every type and code, on two reactors, over a reload, with a scrape now and then."""
    marks = str(tmp_path / "marks")
    seen = collections.Counter()
    with Server(one_pool(), listen=LISTEN, reactors=2) as server:
        admin = admin_of(server)
        conns = [v1.Conn(server.address) for _ in range(6)]

        def call(conn, api, param=None):
            seen[api if api != "/none" else "", "W_S", str(v1.code(conn.call(api, param)))] += 1

        for turn in range(60):
            conn = conns[turn % 6]
            call(conn, "/big", turn)
            call(conn, "/raise", {"code": 404 + turn % 3, "msg": "no"})
            call(conn, "/none")
            ident = v1.guid()
            conn.send(v1.request_many(ident, {"a": ("/big", 1), "b": ("/none", 1)}))
            assert conn.receive()[1]["code"] == 0
            seen["/big", "W_M", "0"] += 1
            seen["", "W_M", "100204"] += 1
            conn.ask("AM_S", {"one": ("/big", 3)})
            assert [conn.receive()[1]["code"] for _ in range(2)] == [100001, 0]
            seen["/big", "AM_S", "0"] += 1
            conn.ask("AN_M", {"a": ("/big", 3), "b": ("/none", 1)})
            assert conn.receive()[1]["code"] == 100204
            seen["/big", "AN_M", "100204"] += 1
            seen["", "AN_M", "100204"] += 1
            conn.ask("AN_S", {"one": ("/big", 3)})
            assert conn.receive()[1]["code"] == 100001
            seen["/big", "AN_S", "0"] += 1
            conn.send(v1.frame(v1.guid(), b"x"))
            assert conn.receive()[1]["code"] == 100006
            seen["", "", "100006"] += 1
            assert conn.command("getStat")["code"] == 0
            seen["", "SC", "0"] += 1
            assert conn.command("nothing")["code"] == 100011
            seen["", "SC", "100011"] += 1
            if turn % 20 == 10:
                call(conn, "/die", {"file": marks})
            if turn == 30:
                assert conn.command("reloadTask")["code"] == 0
                seen["", "SC", "0"] += 1
            if turn % 7 == 0:
                now = Metrics(admin).requests()
                assert all(count <= seen[key] for key, count in now.items())
        assert wait_until(lambda: Metrics(admin).requests() == seen), (
            Metrics(admin).requests(), seen)
        assert seen["/die", "W_S", "100200"] == 3
        assert wait_until(lambda: Metrics(admin).one(
            "dora_worker_restarts_total", pool="py", cause="died") == 3)
        assert wait_until(lambda: Metrics(admin).one("dora_generation", pool="py") == 2)
        told = Metrics(admin)
        runs = sum(count for (api, kind, code), count in seen.items()
                   if api and code not in ("100204", "100200"))
        assert told.one("dora_queue_seconds_count", pool="py") == runs
        assert told.one("dora_run_seconds_count", pool="py", api="/big") == 60 * 4
        # A dead worker's task was handled by nobody.
        assert told.one("dora_tasks_handled_total", pool="py") == runs
        assert told.one("dora_messages_total") == 60 * 9 + 4
        for conn in conns:
            conn.close()
        assert server.stop() == 0


def test_calls_over_http_are_counted_too():
    with Server(one_pool(), listen={**LISTEN, "http": 0}) as server:
        admin, http = admin_of(server), server.ready_line.split(" http=")[1].split()[0]
        for path, body, status in (("/call/big", "3", 200), ("/call/none", "3", 404),
                                   ("/call/big", "{", 400)):
            assert ask(http, path, "POST", body)[0] == status
        assert Metrics(admin).requests() == {
            ("/big", "W_S", "0"): 1, ("", "W_S", "100204"): 1, ("", "", "100006"): 1}
        assert server.stop() == 0


def test_totals_under_load():
    with Server(one_pool(), listen=LISTEN, reactors=2) as server:
        admin = admin_of(server)
        load = Load(server.address, "/big", 10, connections=8, depth=4)
        load.start()
        counts = []
        while len(counts) < 20:
            counts.append(Metrics(admin).requests().get(("/big", "W_S", "0"), 0))
        load.stop()
        assert counts == sorted(counts)
        assert load.lost == load.twice == load.broken == 0
        told = Metrics(admin)
        assert told.requests() == {("/big", "W_S", "0"): load.answered}
        assert told.one("dora_queue_seconds_bucket", pool="py", le="+Inf") == load.answered
        # The frames of a call and its reply: sizes that are known.
        request = len(v1.request(v1.guid(), "/big", 10))
        assert told.one("dora_received_bytes_total") == request * load.answered
        assert told.one("dora_sent_bytes_total") > 100 * load.answered
        assert told.one("dora_connections_accepted_total") == 8
        assert wait_until(lambda: Metrics(admin).one("dora_connections") == 0)
        assert server.stop() == 0


def test_bytes_of_replies_that_wait():
    """What the kernel does not take at once counts when it has."""
    with Server(one_pool(), listen=LISTEN) as server, v1.Conn(server.address) as conn:
        admin = admin_of(server)
        for _ in range(12):
            conn.ask("W_S", {"one": ("/big", 1000000)})
        got = 0
        for _ in range(12):
            got += len(conn.receive()[1]["data"]["data"])
        assert got == 12000000
        assert wait_until(lambda: Metrics(admin).one("dora_sent_bytes_total") > got)
        assert Metrics(admin).one("dora_sent_bytes_total") < got + 12 * 1000


def test_times_fall_into_their_buckets(tmp_path):
    """A handler that takes 400 ms; the second call waits for the first."""
    marks = str(tmp_path / "marks")
    with Server({"py": python_pool("modes.py", workers=1)}, listen=LISTEN) as server:
        admin = admin_of(server)
        with v1.Conn(server.address) as conn:
            param = {"file": marks, "ms": 400, "text": "x"}
            conn.send(b"".join(v1.request(v1.guid(), "/mark", param) for _ in range(2)))
            for _ in range(2):
                assert conn.receive()[1]["code"] == 0
        told = Metrics(admin)
        run = {"pool": "py", "api": "/mark"}
        assert told.one("dora_run_seconds_count", **run) == 2
        assert told.one("dora_run_seconds_sum", **run) >= 0.8
        assert told.one("dora_run_seconds_bucket", le="0.016777216", **run) == 0
        assert told.one("dora_run_seconds_bucket", le="8.589934592", **run) == 2
        assert told.one("dora_queue_seconds_bucket", pool="py", le="0.016777216") <= 1
        assert told.one("dora_queue_seconds_sum", pool="py") >= 0.1
        assert told.one("dora_queue_seconds_count", pool="py") == 2


def test_restarts_by_cause(tmp_path):
    marks = str(tmp_path / "marks")
    pools = {
        "few": python_pool("modes.py", workers=1, max_requests=5, apis=["/big"]),
        "short": python_pool("modes.py", workers=1, time_limit_ms=50, kill_after_ms=0,
                             apis=["/mark"]),
        "small": python_pool("modes.py", workers=1, memory_mb_max=1, apis=["/about"]),
        "mortal": python_pool("modes.py", workers=1, apis=["/die"]),
        "quitter": python_pool("modes.py", workers=1, apis=["/exit"])}
    with Server(pools, listen=LISTEN) as server, v1.Conn(server.address) as conn:
        admin = admin_of(server)
        assert v1.code(conn.call("/mark", {"file": marks, "ms": 10000, "text": "x"})) == 100201
        assert v1.code(conn.call("/die", {"file": marks})) == 100200
        assert v1.code(conn.call("/exit", 0)) == 100200
        for _ in range(10):
            assert v1.code(conn.call("/big", 1)) == 0

        def restarts():
            found = {}
            for (_, labels), value in Metrics(admin).every("dora_worker_restarts_total").items():
                of = dict(labels)
                if value:
                    found[of["pool"], of["cause"]] = value
            return found

        expected = {("few", "recycled"), ("short", "time_limit"), ("small", "memory"),
                    ("mortal", "died"), ("quitter", "left")}
        assert wait_until(lambda: set(restarts()) == expected, 20), restarts()
        assert conn.command("reloadTask")["code"] == 0
        expected |= {(pool, "reload") for pool in pools}
        assert wait_until(lambda: set(restarts()) >= expected, 20), restarts()
        pool = conn.command("getStat")["data"]["server"]["pools"]["mortal"]
        assert (pool["died"], pool["restarts"]["died"], pool["restarts"]["reload"]) == (1, 1, 1)
        assert server.stop() == 0


def test_workers_and_running_tasks_one_by_one(tmp_path):
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with Server(one_pool(), listen=LISTEN) as server, v1.Conn(server.address) as conn:
        admin = admin_of(server)
        conn.ask("W_S", {"one": ("/hold", {"file": marks, "until": gate})})
        assert wait_until(lambda: os.path.exists(marks))

        def pool():
            return json.loads(ask(admin, "/stats")[1])["server"]["pools"]["py"]

        def states():
            return sorted(each["state"] for each in pool()["processes"])

        # A worker that was slow to wake up lost the task to the other, and is busy for a moment.
        assert wait_until(lambda: states() == ["busy", "idle"]), states()
        workers = pool()["processes"]
        assert sorted(each["pid"] for each in workers) == sorted(server.workers().values())
        assert sorted(each["number"] for each in workers) == [0, 1]
        assert wait_until(lambda: all(each["memory_kb"] > 1000 for each in pool()["processes"]))
        assert wait_until(lambda: pool()["running_tasks"][0]["ms"] >= 20)
        task = pool()["running_tasks"][0]
        busy = [each for each in workers if each["state"] == "busy"][0]
        assert (task["api"], task["pid"], task["number"]) == (
            "/hold", busy["pid"], busy["number"])
        assert Metrics(admin).one("dora_workers", pool="py", state="busy") == 1
        assert Metrics(admin).one("dora_workers_resident_bytes", pool="py") > 2000000
        with open(gate, "w"):
            pass
        assert conn.receive()[1]["code"] == 0
        assert wait_until(lambda: pool()["running_tasks"] == [])
        assert sum(each["handled"] for each in pool()["processes"]) == 1


ODD = 'a"b\\c\nd{e}=\u00fc'


@pytest.fixture
def odd_server(tmp_path):
    """Names that must be escaped, a fallback, and more codes than are told one by one."""
    app = tmp_path / "app.py"
    app.write_text("import dora\napp = dora.App()\n@app.api(%r)\ndef odd(param):\n    return 1\n"
                   "@app.fallback\ndef other(param):\n"
                   "    raise dora.HandlerError('no', param)\n" % ODD)
    with Server({"py": {"runtime": "python", "app": str(app), "workers": 1}},
                listen=LISTEN) as server:
        with v1.Conn(server.address) as conn:
            assert v1.code(conn.call(ODD)) == 0
            for number in range(1, 101):
                assert v1.code(conn.call("name %d" % number, number)) == number
        yield server


def test_labels_are_escaped_and_bounded(odd_server):
    told = Metrics(admin_of(odd_server)).requests()
    assert told.pop((ODD, "W_S", "0")) == 1
    assert told.pop(("", "W_S", "other")) == 36
    assert told == {("", "W_S", str(code)): 1 for code in range(1, 65)}


def test_the_text_is_what_prometheus_reads(odd_server):
    parser = pytest.importorskip("prometheus_client.parser")
    text = Metrics(admin_of(odd_server)).text
    families = {each.name: each for each in parser.text_string_to_metric_families(text)}
    assert families["dora_requests"].type == "counter"
    assert families["dora_run_seconds"].type == "histogram"
    assert all(each.documentation for each in families.values())
    apis = {each.labels["api"] for each in families["dora_requests"].samples}
    assert apis == {"", ODD}
    times = [each for each in families["dora_run_seconds"].samples
             if each.name.endswith("_bucket") and each.labels["api"] == ""]
    assert [each.value for each in times] == sorted(each.value for each in times)
    assert times[-1].labels["le"] == "+Inf" and times[-1].value == 100
    ends = [float(each.labels["le"]) for each in times]
    assert ends == sorted(ends)


def test_promtool_has_nothing_to_say(odd_server):
    promtool = os.environ.get("DORA_PROMTOOL") or shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not there: set DORA_PROMTOOL")
    done = subprocess.run([promtool, "check", "metrics"], capture_output=True, text=True,
                          input=Metrics(admin_of(odd_server)).text, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_documents_table_of_metrics():
    """core/OPERATIONS.md names each, with its type, labels and help."""
    with open(os.path.join(ROOT, "core/OPERATIONS.md"), encoding="utf-8") as file:
        section = file.read().split("\n## Metrics\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.*) \|$", section, re.M)
    told = {name: (kind, re.findall(r"`(\w+)`", labels), text)
            for name, kind, labels, text in rows}
    discovery = {"redis": ["127.0.0.1:1"]}  # nobody is there
    access = {"rules": [{"who": "anyone", "apis": "*"}]}
    with Server(one_pool(dedupe=True), listen=LISTEN, discovery=discovery, access=access,
                reload={"canary_percent": 10}) as server:
        with v1.Conn(server.address) as conn:  # until a worker has looked in whose calls it grows
            assert wait_until(lambda: conn.call("/mark", 1)["code"] == 0 and Metrics(
                admin_of(server)).every("dora_api_grown_calls"), 60, pause=0)
        page = ask(admin_of(server), "/metrics")[1]
    found = {}
    for name, text in re.findall(r"^# HELP (\S+) (.*)$", page, re.M):
        kind = re.search(r"^# TYPE %s (\S+)$" % name, page, re.M).group(1)
        series = re.search(r"^%s(?:_bucket)?\{(.*)\}" % name, page, re.M)
        labels = re.findall(r'(\w+)="', series.group(1)) if series else []
        found[name] = kind, [each for each in labels if each != "le"], text
    assert found == told


def test_the_documents_values_of_labels():
    """core/OPERATIONS.md names all values of those labels that have a few."""
    with open(os.path.join(ROOT, "core/OPERATIONS.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| `(reason|cause|state)` \| ((?:`\w+`(?:, )?)+)", file.read(), re.M)
    with Server(one_pool(), listen=LISTEN) as server:
        page = ask(admin_of(server), "/metrics")[1]
    assert len(rows) == 3
    for label, values in rows:
        found = re.findall(r'\b%s="(\w+)"' % label, page)
        assert re.findall(r"`(\w+)`", values) == found, label
