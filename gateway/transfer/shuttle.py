"""Blocking work on sockets, off the event loop and yet cancelled at once."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

S = TypeVar("S", bound=socket.socket)
T = TypeVar("T")


class Shuttle:
    """One piece of work in a thread of its own. It must ``hold`` every socket it waits for.

    A cancelled caller shuts these sockets down, so that the work fails where it stands, and waits until it has ended.
    All sockets are closed at the end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[socket.socket] = set()
        self._left = False

    def hold(self, held: S, instead: socket.socket | None = None) -> S:
        """Raises ConnectionAbortedError when the caller has left. ``instead`` is forgotten: TLS took it over."""
        with self._lock:
            if not self._left:
                self._held.discard(instead) if instead is not None else None
                self._held.add(held)
                return held
        held.close()
        raise ConnectionAbortedError

    def drop(self, held: socket.socket) -> None:
        """Close it before the end."""
        with self._lock:
            self._held.discard(held)
        held.close()

    async def run(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if error is None:
                done.set_result(result)  # type: ignore[arg-type]  # a result, where there is no error
            else:
                done.set_exception(error)

        def body() -> None:
            try:
                outcome: tuple[T | None, BaseException | None] = (work(), None)
            except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
                outcome = (None, error)
            finally:
                self._close()
            loop.call_soon_threadsafe(settle, *outcome)

        threading.Thread(target=body, name="transfer", daemon=True).start()
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await self._end(done)
            raise

    async def _end(self, done: asyncio.Future[T]) -> None:
        while not done.done():
            self.leave()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([done])
        done.exception()

    def leave(self) -> None:
        """Let the work fail where it stands."""
        with self._lock:
            self._left = True
            for held in self._held:
                with contextlib.suppress(OSError):
                    # Only that wakes a thread which waits. Not the method of a TLS socket, which takes its state away
                    # from under the thread.
                    socket.socket.shutdown(held, socket.SHUT_RDWR)

    def _close(self) -> None:
        with self._lock:
            while self._held:
                self._held.pop().close()
