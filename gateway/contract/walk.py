"""The walk through a contract: all scenes in their order, on one stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mediaglot.gateway.contract import draw, labour, news, paging, scene, shelf, trail, venture
from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.stage import Stage, Steps, errand
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.translation import Untranslatable, client_of

SCENES: Final[Mapping[str, Callable[[Stage], Steps[None]]]] = {
    "look": scene.looks,
    "provided": scene.provided,
    "unknown": scene.strangers,
    "doors": scene.doors,
    "refused": scene.refusals,
    "format": scene.choices,
    "drawn": draw.draws,
    "job": labour.lives,
    "change": labour.changes,
    "news": news.news,
    "pages": paging.pages,
    "kept": shelf.things,
    "link": trail.trails,
    "drawn-job": venture.ventures,
    "token": shelf.leave,
}


def walk(stage: Stage, only: Iterable[str] = ()) -> Steps[None]:
    yield from enter(stage)
    wanted = set(only) or SCENES.keys()
    for name, play in SCENES.items():
        if name in wanted:
            yield from play(stage)


def enter(stage: Stage) -> Steps[None]:
    """Trade the login for what lets requests in. Without a client the fixtures' own credentials are used."""
    try:
        client = client_of(stage.dialect)
    except Untranslatable:
        return
    with stage.line("enter", "the account") as line:
        try:
            stage.permits.append((yield from errand(stage, line, client.enter(stage.login or client.example))))
        except Fault as fault:
            line.findings.append(
                Finding(rule="outcome", operation="", place="response", message=f"expected to be let in, found {fault}")
            )
