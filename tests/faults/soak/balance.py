"""Do the books agree: what was sent, what was answered, what ran, what was broken. Pure."""

import collections

from .breaker import EXPLAINS, NEVER

NOT_RUN = {100202, 100203, 100204, 100205, 100207, NEVER}
CANCELS, OVER = "CN", "OVER"  # kinds: a stream left in the middle, a handler that runs too long
WANTED = {CANCELS: 100211, OVER: 100201}  # what else than 0 they end with by themselves
CLOSED = "closed:"  # stands before a handler's name where its stream has ended
PROBES = "room-"  # of calls that look at the server, and are booked by nobody


def read_book(path):
    """{(who asked, handler): how often it ran}."""
    with open(path) as file:
        return collections.Counter(tuple(line.split()) for line in file
                                   if not line.startswith(PROBES))


def reasons_of(call, code, windows):
    """What was broken while the call lasted that makes calls fail so."""
    return {one.name for one in windows if code in EXPLAINS.get(one.name, ())
            and one.began <= call.ended and call.began <= one.ended}


def has_lost(call, windows):
    """Whether accepted work may have ended with a worker since."""
    return any(EXPLAINS.get(one.name) == EXPLAINS["kill_worker"] and one.ended >= call.began
               for one in windows)


def wrong_of(call, name, code, runs, windows):
    """What is wrong with one api of a call, None where nothing is."""
    if runs > 1:
        return "ran %d times" % runs
    if code in NOT_RUN and runs:
        return "ran, and code %d says that it did not" % code
    if code == 0 and not runs and not (call.kind.startswith("AN") and has_lost(call, windows)):
        return "was answered and did not run"
    if code == 0:
        return "ran for longer than it may" if call.kind == OVER else None
    if code == WANTED.get(call.kind):
        return None
    reasons = reasons_of(call, code, windows)
    if not reasons:
        return "failed with %d, and nothing was broken that explains it" % code
    if reasons == {"upgrade"} and runs:
        return "ran, and its connection was closed without an answer"
    return None


def is_left_open(call, name, book, windows):
    """Whether a stream's handler began and neither ended nor died."""
    return (call.kind in ("ST_S", CANCELS) and book[call.ident, name]
            and not book[call.ident, CLOSED + name] and not has_lost(call, windows))


def faults_of(calls, book, windows):
    """What does not agree, a line each."""
    wrong, known = [], set()
    times = collections.Counter(call.ident for call in calls)
    wrong += ["%s: booked %d times" % each for each in times.items() if each[1] > 1]
    for call in calls:
        if not call.is_right:
            wrong.append("%s %s: the answer is another one's" % (call.ident, call.kind))
        for name, code in call.codes.items():
            known.update([(call.ident, name), (call.ident, CLOSED + name)])
            found = wrong_of(call, name, code, book[call.ident, name], windows)
            if is_left_open(call, name, book, windows):
                found = "began, and was never closed"
            if found:
                wrong.append("%s %s %s: %s" % (call.ident, call.kind, name, found))
    wrong += ["%s %s: ran, and nobody sent it" % each for each in book if each not in known]
    return wrong


def codes_of(calls):
    """{code: how many apis of calls ended so}."""
    return dict(sorted(collections.Counter(
        code for call in calls for code in call.codes.values()).items()))
