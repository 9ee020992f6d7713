"""Types of the C part. The docstrings stand in the C code; these are the shapes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, NoReturn, TypeVar, final
import builtins

from ._pending import PendingResult
from ._progress import Progress

_F = TypeVar("_F", bound=Callable[..., Any])
_File = str | PathLike[str]
_Nodes = str | Sequence[str] | Mapping[str, str] | Mapping[str, Sequence[str]]
_Calls = Mapping[Any, Any]
_Key = str | int
_Buffer = bytes | bytearray | memoryview

__version__: str

class Error(Exception):
    """A failed call."""

    code: int
    """The reply code."""
    msg: str
    """The text, as str() gives it."""
    retry_after_ms: int | None
    """In how many ms a server that had no room (100203) is likely to have it."""
    @property
    def not_run(self) -> bool:
        """True where the handler certainly did not run: sending the call again is safe."""

    def __init__(self, msg: str = "", code: int | None = None) -> None:
        """Without a code the class's own default stands."""

class TimeoutError(Error, builtins.TimeoutError):
    """No answer within the call's time (100009). The handler may have run."""

class ConnectionError(Error, builtins.ConnectionError):
    """No server to connect (100010), the connection broke (100009), the result is lost (100012)."""

class HandlerError(Error):
    """The handler failed; its code and message. A handler may raise it itself."""

class NotRunError(Error):
    """The call was refused before its handler ran (100202 to 100205, 100207, 100210,
    100212)."""

class Misfit(NotRunError):
    """In place of calling a handler: its parameter has the wrong shape (100210)."""

class Interrupted(BaseException):
    """What ends a handler that has not ended by itself; `except Exception` does not catch it."""

class TimeLimit(Interrupted):
    """The handler has run for as long as it may (100201)."""

class Cancelled(Interrupted):
    """Nobody wants the handler's result any more, or the server stops (100211)."""

@final
class Stream(Iterator[Any]):
    """The parts of one call, as Client.stream() returns it.

    Who leaves it before its end (cancel(), `with`, or by dropping it) has the handler ended.
    """

    def __next__(self) -> Any: ...
    @property
    def result(self) -> Any:
        """What the handler returned, once the last part was taken; before that RuntimeError."""

    @property
    def progress(self) -> Progress | None:
        """The newest Progress; None before there was one."""

    def cancel(self) -> None:
        """Have the handler ended, and wait for no more of it: iteration stops."""

    def close(self) -> None:
        """As cancel()."""

    def __enter__(self) -> Stream: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

