"""Rules for the documents: what they name is there, each example is of a kind, README is short."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "documents"))
from blocks import ELSEWHERE, blocks, without_blocks  # noqa: E402

README_LINES_MAX = 160
LINK = re.compile(r"\]\(([^()\s]+)\)")
NAME = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:[chm]|py|pyi|php|phpt|sh|md|json|txt|svg|so))`")
OURS = re.compile(r"(core|bindings|tests|examples|include|base|wire|ipc|net|discovery|monitor|task|"
                  r"client|server|cli|transport)/")


def anchor(heading):
    """The name by which a heading can be linked to."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def anchors(text):
    return {anchor(each) for each in re.findall(r"^#+ (.*)$", without_blocks(text), re.M)}


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def links(path, text, files, read):
    """Relative links lead to files and headings that are there."""
    for found in LINK.finditer(without_blocks(text)):
        target, _, heading = found.group(1).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        to = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if to not in files and not any(each.startswith(to + "/") for each in files):
            yield line_of(text, found.start()), "links to %s, which is not there" % target
        elif heading and heading not in anchors(text if to == path else read(to)):
            yield line_of(text, found.start()), "links to #%s, which %s has not" % (heading, to)


def names(path, text, files):
    """Files of the tree that are named with their room are there."""
    for found in NAME.finditer(without_blocks(text)):
        name = found.group(1)
        near = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if OURS.match(name) and name not in files and near not in files and not any(
                each.endswith("/" + name) for each in files):
            yield line_of(text, found.start()), "names %s, which is not there" % name


def examples(path, text, files):
    """examples/README.md links to each example, or to its folder."""
    if path == "examples/README.md":
        told = {os.path.normpath("examples/" + each) for each in LINK.findall(text)}
        for each in files:
            folder = os.path.dirname(each)
            if folder.startswith("examples/") and not told & {each, folder}:
                yield 1, "does not tell of %s" % each


STAIR = re.compile(r"^\| \d+ [\w ]+\| \[([^]]+)\]\([^)]*\) \| ([^|]+) \|", re.M)


def stairs(path, text, files, read):
    """The table of one call's way names functions that their files define."""
    if path != "core/README.md":
        return
    if len(STAIR.findall(text)) < 10 and path in files:
        yield 1, "the table of one call cannot be read"
    for found in STAIR.finditer(text):
        name = "core/src/" + found.group(1)
        source = read(name) if name in files else ""
        for function in re.findall(r"`(\w+)`", found.group(2)):
            if not re.search(r"^[a-z][^;\n]*\b%s\(" % function, source, re.M):
                yield line_of(text, found.start()), "%s has no %s" % (name, function)


def kinds(path, text):
    """Each fenced block is of a kind, so that tests/documents/run.py knows what to do with it."""
    for block in blocks(text) if path not in ELSEWHERE else ():
        if block.complaint:
            yield block.line, block.complaint


def length(path, text):
    """README.md is short."""
    if path == "README.md" and text.count("\n") > README_LINES_MAX:
        yield README_LINES_MAX, "longer than %d lines" % README_LINES_MAX


def check(path, text, files, read):
    """All of it, for one document: (line, complaint)."""
    yield from links(path, text, files, read)
    yield from names(path, text, files)
    yield from examples(path, text, files)
    yield from stairs(path, text, files, read)
    yield from kinds(path, text)
    yield from length(path, text)


BAD_STAIR = "| 1 in | [net/none.c](../README.md) | `on_read` | reads | |"
BAD = ("see [a](core/none.md)", "see [a](#none)", "see `server/none.c`", "```\nx\n```\n",
       "```python untested\nx\n```\n", "```fortran\nx\n```\n", "x\n" * (README_LINES_MAX + 1))


def check_samples():
    """The bad samples are still found."""
    samples = [("README.md", text) for text in BAD] + [("core/README.md", BAD_STAIR),
                                                         ("examples/README.md", "")]
    for path, text in samples:
        if not list(check(path, text, ["README.md", "examples/c/a.c"], None)):
            yield "the documents' rules miss a bad sample: %r" % text[:40]
