"""The benchmark's own tests: the load generator counts what it should, the tables say what was
measured. DORA_BENCH_PROGRAMS is where the programs are."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import instructions
import measure
import plot
import pytest
import report
import table
import tools
from fakes import FAKES, Fake

PROGRAMS = os.environ["DORA_BENCH_PROGRAMS"]
RATE = 2000
RUNS = 20
STALL_S = 0.25


def echo():
    return tools.Tool(os.path.join(PROGRAMS, "bench_echo"), "269")


def drive(server, seconds=0.3, **load):
    return tools.drive(PROGRAMS, server.address, [server.pid], seconds, **load)


def drive_until(question, **load):
    """The figures of the first of some runs that answers the question, else of the last: a machine
    that is busy with something else spoils one, not all."""
    with echo() as server:
        for _ in range(RUNS):
            found = drive(server, **load)
            if question(found):
                break
    return found


def drive_with_stall(server, **load):
    """A run in which the server stands still for a while."""
    def stall():
        time.sleep(0.2)
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(STALL_S)
        os.kill(server.pid, signal.SIGCONT)

    other = threading.Thread(target=stall)
    other.start()
    try:
        return drive(server, 1, warm_up=0, **load)
    finally:
        other.join()


def test_fixed_rate_counts_from_when_it_was_due():
    with echo() as server:
        for _ in range(RUNS):  # as in drive_until
            closed = drive_with_stall(server, connections=1)
            fixed = drive_with_stall(server, connections=1, depth=8, rate=RATE)
            if closed["p99_us"] < STALL_S * 1e6 / 4 and fixed["requests"] > RATE * 0.7:
                break
    # One request of thousands saw the pause, or all that were due meanwhile did.
    assert closed["p99_us"] < STALL_S * 1e6 / 4, closed
    assert fixed["p99_us"] > STALL_S * 1e6 / 2, fixed
    assert fixed["requests"] > RATE * 0.7, fixed


def test_fixed_rate_is_kept():
    wanted = pytest.approx(RATE * 0.3, rel=0.1)
    found = drive_until(lambda each: each["requests"] == wanted and each["unsent"] == 0,
                        connections=4, depth=64, rate=RATE)
    assert found["requests"] == wanted and found["unsent"] == 0


def test_what_is_under_way_is_rate_times_time():
    wanted = pytest.approx(4, rel=0.15)
    found = drive_until(lambda each: each["per_second"] * each["mean_us"] / 1e6 == wanted,
                        connections=4)
    assert found["per_second"] * found["mean_us"] / 1e6 == wanted
    assert found["cpu_us"] > 0 and found["load_cpu_us"] > 0


def test_large_frames():
    with tools.Tool(os.path.join(PROGRAMS, "bench_echo"), str(1 << 20)) as server:
        found = drive(server, connections=2, string_bytes=1 << 20)
    assert found["requests"] > 0 and found["reply_bytes"] == 1 << 20


@pytest.mark.parametrize("argv", [["--protocol", "http", "--rate", "5"], ["--depth", "0"],
                                  ["--protocol", "x"], ["--protocol", "gearman", "--depth", "2"]])
def test_refused_options(argv):
    done = subprocess.run([os.path.join(PROGRAMS, "bench_load"), "127.0.0.1:1", *argv],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "usage" in done.stderr


@pytest.mark.parametrize("name", FAKES)
def test_protocols_with_replies_in_pieces(name):
    with Fake(FAKES[name]) as server:
        found = tools.drive(PROGRAMS, server.address, [], 0.5, protocol=name, name="/a",
                            request_bytes=230)
    assert found["requests"] > 1 and found["odd"] == 0
    assert found["request_bytes"] == pytest.approx(230, abs=3)


def row(who, values, **more):
    given = iter(values)
    return measure.Row(who, "1x1", lambda seconds: {"per_second": next(given)}, **more)


def test_medians_and_ratios_are_of_interleaved_rounds():
    seen = []
    floor = row("floor", [100, 200, 400])
    mine = row("mine", [90, 100, 360], floor=floor, targets={"per_second": (">=", 0.95)})
    found = measure.measure([floor, mine], 3, 0, ["per_second"],
                            lambda number, each: seen.append((number, each.who)))
    assert seen == [(number, who) for number in range(3) for who in ("floor", "mine")]
    assert found[0]["values"] == {"per_second": 200} and found[0]["ratios"] == {}
    assert found[1]["values"] == {"per_second": 100} and found[1]["ratios"] == {"per_second": 0.9}
    assert found[1]["missed"] == ["per_second"]


def scenario_of(rows):
    metrics = {"figures": ["per_second"], "ratios": ["per_second"], "floor": "echo"}
    return {"name": "connections", "title": "t", "metrics": metrics, "rows": rows}


def sample_rows():
    rows = [{"who": who, "load": "%dx1" % count, "ratios": {}, "targets": {}, "limits": {},
             "missed": [], "values": {"per_second": 1000.0 * count, "cpu_us": 50.0 / count}}
            for who in ("libuv echo", "Dora, C") for count in (1, 4, 64)]
    rows[-1].update(ratios={"per_second": 0.5}, targets={"per_second": [">=", 0.75]},
                    missed=["per_second"])
    return rows


def test_table_shows_targets():
    text = table.as_text(scenario_of(sample_rows()))
    assert "x echo: req/s" in text and "0.50 (>= 0.75)" in text and "missed" in text
    assert "| Dora, C | 64x1 | 64000 | 0.50 (>= 0.75) | missed |" in table.as_markdown(
        scenario_of(sample_rows()))


def test_report_keeps_what_people_wrote(tmp_path, monkeypatch):
    page, results = tmp_path / "PERFORMANCE.md", tmp_path / "results.json"
    marks = "".join("<!-- measured: %s -->\nold %s\n<!-- end -->\n" % (part, part) for part in
                    ("results", "streams", "side by side", "system calls", "instructions"))
    page.write_text("# By hand\n" + marks + "Also by hand\n")
    results.write_text(json.dumps({"date": "2026-01-02", "rounds": 5, "seconds": 2, "machine":
                                   {"cores": "2"}, "scenarios": [scenario_of(sample_rows())]}))
    for _ in range(2):
        monkeypatch.setattr("sys.argv", ["report.py", str(results), "--file", str(page)])
        report.main()
    text = page.read_text()
    assert text.startswith("# By hand\n") and text.endswith("Also by hand\n")
    assert "old results" not in text and "old side by side" in text
    assert text.count("| cores | 2 |") == 1
    drawn = (tmp_path / "performance.svg").read_text()
    assert drawn.count("<polyline") == 4 and "Dora, C, 64 connections: 64000" in drawn
    assert "old streams" in text


def test_streams_have_a_part_of_their_own():
    both = [scenario_of(sample_rows()), {**scenario_of([]), "name": "beside-streams"}]
    found = report.parts_of({"scenarios": both})
    assert {part: [each["name"] for each in shown["scenarios"]] for part, shown in found.items()} \
        == {"streams": ["beside-streams"], "results": ["connections"]}


def test_plot_wants_the_scenario():
    with pytest.raises(ValueError):
        plot.draw({"scenarios": []})


@pytest.mark.parametrize("now, compiler, status", [(110, "gcc 1", 0), (111, "gcc 1", 1),
                                                   (111, "gcc 2", 0)])
def test_instructions_may_rise_by_a_tenth(monkeypatch, capsys, now, compiler, status):
    before = {name: 100 for name in instructions.FIGURES}
    monkeypatch.setattr(instructions, "compiler", lambda program: compiler)
    monkeypatch.setattr(instructions, "count", lambda program: {**before, "frame": now})
    monkeypatch.setattr(instructions, "read_record", lambda: {"gcc 1": before})
    monkeypatch.setattr("sys.argv", ["instructions.py", "--build", "x"])
    assert instructions.main() == status
    out = capsys.readouterr().out
    assert ("too many: frame" in out) == (status == 1)
    assert ("warning, another compiler: frame" in out) == (compiler == "gcc 2")


def test_first_part_of_a_stream_is_timed(tmp_path):
    """It runs, and has a row for each server that is there; gRPC need not be."""
    found = tmp_path / "found.json"
    build = os.path.dirname(os.path.dirname(PROGRAMS))
    done = subprocess.run(
        [sys.executable, os.path.join(os.path.dirname(__file__), "first_part.py"),
         "--build", build, "--count", "3", "--rounds", "1", "--json", str(found)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = json.loads(found.read_text())["rows"]
    assert {"asyncio, Server-Sent Events", "Dora, Server-Sent Events",
            "Dora, client.stream()"} <= set(rows)
    assert all(row["p50_us"] > 0 for row in rows.values())
