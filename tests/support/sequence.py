"""Plays the sequences of core/PROTOCOL.md against a real server.

A line is `N  -- GUID TYPE KEY=API ... [timeout=MS] [attempt=N] [window=N] -->`, or `N  -- GUID TK
take=N -->` and `N  -- GUID CN -->`, what connection N sends; or `N  <-- GUID CODE [KEY=CODE ...]
[isresult] --` and `N  <-- GUID 100013 part=N --`, what must come next there; or `N  the client
closes`, `N  the server closes`; or `*  EVENT`. What a line says behind two spaces is for people,
but for `begins`, `joins it` and `run`: these are waited for."""

import re
import signal

from support import v1
from support.server import wait_until

LINE = re.compile(r"^(\d|\*)  (.*)$")
SENT = re.compile(r"^-- (\w) ([A-Z_]+) (?:([\w= ]+?) )?-*>(?:  +(.*))?$")
CAME = re.compile(r"^<-+ (\w) (\d+)((?: \w+=\d+)*)( isresult)? ?-*$")
OWN = ("timeout", "attempt", "window")  # keys of a request, beside its apis
SQUARES = 3


class Player:
    """One sequence. `marks` is of support.repeats."""

    def __init__(self, server, marks):
        self.server, self.marks = server, marks
        self.conns, self.guids = {}, {}
        self.runs = {}  # what the handlers write => how often at most
        self.watch = v1.Conn(server.address)

    def stat(self):
        return self.watch.command("getStat")["data"]["server"]

    def conn(self, number):
        if number not in self.conns:
            self.conns[number] = v1.Conn(self.server.address)
        return self.conns[number]

    def api(self, name, guid):
        return {"hold": self.marks.hold, "mark": lambda: self.marks.mark(guid),
                "squares": lambda: ("/squares", SQUARES), "none": lambda: ("/none", None)}[name]()

    def frame(self, guid, kind, words):
        pairs = [word.split("=") for word in (words or "").split()]
        if kind in ("TK", "CN"):
            said = {key: int(value) for key, value in pairs}
            return v1.frame(self.guids[guid], v1.dump(
                {"type": kind, "guid": self.guids[guid], **said}))
        own = {key: int(value) for key, value in pairs if key in OWN}
        is_new = guid not in self.guids
        ident = self.guids.setdefault(guid, v1.guid())
        if kind == "SC":
            assert [key for key, _ in pairs] == ["cmd"]
            return v1.control(ident, pairs[0][1])
        apis = {int(key) if key.isdigit() else key: self.api(value, guid)
                for key, value in pairs if key not in OWN}
        names = [value for key, value in pairs if key not in OWN]
        self.runs[guid] = names.count("mark")
        self.runs["held"] = self.runs.get("held", 0) + (names.count("hold") if is_new else 0)
        return v1.request_of(kind, ident, apis, **own)

    def send(self, number, match):
        guid, kind, words, comment = match.groups()
        before, lines = self.stat(), len(self.marks.lines())
        self.conn(number).send(self.frame(guid, kind, words))
        if comment and comment.endswith("begins"):
            self.marks.await_lines(lines + 1)
        elif comment == "joins it":
            joins = before["repeats"]["joins"]
            assert wait_until(lambda: self.stat()["repeats"]["joins"] == joins + 1)
        elif comment and re.search(r" runs?$", comment):
            count = {"mark runs": 1, "both run": 2, "nothing runs": 0}[comment]
            self.marks.await_lines(lines + count)
            assert len(self.marks.lines()) == lines + count

    def expect(self, number, match):
        guid, code, words, is_result = match.groups()
        ident = self.guids[guid]
        got = self.conn(number).receive()
        assert got is not None, "connection %s ended" % number
        name, reply = got
        assert (name, reply["guid"], reply["code"]) == (ident, ident, int(code)), (guid, got)
        assert reply.get("isresult", 0) == bool(is_result), reply
        wanted = [tuple(word.split("=")) for word in words.split()]
        if [key for key, _ in wanted] == ["part"]:
            assert reply["part"] == int(wanted[0][1]), reply
        elif [key for key, _ in wanted] == ["one"]:
            assert reply["data"]["code"] == int(wanted[0][1]), reply
        elif wanted:
            found = [(str(key), str(one["code"])) for key, one in reply["data"].items()]
            assert found == wanted, reply
        elif int(code) != 0:
            assert reply["data"] == [], reply

    def event(self, text):
        if text == "hold is let go":
            self.marks.let_go()
        elif text == "the server is told to stop":
            self.server.signal(signal.SIGTERM)
            assert wait_until(lambda: self.stat()["draining"])
        elif text == "the server ends":
            self.watch.close()
            assert self.server.wait(10) == 0
        else:
            raise AssertionError("unknown event %r" % text)

    def step(self, number, text):
        sent, came = SENT.match(text), CAME.match(text)
        if number == "*":
            self.event(text.strip())
        elif sent:
            self.send(number, sent)
        elif came:
            self.expect(number, came)
        elif text == "the client closes":
            self.conns.pop(number).close()
        elif text == "the server closes":
            assert self.conn(number).receive() is None
        else:
            raise AssertionError("cannot be played: %r" % text)

    def play(self, text):
        for line in text.splitlines():
            match = LINE.match(line)
            assert match, "cannot be played: %r" % line
            self.step(*match.groups())
        if self.server.process.poll() is None:
            assert wait_until(lambda: self.stat()["tasking_num"] == 0)
        lines = self.marks.lines()
        assert all(lines.count(one) <= most for one, most in self.runs.items()), lines

    def close(self):
        for conn in [*self.conns.values(), self.watch]:
            conn.close()
