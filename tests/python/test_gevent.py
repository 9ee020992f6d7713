"""What bindings/python/README.md says of gevent."""

import importlib.util
import subprocess
import sys
import textwrap

import pytest

from dora_helpers import APP, DEADLINE_S

PROGRAM = """
    from gevent import monkey
    monkey.patch_all()
    import gevent, sys
    import dora

    client = dora.Client(sys.argv[1], timeout=15)
    pool = gevent.get_hub().threadpool
    turns = [0]

    def turn():
        while True:
            turns[0] += 1
            gevent.sleep(0.01)

    gevent.spawn(turn)
    calls = [pool.spawn(client.call, "/echo", i) for i in range(8)]
    assert [call.get() for call in calls] == list(range(8))
    pool.apply(client.call, ("/sleep", 0.3))
    assert turns[0] > 2, "other greenlets run meanwhile"
    assert pool.apply(client.submit("/echo", 5).result) == 5
    turns[0] = 0
    client.call("/sleep", 0.1)
    assert turns[0] == 0, "a call on the hub's own thread holds up the others"
    print("done")
"""


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
def test_calls_in_the_threadpool_of_the_hub(serve):
    one = serve(APP)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(PROGRAM), one.node],
                          capture_output=True, text=True, timeout=4 * DEADLINE_S)
    assert done.stdout == "done\n", done.stderr
