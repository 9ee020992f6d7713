"""An upgrade: a new master takes over the sockets of the old one, which finishes what it has."""

import pytest

from support import processes, v1
from support.reload import Site, value
from support.server import wait_until
from support.upgrade import Family


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


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
            site.write("go", "")
            assert conn.receive()[1]["data"]["data"] == "one"
        assert server.wait() == 0
        with v1.Conn(server.address) as conn:
            assert conn.command("getStat")["data"]["server"]["pid"] == server.pid
        assert wait_until(lambda: "process %d, from which this server took over, has ended" % old
                          in server.log())
