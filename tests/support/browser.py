"""Debian's chromium without a screen, driven by its protocol over a pair of pipes."""

import base64
import json
import os
import re
import select
import shutil
import subprocess
import time

ANSWER_S = 60
LEFT = re.compile("context was destroyed|navigated or closed|Cannot find .*context", re.I)


class LeftPage(RuntimeError):
    """The page that was asked is being left for the next one."""


class Browser:
    """`with Browser(folder) as page`: one page. What a script throws is an error here."""

    def __init__(self, folder):
        program = shutil.which("chromium")
        if not program:
            raise FileNotFoundError("these tests need chromium (Debian: chromium)")
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        words = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe",
                 "--user-data-dir=%s" % (folder / "profile"), "about:blank"]

        # The browser reads at descriptor 3 and writes at 4.
        script = 'exec 3<&%d 4>&%d; exec "$@"' % (commands, answers)
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", *words], cwd=folder,
            env={**os.environ, "HOME": str(folder)}, pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(answers)
        self.rest = b""
        self.number = 0
        self.session = None
        self.problems = []  # errors of scripts and of the policy
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.tell("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        for each in ("Page.enable", "Runtime.enable", "Log.enable"):
            self.tell(each)

    def _message(self, end):
        while b"\0" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.answers], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self.answers, 65536)
            if not piece:
                raise EOFError("the browser has ended")
            self.rest += piece
        text, _, self.rest = self.rest.partition(b"\0")
        message = json.loads(text)
        if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.problems.append(message["params"])
        return message

    def tell(self, method, **params):
        """One command; its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + ANSWER_S
        while True:
            answer = self._message(end)
            if answer.get("id") == self.number:
                if "error" in answer:
                    failed = LeftPage if LEFT.search(str(answer["error"])) else RuntimeError
                    raise failed("%s: %s" % (method, answer["error"]))
                return answer["result"]

    def open(self, url):
        self.tell("Page.navigate", url=url)

    def ask(self, script):
        """The value of an expression on the page, awaited."""
        answer = self.tell("Runtime.evaluate", expression=script, awaitPromise=True,
                           returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, script):
        """Asks until the answer is true; that answer."""
        end = time.monotonic() + ANSWER_S
        answer = None
        while time.monotonic() < end:
            try:
                answer = self.ask(script)
            except LeftPage as error:
                answer = error
            else:
                if answer:
                    return answer
            time.sleep(0.02)  # between two looks
        raise TimeoutError("%s: still %r; the page has %r" % (
            script, answer, self.ask("document.documentElement.outerHTML")[-2000:]))

    def look(self, path, width, height, scheme):
        """A picture of the page, light or dark."""
        self.tell("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        picture = self.tell("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(picture))

    def close(self):
        os.close(self.commands)  # it ends then
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.answers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
