"""What each operation takes: sections 1, 2 and 4 of the reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from mediaglot.emulators.tpstreams import fields
from mediaglot.emulators.tpstreams.document import ACCEPTED, OUTPUT
from mediaglot.emulators.tpstreams.fields import Told, Wanted, Wrong, WrongFields, checked, read_fields
from mediaglot.emulators.tpstreams.place import has_credentials, read_place, read_source
from mediaglot.emulators.tpstreams.wire import written
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import (
    CancelJob,
    CreateJob,
    DeleteThing,
    Filter,
    GetAccount,
    GetJob,
    GetThing,
    IssueToken,
    ListJobs,
    ListThings,
    PutThing,
    RevokeToken,
    Window,
)
from mediaglot.gateway.faults import NotFound
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Encryption, Input, Job, Location, Secret, Status

INDIA: Final = timezone(timedelta(hours=5, minutes=30))
ZONES: Final = {"Asia/Kolkata": INDIA, "UTC": UTC}
WEBHOOK: Final = "webhook"
LARGEST_METADATA: Final = 10_240
"""Bytes of its JSON."""
TOKENS: Final = 20
FILTERS: Final = {
    "queued": {Status.QUEUED, Status.HELD},
    "transcoding": {Status.RUNNING},
    "completed": {Status.FINISHED},
    "error": {Status.FAILED},
    "cancelled": {Status.CANCELLED},
}
DAY: Final = r"(\d{4})-(\d{1,2})-(\d{1,2})"
CLOCK: Final = r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,6})\d*)?)?"
MOMENT: Final = re.compile(rf"{DAY}(?:[T ]{CLOCK}\s*(Z|[+-]\d{{2}}(?::?\d{{2}})?)?)?", re.ASCII)


class InvalidPage(NotFound):
    """There is no page of that number."""

    code = "invalid_page"


# --- jobs -------------------------------------------------------------------------------------------


def metadata(value: Any) -> Tree:
    tree = fields.dictionary(value)
    fields.whole(said := written(tree))
    if len(said.encode()) > LARGEST_METADATA:
        raise Wrong("Ensure this field has no more than 10 KB.")
    return tree


def source(value: Any) -> Location:
    address = fields.url(value)
    try:
        return read_source(address)
    except ValueError:
        raise Wrong("Enter a valid URL.") from None


def stored_source(value: Any) -> Location:
    return _place(value, folder=False)


def target(value: Any) -> Location:
    return _place(value, folder=True)


def _place(value: Any, *, folder: bool) -> Location:
    try:
        return read_place(fields.text(value), folder=folder)
    except ValueError as error:
        raise Wrong(f"The path {error}.") from None


def create(call: Call, ledger: Ledger) -> CreateJob:
    words = ACCEPTED[call.options["resolutions"]]
    refusing = call.options["empty_resolutions"] == "refused"
    wanted = {
        "input_url": Wanted(source, required=False),
        "input_path": Wanted(stored_source, required=False),
        "output_path": Wanted(target),
        "resolutions": Wanted(fields.choices(words, may_be_empty=not refusing)),
        "enable_drm": Wanted(fields.boolean, required=False),
        "client_metadata": Wanted(metadata, required=False, nullable=True),
    }
    found, errors = read_fields(call.tree, wanted)
    errors |= _together(call, found, errors)
    if errors:
        raise WrongFields(errors=errors, field=next(iter(errors)))
    for key in (key for key in call.tree if key not in wanted):
        ledger.note(Kind.UNREAD, key, reason="unknown")
    return CreateJob(job=_job(found, ledger, locks=call.options["drm"] == "aes128"))


def _together(call: Call, found: Tree, errors: Mapping[str, Told]) -> dict[str, Told]:
    """What is wrong with fields that are right each by itself."""
    given = {"input_url", "input_path"} & (found.keys() | errors.keys())
    if not given:
        return {"input_url": ["This field is required."]}
    if len(given) == 2:
        return {"non_field_errors": ["Only one of input_url and input_path can be given."]}
    place = found.get("output_path")
    if place is not None and call.options["storage"] == "required" and not has_credentials(place):
        return {"output_path": ["The path needs access_key, secret_key and region: no storage is configured."]}
    return {}


def _job(found: Tree, ledger: Ledger, *, locks: bool) -> Job:
    """With ``locks`` segments are encrypted where the vendor would do so for its players."""
    wanted = found["resolutions"] or ACCEPTED["documented"]
    output = OUTPUT.read({"resolutions": wanted}, ledger)
    package = output.package
    if found.get("enable_drm") and locks and package is not None:
        package = replace(package, encryption=Encryption())
    elif found.get("enable_drm"):
        ledger.note(Kind.UNREAD, "enable_drm", reason="the output is clear: keys come from the vendor's own server")
    said = found.get("client_metadata")
    return Job(
        inputs=(Input(location=found.get("input_url") or found["input_path"]),),
        outputs=(replace(output, destinations=(found["output_path"],), package=package),),
        document={
            "resolutions": list(found["resolutions"]),
            "enable_drm": bool(found.get("enable_drm")),
            # As text: it may hold numbers and characters that not every JSON library takes.
            "client_metadata": None if said is None else written(said),
            "source": "input_path" if "input_path" in found else "input_url",
        },
    )


def get(call: Call, ledger: Ledger) -> GetJob:
    return GetJob(id=call.params["id"])


def cancel(call: Call, ledger: Ledger) -> CancelJob:
    return CancelJob(id=call.params["id"], also=frozenset({Status.FAILED, Status.CANCELLED}))


# --- lists ------------------------------------------------------------------------------------------


def asked(call: Call) -> list[tuple[str, str]]:
    return parse_qsl(call.request.query, keep_blank_values=True, errors="replace")


def moment(value: str, zone: str) -> datetime:
    """A time with or without its zone, or a day."""
    match = MOMENT.fullmatch(value.strip())
    if match is None:
        raise Wrong("Enter a valid date/time.")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    micro = int((match[7] or "").ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=_offset(match[8]) or ZONES[zone])
    except (ValueError, OverflowError):
        raise Wrong("Enter a valid date/time.") from None


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    found = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-found if text[0] == "-" else found)


def listed(call: Call, ledger: Ledger) -> ListJobs:
    """Other parameters are ignored, and so are values of ``enable_drm`` and ``ordering`` that mean nothing."""
    pairs = asked(call)
    last = dict(pairs)
    words = [value for key, value in pairs if key == "status"]
    given: Tree = {key: last[key] for key in ("created_from", "created_to") if last.get(key)}
    found = checked(
        given | ({"status": words} if words else {}),
        {
            "status": Wanted(states, required=False),
            "created_from": Wanted(partial(moment, zone=call.options["zone"]), required=False),
            "created_to": Wanted(partial(moment, zone=call.options["zone"]), required=False),
        },
    )
    drm = last.get("enable_drm", "").lower()
    return ListJobs(
        filter=Filter(
            statuses=found.get("status"),
            created_from=found.get("created_from"),
            created_to=found.get("created_to"),
            facets={"enable_drm": drm} if drm in ("true", "false") else {},
        ),
        window=window(call, descending=last.get("ordering") == "-created"),
    )


def states(words: list[str]) -> frozenset[Status]:
    for word in words:
        if word.lower() not in FILTERS:
            raise Wrong(f"Select a valid choice. {word} is not one of the available choices.")
    return frozenset().union(*(FILTERS[word.lower()] for word in words))


def window(call: Call, *, descending: bool = False) -> Window:
    """Raises InvalidPage for what is no number of a page; one that is not there shows when the list is known."""
    size = int(call.options["page_size"])
    page = dict(asked(call)).get("page", "1")
    if page == "last":
        return Window(limit=size, descending=descending, last=True)
    if not re.fullmatch(r"\s*[0-9]{1,12}\s*", page, re.ASCII) or int(page) == 0:
        raise InvalidPage(kind="page")
    return Window(offset=(int(page) - 1) * size, limit=size, descending=descending)


# --- who --------------------------------------------------------------------------------------------

LOGIN: Final = {name: Wanted(fields.text) for name in ("username", "password", "organization_id")}


def login(call: Call, ledger: Ledger) -> IssueToken:
    """The organization's entry in the list of accounts holds the password; the user name may be any."""
    found = checked(call.tree, LOGIN)
    return IssueToken(name=found["organization_id"], secret=Secret(found["password"]), most=TOKENS)


def logout(call: Call, ledger: Ledger) -> RevokeToken:
    assert call.credential is not None  # noqa: S101 - the route is not public
    return RevokeToken(token=call.credential.secret)


def organizations(call: Call, ledger: Ledger) -> GetAccount:
    window(call)
    return GetAccount()


# --- webhooks ---------------------------------------------------------------------------------------

HOOK: Final = {"url": Wanted(fields.web_url), "secret_token": Wanted(fields.header)}


def put_webhook(call: Call, ledger: Ledger) -> PutThing:
    return PutThing(kind=WEBHOOK, id=call.params.get("id"), document=checked(call.tree, HOOK))


def get_webhook(call: Call, ledger: Ledger) -> GetThing:
    return GetThing(kind=WEBHOOK, id=call.params["id"])


def delete_webhook(call: Call, ledger: Ledger) -> DeleteThing:
    return DeleteThing(kind=WEBHOOK, id=call.params["id"])


def webhooks(call: Call, ledger: Ledger) -> ListThings:
    window(call)
    return ListThings(kind=WEBHOOK)
