"""The site under load, while its servers reload, one is killed and comes back, and the monitor
writes the file anew: no page without both services, and nothing grows. `-s` shows the figures."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time

from site_run import Children
from support.server import wait_until

SECONDS = max(8.0, float(os.environ.get("DORA_FAULT_S", "12")))
CONNECTIONS = 32
RELOAD_EVERY_S = 0.7
LONGEST_S = 600  # of the load: it ends when the servers have come and gone
PAGES = 200  # at least
CHILD_GROWTH_BYTES = 1 << 20
CHILD_GROWTH_FDS = 2
HERE = os.path.dirname(os.path.abspath(__file__))


class Watch(threading.Thread):
    """Looks at the children and the node file until `ended`."""

    def __init__(self, site, children, nodes):
        super().__init__(daemon=True)
        self.site, self.children, self.nodes = site, children, nodes
        self.ended = threading.Event()
        self.files = []

    def run(self):
        while not self.ended.wait(0.05):
            inode = os.stat(self.site.path("nodes.json")).st_ino
            if self.files[-1:] != [inode]:
                self.files.append(inode)
            self.children.look(self.nodes)


def load(site, seconds):
    """wrk at work, so long or until Ctrl-C; `communicate()` gives what it says."""
    return subprocess.Popen(
        [shutil.which("wrk"), "-t2", "-c%d" % CONNECTIONS, "-d%ds" % seconds, "--timeout", "30s",
         "-s", os.path.join(HERE, "pages.lua"), site.url],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def figures(said):
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)(?=\s)", said)}


def reload_until(end, pids):
    """Reloads the servers in turn; how often."""
    count = 0
    while time.monotonic() < end:
        os.kill(pids[count % len(pids)], signal.SIGHUP)
        count += 1
        wait_until(lambda: time.monotonic() > end, RELOAD_EVERY_S)
    return count


def is_in_file(site, address):
    with open(site.path("nodes.json")) as file:
        return '"%s"' % address.replace(":", "_") in file.read()


def come_and_go(site, children, nodes):
    """Reloads all the time; kills one server, starts it again beside a third, stops the third, then
    the first. How many reloads there were."""
    began = time.monotonic()
    one, two = site.pids["one"], site.pids["two"]
    port = int(site.address_of("one").rsplit(":", 1)[1])
    reloads = reload_until(began + 0.2 * SECONDS, [one, two])
    site.kill("one")
    reloads += reload_until(began + 0.4 * SECONDS, [two])
    with site.server("one", port) as again, site.server("three") as three:
        nodes.add(three.address)
        assert wait_until(lambda: is_in_file(site, three.address))
        assert wait_until(lambda: children.holders(three.address))
        reloads += reload_until(began + 0.7 * SECONDS, [again.pid, three.pid])
        assert three.stop() == 0
        assert wait_until(lambda: not is_in_file(site, three.address))
        assert wait_until(lambda: not children.holders(three.address))
        reloads += reload_until(began + 0.9 * SECONDS, [again.pid, two])
    return reloads


def test_no_page_fails_while_servers_come_and_go(own_site):
    site = own_site
    nodes = {site.address_of("one"), site.address_of("two")}
    children = Children(site.pids["php-fpm"])
    before = set(children.pids)
    with load(site, 2) as wrk:  # each child has seen both servers
        wrk.communicate()
    children.remember()
    watch = Watch(site, children, nodes)
    watch.start()
    with load(site, LONGEST_S) as wrk:
        try:
            reloads = come_and_go(site, children, nodes)
        finally:
            wrk.send_signal(signal.SIGINT)
        said = wrk.communicate(timeout=60)[0]
    watch.ended.set()
    watch.join()

    growth = children.growth()
    print("\n%s%d reloads, %d node files, %d connections and %d descriptors per child at most, "
          "children grew by %s" % (said[said.index("pages:"):], reloads, len(watch.files),
                                   children.connections, children.fds, growth))
    counts = figures(said)
    assert counts["whole"] > PAGES, said
    failed = ("broken", "connect", "read", "write", "timeout")
    assert not any(counts[each] for each in failed), said + site.log("php")[-2000:]
    assert len(watch.files) >= 3, "the monitor did not write anew"
    assert children.pids == before, ("FPM's children changed", before, children.pids)
    assert 1 <= children.connections <= len(nodes), (children.connections, nodes)
    assert max(memory for memory, _ in growth) <= CHILD_GROWTH_BYTES, growth
    assert max(fds for _, fds in growth) <= CHILD_GROWTH_FDS, growth
