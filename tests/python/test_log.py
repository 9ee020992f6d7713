"""dora.LogHandler, and where Python's logging ends in a server."""

import json
import logging
import subprocess
import sys
import textwrap

import pytest

import dora
from dora import _dora, _log
from dora_helpers import DEADLINE_S, wait_until

HANDLER = """
    logger = logging.getLogger("shop.users")

    @app.api("/log")
    def log(param):
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(logger, level)("said %s %s", level, param)
        try:
            raise KeyError("no such user")
        except KeyError:
            logger.exception("failed %s", param)

    @app.api("/root")
    def root(param):
        root = logging.getLogger()
        return [logging.getLevelName(root.level), [type(each).__name__ for each in root.handlers]]
"""


@pytest.fixture
def logged(serve, tmp_path):
    """logged(head, level=4) -> (client, records()): an application that logs, and its log."""
    clients = []

    def start(head="", level=4):
        source = f"import logging, sys\nimport dora\n{textwrap.dedent(head)}\napp = dora.App()\n"
        one = serve(
            source + textwrap.dedent(HANDLER),
            config={
                "listen": {"tcp": "127.0.0.1:0"},
                "log": {"file": str(tmp_path / "server.log"), "format": "json", "level": level},
                "pools": {"users": {"runtime": "python", "app": "app.py", "workers": 1}},
            },
        )
        client = dora.Client(one.node, timeout=DEADLINE_S)
        clients.append(client)

        def records():
            lines = (tmp_path / "server.log").read_text().splitlines()
            return [json.loads(line) for line in lines]

        return client, records

    yield start
    for client in clients:
        client.close()


def said(records):
    """The records of our logger, once the last one is there."""

    def ours():
        return [each for each in records() if each.get("g") == "shop.users"]

    wait_until(lambda: any(each["v"] == 7 for each in ours()), "the exception in the log")
    return ours()


def test_without_any_set_up(logged, tmp_path):
    client, records = logged()
    client.call("/log", "once")
    found = said(records)
    assert [each["v"] for each in found] == [4, 3, 5, 6, 7]
    assert [each["m"] for each in found[:4]] == [
        f"said {level} once" for level in ("info", "warning", "error", "critical")
    ]
    assert found[4]["m"].startswith("failed once\nTraceback (most recent call last):")
    assert found[4]["m"].endswith("KeyError: 'no such user'")
    lines = (tmp_path / "app.py").read_text().splitlines()
    for each in found:
        assert each["p"] == str(tmp_path / "app.py")
    assert "logger.exception" in lines[found[4]["l"] - 1]
    assert client.call("/root") == ["INFO", ["LogHandler"]]


@pytest.mark.parametrize(
    "level,root,levels",
    [(1, "ERROR", [5, 6, 7]), (3, "WARNING", [3, 5, 6, 7]), (9, "DEBUG", [1, 4, 3, 5, 6, 7])],
)
def test_levels_are_mapped(logged, level, root, levels):
    """What the server's log would drop is not made in the first place; 9 stands for all."""
    client, records = logged(level=level)
    client.call("/log", "x")
    assert [each["v"] for each in said(records)] == levels
    assert client.call("/root")[0] == root


def test_logging_while_loading(logged):
    client, records = logged("logging.getLogger('early').warning('said early')")
    assert client.call("/root") == ["INFO", ["LogHandler"]]
    wait_until(lambda: any(each.get("m") == "said early" and each["v"] == 3
                           for each in records()), "the warning")


@pytest.mark.parametrize(
    "head,root",
    [
        ("logging.basicConfig()", ["INFO", ["LogHandler"]]),
        ("logging.basicConfig(level=logging.ERROR)", ["ERROR", ["LogHandler"]]),
        ("logging.warning('implies basicConfig')", ["INFO", ["LogHandler"]]),
        ("logging.getLogger().setLevel(logging.DEBUG)", ["DEBUG", ["LogHandler"]]),
        ("logging.basicConfig(format='MINE %(message)s')", ["WARNING", ["StreamHandler"]]),
        ("logging.basicConfig(filename='own.log')", ["WARNING", ["FileHandler"]]),
        ("logging.basicConfig(handlers=[dora.LogHandler()])", ["WARNING", ["LogHandler"]]),
    ],
)
def test_what_the_application_sets_up_itself(logged, head, root):
    """A place or form of its own stays; the defaults, which mean stderr, become the log."""
    client, _ = logged(head)
    assert client.call("/root") == root


def test_a_program_that_runs_itself(serve):
    one = serve(
        "import logging\nimport dora\napp = dora.App()\n"
        + textwrap.dedent(HANDLER) + "app.run(port=0, workers=1)\n",
        direct=True,
    )
    with dora.Client(one.node) as client:
        assert client.call("/root") == ["INFO", ["LogHandler"]]
        client.call("/log", "direct")
    one.wait_log("said info direct")


def test_outside_a_server():
    """To stderr, whatever the text holds."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(
            r"""
            import logging, dora
            logging.basicConfig(handlers=[dora.LogHandler()], level=logging.DEBUG)
            logging.debug("a word %s", "\udcff")
            logging.getLogger("x\0y").error("NUL \0 inside")
            logging.info("%d", "not a number")
            """)],
        capture_output=True, text=True, timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    assert "a word \\udcff\n" in done.stderr and "NUL \0 inside\n" in done.stderr
    assert "--- Logging error ---" in done.stderr


def test_the_functions_below():
    assert _dora.log(4, "tag", "file.py", 1, "text") is False
    for wrong in ((4, "tag", "file.py", 1), ("4", "tag", "f", 1, "m"), (4, b"tag", "f", 1, "m")):
        with pytest.raises(TypeError):
            _dora.log(*wrong)
    assert _dora.log_is_wanted(4) is False
    with pytest.raises(TypeError):
        _dora.log_is_wanted("4")
    levels = [_log.level_of(number) for number in (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 99)]
    assert levels == [1, 1, 1, 4, 4, 3, 3, 5, 5, 6, 6]
    assert isinstance(dora.LogHandler(logging.ERROR), logging.Handler)
