"""What an application made while it loaded, which its workers were forked with."""

import contextlib
import functools
import json
import os
import py_compile
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

import dora
from dora_helpers import APP, die_with_parent, is_alive, parent_of, wait_until

SHARED_CLIENTS = """
    import asyncio, os
    import dora

    app = dora.App()
    unused = dora.AsyncClient(%(back)r, timeout=10)
    used = dora.AsyncClient(%(back)r, timeout=10)
    plain = dora.Client(%(back)r, timeout=10)
    plain.call("/echo", 0)

    async def use():
        await used.call("/echo", 0)

    asyncio.run(use())

    @app.api("/calls")
    async def calls(param):
        found = [await one.call("/echo", [param, i]) for i in range(3) for one in (unused, used)]
        return found + [plain.call("/echo", param)]
"""


def test_clients_made_while_loading_work_in_each_worker(serve):
    """Of either kind, used before the fork or not; their workers share nothing."""
    back = serve(APP, "--workers", "2", name="back.py")
    one = serve(SHARED_CLIENTS % {"back": back.node}, "--workers", "3")
    with dora.Client(one.node, timeout=20) as client:
        calls = {i: ("/calls", i) for i in range(12)}
        wanted = {i: [[i, n] for n in range(3) for _ in "ab"] + [i] for i in range(12)}
        assert client.call_many(calls) == wanted


LOADED = """
    import atexit, os, random, tempfile, time, weakref
    import dora

    app = dora.App()
    folder = tempfile.TemporaryDirectory(prefix="model-", dir=".")
    with open(os.path.join(folder.name, "model"), "w") as file:
        file.write("weights")
    said = os.path.abspath("said")

    def say(what):
        with open(said, "a") as file:
            file.write(f"{what} {os.getpid()}\\n")

    atexit.register(say, "loaded")

    class Kept:
        pass

    kept = Kept()
    weakref.finalize(kept, say, "finalized")

    @app.worker_start
    def start():
        atexit.register(say, "started")
        global own
        own = Kept()
        weakref.finalize(own, say, "own")

    @app.api("/model")
    def model(param):
        time.sleep(param)
        return [os.getpid(), open(os.path.join(folder.name, "model")).read()]

    @app.api("/folder")
    def where(param):
        return os.path.abspath(folder.name)
"""


def test_what_was_registered_while_loading_runs_once_at_the_zygotes_end(serve, tmp_path):
    """atexit, finalizers, temporary folders; what a worker registers runs when that one leaves."""
    one = serve(LOADED, "--workers", "2")
    with dora.Client(one.node, timeout=20) as client:
        found = client.call_many({i: ("/model", 1.2) for i in range(2)}).values()
        workers = {pid for pid, _ in found}
        assert len(workers) == 2 and {text for _, text in found} == {"weights"}
        folder = client.call("/folder")
        first = min(workers)
        zygote = parent_of(first)
        (tmp_path / "said").touch()
        os.kill(first, signal.SIGKILL)
        assert client.call("/model", 0)[1] == "weights"
        assert (tmp_path / "said").read_text() == ""
    one.stop()
    said = [line.split() for line in (tmp_path / "said").read_text().splitlines()]
    assert sorted(what for what, _ in said) == ["finalized", "loaded", "own", "own", "started",
                                                "started"]
    assert {pid for what, pid in said if what in ("finalized", "loaded")} == {str(zygote)}
    assert {pid for what, pid in said if what in ("own", "started")} >= {str(max(workers))}
    assert not os.path.exists(folder)


def test_a_recycled_worker_leaves_the_loaded_folder_alone(serve, tmp_path):
    one = serve(LOADED, config={
        "listen": {"tcp": "127.0.0.1:0"}, "log": {"level": 3},
        "pools": {"app": {"runtime": "python", "app": str(tmp_path / "app.py"), "workers": 1,
                          "max_requests": 1}}})
    with dora.Client(one.node, timeout=20) as client:
        first = client.call("/model", 0)[0]
        wait_until(lambda: client.call("/model", 0)[0] != first, "another worker")
        wait_until(lambda: not is_alive(first), "the end of the first")
    one.stop()
    assert (tmp_path / "said").read_text().count("loaded") == 1


