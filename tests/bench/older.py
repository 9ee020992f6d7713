"""An older Dora beside this one: built in a worktree of its own, to see what a change brought."""

import os
import subprocess

import tools

ROOT = os.path.dirname(os.path.dirname(tools.HERE))


def git(*words):
    return subprocess.run(["git", "-C", ROOT, *words], check=True, capture_output=True,
                          text=True).stdout.strip()


def before(path):
    """The last commit that did not have a file yet."""
    added = git("log", "--diff-filter=A", "--format=%H", "--", path).splitlines()
    if not added:
        raise RuntimeError("git does not know when %s was added" % path)
    return git("rev-parse", added[-1] + "^")


def build(commit, folder):
    """The program `dora` of a commit, made under `folder` unless it is there already."""
    tree, out = os.path.join(folder, commit[:12]), os.path.join(folder, commit[:12] + ".build")
    if not os.path.isdir(tree):
        git("worktree", "prune")
        git("worktree", "add", "--detach", tree, commit)
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(["cmake", "-S", tree, "-B", out], **quiet)
    subprocess.run(["cmake", "--build", out, "--target", "dora", "-j", str(os.cpu_count())],
                   **quiet)
    return os.path.join(out, "dora")
