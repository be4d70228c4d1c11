"""What the server writes about itself: one stream, one form, and no credential in it, tracebacks included."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final

from mediaglot.gateway.model import Secret, masked

FORM: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG: Final = logging.getLogger("mediaglot")


class MaskedFormatter(logging.Formatter):
    """Stars out credentials in the finished text: in messages, arguments, tracebacks and stacks alike."""

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        super().__init__(FORM)
        self._known = tuple(secret.reveal() for secret in known)

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record), self._known)


class Unread(logging.Filter):
    """Tells in one line of what came to the server and is no HTTP: its bytes may have a credential among them."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        if record.name == "aiohttp.server" and kind is not None and kind.__module__ == "aiohttp.http_exceptions":
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg = f"{record.msg}: it is no HTTP ({kind.__name__})"
            record.exc_info = record.exc_text = None
        return True


def configure(level: str, known: Iterable[Secret] = ()) -> None:
    """Log to standard error. ``known`` are secrets of the configuration, which are starred out wherever they turn up.

    Warnings and what ends the program or a thread go the same way.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(MaskedFormatter(known))
    handler.addFilter(Unread())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    sys.excepthook = _unexpected
    threading.excepthook = _unexpected_in_thread


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    LOG.critical("unexpected end", exc_info=(kind, error, trace))


def _unexpected_in_thread(args: Any) -> None:
    LOG.critical("unexpected end of a thread", exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
