"""The provider's own documented answers: a ticket in the state that they describe renders to the same."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from mediaglot.gateway.accounts import Account
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import CreateJob, Page, PutThing, Request, Thing, headers
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Made, MediaFacts, Source, Status, Ticket
from mediaglot.gateway.registry import find

DOCUMENTED = Path(__file__).parent / "transparent_edge" / "documented"
ORDER = {
    "origin": "ftp://usuario:clave@ftp.tuservidor.com/otro.mp4",
    "destinations": ["ftp://usuario:clave@ftp.tuservidor.com"],
    "jobs": [
        {"label": "prioridad alta", "filename": "nombre.mp4", "profile_id": 92},
        {"label": "prioridad media", "filename": "nombre2.mp4", "profile_id": 86},
    ],
    "notifications": [{"email": "correo@tuservidor.com"}],
}
WORDS = {"FINISHED": Status.FINISHED, "ERROR": Status.FAILED}


def documented(name: str) -> Any:
    return json.loads((DOCUMENTED / name).read_text())


def ask(dialect: Dialect, method: str, path: str, body: bytes = b"") -> Any:
    kind = headers(authorization="Bearer fixture", content_type="application/x-www-form-urlencoded")
    return dialect.open(Request(method=method, path=f"/v1/media/42/{path}", headers=kind, body=body))


def profile(dialect: Dialect, number: int, name: str, **more: Any) -> Thing:
    sent = {"name": name, "video_format": "mpegts", "video_codec": "h264", **more}
    document = dialect.revise(PutThing(kind="profile", document=sent), None)
    return Thing(kind="profile", id=str(number), document=document)


def ticket(dialect: Dialect, number: str, created: str, status: str) -> Ticket:
    body = b"order=" + quote_plus(json.dumps(ORDER)).encode()
    intent = dialect.read(ask(dialect, "POST", "transcode/", body), Ledger())
    assert isinstance(intent, CreateJob)
    assert set(intent.needs) == {("profile", "92"), ("profile", "86")}
    things = [
        profile(dialect, 92, "Prueba escalado", video_width=640),
        profile(dialect, 86, "Test HLS", custom_profiles=[{"profile_type": "hls"}]),
    ]
    job = dialect.settle(intent.job, {(thing.kind, thing.id): thing for thing in things})
    facts = MediaFacts(container="mov", size=12118497, duration=Fraction("95.1428"))
    return Ticket(
        id=number,
        account="a",
        dialect=dialect.name,
        job=job,
        created=datetime.fromisoformat(created).astimezone(UTC),
        status=WORDS[status],
        sources=(Source(id="0", size=12118497, facts=facts),),
        outputs=tuple(Made(id=str(n), status=WORDS[status], progress=Fraction(1)) for n in range(len(job.outputs))),
    )


def answer(dialect: Dialect, path: str, result: Any) -> bytes:
    response = dialect.render_response(ask(dialect, "GET", path), result)
    assert (response.status, response.headers.get("Content-Type")) == (200, "application/json")
    return response.body


@pytest.mark.parametrize("path", ["transcode", "transcode/"])
def test_the_documented_list(path: str) -> None:
    dialect, wanted = find("transparent_edge"), documented("list.json")
    items = tuple(ticket(dialect, row["id"], row["created_on"], row["status"]) for row in wanted)
    told = answer(dialect, path, Page(items=items, total=len(items)))
    assert json.loads(told) == wanted
    assert told == json.dumps(wanted, separators=(",", ":")).encode(), "the keys are in the documented order"


def test_the_documented_detail() -> None:
    """With the option for a progress that stays 0, and its one order id in the comment as well."""
    dialect, wanted = find("transparent_edge,progress=zero"), documented("detail.json")
    made = ticket(dialect, wanted["order_id"], wanted["timestamp"], wanted["status"])
    told = answer(dialect, f"transcode/{made.id}", made)
    wanted["comment"] = re.sub(r"\d+-\d+", made.id, wanted["comment"])
    assert told == json.dumps(wanted, separators=(",", ":")).encode()


def test_the_detail_as_the_dashboard_shows_it() -> None:
    dialect, wanted = find("transparent_edge"), documented("detail.json")
    made = ticket(dialect, wanted["order_id"], wanted["timestamp"], wanted["status"])
    told = json.loads(answer(dialect, f"transcode/{made.id}/", made))
    assert [job["progress"] for job in told["transcodingjob_set"]] == [100.0, 100.0]
    assert "clave" not in json.dumps(told)


def test_new_orders_have_ids_and_sentences_that_clients_find() -> None:
    dialect = find("transparent_edge")
    made = ticket(dialect, "1789034411-4821", "2026-09-10 09:20:12+00:00", "FINISHED")
    for method, path in (("POST", "transcode"), ("POST", "transcode_requeue/1789034411-4821")):
        body = dialect.render_response(ask(dialect, method, path), made).body.decode()
        found = re.search(r"#(\S+)", body)
        assert found is not None
        assert found[1] == "1789034411-4821"


@pytest.mark.parametrize(
    ("client", "company", "allowed"), [("4f2a", "7", True), ("42/4f2a", "42", True), ("42/4f2a", "7", False)]
)
def test_companies_are_tenants(client: str, company: str, allowed: bool) -> None:
    dialect = find("transparent_edge")
    call = dialect.open(Request(path=f"/v1/media/{company}/transcode", headers=headers(authorization="Bearer fixture")))
    account = Account(id="a-1", user=client)
    if allowed:
        assert dialect.tenant(call, account).id == f"a-1.{company}"
    else:
        with pytest.raises(Exception, match="forbidden"):
            dialect.tenant(call, account)
