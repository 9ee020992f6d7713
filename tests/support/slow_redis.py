"""A Redis whose answers come late: a proxy before a real one."""

import contextlib
import queue
import socket
import threading
import time


class SlowRedis:
    """`with SlowRedis(redis, seconds) as slow`: each answer of `redis` comes so much later, however
    many questions are on their way."""

    def __init__(self, redis, seconds):
        self.port, self.seconds = redis.port, seconds
        self.door = socket.create_server(("127.0.0.1", 0))
        self.url = "redis://127.0.0.1:%d" % self.door.getsockname()[1]
        self._begin(self._accept)

    @staticmethod
    def _begin(work, *words):
        threading.Thread(target=work, args=words, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self.door.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.port))
                answers = queue.Queue()
                self._begin(self._ask, near, far)
                self._begin(self._hear, far, answers)
                self._begin(self._answer, answers, near)

    @staticmethod
    def _ask(near, far):
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                far.sendall(data)
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _hear(far, answers):
        data = b"x"
        while data:
            try:
                data = far.recv(65536)
            except OSError:
                data = b""
            answers.put((time.monotonic(), data))
        far.close()

    def _answer(self, answers, near):
        with contextlib.suppress(OSError):
            came, data = answers.get()
            while data:
                time.sleep(max(0.0, came + self.seconds - time.monotonic()))
                near.sendall(data)
                came, data = answers.get()
        near.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
