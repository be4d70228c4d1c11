"""What clients ask: sections 1.3, 2, 3.6 to 3.8. Schemas have looked at the shapes already."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from mediaglot.emulators.xvid_mediahub import catalog
from mediaglot.emulators.xvid_mediahub.document import preset_output, read_output
from mediaglot.gateway import exchange, model
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import PART, CreateJob, Filter, GetThing, Intent, ListJobs, PutThing
from mediaglot.gateway.faults import Forbidden, Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Field, Record, Tree, given, read_scalar
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.oauth import ClientCredentials
from mediaglot.gateway.paging import Offset
from mediaglot.gateway.passes import capped, merge
from mediaglot.gateway.pieces import flat
from mediaglot.gateway.values import DECIMAL, EPOCH, LOCATION, NATURAL, PLACE, RATIO, SECONDS, TEXT, Table
from mediaglot.gateway.wire.choice import parameters

ID: Final = re.compile(r"[0-9a-f]{24}")
BOOLEAN: Final = Table({"true": True, "false": False})
PAGES: Final = Offset(start="start", limit="limit", default=1000, most=5000)
WINDOW: Final = 15 * 60
"""How many seconds a finished job still counts as in progress."""
GRANTS: Final = ("client_credential", "client_credentials")
"""The provider's word, and that of the standard."""
READS: Final = ("mediahub_read", "mediahub_download_files")
WRITES: Final = ("mediahub_write", "mediahub_submit_jobs")
SCOPES: Final = {
    **{word: (word,) for word in ("me", "autograph", *READS, *WRITES)},
    "mediahub": ("mediahub", *READS, *WRITES),
    "mediahub_read": READS,
    "mediahub_write": WRITES,
}
"""What a scope allows, in the words that routes want."""


TOKENS: Final = ClientCredentials(ID.pattern, SCOPES, 3600)


def well_formed(text: Any, field: str) -> str:
    if not ID.fullmatch(str(text)):
        raise Invalid(field=field, reason="is not 24 hexadecimal digits")
    return str(text)


def checked(call: Call) -> str:
    """The id in the path. Raises Invalid for what is none."""
    return well_formed(call.params["id"], "id")


def one(intent: Any, **more: Any) -> Callable[[Call, Ledger], Intent]:
    """What wants the id in the path and nothing else."""
    return lambda call, ledger: intent(id=checked(call), **more)


def issue_token(call: Call, ledger: Ledger) -> exchange.IssueToken:
    return TOKENS.read(call, GRANTS[:1] if call.options.get("strict_grant") == "true" else GRANTS)


# --- lists ----------------------------------------------------------------------------------------

NAME: Final = f"{PART}input.file.name"
FACETS: Final = ("user_data", "unique_custom_key", "title", "pipeline.id", "autograph")
SORTS: Final = {
    **dict.fromkeys(("created_at", "updated_at"), "created"),
    "finished_at": "finished",
    "input.input_name": "source",
    **{name: name for name in ("status", "id")},
    **{name: f"facet:{name}" for name in FACETS},
    "input.file.name": f"facet:{NAME}",
}
CODES: Final = {
    "QUEUED": (model.Status.QUEUED, model.Status.HELD),
    "PROCESSING": (model.Status.RUNNING,),
    "SUCCESS": (model.Status.FINISHED,),
    "FAILURE": (model.Status.FAILED, model.Status.CANCELLED),
}


def list_jobs(call: Call, ledger: Ledger) -> ListJobs:
    tree = call.tree
    since, until = given(tree, "from_date", EPOCH), given(tree, "to_date", EPOCH)
    facets: dict[str, str] = {key: tree[key] for key in ("user_data", "pipeline.id") if key in tree}
    facets |= {"autograph": tree["autograph"]} if tree.get("autograph") else {}
    name = str(tree.get("input.file.name", "")).lower()
    sort = SORTS.get(str(tree.get("sort")))
    descending = tree.get("direction") == "-1" and (sort is not None or "sort" not in tree)
    wanted = Filter(
        statuses=given(tree, "status", Table({word: frozenset(codes) for word, codes in CODES.items()})),
        created_from=since + timedelta(milliseconds=1) if since else None,
        created_to=until - timedelta(microseconds=1) if until else None,
        facets=facets,
        parts={NAME: name} if name else {},
        recent=WINDOW if given(tree, "inprogress", BOOLEAN) else None,
    )
    return ListJobs(filter=wanted, window=PAGES.window(tree, sort=sort or "created", descending=descending))


