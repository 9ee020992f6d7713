"""dora stat, apis, reload, stop and top against real servers, and where there is none."""

import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios

import pytest

from support import processes, v1
from support.server import Server, asking, environment, program, python_pool, wait_until


def run(*arguments, **more):
    """(status, stdout, stderr) of the program."""
    done = subprocess.run(asking(*arguments), env=environment(), capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL, **more)
    return done.returncode, done.stdout, done.stderr


def one_pool(**more):
    return {"py": python_pool("modes.py", workers=2, **more)}


@pytest.fixture(scope="module")
def server():
    with Server(one_pool()) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def nobody():
    """An address where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield "127.0.0.1:%d" % sock.getsockname()[1]


@pytest.fixture
def silent():
    """An address that accepts and says nothing."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield "127.0.0.1:%d" % sock.getsockname()[1]


def test_server_whose_frames_are_signed_and_compressed(monkeypatch):
    flags = ["--sign", "--salt", "pepper", "--gzip"]
    with Server(one_pool(), sign=True, salt="pepper", gzip=True) as one:
        assert "serving" in run("stat", one.address, *flags)[1]
        assert run("call", one.address, *flags, "/squares", "3")[0] == 0
        assert run("reload", "--sign", one.address, "--gzip", "--salt=pepper")[0] == 0
        for flag in ("--sign", "--gzip"):
            status, out, err = run("stat", one.address, *[name for name in flags if name != flag])
            assert status != 0 and out == "" and err != "", flag
        assert run("stat", one.address, "--salt")[0] == 2
        status, _, err = run("stat", one.address, "--salt", "pepper")
        assert status == 2 and "--salt goes with --sign" in err
        monkeypatch.setenv("DORA_GZIP", "yes")
        status, _, err = run("stat", one.address, "--sign", "--salt", "pepper")
        assert status == 2 and "DORA_GZIP in the environment must be 1 or 0" in err
        for name, value in (("SIGN", "1"), ("SALT", "pepper"), ("GZIP", "1")):
            monkeypatch.setenv("DORA_" + name, value)
        assert "serving" in run("stat", one.address)[1]
        assert run("stop", one.address)[0] == 0


# What all of them share.

@pytest.mark.parametrize("command", ["stat", "apis", "reload", "upgrade", "stop", "top"])
def test_nobody_there(nobody, command):
    status, out, err = run(command, nobody)
    assert (status, out) == (4, "")
    assert err == "dora %s: cannot connect to %s: Connection refused\n" % (command, nobody)


@pytest.mark.parametrize("command", ["stat", "apis", "reload", "upgrade", "stop"])
def test_nobody_answers(silent, command):
    status, out, err = run(command, silent, "--timeout", "0.1")
    assert (status, out) == (4, "")
    assert err.startswith("dora %s: " % command) and "time" in err


@pytest.mark.parametrize("arguments, problem", [
    (["stat", "a:1", "b:2"], "b:2 is one argument too many"),
    (["stat", "--josn"], "--josn does not go here"),
    (["stat", "--json=yes"], "--json takes no value"),
    (["stat", "--timeout"], "--timeout needs a value"),
    (["reload", "--timeout=-1"], "--timeout must be seconds from 0.001 to 86400"),
    (["reload", "--timeout", "nan"], "--timeout must be seconds from 0.001 to 86400"),
    (["reload", "--wait", "30"], "the seconds of --wait stand behind a ="),
    (["reload", "--wait=soon"], "--wait must be seconds from 0.001 to 86400"),
    (["reload", "--wait=3", "--timeout=3"], "--timeout does not go with --wait=S"),
    (["top", "--timeout", "1"], "--timeout does not go here"),
    (["stop", "--pid-file"], "--pid-file needs a value"),
    (["stop", "a:1", "--pid-file", "x"], "ADDRESS or --pid-file, not both"),
    (["stop", "192.0.2.1:9567"],
     "192.0.2.1:9567 is not on this machine: only a process here can be stopped"),
    (["stat", "nonsense"], "node \"nonsense\" is not host:port"),
    (["reload", "127.0.0.1:1,127.0.0.1:2"],
     "127.0.0.1:1,127.0.0.1:2: one server is asked at a time")])
def test_wrong_command_lines(arguments, problem):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.splitlines()[0].startswith("dora %s: %s" % (arguments[0], problem))


@pytest.mark.parametrize("command", ["stat", "apis", "reload", "upgrade", "stop", "top"])
def test_help_names_the_commands(command):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert out.startswith("usage: dora %s [ADDRESS" % command)
    assert "exit status: 0 ok, 1 refused, 2 wrong command line, 4 no server" in out
    assert run("help", command)[1] == out
    assert "  %s [ADDRESS]" % command in run("help")[1]


