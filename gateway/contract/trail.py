"""A scene of what answers lead to: single things at the ends of links, what can be done to them, playlists of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from typing import Any, Final

from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.asking import Sample
from mediaglot.gateway.contract.scene import short_format
from mediaglot.gateway.contract.shelf import kind_of, makes_one
from mediaglot.gateway.contract.stage import GOOD, Stage, Steps, Told
from mediaglot.gateway.contract.variant import ABSENT, Change, at, changed, inside
from mediaglot.gateway.exchange import DeleteThing, PutThing, Request, StreamFiles
from mediaglot.gateway.testing.case import read_call

SCENE: Final = "link"
FEW: Final = 5
"""Links to things of one kind that are followed, until one leads somewhere."""


def trails(stage: Stage) -> Steps[None]:
    """Each operation that links lead to and that was not exercised yet; then what plays such things or changes them."""
    seen: list[Told] = []
    done = {name for name, _ in stage.exercised}
    for name in [each for each in stage.links if each not in done]:
        found = yield from _followed(stage, name)
        seen += [found] if found is not None else []
    yield from _played(stage)
    for told in seen:
        for sample in _changes(stage, kind_of(told.judgement.reading.intent)):
            yield from _changed(stage, sample, told)


def thing_of(request: Request, stage: Stage) -> str:
    return asking.wanted_id(read_call(stage.dialect, request).intent)


def _followed(stage: Stage, name: str) -> Steps[Told | None]:
    """What our own jobs made comes first: it has to be there."""
    ours = {request: thing_of(request, stage) in stage.outputs for request in stage.links[name]}
    with stage.line(SCENE, name) as line:
        for request in sorted(ours, key=ours.__getitem__, reverse=True)[:FEW]:
            told = yield from stage.ask(line, request, GOOD if ours[request] else None)
            if told is not None and told.good:
                return told
    return None


# --- what can be done to it -------------------------------------------------------------------------------


def _changes(stage: Stage, kind: str) -> Iterator[Sample]:
    """Changes first: what was taken away can't be changed any more."""
    if any(makes_one(each) and kind_of(each.reading.intent) == kind for each in stage.samples):
        return  # those are made, changed and taken away elsewhere
    for verb in (PutThing, DeleteThing):
        for sample in stage.firsts(lambda each: not each.wrong and kind_of(each.reading.intent) == kind):
            if isinstance(sample.reading.intent, verb) and asking.wanted_id(sample.reading.intent):
                yield sample


def _changed(stage: Stage, sample: Sample, told: Told) -> Steps[None]:
    """It is told to be what it is; only what our own jobs made is taken away."""
    name, thing = f"{sample.operation} {short_format(sample.format)}", thing_of(told.request, stage)
    own = thing in stage.outputs
    if not stage.terms.write:
        stage.skip(SCENE, name, "--write lets things be told to be what they are, and files of our own jobs be deleted")
        return
    if isinstance(sample.reading.intent, DeleteThing) and not own:
        stage.skip(SCENE, name, "only what our own jobs made is taken away: --jobs N lets some be made")
        return
    request = _as_it_is(stage, sample, told, thing)
    ready = stage.ready(request) if request is not None else None
    if ready is not None:
        with stage.line(SCENE, name) as line:
            yield from stage.ask(line, ready, GOOD if own else None)


def _as_it_is(stage: Stage, sample: Sample, told: Told, thing: str) -> Request | None:
    """A fixture's request with the values that the thing has."""
    request = asking.with_id(stage.dialect, sample, thing)
    if request is None or not request.body:
        return request
    tree = read_call(stage.dialect, request).call.tree
    values = {place: at(told.judgement.tree, place) for place, _ in inside(tree)}
    same = [Change(place, _said_again(value)) for place, value in values.items()]
    return asking.with_tree(stage.dialect, request, reduce(changed, same, tree))


def _said_again(value: Any) -> Any:
    """What is not shown, or shown as stars, is left alone: nobody knows what it is."""
    hidden = isinstance(value, str) and value != "" and not value.strip("*")
    return ABSENT if hidden else value


# --- playlists --------------------------------------------------------------------------------------------


def _played(stage: Stage) -> Steps[None]:
    for sample in stage.firsts(lambda each: isinstance(each.reading.intent, StreamFiles) and not each.wrong):
        if not stage.outputs:
            stage.skip(SCENE, sample.operation, "no job that has ended here has told of its files: --jobs N")
            continue
        request = stage.ready(_of_files(sample, *next(iter(stage.outputs.items()))))
        if request is not None:
            with stage.line(SCENE, sample.operation) as line:
                yield from stage.ask(line, request)


def _of_files(sample: Sample, output: str, job: str) -> Request:
    intent: Any = sample.reading.intent
    query = sample.request.query
    for old, new in ((intent.job, job), *((each, output) for each in intent.outputs)):
        query = query.replace(old, new) if old else query
    return replace(sample.request, query=query)
