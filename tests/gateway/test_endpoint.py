"""Where a dialect meets a backend: answers, memory, and what is never shown."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from mediaglot.gateway.accounts import Account, Accounts
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.backends import Caller
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import GetJob, Intent, Request, Response, headers
from mediaglot.gateway.faults import Fault, NotFound, TooLarge, Unauthorized
from mediaglot.gateway.http import endpoint
from mediaglot.gateway.http.app import identify
from mediaglot.gateway.http.endpoint import Endpoint, Identity
from mediaglot.gateway.http.whereabouts import Site
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Secret, Ticket


class Shelves:
    """A backend with one ticket that counts how often it is asked."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket: Ticket | None = ticket
        self.asked: list[Caller] = []
        self.recalled = 0
        self.failing: Exception | None = None

    async def perform(self, intent: Intent, caller: Caller, ledger: Ledger) -> Any:
        self.asked.append(caller)
        if self.failing is not None:
            raise self.failing
        if self.ticket is None or not isinstance(intent, GetJob):
            raise NotFound(kind="job", id="7")
        return self.ticket

    def recall(self, intent: Intent, caller: Caller) -> Ticket | None:
        self.recalled += 1
        return self.ticket


def ask(user: str = "u", key: str = "k", path: str = "/job/7", pad: str = "") -> Request:
    return Request(method="POST", path=path, body=json.dumps({"user": user, "key": key, "pad": pad}).encode())


def identity(request: Request) -> Identity:
    return (request.method, request.path, request.query, request.body, (), request.site)


@pytest.fixture
def backend(ticket: Ticket) -> Shelves:
    return Shelves(ticket)


@pytest.fixture
def point(toy: Any, backend: Shelves) -> Endpoint:
    return Endpoint(toy, backend, Accounts(), recall=backend)


async def answer(point: Endpoint, request: Request) -> tuple[int, Any]:
    return told(await point.answer(request, identity(request)))


def told(response: Response | None) -> tuple[int, Any]:
    assert response is not None
    return response.status, json.loads(response.body)


async def test_a_request_is_performed_for_its_account(point: Endpoint, backend: Shelves) -> None:
    assert await answer(point, ask()) == (200, {"id": "7", "state": "waiting", "revision": 0})
    (caller,) = backend.asked
    assert (caller.account.user, caller.account.id) == ("u", Credential("u", Secret("k")).account)


@pytest.mark.parametrize(
    ("request_", "status", "error"),
    [
        (Request(method="POST", path="/job/7", body=b"{"), 400, "bad :"),
        (Request(method="POST", path="/job/7", body=b"{}"), 401, "who are you?"),
        (Request(method="POST", path="/x"), 404, "no /x here"),
    ],
)
async def test_every_refusal_is_in_the_dialects_own_shape(
    point: Endpoint, backend: Shelves, request_: Request, status: int, error: str
) -> None:
    found, body = await answer(point, request_)
    assert (found, body["error"].split(" unexpected")[0][: len(error)]) == (status, error)
    assert backend.asked == []


async def test_a_fault_of_the_backend_is_told(point: Endpoint, backend: Shelves) -> None:
    backend.ticket = None
    assert await answer(point, ask()) == (404, {"error": "no task 7"})


# --- memory -----------------------------------------------------------------------------------------


async def test_the_same_bytes_are_answered_from_memory(point: Endpoint, backend: Shelves) -> None:
    request = ask()
    assert point.recall(identity(request)) is None
    first = await point.answer(request, identity(request))
    second = point.recall(identity(request))
    assert second is not None
    assert second.body == first.body
    assert point.recall(identity(request)) is second
    assert len(backend.asked) == 1


async def test_a_ticket_that_moved_on_is_answered_anew(point: Endpoint, backend: Shelves) -> None:
    request = ask()
    await point.answer(request, identity(request))
    assert told(point.recall(identity(request)))[1]["revision"] == 0
    assert backend.ticket is not None
    backend.ticket = replace(backend.ticket, revision=5)
    assert told(point.recall(identity(request)))[1]["revision"] == 5


async def test_an_answer_with_a_signed_link_is_made_anew(toy: Any, backend: Shelves, monkeypatch: Any) -> None:
    links = iter(range(100))
    point = Endpoint(toy, backend, Accounts(), recall=backend, link=lambda path, **_: f"{path}?{next(links)}")
    route = replace(
        toy.routes[0], gives=lambda _, call, ticket: {"url": call.link(ticket.id), "more": call.link(ticket.id)}
    )
    monkeypatch.setattr(type(toy), "routes", (route,))
    request = ask(path=route.path.replace("{id}", "7"))
    await point.answer(request, identity(request))
    seen = {point.recall(identity(request)).body for _ in range(3)}
    assert len(seen) == 3, "each has a link of its own"


async def test_an_answer_that_shows_other_things_is_made_anew(toy_class: Any, backend: Shelves) -> None:
    class Showing(toy_class):  # type: ignore[misc]
        shown: tuple[tuple[str, str], ...] = ()

        def beside(self, call: Call, result: Any) -> tuple[tuple[str, str], ...]:
            return self.shown

    showing, request = Showing(), ask()
    point = Endpoint(showing, backend, Accounts(), recall=backend)
    await point.answer(request, identity(request))
    assert point.recall(identity(request)) is not None
    showing.shown = (("preset", "1"),)
    assert point.recall(identity(request)) is None, "the preset may have changed"


