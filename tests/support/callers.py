"""Clients of each kind that call `/who` of a registry's nodes all the time, and book each call."""

import asyncio
import collections
import contextlib
import itertools
import logging
import os
import subprocess
import threading
import time

import dora

from . import ports
from .server import Server, wait_until

PAUSE_S = 0.002  # of a caller between two calls: two processors serve all of them
TIMEOUT_S = 15.0

APP = """
import os, time
import dora
app = dora.App()
BOOK = os.open(%r, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@app.api("/who")
def who(param):
    os.write(BOOK, ("%s " + param + "\\n").encode())
    time.sleep(%r)
    return %r
"""

# One call. `answer` is the node's name, None where it failed; times as time.monotonic().
Call = collections.namedtuple("Call", "ident began ended answer error")


class Node(Server):
    """A server whose /who answers with `name`, and writes down each call's param that it ran."""

    def __init__(self, folder, name, redis=(), port=None, work_s=0.0, workers=2):
        self.name = name
        self.book = os.path.join(str(folder), name + ".book")
        path = os.path.join(str(folder), name + ".py")
        with open(path, "w") as file:
            file.write(APP % (self.book, name, work_s, name))
        super().__init__({"p": {"runtime": "python", "app": path, "workers": workers}},
                         listen={"tcp": "127.0.0.1:%d" % (port or ports.take())},
                         discovery={"redis": list(redis), "groups": ["g"], "advertise": None})

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def ran(self):
        """How often each call ran here."""
        with open(self.book) as file:
            return collections.Counter(line.split(" ", 1)[1].rstrip("\n") for line in file)


@contextlib.contextmanager
def warnings_of_python():
    """What logger "dora" says meanwhile, as a list of texts; nobody else hears it."""
    texts, handler, logger = [], logging.Handler(), logging.getLogger("dora")
    handler.emit = lambda record: texts.append(record.getMessage())
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield texts
    finally:
        logger.propagate = True
        logger.removeHandler(handler)


class Caller(threading.Thread):
    """Books calls. `sees_at_once` says whether joins and leaves are told to this kind of client."""

    sees_at_once = False
    tasks = 1  # calls at a time
    numbers = itertools.count()

    def __init__(self, kind, **options):
        super().__init__(daemon=True)
        self.kind, self.options = kind, {"timeout": TIMEOUT_S, "group": "g", **options}
        self.mark = "%s-%d" % (kind.replace(" ", "_"), next(self.numbers))
        self.calls, self.failures = [], []
        self.first, self.last = {}, {}
        self.ended = threading.Event()
        self.warnings = []

    def book(self, call):
        self.calls.append(call)
        if call.error is not None:
            self.failures.append(call)
            return
        self.first.setdefault(call.answer, call.ended)
        self.last[call.answer] = call.began

    def has_seen(self, name, since):
        """Whether a call that began since then was answered by it."""
        return self.last.get(name, 0.0) >= since

    def has_left(self, name, quiet_s=0.5):
        """Whether it was not asked for so long, while others were."""
        latest = max(self.last.values(), default=0.0)
        return latest - self.last.get(name, 0.0) > quiet_s

    def longest_s(self, since=0.0, stalls=None):
        """Of the calls that began since then; without what `stalls` has booked."""
        return max((call.ended - call.began -
                    (stalls.within(call.began, call.ended) if stalls else 0.0)
                    for call in self.calls if call.began >= since), default=0.0)

    def end(self):
        self.ended.set()
        self.join(2 * TIMEOUT_S)
        assert not self.is_alive(), self.kind

    def __enter__(self):
        self.start()
        assert wait_until(lambda: self.calls), self.kind
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join(30)


class BlockingCaller(Caller):
    """dora.Client in a thread."""

    def __init__(self, kind, nodes, **options):
        super().__init__(kind, **options)
        self.nodes = nodes

    def run(self):
        with dora.Client(self.nodes, **self.options) as client:
            for number in itertools.count():
                if self.ended.wait(PAUSE_S):
                    return
                ident, began = "%s-%d" % (self.mark, number), time.monotonic()
                answer = error = None
                try:
                    answer = client.call("/who", ident)
                except dora.Error as caught:
                    error = caught
                self.book(Call(ident, began, time.monotonic(), answer, error))


class AsyncCaller(Caller):
    """`tasks` calls at a time of one dora.AsyncClient."""

    sees_at_once = True

    def __init__(self, kind, nodes, tasks=2, **options):
        super().__init__(kind, **options)
        self.nodes, self.tasks = nodes, tasks

    def run(self):
        asyncio.run(self._main())

    async def _main(self):
        numbers = itertools.count()
        async with dora.AsyncClient(self.nodes, **self.options) as client:
            await asyncio.gather(*(self._task(client, numbers) for _ in range(self.tasks)))

    async def _task(self, client, numbers):
        while not self.ended.is_set():
            ident, began = "%s-%d" % (self.mark, next(numbers)), time.monotonic()
            answer = error = None
            try:
                answer = await client.call("/who", ident)
            except dora.Error as caught:
                error = caught
            self.book(Call(ident, began, time.monotonic(), answer, error))
            await asyncio.sleep(PAUSE_S)


PHP_CALLER = """
[, $nodes, $mark, $retry, $timeout, $pause_us] = $argv;
set_error_handler(function (int $level, string $text): bool {
    fwrite(STDOUT, "warning " . $text . "\\n");
    return true;
});
$client = new Dora\\Client($nodes, ['group' => 'g', 'timeout' => (float)$timeout,
                                   'retry' => (int)$retry]);
stream_set_blocking(STDIN, false);
for ($i = 0; fgets(STDIN) === false && !feof(STDIN); $i++) {
    $began = hrtime(true);
    try {
        $said = 'ok ' . $client->call('/who', "$mark-$i");
    } catch (Dora\\Exception $error) {
        $said = 'failed ' . $error->getCode() . ' ' . $error->getMessage();
    }
    fwrite(STDOUT, "$mark-$i $began " . hrtime(true) . " $said\\n");
    usleep((int)$pause_us);
}
"""


def php_command(code):
    """PHP with the extension under test, and nothing of php.ini."""
    return [os.environ.get("DORA_PHP", "php"), "-n", "-d",
            "extension=" + os.environ["DORA_PHP_EXTENSION"], "-d", "html_errors=0", "-r", code]


class PhpCaller(Caller):
    """Dora\\Client in a process of its own; its clock is that of time.monotonic()."""

    def __init__(self, kind, nodes, retry=0):
        super().__init__(kind, retry=retry)
        words = [nodes, self.mark, str(retry), str(TIMEOUT_S), str(int(PAUSE_S * 1e6))]
        self.process = subprocess.Popen(
            php_command(PHP_CALLER) + words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)

    def run(self):
        threading.Thread(target=self._tell_end, daemon=True).start()
        with self.process.stdout as said:
            for line in said:
                self._take(line.rstrip("\n"))
        self.process.wait()

    def _tell_end(self):
        self.ended.wait()
        self.process.stdin.close()

    def _take(self, line):
        if line.startswith("warning "):
            self.warnings.append(line[len("warning "):])
            return
        ident, began, ended, word, rest = line.split(" ", 4)
        error = answer = None
        if word == "ok":
            answer = rest
        else:
            code, _, text = rest.partition(" ")
            error = dora.Error(text, int(code))
        self.book(Call(ident, int(began) / 1e9, int(ended) / 1e9, answer, error))
