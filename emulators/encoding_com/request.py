"""What each action takes: section 2 of the provider reference."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final, TypeVar

from mediaglot.emulators.encoding_com.document import read_format
from mediaglot.gateway import exchange
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.faults import Conflict, Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Entry, Field, Pair, Record, Tree, given, is_empty, many, one, read_scalar, several
from mediaglot.gateway.model import EMPTY, Clip, Event, Input, Job, Notification, Output, Preset
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.paging import PageNumber
from mediaglot.gateway.values import INTEGER, LOCATION, SECONDS, TEXT, YES_NO, Table, date_time, names

DATE: Final = date_time("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", never="0000-00-00 00:00:00")
FORMATS: Final = names("xml json")
PAGES: Final = PageNumber(page="page", size="per_page", default=10, least=5, most=100)
VERSIONS: Final = Table({"1": 1, "2": 2, "3": 3})
SORTS: Final = names("user media_id source status queue_time created started finished")
SORTED: Final = {"user": "created", "media_id": "created", "queue_time": "started"}
"""Media ids are numbers that grow, so their order is that of creation."""
DESCENDING: Final = Table({"asc": False, "desc": True})
OWN: Final = frozenset({"userkey", "oidc_refresh_token", "action", "format"})
MOST: Final = 100

T = TypeVar("T")


class NoSource(Missing):
    """No source is given."""

    code = "no_source"


class NoFormats(Missing):
    """No format is given."""

    code = "no_formats"


class NotReady(Conflict):
    """The media has not been probed yet."""

    code = "not_ready"


def media_ids(tree: Tree) -> tuple[str, ...]:
    """The ids of ``mediaid``: a text or a number, a comma list of them, or a list."""
    parts = ",".join(str(value) for value in many(tree.get("mediaid"))).split(",")
    found = tuple(part.strip() for part in parts if part.strip())
    if not found:
        raise Missing(field="mediaid")
    if len(found) > 1000:
        raise Invalid(field="mediaid", reason="has more than 1000 ids")
    return found


# --- media ------------------------------------------------------------------------------------------


def read_source(value: Any) -> Input:
    """A source with the switches of section 7, which are ours to strip: nocopy, multithread, start and end."""
    location = read_scalar(LOCATION, value, "source")
    url, mark, query = location.url.partition("?")
    if not mark:
        return Input(location=location)
    times = dict(re.findall(r"(?:^|&)(start|end)=([\d.:]+)(?=&|$)", query))
    segment = {key: read_scalar(SECONDS, text, "source") for key, text in times.items()} if len(times) == 2 else {}
    stripped = {"nocopy", "multithread", "", *segment}
    kept = [part for part in query.split("&") if part not in stripped and part.partition("=")[0] not in segment]
    clip = Clip(**segment) if segment else None
    return Input(location=replace(location, url="?".join([url, *filter(None, ["&".join(kept)])])), clip=clip)


def read_formats(tree: Tree, ledger: Ledger) -> tuple[Output, ...]:
    outputs = []
    for number, document in enumerate(several(tree, "format", MOST)):
        within = ledger.within(f"format.{number}")
        if not isinstance(document, dict):
            raise Invalid(field=within.prefix.rstrip("."), reason="must be an object")
        if is_empty(one(document.get("output"))) and is_empty(one(document.get("output_preset"))):
            raise Missing(field=f"{within.prefix}output")
        several(document, "destination", MOST, within.prefix)
        outputs.append(read_format(document, within))
    return tuple(outputs)


EVENTS: Final = {
    "notify": frozenset({Event.FINISHED, Event.FAILED, Event.READY}),
    "notify_upload": frozenset({Event.DELIVERED}),
    "notify_encoding_errors": frozenset({Event.OUTPUT_FAILED}),
}


def read_notifications(tree: Tree) -> tuple[Notification, ...]:
    given(tree, "notify_format", FORMATS)
    if EVENTS.keys().isdisjoint(tree):
        return ()
    wanted = [(key, value) for key in EVENTS if key in tree for value in several(tree, key, MOST)]
    return tuple(
        Notification(target=read_scalar(LOCATION, url, key), events=EVENTS[key], style=key) for key, url in wanted
    )


TOLD: Final = "notify_format notify_body_format notify_upload_extended include_task_status extended"
KNOWN: Final = frozenset({*f"userid source meta priority mediaid {TOLD}".split(), *OWN, *EVENTS})


def read_job(tree: Tree, ledger: Ledger, *, hold: bool) -> Job:
    sources = several(tree, "source", MOST)
    if not sources:
        raise NoSource(field="source")
    if not hold and not many(tree.get("format")):
        raise NoFormats(field="format")
    for key in (key for key in tree if key not in KNOWN):
        ledger.note(Kind.UNREAD, key, reason="kept" if key in ("instant", "region") else "unknown")
    given(tree, "region", TEXT)
    meta = one(tree.get("meta"))
    return Job(
        inputs=tuple([read_source(source) for source in sources]),
        outputs=read_formats(tree, ledger),
        notifications=read_notifications(tree),
        hold=hold,
        priority=given(tree, "priority", INTEGER),
        tags={key: str(one(value)) for key, value in meta.items()} if isinstance(meta, dict) else EMPTY,
        document={key: value for key, value in tree.items() if key not in OWN},
    )


UNSET: Final = frozenset({"destination", "save_preset", "output_preset"})
LISTS: Final = frozenset({"stream", "overlay", "text_overlay", "logo"})


def make_preset(name: str, output: Output) -> Preset:
    if len(name) > 200:
        raise Invalid(field="name", reason="is longer than 200 characters")
    words = {key: value for key, value in output.document.items() if key not in UNSET and not is_empty(value)}
    document = {key: value if key in LISTS else one(value) for key, value in words.items()}
    return Preset(name=name, output=replace(output, destinations=(), preset=None, document=document, extras={}))


def add_media(call: Call, ledger: Ledger, *, hold: bool = False) -> exchange.CreateJob:
    """Formats that have a name in ``save_preset`` are kept as presets too."""
    job = read_job(call.tree, ledger, hold=hold)
    named = [(one(each.document["save_preset"]), each) for each in job.outputs if "save_preset" in each.document]
    presets = [make_preset(str(name), output) for name, output in named if not is_empty(name)]
    return exchange.CreateJob(job=job, presets=tuple(presets))


add_media_benchmark: Final = partial(add_media, hold=True)


def update_media(call: Call, ledger: Ledger) -> exchange.UpdateJob:
    media_id = media_ids(call.tree)[0]
    if not many(call.tree.get("format")):
        raise NoFormats(field="format")
    return exchange.UpdateJob(
        id=media_id,
        outputs=read_formats(call.tree, ledger),
        notifications=read_notifications(call.tree),
        document={key: value for key, value in call.tree.items() if key.startswith("notify") and not is_empty(value)},
    )


def on_media(kind: type[T], *entries: Entry, **facts: Any) -> Record[T]:
    """An action on one media. Other keys are no one's business: clients send ``notify`` with everything."""
    media = Pair("mediaid", "id", lambda tree: {"id": media_ids(tree)[0]}, lambda it: {"mediaid": it.id})
    return Record(kind, media, *entries, open_keys=True, **facts)


