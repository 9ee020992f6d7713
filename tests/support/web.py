"""HTTP from the client's side: http.client with a deadline, forms of the original, raw sockets."""

import http.client
import json
import re
import socket
import urllib.parse

HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


class Web:
    """One keep-alive connection, from an address of one's own where `source` names it. Each method
    gives (status, decoded body)."""

    def __init__(self, address, timeout=10.0, source=None):
        self.conn = http.client.HTTPConnection(address, timeout=timeout,
                                               source_address=source and (source, 0))
        self.headers = {}

    def ask(self, method, path, body=None, headers=None):
        self.conn.request(method, path, body, headers or {})
        answer = self.conn.getresponse()
        self.headers = {key.lower(): value for key, value in answer.getheaders()}
        data = answer.read()
        assert self.headers["content-type"] == "application/json", data
        return answer.status, json.loads(data) if data else None

    def call(self, name, param=None, query="", **headers):
        """POST /call/NAME; headers as keywords, with `_` for `-`."""
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.ask("POST", "/call/" + urllib.parse.quote(name) + query, json.dumps(param),
                        headers)

    def form(self, path, params=None, guid=None):
        """A form as the original's clients send it."""
        fields = {}
        if params is not None:
            fields["params"] = params if isinstance(params, str) else json.dumps(params)
        if guid is not None:
            fields["guid"] = guid
        return self.ask("POST", path, urllib.parse.urlencode(fields), HEADERS)

    def close(self):
        self.conn.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def raw(address, data=b"", timeout=10.0):
    """A plain socket to an HTTP server, with something sent."""
    host, port = address.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)), timeout)
    sock.sendall(data)
    return sock


def statuses(address, data, timeout=10.0):
    """Sends bytes and reads to the end of stream: the status of each answer that came."""
    with raw(address, data, timeout) as sock:
        got = b""
        while True:
            try:
                piece = sock.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d\d\d) ", got)]
            got += piece
