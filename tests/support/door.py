"""A listening socket of a test's own: threads meet who connects."""

import contextlib
import socket
import threading


class Door:
    """`meet(sock)` has each connection, in a thread of its own; it is closed when that is done. One
    that `meet` wraps in TLS is no longer the door's to cut: that ends when its client has gone.

    A thread closes what it waits for, and nobody else does: a number that is free goes to the next
    socket, of another test perhaps, whose bytes the thread would take."""

    def __init__(self, meet):
        self.meet = meet
        self.sockets = []  # as they came
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = "127.0.0.1:%d" % self.port
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        with self.listener, contextlib.suppress(OSError):
            while True:
                sock = self.listener.accept()[0]
                with self.lock:
                    self.sockets.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            with contextlib.suppress(OSError):
                self.meet(sock)
        finally:
            with self.lock:
                sock.close()

    def cut(self):
        """Ends the connections that there are."""
        with self.lock:
            for sock in self.sockets:
                end(sock)

    def close(self):
        """Nobody is let in any more; who is there is sent away."""
        end(self.listener)  # it wakes the thread, which a close() would not
        self.thread.join()
        self.cut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def end(sock):
    """Whoever reads there is woken, here and at the other end."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def copy(source, target):
    """All that comes, until either end has gone."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    end(source)
    end(target)


def pass_on(near, target, back=copy):
    """Connects `near` with `target`, a (host, port), until one of them ends; `back(far, near)` has
    what comes from there."""
    with socket.create_connection(target) as far:
        thread = threading.Thread(target=back, args=(far, near), daemon=True)
        thread.start()
        copy(near, far)
        thread.join()
