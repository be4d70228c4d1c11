"""A handler that only waits for somebody slow steps aside: other work gets its place meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final

PLACE: Final[ContextVar[Callable[[], AbstractContextManager[None]]]] = ContextVar("place", default=nullcontext)
"""How the handler in whose context this is read gives its place away. An engine sets it; elsewhere nobody has one."""


def aside() -> AbstractContextManager[None]:
    """Inside of the block the place of the handler that has called this is free."""
    return PLACE.get()()


@contextmanager
def leaving(leave: Callable[[], None]) -> Iterator[None]:
    """Inside of the block ``leave`` is called too when the handler steps aside: nobody waits for it there either."""
    place = PLACE.get()

    def left() -> AbstractContextManager[None]:
        leave()
        return place()

    token = PLACE.set(left)
    try:
        yield
    finally:
        PLACE.reset(token)
