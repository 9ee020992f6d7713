"""The documents' fenced blocks: what each of them is. One rule, by the words behind the fence.

    ```python file=users.py     a program or configuration: written to users.py, for later blocks
    ```python                   (php, too) runs, behind the nameless blocks of its language above it
                                in the same chapter; what a line prints is its comment
    ```console                  a transcript: what stands behind `$ ` is typed, what it prints is
                                compared; `...` is any text. A server that it starts stays until the
                                next one is started
    ```sh                       typed line by line; each line has to succeed
    ```json                     is JSON
    ```text                     a drawing or a grammar: nothing that could be run
    ```sh untested="REASON"     cannot be run here, for the reason

A translation (NAME.zh-CN.md) is not run: its blocks are the original's, but for comments.
The blocks of core/PROTOCOL.md are bytes and sequences, of kinds of their own.
"""

import re

ELSEWHERE = {"core/PROTOCOL.md": "tests/server/test_protocol_examples.py"}
FENCE = re.compile(r"^```(?!`)([^\n]*)\n(.*?)^```$", re.S | re.M)
INFO = re.compile(r'(\w+)(?: file=([\w.-]+)| untested="([^"]+)")?$')
RUN = ("python", "php", "console", "sh", "json", "text")
WRITTEN = RUN + ("c", "cmake", "ini")
# Lines that print, whose comment is what they print.
OUTPUT = {"python": re.compile(r"^ *print\(.*\)  # (.*)$", re.M),
          "php": re.compile(r"^ *echo .*;  // (.*)$", re.M)}


class Block:
    """A fenced block. `complaint` says why it is of no kind, None where it is of one."""

    def __init__(self, info, text, line, chapter):
        self.info, self.text, self.line, self.chapter = info, text, line, chapter
        found = INFO.match(info)
        self.kind, self.file, self.untested = found.groups() if found else ("", None, None)
        known = RUN if not self.file and not self.untested else WRITTEN
        self.complaint = None if self.kind in known else (
            "a block of no kind, ```%s: see tests/documents/blocks.py" % info)


def without_blocks(text):
    """The text with spaces in place of its blocks: all else stands where it stood."""
    return FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def blocks(text):
    """The blocks of a document, in order."""
    chapters = [(found.start(), found.group(1))
                for found in re.finditer(r"^## (.*)$", without_blocks(text), re.M)]
    for found in FENCE.finditer(text):
        above = [name for start, name in chapters if start < found.start()]
        yield Block(found.group(1), found.group(2), text.count("\n", 0, found.start()) + 1,
                    above[-1] if above else "")
