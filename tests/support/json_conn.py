"""JSON in frames, from a test's side."""

import json

from support import v1


class JsonConn(v1.Conn):
    """A connection on which requests and replies are JSON."""

    def __init__(self, address):
        super().__init__(address)
        self.splitter = v1.Splitter(json.loads)

    def put(self, ident, body):
        text = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        self.send(v1.frame(ident, text))

    def ask(self, kind, apis, **more):
        ident = v1.guid()
        self.put(ident, {"api": apis, "guid": ident, "type": kind, **more})
        return ident

    def reply(self, ident):
        got, body = self.receive()
        assert got == ident
        return body

    def single(self, name, param=None, **more):
        return self.reply(self.ask("W_S", {"one": {"name": name, "param": param}}, **more))
