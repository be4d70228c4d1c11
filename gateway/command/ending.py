"""How a command that goes on for a while ends: when it is told to, as a whole, and with nothing left behind."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mediaglot.gateway.config import UserError

T = TypeVar("T")


def heed(tell: Callable[[int], object]) -> None:
    """``tell`` gets the number of each signal to end: SIGTERM, Ctrl-C, and that the terminal is gone, unless whoever
    started the command wants it to outlive that (nohup)."""
    deaf = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    for number in (signal.SIGTERM, signal.SIGINT, *(() if deaf else (signal.SIGHUP,))):
        asyncio.get_running_loop().add_signal_handler(number, tell, number)


def until_told(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns. The first signal to end cancels it, and no other one disturbs it while it clears up. The
    command's exit code is 128 and the signal's number then."""
    told: list[int] = []
    try:
        return asyncio.run(_heeding(work, told))
    except asyncio.CancelledError:
        if not told:
            raise
        raise SystemExit(128 + told[0]) from None


async def _heeding(work: Coroutine[Any, Any, T], told: list[int]) -> T:
    task = asyncio.ensure_future(work)

    def tell(number: int) -> None:
        if not told:
            task.cancel()
        told.append(number)

    heed(tell)
    return await task


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A temporary folder. Raises UserError where none can be made."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=f"mediaglot-{name}-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UserError(f"no temporary folder can be made: {error.strerror}; name a place in TMPDIR") from None
    with folder as path:
        yield Path(path)
