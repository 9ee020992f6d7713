"""An upgrade: a new master takes over the sockets of the old one, which finishes what it has. What
does not get ready changes nothing."""

import json
import os
import signal
import socket
import stat
import subprocess
import threading

import pytest

import dora
from support import processes, v1
from support.container import Container
from support.metrics import admin_of, ask
from support.manager import Manager
from support.redis import RedisServer
from support.reload import Site, value
from support.server import environment, program, wait_until
from support.upgrade import Family


# Listens, and becomes a program that is handed the socket; it could not listen there itself.
ACTIVATE = """
import os, socket, sys
listening = socket.create_server(("127.0.0.1", 0))
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:] + ["--port", str(listening.getsockname()[1])])
"""


# Becomes a program that is handed a socket which its manager keeps.
HAND_ON = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def change(server, **keys):
    """Changes the configuration on disk."""
    path = os.path.join(server.folder, "dora.json")
    with open(path) as file:
        config = json.load(file)
    config.update(keys)
    with open(path, "w") as file:
        json.dump(config, file)


def master_pid(address):
    with v1.Conn(address) as conn:
        return conn.command("getStat")["data"]["server"]["pid"]


def child_master(server):
    """The heir that gets ready."""
    found = wait_until(lambda: [pid for pid in processes.descendants(server.pid)
                                if processes.title(pid) == "dora: master"])
    assert found, server.log()
    return found[0]


def test_a_new_master_serves_at_the_same_address(site):
    app = site.python("one", site.slow)
    with Family({"p": site.pool(app)}) as server:
        old = server.pid
        with site.call_slow(server, "one") as conn:
            site.python("two", site.slow)
            said = server.upgrade()
            assert said == ("upgraded: process %d serves, process %d finishes what it accepted\n"
                            % (server.pid, old))
            assert value(server, "/version") == "two"
            assert processes.is_alive(old)  # it still runs a call
            assert "process %d, from which this server took over, still finishes" % old in (
                server.refusal())
            site.write("go", "")
            assert conn.receive()[1]["data"]["data"] == "one"
        assert server.wait() == 0
        assert master_pid(server.address) == server.pid
        assert wait_until(lambda: "process %d, from which this server took over, has ended" % old
                          in server.log())


def test_a_refused_one_leaves_the_unix_socket_as_it_was(site, tmp_path):
    """The next one gives the file its own mode before it finds a port taken."""
    path = str(tmp_path / "dora.sock")
    with Family({"p": site.pool(site.python("one"))},
                listen={"tcp": "127.0.0.1:0", "unix": path}) as server, \
            socket.create_server(("127.0.0.1", 0)) as taken:
        change(server, listen={"tcp": server.address, "unix": path, "unix_mode": "0666",
                               "http": "127.0.0.1:%d" % taken.getsockname()[1]})
        assert "cannot listen" in server.refusal()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert value(server, "/version") == "one"


def test_what_does_not_get_ready_changes_nothing(site, tmp_path):
    """A wrong configuration, handlers that do not load, one that hangs, one that is killed."""
    pid_file = str(tmp_path / "pid")
    with Family({"p": site.pool(site.python("one"))}, pid_file=pid_file) as server:
        change(server, reacters=2)
        assert "reacters: unknown key" in server.refusal()
        os.unlink(os.path.join(server.folder, "dora.json"))
        assert "dora.json" in server.refusal()
        with open(os.path.join(server.folder, "dora.json"), "w") as file:
            json.dump({"listen": {"tcp": server.address}, "pid_file": pid_file,
                       "pools": {"p": site.pool(site.python("two", "raise ValueError('no')\n"))}},
                      file)
        assert "ValueError: no" in server.refusal()
        site.python("two", site.gate)
        asked = threading.Thread(target=lambda: said.append(server.refusal()))
        said = []
        asked.start()
        heir = child_master(server)
        with v1.Conn(server.address) as conn:  # meanwhile
            reply = conn.command("upgrade")
            assert (reply["code"], reply["msg"]) == (100209, "an upgrade is under way already")
            reply = conn.command("reloadTask")
            assert reply["code"] == 100209 and "an upgrade is under way" in reply["msg"]
        os.kill(heir, signal.SIGKILL)
        asked.join()
        assert "process %d was killed by signal 9 (Killed) before it was ready" % heir in said[0]
        assert value(server, "/version") == "one"
        with open(pid_file) as file:
            assert file.read() == "%d\n" % server.pid
        site.python("two")
        server.upgrade()
        assert value(server, "/version") == "two"
        with open(pid_file) as file:
            assert file.read() == "%d\n" % server.pid


