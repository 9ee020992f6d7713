"""A short soak: each fault once; the whole one is soak.sh. And what its balance finds."""

import itertools
from collections import Counter

import pytest
from soak import balance, breaker, run
from soak.breaker import Window
from soak.callers import Call

SEED = 1


def test_all_adds_up_after_each_fault(tmp_path):
    run.soak(tmp_path, SEED, lambda count: count >= len(breaker.FAULTS))


def test_a_seed_has_its_faults():
    def first(seed):
        return list(itertools.islice(breaker.plans(seed), 50))

    assert first(7) == first(7) != first(8)
    assert {plan.name for plan in first(7)[:len(breaker.FAULTS)]} == set(breaker.FAULTS)


def call(code=0, kind="W_S", is_right=True):
    return Call("a-1", kind, {"/c/echo": code}, 10.0, 11.0, is_right)


RAN = {("a-1", "/c/echo"): 1}
CLOSED = {**RAN, ("a-1", "closed:/c/echo"): 1}
KILLED = [Window("kill_worker", 10.5, 10.6)]


@pytest.mark.parametrize("one, book, windows", [
    (call(), RAN, []),
    (call(100200), RAN, KILLED),
    (call(100200), {}, KILLED),
    (call(kind="AN_S"), {}, [Window("kill_zygote", 12.0, 12.5)]),
    (call(-1), RAN, [Window("reset_connection", 9.0, 10.0)]),
    (call(-1), {}, [Window("upgrade", 10.5, 10.6)]),
    (call(kind="ST_S"), CLOSED, []),
    (call(100211, "CN"), CLOSED, []),
    (call(100211, "CN"), {}, []),
    (call(100200, "ST_S"), RAN, KILLED),
    (call(100201, "OVER"), RAN, []),
])
def test_books_that_agree(one, book, windows):
    assert balance.faults_of([one], Counter(book), windows) == []


@pytest.mark.parametrize("calls, book, windows, what", [
    ([call()], {}, [], "was answered and did not run"),
    ([call()], {("a-1", "/c/echo"): 2}, KILLED, "ran 2 times"),
    ([call()], {**RAN, ("b-1", "/c/echo"): 1}, [], "nobody sent it"),
    ([call(is_right=False)], RAN, [], "the answer is another one's"),
    ([call(), call()], RAN, [], "booked 2 times"),
    ([call(100203)], RAN, KILLED, "says that it did not"),
    ([call(100203)], {}, KILLED, "nothing was broken that explains it"),
    ([call(100200)], {}, [Window("kill_worker", 11.5, 11.6)], "nothing was broken"),
    ([call(100200)], {}, [Window("reload_good", 10.5, 10.6)], "nothing was broken"),
    ([call(kind="AN_S")], {}, [Window("kill_worker", 9.0, 9.5)], "did not run"),
    ([call(kind="AM_S")], {}, KILLED, "did not run"),
    ([call(-1)], RAN, [Window("upgrade", 10.5, 10.6)], "closed without an answer"),
    ([call(kind="ST_S")], RAN, [], "never closed"),
    ([call(100211, "CN")], RAN, [], "never closed"),
    ([call(kind="OVER")], RAN, [], "longer than it may"),
    ([call(100201)], RAN, [], "nothing was broken"),
    ([call(100211, "ST_S")], CLOSED, [], "nothing was broken"),
])
def test_books_that_do_not_agree(calls, book, windows, what):
    found = balance.faults_of(calls, Counter(book), windows)
    assert len(found) >= 1 and any(what in line for line in found), found
