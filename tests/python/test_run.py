"""app.run() and its options: a Unix socket, a daemon."""

import os
import signal
import subprocess
import sys
import textwrap

import dora
from dora_helpers import APP, DEADLINE_S, is_alive, wait_until


def test_a_unix_socket(serve, tmp_path):
    source = APP + "\n    app.run(port=0, workers=1, unix='app.sock')\n"
    one = serve(source, direct=True)
    node = f"unix:{tmp_path}/app.sock"
    with dora.Client([one.node, node]) as client:
        assert client.call("/echo", "either") == "either"
    with dora.Client(node) as client:
        assert client.call("/request")["protocol"] == "tcp"
        guid = client.submit("/echo", "over the socket")
        assert client.collect() == {guid: "over the socket"}
    one.stop()
    assert not (tmp_path / "app.sock").exists()


def test_a_daemon(tmp_path):
    """The program ends when the server serves; what follows run() runs when the server stops."""
    (tmp_path / "dora.json").write_text(
        '{"listen": {"tcp": "127.0.0.1:0"}, "daemonize": true, "pid_file": "pid",'
        ' "log": {"file": "log.txt"}}'
    )
    (tmp_path / "app.py").write_text(
        textwrap.dedent(APP)
        + "app.run(config='dora.json', workers=1)\nopen(f'after-{os.getpid()}', 'w').close()\n"
    )
    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run([sys.executable, "app.py"], cwd=tmp_path, timeout=DEADLINE_S,
                              stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    said = (tmp_path / "out").read_text()
    assert done.returncode == 0, said
    pid = int((tmp_path / "pid").read_text())
    try:
        node = said.split("tcp=")[1].split()[0]
        with dora.Client(node) as client:
            assert client.call("/echo", "daemon") == "daemon"
            assert os.getsid(pid) != os.getsid(0)
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid), "the end of the daemon")
    assert [path.name for path in tmp_path.glob("after-*")] == [f"after-{pid}"]
    assert not (tmp_path / "pid").exists()


def test_signal_handlers_are_the_programs_again(serve):
    """What the program does with signals, and Ctrl-C, is as before run() once it has returned."""
    source = "import os, signal, sys\n" + textwrap.dedent(APP) + textwrap.dedent(
        """
        signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests
        signal.signal(signal.SIGUSR1, lambda number, frame: print("handler", file=sys.stderr))
        app.run(port=0, workers=1)
        os.kill(os.getpid(), signal.SIGUSR1)
        try:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
        """
    )
    one = serve(source, direct=True)
    one.stop()
    assert one.log().endswith("handler\ninterrupted\n")