def test_a_reload_that_is_asked_for_goes_first(site):
    """Both at once: what takes over would else be loaded beside it."""
    with Family({"p": site.pool(site.python("one"))}) as server, v1.Conn(server.address) as conn:
        reload, upgrade = v1.guid(), v1.guid()
        conn.send(v1.control(reload, "reloadTask") + v1.control(upgrade, "upgrade"))
        answers = dict(conn.receive(30) for _ in range(2))
        assert answers[reload]["code"] == 0
        assert answers[upgrade]["code"] == 100209
        assert "a reload is under way" in answers[upgrade]["msg"]


def test_one_that_hangs_is_ended(site):
    with Family({"p": site.pool(site.python("one"))}, upgrade_timeout_ms=700) as server:
        site.python("two", site.gate)
        assert "not ready after upgrade_timeout_ms (700), and was ended" in server.refusal()
        assert value(server, "/version") == "one"
        assert wait_until(lambda: not [pid for pid in processes.descendants(server.pid)
                                       if processes.title(pid) == "dora: master"])


def test_a_program_that_cannot_run_changes_nothing(site, tmp_path):
    copy = str(tmp_path / "dora")
    os.symlink(program(), copy)
    command = [copy, "serve", site.python("one"), "--port", "0", "--workers", "1"]
    with Family(command=command) as server:
        os.unlink(copy)
        assert "cannot start %s: No such file or directory" % copy in server.refusal()
        site.write("dora", "#!/bin/sh\necho not today\nexit 3\n")
        os.chmod(copy, 0o755)
        assert "not today" in server.refusal()
        assert value(server, "/version") == "one"


def test_a_stop_ends_what_gets_ready(site):
    with Family({"p": site.pool(site.python("one"))}) as server:
        site.python("two", site.gate)
        asked = threading.Thread(target=lambda: done.append(server.command()))
        done = []
        asked.start()
        heir = child_master(server)
        assert server.stop() == 0
        asked.join()
        assert done[0].returncode == 1 and "100207" in done[0].stderr
        assert wait_until(lambda: not processes.is_alive(heir))


@pytest.mark.parametrize("before, after", [(1, 3), (3, 1)])
def test_every_door_goes_along(site, tmp_path, before, after):
    """TCP, HTTP, the operators' port, the Unix socket and the pid file; with more reactors than
    sockets, and with fewer."""
    path = str(tmp_path / "socket")
    with Family({"p": site.pool(site.python("one"), workers=1)}, reactors=before,
                listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "admin": "127.0.0.1:0",
                        "unix": path}) as server:
        admin = admin_of(server)
        inode = os.stat(path).st_ino
        site.python("two")
        change(server, reactors=after)
        server.upgrade()
        assert server.wait() == 0  # the old one leaves all that was taken
        assert stat.S_ISSOCK(os.stat(path).st_mode) and os.stat(path).st_ino == inode
        for address in [server.address, "unix:" + path] * 8:  # whichever socket a connection meets
            with dora.Client(address, timeout=20) as client:
                assert client.call("/version") == "two"
        for _ in range(8):
            with socket.create_connection(server.http.rsplit(":", 1), 10) as sock:
                sock.sendall(b"POST /call/version HTTP/1.1\r\nHost: localhost\r\n"
                             b"Content-Type: application/json\r\nContent-Length: 4\r\n"
                             b"Connection: close\r\n\r\nnull")
                assert b'"two"' in sock.makefile("rb").read()
        assert ask(admin, "/readyz")[0] == 200
        end_now(server)
        assert not os.path.exists(path)


def end_now(server):
    """The one that serves stops, and takes along what is its own."""
    os.kill(server.pid, signal.SIGTERM)
    assert wait_until(lambda: not processes.is_alive(server.pid))


def test_one_upgrade_follows_another(site):
    with Family({"p": site.pool(site.python("one"))}) as server:
        for version in ("two", "three"):
            old = server.pid
            site.python(version)
            server.upgrade()
            assert value(server, "/version") == version
            assert wait_until(lambda old=old: "process %d, from which this server took over, has "
                              "ended" % old in server.log())


