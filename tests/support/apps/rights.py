"""What a worker is and may, and what it tries on others."""
import ctypes
import os

import dora

app = dora.App()
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH = 16, 17


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def status():
    with open("/proc/self/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@app.api("/who")
def who(param):
    mask = os.umask(0o22)
    os.umask(mask)
    found = status()
    return {"pid": os.getpid(), "uids": found["Uid"], "gids": found["Gid"],
            "groups": sorted(os.getgroups()), "umask": "%04o" % mask,
            "caps": sorted({found["Cap" + name] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}),
            "no_new_privs": found["NoNewPrivs"],
            "env": {name: os.environ.get(name) for name in ("HOME", "USER", "LOGNAME")},
            "core": open("/proc/self/limits").read().split("Max core file size")[1].split()[:2]}


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def attach(pid):
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    call(libc.ptrace(PTRACE_ATTACH, pid, 0, 0))
    os.waitpid(pid, 0x40000000)  # __WALL
    call(libc.ptrace(PTRACE_DETACH, pid, 0, 0))


def read_memory(pid):
    with open("/proc/%d/maps" % pid) as file:
        at = int(file.readline().split("-")[0], 16)
    room = ctypes.create_string_buffer(8)
    mine = Iovec(ctypes.cast(room, ctypes.c_void_p), 8)
    its = Iovec(at, 8)
    call(libc.process_vm_readv(pid, ctypes.byref(mine), 1, ctypes.byref(its), 1, 0))


def open_region(pid):
    folder = "/proc/%d/fd" % pid
    for name in os.listdir(folder):
        if "dora-region" in os.readlink(folder + "/" + name):
            os.close(os.open(folder + "/" + name, os.O_RDWR))
            return
    raise FileNotFoundError


WAYS = {
    "signal": lambda pid: os.kill(pid, 0),
    "trace": attach,
    "read_memory": read_memory,
    "open_memory": lambda pid: os.close(os.open("/proc/%d/mem" % pid, os.O_RDWR)),
    "list_descriptors": lambda pid: os.listdir("/proc/%d/fd" % pid),
    "open_region": open_region,
    "read_environment": lambda pid: open("/proc/%d/environ" % pid).read(),
    "take_descriptor": lambda pid: os.close(
        call(libc.syscall(438, os.pidfd_open(pid), 3, 0))),  # pidfd_getfd
}


@app.api("/try")
def attempt(param):
    """The name of the error of each way, null where it has worked."""
    found = {}
    for name, way in WAYS.items():
        try:
            way(param)
            found[name] = None
        except OSError as error:
            found[name] = type(error).__name__
    return found


@app.api("/read")
def read(param):
    with open(param) as file:
        return file.read()


@app.api("/write")
def write(param):
    with open(param, "w"):
        return None


@app.api("/run")
def run(param):
    import subprocess
    return subprocess.run(param, capture_output=True, text=True).stdout
