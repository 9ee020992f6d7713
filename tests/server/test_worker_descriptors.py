"""Which descriptors a worker and a zygote have: those of their pool and no others, whatever the
master has open and was started with, at first, after a reload, and where one was started again."""

import contextlib
import functools
import os
import signal
import socket
import subprocess

import pytest

from support import processes, v1
from support.rights import folder_for, needs_root, serve
from support.server import HERE, python_pool, wait_until

C_APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "operator_app.so")
REACTORS = 2
POOLS = {
    "c": {"runtime": "c", "app": C_APP, "workers": 2, "apis": ["/c/*"]},
    "py": python_pool("held.py", workers=2),
    "loop": python_pool("held_async.py", workers=2, concurrency=4, threads=2),
    "php": {"runtime": "php", "app": os.path.join(HERE, "apps", "held.php"), "workers": 2},
}
# Beside input, output, log, region and the reactors' events. An event loop waits (epoll) and is
# woken by its pool's pipe, and by its own pair of sockets. Python writes into a file of its own
# where it is, when it should end.
MORE = {"loop": ["epoll", "pipe", "socket", "socket", "stack"], "py": ["stack"]}


KINDS = (("socket:", "socket"), ("pipe:", "pipe"), ("/memfd:dora-region", "region"),
         ("/memfd:dora-stack", "stack"),
         ("anon_inode:[eventfd]", "event"), ("anon_inode:[eventpoll]", "epoll"),
         ("anon_inode:[signalfd]", "signals"), ("anon_inode:[pidfd]", "process"),
         ("pidfd:", "process"))


def held(pid):
    """{number: (kind, what is behind it, whether it can be written to)}."""
    found = {}
    folder = "/proc/%d/fd" % pid
    for name in os.listdir(folder) if os.path.exists(folder) else ():
        with contextlib.suppress(OSError):  # closed meanwhile, or the process has ended
            link = os.readlink("/proc/%d/fd/%s" % (pid, name))
            word = next((word for start, word in KINDS if link.startswith(start)), link)
            with open("/proc/%d/fdinfo/%s" % (pid, name)) as file:
                flags = next(int(line.split()[1], 8) for line in file if line.startswith("flags:"))
            found[int(name)] = (word, os.stat("/proc/%d/fd/%s" % (pid, name)).st_ino,
                                flags & os.O_ACCMODE != os.O_RDONLY)
    return found


def behind(found, word):
    return {inode for kind, inode, _ in found.values() if kind == word}


def is_settled(server, before=()):
    found = server.workers().values()
    return len(found) == sum(pool["workers"] for pool in POOLS.values()) and not (
        set(found) & set(before))


@contextlib.contextmanager
def started(**more):
    """A server that listens everywhere, looks for a Redis that is not there, has a pipe, a file and
    a listening socket of who has started it, and connections."""
    own, other = os.pipe()
    listening = socket.create_server(("127.0.0.1", 0))
    given = [other, listening.fileno(), os.open("/", os.O_RDONLY)]
    with folder_for() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", functools.partial(subprocess.Popen, pass_fds=given))
        listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "admin": "127.0.0.1:0",
                  "unix": os.path.join(folder, "dora.sock")}
        with serve(folder, POOLS, listen=listen, reactors=REACTORS,
                   discovery={"redis": ["127.0.0.1:1"]}, log={"file": folder + "/log"},
                   pid_file=folder + "/pid", **more) as server:
            patch.undo()
            with v1.Conn(server.address) as conn:
                for api in ("/py/pid", "/loop/pid", "/loop/plain", "/php/pid"):
                    assert conn.call(api, None)["data"]["code"] == 0
                yield server
            assert server.stop() == 0
    for fd in (own, other, given[2]):
        os.close(fd)
    listening.close()


def of_worker(name, found):
    """What is wrong with those of a worker of this pool."""
    wanted = sorted(["socket", "region", *["event"] * REACTORS, *MORE.get(name, [])])
    kinds = {fd: found[fd][0] for fd in sorted(found)}
    if (kinds.get(0), kinds.get(1), kinds.get(2)) != ("/dev/null", "pipe", "pipe"):
        yield "input and output", kinds
    if kinds.get(3) != "socket" or sorted(kinds[fd] for fd in kinds if fd > 2) != wanted:
        yield "not " + ", ".join(wanted), kinds
    if any(word == "pipe" and may_write for fd, (word, _, may_write) in found.items() if fd > 2):
        yield "the end of a pipe that wakes others", kinds


def wrong(server):
    """What is wrong with anybody's."""
    masters = behind(held(server.pid), "socket")
    regions = {name: set() for name in POOLS}
    faults = []
    for pid in processes.descendants(server.pid):
        found, title = held(pid), processes.title(pid)
        if not title.startswith(("dora: zygote ", "dora: worker ")):
            continue
        name = title.split(" ")[2]
        kinds = [word for word, _, _ in found.values()]
        regions[name] |= behind(found, "region")
        if behind(found, "socket") & masters:
            faults.append((title, "a socket of the master"))
        if title.startswith("dora: worker"):
            faults += [(title, *fault) for fault in of_worker(name, found)]
        elif kinds.count("socket") != 2 or kinds.count("region") != 1 or (
                set(kinds) - {"/dev/null", *(word for _, word in KINDS)}):
            faults.append((title, kinds))  # its sockets: the master's, and the log's
    if len(set.union(*regions.values())) != len(POOLS):
        faults.append(regions)
    return faults


def look(server, before=()):
    """Once everybody is there: a worker has its name before it has all that it needs."""
    assert wait_until(lambda: is_settled(server, before))
    wait_until(lambda: not wrong(server))
    assert wrong(server) == []


def check(server):
    look(server)
    for _ in range(2):
        before = list(server.workers().values())
        server.signal(signal.SIGHUP)
        look(server, before)
    victims = [next(iter(server.workers(name).values())) for name in POOLS]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    look(server, victims)
    before = list(server.workers().values())
    for pid in processes.descendants(server.pid):
        if processes.title(pid).startswith("dora: zygote"):
            with contextlib.suppress(ProcessLookupError):  # one forked just now has gone with it
                os.kill(pid, signal.SIGKILL)
    look(server, before)


def test_a_worker_has_the_descriptors_of_its_pool_and_no_others():
    with started() as server:
        check(server)


@needs_root
def test_so_it_is_where_pools_have_users_of_their_own():
    with started(user="www-data") as server:
        check(server)
