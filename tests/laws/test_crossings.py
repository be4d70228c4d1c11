"""The laws of clients and translations break where they should: what they say of reports and clients that lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from mediaglot.emulators.encoding_com.client import Client
from mediaglot.emulators.encoding_com.dialect import EncodingCom
from mediaglot.gateway import registry, translation
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Errand, Glimpse, Pass, Placed
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.faults import BadRequest
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Job, Status
from mediaglot.gateway.report import Report
from mediaglot.gateway.testing import crossing as laws
from mediaglot.gateway.testing.case import Notice, folders
from mediaglot.gateway.testing.crossing import Crossing, crossings

HONEST = EncodingCom()


def lying(**methods: Any) -> Dialect:
    """A dialect whose client is another one."""
    client_class: Any = type("Liar", (Client,), methods)

    class Liar(EncodingCom):
        client = client_class

    return Liar()


def test_every_dialect_with_a_client_meets_every_other_and_itself() -> None:
    able = [name for name in registry.names() if registry.find(name).client is not None]
    found = [(pair.one.name, pair.other.name) for pair in crossings(registry.names())]
    assert sorted(found) == sorted((one, other) for one in able for other in able)
    assert "encoding_com" in able


def changed(change: Callable[[Report], Report]) -> Any:
    def compare(*args: Any) -> Report:
        return change(real(*args))

    real = translation.compare
    return compare


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda report: replace(report, losses=()), "lost in silence"),
        (lambda report: replace(report, exact=report.exact[1:]), "settings without an entry"),
        (
            lambda report: replace(report, exact=(*report.exact, *(loss.path for loss in report.losses))),
            "exact there differs",
        ),
    ],
)
def test_a_report_that_lies_breaks_the_law(
    change: Callable[[Report], Report], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = laws.asked("tpstreams")
    job, notes = next(iter(jobs.values()))
    laws.check(Crossing(HONEST, HONEST), job, notes)
    monkeypatch.setattr(translation, "compare", changed(change))
    with pytest.raises(AssertionError, match=says):
        laws.check(Crossing(HONEST, HONEST), job, notes)


def found(self: Client, permit: Pass, marker: str = "") -> Errand[tuple[Glimpse, ...]]:
    return (yield from Client.find(self, permit))


def placed(self: Client, permit: Pass, job: Job, ledger: Ledger, **more: Any) -> Errand[Placed]:
    done = yield from Client.create(self, permit, job, ledger, **more)
    yield from self._do(permit, "SavePreset", name=f"p{done.id}", format={"output": "mp4"})
    return done


def looked(self: Client, permit: Pass, placed: Placed) -> Errand[Glimpse]:
    return replace((yield from Client.look(self, permit, placed)), status=Status.RUNNING)


def careless(self: Client, kind: str, response: Response) -> Mapping[str, Any]:
    if response.status != 200:
        raise BadRequest(reason="HTTP")
    return Client._answered(self, kind, response)


LIES: Mapping[str, tuple[Callable[[Dialect], None], Mapping[str, Any]]] = {
    "jobs with the marker": (laws.test_a_client_finds_its_job_again, {"find": found}),
    "what is seen of it": (laws.test_a_client_finds_its_job_again, {"look": looked}),
    "the requests": (laws.test_a_job_is_created_by_the_last_request, {"create": placed}),
    "the status": (laws.test_a_client_cancels_its_job, {"look": looked}),
    "presets": (laws.test_what_is_made_for_a_job_is_made_once, {"create": placed}),
    "HTTP 500": (laws.test_an_overloaded_provider_is_unavailable, {"_answered": careless}),
}


@pytest.mark.parametrize("says", LIES)
def test_a_client_that_lies_breaks_its_law(says: str) -> None:
    law, methods = LIES[says]
    law(HONEST)
    with pytest.raises(AssertionError, match=says):
        law(lying(**methods))


def test_news_of_another_job_break_the_law(monkeypatch: pytest.MonkeyPatch) -> None:
    notice = next(each for each in folders("encoding_com") if isinstance(each, Notice))
    laws.test_news_is_heard(notice)

    def hear(self: Client, request: Request) -> Glimpse:
        return Glimpse(id="1")

    monkeypatch.setattr(Client, "hear", hear)
    with pytest.raises(AssertionError, match="the job"):
        laws.test_news_is_heard(notice)
