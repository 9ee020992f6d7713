"""A collector of spans for a test: OTLP over HTTP in JSON, and whether it has that shape."""

import collections
import http.server
import json
import re
import threading

from .server import wait_until

DIGITS = re.compile("[0-9a-f]+")
SERVER, INTERNAL, ERROR = 2, 1, 2


def value_of(value):
    """An AnyValue of OTLP as it is in Python."""
    (kind, plain), = value.items()
    assert kind in ("stringValue", "intValue", "boolValue"), value
    assert isinstance(plain, bool if kind == "boolValue" else str), value
    return int(plain) if kind == "intValue" else plain


def attributes_of(pairs):
    keys = [pair["key"] for pair in pairs]
    assert len(set(keys)) == len(keys), keys
    return {pair["key"]: value_of(pair["value"]) for pair in pairs}


def identity(text, digits):
    assert len(text) == digits and DIGITS.fullmatch(text) and set(text) != {"0"}, text
    return text


class Span:
    """One span, taken apart; a field that OTLP does not have is an error."""

    FIELDS = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano",
              "endTimeUnixNano", "attributes", "status"}

    def __init__(self, json_span, service):
        assert set(json_span) <= self.FIELDS, json_span
        self.service = service
        self.trace = identity(json_span["traceId"], 32)
        self.id = identity(json_span["spanId"], 16)
        self.parent = json_span.get("parentSpanId")
        assert self.parent is None or identity(self.parent, 16)
        self.name, self.kind = json_span["name"], json_span["kind"]
        assert self.kind in (SERVER, INTERNAL)
        times = json_span["startTimeUnixNano"], json_span["endTimeUnixNano"]
        assert all(isinstance(one, str) for one in times), times
        self.start, self.end = map(int, times)
        assert 10**18 < self.start <= self.end < 10**19, times
        self.attributes = attributes_of(json_span["attributes"])
        self.status = json_span["status"]
        assert set(self.status) <= {"code", "message"} and self.status.get("code", 0) in (0, ERROR)

    @property
    def api(self):
        return self.attributes.get("rpc.method")

    def __repr__(self):
        return "<%s %s of %s, child of %s>" % (self.name, self.id, self.api, self.parent)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.owner.take(self, body)

    def log_message(self, *_):
        """Nothing on stderr."""


class Collector:
    """`with Collector() as collector`: `url` takes spans; `answers` are statuses for the next
    requests, then it is 200. `hold()` keeps requests without an answer."""

    def __init__(self, port=0):
        self.spans, self.headers, self.sizes, self.faults = [], [], [], []
        self.answers = collections.deque()
        self.refused = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.owner = self
        self.url = "http://127.0.0.1:%d/v1/traces" % self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def hold(self):
        self.go_on.clear()

    def take(self, request, body):
        self.headers.append(dict(request.headers))
        self.go_on.wait()
        status = self.answers.popleft() if self.answers else 200
        if status == 200:
            try:
                self.read(request, json.loads(body))
            except Exception as fault:  # the test that looks has it
                self.faults.append(repr(fault))
        else:
            self.refused += 1
        text = b"{}" if status == 200 else b"no, thank you"
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def read(self, request, message):
        assert request.path == "/v1/traces", request.path
        assert request.headers["Content-Type"] == "application/json"
        (resource,) = message["resourceSpans"]
        service = attributes_of(resource["resource"]["attributes"])["service.name"]
        (scope,) = resource["scopeSpans"]
        assert scope["scope"]["name"] == "dora" and scope["scope"]["version"]
        assert scope["spans"]
        self.sizes.append(len(scope["spans"]))
        self.spans.extend(Span(one, service) for one in scope["spans"])

    def of(self, trace, count, seconds=15.0):
        """The spans of a trace, once there are so many of them."""
        found = wait_until(
            lambda: self.faults or len([1 for one in self.spans if one.trace == trace]) >= count,
            seconds)
        assert not self.faults, self.faults
        spans = [one for one in self.spans if one.trace == trace]
        assert found and len(spans) == count, spans
        return spans

    def close(self):
        self.go_on.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
