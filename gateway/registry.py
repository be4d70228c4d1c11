"""Finds dialects by name: the emulators folder first, then the entry-point group ``mediaglot.dialects``.

A name may carry options: ``acme,strict_slash=true``. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from mediaglot.gateway.dialect import Dialect

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "mediaglot.dialects"
EMULATORS = "mediaglot.emulators"


class UnknownDialect(LookupError):
    """No dialect has that name; the message says which ones there are."""


def names() -> tuple[str, ...]:
    """All installed dialects, in alphabetical order."""
    folders = {module.name for module in pkgutil.iter_modules(import_module(EMULATORS).__path__) if module.ispkg}
    return tuple(sorted(folders | {point.name for point in entry_points(group=GROUP)}))


def entry_points(group: str) -> Iterable[EntryPoint]:
    from importlib import metadata  # noqa: PLC0415 - takes as long to load as a dialect, and a server starts without

    return metadata.entry_points(group=group)


def find(spec: str) -> Dialect:
    """The dialect for ``name`` or ``name,option=value,...``. Raises UnknownDialect, or ValueError for an option."""
    name, _, rest = spec.partition(",")
    options = {}
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            hint = "; it is a dialect, to be named by itself (in a variable, after ';')" if part in names() else ""
            raise ValueError(f"{part!r} is not an option such as name=value{hint}")
        options[key.strip()] = value.strip()
    return _class(name.strip())(**options)


class Dialects(Mapping[str, Dialect]):
    """Dialects by name, each loaded when it is first asked for. Without ``specs``, all that are installed.

    What is named is checked at once: raises UnknownDialect, or ValueError for an option.
    """

    def __init__(self, specs: Sequence[str] = ()) -> None:
        self._loaded = {dialect.name: dialect for dialect in map(find, specs)}
        self._named = tuple(self._loaded) if specs else None

    def __getitem__(self, name: str) -> Dialect:
        if name not in self._loaded:
            if name not in self._names:
                raise KeyError(name)
            self._loaded[name] = find(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return names() if self._named is None else self._named


@cache
def _class(name: str) -> type[Dialect]:
    if name in {module.name for module in pkgutil.iter_modules(import_module(EMULATORS).__path__)}:
        found = import_module(f"{EMULATORS}.{name}").Dialect
    else:
        points = [point for point in entry_points(group=GROUP) if point.name == name]
        if not points:
            near = difflib.get_close_matches(name, names(), 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names())}"
            raise UnknownDialect(f"no dialect is called {name!r}: {hint}")
        found = points[0].load()
    if not (isinstance(found, type) and issubclass(found, Dialect)):
        raise TypeError(f"{name} does not give a Dialect")
    return found
