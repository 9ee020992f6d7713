"""Python's logging into the server's log."""

from __future__ import annotations

import logging
import sys

from . import _dora

# The log's levels, as core/include/dora/handler.h numbers them.
DEBUG, NOTICE, INFO, ERROR, EMERGENCY, EXCEPTION, ALL = 1, 3, 4, 5, 6, 7, 9


class LogHandler(logging.Handler):
    """Sends records to the server's log; outside a server, to stderr.

    DEBUG is level 1 (debug), INFO 4, WARNING 3 (notice), ERROR 5, CRITICAL 6 (emergency); a record
    with an exception is 7 and carries the traceback. Logger name, file and line go with it.
    """

    __module__ = "dora"

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record. Never waits, and never raises for what cannot be formatted."""
        try:
            text = self.format(record)
            level = EXCEPTION if record.exc_info else level_of(record.levelno)
            if not _dora.log(level, record.name, record.pathname, record.lineno, text):
                print(text, file=sys.stderr)
        except Exception:
            self.handleError(record)


def level_of(number: int) -> int:
    """The log's level for one of logging's."""
    if number >= logging.CRITICAL:
        return EMERGENCY
    if number >= logging.ERROR:
        return ERROR
    if number >= logging.WARNING:
        return NOTICE
    return INFO if number >= logging.INFO else DEBUG


def before_load() -> None:
    """While an application loads, logging is as without Dora; but what nobody handles is logged."""
    logging.lastResort = LogHandler(logging.WARNING)


def after_load() -> None:
    """Give the root logger our handler, unless the application set up a place of its own."""
    root = logging.getLogger()
    if root.handlers and not _is_default(root.handlers):
        return
    root.handlers[:] = [LogHandler()]
    if root.level == logging.WARNING:  # logging's default
        root.setLevel(_threshold())


def _is_default(handlers: list[logging.Handler]) -> bool:
    """Whether basicConfig() made them without being told a place or a form: plainly on stderr."""
    one = handlers[0]
    return (
        len(handlers) == 1
        and type(one) is logging.StreamHandler
        and one.stream is sys.stderr
        and one.level == logging.NOTSET
        and not one.filters
        and getattr(one.formatter, "_fmt", None) == logging.BASIC_FORMAT
    )


def _threshold() -> int:
    """The least level of logging that the server's log has use for."""
    if _dora.log_is_wanted(ALL):
        return logging.DEBUG
    if _dora.log_is_wanted(INFO):
        return logging.INFO
    return logging.WARNING if _dora.log_is_wanted(NOTICE) else logging.ERROR
