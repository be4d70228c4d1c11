"""Finds dialects by name: the emulators folder first, then the entry-point group ``mediaglot.dialects``.

A name may carry options: ``acme,strict_slash=true``. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import difflib
import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from mediaglot.gateway.dialect import Dialect

GROUP = "mediaglot.dialects"
EMULATORS = "mediaglot.emulators"


class UnknownDialect(LookupError):
    """No dialect has that name; the message says which ones there are."""


def names() -> tuple[str, ...]:
    """All installed dialects, in alphabetical order."""
    folders = {module.name for module in pkgutil.iter_modules(import_module(EMULATORS).__path__) if module.ispkg}
    return tuple(sorted(folders | {point.name for point in entry_points(group=GROUP)}))


def find(spec: str) -> Dialect:
    """The dialect for ``name`` or ``name,option=value,...``. Raises UnknownDialect, or ValueError for an option."""
    name, _, rest = spec.partition(",")
    options = {}
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is not an option such as name=value")
        options[key.strip()] = value.strip()
    return _class(name.strip())(**options)


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
