"""Runs the documents' examples: each fenced block, by what blocks.py says it is.

    python tests/documents/run.py --core BUILD --work DIR [DOCUMENT...]

BUILD is a build of the core. DORA_PHP_EXTENSION names PHP's module; the Python with the extension
in it is the one that runs this file. The examples are typed as they stand, ports and all: the
network is this program's own. Only machines have other addresses: 10.0.0.21 is 127.0.0.21.
"""

import argparse
import contextlib
import difflib
import json
import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import translations  # noqa: E402
from blocks import ELSEWHERE, OUTPUT, blocks  # noqa: E402

PATIENCE_S = 60
SERVER = re.compile(r"dora (serve|monitor)|(python3|php) [\w./ -]+$")
SERVES = re.compile(r"\bapp(\.|->)run\(|->start\(")
UP = """import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh22x", b"lo", 1))"""


class Failed(Exception):
    """What is wrong with an example."""


class Beside:
    """A server that an example has started. Its own lines come one by one."""

    def __init__(self, command, folder):
        self.log = open(os.path.join(folder, "server.log"), "a+")
        self.is_monitor = command.startswith("dora monitor")
        self.process = subprocess.Popen(["bash", "-c", "exec " + command], cwd=folder, text=True,
                                        stdout=subprocess.PIPE, stderr=self.log)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        with contextlib.suppress(queue.Empty):
            line = self.lines.get(timeout=PATIENCE_S)
            if line:
                self.said = line
                return
        self.stop()
        self.log.seek(0)
        raise Failed("%s does not start:\n%s" % (command, self.log.read()))

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class Document:
    """One document's examples, in a folder of their own, one after the other."""

    def __init__(self, name, work):
        self.name = name
        self.folder = os.path.join(work, name.replace("/", "-")[:-3])
        os.makedirs(os.path.join(self.folder, "run"))
        os.symlink(os.path.join(ROOT, "examples"), os.path.join(self.folder, "examples"))
        self.beside = []
        self.above = {}  # (chapter, language): the programs above

    def ours(self, text):
        text = text.replace("10.0.0.", "127.0.0.").replace("0.0.0.0", "127.0.0.1")
        return text.replace("/var/lib/dora-monitor/", self.folder + "/run/")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def typed(self, line):
        """Types one line. Returns: what it prints, its errors, too."""
        command = line.partition("  #")[0].strip()
        if SERVER.match(command) and self.serves(command):
            return self.start(command)
        done = subprocess.run(["bash", "-c", line], cwd=self.folder, text=True, timeout=PATIENCE_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.status = done.returncode
        return done.stdout

    def serves(self, command):
        words = shlex.split(command)
        if words[0] == "dora":
            return True
        with open(os.path.join(self.folder, words[1])) as file:
            return SERVES.search(file.read()) is not None

    def start(self, command):
        is_monitor = command.startswith("dora monitor")
        if not is_monitor:
            self.stop([each for each in self.beside if not each.is_monitor])
        self.beside.append(Beside(command, self.folder))
        self.status = 0
        return self.beside[-1].said

    def stop(self, some=None):
        for each in list(self.beside if some is None else some):
            each.stop()
            self.beside.remove(each)

    def run(self, block):
        text = self.ours(block.text)
        if block.file:
            self.write(block.file, text)
            return
        getattr(self, "run_" + block.kind)(block, text)

    def run_text(self, block, text):
        pass

    def run_json(self, block, text):
        json.loads(text)

    def run_sh(self, block, text):
        for line in lines(text):
            said = self.typed(line)
            if self.status != 0:
                raise Failed("%s: status %d\n%s" % (line, self.status, said))

    def run_console(self, block, text):
        for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
            typed = lines(part)[0]
            wanted = part.replace("\\\n", "")[len(typed) + 1:]
            said = self.typed(typed)
            compare(typed, wanted, said)
            if self.status != 0 and "..." in wanted:
                raise Failed("%s: status %d, which the reader does not see\n%s" % (
                    typed, self.status, said))

    def run_python(self, block, text):
        self.run_program(block, text, ["python3", "-W", "error"], ".py")

    def run_php(self, block, text):
        if not text.startswith("<?php\n"):
            raise Failed("it does not begin with <?php")
        self.run_program(block, text, ["php"], ".php")

    def run_program(self, block, text, argv, ending):
        above = self.above.setdefault((block.chapter, block.kind), [])
        above.append(text)
        whole = above[0] + "\n".join(each.replace("<?php\n", "") for each in above[1:])
        wanted = "".join(each + "\n" for each in OUTPUT[block.kind].findall(whole))
        self.write("example" + ending, whole)
        done = subprocess.run([*argv, "example" + ending], cwd=self.folder, text=True,
                              timeout=PATIENCE_S, capture_output=True)
        if done.returncode != 0:
            raise Failed("status %d\n%s%s" % (done.returncode, done.stdout, done.stderr))
        compare(text.strip().splitlines()[-1], wanted, done.stdout)


def lines(text):
    """The lines of a script; one that ends in a backslash goes on."""
    return [each for each in text.replace("\\\n", "").splitlines() if each.strip()]


def compare(what, wanted, said):
    pattern = ".*".join(re.escape(each) for each in wanted.strip().split("..."))
    if not re.fullmatch(pattern, said.strip(), re.S):
        raise Failed("%s\n%s" % (what, "\n".join(difflib.unified_diff(
            wanted.splitlines(), said.splitlines(), "in the document", "printed", lineterm=""))))


def install(core, work):
    """What a reader has installed: `dora`, libdora, headers, both extensions."""
    prefix = os.path.join(work, "prefix")
    subprocess.run(["cmake", "--install", core, "--prefix", prefix], check=True,
                   stdout=subprocess.DEVNULL)
    own = os.path.join(work, "bin")
    os.makedirs(own)
    programs = {"python3": '%s "$@"' % shlex.quote(sys.executable),
                "php": 'php -d extension=%s "$@"' % shlex.quote(os.environ["DORA_PHP_EXTENSION"])}
    for name, command in programs.items():
        real = shutil.which(command.split()[0])
        with open(os.path.join(own, name), "w") as file:
            file.write("#!/bin/sh\nexec %s%s\n" % (real, command[len(command.split()[0]):]))
        os.chmod(file.name, 0o755)
    libraries = os.path.dirname(subprocess.run(
        ["find", prefix, "-name", "libdora.so"], capture_output=True, text=True).stdout.strip())
    with open(os.path.join(work, ".curlrc"), "w") as file:
        file.write("silent\nshow-error\n")  # as on a terminal
    os.environ.update(
        CURL_HOME=work,
        PATH=os.pathsep.join([own, os.path.join(prefix, "bin"), os.environ["PATH"]]),
        LD_LIBRARY_PATH=libraries, PKG_CONFIG_PATH=os.path.join(libraries, "pkgconfig"))


def redis(stack):
    """The Redis of the documents: 10.0.0.21 and 10.0.0.22."""
    for address in ("127.0.0.21", "127.0.0.22"):
        server = subprocess.Popen(["redis-server", "--bind", address, "--port", "6379", "--save",
                                   ""], stdout=subprocess.DEVNULL)
        stack.callback(server.wait)
        stack.callback(server.terminate)


BAD = """
```console
$ echo no
yes
```
```sh
false
```
```python
print(1)  # 2
```
```json
{
```
```perl
print 1
```
"""


def run(name, text, work, say=print):
    """Runs one document. Returns: (passed, failed)."""
    found = list(blocks(text))
    document = Document(name, work)
    passed = failed = 0
    try:
        for block in found:
            where = "%s:%d %s" % (name, block.line, block.info)
            try:
                if block.complaint:
                    raise Failed(block.complaint)
                if not block.untested:
                    document.run(block)
                passed += 1
            except (Failed, ValueError, OSError, subprocess.TimeoutExpired) as error:
                failed += 1
                say("documents: FAILED %s: %s" % (where, error))
    finally:
        document.stop()
    say("documents: %s: %d passed, %d failed" % (name, passed, failed))
    return passed, failed


def documents():
    """Every document of the tree."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [each for each in folders if each not in ("out", "build") and each[0] != "."]
        for each in files:
            if each.endswith(".md"):
                yield os.path.relpath(os.path.join(folder, each), ROOT)


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def compare_translation(name, original):
    """Whether a translation is in step. Returns: (passed, failed)."""
    wrong = list(translations.differences(name, read(original), read(name)))
    for each in wrong:
        print("documents: FAILED %s: %s" % (name, each))
    print("documents: %s: %s" % (name, "not in step" if wrong else "in step"))
    return (0, 1) if wrong else (1, 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--core", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("documents", nargs="*")
    options = parser.parse_args()
    if "DORA_DOCUMENTS_NETWORK" not in os.environ:
        # Again, in a network of its own, which ends with it.
        os.environ["DORA_DOCUMENTS_NETWORK"] = "own"
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        os.execvp("unshare", ["unshare", *as_root, "--net", sys.executable, *sys.argv])
    subprocess.run([sys.executable, "-c", UP], check=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = os.path.abspath(options.work)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    install(os.path.abspath(options.core), work)
    names = options.documents or sorted(set(documents()) - set(ELSEWHERE))
    passed, failed = 0, 0
    if run("bad.md", BAD, work, lambda _: None) != (0, BAD.count("```") // 2):
        failed = 1
        print("documents: FAILED: a bad example passes")
    for each in translations.check_itself():
        failed += 1
        print("documents: FAILED: %s" % each)
    with contextlib.ExitStack() as stack:
        redis(stack)
        for name in names:
            original = translations.original_of(name)
            good, bad = (compare_translation(name, original) if original
                         else run(name, read(name), work))
            passed, failed = passed + good, failed + bad
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