def test_an_application_that_is_loaded_in_each_worker_cleans_up_in_each(serve, tmp_path):
    """Where it is loaded only to learn its names, too."""
    one = serve(LOADED, config={
        "listen": {"tcp": "127.0.0.1:0"},
        "pools": {"app": {"runtime": "python", "app": str(tmp_path / "app.py"), "workers": 1,
                          "preload": False}}})
    one.stop()
    assert (tmp_path / "said").read_text().count("loaded") == 2
    assert list(tmp_path.glob("model-*")) == []


def test_a_used_client_can_be_loaded_once(serve):
    """Its connections are left behind at a fork, so they do not count."""
    back = serve(APP, name="back.py")
    one = serve("""
        import os
        import dora

        app = dora.App()
        pid = os.getpid()
        client = dora.Client(%r, timeout=10)
        client.call("/echo", 0)

        @app.api("/ask")
        def ask(param):
            return [client.call("/echo", param), pid == os.getpid()]
    """ % back.node, "--workers", "2")
    with dora.Client(one.node, timeout=20) as client:
        found = client.call_many({i: ("/ask", i) for i in range(50)})
    assert found == {i: [i, False] for i in range(50)}


OPENED = {
    "socket to 127.0.0.1:{port}": "kept = socket.create_connection(('127.0.0.1', PORT))",
    "socket pair": "kept = socket.socketpair()",
    "socket to unix:{path}": "kept = socket.socket(socket.AF_UNIX); kept.connect(PATH)",
    "socket to [::1]:{port6}": "kept = socket.create_connection(('::1', PORT6))",
    "signalfd": "kept = ctypes.CDLL(None).signalfd(-1, bytes(128), 0)",
    "socket to 127.0.0.1:{busy}": "kept = connecting(socket.AF_INET, '127.0.0.1', BUSY)",
    "socket to [::1]:{busy6}": "kept = connecting(socket.AF_INET6, '::1', BUSY6)",
    "pipe": "kept = os.pipe()",
    "pipe{in_a_folder}": "name = f'{os.getpid()}'; os.mkfifo(name); kept = open(name, 'r+b', 0)",
    "epoll": "kept = select.epoll()",
    "eventfd": "kept = os.eventfd(0)",
    "inotify": "kept = ctypes.CDLL(None).inotify_init1(0)",
    "timerfd": "kept = ctypes.CDLL(None).timerfd_create(1, 0)",
    "epoll, socket pair": "kept = asyncio.new_event_loop()",
}
OPENING = """
    import asyncio, ctypes, errno, os, select, socket, sys
    import dora

    PORT, PORT6, PATH = int(os.environ["OPENED_PORT"]), os.environ["OPENED_PORT6"], "socket"
    BUSY, BUSY6 = int(os.environ["OPENED_BUSY"]), int(os.environ["OPENED_BUSY6"])
    app = dora.App()
    pid = os.getpid()

    def connecting(family, *address):
        one = socket.socket(family)
        one.setblocking(False)
        assert one.connect_ex(address) == errno.EINPROGRESS
        return one

    %s

    @app.api("/pids")
    def pids(param):
        return [pid, os.getpid()]

    if __name__ == "__main__":
        app.run(port=0, workers=1)
"""


@contextlib.contextmanager
def busy_port(family, host):
    """Of a listener that takes no more: who connects to it goes on connecting."""
    with socket.create_server((host, 0), family=family, backlog=0) as listener:
        with socket.create_connection(listener.getsockname()[:2]):
            yield listener.getsockname()[1]


@pytest.fixture
def opened_ports(monkeypatch):
    """The ports that OPENING connects to, by their names in OPENED."""
    with socket.create_server(("127.0.0.1", 0)) as v4, \
            socket.create_server(("::1", 0), family=socket.AF_INET6) as v6, \
            busy_port(socket.AF_INET, "127.0.0.1") as busy, \
            busy_port(socket.AF_INET6, "::1") as busy6:
        ports = {"port": v4.getsockname()[1], "port6": v6.getsockname()[1], "busy": busy,
                 "busy6": busy6}
        for name, port in ports.items():
            monkeypatch.setenv("OPENED_" + name.upper(), str(port))
        yield ports


