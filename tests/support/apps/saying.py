"""Handlers that log what they are told: directly, in a thread of their own, and in the master's."""

import logging
import threading

import dora

app = dora.App()
log = logging.getLogger("saying")
log.setLevel(logging.INFO)


@app.api("/py/say")
def say(param):
    log.info(param)


@app.api("/py/thread")
def say_in_thread(param):
    """Nobody knows what a handler's own thread works for, unless it is told."""
    thread = threading.Thread(target=log.info, args=(param,))
    thread.start()
    thread.join()
