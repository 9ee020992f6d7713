"""Reloads that are watched: the new version gets a part of the calls, and what it does with
them decides whether it gets the rest. Verdicts come by counts, but where a test says otherwise."""

import contextlib
import os
import re
import signal
import subprocess

import pytest

from support import metrics, streams, v1
from support.reload import Site, ask, is_alone, stop, titles, value, zygote_of, zygotes
from support.server import Server, asking, environment, program, wait_until

ROLLOUT = ["state", "generation", "ms", "watch_s", "canary_percent", "text", "ahead", "back",
           "replaced", "pools"]
WATCHED = "generation %d is watched"
FAILS = "@app.api('/work')\ndef work(param): raise RuntimeError('broken')\n"
WORKS = "@app.api('/work')\ndef work(param): return VERSION\n"
DIES = "import os\n@app.api('/work')\ndef work(param): os._exit(3)\n"
SLOW = """
import time
@app.api("/work")
def work(param):
    time.sleep(0.03)
    return VERSION
"""


WORDS = WORKS.replace("return", "yield")
SLOW_WORDS = SLOW.replace("return", "yield")


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@contextlib.contextmanager
def serve(site, pools, **reload):
    """The server, and then its `dora reload`: see Reload."""
    with Server(pools, listen={"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"},
                reload={"canary_percent": 25, "watch_s": 3600, "max_time_ratio": 1000,
                        **reload}) as server:
        yield server
        stop(server)