# --- new jobs -------------------------------------------------------------------------------------

INPUT: Final = Record(
    model.Input,
    Field("input_name", "location", PLACE),
    Field("force_container", "container"),
    Field("force_aspect_ratio", "pixel_aspect", RATIO),
    Field("force_framerate", "frame_rate", DECIMAL, "framerate"),
    Field("force_interlaced", "interlaced", BOOLEAN, "interlaced"),
    flat("clip", model.Clip, SECONDS, start="start_time"),
)
FORCED: Final = {"framerate": "force_framerate", "interlaced": "force_interlaced"}
TOLD: Final = dict.fromkeys(("input_name", "force_container", "force_aspect_ratio", "force_framerate"), TEXT)
SHOWN: Final[dict[str, Any]] = {**TOLD, "force_interlaced": BOOLEAN}
"""What is told of an input, whatever scalar a client sent: section 2.1."""
TEXTS: Final = ("user_data", "unique_custom_key", "title", "output_prefix")
KNOWN: Final = frozenset({*TEXTS, "pipeline", "pipeline_id", "input", "autograph", "outputs"})
PICTURE: Final = ("rotate", "height", "width", "framerate", "bitrate", "aspect_ratio")


def create_job(call: Call, ledger: Ledger) -> CreateJob:
    tree = call.tree["job"]
    for key in (key for key in tree if key not in KNOWN):
        ledger.note(Kind.UNREAD, f"job.{key}", reason="kept" if key == "playlists" else "unknown")
    words: Tree = {key: TEXT.read(tree[key]) if tree.get(key) is not None else None for key in TEXTS}
    source = INPUT.read(tree["input"], ledger.within("job.input"))
    made = tuple(new_output(one, ledger.within(f"job.outputs.{index}")) for index, one in enumerate(tree["outputs"]))
    received = call.request.received
    document = words | {
        "pipeline": tree["pipeline"]["id"] if "pipeline" in tree else tree["pipeline_id"],
        "application": call.account.user,
        "user": catalog.own("user", call.account),
        "input": echoed_input(tree["input"]),
        "autograph": autograph(call, tree, ledger),
        "playlists": tree.get("playlists"),
        "output_prefix": "{job_id}/" if words["output_prefix"] is None else words["output_prefix"],
        "received": received and EPOCH.write(received),
    }
    needs = [("pipeline", document["pipeline"]), *(("preset", output.document["preset"]) for output in made)]
    if "://" not in source.location.url:
        needs.append(("object", f"{document['pipeline']}/{source.location.url}"))
    unique = (("custom_key", words["unique_custom_key"]),) if words["unique_custom_key"] else ()
    job = model.Job(inputs=(source,), outputs=made, document=document)
    return CreateJob(job=job, needs=tuple(dict.fromkeys(needs)), unique=unique)


def autograph(call: Call, tree: Tree, ledger: Ledger) -> Tree | None:
    found: Tree | None = tree.get("autograph")
    if found is not None:
        if call.account.scopes and "autograph" not in call.account.scopes:
            raise Forbidden(scope="autograph")
        ledger.note(Kind.DROPPED, "job.autograph", reason="there is no watermarking here")
    return found


def echoed_input(tree: Tree) -> Tree:
    spelled = {FORCED.get(key, key): value for key, value in tree.items()}
    shown = {key: given(spelled, key, via) for key, via in SHOWN.items()}
    if (start := given(spelled, "start_time", SECONDS)) is None:
        return shown
    said = spelled["start_time"]
    return shown | {"start_time": float(start) if isinstance(said, str) else said}


def new_output(tree: Tree, ledger: Ledger) -> model.Output:
    """One entry of ``outputs``, whose preset is to be found by its id."""
    series = [{"thumbnail_preset": "thumbnails_small", **each} for each in tree.get("thumbnails") or ()]
    settings = tree.get("settings")
    document = {
        "preset": tree["preset"]["id"],
        "thumbnails": rows(series, "thumbnail_names", "thumbnail_preset"),
        "logos": rows(tree.get("logos") or [], "logo_image", "logo_preset"),
        "settings": None if settings is None else echoed_settings(settings),
    }
    output = read_output({**tree, "thumbnails": series}, ledger)
    return replace(output, preset=None, document=document)


