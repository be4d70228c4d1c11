"""What became otherwise between two sketches of one operation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.sketch import Place, Sketch, Trait, shown

NOTHING: Final = "null"
LEAST: Final = 2
"""Times that a field has to be seen in all of its objects before it is taken for one that is always there."""


def drift(operation: str, old: Sketch, new: Sketch) -> list[Finding]:
    """In the order of the places."""
    return [
        Finding(rule=rule, operation=operation, place=shown(place), message=message)
        for place in sorted(old.traits.keys() | new.traits.keys())
        for rule, message in _at(place, old, new)
    ]


def _at(place: Place, old: Sketch, new: Sketch) -> Iterator[tuple[str, str]]:
    if place not in new.traits:
        if _could_be(place, new):
            yield "vanished", f"was {_what(old, place)}, is there no more"
    elif place not in old.traits:
        if _could_be(place, old):
            yield "appeared", f"is {_what(new, place)}, was not there"
    else:
        yield from _between(old.traits[place], new.traits[place], exact=old.exact)
        yield from _presence(place, old, new)


def _could_be(place: Place, sketch: Sketch) -> bool:
    """Whether its absence says something: its object was there. Of a part that never came, nothing is known."""
    if len(place) == 1:
        return sketch.exact
    if place[-1] == "[]":
        return sketch.exact and place[:-1] in sketch.traits
    return bool(sketch.objects.get(place[:-1]))


def _what(sketch: Sketch, place: Place) -> str:
    trait = sketch.traits[place]
    kinds = " or ".join(sorted(trait.kinds)) or "anything"
    if sketch.exact or len(place) == 1:
        return kinds
    return f"{kinds} in {trait.count} of {sketch.objects.get(place[:-1], trait.count)}"


def _between(old: Trait, new: Trait, *, exact: bool) -> Iterator[tuple[str, str]]:
    gone, come = old.kinds - new.kinds, new.kinds - old.kinds
    if not exact and _by_chance(old.kinds, new.kinds):
        come = set()
    if come or (exact and gone):
        yield "type", f"was {_words(old.kinds)}, is {_words(new.kinds)}"
    if old.forms != new.forms and (exact or (len(old.forms) == 1 and old.forms.isdisjoint(new.forms) and new.forms)):
        yield "form", f"was {_words(old.forms)}, is {_words(new.forms)}"
    if old.words != new.words:
        yield "values", _listed(old.words, new.words)
    if old.bounds != new.bounds:
        yield "bounds", f"was {_words(old.bounds)}, is {_words(new.bounds)}"


def _by_chance(old: set[str], new: set[str]) -> bool:
    """Whether only one of them met the thing in a state in which there was nothing to say."""
    return NOTHING in old | new and (old == {NOTHING} or (new != {NOTHING} and new - old == {NOTHING}))


def _listed(old: set[str], new: set[str]) -> str:
    if not old or not new:
        return f"was {_words(old, 'any value')}, is {_words(new, 'any value')}"
    come = f"may be {_words(new - old)} now" if new - old else ""
    gone = f"is {_words(old - new)} no more" if old - new else ""
    return ", ".join(filter(None, (come, gone)))


def _presence(place: Place, old: Sketch, new: Sketch) -> Iterator[tuple[str, str]]:
    if len(place) == 1 or place[-1] == "[]":
        return
    was, now = old.always(place), new.always(place)
    if old.exact and was is not now:
        yield "presence", "was required, is optional" if was else "was optional, is required"
    elif was and not now and old.traits[place].count >= LEAST:
        yield "presence", f"was always there, is in {new.traits[place].count} of {new.objects[place[:-1]]}"


def _words(words: Iterable[str], none: str = "anything") -> str:
    return " or ".join(sorted(words)) or none


def compare(old: Mapping[str, Sketch], new: Mapping[str, Sketch]) -> dict[str, list[Finding]]:
    """Findings by operation, of those that are in both."""
    return {name: drift(name, old[name], new[name]) for name in sorted(old.keys() & new.keys())}
