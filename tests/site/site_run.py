"""examples/site/run.sh for a test: started, read, asked, ended by Ctrl-C; and what FPM's children
hold."""

import os
import re
import signal
import subprocess
import tempfile

from support import processes
from support.server import ROOT, Server, program, wait_until
from support.metrics import ask

SCRIPT = os.path.join(ROOT, "examples", "site", "run.sh")
CONFIG = os.path.join(ROOT, "examples", "site", "dora.json")
READY_S = 60
STOP_S = 90  # longer than run.sh itself waits for each process, which it names then
PART = re.compile(r'data-service="(\w+)" data-state="(\w+)"')
ESTABLISHED, CLOSE_WAIT = "01", "08"


class Site:
    """`with Site() as site`: `url`, `address`, `folder`, `redis` and `pids` {name: process id} as
    the script says them. It is ended as a terminal does it, and must leave nothing."""

    def __init__(self, *words, **env):
        # A session of its own, as a terminal has it: Ctrl-C goes to the whole group. A shell that
        # runs the tests in the background would have them ignore it.
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            ["bash", SCRIPT, *words], stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ, **env},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.pids = {}
        if not words:
            try:
                self._read()
            except BaseException:
                self.close()
                raise

    def text(self):
        self.output.seek(0)
        return self.output.read()

    def _read(self):
        wait_until(lambda: "process: nginx " in self.text() or self.process.poll() is not None,
                   READY_S)
        lines = dict(line.split(": ", 1) for line in self.text().splitlines()
                     if re.match(r"(site|redis|folder): ", line))
        if "site" not in lines:
            raise RuntimeError("no site:\n" + self.text())
        self.url, self.redis, self.folder = lines["site"], lines["redis"], lines["folder"]
        self.address = self.url.split("/")[2]
        found = re.findall(r"^process: (\S+) (\d+)$", self.text(), re.M)
        self.pids = {name: int(pid) for name, pid in found}

    def page(self, path="/"):
        """(status, {part: state}, text) of a page."""
        status, text, _ = ask(self.address, path)
        return status, dict(PART.findall(text)), text

    def path(self, name):
        return os.path.join(self.folder, name)

    def log(self, name):
        """What a process said; "" where it said nothing."""
        try:
            with open(self.path(name + ".log"), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def address_of(self, server):
        return re.search(r"tcp=(\S+)", self.log(server)).group(1)

    def server(self, name, port=0):
        """One more server of this site, or one again, as the script starts them."""
        os.environ["SITE_SERVER"] = "server " + name
        try:
            return Server(command=[program(), "serve", "--config", CONFIG, "--port", str(port),
                                   "--redis", self.redis, "--group", "shop"])
        finally:
            del os.environ["SITE_SERVER"]

    def kill(self, name):
        os.kill(self.pids[name], signal.SIGKILL)
        assert wait_until(lambda: not processes.is_alive(self.pids[name]))

    def family(self):
        """All processes of the site."""
        return [self.process.pid] + processes.descendants(self.process.pid)

    def close(self):
        """Ctrl-C; nothing may be left, neither processes nor the folder."""
        left = self.family()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                assert self.process.wait(STOP_S) == 130
            except subprocess.TimeoutExpired as error:
                slow = [processes.title(pid) for pid in left if processes.is_alive(pid)]
                for pid in filter(processes.is_alive, reversed(left)):
                    os.kill(pid, signal.SIGKILL)
                self.process.wait()
                raise RuntimeError("after Ctrl-C there still were %s; the script said:\n%s" %
                                   (slow, self.text())) from error
        alive = wait_until(lambda: not [pid for pid in left if processes.is_alive(pid)])
        assert alive, [processes.title(pid) for pid in left if processes.is_alive(pid)]
        assert "does not stop" not in self.text(), self.text()
        assert not self.pids or not os.path.exists(self.folder)
        self.output.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def sockets_of_system():
    """{inode: (remote "host:port", state)} of all IPv4 connections."""
    found = {}
    with open("/proc/net/tcp") as file:
        for line in list(file)[1:]:
            fields = line.split()
            host, port = fields[2].split(":")
            host = ".".join(str(byte) for byte in reversed(bytes.fromhex(host)))
            found[fields[9]] = "%s:%d" % (host, int(port, 16)), fields[3]
    return found


def connections_of(pid, system):
    """The remote addresses that a process holds connections to."""
    found = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            inode = re.match(r"socket:\[(\d+)\]", os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except OSError:
            continue
        remote, state = system.get(inode.group(1), (None, None)) if inode else (None, None)
        if state in (ESTABLISHED, CLOSE_WAIT):
            found.append(remote)
    return found


class Children:
    """Looks at FPM's children: `look(nodes)` again and again, then the largest of what was seen."""

    def __init__(self, fpm):
        self.fpm = fpm
        self.pids = set(processes.descendants(fpm))
        self.begin = {}
        self.connections = self.fds = 0

    def look(self, nodes):
        """One look; connections to `nodes` are counted."""
        system = sockets_of_system()
        for pid in processes.descendants(self.fpm):
            self.pids.add(pid)
            held = [each for each in connections_of(pid, system) if each in nodes]
            self.connections = max(self.connections, len(held))
            self.fds = max(self.fds, processes.fd_count(pid))

    def holders(self, node):
        """The children with a connection to a node."""
        system = sockets_of_system()
        return [pid for pid in self.begin if node in connections_of(pid, system)]

    def remember(self):
        """Memory and descriptors from here on are to stay."""
        for pid in processes.descendants(self.fpm):
            self.begin[pid] = processes.anonymous_bytes(pid), processes.fd_count(pid)

    def growth(self):
        """[(bytes, descriptors)] that each child has more than remembered."""
        return [(processes.anonymous_bytes(pid) - memory, processes.fd_count(pid) - fds)
                for pid, (memory, fds) in self.begin.items()]
