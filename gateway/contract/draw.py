"""Documents drawn from a schema: what a client might say of a list, in any combination. One seed draws the same."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.asking import Sample
from mediaglot.gateway.contract.judge import schemas
from mediaglot.gateway.contract.layout import with_values
from mediaglot.gateway.contract.scene import is_list, short_format
from mediaglot.gateway.contract.stage import Stage, Steps
from mediaglot.gateway.contract.variant import Atlas, Face
from mediaglot.gateway.testing.case import read_call
from mediaglot.gateway.wire.schema import stem

DRAWS: Final = 8
"""Requests for each operation and format."""


def draws(stage: Stage) -> Steps[None]:
    """Lists, asked for in ways that the schema of their requests allows."""
    for sample in stage.firsts(lambda each: is_list(each) and not each.wrong):
        name = f"{sample.operation} {short_format(sample.format)}"
        found = list(documents(stage, sample))
        if not found:
            stage.skip("drawn", name, "its requests say nothing")
        for number, values in enumerate(found):
            asked = with_values(stage.dialect, sample.request, values)
            request = stage.ready(asked) if asked is not None else None
            if request is None:
                continue
            refused = read_call(stage.dialect, request).fault is not None
            with stage.line("drawn", f"{name} {number}: {', '.join(sorted(values))}") as line:
                yield from stage.ask(line, request, stage.refusal(request) if refused else None)


def documents(stage: Stage, sample: Sample) -> Iterator[dict[str, str]]:
    """Values for some of the fields, as the schema of the operation allows them."""
    known, operation = schemas(stage.home), stem(sample.operation)
    name = next((each for each in (f"{operation}.query", f"{operation}.request") if each in known.names), None)
    if name is None:
        return
    credentials = stage.dialect.auth.sign({}, asking.ANYBODY).keys() | {"action"}
    atlas = Atlas(known.document)
    fields = {key: each for key, each in atlas.fields(atlas.face(name)).items() if key not in credentials}
    plain = sample.reading.call.tree
    for _ in range(DRAWS if fields else 0):
        chosen = stage.chance.sample(sorted(fields), k=stage.chance.randint(1, min(3, len(fields))))
        values = {key: found for key in chosen if (found := _text(atlas, fields[key], stage.chance)) is not None}
        if values and (name.endswith("query") or not known.check(name, {**plain, **values})):
            yield values


def _text(atlas: Atlas, face: Face, chance: Random) -> str | None:
    """A value that a schema for one field allows, as a query says it; None for what can't be said there."""
    value = atlas.value(face, chance)
    one = value[0] if isinstance(value, list) and value else value
    return str(one) if isinstance(one, (str, int, float)) and not isinstance(one, bool) else None