class Reload:
    """`dora reload`, from the moment that the new version is watched."""

    def __init__(self, server, *flags):
        self.process = subprocess.Popen(
            [program(), "reload", server.address, *flags], env=environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def end(self, status):
        """What it has printed."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == status, (out, err)
        return out + err


@contextlib.contextmanager
def watched(server, generation=2):
    seen = server.log().count(WATCHED % generation)
    with Reload(server) as reload:
        assert wait_until(lambda: server.log().count(WATCHED % generation) > seen), server.log()
        yield reload


def rollout(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["rollout"]


def call_until(server, question, name="/work", most=3000, ask=v1.Conn.call):
    """The codes, and what came with them, of calls one after the other until there is a verdict."""
    got = []
    with v1.Conn(server.address) as conn:
        while not question() and len(got) < most:
            got.append(ask(conn, name)["data"])
    assert question(), server.log()
    return got


def has_verdict(server, count=1):
    return lambda: sum(server.log().count(words)
                       for words in (" takes over after", " goes back after")) >= count


@pytest.mark.parametrize("language", ["python", "php"])
def test_a_good_version_takes_over(site, language):
    write = getattr(site, language)
    with serve(site, {"p": site.pool(write("one"))}, enough_calls=20) as server:
        write("two")
        with watched(server) as reload:
            got = [answer["data"] for answer in
                   call_until(server, has_verdict(server), "/version")]
            said = reload.end(0)
        assert got.count("two") >= 20 and got.count("one") >= 20, got
        assert "reloaded p=2\ngeneration 2 takes over after" in said
        counts = re.search(r"pool p: new (\d+) calls, 0 errors, 0 deaths of workers, .*"
                           r"old (\d+) calls, 0 errors", said)
        assert counts and min(int(count) for count in counts.groups()) >= 20, said
        assert wait_until(lambda: server.log().count(said.splitlines()[1]) == 1), server.log()
        assert value(server, "/version") == "two"
        assert wait_until(lambda: is_alone(server)), titles(server)
        assert rollout(server)["state"] == "ahead"


def test_its_part_of_the_calls(site):
    """It is what was said at most, and the rest is the old version's."""
    with serve(site, {"p": site.pool(site.python("one"))}, canary_percent=20) as server:
        site.python("two")
        with watched(server), v1.Conn(server.address) as conn:
            got = [conn.call("/version")["data"]["data"] for _ in range(100)]
            assert 1 <= got.count("two") <= 20, got
            assert got.count("one") + got.count("two") == 100
            now = rollout(server)
            assert list(now) == ROLLOUT
            assert now["state"] == "watching" and now["generation"] == 2
            assert now["pools"]["p"]["new"]["calls"] == got.count("two")
            assert now["pools"]["p"]["old"]["calls"] == got.count("one")
            told = subprocess.run(asking("stat", server.address), env=environment(),
                                  capture_output=True, text=True, timeout=60)
            assert "reload: generation 2 is watched, " in told.stdout, told
            assert "with 20 %% of the calls; pool p: new %d calls" % got.count("two") in told.stdout
            page = metrics.Metrics(metrics.admin_of(server))
            assert page.one("dora_rollout_watching") == 1
            for side, version in (("new", "two"), ("old", "one")):
                assert page.one("dora_rollout_calls", pool="p",
                                generation=side) == got.count(version)


def test_a_version_that_fails_goes_back(site):
    with serve(site, {"p": site.pool(site.python("one", WORKS))}) as server:
        site.python("two", FAILS)
        with watched(server) as reload:
            got = call_until(server, has_verdict(server))
            said = reload.end(1)
        failed = [answer for answer in got if answer["code"] != 0]
        assert 2 <= len(failed) < len(got) / 2, got
        assert {answer["code"] for answer in failed} == {100208}
        assert "100209 generation 2 goes back after" in said
        assert "pool p has more errors than max_error_ratio (1.5) allows; pool p: new" in said
        assert re.search(r"pool p: new (\d+) calls, \1 errors, 0 deaths of workers, "
                         r"old \d+ calls, 0 errors", said), said
        assert {value(server, "/work") for _ in range(40)} == {"one"}
        assert wait_until(lambda: is_alone(server)), titles(server)
        now = rollout(server)
        assert now["state"] == "back" and now["back"] == 1 and now["ahead"] == 0
        site.python("three", WORKS)  # and the next one is watched again
        with watched(server):
            pass


def test_a_version_whose_workers_die_goes_back(site):
    with serve(site, {"p": site.pool(site.python("one", WORKS))}) as server:
        site.python("two", DIES)
        with watched(server) as reload:
            got = call_until(server, has_verdict(server))
            said = reload.end(1)
        failed = [answer for answer in got if answer["code"] != 0]
        assert len(failed) >= 2 and {answer["code"] for answer in failed} == {100200}
        assert "generation 2 goes back" in said and " errors, " in said
        assert wait_until(lambda: is_alone(server)), titles(server)
        assert value(server, "/work") == "one"


def test_workers_that_are_killed_while_they_rest(site):
    """Nothing fails; it is their deaths."""
    with serve(site, {"p": site.pool(site.python("one", WORKS), workers=1)},
               canary_percent=10) as server, v1.Conn(server.address) as conn:
        old = set(server.workers("p").values())
        ended = has_verdict(server)
        site.python("two", WORKS)
        with watched(server) as reload:
            while not ended():
                now = conn.command("getStat")["data"]["server"]
                idle = [one["pid"] for one in now["pools"]["p"]["processes"]
                        if one["pid"] not in old and one["state"] == "idle" and one["handled"]]
                deaths = now["rollout"]["pools"]["p"]["new"]["deaths"]
                for pid in idle:  # one that has been of use: else it has started in vain
                    with contextlib.suppress(ProcessLookupError):  # it ends with the verdict
                        os.kill(pid, signal.SIGKILL)
                    assert wait_until(lambda seen=deaths: ended() or (
                        rollout(server)["pools"]["p"]["new"]["deaths"] > seen)), server.log()
                assert conn.call("/work")["data"]["data"] in ("one", "two")
            said = reload.end(1)
        assert "pool p has more deaths of workers than max_error_ratio (1.5) allows" in said
        assert value(server, "/work") == "one"


def stream(conn, name):
    return streams.whole(conn, name)[2]


@pytest.mark.parametrize("ask, quick, slow", [(v1.Conn.call, WORKS, SLOW),
                                              (stream, WORDS, SLOW_WORDS)],
                         ids=["calls", "streams"])
def test_a_slower_version_goes_back(site, ask, quick, slow):
    with serve(site, {"p": site.pool(site.python("one", quick))}, canary_percent=50,
               max_time_ratio=2) as server:
        site.python("two", slow)
        with watched(server) as reload:
            call_until(server, has_verdict(server), ask=ask)
            said = reload.end(1)
        assert "pool p has a longer median run time than max_time_ratio (2) allows" in said
        assert float(re.search(r"pool p: new .*?, median ([0-9.]+) ms", said).group(1)) >= 30
        assert value(server, "/version") == "one"


def test_names_that_one_of_them_has(site):
    one = "@app.api('/%s')\ndef api_%s(param): return VERSION\n"
    with serve(site, {"p": site.pool(site.python("one", one % ("old", "old")))}) as server:
        site.python("two", one % ("new", "new"))
        assert ask(server, "/new")["code"] == 100204
        with watched(server) as reload:
            assert wait_until(lambda: ask(server, "/new")["code"] == 0)
            assert {value(server, "/new") for _ in range(20)} == {"two"}
            assert {value(server, "/old") for _ in range(20)} == {"one"}
            site.python("three", WORKS)  # the watch ends, and with it what it has brought
            with watched(server):
                assert ask(server, "/new")["code"] == 100204
                assert wait_until(lambda: "another reload has come" in server.log())
                assert reload.process.poll() is None  # it waits for that one's verdict


def test_many_apis_at_once_and_accepted_work(site):
    """All are answered, by the one or the other."""
    with serve(site, {"p": site.pool(site.python("one", site.book))}, canary_percent=50) as server:
        site.python("two", site.book)
        with watched(server), v1.Conn(server.address) as conn:
            versions = set()
            idents = []
            for _ in range(50):
                conn.ask("W_M", {key: ("/version", None) for key in "abcd"})
                reply = conn.receive(20)[1]
                assert {part["code"] for part in reply["data"].values()} == {0}
                versions |= {part["data"] for part in reply["data"].values()}
                idents.append(conn.ask("AN_M", {"book": ("/book", None)}))
                assert conn.receive(20)[1]["code"] == 100001
            assert versions == {"one", "two"}
            book = site.path("book")
            assert wait_until(lambda: sorted(open(book).read().split()) == sorted(idents))


def test_now_is_not_watched(site):
    """And the next one is, without calls by time: nothing speaks against it."""
    with serve(site, {"p": site.pool(site.python("one"))}, watch_s=1) as server:
        site.python("two")
        with Reload(server, "--now") as reload:
            assert "takes over after" not in reload.end(0)
        assert wait_until(lambda: value(server, "/version") == "two")
        assert "is watched" not in server.log()
        site.python("three")
        with Reload(server) as reload:
            said = reload.end(0)
        assert "generation 3 takes over after" in said
        assert "pool p: new 0 calls, 0 errors, 0 deaths of workers, old 0 calls" in said
        assert value(server, "/version") == "three"


def test_an_upgrade_waits_for_the_verdict(site):
    with serve(site, {"p": site.pool(site.python("one"))}) as server:
        site.python("two")
        with watched(server), v1.Conn(server.address) as conn:
            said = conn.command("upgrade", timeout=60)
            assert said["code"] == 100209, said
            assert "a reload is watched" in said["msg"] and "dora reload --now" in said["msg"]


def test_a_stop_ends_the_watch(site):
    with serve(site, {"p": site.pool(site.python("one", site.slow))}) as server:
        site.python("two", site.slow)
        with watched(server) as reload:
            server.signal(signal.SIGTERM)
            assert "100207" in reload.end(1)
        assert wait_until(lambda: "the server is stopping" in server.log())
        assert server.wait() == 0


def test_a_version_whose_zygote_ends(site):
    with serve(site, {"p": site.pool(site.python("one"))}) as server:
        old = zygotes(server, "p")
        site.python("two")
        with watched(server) as reload:
            os.kill(zygote_of(server, "p", *old), signal.SIGKILL)
            assert "while it was watched" in reload.end(1)
        assert wait_until(lambda: is_alone(server)), titles(server)
        assert value(server, "/version") == "one"