CANCEL: Final = Record(
    exchange.DeleteJobs,
    Pair("mediaid", "ids", lambda tree: {"ids": media_ids(tree)}, lambda it: {"mediaid": ",".join(it.ids)}),
    open_keys=True,
)
PROCESS: Final = on_media(exchange.StartJob)
STOP: Final = on_media(exchange.CancelJob, meant={"keep_saved": True})
RESTART: Final = on_media(exchange.RetryJob)
RESTART_ERRORS: Final = on_media(exchange.RetryJob, meant={"failed_only": True})
RESTART_TASK: Final = on_media(exchange.RetryJob, Field("taskid", "output_id"), needs="output_id")
GET: Final = on_media(exchange.GetJob)


def get_status(call: Call, ledger: Ledger) -> exchange.GetJob | exchange.GetJobs:
    """One id in plain mode, or any number in extended mode; several ids alone mean extended mode."""
    found = media_ids(call.tree)
    extended = given(call.tree, "extended", YES_NO, default=False) or len(found) > 1
    return exchange.GetJobs(ids=found) if extended else exchange.GetJob(id=found[0])


def version(call: Call) -> int:
    number: int = given(call.tree, "version", VERSIONS, default=1)
    return number


FILTER: Final = Record(
    exchange.Filter,
    Field("date_from", "created_from", DATE),
    Field("date_to", "created_to", DATE),
    Field("mediaid", "id"),
    Field("taskid", "output_id"),
    Field("output", "container"),
    open_keys=True,
)


def get_media_list(call: Call, ledger: Ledger) -> exchange.ListJobs:
    if version(call) < 3:
        return exchange.ListJobs()
    tree = {key: one(value) for key, value in call.tree.items()}
    sort, descending = given(tree, "sort", SORTS, "media_id"), given(tree, "order", DESCENDING, default=False)
    window = PAGES.window(tree, sort=SORTED.get(sort, sort), descending=descending)
    return exchange.ListJobs(filter=FILTER.read(tree, ledger), window=window)


# --- presets and account -----------------------------------------------------------------------------


def save_preset(call: Call, ledger: Ledger) -> exchange.PutPresets:
    outputs = read_formats(call.tree, ledger)
    if not outputs:
        raise NoFormats(field="format")
    name = one(call.tree.get("name"))
    presets: dict[str, Preset] = {}
    for output in outputs:
        base = str(one(output.document.get("output")) if is_empty(name) else name)
        counted = (base if number == 1 else f"{base} {number}" for number in range(1, len(outputs) + 1))
        free = next(text for text in counted if text not in presets)
        presets[free] = make_preset(free, output)
    return exchange.PutPresets(presets=tuple(presets.values()))


GET_PRESET: Final = Record(exchange.GetPreset, Field("name", "name"), open_keys=True)
DELETE_PRESET: Final = Record(exchange.DeletePreset, Field("name", "name"), open_keys=True)


def get_presets_list(call: Call, ledger: Ledger) -> exchange.ListPresets:
    given(call.tree, "type", names("all user ui"))
    return exchange.ListPresets()


ACCOUNT: Final = Record(exchange.GetAccount, open_keys=True)
HEALTH: Final = Record(exchange.Health, open_keys=True)
