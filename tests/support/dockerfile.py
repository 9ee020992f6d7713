"""Reads a Dockerfile: its stages, each with the instructions in order."""

import fnmatch
import json
import os
import re
import shlex


class Stage:
    """`FROM base AS name`, and what follows: [(instruction, text)]. What is only said once at the
    end (CMD, USER, ...) is in `said` as well."""

    def __init__(self, text):
        words = text.split()
        self.base = words[0]
        self.name = words[2] if len(words) == 3 else None
        self.steps = []
        self.said = {}

    def words(self, instruction):
        """The command of CMD or HEALTHCHECK, in the form that starts no shell."""
        text = self.said[instruction]
        return json.loads(text[text.index("["):])


def stages(path):
    with open(path) as file:
        lines = [line for line in file if not line.lstrip().startswith("#")]
    found = []
    for line in re.sub(r"\\\n", "", "".join(lines)).splitlines():
        if line.strip():
            kind, text = line.split(None, 1)
            if kind == "FROM":
                found.append(Stage(text))
            else:
                found[-1].steps.append((kind, text.strip()))
                found[-1].said[kind] = text.strip()
    return found


def environment(text, known):
    """What ENV sets, where `known` is set already."""
    pairs = [word.split("=", 1) for word in shlex.split(text)]
    return {name: re.sub(r"\$(\w+)", lambda found: known.get(found.group(1), ""), value)
            for name, value in pairs}


def copied(text):
    """(stage or None, sources, destination) of COPY."""
    words = shlex.split(text)
    stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
    return stage, words[:-1], words[-1]


def packages(text):
    """What a RUN installs of Debian's packages."""
    found = re.search(r"apt-get install ([^&]+)", text)
    return [word for word in found.group(1).split() if word[0] != "-"] if found else []


def context(folder):
    """The files of a build context, without what .dockerignore names."""
    with open(os.path.join(folder, ".dockerignore")) as file:
        patterns = [line for line in file.read().splitlines() if line and line[0] != "#"]

    def is_ignored(path):
        return any(fnmatch.fnmatch(os.path.basename(path) if pattern.startswith("**/") else path,
                                   pattern.removeprefix("**/")) for pattern in patterns)

    for top, folders, files in os.walk(folder):
        inner = os.path.relpath(top, folder)
        folders[:] = [each for each in folders
                      if not is_ignored(os.path.normpath(os.path.join(inner, each)))]
        for each in files:
            path = os.path.normpath(os.path.join(inner, each))
            if not is_ignored(path):
                yield path
