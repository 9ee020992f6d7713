"""The application that uWSGI serves; BENCH_REPLY_BYTES is how long its reply is."""

import os

DATA = b"x" * int(os.environ["BENCH_REPLY_BYTES"])


def application(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(DATA)))])
    return [DATA]
