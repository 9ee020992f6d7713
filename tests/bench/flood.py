"""Polite callers, each with one call at a time, beside one that floods: over frames a connection
that sends on without waiting, over HTTP an address with many connections."""

import contextlib
import os
import statistics
import threading

import tools
from support.server import Server, wait_until

POLITE = 8
WORKERS = 16
FLOOD_DEPTH = 1024
FLOOD_CONNECTIONS = 128
SLEEPS_MS = (1, 10)
MOST = 3  # times what their p99 is without the flood
DOORS = {
    "frames": ({"connections": POLITE}, {"connections": 1, "depth": FLOOD_DEPTH}),
    "HTTP": ({"connections": POLITE, "protocol": "http", "source": "127.0.0.11",
              "sources": POLITE},
             {"connections": FLOOD_CONNECTIONS, "protocol": "http", "source": "127.0.0.2"}),
}


@contextlib.contextmanager
def served(build):
    pool = {"runtime": "c", "workers": WORKERS,
            "app": os.path.join(build, "tests", "bench", "bench_sleep.so")}
    with Server({"p": pool}, listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) as server:
        if not wait_until(lambda: len(server.workers()) >= WORKERS):
            raise RuntimeError("not all workers started: " + server.log())
        yield server


def beside(drive, seconds, polite, flood):
    """The polite callers' figures while the flood lasts, and its own."""
    found = {}

    def send_flood():
        found.update(drive(seconds + 0.8, warm_up=0.1, **flood))

    other = threading.Thread(target=send_flood)
    other.start()
    mine = drive(seconds, **polite)
    other.join()
    return mine, found


def measure(build, server, door, sleep_ms, seconds):
    polite, flood = DOORS[door]
    address = server.http if door == "HTTP" else server.address
    sleep = {"name": "/bench/sleep", "param": "i:%d;" % (1000 * sleep_ms)}
    if door == "HTTP":
        sleep = {"name": "/call/bench/sleep", "body": str(1000 * sleep_ms)}

    def drive(for_s, **load):
        return tools.drive(os.path.join(build, "tests", "bench"), address, [], for_s,
                           **{**sleep, **load})

    alone = drive(seconds, **polite)
    mine, theirs = beside(drive, seconds, polite, flood)
    return {"alone_p99_ms": alone["p99_us"] / 1e3, "beside_p99_ms": mine["p99_us"] / 1e3,
            "ratio": mine["p99_us"] / alone["p99_us"], "polite": mine["requests"],
            "flood_per_second": theirs["per_second"]}


def floods(options, say):
    """A row for each door and handler; ratios are medians of the rounds' own."""
    rows = []
    seconds = 0.1 if options.quick else 3
    with served(options.build) as server:
        for door in DOORS:
            for sleep_ms in SLEEPS_MS[-1:] if options.quick else SLEEPS_MS:
                say("flood: %s, %d ms" % (door, sleep_ms))
                rounds = [measure(options.build, server, door, sleep_ms, seconds)
                          for _ in range(options.rounds)]
                rows.append({"door": door, "sleep_ms": sleep_ms, "rounds": len(rounds),
                             **{name: statistics.median(each[name] for each in rounds)
                                for name in rounds[0]}})
    return rows
