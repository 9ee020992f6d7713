"""HTTP from a test's side, and what a page for Prometheus says."""

import http.client
import re

SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"(?:,|$)')


def ask(address, path, method="GET", body=None, headers=None, timeout=10):
    """One request on a connection of its own: (status, text, headers)."""
    conn = http.client.HTTPConnection(address, timeout=timeout)
    try:
        conn.request(method, path, body, headers or {})
        answer = conn.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())
    finally:
        conn.close()


def admin_of(server):
    """Where a server answers its operators."""
    return re.search(r" admin=(\S+)", server.ready_line).group(1)


def _plain(text):
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found.group(1), found.group(1)), text)


class Metrics(dict):
    """{(name, frozenset of labels): value}, of one look at a server."""

    def __init__(self, address):
        super().__init__()
        status, self.text, self.headers = ask(address, "/metrics")
        assert status == 200
        for line in self.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                pairs = [(key, _plain(text)) for key, text in LABEL.findall(labels or "")]
                key = name, frozenset(pairs)
                assert key not in self, line
                self[key] = float(value)

    def one(self, name, **labels):
        return self.get((name, frozenset(labels.items())), 0)

    def every(self, name):
        return {key: value for key, value in self.items() if key[0] == name}

    def requests(self):
        """{(api, type, code): count} of all pools."""
        found = {}
        for (_, labels), value in self.every("dora_requests_total").items():
            of = dict(labels)
            found[of["api"], of["type"], of["code"]] = int(value)
        return found
