"""What clients are told: sections 1.6, 2 and 3. Trees may hold Refs, which become short or whole at the very end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from mediaglot.emulators.xvid_mediahub import catalog
from mediaglot.emulators.xvid_mediahub.request import PAGES, input_name, until
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.dialect import Call, Dialect, State
from mediaglot.gateway.exchange import Headers, Page, Response, Thing, Token, Window
from mediaglot.gateway.faults import Invalid, NotFound
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Made, Output, Status, Ticket
from mediaglot.gateway.model.mime import kind_of
from mediaglot.gateway.oauth import lifetime_asked
from mediaglot.gateway.reference import Finish, Picture, Ref
from mediaglot.gateway.values import EPOCH, Table
from mediaglot.gateway.wire.choice import parameters

STATES: Final[Table[State]] = Table(
    {
        "QUEUED": (Status.QUEUED, None),
        "PROCESSING": (Status.RUNNING, None),
        "SUCCESS": (Status.FINISHED, None),
        "FAILURE": (Status.FAILED, None),
        "CANCELLED": (Status.CANCELLED, None),
    },
    said={(Status.HELD, None): "QUEUED", (Status.UNKNOWN, None): "PROCESSING"},
)
"""The provider has no word for cancelled jobs: they are gone."""
FAILURE: Final = ("0x005015", "Failed to transcode the file")
"""Code and message of every failed job; the code is a digit shorter than the others, as documented."""
SUCCESS: Final[Tree] = {"result": {"status": "SUCCESS"}}


def base_of(call: Call) -> str:
    return f"{call.request.base}/v1"


def href(base: str, kind: str, object_id: str) -> str:
    return f"{base}/{'jobs/template' if kind == 'template' else kind}s/{object_id}"


def epoch(moment: datetime | None) -> int | None:
    return None if moment is None else EPOCH.write(moment)


def finish(call: Call, tree: Tree) -> tuple[Tree, list[tuple[str, str]]]:
    """The tree as it is told, and the things that it lacks."""
    base, query = base_of(call), parameters(call.request)
    step = Finish(
        href=lambda kind, object_id: href(base, kind, object_id),
        whole=lambda thing: whole(base, thing),
        found=call.found,
        names=frozenset(name.strip() for name in query.get("expand", "").split(",")),
        everything=query.get("expand_all") == "true",
        nulls=query.get("show_null") == "true",
        pictures=query.get("bin_data") == "true",
    )
    return step(tree), step.missing


# --- jobs -----------------------------------------------------------------------------------------


def percent_of(ticket: Ticket, made: Made) -> int:
    """Fetching and probing are the first 10, encoding goes to 99: section 5."""
    if made.status is Status.FINISHED:
        return 100
    before = min(ticket.progress / Fraction(5, 100), Fraction(1)) * 10
    return int(10 + made.progress * 89) if made.started else int(before)


def percent(ticket: Ticket) -> int:
    if ticket.status is Status.FINISHED:
        return 100
    shares = [percent_of(ticket, made) for made in ticket.outputs]
    return min(99, round(sum(shares) / max(1, len(shares))))


def output_tree(ticket: Ticket, output: Output, made: Made) -> Tree:
    said, series = output.document, output.document.get("thumbnails")
    rows = [{**row, "file": Ref("file", made.ids[f"thumbnails.{number}"])} for number, row in enumerate(series or ())]
    return {
        "preset": Ref("preset", said["preset"]),
        "file": Ref("file", made.id),
        "output_name": output.name,
        "percentage_completed": percent_of(ticket, made),
        "thumbnail_zip": {"file": Ref("file", made.ids["zip"])} if series else None,
        "thumbnails": rows or None,
        **{key: said.get(key) for key in ("logos", "settings")},
    }


def job_tree(base: str, ticket: Ticket, *, listed: bool = False) -> Tree:
    """``unique_custom_key`` is in single answers and ``title`` in lists, as the documented answers have it."""
    said = ticket.job.document
    failed = ticket.status in {Status.FAILED, Status.CANCELLED}
    stills = (file.path for made in ticket.outputs for file in made.files if file.role == "still")
    source = Ref("file", ticket.sources[0].id, input_name(ticket.job))
    return {
        **{kind: Ref(kind, said[kind]) for kind in ("pipeline", "application")},
        "user_data": said["user_data"],
        **({} if listed else {"unique_custom_key": said["unique_custom_key"]}),
        "input": {**said["input"], "file": source, "thumbnail": Picture(next(stills, None))},
        **{key: said[key] for key in ("autograph", "output_prefix", "playlists")},
        "outputs": [output_tree(ticket, output, made) for output, made in ticket.products],
        "status": "FAILURE" if failed else STATES.write((ticket.status, None)),
        "percentage_completed": percent(ticket),
        "error_msg": FAILURE[1] if failed else None,
        "error_code": FAILURE[0] if failed else None,
        "finished_at": epoch(ticket.finished),
        "version": 1,
        "user": Ref("user", said["user"]),
        "created_at": epoch(ticket.created),
        "updated_at": said.get("received") or epoch(ticket.created),
        **({"title": said["title"]} if listed else {}),
        "id": ticket.id,
        "href": href(base, "job", ticket.id),
    }


def job(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    return {"job": job_tree(base_of(call), ticket)}


def jobs(dialect: Dialect, call: Call, page: Page[Ticket]) -> Tree:
    trees = [job_tree(base_of(call), ticket, listed=True) for ticket in page.items]
    return envelope(call, "job", trees, page.total, PAGES.window(call.tree, sort="", descending=False))


def envelope(call: Call, kind: str, trees: list[Tree], total: int, window: Window) -> Tree:
    """A list and its paging block: section 2.2."""
    query = parameters(call.request)
    order = dict.fromkeys(("show_null", "human", "sort", *query))
    kept = {key: query[key] for key in order if key in query and key != "access_token"}
    links = PAGES.links(f"{call.request.base}{call.request.path.rstrip('/')}/", kept, total, window)
    turns = {name: None if url is None else {"href": url} for name, url in links.items()}
    return {f"{kind}s": trees, "total": total, "start": window.offset, "limit": window.limit} | turns


def token(dialect: Dialect, call: Call, issued: Token) -> Tree:
    """A number, but text for those who sent the text: section 1.3."""
    seconds = int((issued.expires - issued.issued).total_seconds()) if issued.expires else 0
    return {"access_token": issued.text.reveal(), "expires_in": lifetime_asked(call) or seconds, "token_type": "Bearer"}


# --- things ---------------------------------------------------------------------------------------


def trailer(base: str, thing: Thing) -> Tree:
    owner = Account(id=thing.owner or "", user=(thing.owner or "").rpartition("-")[0])
    who = {} if thing.owner is None or thing.kind == "user" else {"user": Ref("user", catalog.own("user", owner))}
    times = {"created_at": epoch(thing.created), "updated_at": epoch(thing.updated)}
    return {"version": 1, **who, **times, "id": thing.id, "href": href(base, thing.kind, thing.id)}


def plain(base: str, thing: Thing) -> Tree:
    return {**thing.document, **trailer(base, thing)}


def pipeline(base: str, thing: Thing) -> Tree:
    root = thing.document.get("file")
    return {**thing.document, "file": Ref("file", root) if root else None, **trailer(base, thing)}


def preset(base: str, thing: Thing) -> Tree:
    target = dict(thing.document["target_format"])
    for name in ("vcodec", "acodec"):
        if target.get(name):
            target[name] = {**target[name], "codec": Ref("codec", target[name]["codec"]["id"])}
    return {**thing.document, "target_format": target, **trailer(base, thing)}


FILE: Final = (
    "storage title name type subtype job autograph container mime_type md5_checksum size size_on_disk application "
    "duration pipeline finished_at expires_at elements video_tracks audio_tracks subtitle_tracks description parents "
    "user_data"
).split()


def file(base: str, thing: Thing) -> Tree:
    """A file of a job, or one that a client brought."""
    document = thing.document if "shown" in thing.document else brought(thing)
    said = {key: document[key] for key in ("title", "description", "user_data") if key in document}
    tree = dict.fromkeys(FILE) | {"storage": "intern"} | document["shown"] | said
    for kind in ("job", "application", "pipeline"):
        tree[kind] = Ref(kind, tree[kind]) if tree[kind] else None
    tree |= {"thumbnail": Picture(document.get("picture")), "uri": f"{base}/files/downloads/?file_id={thing.id}"}
    finished = {"updated_at": tree["finished_at"]} if tree["finished_at"] else {}
    whole_tree: Tree = tree | trailer(base, thing) | finished
    return whole_tree


def brought(thing: Thing) -> Tree:
    """An upload as a file: both have the same id."""
    said, size = thing.document, thing.document.get("received")
    name = said["object_key"].rpartition("/")[2]
    shown = {"title": name.rpartition(".")[0] or name, "name": name, "type": "file", "subtype": "video"}
    shown |= {"mime_type": kind_of(name), "size": size, "size_on_disk": size}
    shown |= {kind: said[kind] for kind in ("application", "pipeline")}
    shown |= {"finished_at": epoch(thing.updated) if size is not None else None, "expires_at": expiry(thing)}
    return {"shown": shown, "files": [["uploads", said["upload"], name]] if size is not None else []}


def expiry(thing: Thing) -> int | None:
    """In the future a time, else a number of seconds; 0 is never."""
    asked = int(thing.document["expires_at"]) * 1000
    return None if not asked else asked if asked >= 10**11 else (epoch(thing.created) or 0) + asked


def upload(dialect: Dialect, call: Call, thing: Thing) -> Tree:
    said, method = thing.document, call.request.method
    name, key = said["object_key"].rpartition("/")[2], f"tmp/{said['pipeline']}/{said['object_key']}"
    fields = {
        "name": name,
        "success_action_status": "201",
        "filename": "",
        "chunk": "0",
        "chunks": "1",
        "policy": "none",
    }
    fields |= {"signature": "none", "AWSAccessKeyId": "none", "key": key, "acl": "private"}
    complete = said["nb_chunks"] and "received" in said and method == "GET"
    shown = {
        "form_post_url": f"{call.request.site}/_mediaglot/uploads/{said['upload']}",
        "status": "COMPLETED" if complete else "COMPLETING" if said["nb_chunks"] else "UPLOADING",
        "nb_chunks": said["nb_chunks"],
        "storage_type": "S3",
        "object_key": said["object_key"],
        "pipeline": {"id": said["pipeline"]},
        "file": {"id": thing.id},
        "id": thing.id,
    }
    return {"upload": ({"form_post_params": fields} if method == "POST" else {}) | shown}


WHOLE: Final[dict[str, Callable[[str, Thing], Tree]]] = {"pipeline": pipeline, "preset": preset, "file": file}


def whole(base: str, thing: Thing | Ticket) -> Tree:
    return job_tree(base, thing) if isinstance(thing, Ticket) else WHOLE.get(thing.kind, plain)(base, thing)


def show(call: Call, thing: Thing) -> Tree:
    return whole(base_of(call), thing)


def matches(thing: Thing, query: Mapping[str, Any]) -> bool:
    wanted = query.get("type") or ""
    if thing.kind == "preset":
        return wanted in {"", "system" if thing.owner is None else "custom"}
    if thing.kind != "file":
        return thing.kind != "codec" or wanted in {"", thing.document["type"]}
    tree = file("", thing)
    ids = {f"{kind}.id": tree[kind].id if tree[kind] else None for kind in ("pipeline", "job")}
    same = all(ids[key] == query[key] for key in ids if query.get(key))
    return same and (not wanted or tree["type"] in wanted.split(","))


# --- downloads and playlists ----------------------------------------------------------------------


def download(dialect: Dialect, call: Call, thing: Thing) -> Tree | Response:
    document = thing.document if "shown" in thing.document else brought(thing)
    if call.tree.get("autograph_tag") and not document["shown"].get("autograph"):
        raise Invalid(field="autograph_tag", reason="is for AutoGraph files only")
    if not document["files"]:
        raise NotFound(kind="file", id=thing.id)
    urls = [link(call, *file) for file in document["files"]]
    if call.tree.get("redirect") == "true":
        return Response(status=302, headers=Headers(lines=(("Location", urls[0]),)))
    archive = document["shown"].get("type") == "archive"
    return {"downloads": [{"url": url} for url in urls]} if archive else {"download": {"url": urls[0]}}


def link(call: Call, room: str, path: str, name: str) -> str:
    inline = call.tree.get("streaming") == "true"
    if call.link is None:
        return f"{call.request.site}/_mediaglot/files/{room}/{path}"
    return call.link(path, filename=name, inline=inline, until=until(call), room=room)


TYPES: Final = {"hls": "application/vnd.apple.mpegurl", "dash": "application/dash+xml"}


def playlist(dialect: Dialect, call: Call, thing: Thing) -> Response:
    """The core's text, whose paths count from the folder of outputs."""
    kind = "dash" if call.request.path.endswith(".mpd") else "hls"
    text = thing.document[kind].replace("{outputs}", f"{call.request.site}/_mediaglot/outputs")
    return Response(status=200, headers=Headers(lines=(("Content-Type", TYPES[kind]),)), body=text.encode())
