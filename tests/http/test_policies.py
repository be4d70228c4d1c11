"""How much may be lost, by who says so: the server, a provider, a route, an account, a request."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.http.endpoint import note_losses
from mediaglot.gateway.loss import Kind, Ledger, Policy, forbidden
from mediaglot.gateway.model import Average, Input, Job, Location, Output, Secret, Size, Ticket, Video
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.translation import write_job

pytestmark = pytest.mark.ffmpeg

SOURCE = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
RICH = Output(
    container="mp4",
    video=Video(codec="h264", size=Size(width=160, height=90), rate=Average(bitrate=200_000), profile="main"),
)
WIDE = "x" * 300
Answer = tuple[bool, Any]
Ask = Callable[..., Awaitable[Answer]]


def pair() -> tuple[str, str, Request]:
    """Two dialects, and a request in the first that the second takes, though not without a loss."""
    job = Job(inputs=(Input(location=Location(url=SOURCE)),), outputs=(RICH,))
    spoken = [name for name in registry.names() if registry.find(name).client is not None]
    for one, other in itertools.permutations(spoken, 2):
        asked = write_job(registry.find(one), job)
        told = write_job(registry.find(other), asked.got) if asked.got is not None else None
        if told is None or told.got is None:
            continue
        strictly, usually = (forbidden(told.report.losses, each) for each in (Policy.STRICT, Policy.ESSENTIAL))
        if len(asked.requests) == 1 and strictly and not usually:
            return one, other, asked.requests[0]
    raise AssertionError("nothing is lost between any two dialects")


ONE, OTHER, ASKED = pair()


def credential() -> Credential:
    """The one that the request comes with, as its own dialect reads it."""
    dialect = registry.find(ONE)
    found = Rehearsal(dialect).read(ASKED)[0].credential
    assert found is not None
    return found


@pytest.fixture
def ask(serve: Any, session: aiohttp.ClientSession, tmp_path: Path) -> Ask:
    """Asks a new server that has the job done elsewhere; whether it takes it, and the answer's headers and body."""
    numbers = itertools.count()

    async def start(header: str = "", *, provider: str = "", route: str = "", **settings: Any) -> Answer:
        login = {"user": "900", "secret": Secret("their-key"), "tenant": "42"}
        away = {"dialect": OTHER, "url": "http://127.0.0.1:9/p", **login, **({"policy": provider} if provider else {})}
        road = {"to": ["away"], **({"policy": route} if route else {})}
        folder = tmp_path / f"server {next(numbers)}"
        client = await serve(providers={"away": away}, routes=(road,), data=folder, **settings)
        lines = [*ASKED.headers, *([("Mediaglot-Policy", header)] if header else [])]
        url = f"{client.site}/{ONE}{ASKED.path}"
        async with session.request(ASKED.method, url, data=ASKED.body, headers=lines) as answer:
            body = await answer.read()
            return answer.status < 300 and b"error" not in body.lower(), (answer.headers, body)

    return start


def policies(header: str, account: str, route: str, provider: str, server: str) -> dict[str, Any]:
    listed = {(ONE, credential().account): account} if account else {}
    return {"header": header, "route": route, "provider": provider, "policy": server, "account_policies": listed}


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        (("", "", "", "", "essential"), True),
        (("", "", "", "", "strict"), False),
        (("", "", "", "warn", "strict"), True),
        (("", "", "strict", "warn", "warn"), False),
        (("", "warn", "strict", "strict", "strict"), True),
        (("", "strict", "warn", "warn", "warn"), False),
        (("strict", "warn", "warn", "warn", "warn"), False),
        (("Warn", "strict", "strict", "strict", "strict"), True),
    ],
)
async def test_the_narrowest_word_counts(said: tuple[str, str, str, str, str], taken: bool, ask: Ask) -> None:
    """Request before account before route before provider before server."""
    fine, (headers, _) = await ask(**policies(*said))
    assert fine is taken
    assert ("Mediaglot-Losses" in headers) is taken


async def test_a_header_loosens_no_further_than_it_may(ask: Ask) -> None:
    assert (await ask("silent", policy="strict", loosest_policy="strict"))[0] is False
    fine, (headers, _) = await ask("silent", loosest_policy="warn")
    assert (fine, headers["Mediaglot-Policy"]) == (True, "warn")


async def test_a_word_that_is_no_policy_is_refused_in_the_clients_own_dialect(ask: Ask) -> None:
    fine, (headers, body) = await ask("lenient")
    assert not fine
    assert "Mediaglot-Losses" not in headers
    assert b"lenient" not in body


async def test_losses_are_a_line_of_the_log_unless_they_are_let_pass_in_silence(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mediaglot")

    def lines() -> list[Any]:
        told = (record.getMessage() for record in caplog.records)
        return [json.loads(line.removeprefix("losses ")) for line in told if line.startswith("losses {")]

    await ask("silent")
    assert lines() == []
    _, (headers, _) = await ask("warn")
    (line,) = lines()
    assert (line["dialect"], line["strictness"], line["summary"]) == (ONE, "warn", headers["Mediaglot-Losses"])
    assert {each["kind"] for each in line["losses"]} <= {"approximated", "defaulted", "dropped", "unread"}
    assert credential().secret.reveal() not in caplog.text


def test_a_text_without_end_is_told_in_the_log_by_its_length(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mediaglot")
    ledger = Ledger()
    ledger.note(Kind.DROPPED, "http%3A%2F%2F" * 1000, wanted=WIDE, got="y" * 301)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    note_losses(Ticket(id="1", dialect="any", account="", job=Job(), created=now), ledger)
    (line,) = (record.getMessage() for record in caplog.records)
    assert json.loads(line.removeprefix("losses "))["losses"] == [
        {
            "kind": "dropped",
            "path": "13000 characters",
            "wanted": "x" * 300,
            "got": "301 characters",
            "essential": False,
        }
    ]


async def test_work_that_is_done_here_minds_the_strict_policy_alone(serve: Any, session: aiohttp.ClientSession) -> None:
    """A setting that the dialect itself leaves unread is a loss too."""
    client = await serve(backend="simulated")
    query = {"userid": "100", "userkey": "any", "action": "AddMedia", "source": SOURCE, "format": {"output": "mp4"}}
    taken = {}
    for policy in ("", "essential", "strict"):
        form = aiohttp.FormData({"json": json.dumps({"query": query | {"never_heard_of": "1"}})})
        headers = {"Mediaglot-Policy": policy} if policy else {}
        async with session.post(f"{client.site}/encoding_com/", data=form, headers=headers) as answer:
            taken[policy] = "MediaID" in await answer.text()
    assert taken == {"": True, "essential": True, "strict": False}
