"""A Redis whose answers come late: a proxy before a real one."""

import contextlib
import queue
import threading
import time

from .door import Door, end, pass_on


class SlowRedis(Door):
    """`with SlowRedis(redis, seconds) as slow`: each answer of `redis` comes so much later, however
    many questions are on their way."""

    def __init__(self, redis, seconds):
        self.seconds = seconds
        super().__init__(lambda near: pass_on(near, ("127.0.0.1", redis.port), self._back))
        self.url = "redis://" + self.address

    def _back(self, far, near):
        answers = queue.Queue()
        thread = threading.Thread(target=self._answer, args=(answers, near), daemon=True)
        thread.start()
        data = b"x"
        while data:
            try:
                data = far.recv(65536)
            except OSError:
                data = b""
            answers.put((time.monotonic(), data))
        thread.join()

    def _answer(self, answers, near):
        with contextlib.suppress(OSError):
            came, data = answers.get()
            while data:
                time.sleep(max(0.0, came + self.seconds - time.monotonic()))
                near.sendall(data)
                came, data = answers.get()
        end(near)
