"""Orders: the form field, what is in it, and what of it can't be used. Section 2.1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from mediaglot.emulators.transparent_edge import document
from mediaglot.emulators.transparent_edge.request import PROFILE
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import CreateJob
from mediaglot.gateway.faults import Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Tree, is_empty, read_scalar
from mediaglot.gateway.model import Event, Input, Job, Location, Notification, Output, Stills
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.values import INTEGER, LOCATION, Value
from mediaglot.gateway.wire.loose import is_json

SCHEMES: Final = frozenset({"ftp", "ftps", "sftp", "s3", "http", "https"})
ADDRESS: Final = re.compile(r'[^\s,;<>@"]{1,200}@[^\s,;<>@]{1,100}')
MOST: Final = 100
"""Jobs, destinations, thumbnails or notifications of one order."""
PRIORITIES: Final = range(5, 11)
ENDS: Final = frozenset({Event.FINISHED, Event.FAILED, Event.CANCELLED})
SCHEMES_OF_DRM: Final = ("cenc", "cbc1", "cens", "cbcs")
KNOWN: Final = frozenset("origin destinations jobs thumbnails notifications priority post_process post-process".split())


def create_order(call: Call, ledger: Ledger) -> CreateJob:
    order = order_of(call)
    job = read_order(order, ledger)
    if call.options.get("priority") == "ignored":
        job = replace(job, priority=None)
    needs = dict.fromkeys((PROFILE, str(output.document["profile_id"])) for output in job.outputs if output.document)
    return CreateJob(job=job, needs=tuple(needs))


def order_of(call: Call) -> Tree:
    """The form field, or where that is allowed a JSON body or the parameter ``data``."""
    loose, plain = call.options.get("order_body") == "any", not is_json(call.request)
    order = call.tree.get("order") if plain or loose else None
    if order is None and loose:
        order = call.tree.get("data") if plain or "data" in call.tree else call.tree
    if is_empty(order):
        raise Missing(field="order")
    if not isinstance(order, dict):
        raise Invalid(field="order", reason="must be an object")
    return order


def read_order(order: Tree, ledger: Ledger) -> Job:
    for key in (key for key in order if key not in KNOWN):
        ledger.note(Kind.UNREAD, key, reason="unknown")
    origin = place(order.get("origin"), "origin")
    destinations = tuple(place(url, key) for key, url in numbered(order, "destinations", required=True))
    outputs = tuple(read_job(item, key, destinations, ledger) for key, item in numbered(order, "jobs", required=True))
    stills = tuple(thumbnail(item, key, ledger) for key, item in numbered(order, "thumbnails"))
    outputs += document.pictures(stills, destinations)
    check_names(outputs)
    told = [notification(item, key, ledger) for key, item in numbered(order, "notifications")]
    for name in ("post_process", "post-process"):
        check_process(order, name, ledger)
    return Job(
        inputs=(Input(location=origin),),
        outputs=outputs,
        notifications=tuple(one for shown in told for one in targets(shown)),
        priority=priority(order),
        document={"uploads": [shown_place("upload", each) for each in destinations], "notifications": told},
    )


def numbered(tree: Tree, key: str, *, required: bool = False) -> list[tuple[str, Any]]:
    """The members of a list, each with its path."""
    items = tree.get(key)
    if is_empty(items) and not required:
        return []
    if is_empty(items):
        raise Missing(field=key)
    if not isinstance(items, list) or len(items) > MOST:
        raise Invalid(field=key, reason=f"must be a list of at most {MOST}")
    return [(f"{key}.{number}", item) for number, item in enumerate(items)]


def members(item: Any, key: str, *required: str) -> Tree:
    if not isinstance(item, dict):
        raise Invalid(field=key, reason="must be an object")
    for name in required:
        if is_empty(item.get(name)):
            raise Missing(field=f"{key}.{name}")
    return item


def _location(value: Any) -> Location:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    location = LOCATION.read(value)
    if location.url.partition(":")[0].lower() not in SCHEMES:
        raise ValueError(f"is not a URL of {', '.join(sorted(SCHEMES))}")
    return location


PLACE: Final = Value(_location, str)


def place(value: Any, path: str) -> Location:
    if is_empty(value):
        raise Missing(field=path)
    found: Location = read_scalar(PLACE, value, path)
    return found


def read_job(item: Any, key: str, destinations: tuple[Location, ...], ledger: Ledger) -> Output:
    members(item, key, "filename", "profile_id")
    number = read_scalar(INTEGER, item["profile_id"], f"{key}.profile_id")
    stills = tuple(thumbnail(each, f"{key}.{path}", ledger) for path, each in numbered(item, "thumbnails"))
    entry = document.ENTRY.read(item, ledger.within(key))
    return replace(entry, stills=stills, destinations=destinations, document={"profile_id": number})


def thumbnail(item: Any, key: str, ledger: Ledger) -> Stills:
    members(item, key, "filename", "width", "height", "time")
    return document.THUMBNAIL.read(item, ledger.within(key))


def check_names(outputs: tuple[Output, ...]) -> None:
    """All files of an order go to the same directories."""
    stills = [still.name for output in outputs for still in output.stills]
    check_distinct("files", [output.name for output in outputs if output.name] + stills)


def check_distinct(what: str, names: Sequence[str | None]) -> None:
    if len({(name or "").casefold() for name in names}) < len(names):
        raise Invalid(field="jobs", reason=f"two {what} have the same name")


def notification(item: Any, key: str, ledger: Ledger) -> Tree:
    """As the order's detail shows it. Raises Invalid."""
    for name in (name for name in members(item, key) if name not in ("email", "call")):
        ledger.note(Kind.UNREAD, f"{key}.{name}", reason="unknown")
    address, callback = item.get("email") or None, item.get("call") or None
    if address is not None and not (isinstance(address, str) and ADDRESS.fullmatch(address)):
        raise Invalid(field=f"{key}.email", reason="is not an e-mail address")
    if callback is not None and not place(callback, f"{key}.call").url.lower().startswith(("http://", "https://")):
        raise Invalid(field=f"{key}.call", reason="is not an HTTP URL")
    return {"callback_url": callback, "email": address}


