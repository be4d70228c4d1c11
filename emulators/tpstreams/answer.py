"""What each operation gives: the job object of section 2.0, pages, tokens, webhooks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from mediaglot.emulators.tpstreams.document import write_resolutions
from mediaglot.emulators.tpstreams.place import spelled
from mediaglot.emulators.tpstreams.request import ZONES, InvalidPage, asked, window
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import AccountFacts, Done, Page, Request, Response, Thing, Token
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Status, Ticket

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
DAY: Final = 86_400
PATH: Final = "/:@!$&'()*+,;=~"


# --- jobs -------------------------------------------------------------------------------------------


def job(dialect: Dialect, ticket: Ticket, *, lower: bool = False) -> Tree:
    """The job object, credentials of its places included, as the service does (3.5)."""
    said = ticket.job.document
    metadata = said.get("client_metadata")
    word = dialect.state(ticket.status, ticket.phase)
    own = said.get("source") == "input_path" and dialect.options["echo"] == "input_path"
    return {
        "id": ticket.id,
        "resolutions": list(said["resolutions"]) if "resolutions" in said else resolutions(ticket),
        "video_duration": duration(ticket, seconds=dialect.options["duration"] == "seconds"),
        "status": word.lower() if lower else word,
        "enable_drm": bool(said.get("enable_drm")),
        "drm_content_id": content_id(ticket),
        "input_path" if own else "input_url": spelled(ticket.job.inputs[0].location) if ticket.job.inputs else "",
        "output_path": output_path(ticket),
        "start_time": moment(ticket.started, dialect),
        "end_time": moment(ticket.finished, dialect) if ticket.status is Status.FINISHED else None,
        "type": "transcoding_job",
        "error_message": dialect.describe(ticket.trouble)
        if ticket.trouble and ticket.status is Status.FAILED
        else None,
        "client_metadata": None if metadata is None else json.loads(metadata),
    }


def resolutions(ticket: Ticket) -> list[str]:
    """Those of a job that came another way."""
    return [word for output in ticket.job.outputs for word in write_resolutions(output)["resolutions"]]


def output_path(ticket: Ticket) -> str:
    places = (place for output in ticket.job.outputs for place in output.destinations)
    return next((spelled(place) for place in places), "")


def content_id(ticket: Ticket) -> str | None:
    """32 hexadecimal digits that belong to the job, and to no key: nothing is encrypted here."""
    if not ticket.job.document.get("enable_drm"):
        return None
    digest = hashlib.sha256(f"{ticket.account}/{ticket.id}".encode()).digest()
    return UUID(bytes=digest[:16], version=4).hex


def duration(ticket: Ticket, *, seconds: bool) -> str | int | None:
    """The source's, in whole seconds; known once it has been probed, and kept whatever happens then (3.2)."""
    facts = ticket.sources[0].facts if ticket.sources else None
    if facts is None or facts.duration is None:
        return None
    whole = int(facts.duration + Fraction(1, 2))
    if seconds:
        return whole
    days, rest = divmod(whole, DAY)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} {clock}" if days else clock


def moment(time: datetime | None, dialect: Dialect) -> str | None:
    """ISO 8601 with the zone's offset; without the fraction where that is zero, and with Z in UTC (3.4)."""
    if time is None:
        return None
    local = time.astimezone(ZONES[dialect.options["zone"]])
    return local.isoformat().removesuffix("+00:00") + "Z" if local.tzinfo is UTC else local.isoformat()


def one(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    return job(dialect, ticket)


def cancelled(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    return {"message": "Job cancelled successfully."}


def jobs(dialect: Dialect, call: Call, page: Page[Ticket]) -> Tree:
    lower = dialect.options["lowercase_status"] == "webhook_and_list"
    return paged(dialect, call, page, [job(dialect, ticket, lower=lower) for ticket in page.items])


# --- lists ------------------------------------------------------------------------------------------


def paged(dialect: Dialect, call: Call, page: Page[Any], results: Sequence[Tree]) -> Tree:
    """One page with links to its neighbours. Raises InvalidPage for one beyond the end."""
    size = page.limit or int(dialect.options["page_size"])
    number, pages = page.offset // size + 1, max(1, -(-page.total // size))
    if number > pages:
        raise InvalidPage(kind="page")
    return {
        "count": page.total,
        "next": _link(dialect, call, number + 1) if number < pages else None,
        "previous": _link(dialect, call, number - 1) if number > 1 else None,
        "results": list(results),
    }


def whole(dialect: Dialect, call: Call, results: Sequence[Tree]) -> Tree:
    """A page of a list that is here as a whole."""
    wanted = window(call)
    size = wanted.limit or len(results)
    offset = max(len(results) - 1, 0) // size * size if wanted.last else wanted.offset
    part = results[offset : offset + size]
    return paged(dialect, call, Page(items=part, total=len(results), offset=offset, limit=size), part)


def _link(dialect: Dialect, call: Call, number: int) -> str:
    """This request's URL for another page: parameters by name, and the first page without its number."""
    others = [(key, value) for key, value in asked(call) if key != "page"]
    query = urlencode(sorted([*others, *([("page", str(number))] if number > 1 else [])], key=lambda pair: pair[0]))
    return address(dialect, call.request) + (f"?{query}" if query else "")


def address(dialect: Dialect, request: Request) -> str:
    """The request's own URL without its query, on the host that the client asked."""
    base, host, path = urlsplit(request.base), request.headers.get("Host"), quote(request.path, safe=PATH)
    if host.partition(":")[0].lower() in dialect.hosts:
        return f"{base.scheme}://{host}{path}"
    if base.hostname in LOOPBACK and re.fullmatch(r"[\w.:\[\]-]+", host, re.ASCII):
        return f"{base.scheme}://{host}{base.path}{path}"
    return request.base + path


# --- who --------------------------------------------------------------------------------------------


def token(dialect: Dialect, call: Call, issued: Token) -> Tree:
    return {"expiry": None, "token": issued.text.reveal()}


def nothing(dialect: Dialect, call: Call, done: Done) -> Response:
    return dialect.respond(call, 204, {})


def organizations(dialect: Dialect, call: Call, account: AccountFacts) -> Tree:
    return whole(dialect, call, [organization(call.account.user or alias(account.id))])


def alias(account: str) -> str:
    """An organization for a token that nobody issued: such a token opens every one, and this is one to begin with."""
    number = int(hashlib.sha256(account.encode()).hexdigest(), 16)
    return "".join("abcdefghijklmnopqrstuvwxyz0123456789"[number // 36**place % 36] for place in range(6))


def organization(uuid: str) -> Tree:
    """The signing values are invented; each organization keeps its own."""
    drawn = hashlib.sha512(uuid.encode()).hexdigest()
    return {"name": uuid, "uuid": uuid, "drm_aes_signing_iv": drawn[:32], "drm_aes_signing_key": drawn[32:96]}


# --- webhooks ---------------------------------------------------------------------------------------


def webhook(dialect: Dialect, call: Call, thing: Thing) -> Tree:
    return hook(thing)


def hook(thing: Thing) -> Tree:
    return {"url": thing.document["url"], "secret_token": thing.document["secret_token"], "id": thing.id}


def webhooks(dialect: Dialect, call: Call, page: Page[Thing]) -> Tree:
    return whole(dialect, call, [hook(thing) for thing in page.items])