def rows(entries: list[Tree], *keys: str) -> list[Tree] | None:
    return [{key: each.get(key) for key in keys} for each in entries] or None


def echoed_settings(settings: Tree) -> Tree:
    video = settings.get("video")
    shown = {key: settings.get(key) for key in ("max_duration", "video", "audio")}
    return shown | {"video": None if video is None else {key: video.get(key) for key in PICTURE}}


# --- what presets and pipelines say -----------------------------------------------------------------

UPLOADS: Final = "https://uploads.mediaglot.test/"
EVENT: Final = model.Event
PINGS: Final = {"started": EVENT.STARTED, "finished": EVENT.FINISHED, "error": EVENT.FAILED, "warning": EVENT.WARNING}


def settle(job: model.Job, found: Any) -> model.Job:
    """Raises Invalid for a pipeline or a preset that is not there."""
    key = ("pipeline", job.document["pipeline"])
    if key not in found:
        raise Invalid(field="pipeline", reason="does not exist")
    said = found[key].document
    location = below(said.get("input_download_dir"), job.inputs[0].location)
    if brought := found.get(("object", f"{key[1]}/{job.inputs[0].location.url}")):
        location = model.Location(url=f"{UPLOADS}{brought.document['upload']}")
    urls = said.get("ping_urls") or {}
    pings = {url: frozenset(PINGS[key] for key in PINGS if urls.get(key) == url) for url in urls.values() if url}
    targets = ((read_scalar(PLACE, url, "ping_urls"), events) for url, events in pings.items() if events)
    return replace(
        job,
        inputs=(replace(job.inputs[0], location=location),),
        outputs=tuple(furnished(output, found, said.get("image_download_dir")) for output in job.outputs),
        notifications=tuple(model.Notification(target=at, events=events) for at, events in targets),
        document={
            **job.document,
            "upload_dir": said.get("output_upload_dir"),
            "upload_options": said.get("upload_options"),
        },
    )


def below(folder: str | None, location: model.Location) -> model.Location:
    """A relative path, joined to the pipeline's own place for such things."""
    if "://" in location.url or not folder:
        return location
    return PLACE.read(f"{folder.rstrip('/')}/{location.url.lstrip('/')}")


def furnished(output: model.Output, found: Any, images: str | None) -> model.Output:
    thing = found.get(("preset", output.document["preset"]))
    if thing is None:
        raise Invalid(field="preset", reason="does not exist")
    base = preset_output(target) if (target := thing.document.get("target_format")) else model.Output()
    logos = (each for each in output.overlays if isinstance(each, model.ImageOverlay))
    overlays = tuple(replace(each, location=below(images, each.location)) for each in logos)
    return replace(capped(base, output, merge(base, output)), overlays=overlays, document=output.document)


def christen(job: model.Job, job_id: str) -> model.Job:
    """``{job_id}`` and ``{input_name}`` in names, and the places that they make."""
    name, folder = input_name(job), job.document.get("upload_dir")
    stem = re.sub(r"[^\w .()@=+,~-]", "_", name.rpartition(".")[0] or name)
    archive = "thumbnails_" + re.sub(r"\W", "_", name)

    def filled(text: str) -> str:
        return text.replace("{job_id}", job_id).replace("{input_name}", stem)

    prefix = filled(job.document["output_prefix"])
    options = job.document.get("upload_options") or {}
    places = (stored(LOCATION.read(f"{folder.rstrip('/')}/{prefix}".rstrip("/") + "/"), options),) if folder else ()

    def named(output: model.Output) -> model.Output:
        rows = [replace(row, name=f"{filled(row.name or 'thumb_{resolution}')}_{{n:04}}") for row in output.stills]
        stills = tuple(replace(row, archive_name=archive) for row in rows)
        return replace(output, name=filled(output.name or "{input_name}"), destinations=places, stills=stills)

    document = {**job.document, "output_prefix": prefix}
    return replace(job, outputs=tuple(map(named, job.outputs)), document=document)


