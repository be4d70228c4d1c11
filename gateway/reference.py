"""Answers that refer to other objects: short references, or the objects themselves where a client asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from mediaglot.gateway.exchange import Thing
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Ticket


class Ref(NamedTuple):
    """Stands for ``{"id": …, "href": …}``, with a name where there is one, or for the whole object."""

    kind: str
    id: str
    name: str | None = None


class Picture(NamedTuple):
    """A small picture of ours, by its path in the outputs, that is shown as a data URI. None is none."""

    path: str | None


SCALARS: Final = frozenset({str, int, float, bool, type(None)})
"""Nearly all of a document's values."""


@dataclass(slots=True, kw_only=True)
class Finish:
    """The last step of an answer's tree: references short or whole, nulls shown or left out at every depth.

    ``names`` are the kinds that are shown whole, one level deep; ``everything`` shows all of them, but for objects
    that the reference lies in itself. ``missing`` gathers what would be needed and is not in ``found``.
    """

    href: Callable[[str, str], str]
    """From a kind and an id."""
    whole: Callable[[Thing | Ticket], Tree]
    found: Mapping[tuple[str, str], Thing | Ticket]
    names: frozenset[str] = frozenset()
    everything: bool = False
    nulls: bool = False
    pictures: bool = False
    missing: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, value: Any, above: frozenset[str] = frozenset(), *, inside: bool = False) -> Any:
        if value.__class__ in SCALARS:
            return value
        if isinstance(value, Ref):
            return self._reference(value, above, inside=inside)
        if isinstance(value, Picture):
            return self._picture(value)
        if isinstance(value, dict):
            above = above | {value["href"]} if "href" in value else above
            items = [pair for pair in value.items() if self.pictures or not isinstance(pair[1], Picture)]
            tree = {}
            for key, item in items:
                finished = item if item.__class__ in SCALARS else self(item, above, inside=inside)
                if finished is not None or self.nulls:
                    tree[key] = finished
            return tree
        return [self(item, above, inside=inside) for item in value] if isinstance(value, list) else value

    def _reference(self, ref: Ref, above: frozenset[str], *, inside: bool) -> Any:
        where = self.href(ref.kind, ref.id)
        if (self.everything or (ref.kind in self.names and not inside)) and where not in above:
            thing = self.found.get((ref.kind, ref.id))
            if thing is not None:
                return self(self.whole(thing), above, inside=True)
            self.missing.append((ref.kind, ref.id))
        name = {} if ref.name is None else {"name": ref.name}
        return {"id": ref.id, **name, "href": where}

    def _picture(self, picture: Picture) -> str | None:
        if picture.path is None:
            return None
        content = self.found.get(("content", picture.path))
        if isinstance(content, Thing):
            return f"data:image/jpeg;base64,{content.document['base64']}"
        self.missing.append(("content", picture.path))
        return None
