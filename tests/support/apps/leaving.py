"""A program that serves by itself and has children of its own; handlers that leave some behind."""

import os
import subprocess
import sys
import threading

import dora

app = dora.App()


@app.api("/echo")
def echo(param):
    return param


@app.api("/leave")
def leave(param):
    """A process of a session of its own, whose parent ends at once; it ends when the file `param`
    is there."""
    loop = "until [ -e %s ]; do sleep 0.01; done" % param
    subprocess.run(["sh", "-c", "setsid sh -c '%s' >/dev/null 2>&1 &" % loop], check=True)


@app.api("/mark")
def mark(param):
    """Takes as long as it takes until the file `until` is there; `begun` says that it runs."""
    with open(param["begun"], "w"):
        pass
    event = threading.Event()
    while not os.path.exists(param["until"]):
        event.wait(0.005)
    return "done"


def _watch_child(path):
    """Writes down how a child ended that runs while the server does."""
    child = subprocess.Popen(["sh", "-c", "until [ -e %s.go ]; do sleep 0.01; done; exit 7" % path])
    with open(path, "w") as file:
        file.write(str(child.wait()))


if __name__ == "__main__":
    forgotten = subprocess.Popen(["true"])  # nobody waits for it while the server runs
    os.waitid(os.P_PID, forgotten.pid, os.WEXITED | os.WNOWAIT)
    threading.Thread(target=_watch_child, args=(sys.argv[1],), daemon=True).start()
    app.run(port=0, preload=False)