def stored(place: model.Location, options: Mapping[str, Any]) -> model.Location:
    """How the pipeline wants objects to be kept that go to S3."""
    wishes = {"acl": "public-read"} if options.get("s3_allow_read") == "everyone" else {}
    if options.get("s3_reduced_redundancy"):
        wishes["storage_class"] = "REDUCED_REDUNDANCY"
    if not wishes or not place.url.lower().startswith("s3:"):
        return place
    access = place.access or model.Access()
    return replace(place, access=replace(access, options={**access.options, **wishes}))


def input_name(job: model.Job) -> str:
    """The last part of the input's path."""
    path = urlsplit(str(job.document["input"]["input_name"])).path
    return unquote(path.rstrip("/").rpartition("/")[2]) or "input"


# --- presets, uploads, downloads, playlists --------------------------------------------------------


def check_pipeline(document: Tree, whole: bool) -> None:
    for key in ("input_download_dir", "image_download_dir", "output_upload_dir", "image_upload_dir"):
        given(document, key, PLACE)
    for event, url in (document.get("ping_urls") or {}).items():
        given({event: url}, event, PLACE)


def allows(kind: str, cap: str, value: Any) -> bool:
    """Whether a codec of this kind can be capped so. Raises Invalid for a value that can't be read."""
    least, *most = catalog.CAPS[kind].get(cap, (None,))
    if not most:
        return least is not None and read_scalar(BOOLEAN, value, cap) is not None
    return bool(least <= read_scalar(DECIMAL, value, cap) <= most[0])


def check_preset(document: Tree, whole: bool) -> None:
    """At least one codec, known ones, and caps that each of them has: section 3.3."""
    target = document.get("target_format")
    if target is None:
        if whole:
            raise Missing(field="target_format")
        return
    for key, kind in (("vcodec", "video"), ("acodec", "audio")):
        for cap, value in ((target.get(key) or {}).get("caps") or {}).items():
            if not allows(kind, cap, value):
                raise Invalid(field=cap, reason="is not within the codec's range")
    preset_output(target)


def start_upload(call: Call, ledger: Ledger) -> PutThing:
    query = parameters(call.request)
    pipeline = well_formed(query.get("pipeline_id"), "pipeline_id")
    key = read_scalar(PLACE, query.get("object_key", ""), "object_key").url
    expires = given(query, "expires_at", NATURAL, 7 * 24 * 3600)
    said = {"object_key": key, "pipeline": pipeline, "nb_chunks": 0, "expires_at": expires}
    document = said | {"application": call.account.user}
    return PutThing(kind="upload", document=document, aliases=(("file", ""), ("object", f"{pipeline}/{key}")))


def finish_upload(call: Call, ledger: Ledger) -> PutThing:
    chunks = {"nb_chunks": call.tree["upload"]["nb_chunks"]}
    return PutThing(kind="upload", id=checked(call), document=chunks, merge=True)


def download(call: Call, ledger: Ledger) -> GetThing:
    """By ``file_id``, or by ``object_key`` and ``pipeline_id``."""
    file_id, pipeline, key = (call.tree.get(name) for name in ("file_id", "pipeline_id", "object_key"))
    until(call)
    if file_id:
        return GetThing(kind="file", id=well_formed(file_id, "file_id"))
    if not key:
        raise Missing(field="file_id")
    return GetThing(kind="object", id=f"{well_formed(pipeline, 'pipeline_id')}/{key}")


def until(call: Call) -> datetime | None:
    """When a link to a file shall lose its force, in seconds since 1970."""
    seconds = given(call.tree, "expiry_time", NATURAL)
    if seconds is not None and seconds >= 10**11:
        raise Invalid(field="expiry_time", reason="is out of range")
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def playlist(call: Call, ledger: Ledger) -> Intent:
    """Of files of one job, or of all that a job made."""
    file_ids, job_id = call.tree.get("file_id"), call.tree.get("job_id")
    if bool(file_ids) == bool(job_id) or call.tree.get("autograph_tag"):
        raise Invalid(field="file_id", reason="or else job_id must be given, and no tag")
    if job_id:
        return exchange.StreamFiles(job=well_formed(job_id, "job_id"))
    return exchange.StreamFiles(outputs=tuple(well_formed(one, "file_id") for one in str(file_ids).split(",")))
