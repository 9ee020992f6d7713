"""How long the first part of a stream takes, one stream after the other on one connection: Dora's
beside Server-Sent Events of a plain asyncio server, and beside gRPC's server streaming in Python.

    python tests/bench/first_part.py --build DIR [--count N] [--rounds N] [--json FILE]

Ten parts of 100 bytes each; all handlers are Python generators. HTTP is spoken by hand on both
sides of the first comparison, the second is between the two client libraries for Python. gRPC's
rows need Debian's python3-grpcio, python3-protobuf and protobuf-compiler; without them they are
left out, and that is said.
"""

import argparse
import contextlib
import datetime
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import machine  # noqa: E402
import tools  # noqa: E402
from support import ports  # noqa: E402
from support.server import Server, wait_until  # noqa: E402

OTHERS = os.path.join(tools.HERE, "others")
PARTS = 10
WARM_UP = 20
REQUEST = (b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
           b"Content-Length: 4\r\n\r\nnull")


def percentiles(found):
    ordered = sorted(found)
    return {"p50_us": statistics.median(ordered), "p99_us": ordered[len(ordered) * 99 // 100]}


def over_http(address, path, count):
    """Microseconds until the first event, for each request on one connection."""
    host, port = address.rsplit(":", 1)
    found = []
    with socket.create_connection((host, int(port)), timeout=20) as conn:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            begun = time.perf_counter()
            conn.sendall(REQUEST % path)
            text = b""
            while b"data: " not in text:
                text += conn.recv(65536)
            found.append((time.perf_counter() - begun) * 1e6)
            while not text.endswith(b"\r\n0\r\n\r\n"):
                text += conn.recv(65536)
            assert text.count(b"event: part") == PARTS, text
    return found


def by_client(address, count):
    import dora
    found = []
    with dora.Client(address, timeout=20) as client:
        for _ in range(count):
            begun = time.perf_counter()
            parts = client.stream("/bench/words")
            next(parts)
            found.append((time.perf_counter() - begun) * 1e6)
            assert sum(1 for _ in parts) == PARTS - 1
    return found


@contextlib.contextmanager
def ended(process):
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def asyncio_server():
    port = ports.take()
    program = [os.environ.get("DORA_PYTHON", sys.executable),
               os.path.join(OTHERS, "sse_server.py"), str(port)]
    with ended(subprocess.Popen(program)):
        def is_there():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return True
        assert wait_until(is_there)
        yield "127.0.0.1:%d" % port


@contextlib.contextmanager
def grpc_server(folder):
    """A function that measures it; None where gRPC is not there."""
    python = "/usr/bin/python3"
    has_grpc = shutil.which("protoc") and subprocess.run(
        [python, "-c", "import grpc, google.protobuf"], stderr=subprocess.DEVNULL,
        check=False).returncode == 0
    if not has_grpc:
        yield None
        return
    subprocess.run(["protoc", "-I", OTHERS, "--python_out=" + folder, "bench.proto"], check=True)
    words = [python, os.path.join(OTHERS, "grpc_words.py"), folder, str(ports.take())]
    with ended(subprocess.Popen([*words, "serve"], stdout=subprocess.PIPE, text=True)) as server:
        assert server.stdout.readline() == "ready\n"
        yield lambda count: json.loads(subprocess.run(
            [*words, str(count)], capture_output=True, text=True, check=True).stdout)


def measure(options):
    """{who: {"p50_us", "p99_us"}}, the medians of the rounds."""
    pool = {"runtime": "python", "app": os.path.join(tools.HERE, "app.py"), "workers": 2}
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}
    with tempfile.TemporaryDirectory() as folder, Server({"p": pool}, listen=listen) as server, \
            asyncio_server() as plain, grpc_server(folder) as grpc:
        rows = {"asyncio, Server-Sent Events": lambda n: over_http(plain, b"/words", n),
                "Dora, Server-Sent Events": lambda n: over_http(
                    server.http, b"/stream/bench/words", n),
                "gRPC, server streaming": grpc,
                "Dora, client.stream()": lambda n: by_client(server.address, n)}
        rounds = {who: [] for who, run in rows.items() if run is not None}
        for _ in range(options.rounds):
            for who in rounds:
                rounds[who].append(percentiles(rows[who](options.count + WARM_UP)[WARM_UP:]))
    return {who: {name: statistics.median(each[name] for each in found)
                  for name in ("p50_us", "p99_us")} for who, found in rounds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="a build of the core")
    parser.add_argument("--count", type=int, default=500, help="streams of a row and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="where to write the results")
    options = parser.parse_args()
    os.environ.setdefault("DORA_BIN", os.path.join(options.build, "dora"))
    found = measure(options)
    floors = {"Dora, Server-Sent Events": "asyncio, Server-Sent Events",
              "Dora, client.stream()": "gRPC, server streaming"}
    for who, row in found.items():
        floor = found.get(floors.get(who))
        ratio = "   %.2f times" % (row["p50_us"] / floor["p50_us"]) if floor else ""
        print("%-30s p50 %7.0f us   p99 %7.0f us%s" % (who, row["p50_us"], row["p99_us"], ratio))
    if "gRPC, server streaming" not in found:
        print("gRPC is not there: python3-grpcio, python3-protobuf, protobuf-compiler")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"kind": "first part", "date": datetime.date.today().isoformat(),
                       "machine": machine.facts(), "rows": found}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
