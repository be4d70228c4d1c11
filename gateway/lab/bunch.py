"""Things that a test has set, by the ids that they were given: faults on the wire, fates of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, Protocol, TypeVar

MOST: Final = 1000


class Told(Protocol):
    @property
    def id(self) -> str: ...
    def tree(self) -> dict[str, Any]:
        """As it was set, with what came of it."""
        ...


Item = TypeVar("Item", bound=Told)


class Bunch(Generic[Item]):
    """``read`` makes one of its id and the document that it was set with; ids are ``letter`` and a number."""

    def __init__(self, letter: str, read: Callable[[str, Any], Item]) -> None:
        self._letter, self._read = letter, read
        self._items: dict[str, Item] = {}
        self._count = 0

    def add(self, document: Any) -> Item:
        """Raises ValueError, whose text says what to change."""
        if len(self._items) >= MOST:
            raise ValueError(f"there are {MOST} already; delete some")
        made = self._read(f"{self._letter}{self._count + 1}", document)
        self._count += 1
        self._items[made.id] = made
        return made

    def get(self, name: str) -> Item | None:
        return self._items.get(name)

    def remove(self, name: str) -> bool:
        return self._items.pop(name, None) is not None

    def clear(self) -> None:
        self._items.clear()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter([*self._items.values()])
