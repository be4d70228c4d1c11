"""What each action takes: section 2 of the provider reference."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final, TypeVar

from mediaglot.emulators.encoding_com.document import read_format
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import (
    CancelJob,
    CreateJob,
    DeleteJobs,
    DeletePreset,
    Filter,
    GetAccount,
    GetJob,
    GetJobs,
    GetPreset,
    Health,
    ListJobs,
    ListPresets,
    PutPresets,
    RetryJob,
    StartJob,
    UpdateJob,
)
from mediaglot.gateway.faults import Conflict, Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Entry, Field, Pair, Record, Tree, is_empty, many, one, read_scalar
from mediaglot.gateway.model import Clip, Event, Input, Job, Location, Notification, Output, Preset
from mediaglot.gateway.paging import PageNumber
from mediaglot.gateway.values import INTEGER, LOCATION, SECONDS, TEXT, YES_NO, Table, date_time, names

DATE: Final = date_time("%Y-%m-%d %H:%M:%S", never="0000-00-00 00:00:00")
DAY: Final = date_time("%Y-%m-%d")
FORMATS: Final = names("xml json")
PAGES: Final = PageNumber(page="page", size="per_page", default=10, least=5, most=100)
SORTS: Final = Table(
    {"media_id": "id", "source": "source", "status": "status", "created": "created", "started": "started"}
    | {"finished": "finished"},
    also={"user": "id", "queue_time": "started"},
)
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


def flag(tree: Tree, key: str) -> bool:
    return not is_empty(tree.get(key)) and bool(read_scalar(YES_NO, tree[key], key))


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
    url, _, query = location.url.partition("?")
    times = dict(re.findall(r"(?:^|&)(start|end)=([\d.:]+)(?=&|$)", query))
    segment = times if times.keys() == {"start", "end"} else {}
    kept = [
        part
        for part in query.split("&")
        if part not in ("nocopy", "multithread", "") and not (segment and part.partition("=")[0] in segment)
    ]
    clip = Clip(**{key: read_scalar(SECONDS, text, "source") for key, text in segment.items()}) if segment else None
    stripped = Location(
        url=f"{url}?{'&'.join(kept)}" if kept else url, access=location.access, spelling=location.spelling
    )
    return Input(location=stripped, clip=clip)


def read_formats(tree: Tree, ledger: Ledger) -> tuple[Output, ...]:
    formats = many(tree.get("format"))
    if len(formats) > MOST:
        raise Invalid(field="format", reason=f"is given more than {MOST} times")
    outputs = []
    for number, document in enumerate(formats):
        within = ledger.within("format").within(number)
        if not isinstance(document, dict):
            raise Invalid(field=within.prefix.rstrip("."), reason="must be an object")
        if is_empty(one(document.get("output"))) and is_empty(one(document.get("output_preset"))):
            raise Missing(field=f"{within.prefix}output")
        if len(many(document.get("destination"))) > MOST:
            raise Invalid(field=f"{within.prefix}destination", reason=f"is given more than {MOST} times")
        outputs.append(read_format(document, within))
    return tuple(outputs)


EVENTS: Final = {
    "notify": frozenset({Event.FINISHED, Event.FAILED, Event.READY}),
    "notify_upload": frozenset({Event.DELIVERED}),
    "notify_encoding_errors": frozenset({Event.OUTPUT_FAILED}),
}


def read_notifications(tree: Tree) -> tuple[Notification, ...]:
    if not is_empty(tree.get("notify_format")):
        read_scalar(FORMATS, tree["notify_format"], "notify_format")
    for key in EVENTS:
        if len(many(tree.get(key))) > MOST:
            raise Invalid(field=key, reason=f"is given more than {MOST} times")
    return tuple(
        Notification(target=read_scalar(LOCATION, value, key), events=events, style=key)
        for key, events in EVENTS.items()
        for value in many(tree.get(key))
    )


KNOWN: Final = frozenset(
    "userid source region instant meta priority notify_format notify_body_format notify_upload_extended "
    "mediaid include_task_status extended".split()
)


def read_job(tree: Tree, ledger: Ledger, *, hold: bool) -> Job:
    sources = many(tree.get("source"))
    if not sources:
        raise NoSource(field="source")
    if len(sources) > MOST:
        raise Invalid(field="source", reason=f"is given more than {MOST} times")
    if not hold and not many(tree.get("format")):
        raise NoFormats(field="format")
    for key in tree:
        if key not in KNOWN | OWN | EVENTS.keys():
            ledger.note(Kind.UNREAD, key, reason="unknown")
    meta = one(tree.get("meta"))
    priority = tree.get("priority")
    return Job(
        inputs=tuple(read_source(source) for source in sources),
        outputs=read_formats(tree, ledger),
        notifications=read_notifications(tree),
        hold=hold,
        priority=None if is_empty(priority) else read_scalar(INTEGER, priority, "priority"),
        tags={key: str(one(value)) for key, value in meta.items()} if isinstance(meta, dict) else {},
        document={key: value for key, value in tree.items() if key not in OWN},
    )


def presets_of(outputs: tuple[Output, ...]) -> tuple[Preset, ...]:
    """The formats that ask to be kept as a preset under the name in ``save_preset``."""
    return tuple(
        make_preset(str(name), output)
        for output in outputs
        if not is_empty(name := one(output.document.get("save_preset")))
    )


UNSET: Final = frozenset({"destination", "save_preset", "output_preset"})


def make_preset(name: str, output: Output) -> Preset:
    if len(name) > 200:
        raise Invalid(field="name", reason="is longer than 200 characters")
    words = {key: value for key, value in output.document.items() if key not in UNSET and not is_empty(value)}
    lists = ("stream", "overlay", "text_overlay", "logo")
    document = {key: value if key in lists else one(value) for key, value in words.items()}
    return Preset(name=name, output=replace(output, destinations=(), preset=None, document=document, extras={}))


def add_media(call: Call, ledger: Ledger) -> CreateJob:
    job = read_job(call.tree, ledger, hold=False)
    return CreateJob(job=job, presets=presets_of(job.outputs))


def add_media_benchmark(call: Call, ledger: Ledger) -> CreateJob:
    job = read_job(call.tree, ledger, hold=True)
    return CreateJob(job=job, presets=presets_of(job.outputs))


def update_media(call: Call, ledger: Ledger) -> UpdateJob:
    (media_id,) = media_ids(call.tree)[:1]
    if not many(call.tree.get("format")):
        raise NoFormats(field="format")
    outputs = read_formats(call.tree, ledger)
    words = {key: value for key, value in call.tree.items() if key.startswith("notify") and not is_empty(value)}
    return UpdateJob(id=media_id, outputs=outputs, notifications=read_notifications(call.tree), document=words)


def first_id(tree: Tree) -> dict[str, Any]:
    return {"id": media_ids(tree)[0]}


def intent(kind: type[T], *entries: Entry) -> Record[T]:
    """An action on one media. Other keys are no one's business: clients send ``notify`` with everything."""
    media = Pair("mediaid", "id", first_id, lambda it: {"mediaid": it.id})
    return Record(kind, media, *entries, open_keys=True)