@pytest.mark.parametrize("command", ["stat", "apis", "reload", "upgrade", "stop", "top"])
def test_a_refused_command_has_status_1(command):
    with Server(one_pool(), control={"allow": []}) as server:
        status, out, err = run(command, server.address)
        assert (status, out) == (1, "")
        assert err == ("dora %s: %s: 100205 control commands are not taken (control.allow is "
                       "empty)\n" % (command, server.address))
        assert processes.is_alive(server.pid)


# stat

def test_stat_prints_a_table(server):
    with v1.Conn(server.address) as conn:
        for _ in range(3):
            conn.call("/big", 1)
        # Once the server has seen the end of the connections of other tests.
        assert wait_until(lambda: "connections: 2 open, " in run("stat", server.address)[1])
        status, out, err = run("stat", server.address)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("%s: dora " % server.address)
    assert "process %d" % server.pid in lines[0] and lines[0].endswith("serving")
    assert lines[1].startswith("connections: 2 open, ")
    head, row = lines[4].split(), lines[5].split()
    told = dict(zip(head, row))
    assert len(lines) == 6 and len(head) == len(row)
    assert (told["POOL"], told["RUNTIME"], told["WORKERS"], told["STATE"]) == (
        "py", "python", "2", "ok")
    assert int(told["HANDLED"]) >= 3


def test_stat_checks_that_calls_are_taken(server):
    assert run("stat", server.address, "--check") == (0, "ok\n", "")
    status, out, err = run("stat", server.address, "--check", "--json")
    assert (status, out) == (2, "") and "--check does not go with --json" in err


def test_stat_checks_and_names_the_pool_that_hangs(tmp_path):
    mark, gate = str(tmp_path / "mark"), str(tmp_path / "gate")
    pool = python_pool("stuck.py", workers=1, hung_ms=100)
    with Server({"slow": pool}) as server, v1.Conn(server.address) as conn:
        conn.ask("W_S", {"one": ("/wait", {"mark": mark, "until": gate})})
        assert wait_until(lambda: os.path.exists(mark))
        conn.ask("W_S", {"one": ("/echo", 5)})
        assert wait_until(lambda: run("stat", server.address, "--check")[0] == 1)
        assert run("stat", server.address, "--check") == (
            1, "", "dora stat: %s: pool slow: hangs\n" % server.address)
        with open(gate, "w"):
            pass
        assert wait_until(lambda: run("stat", server.address, "--check")[0] == 0)


def test_stat_checks_and_names_a_server_that_stops():
    with Server({"p": python_pool("stuck.py", workers=1)}, drain_ms=60000) as server:
        server.signal(signal.SIGTERM)
        assert wait_until(lambda: "not ready any more" in server.log())
        assert run("stat", server.address, "--check") == (
            1, "", "dora stat: %s is stopping, or does not serve yet\n" % server.address)
        server.signal(signal.SIGINT)
        assert server.wait() == 0
        assert run("stat", server.address, "--check")[0] == 4


def test_stat_as_json(server):
    def told():
        status, out, _ = run("stat", server.address, "--json")
        assert status == 0, out
        return json.loads(out)

    assert told()["server"]["pid"] == server.pid
    assert wait_until(lambda: told()["logqueue"] == {"queue_num": 0, "queue_bytes": 0}), told()


def test_stat_by_unix_socket(tmp_path):
    path = str(tmp_path / "sock")
    with Server(one_pool(), listen={"tcp": None, "unix": path}):
        status, out, _ = run("stat", "unix:" + path)
        assert status == 0 and out.startswith("unix:%s: dora " % path)


