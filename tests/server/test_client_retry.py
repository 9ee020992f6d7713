"""`retry` of the clients in C, Python and PHP: a call whose connection breaks runs once."""

import os
import subprocess
import sys

import pytest

from support import v1
from support.door import Door, end, pass_on
from support.server import Server, python_pool, wait_until

RETRY_CLIENT = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests",
                            "retry_client")
PYTHON = """
import sys, dora
address, retry, name, file, until = sys.argv[1:]
try:
    dora.Client(address, timeout=20, retry=int(retry)).call(name, {"file": file, "until": until})
    print(0)
except dora.Error as error:
    print(error.code)
"""
PHP = """
[, $address, $retry, $name, $file, $until] = $argv;
try {
    $client = new Dora\\Client($address, ['timeout' => 20.0, 'retry' => (int)$retry]);
    $client->call($name, ['file' => $file, 'until' => $until]);
    echo 0, "\\n";
} catch (Dora\\Exception $error) {
    echo $error->getCode(), "\\n";
}
"""


def program(language):
    if language == "c":
        return [RETRY_CLIENT]
    if language == "python":
        return [os.environ.get("DORA_PYTHON", sys.executable), "-c", PYTHON]
    module = os.environ.get("DORA_PHP_EXTENSION")
    return [os.environ.get("DORA_PHP", "php"), *(["-d", "extension=" + module] if module else []),
            "-r", PHP, "--"]


class Breaking(Door):
    """A way to a server whose first connection breaks when it is told to; later ones hold."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        super().__init__(lambda near: pass_on(near, (host, int(port))))

    def break_first(self):
        end(self.sockets[0])


@pytest.mark.parametrize("language", ["c", "python", "php"])
@pytest.mark.parametrize("retry", [1, 0])
def test_a_connection_breaks_while_the_call_runs(tmp_path, language, retry):
    file, gate = tmp_path / "marks", tmp_path / "gate"
    with Server({"py": python_pool("modes.py", workers=2)}, linger_ms=50, reactors=2) as server:
        way = Breaking(server.address)
        client = subprocess.Popen(
            [*program(language), way.address, str(retry), "/hold", str(file), str(gate)],
            stdout=subprocess.PIPE, text=True)
        try:
            assert wait_until(file.exists)
            way.break_first()
            with v1.Conn(server.address) as conn:
                if retry:
                    assert wait_until(lambda: repeats(conn)["joins"] == 1)
                else:
                    assert client.stdout.readline() == "100009\n"
                gate.touch()
                if retry:
                    assert client.stdout.readline() == "0\n"
                assert client.wait(10) == 0
                assert wait_until(lambda: repeats(conn)["kept"] == 1)
            assert server.stop() == 0
        finally:
            gate.touch()
            client.kill()
            client.wait()
            client.stdout.close()
            way.close()
        assert file.read_text() == "held\n"


def repeats(conn):
    return conn.command("getStat")["data"]["server"]["repeats"]