async def test_what_is_not_in_memory_is_asked_for(point: Endpoint, backend: Shelves) -> None:
    request = ask()
    await point.answer(request, identity(request))
    backend.ticket = None
    assert point.recall(identity(request)) is None


async def test_other_bytes_are_another_request(point: Endpoint) -> None:
    request = ask()
    await point.answer(request, identity(request))
    for other in (ask(key="K"), ask(path="/job/8"), ask(pad=" "), replace(request, query="x=1")):
        assert point.recall(identity(other)) is None


@pytest.mark.parametrize("changed", ["X-Api-Key", "Authorization", "Accept", "Content-Type"])
def test_other_headers_are_another_request(changed: str) -> None:
    """Whatever a dialect looks at, nobody gets the answer that somebody else has got."""
    known = {"X-Api-Key": "a", "Authorization": "b", "Accept": "c", "Content-Type": "d"}
    one, same, other = (
        identify(make_mocked_request("GET", "/job/7", headers=lines), "/job/7", b"", Site(""))
        for lines in (known, known, {**known, changed: "x"})
    )
    assert one == same
    assert one != other


@pytest.mark.parametrize("large", ["body", "query", "headers"])
async def test_nothing_large_is_remembered(point: Endpoint, large: str) -> None:
    """There are thousands of memories, and whoever asks chooses what is in them."""
    text = "x" * endpoint.LARGEST
    request = ask(pad=text) if large == "body" else ask()
    if large != "body":
        request = replace(request, **{large: headers(a=text) if large == "headers" else text})
    assert (await answer(point, request))[0] == 200
    assert point.recall(identity(request)) is None


async def test_a_revoked_account_is_refused_even_when_remembered(toy: Any, backend: Shelves) -> None:
    listed = [Credential("u", Secret("k"))]
    point = Endpoint(toy, backend, Accounts({"toy": listed}), recall=backend)
    request = ask()
    assert (await answer(point, request))[0] == 200
    assert point.recall(identity(request)) is not None
    listed.clear()
    with pytest.raises(Unauthorized):
        point.recall(identity(request))
    assert await answer(point, request) == (401, {"error": "who are you?"})
    assert len(backend.asked) == 1


async def test_a_credential_that_opens_another_account_now_is_asked_anew(
    toy: Any, backend: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts()
    point = Endpoint(toy, backend, accounts, recall=backend)
    request = ask()
    await point.answer(request, identity(request))
    monkeypatch.setattr(accounts, "admit", lambda *_: Account(id="other", user="u"))
    assert point.recall(identity(request)) is None


async def test_without_an_identity_or_when_long_nothing_is_remembered(point: Endpoint) -> None:
    await point.answer(ask())
    long = ask(pad="x" * endpoint.LARGEST)
    await point.answer(long, identity(long))
    assert point.recall(identity(ask())) is None
    assert point.recall(identity(long)) is None


async def test_memory_is_bounded_and_keeps_what_is_used(point: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "REMEMBERED", 3)
    used = ask(pad="used")
    await point.answer(used, identity(used))
    for number in range(10):
        request = ask(pad=str(number))
        await point.answer(request, identity(request))
        assert point.recall(identity(used)) is not None
    assert len(point._memories) == 3
    assert point.recall(identity(ask(pad="0"))) is None


async def test_without_a_backend_that_recalls_every_request_is_performed(toy: Any, backend: Shelves) -> None:
    point = Endpoint(toy, backend, Accounts())
    await point.answer(ask(), identity(ask()))
    assert point.recall(identity(ask())) is None


# --- mistakes of ours ---------------------------------------------------------------------------------


async def test_a_mistake_is_logged_with_a_reference_and_told_without_it(
    point: Endpoint, backend: Shelves, caplog: pytest.LogCaptureFixture
) -> None:
    backend.failing = ZeroDivisionError("the secret inside")
    with caplog.at_level(logging.ERROR):
        status, body = await answer(point, ask(key="hunter2"))
    assert (status, body) == (500, {"error": "our mistake"})
    assert "reference=" in caplog.text
    assert "ZeroDivisionError: the secret inside" in caplog.text
    assert "hunter2" not in caplog.text


async def test_an_answer_that_fails_is_our_mistake_as_well(
    toy: Any, toy_class: type[Any], backend: Shelves, caplog: pytest.LogCaptureFixture
) -> None:
    def gives(*_: Any) -> Any:
        raise KeyError("inside")

    class Clumsy(toy_class):  # type: ignore[misc]
        routes = (replace(toy_class.routes[0], gives=gives),)

    point = Endpoint(Clumsy(), backend, Accounts(), recall=backend)
    assert await answer(point, ask()) == (500, {"error": "our mistake"})
    assert "reference=" in caplog.text


async def test_a_fault_that_says_too_much_of_itself_is_not_repeated(point: Endpoint, backend: Shelves) -> None:
    backend.failing = Fault(reference="internal path /etc/passwd")
    assert await answer(point, ask()) == (500, {"error": "our mistake"})


async def test_a_request_too_large_to_read_is_refused_in_the_dialects_shape(point: Endpoint) -> None:
    assert told(point.refuse(Request(method="POST", path="/job/7"), TooLarge(limit=5))) == (400, {"error": "bad :"})
