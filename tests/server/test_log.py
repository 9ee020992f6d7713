"""The log: records of handlers, levels, both formats, rotation, and a master that is behind."""

import json
import os
import re
import signal
import time

import pytest

from support import v1
from support.server import Server, wait_until

APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "operator_app.so")
INFO, ERROR, EXCEPTION = 4, 5, 7


def pool(**more):
    return {"runtime": "c", "app": APP, "workers": 1, **more}


def start(folder, pools=None, **log):
    log = {"file": str(folder / "dora.log"), **log}
    return Server(pools or {"c": pool()}, log=log)


def read(path):
    """Its lines that are whole: the last may be half written."""
    return path.read_text(errors="replace").rpartition("\n")[0] if path.exists() else ""


def lines_with(path, word):
    return [line for line in read(path).splitlines() if word in line]


def find_line(path, word):
    found = wait_until(lambda: lines_with(path, word))
    assert found, "%r is not in the log:\n%s" % (word, read(path))
    return found[0]


def data(reply):
    assert v1.code(reply) == 0, reply
    return reply["data"]["data"]


def test_text_records_have_their_form(tmp_path):
    log = tmp_path / "dora.log"
    with start(tmp_path) as server, v1.Conn(server.address) as conn:
        assert data(conn.call("/log", [INFO, "shop", 17, "a customer came"])) is True
        line = find_line(log, "a customer came")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info \[shop\] "
                            r"\[operator\.c:17\] a customer came", line)
        assert data(conn.call("/log", [ERROR, None, 0, "one\n2026-01-01 error forged\n"])) is True
        assert find_line(log, "] one").endswith("Z error [c] one")
        assert find_line(log, "forged") == "    2026-01-01 error forged"
        assert server.stop() == 0
    # From the zygote while it loads, and from a worker's hooks.
    assert find_line(log, "[zygote]").endswith("loading, info 0")
    assert find_line(log, "starts").endswith("worker 0 starts, info 1")
    assert find_line(log, "stops").endswith("worker 0 stops")


def test_json_records_have_their_form(tmp_path):
    log = tmp_path / "dora.log"
    with start(tmp_path, format="json") as server, v1.Conn(server.address) as conn:
        before = time.time()
        conn.call("/log", [EXCEPTION, "shop", 17, "it \"broke\"\n\xe9"])
        record = json.loads(find_line(log, "broke"))
        assert list(record) == ["v", "e", "g", "p", "l", "m", "pid", "pool", "api", "guid",
                                "trace"]
        assert (record["v"], record["g"], record["p"]) == (EXCEPTION, "shop", "operator.c")
        assert (record["l"], record["m"]) == (17, "it \"broke\"\n\xe9")
        assert isinstance(record["e"], float) and before - 1 < record["e"] < time.time() + 1
        assert record["pid"] in server.workers("c").values() and record["pool"] == "c"
        assert server.stop() == 0
    records = [json.loads(line) for line in read(log).splitlines()]
    own = [record for record in records if record["g"] == "master"]
    assert own and own[0]["pid"] == server.pid and own[0]["pool"] is None


@pytest.mark.parametrize("threshold", [1, 4, 6, 9])
def test_levels_are_thresholds(tmp_path, threshold):
    log = tmp_path / "dora.log"
    with start(tmp_path, level=threshold) as server, v1.Conn(server.address) as conn:
        kept = [level for level in range(1, 10) if level <= threshold or 5 <= level <= 7]
        assert data(conn.call("/wanted")) == kept
        for level in range(1, 10):
            assert data(conn.call("/log", [level, "t", 0, "level %d" % level])) is True
        conn.call("/log", [ERROR, "t", 0, "the last"])
        find_line(log, "the last")
        found = [int(line[-1]) for line in lines_with(log, "[t] level")]
        assert found == kept


def test_long_records_are_cut(tmp_path):
    log = tmp_path / "dora.log"
    with start(tmp_path) as server, v1.Conn(server.address) as conn:
        for length in (32767, 32768, 32769, 100000):
            conn.call("/log", [INFO, "t" * 300, 0, "x" * length])
            conn.call("/log", [INFO, "end", 0, "of %d" % length])
        find_line(log, "of 100000")
        found = [(line.count("t"), line.count("x")) for line in lines_with(log, "xxx")]
        assert found == [(256, 32767), (256, 32768), (256, 32768), (256, 32768)]


def test_from_threads(tmp_path):
    log = tmp_path / "dora.log"
    with start(tmp_path) as server, v1.Conn(server.address) as conn:
        assert data(conn.call("/threads", 50)) == 4
        assert wait_until(lambda: len(lines_with(log, "[flood]")) == 200)


