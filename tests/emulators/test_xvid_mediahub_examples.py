"""The documented answers: a ticket brought into the state that one describes gives it back, key for key."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mediaglot.emulators.xvid_mediahub import Dialect
from mediaglot.emulators.xvid_mediahub.answer import show
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.auth import Credential, signatures
from mediaglot.gateway.exchange import CreateJob, Headers, ListJobs, Page, Request
from mediaglot.gateway.faults import Internal, Invalid, NotFound, Unauthorized
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Made, Secret, Source, Status, Ticket

EXAMPLES = Path(__file__).parent / "xvid_mediahub"
STATES = {"SUCCESS": Status.FINISHED, "FAILURE": Status.FAILED}
BASE = "https://api.xvid.com"


def time(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_bytes())


def request(path: str, query: str = "", method: str = "GET", body: bytes = b"") -> Request:
    token = Headers(lines=(("Authorization", "Bearer abc"),))
    return Request(method=method, path=path, query=query, headers=token, body=body, base=BASE, site=BASE)


def ticket_of(tree: dict[str, Any]) -> Ticket:
    """What a client must have asked for, and what became of it, from the answer alone."""
    dialect, application = Dialect(), tree["application"]["id"]
    account = Account(id=f"{application}-1", user=application)
    asked = {key: tree.get(key) for key in ("user_data", "unique_custom_key", "title", "autograph", "playlists")}
    asked |= {"pipeline": tree["pipeline"], "input": {"input_name": tree["input"]["input_name"]}}
    asked["output_prefix"] = tree["output_prefix"]
    asked["outputs"] = [
        {key: output[key] for key in ("preset", "output_name", "thumbnails", "logos", "settings")}
        for output in tree["outputs"]
    ]
    post = replace(request("/v1/jobs/", method="POST", body=json.dumps({"job": asked}).encode()), received=time(0))
    call = replace(dialect.open(post), account=account)
    intent = dialect.read(call, Ledger())
    assert isinstance(intent, CreateJob)
    job = dialect.christen(intent.job, tree["id"])
    document = {**job.document, "received": tree["updated_at"], "user": tree["user"]["id"]}
    status = STATES[tree["status"]]
    started = time(tree["created_at"])
    outputs = tuple(
        Made(id=output["file"]["id"], status=status, started=started, ids=badges(output)) for output in tree["outputs"]
    )
    return Ticket(
        id=tree["id"],
        account=account.id,
        dialect=dialect.name,
        job=replace(job, document=document),
        created=started,
        updated=time(tree["finished_at"]),
        finished=time(tree["finished_at"]),
        status=status,
        progress=Fraction(tree["percentage_completed"], 100) / 2,
        sources=(Source(id=tree["input"]["file"]["id"]),),
        outputs=outputs,
    )


def badges(output: dict[str, Any]) -> dict[str, str]:
    rows = output["thumbnails"] or []
    found = {f"thumbnails.{number}": row["file"]["id"] for number, row in enumerate(rows)}
    return found | ({"zip": output["thumbnail_zip"]["file"]["id"]} if output["thumbnail_zip"] else {})


def test_a_single_job() -> None:
    dialect, wanted = Dialect(), example("job")
    path = f"/v1/jobs/{wanted['job']['id']}"
    call = dialect.open(request(path, "human=true&show_null=true"))
    answer = dialect.render_response(call, ticket_of(wanted["job"]))
    assert (answer.status, answer.body.decode()) == (200, json.dumps(wanted, indent=2))


def test_a_page_of_jobs() -> None:
    dialect, wanted = Dialect(), example("jobs")
    call = dialect.open(request("/v1/jobs/", "human=true&show_null=true&sort=created_at&start=200&limit=2"))
    intent = dialect.read(call, Ledger())
    assert isinstance(intent, ListJobs)
    assert (intent.window.offset, intent.window.limit, intent.window.sort) == (200, 2, "created")
    tickets = tuple(ticket_of(tree) for tree in wanted["jobs"])
    page = Page(items=tickets, total=wanted["total"], offset=200, limit=2)
    assert dialect.render_response(call, page).body.decode() == json.dumps(wanted, indent=2)


FAULTS = {
    "400": Invalid(field="id", reason="x"),
    "403": Unauthorized(reason="unknown"),
    "404": NotFound(kind="job", id="x"),
    "500": Internal(reference="r"),
}


@pytest.mark.parametrize("status", FAULTS)
def test_an_error(status: str) -> None:
    dialect = Dialect()
    call = dialect.open(request(f"/v1/jobs/{'0' * 24}"))
    answer = dialect.render_response(call, FAULTS[status])
    assert (answer.status, json.loads(answer.body)) == (int(status), example("errors")[status])


def test_the_signature_of_the_reference() -> None:
    secret = Secret("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v")
    text = (
        "/v1/files/downloads/?file_id=66aabbcc0123456789abcdef&redirect=true"
        "&client_id=66aabb000123456789abcd01&expiry_time=2000000000"
    )
    wanted = "66b7ae95e76ad52003f32dda2a11155fe8e77a87556841550d362eabb9584a63"
    assert signatures(secret, text) == (wanted,)
    path, _, query = text.partition("?")
    signed = Request(path=path, query=f"{query}&signature={wanted}")
    credential = Dialect.auth.claim(signed, {})
    assert isinstance(credential, Credential)
    assert credential.name == "66aabb000123456789abcd01"
    assert credential.signed is not None
    assert (credential.signed.text, int(credential.signed.until.timestamp())) == (text, 2_000_000_000)


def test_what_an_account_has_from_the_beginning_belongs_to_its_user() -> None:
    dialect, account = Dialect(), Account(id=f"{'66aabb00' * 3}-1", user="66aabb00" * 3)
    call = replace(dialect.open(request("/v1/users/")), account=account)
    found = {thing.kind: show(call, thing) for thing in dialect.provided(account) if thing.owner is not None}
    user = found.pop("user")
    assert found.keys() == {"application", "pipeline", "file"}
    assert {tree["user"].id for tree in found.values()} == {user["id"]}
