"""Calls of every kind through every door, while workers, zygotes, connections, applications,
certificates and Redis are broken and the server is upgraded, in an order that a seed gives; then
everything has to add up.

    python tests/faults/soak/run.py (--minutes N | --faults N) [--seed S]

tests/faults/soak.sh builds what it needs and runs it."""

import argparse
import os
import random
import sys
import tempfile
import time

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
from soak import balance, breaker, callers, everyone, world  # noqa: E402
from support.server import wait_until  # noqa: E402

MEMORY_SLACK_BYTES = 8 << 20
CALLS_EACH = 5  # of every caller, at least, before the first fault and between two
SHOWN = 40  # of what does not agree


class Wrong(Exception):
    """The books do not agree, or something is not as it was."""


def require(is_good, *what):
    if not is_good:
        raise Wrong(" ".join(map(str, what)))


def await_calls(everyone):
    """Until each caller has made a few more: a fault meets all of them."""
    wanted = {one: len(one.calls) + CALLS_EACH for one in everyone}
    require(wait_until(lambda: all(one.error or len(one.calls) >= count
                                   for one, count in wanted.items()), 2 * callers.TIMEOUT_S),
            "callers stand still:", [one.mark for one, count in wanted.items()
                                     if len(one.calls) < count])
    for one in everyone:
        if one.error:
            raise one.error


def settle(here):
    """What is to be alike before and after: memory, descriptors, room."""
    require(wait_until(lambda: here.is_whole() and here.is_quiet() and here.is_ready(),
                       world.ALIKE_S), "not quiet:", here.stat())


def call_and_break(here, seed, is_over, say):
    """Returns: the calls, the windows of the faults, and what the books say is wrong."""
    them = everyone.everyone(here, seed)
    breaking = breaker.Breaker(here, say)
    for one in them:
        one.start()
    await_calls(them)
    for number, plan in enumerate(breaker.plans(seed)):
        if is_over(number):
            break
        breaking.make(plan)
        await_calls(them)
    for one in them:
        one.ended.set()
    for one in them:
        one.end()
    settle(here)
    calls = breaking.calls + [call for one in them for call in one.calls]
    return calls, breaking.windows


def soak(folder, seed, is_over, say=print):
    """One soak. `is_over(number of faults so far)`. Raises Wrong."""
    with world.World(folder) as here:
        settle(here)
        rooms = {pool: here.room(pool, "room-a-" + pool) for pool in world.POOLS}
        settle(here)
        memory, fds = here.server.own_memory(), here.descriptors()
        calls, windows = call_and_break(here, seed, is_over, say)
        wrong = balance.faults_of(calls, balance.read_book(here.book), windows)
        say("%d calls, of their apis by code: %s; %d faults" % (
            len(calls), balance.codes_of(calls), len(windows)))
        require(not wrong, "\n".join(wrong[:SHOWN]))
        for pool in world.POOLS:
            room = here.room(pool, "room-z-" + pool)
            require(room == rooms[pool], pool, "has room for", room, "large calls, not for",
                    rooms[pool], "as in the beginning")
        settle(here)
        require(wait_until(lambda: here.descriptors() <= fds, world.ALIKE_S),
                "descriptors:", fds, "before,", here.descriptors(), "after")
        most = memory + MEMORY_SLACK_BYTES
        now = here.server.own_memory(most, world.ALIKE_S)
        say("master: %.1f MiB and %d descriptors before, %.1f MiB after" % (
            memory / 2**20, fds, now / 2**20))
        require(now <= most, "memory of the master:", memory, "before,", now, "after")
        require(here.stop(), "processes are left")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, help="how long faults are made")
    parser.add_argument("--faults", type=int, help="how many are made, instead")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(1 << 32)))
    options = parser.parse_args()
    if (options.minutes is None) == (options.faults is None):
        parser.error("one of --minutes and --faults is wanted")
    began = time.monotonic()
    print("seed %s" % options.seed, flush=True)

    def say(text):
        print("%7.1f s  %s" % (time.monotonic() - began, text), flush=True)

    def is_over(count):
        if options.faults is not None:
            return count >= options.faults
        return time.monotonic() - began > options.minutes * 60

    with tempfile.TemporaryDirectory(prefix="dora-soak-") as folder:
        try:
            soak(folder, options.seed, is_over, say)
        except Wrong as wrong:
            sys.exit("soak: FAILED with --seed %s\n%s" % (options.seed, wrong))
    print("soak: ok")


if __name__ == "__main__":
    main()