def test_two_pools_and_a_new_zygote(tmp_path):
    """Each pool's records bear its name, also after its zygote was killed."""
    log = tmp_path / "dora.log"
    pools = {"a": pool(apis=["/log"]), "b": pool(apis=["/wanted"])}
    with start(tmp_path, pools, format="json") as server, v1.Conn(server.address) as conn:
        assert {json.loads(line)["pool"] for line in lines_with(log, "starts")} <= {"a", "b"}
        old = server.workers("a")
        zygote = [pid for pid in server.everyone()
                  if any(pid == parent_of(worker) for worker in old.values())]
        os.kill(zygote[0], signal.SIGKILL)
        assert wait_until(lambda: set(server.workers("a").values()) - set(old.values()))
        assert data(conn.call("/log", [INFO, "t", 0, "after the new zygote"])) is True
        assert json.loads(find_line(log, "after the new"))["pool"] == "a"


def parent_of(pid):
    with open("/proc/%d/stat" % pid) as file:
        return int(file.read().rsplit(") ", 1)[1].split()[1])


def test_a_stopped_master_does_not_hold_a_handler(tmp_path):
    """While nobody reads, a handler logs on; what was dropped is counted in the log."""
    log = tmp_path / "dora.log"
    count = 100000
    with start(tmp_path, level=9) as server, v1.Conn(server.address) as conn:
        worker = next(iter(server.workers("c").values()))
        conn.send(v1.request(v1.guid(), "/flood/stopped", count))
        assert wait_until(lambda: state_of(worker) == "T")
        server.signal(signal.SIGSTOP)
        try:
            os.kill(worker, signal.SIGCONT)
            assert wait_until(lambda: state_of(worker) != "T")
            # The worker sleeps again when its handler has returned.
            assert wait_until(lambda: state_of(worker) == "S", 20)
        finally:
            server.signal(signal.SIGCONT)
        took_ms = data(conn.receive(20)[1])
        assert took_ms < 15000
        # Later records tell what was dropped before them; the first may be dropped as well.
        for more in range(1, 1000):
            assert data(conn.call("/log", [INFO, "t", 0, "later record %d" % more])) is True
            if wait_until(lambda: lines_with(log, "later record %d" % more), 0.2):
                break
        told = [int(match) for match in
                re.findall(r"error \[c\] (\d+) records of process %d were dropped" % worker,
                           read(log))]
        lost = [int(match) for match in re.findall(r"\[log\] (\d+) lines were dropped", read(log))]
        assert sum(told) > 0
        came = len(lines_with(log, "[flood]")) + len(lines_with(log, "later record"))
        assert came + sum(told) + sum(lost) == count + more


def state_of(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rsplit(") ", 1)[1].split()[0]


def test_rotation_under_load(tmp_path):
    """Files are moved away and the log opened again while records come: none lost, none split."""
    log = tmp_path / "dora.log"
    with start(tmp_path) as server, v1.Conn(server.address) as conn:
        total = 0
        for turn in range(20):
            for _ in range(10):
                conn.call("/flood", 50)
                total += 50
            os.rename(log, tmp_path / ("dora.log.%d" % turn))
            server.signal(signal.SIGUSR2)
            conn.call("/flood", 50)
            total += 50
            assert wait_until(log.exists)
        assert server.stop() == 0
    numbers = []
    for file in tmp_path.glob("dora.log*"):
        text = file.read_text()
        assert text == "" or text.endswith("\n")
        for line in text.splitlines():
            assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \w+ \[", line), line
            if "[flood]" in line:
                numbers.append(int(re.search(r"record (\d+) of many$", line).group(1)))
    assert len(numbers) == total
    assert sorted(numbers) == sorted(list(range(50)) * (total // 50))


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(RuntimeError) as caught:
        Server({"c": pool()}, log={"file": str(tmp_path / "nowhere" / "dora.log")})
    assert "log.file" in str(caught.value) and "nowhere" in str(caught.value)


def test_a_new_file_has_mode_0644(tmp_path):
    before = os.umask(0o022)
    try:
        with start(tmp_path):
            assert (tmp_path / "dora.log").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)


def test_what_a_handler_knows_of_its_server(tmp_path):
    with start(tmp_path, {"c": pool(workers=2)}) as server, v1.Conn(server.address) as conn:
        seen = {}
        for _ in range(3):
            info = data(conn.call("/info"))
            seen[info["worker"]] = seen.get(info["worker"], 0) + 1
            assert info["worker_requests"] == seen[info["worker"]]
        assert info["pid"] == server.pid and info["pool"] == "c"
        assert "dora: worker c %d" % info["worker"] in server.workers("c")
        assert time.time() - 3600 < info["start_time"] <= time.time()
        assert set(info) == {"pool", "pid", "worker", "start_time", "connections", "accepted",
                             "closed", "tasks", "requests", "worker_requests", "log_lines",
                             "log_bytes"}
        with v1.Conn(server.address) as other:
            def is_counted():
                """What is counted is at most a second old; the slow call runs for three."""
                other.send(v1.request(v1.guid(), "/slow"))
                return wait_until(lambda: data(conn.call("/info"))["tasks"] >= 1, 2.5)

            assert any(is_counted() for _ in range(3))
            info = data(conn.call("/info"))
            assert info["connections"] == info["accepted"] == 2 and info["closed"] == 0
            assert info["requests"] >= 4
        assert wait_until(lambda: data(conn.call("/info"))["closed"] == 1)