def test_stat_to_a_closed_pipe(server):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run([program(), "stat", server.address], env=environment(), stdout=pipe,
                              stderr=subprocess.PIPE, timeout=30,
                              preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
    assert done.returncode == 1


# reload

def test_reload_takes_the_new_code(server):
    """Where this machine stands still it says that it still loads: then once more."""
    def generation():
        told = json.loads(run("stat", server.address, "--json")[1])
        return told["server"]["pools"]["py"]["generation"]

    before = generation()
    while (said := run("reload", server.address)) == (0, "still loading\n", ""):
        assert wait_until(lambda: generation() == before + 1, 60)
        before += 1
    assert said == (0, "reloaded py=%d\n" % (before + 1), "")


def test_reload_refused_and_late(tmp_path):
    app, gate = tmp_path / "app.py", tmp_path / "go"
    good = "import dora, os, time\napp = dora.App()\n@app.api('/a')\ndef a(param):\n    return 1\n"
    app.write_text(good)
    with Server({"py": {"runtime": "python", "app": str(app), "workers": 1}}) as server:
        app.write_text(good + "raise RuntimeError('half written')\n")
        while (said := run("reload", server.address)) == (0, "still loading\n", ""):
            pass
        status, out, err = said
        assert (status, out) == (1, "")
        assert err.startswith("dora reload: %s: 100209 pool py: " % server.address)
        assert "half written" in err
        app.write_text(good + "while not os.path.exists(%r):\n    time.sleep(0.01)\n" % str(gate))
        assert run("reload", server.address) == (0, "still loading\n", "")
        gate.write_text("")
        assert wait_until(lambda: "reloaded, generation 2" in server.log())
        assert server.stop() == 0


def test_reload_that_waits(tmp_path):
    app, gate = tmp_path / "app.py", tmp_path / "go"
    good = "import dora, os, time\napp = dora.App()\n@app.api('/a')\ndef a(param):\n    return 1\n"
    app.write_text(good)
    with Server({"py": {"runtime": "python", "app": str(app), "workers": 1}}) as server:
        app.write_text(good + "while not os.path.exists(%r):\n    time.sleep(0.01)\n" % str(gate))
        status, out, err = run("reload", server.address, "--wait=0.3")
        assert (status, out) == (1, "")
        assert "timed out" in err and "the server's log says what becomes of it" in err
        with subprocess.Popen([program(), "reload", server.address, "--now", "--wait"],
                              env=environment(), text=True, stdout=subprocess.PIPE) as reload:
            with pytest.raises(subprocess.TimeoutExpired):
                reload.wait(2.5)  # what is shown: longer than without --wait
            gate.write_text("")
            # Behind the first reload, where that was asked for before its time was over.
            assert reload.communicate()[0] in ("reloaded py=2\n", "reloaded py=3\n")
            assert reload.returncode == 0
        app.write_text(good + "raise RuntimeError('half written')\n")
        status, out, err = run("reload", server.address, "--wait")
        assert (status, out) == (1, "")
        assert "100209 pool py: " in err and "half written" in err


# stop

def test_stop_by_address():
    with Server(one_pool()) as server:
        assert run("stop", server.address) == (0, "stopped process %d\n" % server.pid, "")
        assert server.wait(1) == 0
        assert run("stop", server.address)[0] == 4


def test_stop_by_unix_socket(tmp_path):
    path = str(tmp_path / "sock")
    with Server(one_pool(), listen={"tcp": None, "unix": path}) as server:
        assert run("stop", "unix:" + path)[0] == 0
        assert server.wait(1) == 0


def test_stop_by_pid_file(tmp_path):
    path = tmp_path / "pid"
    with Server(one_pool(), pid_file=str(path)) as server:
        assert run("stop", "--pid-file", str(path)) == (
            0, "stopped process %d\n" % server.pid, "")
        assert server.wait(1) == 0
    status, _, err = run("stop", "--pid-file", str(path))
    assert (status, err) == (4, "dora stop: %s: No such file or directory\n" % path)


def test_stop_touches_servers_alone(tmp_path):
    path = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        path.write_text("%d\n" % other.pid)
        status, _, err = run("stop", "--pid-file", str(path))
        assert (status, err) == (
            1, "dora stop: process %d is no dora server: nothing was done\n" % other.pid)
        assert other.poll() is None
        other.communicate(b"\n")
    assert run("stop", "--pid-file", str(path)) == (
        4, "", "dora stop: process %d is not there\n" % other.pid)
    for text in ("", "x\n", "-1\n", "0\n", "12 13\n", "99999999999\n"):
        path.write_text(text)
        status, _, err = run("stop", "--pid-file", str(path))
        assert (status, err) == (1, "dora stop: %s does not hold a process id\n" % path)


def test_stop_waits_for_what_was_accepted(tmp_path):
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with Server(one_pool()) as server, v1.Conn(server.address) as conn:
        conn.ask("AN_S", {"one": ("/hold", {"file": marks, "until": gate})})
        assert conn.receive()[1]["code"] == 100001
        conn.close()
        assert wait_until(lambda: os.path.exists(marks))
        status, out, err = run("stop", server.address, "--timeout", "0.2")
        assert (status, out) == (1, "")
        assert err == ("dora stop: process %d was told to stop and still finishes what it "
                       "accepted, after 0.2 s\n" % server.pid)
        with open(gate, "w"):
            pass
        assert server.wait() == 0


# top

def test_top_without_a_terminal(server):
    def is_settled():
        """Those of an older generation have gone."""
        told = run("top", server.address, "--once")[1].splitlines()
        pids = {str(pid) for pid in server.workers().values()}
        return "  0/2" in told[4] and {line.split()[2] for line in told[-2:]} == pids

    wait_until(is_settled)
    for arguments in ([], ["--once"]):
        status, out, err = run("top", server.address, *arguments)
        assert (status, err) == (0, "")
        lines = out.splitlines()
        assert lines[0].startswith("%s  dora " % server.address)
        assert lines[3].split()[0] == "POOL" and lines[4].split()[0] == "py"
        assert "[....................]  0/2" in lines[4]
        assert {line.split()[2] for line in lines[-2:]} == {
            str(pid) for pid in server.workers().values()}
        assert "\x1b" not in out


class Terminal:
    """`dora top` on a terminal of so many rows and columns; `screen` is what a person sees."""

    def __init__(self, *arguments, rows=30, columns=110, term="xterm"):
        pyte = pytest.importorskip("pyte")
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        env = {**environment(), "TERM": term}

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([program(), "top", *arguments], env=env, stdin=slave,
                                        stdout=slave, stderr=slave, preexec_fn=own_terminal)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def text(self):
        """What stands there once all that has come was drawn."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            self.raw += data
            self.stream.feed(data)
        return "\n".join(self.screen.display)

    def sees(self, *texts):
        """Whether all of it stands there, once the whole page has come."""
        return wait_until(lambda: all(text in self.text() for text in texts))

    def type(self, keys):
        os.write(self.master, keys)

    def wait(self):
        """The exit status; the terminal is read meanwhile, so that nothing waits for that."""
        assert wait_until(lambda: self.text() and self.process.poll() is not None), self.raw
        return self.process.returncode

    def has_said(self, text):
        """What a process has written reaches this end of the terminal a moment later."""
        return wait_until(lambda: self.text() and text in self.raw)

    def is_restored(self):
        return wait_until(lambda: self.text() and self.raw.endswith(b"\x1b[?25h\x1b[?1049l") and
                          termios.tcgetattr(self.slave) == self.before)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        os.close(self.master)


def test_top_live(server, tmp_path):
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with Terminal(server.address) as top, v1.Conn(server.address) as conn:
        assert top.sees("0/2")
        assert b"requests/s -" in top.raw  # at first
        conn.ask("W_S", {"one": ("/hold", {"file": marks, "until": gate})})
        assert top.sees("1/2", "[##########..........]", "/hold"), top.text()
        assert wait_until(lambda: "requests/s -" not in top.text() and " MB" in top.text())
        with open(gate, "w"):
            pass
        assert conn.receive()[1]["code"] == 0
        assert top.sees("0/2")
        assert wait_until(lambda: "/hold" not in top.text())
        top.type(b"x")
        top.type(b"q")
        assert top.wait() == 0
        assert top.is_restored()
        assert top.raw.startswith(b"\x1b[?1049h\x1b[?25l")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_top_restores_the_terminal(server, number):
    with Terminal(server.address) as top:
        assert top.sees("0/2")
        if number == signal.SIGINT:
            top.type(b"\x03")
        else:
            top.process.send_signal(number)
        assert top.wait() == 0
        assert top.is_restored()


def test_top_is_suspended_and_goes_on(server):
    with Terminal(server.address) as top:
        assert top.sees("0/2")
        top.type(b"\x1a")

        def is_stopped():
            top.text()
            return processes.state(top.process.pid) == "T"

        assert wait_until(is_stopped)
        assert top.is_restored()
        top.process.send_signal(signal.SIGCONT)
        assert wait_until(lambda: top.text() and top.raw.count(b"\x1b[?1049h") == 2)
        top.type(b"q")
        assert top.wait() == 0
        assert top.is_restored()


def test_top_keeps_to_its_window(server):
    with Terminal(server.address, rows=6, columns=40) as top:
        assert top.sees("py") and top.has_said(b"\x1b[J")
        assert len(top.raw.split(b"\x1b[J")[0].split(b"\r\n")) == 6
        assert "MEMORY" not in top.text()
        top.resize(30, 110)
        assert top.sees("MEMORY")
        top.type(b"q")
        assert top.wait() == 0


def test_top_outlives_its_server():
    with Server(one_pool()) as server:
        with Terminal(server.address) as top:
            assert top.sees("0/2")
            assert server.stop() == 0
            assert top.sees("(trying again, q quits)", "cannot connect to %s" % server.address)
            top.type(b"q")
            assert top.wait() == 0
            assert top.is_restored()


@pytest.mark.parametrize("term", ["dumb", ""])
def test_top_on_a_plain_terminal(server, term):
    with Terminal(server.address, term=term) as top:
        assert top.wait() == 0
        assert top.has_said(b"POOL") and b"\x1b" not in top.raw


def test_top_fails_before_it_draws(nobody):
    with Terminal(nobody) as top:
        assert top.wait() == 4
        assert top.has_said(b"Connection refused") and b"\x1b" not in top.raw