CANCEL: Final = Record(
    DeleteJobs,
    Pair("mediaid", "ids", lambda tree: {"ids": media_ids(tree)}, lambda it: {"mediaid": ",".join(it.ids)}),
    open_keys=True,
)
PROCESS: Final = intent(StartJob)
STOP: Final = intent(CancelJob)
RESTART: Final = intent(RetryJob)
RESTART_TASK: Final = intent(RetryJob, Field("taskid", "output_id"))
GET: Final = intent(GetJob)


def stop_media(call: Call, ledger: Ledger) -> CancelJob:
    return replace(STOP.read(call.tree, ledger), keep_saved=True)


def restart_errors(call: Call, ledger: Ledger) -> RetryJob:
    return replace(RESTART.read(call.tree, ledger), failed_only=True)


def restart_task(call: Call, ledger: Ledger) -> RetryJob:
    intent = RESTART_TASK.read(call.tree, ledger)
    if intent.output_id is None:
        raise Missing(field="taskid")
    return intent


def get_status(call: Call, ledger: Ledger) -> GetJob | GetJobs:
    """One id in plain mode, or any number in extended mode; several ids alone mean extended mode."""
    found = media_ids(call.tree)
    return GetJobs(ids=found) if is_extended(call) else GetJob(id=found[0])


def is_extended(call: Call) -> bool:
    return flag(call.tree, "extended") or len(media_ids(call.tree)) > 1


def version(call: Call) -> int:
    value = one(call.tree.get("version"))
    number = 1 if is_empty(value) else int(read_scalar(INTEGER, value, "version"))
    if number not in (1, 2, 3):
        raise Invalid(field="version", reason="is not one of 1, 2, 3")
    return number


def _date(tree: Tree, key: str) -> Any:
    value = one(tree.get(key))
    if is_empty(value):
        return None
    text = str(value).strip()
    return read_scalar(DAY if len(text) == 10 else DATE, text, key)


def _word(tree: Tree, key: str) -> str | None:
    return None if is_empty(tree.get(key)) else str(read_scalar(TEXT, tree[key], key))


def get_media_list(call: Call, ledger: Ledger) -> ListJobs:
    if version(call) < 3:
        return ListJobs()
    tree = {key: one(value) for key, value in call.tree.items()}
    sort = read_scalar(SORTS, tree.get("sort") or "media_id", "sort")
    order = read_scalar(names("asc desc"), tree.get("order") or "asc", "order")
    return ListJobs(
        filter=Filter(
            created_from=_date(tree, "date_from"),
            created_to=_date(tree, "date_to"),
            id=_word(tree, "mediaid"),
            output_id=_word(tree, "taskid"),
            container=_word(tree, "output"),
        ),
        window=PAGES.window(tree, sort=sort, descending=order == "desc"),
    )


# --- presets and account -----------------------------------------------------------------------------


def save_preset(call: Call, ledger: Ledger) -> PutPresets:
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
    return PutPresets(presets=tuple(presets.values()))


GET_PRESET: Final = Record(GetPreset, Field("name", "name"), open_keys=True)
DELETE_PRESET: Final = Record(DeletePreset, Field("name", "name"), open_keys=True)


def get_presets_list(call: Call, ledger: Ledger) -> ListPresets:
    if not is_empty(kind := call.tree.get("type")):
        read_scalar(names("all user ui"), kind, "type")
    return ListPresets()


ACCOUNT: Final = Record(GetAccount, open_keys=True)
HEALTH: Final = Record(Health, open_keys=True)