def test_redis_has_the_node_all_the_time(site):
    pools = {"p": site.pool(site.python("one"))}
    with RedisServer() as redis, Family(pools, discovery={"redis": [redis.url]}) as server:
        assert wait_until(lambda: redis.command("SCARD", "dora.serverlist") == 1)
        stop, missing = threading.Event(), []

        def watch():
            with redis.connect() as conn:
                while not stop.is_set():
                    if conn.command("SCARD", "dora.serverlist") != 1:
                        missing.append(server.log())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            server.upgrade()
            assert wait_until(lambda: server.log().count("joined as") == 2)
            assert server.wait() == 0
        finally:
            stop.set()
            watcher.join()
        assert not missing
        assert "withdrawing" not in server.log()


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_sockets_of_a_service_manager_outlive_the_server(site, tmp_path, kind):
    """Who comes when none runs waits for the next one, which the manager starts for that."""
    path = str(tmp_path / "activated")
    waits = None
    with socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) as listening, \
            open(tmp_path / "log", "w") as log:
        listening.bind(path if kind == "unix" else ("127.0.0.1", 0))
        listening.listen()
        address = path if kind == "unix" else "127.0.0.1:%d" % listening.getsockname()[1]
        flags = ["--unix", path, "--port", "0"] if kind == "unix" else \
            ["--port", address.split(":")[1]]
        for version in ("one", "two", "three"):
            command = ["python3", "-c", HAND_ON, str(listening.fileno()), program(), "serve",
                       site.python(version), "--workers", "1", *flags]
            with subprocess.Popen(command, pass_fds=[listening.fileno()], stdout=subprocess.PIPE,
                                  stderr=log, env=environment()) as server:
                try:
                    assert server.stdout.readline().startswith(b"dora: ready")
                    if waits is not None:
                        assert waits.receive()[1]["data"]["data"] == version
                        waits.close()
                    with v1.Conn(address) as conn:
                        assert conn.call("/version")["data"]["data"] == version
                finally:
                    server.terminate()
                assert server.wait(30) == 0
            waits = v1.Conn(address)
            waits.send(v1.request(v1.guid(), "/version"))
        waits.close()


def test_sockets_of_a_service_manager_are_taken(site):
    """As systemd hands them over: from descriptor 3 on, LISTEN_PID the process itself."""
    with Family(command=["python3", "-c", ACTIVATE, program(), "serve", site.python("one"),
                         "--workers", "1"]) as server:
        assert value(server, "/version") == "one"
        site.python("two")
        server.upgrade()
        assert value(server, "/version") == "two"


def test_a_socket_beside_those_of_a_manager_goes_with_the_server(site, tmp_path):
    """Its file is the server's own, and its heir's."""
    path = str(tmp_path / "own.sock")
    with Family(command=["python3", "-c", ACTIVATE, program(), "serve", site.python("one"),
                         "--workers", "1", "--unix", path]) as server:
        server.upgrade()
        with v1.Conn(path) as conn:
            assert conn.call("/version")["data"]["data"] == "one"
        assert os.path.exists(path)
        end_now(server)
        assert not os.path.exists(path)


def test_process_1_of_a_container_says_what_to_do_instead(site):
    """It would take its container along."""
    command = [program(), "serve", site.python("one"), "--port", "0", "--workers", "1"]
    with Container(command) as server:
        with v1.Conn(server.address) as conn:
            reply = conn.command("upgrade")
        assert reply["code"] == 100209
        assert "process 1 of its container" in reply["msg"]
        assert "start a new container beside it, then stop this one" in reply["msg"]
        assert value(server, "/version") == "one"


def test_calls_flow_meanwhile(site):
    """Each is answered once: by value, or as one that has not run. None is lost."""
    with Family({"p": site.pool(site.python("one"), workers=2)}) as server:
        stop, answers, wrong = threading.Event(), [], []

        def call():
            try:
                with dora.Client(server.address, timeout=20) as client:
                    while not stop.is_set():
                        answers.append(client.call("/version"))
            except dora.Error as error:
                wrong.append(error)

        callers = [threading.Thread(target=call) for _ in range(4)]
        for one in callers:
            one.start()
        try:
            assert wait_until(lambda: "one" in answers)
            site.python("two")
            server.upgrade()
            seen = len(answers)
            assert wait_until(lambda: "two" in answers[seen:])
            assert server.wait() == 0
        finally:
            stop.set()
            for one in callers:
                one.join()
        assert not wrong
        assert set(answers) == {"one", "two"}


def test_the_service_manager_is_told_which_process_is_the_service(site, tmp_path):
    with Manager(str(tmp_path)) as manager, Family({"p": site.pool(site.python("one"))}) as server:
        manager.hear_until("READY")
        server.upgrade()
        assert manager.hear_until("MAINPID")[-1]["MAINPID"] == str(server.pid)
        assert server.wait() == 0
        manager.forget()
        end_now(server)
        heard = manager.hear_until("STOPPING")  # of the one that serves: it has the socket, too
        assert heard


def test_no_descriptor_is_left_of_an_upgrade(site):
    with Family({"p": site.pool(site.python("one"))}) as server:
        assert wait_until(lambda: len(server.workers()) == 2)
        old, before = server.pid, processes.fd_count(server.pid)
        server.upgrade()
        assert server.wait() == 0
        assert wait_until(lambda: "process %d, from which this server took over, has ended" % old
                          in server.log())
        assert wait_until(lambda: processes.fd_count(server.pid) <= before)
