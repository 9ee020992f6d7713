"""What became of the calls that bench_overload offered, and for whom handlers ran."""

import collections
import os
import struct

FATE = struct.Struct("<QQQq")  # due, sent, came (0: not), code; tests/bench/overload.c
RUN = struct.Struct("<QQQ")  # serial, began, ended; tests/bench/sleep.c
COUNT = struct.Struct("<Q")
RECOVERED = 0.99  # of the calls from there on are answered in time

Fate = collections.namedtuple("Fate", "due sent came code")


class Unbalanced(Exception):
    """The counts of callers and handlers do not agree: something was lost or ran twice."""


def read_fates(path):
    with open(path, "rb") as file:
        return [Fate(*each) for each in FATE.iter_unpack(file.read())]


def make_book(path, runs):
    """An empty book with room for so many runs."""
    with open(path, "wb") as file:
        file.truncate(COUNT.size + RUN.size * runs)


def read_book(path):
    """[(serial, began, ended)]; the book is not empty afterwards."""
    with open(path, "rb") as file:
        count = COUNT.unpack(file.read(COUNT.size))[0]
        if count > (os.path.getsize(path) - COUNT.size) // RUN.size:
            raise Unbalanced("the book had no room for %d runs" % count)
        return list(RUN.iter_unpack(file.read(RUN.size * count)))


def balance(fates, runs):
    """Each call has one answer; those that say so have run, once, and the others at most once.
    `runs` are of these calls alone. Returns: {code: calls}."""
    times = collections.Counter(serial for serial, _, _ in runs)
    codes = collections.Counter(fate.code for fate in fates)
    lost = sum(fate.came == 0 for fate in fates)
    twice = sum(count > 1 for count in times.values())
    unknown = sum(serial >= len(fates) for serial in times)
    unrun = sum(fate.came != 0 and fate.code == 0 and serial not in times
                for serial, fate in enumerate(fates))
    if lost or twice or unknown or unrun:
        raise Unbalanced("of %d calls %d have no answer, %d ran twice, %d ran that nobody sent, %d "
                         "are answered and did not run" % (len(fates), lost, twice, unknown, unrun))
    return dict(codes)


def is_in_time(fate, patience_ns):
    return fate.code == 0 and fate.came != 0 and fate.came - fate.due <= patience_ns


def count(fates, patience_ns):
    """What became of these calls: answered in time, late, refused by code."""
    found = collections.Counter(
        "in_time" if is_in_time(fate, patience_ns) else "late" if fate.code == 0 else fate.code
        for fate in fates)
    return {"in_time": found.pop("in_time", 0), "late": found.pop("late", 0),
            "refused": dict(sorted(found.items()))}


def for_nobody(fates, runs, patience_ns):
    """The share of the runs that ended when their callers had gone."""
    late = sum(ended > fates[serial].due + patience_ns for serial, _, ended in runs)
    return late / len(runs) if runs else 0.0


def recovery_s(fates, since_ns, patience_ns):
    """How long after `since_ns` calls are answered in time again: from there on almost all are.
    None: they are not."""
    later = [fate for fate in fates if fate.due >= since_ns]
    bad, found = 0, None
    for seen, fate in enumerate(reversed(later), 1):
        bad += not is_in_time(fate, patience_ns)
        if bad <= seen * (1 - RECOVERED):
            found = fate.due
    if found is None:
        return None
    return 0.0 if found == later[0].due else (found - since_ns) / 1e9


def answered_between(fates, begin_ns, end_ns):
    return [fate for fate in fates if begin_ns <= fate.came < end_ns]