@final
class Request:
    """What is known about the running call; made by Dora, and by tests."""

    def __new__(
        cls,
        name: str,
        param: Any = None,
        *,
        guid: str | None = None,
        type: str = "W_S",
        protocol: str = "tcp",
        connection: int = 1,
        trace: str = "",
        remaining_ms: int | None = None,
        caller: str | None = None,
        priority: str = "normal",
    ) -> Request: ...

    @property
    def name(self) -> str:
        """The api name called."""

    @property
    def param(self) -> Any:
        """The parameter, the handler's first argument."""

    @property
    def guid(self) -> str:
        """The call's id, 32 characters."""

    @property
    def type(self) -> str:
        """"W_S", "W_M" (call), "AN_S", "AN_M" (send), "AM_S" or "AM_M" (submit)."""

    @property
    def protocol(self) -> str:
        """How the call came: "tcp" (a Unix socket too) or "http"."""

    @property
    def connection(self) -> int:
        """A number for the caller's connection, unique in the server's life."""

    @property
    def trace(self) -> str:
        """The caller's W3C traceparent, "" when it sent none."""

    def progress(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Tell the caller of a stream how much is done, of how much, and a note."""

    @property
    def remaining_ms(self) -> int | None:
        """Milliseconds left of the caller's time, never below 0; None when it does not wait."""

    @property
    def caller(self) -> str | None:
        """Who calls: an identity of the server's configuration; None without one."""

    @property
    def priority(self) -> str:
        """How urgent the call is: "low", "normal" or "high"."""

@final
class Alone:
    """One call of an application in this process: the inside of App.call()."""

    def __new__(
        cls,
        app: App,
        name: str,
        param: Any = None,
        *,
        guid: str | None = None,
        type: str = "W_S",
        protocol: str = "tcp",
        connection: int = 1,
        trace: str = "",
        remaining_ms: int | None = None,
        caller: str | None = None,
        priority: str = "normal",
    ) -> Alone: ...
    def start(self) -> Any:
        """Call the handler, in the context that is entered; return what it returns."""

    def gives_parts(self, result: Any, /) -> bool:
        """Whether what the handler returned is a generator, whose parts are to be sent."""

    def part(self, value: Any, /) -> bool:
        """Add a part; False where it cannot be one."""

    def end(self, result: Any, error: BaseException | None, /) -> Any:
        """What a caller gets for `result`, or for `error` where that is not None."""

    @property
    def is_async(self) -> bool:
        """Whether starting it gives a coroutine."""

@final
class App:
    """An application: handlers by api name."""

    def __new__(
        cls, *, encode: Callable[[Any], Any] | None = None, typed: bool | None = None
    ) -> App:
        """`encode` is given what a result holds that has no place on the wire, and returns
        something that has one; NotImplemented or an exception where it cannot. `typed` says
        whether handlers' annotations count: None where there is pydantic 2."""

    @property
    def apis(self) -> tuple[str, ...]:
        """The registered api names, in order."""

    def api(
        self, name: str, /, *, summary: str | None = None, time_limit: float | None = None
    ) -> Callable[[_F], _F]:
        """Decorator: the function answers calls of `name`.

        It takes (param) or (param, request); where its parameters are all keyword-only they are the
        members of a map.
        """

    def fallback(self, function: _F, /) -> _F:
        """Decorator: the function answers every name that has no handler of its own."""

    def middleware(self, function: _F, /) -> _F:
        """Decorator: the function, (call_next, param, request), stands around every handler."""

    def call(
        self,
        name: str,
        param: Any = None,
        *,
        guid: str | None = None,
        type: str = "W_S",
        protocol: str = "tcp",
        connection: int = 1,
        trace: str = "",
        remaining_ms: int | None = None,
        caller: str | None = None,
        priority: str = "normal",
    ) -> Any:
        """Run a handler in this process as a worker does; return or raise what a client would."""

    async def acall(
        self,
        name: str,
        param: Any = None,
        *,
        guid: str | None = None,
        type: str = "W_S",
        protocol: str = "tcp",
        connection: int = 1,
        trace: str = "",
        remaining_ms: int | None = None,
        caller: str | None = None,
        priority: str = "normal",
    ) -> Any:
        """As call(), on the running event loop."""

    def close(self) -> None:
        """Run the stop hooks, where call() has run the start hooks."""

    async def aclose(self) -> None:
        """As close(), for what acall() has begun on this event loop."""

    @property
    def _hooks(self) -> tuple[list[Any], list[Any]]:
        """The start and the stop hooks: (function, takes_worker, is_async)."""

    @property
    def _alone(self) -> Any: ...
    @_alone.setter
    def _alone(self, value: Any) -> None: ...
    def worker_start(self, function: _F, /) -> _F:
        """Decorator: the function, () or (worker), runs in each new worker before any call."""

    def worker_stop(self, function: _F, /) -> _F:
        """Decorator: the function, () or (worker), runs in each worker that leaves."""

    def run(
        self,
        *,
        config: str | PathLike[str] | None = None,
        host: str | None = None,
        port: int | None = None,
        workers: int | None = None,
        http: int | None = None,
        admin: int | None = None,
        unix: str | PathLike[str] | None = None,
        redis: str | Sequence[str] | None = None,
        group: str | Sequence[str] | None = None,
        advertise: str | None = None,
        **settings: Any,
    ) -> None:
        """Start the server with this program as its application; return when it has stopped.

        The options are the flags of `dora serve`, and every key of a configuration file: those of
        the server, log={"level": 3}, and those of this program's own pool, time_limit_ms=500.
        TypeError for a name that is none, ValueError for a value that is not allowed; SystemExit
        carries a status that is not 0.
        """

@final
class Client:
    """A blocking client, which threads may share."""

    def __new__(
        cls,
        nodes: _Nodes,
        *,
        group: str | None = None,
        timeout: float | None = 3.0,
        retry: int = 0,
        wait: float = 0.0,
        sign: bool = False,
        salt: str | bytes | None = None,
        gzip: bool = False,
        frame_bytes_max: int = 2097152,
        encode: Callable[[Any], Any] | None = None,
        tls: bool = False,
        tls_ca: _File | None = None,
        tls_crl: _File | None = None,
        tls_cert: _File | None = None,
        tls_key: _File | None = None,
        tls_name: str | None = None,
        token: str | None = None,
        priority: str | None = None,
    ) -> Client:
        """`nodes` is "host:port" or "unix:/path", a list of these, or {group: str or list}.

        Or a registry, which is watched: "file:PATH" (a node file in JSON), "redis://host:port", or
        a list of such Redis; logger "dora" hears what is wrong with it. `timeout` is the seconds
        for a whole call, `retry` how often a call that may have run is sent again, `wait` how many
        seconds of its time a call waits for a server to come back. "tls://host:port" is spoken to
        over TLS; with `tls` every host and port is. ValueError for nodes that are no addresses, a
        group that is not there, and files of TLS that cannot be used.
        """

    def call(
        self,
        name: str,
        param: Any = None,
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> Any:
        """Call one api and return the handler's data.

        Raises HandlerError, NotRunError, TimeoutError, ConnectionError, Error.
        """

    def call_many(
        self,
        calls: _Calls,
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> dict[_Key, Any]:
        """Call several apis at once, {key: (name, param)}; return {key: data or Error}."""

    def send(
        self,
        name: str,
        param: Any = None,
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> None:
        """Have one api run and wait for no result; return once it is queued."""

    def send_many(
        self,
        calls: _Calls,
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> None:
        """Have several apis run and wait for no result; return once all are queued."""

    def submit(
        self,
        name: str,
        param: Any = None,
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> PendingResult:
        """Have one api run; what is returned is its guid (a str), with result()."""

    def submit_many(
        self,
        calls: _Calls,
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> PendingResult:
        """Have several apis run; what is returned is their guid (a str), with result()."""

    def collect(
        self, timeout: float | None = None, *, guids: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Wait for what was submitted: {guid: data or Error}; `guids` is which, None: all.

        For a submit_many(): {guid: {key: data or Error}}, or one Error for the whole of it.
        Never raises for one of them. None of them is pending afterwards.
        """

    def stream(
        self,
        name: str,
        param: Any = None,
        *,
        window: int | None = None,
        timeout: float | None = None,
        idle: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Stream:
        """Call an api that answers in parts, which are iterated over as they come.

        `window` is how many parts may be under way (64), `timeout` the seconds for all of it (None:
        as long as it goes on), `idle` those that the server may be silent (None: the client's
        timeout). `on_progress` is called with each Progress.
        """

    def _result(self, guid: str, timeout: float | None) -> Any:
        """Wait for one submission: its data or Error. TimeoutError leaves it outstanding."""

    def _is_done(self, guid: str, /) -> bool:
        """Whether nothing is to be waited for: it has come, or it is not outstanding."""

    def _seconds(self, timeout: float | None, /) -> float:
        """A timeout in seconds; None: the client's."""

    @property
    def pending(self) -> int:
        """How many submissions were not collected yet."""

    def close(self) -> None:
        """Close the connections and drop what is pending; later calls raise RuntimeError.

        Calls under way in other threads end first. Streams end, with a ConnectionError.
        """

    def __enter__(self) -> Client: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

@final
class Mux:
    """Many calls over few connections, without sockets: the inside of dora.AsyncClient."""

    def __new__(
        cls,
        nodes: _Nodes,
        *,
        group: str | None = None,
        timeout: float | None = 3.0,
        retry: int = 0,
        wait: float = 0.0,
        sign: bool = False,
        salt: str | bytes | None = None,
        gzip: bool = False,
        frame_bytes_max: int = 2097152,
        encode: Callable[[Any], Any] | None = None,
        tls: bool = False,
        tls_ca: _File | None = None,
        tls_crl: _File | None = None,
        tls_cert: _File | None = None,
        tls_key: _File | None = None,
        tls_name: str | None = None,
        token: str | None = None,
        priority: str | None = None,
        connections: int = 4,
    ) -> Mux: ...
    def start(
        self,
        mode: int,
        future: Any,
        result: Any,
        name: str,
        param: Any,
        timeout: float | None,
        retry: int | None,
        wait: float | None,
        group: str | None,
        trace: str | None,
        priority: str | None,
        /,
    ) -> int:
        """Begin a call of one api; return its number. `future` gets what comes of it."""

    def start_many(
        self,
        mode: int,
        future: Any,
        result: Any,
        calls: _Calls,
        timeout: float | None,
        retry: int | None,
        wait: float | None,
        group: str | None,
        trace: str | None,
        priority: str | None,
        /,
    ) -> int:
        """Begin a call of several apis; return its number."""

    def start_stream(
        self,
        inbox: Any,
        name: str,
        param: Any,
        window: int | None,
        idle: float | None,
        timeout: float | None,
        retry: int | None,
        wait: float | None,
        group: str | None,
        trace: str | None,
        priority: str | None,
        /,
    ) -> int:
        """Begin a call that is answered in parts; return its number. The inbox gets what comes."""

    def take(self, number: int, count: int, /) -> None:
        """So many more parts of a stream are done with."""

    def cancel(self, number: int, /) -> bool:
        """Forget a call; whether it was under way."""

    def events(self) -> list[tuple[int, int, Any, int]]:
        """Resolve futures; return (what, conn, host, port): 0 connect, 1 write, 2 close."""

    def connected(self, conn: int, /) -> None:
        """The connection is open."""

    def failed(self, conn: int, number: int, reason: str, /) -> None:
        """The connection could not be opened: an errno, and its text."""

    def closed(self, conn: int, number: int, /) -> None:
        """The connection has ended: an errno, 0 where the peer closed it."""

    def received(self, conn: int, data: _Buffer, /) -> None:
        """Bytes came."""

    def output(self, conn: int, /) -> bytes:
        """Take what is to be written next; b"" when there is nothing."""

    def tick(self) -> None:
        """End what has waited too long."""

    def seconds(self, timeout: float | None, /) -> float:
        """How long something that begins now may wait; None: the client's time."""

    def end(self) -> None:
        """End all calls with an error and close all connections."""

    @property
    def deadline_ns(self) -> int:
        """When tick() has something to do, by time.monotonic_ns(); 0: never."""

    @property
    def outstanding(self) -> int:
        """How many calls have not ended."""

    @property
    def is_usable(self) -> bool:
        """Whether calls can be started: not after end(), nor in a forked child."""

def pack(value: Any, *, bytes_max: int = 67108864) -> bytes:
    """Encode one value (PHP serialize)."""

def unpack(data: _Buffer, /) -> Any:
    """Decode exactly one value; ValueError gives the offset of the first bad byte."""

def frame_pack(
    guid: str | _Buffer,
    body: _Buffer,
    *,
    sign: bool = False,
    gzip: bool = False,
    salt: str | bytes | None = None,
    bytes_max: int = 0,
) -> bytes:
    """Frame around `body`; bytes_max 0 is 2 MiB."""

def frame_check(
    data: _Buffer,
    *,
    request: bool = False,
    sign: bool = False,
    gzip: bool = False,
    salt: str | bytes | None = None,
    bytes_max: int = 0,
) -> tuple[int, bytes | None, int, str] | None:
    """Decode the first frame: None while bytes are missing, else (used, body, code, msg)."""

def main(
    argv: Sequence[str],
    zygote: Sequence[str],
    again: Sequence[str] | None = None,
    again_app: str | None = None,
    options: str | None = None,
) -> int:
    """The `dora` program; returns its exit status."""

def check_options(options: str, /) -> None:
    """Look at options of run(), as JSON. TypeError or ValueError says what is wrong."""

def zygote(app: App | None = None, /) -> int:
    """Live as a zygote of a running server."""

def is_zygote() -> bool:
    """Whether this process was started by a server to be a zygote."""

def is_forked() -> bool:
    """Whether the application has forked this process from a zygote or a worker."""

def leave(status: int, /) -> NoReturn:
    """End the process; C's buffered output is written."""

def call_now() -> Any:
    """The call whose handler runs in this context, or None."""

def guarded(holder: object, function: Callable[..., Any], arguments: tuple[Any, ...], /) -> Any:
    """Call a function so that interrupt(holder, ...) raises in it, and not in what follows it."""

def interrupt(holder: object, text: str, /) -> None:
    """Raise what `text` tells of in what guarded() runs for `holder`, at its next step."""

def say_stuck(name: str, thread: int, /) -> None:
    """Log that `name`, which the call of this context runs in a thread, does not end."""

def log(level: int, tag: str, file: str, line: int, msg: str, /) -> bool:
    """Add a record to the server's log; False outside of one."""

def log_is_wanted(level: int, /) -> bool:
    """Whether the server's log keeps records of `level`, 1 to 9."""
