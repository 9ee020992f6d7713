"""Handlers that spoil each descriptor that a worker has, in each way that there is; and helpers
that the application starts while it loads, and that hold what they have inherited."""

import fcntl
import logging
import os
import select
import socket
import subprocess
import sys
import time

import dora

app = dora.App()
STANDARD = 3  # the first that is not


def descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink("/proc/self/fd/" + name)
        except OSError:
            pass  # that of the listing itself
    return found


def of_kind(start):
    return [fd for fd, what in descriptors().items() if fd >= STANDARD and what.startswith(start)]


def sockets():
    return [socket.socket(fileno=os.dup(fd)) for fd in of_kind("socket:")]


def start_helpers():
    """One by a fork without exec, one by an exec that is given whatever can be inherited."""
    forked = os.fork()
    if forked == 0:
        time.sleep(300)
        os._exit(0)
    run = subprocess.Popen(["sleep", "300"], close_fds=False)
    with open(os.environ["HELPERS"], "a") as file:
        file.write("%d %d\n" % (forked, run.pid))


if "HELPERS" in os.environ:
    start_helpers()


@app.worker_start
def start(_worker):
    """The one that takes the file away spoils its own start."""
    try:
        os.unlink(os.environ.get("SPOIL_START", ""))
    except OSError:
        return
    shut()


@app.api("/d/echo")
def echo(param):
    return param


@app.api("/d/log")
def log(param):
    print("printed", param, flush=True)
    logging.getLogger("d").error("logged %s", param)
    time.sleep(0.02)
    return os.getpid()


@app.api("/d/list")
def list_all(_param):
    return sorted(descriptors().items())


@app.api("/d/children")
def children(_param):
    """What a program sees that is given all that can be inherited."""
    code = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
    done = subprocess.run([sys.executable, "-c", code], close_fds=False, capture_output=True,
                          text=True, check=True)
    return done.stdout


def blocking(fd, on):
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags & ~os.O_NONBLOCK if on else flags | os.O_NONBLOCK)


def shut():
    for one in sockets():
        one.shutdown(socket.SHUT_RDWR)


def shut_reading():
    for one in sockets():
        one.shutdown(socket.SHUT_RD)


def shut_writing():
    for one in sockets():
        one.shutdown(socket.SHUT_WR)


def rubbish():
    for one in sockets():
        for size in (0, 1, 17, 48, 200, 30000):
            for _ in range(20):
                one.send(os.urandom(size))


def rights():
    """Descriptors that nobody asked for."""
    for one in sockets():
        with open("/dev/null", "rb") as file:
            socket.send_fds(one, [b"x" * 64], [file.fileno()] * 3)


def fill():
    for one in sockets():
        try:
            while True:
                one.send(b"z" * 1000, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass


def master():
    """The parent of the zygote."""
    with open("/proc/%d/stat" % os.getppid()) as file:
        return int(file.read().rsplit(") ", 1)[1].split()[1])


def signals():
    """Each descriptor sends the master a signal when something comes."""
    for fd in descriptors():
        try:
            fcntl.fcntl(fd, fcntl.F_SETOWN, master())
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
        except OSError:
            pass


def drain_events():
    """Made blocking, and emptied again and again, so that the other side's own read finds none."""
    found = of_kind("anon_inode:[eventfd]")
    for fd in found:
        blocking(fd, True)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        for fd in select.select(found, [], [], 0.01)[0]:
            os.read(fd, 8)


def fill_events():
    for fd in of_kind("anon_inode:[eventfd]"):
        try:
            os.write(fd, (2**64 - 2).to_bytes(8, sys.byteorder))
        except BlockingIOError:
            pass
        blocking(fd, True)


def output_non_blocking():
    blocking(1, False)
    blocking(2, False)


def seek_and_cut():
    for fd in descriptors():
        for work in (lambda: os.lseek(fd, 1 << 40, os.SEEK_SET), lambda: os.ftruncate(fd, 0),
                     lambda: fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096),
                     lambda: fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
                     lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)):
            try:
                work()
            except OSError:
                pass


def close_all():
    os.closerange(0, 1024)


WAYS = {each.__name__: each for each in (
    shut, shut_reading, shut_writing, rubbish, rights, fill, signals, drain_events, fill_events,
    output_non_blocking, seek_and_cut, close_all)}


@app.api("/d/spoil")
def spoil(name):
    WAYS[name]()
    return os.getpid()
