"""AsyncClient's connections: bytes between a socket of asyncio and the mux."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._async import AsyncClient

_FULL_S = 0.01  # between two tries at a Unix socket whose backlog is full, as the core has it


async def connect_local(path: str) -> socket.socket:
    """A connection to a Unix socket. asyncio takes one with a full backlog for connected."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        while True:
            try:
                made.connect(path)
                return made
            except BlockingIOError:
                await asyncio.sleep(_FULL_S)
    except BaseException:
        made.close()
        raise


class Link(asyncio.Protocol):
    """One connection."""

    __slots__ = ("client", "conn", "paused", "transport")

    def __init__(self, client: AsyncClient, conn: int) -> None:
        self.client = client
        self.conn = conn
        self.paused = False
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        # What the transport keeps may have been sent: it keeps nothing but the rest of one write.
        self.transport.set_write_buffer_limits(high=0)
        self.client._made(self)

    def data_received(self, data: bytes) -> None:
        client = self.client
        client._mux.received(self.conn, data)
        client._pump()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.write()
        self.client._pump()

    def connection_lost(self, error: Exception | None) -> None:
        self.client._lost(self, error)

    def write(self) -> None:
        output = self.client._mux.output
        while not self.paused:
            data = output(self.conn)
            if not data:
                return
            self.transport.write(data)
