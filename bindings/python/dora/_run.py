"""App.run(): the calling program becomes the server's master, or one of its zygotes."""

from __future__ import annotations

import os
import sys
import threading

from . import _dora, _leave, _load

ZYGOTE = [sys.executable, "-m", "dora", "zygote"]

# The flags of `dora serve`; those that may stand several times take a list. All other options are
# keys of a configuration file, which the core knows.
FLAGS = ("config", "host", "port", "http", "admin", "unix", "workers", "advertise")
FLAGS_MANY = ("redis", "group")


def zygote(app: _dora.App | None) -> int:
    """Live as a zygote, and as the workers it forks; return the exit status."""
    if not _dora.is_zygote():
        print("dora zygote: only a running server starts this", file=sys.stderr)
        return 2
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)  # lines reach the log when printed
    pid = os.getpid()
    status = _dora.zygote(app)
    if os.getpid() != pid:
        _leave.leave(status)
    return status


def is_flag(name: str, value: object) -> bool:
    """Whether an option is a flag: `http` is one as a port, and a key as what it has inside."""
    return (name in FLAGS or name in FLAGS_MANY) and not isinstance(value, dict)


def plain(value: object) -> str:
    """What JSON has no form for: a path is its text."""
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise TypeError(f"run(): a setting cannot be {type(value).__name__}")


def settings(options: dict[str, object]) -> str | None:
    """Turn run()'s keyword options that are no flags into JSON; None where there are none."""
    chosen = {name: value for name, value in options.items()
              if value is not None and not is_flag(name, value)}
    if not chosen:
        return None
    import json  # most programs do without

    text = json.dumps(chosen, default=plain)
    _dora.check_options(text)
    return text


def arguments(options: dict[str, object]) -> list[str]:
    """Turn run()'s keyword options into flags of `dora serve`; those that are none are checked."""
    flags: list[str] = []
    settings(options)
    for name, value in options.items():
        if value is None or not is_flag(name, value):
            continue
        values = value if name in FLAGS_MANY and isinstance(value, (list, tuple)) else [value]
        for one in values:
            if isinstance(one, bool) or not isinstance(one, (str, int, os.PathLike)):
                raise TypeError(f"run(): {name} must be str or int, not {type(one).__name__}")
            flags.append(f"--{name}={os.fspath(one) if isinstance(one, os.PathLike) else one}")
    return flags


def program_file() -> str:
    """The file that runs as the program."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if file is None:
        raise RuntimeError("run() needs a program in a file; or use `dora serve FILE`")
    return os.path.abspath(file)


def run(app: _dora.App, options: dict[str, object]) -> None:
    """What App.run() does."""
    flags = arguments(options)
    _load.take_over(app)
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("run() must be called on the main thread")
    if _dora.is_zygote():
        raise SystemExit(zygote(app))
    file = program_file()
    os.environ.setdefault("DORA_PYTHON", sys.executable)
    again = [sys.executable, *sys.orig_argv[1:]]
    _leave.flush_std()
    argv = ["dora", "serve", *flags, "--", file]
    status = _dora.main(argv, ZYGOTE, again, file, settings(options))
    if status != 0:
        raise SystemExit(status)
