"""Work in the thread pool is fair: nobody's large bodies keep the others waiting."""

import json

from support import tries, v1
from support.server import Server, python_pool

# A job of each size: the large one takes the pool some fifty times as long.
LARGE = [0] * 1_000_000
SMALL = "y" * 70_000
TRIES = 8  # turns are a matter of milliseconds


def as_json(ident, param):
    """A call whose reply is short: that of /pid, whatever its parameter."""
    body = {"api": {"one": {"name": "/pid", "param": param}}, "guid": ident, "type": "W_S"}
    return v1.frame(ident, json.dumps(body, separators=(",", ":")).encode())


def conn_of(server):
    conn = v1.Conn(server.address, 60)
    conn.splitter = v1.Splitter(lambda body: None)  # who is answered matters, not with what
    return conn


def answers(conn):
    """How many have come."""
    conn.sock.setblocking(False)
    try:
        return len(conn.splitter.feed(conn.sock.recv(1 << 16)))
    except BlockingIOError:
        return 0


def check_below(count, bound):
    """It is in one of some tries: where this machine stands still between two lines, more are
    counted. Where calls do not take turns it never is."""
    tries.until(lambda found: found < bound, count, TRIES)


def serve():
    return Server({"p": python_pool("basic.py", workers=2)}, connection_mb_max=256,
                  buffers_mb_max=1000)


def test_small_bodies_do_not_wait_for_the_large_ones_of_others():
    """Each of eight connections has four large bodies waiting when another comes with a small
    one: at most those that run are answered before it."""
    with serve() as server:
        def answered_before():
            hogs = [conn_of(server) for _ in range(8)]
            frames = b"".join(as_json(v1.guid(), LARGE) for _ in range(4))
            small = as_json(v1.guid(), SMALL)
            with conn_of(server) as other:
                for hog in hogs:
                    hog.send(frames)
                # In the queue by now: frames are read in the order in which they came.
                other.send(small)
                other.receive()
                answered = sum(answers(hog) for hog in hogs)
            for hog in hogs:
                hog.close()
            return answered

        check_below(answered_before, 4 * 8 / 2)
        assert server.stop(60) == 0


def test_large_bodies_take_turns():
    """One connection has twelve, then another has one: it is not the last."""
    with serve() as server:
        def answered_before():
            with conn_of(server) as hog, conn_of(server) as other:
                frames = [as_json(v1.guid(), LARGE) for _ in range(13)]
                hog.send(b"".join(frames[:12]))
                other.send(frames[12])
                other.receive()
                return answers(hog)

        check_below(answered_before, 12 / 2 + 3)


def test_small_requests_pass_the_large_ones_of_their_own_connection():
    with serve() as server:
        def answered_before():
            with conn_of(server) as conn:
                large = [v1.guid() for _ in range(3)]
                small = v1.guid()
                frames = [as_json(ident, LARGE) for ident in large]
                conn.send(b"".join(frames) + v1.request(small, "/echo", 1))
                order = [conn.receive()[0] for _ in range(4)]
            assert set(order) == {small, *large}
            return order.index(small)

        check_below(answered_before, 2)


def test_what_waits_is_dropped_with_its_connection():
    with serve() as server:
        with conn_of(server) as conn:
            conn.send(b"".join(as_json(v1.guid(), LARGE) for _ in range(8)))
        with v1.Conn(server.address) as good:
            assert good.call("/echo", 1)["data"]["data"] == 1
        assert server.stop() == 0
