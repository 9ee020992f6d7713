"""gRPC's server streaming in Python, and a client that measures it.

    grpc_words.py FOLDER-OF-BENCH_PB2 PORT serve | COUNT

The client prints a line of JSON: microseconds until the first of ten parts."""

import concurrent.futures
import json
import sys
import time

import grpc

sys.path.insert(0, sys.argv[1])
import bench_pb2  # noqa: E402

PARTS = 10
ADDRESS = "127.0.0.1:" + sys.argv[2]
METHOD = "Words"


def words(request, context):
    for _ in range(PARTS):
        yield bench_pb2.Reply(data=b"x" * 100)


def serve():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=10))
    handler = grpc.unary_stream_rpc_method_handler(
        words, request_deserializer=bench_pb2.Request.FromString,
        response_serializer=bench_pb2.Reply.SerializeToString)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("bench.Bench", {METHOD: handler}),))
    server.add_insecure_port(ADDRESS)
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def measure(count):
    found = []
    with grpc.insecure_channel(ADDRESS) as channel:
        call = channel.unary_stream("/bench.Bench/" + METHOD,
                                    request_serializer=bench_pb2.Request.SerializeToString,
                                    response_deserializer=bench_pb2.Reply.FromString)
        for _ in range(count):
            begun = time.perf_counter()
            parts = call(bench_pb2.Request(data=b"x"))
            next(parts)
            found.append((time.perf_counter() - begun) * 1e6)
            assert sum(1 for _ in parts) == PARTS - 1
    print(json.dumps(found))


if sys.argv[3] == "serve":
    serve()
else:
    measure(int(sys.argv[3]))
