"""Values of the model made of others: with some attributes changed, or with an eye on who looks at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from mediaglot.gateway.model.quick import changing, copier

T = TypeVar("T")
_CHANGING: Final[dict[type, Callable[[Any, Mapping[str, Any]], Any]]] = {}


def replace(item: T, /, **changes: Any) -> T:
    """As ``dataclasses.replace``, in a third of the time: for classes whose slots are nothing but their attributes."""
    cls = item.__class__
    if cls not in _CHANGING:
        _CHANGING[cls] = changing(cls)
    made: T = _CHANGING[cls](item, changes)
    return made


def watched(item: T, seen: set[str]) -> T:
    """The same value; the names of its attributes go to ``seen`` as they are looked at."""
    cls: Any = item.__class__
    made: T = object.__new__(_watching(cls))
    _copier(cls)(made, item)
    object.__setattr__(made, "_seen", seen)
    return made


_copier: Final = cache(copier)


@cache
def _watching(cls: Any) -> type[Any]:
    def look(self: Any, name: str) -> Any:
        object.__getattribute__(self, "_seen").add(name)
        return object.__getattribute__(self, name)

    return type(cls.__name__, (cls,), {"__slots__": ("_seen",), "__getattribute__": look})