@pytest.mark.parametrize("direct", [False, True], ids=["file", "program"])
@pytest.mark.parametrize("named", OPENED)
def test_what_workers_cannot_share_is_opened_in_each(serve, tmp_path, opened_ports, named, direct):
    """The application is loaded in each worker then, and the log names what it was."""
    local = socket.socket(socket.AF_UNIX)
    local.bind(str(tmp_path / "socket"))
    local.listen()
    wanted = named.format(path=tmp_path / "socket", in_a_folder="", **opened_ports)
    flags = [] if direct else ["--workers", "1"]
    one = serve(OPENING % OPENED[named], *flags, direct=direct)
    with dora.Client(one.node, timeout=20) as client:
        loaded, worker = client.call("/pids")
    assert loaded == worker
    wait_until(lambda: "workers cannot share" in one.log(), "what the log says of it")
    lines = [line for line in one.log().splitlines() if "workers cannot share" in line]
    assert len(lines) == 1 and "notice" in lines[0] and '"preload": false' in lines[0]
    names = lines[0].partition("cannot share: ")[2].partition(";")[0].split(", ")
    assert sorted(names) == sorted(wanted.split(", "))
    local.close()


ENDING = """
import ctypes, os, threading
import dora

app = dora.App()
stop = threading.Event()
thread = threading.Thread(target=stop.wait)
thread.start()
loaded = os.getpid()


@ctypes.CFUNCTYPE(None)
def before_fork():
    stop.set()
    thread.join()


getattr(ctypes.CDLL(None), "__register_atfork")(before_fork, None, None, None)


@app.api("/pids")
def pids(param):
    return [loaded, os.getpid()]
"""


def test_threads_that_end_before_a_fork_keep_none_from_it(serve):
    """As OpenBLAS ends its own, so that numpy may be imported while loading."""
    one = serve(ENDING, "--workers", "1")
    with dora.Client(one.node, timeout=20) as client:
        loaded, worker = client.call("/pids")
    assert loaded != worker
    assert "cannot share" not in one.log()


SHARABLE = """
    listener = socket.create_server(("127.0.0.1", 0))
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    refused = socket.socket()
    refused.setblocking(False)
    refused.connect_ex(bound.getsockname())
    file = open(os.devnull, "w"), open("data", "w+"), os.open(".", os.O_RDONLY)
    unconnected = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.connect(os.environ["OPENED_LOG"])
"""


@pytest.mark.parametrize("direct", [False, True], ids=["file", "program"])
def test_what_workers_can_share_is_loaded_once(serve, tmp_path, monkeypatch, opened_ports, direct):
    """Files, sockets that listen, are bound, were refused or are not connected, the system's log;
    and what the server was started with."""
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(str(tmp_path / "log"))
    monkeypatch.setenv("OPENED_LOG", str(tmp_path / "log"))
    out, into = os.pipe()
    os.set_inheritable(into, True)
    monkeypatch.setattr(subprocess, "Popen", functools.partial(subprocess.Popen, pass_fds=[into]))
    one = serve(OPENING % SHARABLE.strip(), direct=direct)
    with dora.Client(one.node, timeout=20) as client:
        loaded, worker = client.call("/pids")
    assert loaded != worker
    assert "cannot share" not in one.log()
    for fd in (out, into):
        os.close(fd)
    log.close()


def test_random_generators_made_while_loading_are_seeded_anew(serve, tmp_path):
    (tmp_path / "met").mkdir()
    one = serve("""
        import os, random, time, uuid
        import dora

        app = dora.App()
        own = random.Random()
        seeded = random.Random(7)
        system = random.SystemRandom()

        @app.api("/draw")
        def draw(param):
            open("met/%d" % os.getpid(), "w").close()
            while len(os.listdir("met")) < 3:
                time.sleep(0.005)
            return [os.getpid(), random.random(), own.random(), seeded.random(), str(uuid.uuid4())]
    """, "--workers", "3")
    with dora.Client(one.node, timeout=20) as client:
        drawn = client.call_many({i: ("/draw",) for i in range(3)}).values()
    for column in zip(*drawn):
        assert len(set(column)) == 3, drawn
    wait_until(lambda: "(2 random.Random)" in one.log(), "what the log says of it")


