"""`dora call --stream`: parts as lines while they come, the result last; Ctrl-C has it ended."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

import pytest

from dora_helpers import DEADLINE_S, die_with_parent, wait_until
from stream_peer import StreamPeer


@pytest.fixture
def server():
    one = StreamPeer()
    yield one
    one.close()


def begin():
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a run in the background ignores it


def start(server, *arguments, **options):
    command = [sys.executable, "-m", "dora", "call", server.node, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1,
                            preexec_fn=begin, **{"stderr": subprocess.PIPE, **options})


def run(server, *arguments):
    process = start(server, *arguments)
    out, said = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, said


def test_parts_are_lines_and_the_result_is_the_last(server):
    assert run(server, "--stream", "/parts", "20") == (0, "".join(f"{n}\n" for n in range(21)), "")
    assert run(server, "/tuple", "--stream") == (0, "[1,2]\n[3,4]\n", "")
    assert run(server, "--stream", "/call", '{"a": [1.5, "\\u001b"]}') == (
        0, '{"a":[1.5,"\\u001b"]}\n', "")


def test_errors_come_behind_the_parts(server):
    assert run(server, "--stream", "/fail") == (1, '"a"\n', "dora call: /fail: 404 no such\n")
    status, out, said = run(server, "--stream", "/quiet", "--idle", "0.5")
    assert status == 4 and out in ("", '"a"\n') and "100009" in said and "idle" in said
    status, out, said = run(server, "--stream", "/quiet", "--timeout=0.5")
    assert status == 4 and "the stream's time is over" in said
    status, out, said = run(server, "--stream", "/old")
    assert (status, out) == (1, "") and "100002" in said and "older than streams" in said


def test_the_window_is_as_said(server):
    assert run(server, "--stream", "/parts", "3", "--window", "2")[0] == 0
    assert run(server, "--stream", "/parts", "3", "--window=1024")[0] == 0
    assert run(server, "--stream", "/parts", "3")[0] == 0
    assert [seen["window"] for seen in server.seen if seen["type"] == "ST_S"] == [2, 1024, 64]


def test_progress_is_shown_on_a_terminal_alone(server):
    assert run(server, "--stream", "/progress") == (0, '"a"\n{"n":1}\n', "")
    ours, theirs = pty.openpty()
    process = start(server, "--stream", "/progress", stderr=theirs)
    out, _ = process.communicate(timeout=DEADLINE_S)
    os.close(theirs)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert (process.returncode, out) == (0, '"a"\n{"n":1}\n')
    assert shown == "[1,2] half\r\x1b[K[2,2] all\r\x1b[K"


@pytest.mark.parametrize("arguments", [("--stream", "/quiet"), ("/silent", "--timeout", "60")])
def test_ctrl_c_has_the_handler_ended(server, arguments):
    process = start(server, *arguments)
    if "--stream" in arguments:
        assert process.stdout.readline() == '"a"\n'
    else:
        wait_until(lambda: server.seen, "the call")
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out, said) == (130, "", "")
    server.wait_cancelled(1)


def test_ctrl_c_before_the_first_word_says_nothing(server):
    """A server that knows no streams would not know the word, either: the connection ends."""
    process = start(server, "--stream", "/silent", "--idle", "60")
    wait_until(lambda: server.seen, "the call")
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out, said) == (130, "", "")
    wait_until(lambda: server.ended == 1, "the connection to end")
    assert [seen["type"] for seen in server.seen] == ["ST_S"]


def test_ctrl_c_where_nobody_reads_says_nothing(server):
    process = start(server, "/call", '"%s"' % ("x" * 100000))

    def waiting():
        return struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)))[0]

    wait_until(lambda: waiting() > 0, "a part of what does not fit into a pipe")
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE_S) == 130
    assert process.communicate()[1] == ""


@pytest.mark.parametrize("arguments", [("--stream", "/parts", "3"), ("/call", "1")])
def test_what_cannot_be_printed_is_a_failure(server, arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "dora", "call", server.node, *arguments],
                              stdout=full, stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (1, "dora call: the result cannot be printed\n")


def test_wrong_flags_are_named(server):
    for arguments, text in [
        (("--stream", "--many", "a=/x"), "--stream is of one api, --many of several"),
        (("/x", "--idle", "1"), "--idle belongs to --stream"),
        (("--stream", "/x", "--idle", "0"), "--idle must be seconds from 0.001 to 86400"),
        (("/x", "--window", "1"), "--window belongs to --stream"),
        (("--stream", "/x", "--window", "0"), "--window must be parts from 1 to 1024"),
        (("--stream", "/x", "--window=1025"), "--window must be parts from 1 to 1024"),
        (("--stream", "/x", "--window", "4x"), "--window must be parts from 1 to 1024"),
        (("--stream", "/x", "--window"), "--window must be parts from 1 to 1024"),
    ]:
        status, out, said = run(server, *arguments)
        assert (status, out) == (2, "") and text in said