def targets(shown: Tree) -> list[Notification]:
    places = [("call", LOCATION.read(shown["callback_url"]))] if shown["callback_url"] else []
    if shown["email"]:
        places.append(("email", Location(url=f"mailto:{quote(shown['email'], safe='@+')}")))
    return [Notification(target=place, events=ENDS, style=style) for style, place in places]


def shown_place(word: str, location: Location) -> Tree:
    """4.1: the URL without credentials, the scheme, and the name without its password."""
    user = location.access.user if location.access else None
    protocol = location.url.partition(":")[0].upper()
    return {f"{word}_url": location.url, f"{word}_protocol": protocol, f"{word}_user": user or None}


def priority(order: Tree) -> int | None:
    if order.get("priority") is None:
        return None
    if (number := read_scalar(INTEGER, order["priority"], "priority")) not in PRIORITIES:
        raise Invalid(field="priority", reason=f"is not from {PRIORITIES[0]} to {PRIORITIES[-1]}")
    return int(number)


def check_process(order: Tree, name: str, ledger: Ledger) -> None:
    """Encryption is checked, and then left out: nothing here can do it."""
    for key, item in numbered(order, name):
        drm = members(item, key).get("drm")
        ledger.note(Kind.UNREAD, key, reason="kept")
        if drm is None:
            continue
        members(drm, f"{key}.drm", "key", "key_id")
        for field, signs in (("key", "hexadecimal digits"), ("key_id", "characters"), ("key_iv", "characters")):
            form = r"[0-9A-Fa-f]{32}" if field == "key" else r"(?s:.{32})"
            if drm.get(field) is not None and not re.fullmatch(form, str(drm[field])):
                raise Invalid(field=f"{key}.drm.{field}", reason=f"is not 32 {signs}")
        if drm.get("encryption_scheme", "cbcs") not in SCHEMES_OF_DRM:
            raise Invalid(field=f"{key}.drm.encryption_scheme", reason=f"is not one of {', '.join(SCHEMES_OF_DRM)}")


def check_folders(outputs: list[Output]) -> None:
    """Streams have directories that are called after their files, but for the extension."""
    check_distinct("streams", [document.stem(output.name) for output in outputs if output.package is not None])
