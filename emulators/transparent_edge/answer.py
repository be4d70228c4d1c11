"""From results to answers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from mediaglot.emulators.transparent_edge import request as ask
from mediaglot.emulators.transparent_edge.order import shown_place
from mediaglot.emulators.transparent_edge.profile import ALLOWED, FIELDS
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import AccountFacts, Done, Page, Response, Thing, Token
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Made, Output, Status, Ticket

MINUTES_PLAN: Final = 0
"""Minutes that a contract includes; here there is none."""


def token(dialect: Dialect, call: Call, given: Token) -> Tree:
    text = given.text.reveal()
    return {
        "access_token": text,
        "token_type": "Bearer",
        "expires_in": ask.LIFETIME,
        "refresh_token": hashlib.sha256(f"refresh {text}".encode()).hexdigest(),
        "scope": " ".join(given.scopes),
    }


def revoked(dialect: Dialect, call: Call, done: Done) -> Tree:
    return {"message": "The token has been revoked"}


def user(dialect: Dialect, call: Call, facts: AccountFacts) -> Tree:
    number = int.from_bytes(hashlib.sha256(facts.id.encode()).digest()[:3], "big") + 1
    return {"id": number, "username": call.account.user, "email": "", "first_name": "", "last_name": ""}


# --- orders -----------------------------------------------------------------------------------------


def time_of(moment: datetime) -> str:
    """3.2: six digits, always, and the offset with a colon."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")


QUEUED: Final = "Transcoding order #{id} has been queued"
"""2.1: a client looks for the first ``#`` and takes what follows, up to a blank, for the id."""


def created(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    return {"message": QUEUED.format(id=ticket.id)}


def requeued(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    return {"message": f"{QUEUED.format(id=ticket.id)} again"}


def word(dialect: Dialect, ticket: Ticket) -> str:
    return dialect.state(ticket.status, ticket.phase)


def row(dialect: Dialect, ticket: Ticket) -> Tree:
    return {"id": ticket.id, "created_on": time_of(ticket.created), "status": word(dialect, ticket)}


def listed(dialect: Dialect, call: Call, page: Page[Ticket]) -> Any:
    rows, total = [row(dialect, ticket) for ticket in page.items], page.total
    offset, limit = ask.cut(call)
    wanted = ask.wanted_word(ask.filters_of(call))
    if ask.in_phase(wanted):
        rows = [each for each in rows if each["status"] == wanted]
        total = len(rows)
        rows = rows[offset:][:limit]
    if call.tree.get("output") != "std":
        return rows
    after = None if limit is None or offset + limit >= total else offset + limit
    before = None if limit is None or not offset else max(offset - limit, 0)
    return {"count": total, "next": beside(call, after), "previous": beside(call, before), "results": rows}


def beside(call: Call, offset: int | None) -> str | None:
    """The URL of another page; the first one names no offset."""
    if offset is None:
        return None
    query = dict(parse_qsl(call.request.query)) | {"offset": str(offset)}
    kept = {name: value for name, value in query.items() if (name, value) != ("offset", "0")}
    return f"{call.request.base}{call.request.path}?{urlencode(kept)}"


def detail(dialect: Dialect, call: Call | None, ticket: Ticket) -> Tree:
    """2.3, in the order of the documented example."""
    source = ticket.sources[0] if ticket.sources else None
    duration = source.facts.duration if source and source.facts else None
    jobs = [job(dialect, *pair) for pair in made(ticket)]
    first = jobs[0] if jobs else {"filename": "", "label": ""}
    return {
        "order_id": ticket.id,
        "transcodingupload_set": list(ticket.job.document.get("uploads", ())),
        "transcodingdownload": shown_place("download", ticket.job.inputs[0].location),
        "transcodingnotification_set": list(ticket.job.document.get("notifications", ())),
        "transcodingjob_set": jobs,
        "duration": None if duration is None else round(float(duration), 3),
        "size": source.size if source else None,
        "filename": first["filename"],
        "label": first["label"],
        "status": word(dialect, ticket),
        "timestamp": time_of(ticket.created),
        "comment": comment(dialect, ticket),
    }


def made(ticket: Ticket) -> list[tuple[Output, Made]]:
    """The outputs that are jobs of the order; thumbnails are not told of."""
    return [pair for pair in zip(ticket.job.outputs, ticket.outputs, strict=True) if "profile" in pair[0].document]


def job(dialect: Dialect, output: Output, each: Made) -> Tree:
    """3.4: percent, of this job's encoding."""
    progress = 0.0 if dialect.options["progress"] == "zero" else round(float(each.progress * 100), 2)
    said = {"filename": output.name or "", "label": output.label or ""}
    return {"profile": dict(output.document["profile"]), **said, "progress": progress}


def comment(dialect: Dialect, ticket: Ticket) -> str:
    if ticket.status is Status.FINISHED:
        return f"Order {ticket.id} finished"
    return f"Order {ticket.id} failed: {dialect.describe(ticket.trouble)}" if ticket.trouble else ""


# --- profiles and accounts --------------------------------------------------------------------------


def profile(dialect: Dialect, call: Call, thing: Thing) -> Tree:
    number, document = int(thing.id), thing.document
    customs = [{**each, "transcoding_profile": number} for each in document["custom_profiles"]]
    fields = {name: document[name] for name in FIELDS}
    return {"id": number, "company": int(call.params["company_id"]), **fields, "custom_profiles": customs}


def profiles(dialect: Dialect, call: Call, page: Page[Thing]) -> Any:
    return [profile(dialect, call, thing) for thing in page.items]


def gone(dialect: Dialect, call: Call, done: Done) -> Response:
    return Response(status=204)


def allowed(dialect: Dialect, call: Call, facts: AccountFacts) -> Tree:
    return {name: list(values) for name, values in ALLOWED.items()}


def minutes(dialect: Dialect, call: Call, page: Page[Thing]) -> Tree:
    """2.8: of each calendar month, what its finished orders took of their sources, once for each of their jobs."""
    since, until = ask.span(ask.filters_of(call))
    months: Counter[tuple[int, int]] = Counter()
    for thing in page.items:
        moment = datetime.fromisoformat(thing.document["created"])
        if (since is None or moment >= since) and (until is None or moment <= until):
            months[moment.year, moment.month] += thing.document["milliseconds"]
    rows = [
        {"duration": round(spent / 60_000, 2), "year": year, "month": month}
        for (year, month), spent in sorted(months.items())
    ]
    return {"minutes": rows, "minutes_plan": MINUTES_PLAN}


def consumed(ticket: Ticket) -> Mapping[str, Any] | None:
    """What ``minutes`` adds up, for an order that is finished."""
    facts = ticket.sources[0].facts if ticket.sources else None
    if ticket.status is not Status.FINISHED or facts is None or facts.duration is None:
        return None
    spent = round(facts.duration * 1000) * len(made(ticket))
    return {"created": ticket.created.astimezone(UTC).isoformat(), "milliseconds": spent}
