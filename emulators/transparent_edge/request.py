"""From requests to intents, all but the orders. Section numbers are those of the provider reference (README.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from mediaglot.emulators.transparent_edge import profile
from mediaglot.gateway import exchange
from mediaglot.gateway.auth import basic
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import PART, Filter, IssueToken, ListJobs, PutThing, Window
from mediaglot.gateway.faults import BadRequest, Busy, Fault, Invalid, Unauthorized
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Pair, Record, Tree, is_empty, read_scalar
from mediaglot.gateway.model import Secret, Status
from mediaglot.gateway.trait import Complaint
from mediaglot.gateway.values import TEXT
from mediaglot.gateway.wire.form import pairs

PROFILE: Final = "profile"
ID: Final = f"{PART}id"
MINUTES: Final = "minutes"
LIFETIME: Final = 36_000
SCOPES: Final = ("read", "write")
CLIENT_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")


class BadGrant(BadRequest):
    """The kind of grant is absent or unknown."""

    code = "bad_grant"


class BadScope(BadRequest):
    """A scope is unknown."""

    code = "bad_scope"


OAUTH: Final[Mapping[type[Fault], Complaint]] = {
    Unauthorized: Complaint(401, "invalid_client", evidence="client"),
    BadGrant: Complaint(400, "unsupported_grant_type", evidence="proposed"),
    BadScope: Complaint(400, "invalid_scope", evidence="proposed"),
    BadRequest: Complaint(400, "invalid_request", evidence="proposed"),
    Busy: Complaint(429, "temporarily_unavailable", evidence="proposed"),
    Fault: Complaint(500, "server_error", evidence="proposed"),
}
"""How the token endpoint says no."""

# --- tokens: section 1.2 ----------------------------------------------------------------------------


def token(call: Call, ledger: Ledger) -> IssueToken:
    form = {name: value.decode("utf-8", "replace") for name, value in pairs(call.request.body)}
    if form.get("grant_type") != "client_credentials":
        raise BadGrant
    name, secret = basic(call.request.headers.get("Authorization"))
    name, secret = form.get("client_id", name), form.get("client_secret", secret)
    if not name or not secret:
        raise Unauthorized(reason="missing")
    if not CLIENT_ID.fullmatch(name) or len(secret) > 500:
        raise Unauthorized(reason="malformed")
    scopes = tuple(form.get("scope", "").split()) or SCOPES
    if not set(scopes) <= set(SCOPES):
        raise BadScope
    return IssueToken(name=name, secret=Secret(secret), lifetime=LIFETIME, scopes=tuple(dict.fromkeys(scopes)))


def revoke(call: Call, ledger: Ledger) -> exchange.RevokeToken:
    assert call.credential is not None  # noqa: S101 - the route is not public
    return exchange.RevokeToken(token=call.credential.secret)


# --- lists: section 2.2 -----------------------------------------------------------------------------

WORDS: Final[Mapping[str, frozenset[Status]]] = {
    "QUEUED": frozenset({Status.QUEUED, Status.HELD}),
    **dict.fromkeys(("DOWNLOADING", "TRANSCODING", "UPLOADING"), frozenset({Status.RUNNING})),
    "FINISHED": frozenset({Status.FINISHED}),
    "ERROR": frozenset({Status.FAILED}),
}


def list_orders(call: Call, ledger: Ledger) -> ListJobs:
    filters = filters_of(call)
    word = wanted_word(filters)
    since, until = span(filters)
    wanted = Filter(
        statuses=WORDS[word] if word else None,
        created_from=since,
        created_to=until,
        id=said(filters, "order_id"),
        parts={ID: str(call.tree["search"]).lower()} if call.tree.get("search") else {},
        facets={f"profile_name:{name}": "yes"} if (name := said(filters, "profile_name")) else {},
    )
    offset, limit = cut(call)
    window = Window(descending=True) if in_phase(word) else Window(offset=offset, limit=limit, descending=True)
    return ListJobs(filter=wanted, window=window)


def in_phase(word: str | None) -> bool:
    """Orders that are being worked on are few: those of one phase are picked from all of them."""
    return word is not None and WORDS[word] == {Status.RUNNING}


def filters_of(call: Call) -> Tree:
    filters = call.tree.get("filters") or {}
    if not isinstance(filters, dict):
        raise Invalid(field="filters", reason="must be an object")
    return filters


def wanted_word(filters: Tree) -> str | None:
    word = said(filters, "status")
    if word is not None and word not in WORDS:
        raise Invalid(field="filters.status", reason=f"is not one of {', '.join(WORDS)}")
    return word


def said(filters: Tree, key: str) -> str | None:
    value = filters.get(key)
    return None if is_empty(value) else str(read_scalar(TEXT, value, f"filters.{key}"))


def cut(call: Call) -> tuple[int, int | None]:
    """Offset and limit. As the framework does it, a limit that is no number is none, and without one all is told."""
    limit = number_of(call, "limit")
    return (number_of(call, "offset"), limit) if limit else (0, None)


def number_of(call: Call, name: str) -> int:
    text = str(call.tree.get(name) or "").strip()
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else 0


def span(filters: Tree) -> tuple[datetime | None, datetime | None]:
    times = filters.get("timestamp") or {}
    if not isinstance(times, dict):
        raise Invalid(field="filters.timestamp", reason="must be an object")
    return moment(times, "from"), moment(times, "to")


def moment(times: Tree, key: str) -> datetime | None:
    """Three spellings: seconds since 1970, ``YYYY-MM-DD HH:MM:SS``, ``YYYYMMDD HH:MM:SS``."""
    if is_empty(times.get(key)):
        return None
    text = str(times[key]).strip()
    if re.fullmatch(r"\d{10}", text, re.ASCII):
        return datetime.fromtimestamp(int(text), UTC)
    for pattern in ("%Y-%m-%d %H:%M:%S", "%Y%m%d %H:%M:%S"):
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Invalid(field=f"filters.timestamp.{key}", reason="is not a time")


# --- the rest ---------------------------------------------------------------------------------------

ORDER: Final = Record(exchange.GetJob, Field("order_id", "id"), open_keys=True)
ENDED: Final = Pair("company_id", "ended", lambda _: {"ended": True}, lambda _: {})
REQUEUE: Final = Record(exchange.RetryJob, Field("order_id", "id"), ENDED, open_keys=True)
WHO: Final = Record(exchange.GetAccount, open_keys=True)
NOTHING: Final = Record(exchange.Health, open_keys=True)
KIND: Final = Pair("company_id", "kind", lambda _: {"kind": PROFILE}, lambda _: {})
LIST_PROFILES: Final = Record(exchange.ListThings, KIND, open_keys=True)
GET_PROFILE: Final = Record(exchange.GetThing, KIND, Field("id", "id"), open_keys=True)
DELETE_PROFILE: Final = Record(exchange.DeleteThing, KIND, Field("id", "id"), open_keys=True)


def put_profile(call: Call, ledger: Ledger) -> PutThing:
    """A new one, or what is said of one that is there."""
    return PutThing(kind=PROFILE, document=profile.sent(call.tree), id=call.params.get("id"), merge=True)


def minutes(call: Call, ledger: Ledger) -> exchange.ListThings:
    span(filters_of(call))  # refused here, needed for the answer
    return exchange.ListThings(kind=MINUTES)
