"""The threads beside a worker's event loop: who has a place in them, and when."""

import threading

from dora import _threads

from dora_helpers import DEADLINE_S, wait_until


class Work:
    """A job that notes when it has ended."""

    def __init__(self, name, order, do=lambda: None):
        self.name = name
        self.order = order
        self.do = do
        self.has_begun = threading.Event()

    def run(self):
        self.has_begun.set()
        self.do()
        self.order.append(self.name)
        return False


def test_who_has_begun_goes_on_before_who_has_not():
    threads = _threads.Threads()
    order = []
    room, hold = threading.Event(), threading.Event()
    first = Work("first", order, lambda: threads.lend(lambda: room.wait(DEADLINE_S)))
    second = Work("second", order, lambda: hold.wait(DEADLINE_S))
    try:
        threads.put(first)
        threads.put(second)
        assert second.has_begun.wait(DEADLINE_S)  # in the place of the first
        for number in range(20):
            threads.put(Work(number, order))
        room.set()
        wait_until(lambda: threads._turns, "the first to ask for its turn")
        hold.set()
        wait_until(lambda: len(order) == 22, "all of them")
    finally:
        room.set()
        hold.set()
        threads.close()
    assert order == ["second", "first", *range(20)]


def test_a_place_that_is_free_is_taken_at_once():
    threads = _threads.Threads()
    order = []
    try:
        for number in range(20):
            threads.put(Work(number, order, lambda: threads.lend(lambda: None)))
        wait_until(lambda: len(order) == 20, "all of them")
        threads.put(Work("last", order))
        wait_until(lambda: order[-1] == "last", "the last")
    finally:
        threads.close()
    assert sorted(order[:-1]) == list(range(20)) and not threads.lent


def test_one_that_waits_for_its_turn_has_it_when_the_threads_end():
    threads = _threads.Threads()
    order = []
    room = threading.Event()
    threads.put(Work("first", order, lambda: threads.lend(lambda: room.wait(DEADLINE_S))))
    try:
        wait_until(lambda: threads.lent, "the first to wait")
    finally:
        room.set()
        threads.close()
    wait_until(lambda: order == ["first"], "the first")
