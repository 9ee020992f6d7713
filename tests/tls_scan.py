"""Has sslyze, which is fetched from the package index, look at a server's port for TLS; for a
person, who reads what it says. Fails where sslyze finds it worse than Mozilla's intermediate
configuration.

    DORA_BIN=out/tests/release/dora DORA_PYTHON=out/tests/venv/bin/python python3 tests/tls_scan.py
"""

import datetime
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import tls  # noqa: E402
from support.certificates import HOSTS, Certificates  # noqa: E402
from support.server import Server, python_pool  # noqa: E402


def install(folder):
    """sslyze in an environment of its own; its program."""
    where = os.path.join(folder, "sslyze")
    subprocess.run([sys.executable, "-m", "venv", where], check=True)
    subprocess.run([os.path.join(where, "bin", "pip"), "install", "-q", "sslyze"], check=True)
    return os.path.join(where, "bin", "sslyze")


def main():
    now = datetime.datetime.now(datetime.timezone.utc)
    times = [(now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ") for days in (-1, 90)]
    with tempfile.TemporaryDirectory() as folder:
        made = Certificates(folder)
        made.leaf("short", "ca", HOSTS, times, "serverAuth")
        scanner = install(folder)
        pools = {"main": python_pool("basic.py", workers=1)}
        with Server(pools, listen={"tls": "127.0.0.1:0"}, tls=made.server("short")) as server:
            port = tls.address_of(server).rsplit(":", 1)[1]
            done = subprocess.run([scanner, "--certinfo_ca_file", made.ca, "--mozilla_config",
                                   "intermediate", "localhost:" + port], timeout=300)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
