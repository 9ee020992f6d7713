"""Identities and rules for tests, and how each of them comes to a server's doors."""

import hashlib
import json
import os

from support import v1
from support.json_conn import JsonConn
from support.web import Web

TOKENS = {"shop": "shop-token-1", "stock": "stock-token-1", "ops": "ops-token-1"}


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def access(rules, **more):
    """`access` of a configuration: three identities by token, ours by its user."""
    identities = {name: {"token_sha256": digest(token)} for name, token in TOKENS.items()}
    identities["local"] = {"uid": os.getuid()}
    identities.update(more)
    return {"identities": identities, "rules": rules}


def hello(ident, token):
    """The frame of a hello."""
    api = {"cmd": {"name": "hello", "param": {"token": token}}}
    return v1.frame(ident, v1.dump({"api": api, "type": "SC", "guid": ident}))


class Frames:
    """A door: frames over a connection, with a token or without."""

    def __init__(self, address, token=None, conn=None):
        self.conn = conn or v1.Conn(address)
        self.greeting = None
        if token is not None:
            ident = v1.guid()
            self.conn.send(hello(ident, token))
            self.greeting = self.conn.receive()[1]

    def call(self, name, param=None):
        """(code, message, data) of a call that waits."""
        reply = self.conn.call(name, param)
        inner = reply["data"] if reply["code"] == 0 else reply
        return inner["code"], inner["msg"], inner["data"]

    def send(self, name):
        """(code, message) of accepted work."""
        ident = self.conn.ask("AN_S", {"one": (name, None)})
        got, reply = self.conn.receive()
        assert got == ident
        return reply["code"], reply["msg"]

    def command(self, name):
        reply = self.conn.command(name)
        return reply["code"], reply["msg"]

    def close(self):
        self.conn.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Json(Frames):
    """JSON in frames."""

    def __init__(self, address, token=None):
        self.conn = JsonConn(address)
        self.greeting = None
        if token is not None:
            self.greeting = self.ask("SC", {"cmd": {"name": "hello", "param": {"token": token}}})

    def ask(self, kind, apis):
        return self.conn.reply(self.conn.ask(kind, apis))

    def call(self, name, param=None):
        reply = self.ask("W_S", {"one": {"name": name, "param": param}})
        inner = reply["data"] if reply["code"] == 0 else reply
        return inner["code"], inner["msg"], inner["data"]

    def send(self, name):
        reply = self.ask("AN_S", {"one": {"name": name}})
        return reply["code"], reply["msg"]

    def command(self, name):
        reply = self.ask("SC", {"cmd": {"name": name}})
        return reply["code"], reply["msg"]


class Http:
    """HTTP: POST /call/NAME, and the original's endpoints for the rest."""

    def __init__(self, address, token=None):
        self.web = Web(address)
        self.more = {} if token is None else {"Authorization": "Bearer " + token}
        self.status = None

    def call(self, name, param=None):
        self.status, body = self.web.call(name, param, **self.more)
        if self.status == 200:
            return 0, "OK", body
        return body["error"]["code"], body["error"]["msg"], None

    def form(self, path, apis):
        fields = json.dumps({"api": apis, "guid": v1.guid()})
        return self.web.ask("POST", path, "params=" + fields.replace("/", "%2F"), {
            "Content-Type": "application/x-www-form-urlencoded", **self.more})[1]

    def send(self, name):
        reply = self.form("/api/multinoresult", {"one": {"name": name, "param": None}})
        return reply["code"], reply["msg"]

    def command(self, name):
        reply = self.form("/server/cmd", {"cmd": {"name": name, "param": None}})
        return reply["code"], reply["msg"]

    def close(self):
        self.web.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