PACKAGE = """
    import dora
    from pkg import inner

    app = dora.App()

    @app.api("/value")
    def value(param):
        return inner.VALUE

    if __name__ == "__main__":
        app.run(port=0, workers=1)
"""


@pytest.mark.parametrize("direct", [False, True], ids=["file", "program"])
@pytest.mark.parametrize("first", ["dora", "pkg"])
def test_a_reload_never_takes_a_stale_compiled_file(serve, tmp_path, monkeypatch, direct, first):
    """Sources of one size, of one second: each reload has the newest; whoever has compiled it."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").touch()
    source = package / "inner.py"
    source.write_text("VALUE = 0\n")
    lines = PACKAGE.replace("import dora\n    from pkg import inner", "from pkg import inner\n    "
                            "import dora") if first == "pkg" else PACKAGE
    one = serve(lines, direct=direct)
    second = int(time.time())
    reload = [sys.executable, "-m", "dora", "reload", one.node]
    with dora.Client(one.node, timeout=20) as client:
        for value in range(1, 5):
            source.write_text(f"VALUE = {value}\n")
            os.utime(source, (second, second))
            subprocess.run(reload, check=True, capture_output=True)
            one.wait_log(f"reloaded, generation {value + 1}")
            assert client.call("/value") == value
            py_compile.compile(str(source))  # somebody else, for whom the next is this one, too


NUMPY = """
    # A stand-in with what is asked of numpy: its generators are made of bit generators.
    import os

    class BitGenerator:
        def __init__(self, seed=None):
            self.state = seed or os.urandom(8).hex()

    class RandomState:
        def __init__(self, seed=None):
            self._bit_generator = BitGenerator(seed)
            self.gauss = seed

        def seed(self):
            self._bit_generator.state = self.gauss = os.urandom(8).hex()

    class mtrand:
        _rand = RandomState("everybody's")
"""


def test_numpys_generators_are_seeded_anew(serve, tmp_path):
    (tmp_path / "met").mkdir()
    package = tmp_path / "numpy"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "random.py").write_text(textwrap.dedent(NUMPY))
    one = serve("""
        import os, time
        import dora
        from numpy import random

        app = dora.App()
        generator = random.BitGenerator("seed")
        state = random.RandomState("seed")

        @app.api("/draw")
        def draw(param):
            open("met/%d" % os.getpid(), "w").close()
            while len(os.listdir("met")) < 3:
                time.sleep(0.005)
            return [os.getpid(), generator.state, state.gauss, random.mtrand._rand.gauss]
    """, "--workers", "3")
    with dora.Client(one.node, timeout=20) as client:
        drawn = client.call_many({i: ("/draw",) for i in range(3)}).values()
    for column in zip(*drawn):
        assert len(set(column)) == 3, drawn
    line = "(2 numpy.random.BitGenerator, 1 numpy.random.RandomState)"
    wait_until(lambda: line in one.log(), "what the log says of it")


def test_a_reload_ends_what_its_old_workers_have_left(serve):
    """Their generation is over; what the new ones start lives."""
    one = serve("""
        import subprocess
        import dora

        app = dora.App()

        @app.api("/start")
        def start(param):
            return subprocess.Popen(["sleep", "600"]).pid
    """, "--workers", "1")
    with dora.Client(one.node, timeout=20) as client:
        old = client.call("/start")
        subprocess.run([sys.executable, "-m", "dora", "reload", one.node], check=True,
                       capture_output=True)
        one.wait_log("reloaded, generation 2")
        new = client.call("/start")
        wait_until(lambda: not is_alive(old), "the end of the old one's")
        assert is_alive(new)
        one.process.send_signal(signal.SIGINT)
        one.stop(sent=signal.SIGINT)
    assert not is_alive(new)


STARTING = """
    import concurrent.futures, multiprocessing, os, signal, subprocess, sys, time
    import dora

    app = dora.App()

    def note(*pids):
        with open("started", "a") as file:
            file.write("".join(f"{pid}\\n" for pid in pids))

    def executor():
        one = concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
        list(one.map(abs, [1, 2]))
        note(*one._processes)
        return one

    def program(**options):
        one = subprocess.Popen(["sleep", "600"], **options)
        note(one.pid)
        return one

    def stubborn():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        one = program(stdin=subprocess.PIPE)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return one

    kept = %s

    @app.api("/pid")
    def pid(param):
        return os.getpid()
