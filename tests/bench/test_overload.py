"""The judgement of overload.py: what was in time, what ran for nobody, what does not add up."""

import json
import os
import subprocess

import fates
import overload
import overload_report
import pytest
import report
from fates import Fate

PROGRAMS = os.environ["DORA_BENCH_PROGRAMS"]
MS = 1000000


def fate(due, took, code=0):
    """A call due at that ms, answered after so many; None: never."""
    came = 0 if took is None else (due + took) * MS
    return Fate(due * MS, due * MS, came, code)


def run(serial, ended):
    return serial, (ended - 1) * MS, ended * MS


def test_calls_are_in_time_late_or_refused():
    calls = [fate(0, 10), fate(0, 11), fate(5, 1, 100203), fate(6, 1, 100203), fate(7, 2, 100202)]
    assert fates.count(calls, 10 * MS) == {"in_time": 1, "late": 1,
                                           "refused": {100202: 1, 100203: 2}}


def test_runs_that_end_after_their_callers_left_are_for_nobody():
    calls = [fate(0, 10), fate(10, 10), fate(20, 50)]
    runs = [run(0, 10), run(1, 20), run(2, 70), run(2, 30)]
    assert fates.for_nobody(calls, runs, 10 * MS) == 0.25
    assert fates.for_nobody(calls, [], 10 * MS) == 0


@pytest.mark.parametrize("late_until, seconds", [(0, 0.0), (100, 0.1), (1000, None)])
def test_recovery_is_when_calls_are_in_time_again(late_until, seconds):
    calls = [fate(due, 500 if due < 1000 + late_until else 1) for due in range(0, 2000)]
    found = fates.recovery_s(calls, 1000 * MS, 10 * MS)
    assert found == (seconds if seconds in (0.0, None) else pytest.approx(seconds, abs=0.02))


@pytest.mark.parametrize("calls, runs, what", [
    ([fate(0, None)], [], "1 have no answer"),
    ([fate(0, 1)], [run(0, 1), run(0, 2)], "1 ran twice"),
    ([fate(0, 1)], [], "1 are answered and did not run"),
    ([fate(0, 1)], [run(0, 1), run(7, 1)], "1 ran that nobody sent")])
def test_what_does_not_add_up_is_said(calls, runs, what):
    with pytest.raises(fates.Unbalanced, match=what):
        fates.balance(calls, runs)


def test_what_adds_up_is_counted_by_code():
    calls = [fate(0, 1), fate(0, 1), fate(0, 1, 100203)]
    assert fates.balance(calls, [run(0, 1), run(1, 1)]) == {0: 2, 100203: 1}


def test_full_book_is_no_book(tmp_path):
    path = str(tmp_path / "book")
    fates.make_book(path, 2)
    with open(path, "r+b") as file:
        file.write(fates.COUNT.pack(2) + fates.RUN.pack(0, 1, 2) + fates.RUN.pack(1, 3, 4))
    assert fates.read_book(path) == [(0, 1, 2), (1, 3, 4)]
    with open(path, "r+b") as file:
        file.write(fates.COUNT.pack(3))
    with pytest.raises(fates.Unbalanced):
        fates.read_book(path)


def row(**more):
    return {"sleep_ms": 10, "is_told": True, "times": 4, "who": overload.NOW, "rate": 1000.0,
            "in_time_per_s": 950.0, "in_time_share": 0.95, "late": 0, "refused": {"100203": 7},
            "for_nobody": 0.01, "recovery_s": 0.1, "is_recovered": True, "late_p99_ms": 0.1,
            "others": 0.0, "spoiled": "", **more}


@pytest.mark.parametrize("more, verdict", [
    ({}, "ok"), ({"in_time_share": 0.89}, "missed"), ({"for_nobody": 0.02}, "missed"),
    ({"recovery_s": 0.6}, "missed"), ({"is_recovered": False}, "missed"), ({"times": 1}, ""),
    ({"is_told": False}, ""), ({"who": overload.FIFO}, "")])
def test_what_is_wanted_under_overload(more, verdict):
    assert overload_report.verdict(row(**more)) == verdict


@pytest.mark.parametrize("said, why", [
    ({"late_p99_ms": 1.0, "others": 0.05}, ""), ({"late_p99_ms": 21.0, "others": 0}, "late 21 ms"),
    ({"late_p99_ms": 1.0, "others": 0.4}, "others 40 %")])
def test_a_run_on_a_busy_machine_is_called_spoiled(said, why):
    assert overload.why_spoiled(said, 1.0) == why


def test_spoiled_rounds_do_not_count_where_others_are_good():
    rounds = [row(in_time_share=share, spoiled=why)
              for share, why in ((0.2, "late 90 ms"), (0.9, ""), (0.8, ""))]
    assert overload.median_of(rounds)["in_time_share"] == pytest.approx(0.85)
    assert overload.median_of(rounds[:1])["spoiled"] == "late 90 ms"


def test_report_has_tables_and_a_picture(tmp_path, monkeypatch):
    page, results = tmp_path / "PERFORMANCE.md", tmp_path / "results.json"
    marks = "".join("<!-- measured: %s -->\nold\n<!-- end -->\n" % part
                    for part in ("overload", "instructions"))
    page.write_text("By hand\n" + marks)
    rows = [row(who=who, times=times, is_told=told) for who in (overload.FIFO, overload.NOW)
            for times in (1, 4) for told in (True, False)]
    flood = {"door": "frames", "sleep_ms": 10, "alone_p99_ms": 10.0, "beside_p99_ms": 40.0,
             "ratio": 4.0, "polite": 9, "flood_per_second": 8.0}
    results.write_text(json.dumps({"kind": "overload", "date": "2026-01-02", "rounds": 3,
                                   "machine": {"cores": "2"}, "overload": rows,
                                   "floods": [flood]}))
    monkeypatch.setattr("sys.argv", ["report.py", str(results), "--file", str(page)])
    report.main()
    text = page.read_text()
    assert text.startswith("By hand\n") and "old" not in text.split("<!-- end -->")[0]
    assert "| 10 ms | 4x | Dora | 950 | 0.95 | 0 | 100203: 7 | 1.0 % | 0.10 s | ok |" in text
    assert "| frames | 10 ms | 10.0 ms | 40.0 ms | 4.00 (<= 3) | 8 | missed |" in text
    drawn = (tmp_path / "overload.svg").read_text()
    assert drawn.count("<polyline") == 4 and "times what it can do" in drawn


@pytest.mark.parametrize("argv", [[], ["--phases", "0:1"], ["--phases", "5"],
                                  ["--phases", "5:1,"], ["--phases", "5:1", "--connections", "0"]])
def test_refused_options_of_the_open_loop(argv, tmp_path):
    done = subprocess.run([os.path.join(PROGRAMS, "bench_overload"), "127.0.0.1:1",
                           str(tmp_path / "fates"), *argv], capture_output=True, text=True)
    assert done.returncode == 2 and "usage" in done.stderr
