"""A program in a window of tmux, as a person has it: keys are typed, the screen is read."""

import os
import re
import shutil
import subprocess
import tempfile

from .server import environment, wait_until

COLUMNS, LINES = 100, 40


class Tmux:
    """`with Tmux(command, folder) as window`. The tmux is a server of its own, on a socket of the
    test's, with nobody's settings."""

    def __init__(self, command, folder, **variables):
        self._own = tempfile.mkdtemp(prefix="dora-tmux-")  # a socket's path must be short
        env = {**environment(), **variables, "LC_ALL": "C.UTF-8"}
        for name in ("TMUX", "NO_COLOR"):
            if name not in variables:
                env.pop(name, None)
        self._run("new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES), "-c", str(folder),
                  ";", "set-option", "remain-on-exit", "on",
                  ";", "set-option", "history-limit", "10000",
                  ";", "respawn-pane", "-k", "-c", str(folder), *command, env=env)

    def _run(self, *arguments, check=True, env=None):
        done = subprocess.run(["tmux", "-S", os.path.join(self._own, "socket"), "-f", "/dev/null",
                               *arguments], env=env, capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def pid(self):
        return int(self._run("display-message", "-p", "#{pane_pid}"))

    def has_ended(self):
        return self._run("display-message", "-p", "#{pane_dead}").strip() == "1"

    def text(self, has_colours=False):
        """What the window shows, and what it did: lines that were too long for it are whole."""
        return self._run("capture-pane", "-p", "-J", "-S", "-", *(["-e"] if has_colours else []))

    def find(self, pattern, seconds=20.0, has_colours=False):
        found = wait_until(lambda: re.search(pattern, self.text(has_colours)), seconds)
        assert found, "%r did not come, but:\n%s" % (pattern, self.text(has_colours))
        return found

    def type(self, text):
        """Text as it is; `key` is for what has a name: Enter, C-c."""
        self._run("send-keys", "-l", text)
        self.key("Enter")

    def key(self, name):
        self._run("send-keys", name)

    def hang_up(self):
        """Closes the window, as a person does; the terminal is gone for what runs there."""
        self._run("kill-server", check=False)

    def close(self):
        self.hang_up()
        shutil.rmtree(self._own, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