"""
STARTED = {
    "executor": "executor()",
    "program": "program(stdin=subprocess.PIPE)",
    "stubborn": "stubborn()",
}


def started(tmp_path):
    """What the application has started, each time that it was loaded."""
    return [int(line) for line in (tmp_path / "started").read_text().split()]


@pytest.fixture
def started_ones(tmp_path):
    """What a failed test has left is ended; of a number that is another's by now nothing is."""
    yield
    for pid in started(tmp_path):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                is_ours = f"DORA_TEST_STARTED={tmp_path}".encode() in file.read()
            if is_ours:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            pass  # gone, as it should be


@pytest.fixture
def starting(serve, tmp_path, monkeypatch, started_ones):
    monkeypatch.setenv("DORA_TEST_STARTED", str(tmp_path))
    return serve


@pytest.mark.parametrize("kind", STARTED)
def test_what_a_load_that_cannot_be_shared_has_started_ends_with_it(starting, tmp_path, kind):
    """Where it is dropped, where only the names are learned, and in the workers."""
    one = starting(STARTING % STARTED[kind], "--workers", "1")
    with dora.Client(one.node, timeout=20) as client:
        client.call("/pid")
    wait_until(lambda: "cannot share" in one.log(), "what the log says of it")
    every = 2 if kind == "executor" else 1
    assert len(started(tmp_path)) == 3 * every
    earlier = started(tmp_path)[:2 * every]
    wait_until(lambda: not any(map(is_alive, earlier)), f"the end of {earlier}")
    one.stop()
    wait_until(lambda: not any(map(is_alive, started(tmp_path))), "the end of all")


@pytest.fixture(params=[True, False], ids=["once", "aside"])
def serve_command(request, tmp_path, monkeypatch, started_ones):
    """serve_command(expression): to load that, and what Popen has to be told."""
    monkeypatch.setenv("DORA_TEST_STARTED", str(tmp_path))

    def write(expression):
        (tmp_path / "app.py").write_text(textwrap.dedent(STARTING % expression))
        (tmp_path / "dora.json").write_text(json.dumps({
            "listen": {"tcp": "127.0.0.1:0"},
            "pools": {"app": {"runtime": "python", "app": str(tmp_path / "app.py"), "workers": 1,
                              "preload": request.param}}}))
        return [sys.executable, "-m", "dora", "serve", "--config", str(tmp_path / "dora.json")]

    return write


@pytest.mark.parametrize("end", ["1 / 0", "os._exit(3)", "os.kill(os.getpid(), 9)"])
def test_what_a_failed_load_has_started_ends_with_it(tmp_path, serve_command, end):
    ended = subprocess.run(serve_command(f"program(); {end}"), cwd=tmp_path, capture_output=True,
                           stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert ended.returncode != 0
    assert len(started(tmp_path)) == 1
    wait_until(lambda: not any(map(is_alive, started(tmp_path))), "its end")


def test_what_has_started_ends_with_a_server_that_is_stopped_while_it_loads(tmp_path,
                                                                            serve_command):
    command = serve_command("program(), open('hangs', 'w').close(), time.sleep(600)")
    server = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=die_with_parent)
    wait_until((tmp_path / "hangs").exists, "the load")
    server.terminate()
    server.wait(20)
    wait_until(lambda: not any(map(is_alive, started(tmp_path))), "its end")


def test_what_a_refused_reload_has_started_ends_with_it(starting, tmp_path):
    """What the generation that serves on has started while it loaded stays."""
    one = starting(STARTING % "program()", "--workers", "1")
    (tmp_path / "app.py").write_text(textwrap.dedent(STARTING % "program(); 1 / 0"))
    reload = [sys.executable, "-m", "dora", "reload", one.node]
    subprocess.run(reload, capture_output=True, check=False)
    one.wait_log("reload refused")
    first, second = started(tmp_path)
    wait_until(lambda: not is_alive(second), "the end of the refused one's")
    assert is_alive(first)
