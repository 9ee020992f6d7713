"""`idle` and `timeout` of streams: the same for clients of every language."""

import asyncio
import concurrent.futures
import json
import os
import re
import subprocess
import threading
import time

import pytest

import dora
from support import tries, v1
from support.door import Door
from support.server import program

PART, PROGRESS, RESULT = 100013, 100014, 0
STEP_S = 0.25
# What the server says of each api: (how long it is silent before, what it says).
SCRIPTS = {
    "/call": [(0, RESULT)],
    "/silent": [],
    "/quiet": [(0, PART)],
    "/chatty": [(0.01, PROGRESS)] * 3000,
    "/steps": [(0, PROGRESS)] + [(STEP_S, PROGRESS)] * 13 + [(0, PART), (0, RESULT)],
    "/later": [(0, PART), (2.8, PART), (0, RESULT)],
}
# Of each: what is asked for; how long the caller takes over its first part; what comes of it: the
# parts, or which time was over.
OVER = [
    ("/silent", {"idle": 0.4}, 0, "idle"),
    ("/quiet", {"idle": 0.4}, 0, "idle"),
    ("/silent", {"timeout": 0.4}, 0, "timeout"),
    ("/chatty", {"timeout": 0.6}, 0, "timeout"),  # words without an end put nothing off
]
NOT_OVER = [
    ("/steps", {"idle": 12 * STEP_S}, 0, [0]),  # progress is a sign of life
    ("/later", {"idle": 2.5}, 2.0, [0, 1]),  # the caller's time is not the server's
]
PHP = """
[$_, $node, $name, $options, $pause] = $argv;
$client = new Dora\\Client($node, ['timeout' => 60]);
$parts = [];
try {
    foreach ($client->stream($name, null, json_decode($options, true)) as $part) {
        $parts[] = $part;
        usleep((int)(count($parts) === 1 ? 1e6 * $pause : 0));  // what the caller does with it
    }
    echo json_encode($parts);
} catch (Dora\\TimeoutException $e) {
    echo $e->getMessage();
}
"""


class Talker(Door):
    """A server that says what stands in SCRIPTS, whatever its clients say."""

    def __init__(self):
        super().__init__(self.serve)

    def serve(self, conn):
        splitter, talks = v1.Splitter(), []
        while data := conn.recv(65536):
            for ident, said in splitter.feed(data):
                if "api" in said:
                    name = said["api"]["one"]["name"]
                    talks.append(threading.Thread(target=self.talk, args=(conn, ident, name),
                                                  daemon=True))
                    talks[-1].start()
        for talk in talks:
            talk.join()

    def talk(self, conn, ident, name):
        part = 0
        for silence, code in SCRIPTS[name]:
            time.sleep(silence)  # it is what is tested
            envelope = {"guid": ident, "code": 0, "msg": "OK", "data": None}
            body = {"guid": ident, "code": code, "msg": "m",
                    "data": {PART: part, PROGRESS: [1, 2], RESULT: envelope}[code]}
            if code == PART:
                body["part"] = part
                part += 1
            try:
                conn.sendall(v1.frame(ident, v1.dump(body)))
            except OSError:
                return


@pytest.fixture
def talker():
    one = Talker()
    yield one
    one.close()


def which(text):
    """The time that an error says is over."""
    found = re.search(r"\((idle|timeout)\)", text)
    return found[1] if found else text


# ---- callers: each gives what comes of a stream ----


def by_python(node, name, options, pause):
    parts = []
    try:
        with dora.Client(node, timeout=60) as client:
            for part in client.stream(name, **options):
                parts.append(part)
                time.sleep(pause if len(parts) == 1 else 0)  # what the caller does with it
    except dora.TimeoutError as error:
        return which(str(error))
    return parts


def by_asyncio(node, name, options, pause):
    async def main():
        parts = []
        async with dora.AsyncClient(node, timeout=60) as client:
            await client.call("/call")  # it is connected then
            async for part in client.stream(name, **options):
                parts.append(part)
                await asyncio.sleep(pause if len(parts) == 1 else 0)  # as above
        return parts
    try:
        return asyncio.run(main())
    except dora.TimeoutError as error:
        return which(str(error))


def by_php(node, name, options, pause):
    extension = os.environ.get("DORA_PHP_EXTENSION")
    module = ["-d", "extension=" + extension] if extension else []
    done = subprocess.run([os.environ.get("DORA_PHP", "php"), *module, "-r", PHP, "--", node, name,
                           json.dumps(options), str(pause)],
                          capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.stdout.startswith("[") else which(done.stdout)


def by_program(node, name, options, pause):
    """`dora call --stream`, which is never busy with a part; its last line is the result."""
    flags = [text for key, value in options.items() for text in ("--" + key, str(value))]
    done = subprocess.run([program(), "call", node, "--stream", name, *flags],
                          capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        return [json.loads(line) for line in done.stdout.splitlines()[:-1]]
    return which(done.stderr)


CALLERS = {"python": by_python, "asyncio": by_asyncio, "php": by_php, "program": by_program}


@pytest.mark.parametrize("cases", [OVER, NOT_OVER], ids=["over", "not_over"])
def test_each_time_is_the_same_for_all(talker, cases):
    """Where this machine stands still for so long a time is over that should not be: then once
    more."""
    asked = [(who, *case) for who in CALLERS for case in cases
             if who != "program" or case[2] == 0]

    def wrong():
        with concurrent.futures.ThreadPoolExecutor(len(asked)) as threads:
            answers = [threads.submit(CALLERS[who], talker.address, name, options, pause)
                       for who, name, options, pause, _ in asked]
            told = [(*one[:4], answer.result()) for one, answer in zip(asked, answers)]
        return [one for one in told if one not in asked]

    tries.until(lambda found: found == [], wrong)
