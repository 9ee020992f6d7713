"""gRPC's Python server: grpc_server.py FOLDER-OF-BENCH_PB2 PORT REPLY-BYTES"""

import concurrent.futures
import sys

import grpc

sys.path.insert(0, sys.argv[1])
import bench_pb2  # noqa: E402

DATA = b"x" * int(sys.argv[3])
THREADS = 10


def get(request, context):
    return bench_pb2.Reply(data=DATA)


server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=THREADS))
handler = grpc.unary_unary_rpc_method_handler(
    get, request_deserializer=bench_pb2.Request.FromString,
    response_serializer=bench_pb2.Reply.SerializeToString)
server.add_generic_rpc_handlers(
    (grpc.method_handlers_generic_handler("bench.Bench", {"Get": handler}),))
server.add_insecure_port("127.0.0.1:" + sys.argv[2])
server.start()
server.wait_for_termination()
