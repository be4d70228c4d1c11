"""What each action gives: the answers' documents, in the order of the documented and captured ones."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from mediaglot.emulators.encoding_com import request as ask
from mediaglot.emulators.encoding_com.echo import echo
from mediaglot.gateway.address import beside
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import AccountFacts, Done, Page
from mediaglot.gateway.mapping import Tree, given, is_empty, many, one
from mediaglot.gateway.model import AudioFacts, Delivery, Made, MediaFacts, Output, Preset, Status, Ticket, VideoFacts
from mediaglot.gateway.values import YES_NO, at_scale, decimal, timecode

PLATFORM: Final = "1.0.0"
"""Our stand-in for the provider's platform version, which looks like a semantic version."""
PERCENT: Final = at_scale(100, 1)


def date(moment: datetime | None) -> str:
    return str(ask.DATE.write(moment))


def present(tree: Tree) -> Tree:
    """Without the keys that have nothing to say: typed clients want them absent rather than empty."""
    return {key: value for key, value in tree.items() if value is not None and value != ""}


def said(text: str) -> Any:
    """An action that only reports: ``message``."""
    return lambda dialect, call, result: {"message": text}


# --- status -----------------------------------------------------------------------------------------


def added(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    names = [str(one(name)) for made in ticket.job.outputs if not is_empty(name := made.document.get("save_preset"))]
    return {"message": "Added", "MediaID": ticket.id} | ({"SavedPreset": names} if names else {})


def source_of(ticket: Ticket) -> list[str]:
    return [source.location.verbatim for source in ticket.job.inputs]


def earlier_word(dialect: Dialect, ticket: Ticket) -> str | None:
    """The status before this one; several states of ours can share a word."""
    current = dialect.state(ticket.status, ticket.phase)
    earlier = [(step.status, step.phase) for step in reversed(ticket.history[:-1])]
    states = [ticket.previous, *earlier] if ticket.previous else earlier
    return next((word for state in states if (word := dialect.state(*state)) != current), None)


def media_head(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    """The media's own fields up to its formats; section 2.8."""
    words = ticket.job.document
    sizes = [source.size for source in ticket.sources]
    known = ticket.fetched is not None and all(size is not None for size in sizes)
    return present(
        {
            "id": ticket.id,
            "userid": str(one(words.get("userid")) or call.account.user),
            "version": PLATFORM,
            "sourcefile": source_of(ticket),
            "status": dialect.state(ticket.status, ticket.phase),
            "prevstatus": earlier_word(dialect, ticket),
            "notifyurl": many(words.get("notify")) or None,
            "created": date(ticket.created),
            "started": date(ticket.started or ticket.created),
            "finished": date(ticket.finished if ticket.fetched or not ticket.trouble else None),
            "downloaded": date(ticket.fetched),
            "uploaded": date(ticket.stored) if ticket.stored else None,
            "description": dialect.describe(ticket.trouble) if ticket.trouble else None,
            "filesize": str(sum(size or 0 for size in sizes)) if known else None,
            "processor": "AMAZON",
            "region": str(one(words.get("region")) or ""),
            "time_left": str(ticket.left or 0),
            "progress": PERCENT.write(ticket.progress),
            "time_left_current": str(ticket.phase_left or 0),
            "progress_current": PERCENT.write(ticket.phase_progress),
        }
    )


def queue_time(ticket: Ticket) -> str:
    return str(int((ticket.started - ticket.created).total_seconds())) if ticket.started else "0"


def media(dialect: Dialect, call: Call, ticket: Ticket, formats: list[Tree]) -> Tree:
    tree = media_head(dialect, call, ticket) | {"queue_time": queue_time(ticket)}
    return tree | ({"format": formats} if formats else {})


def task_word(dialect: Dialect, ticket: Ticket, made: Made) -> str:
    """A task is New while its media is fetched, and then goes the media's way."""
    if made.status is Status.HELD:
        return dialect.state(Status.QUEUED, None)
    return dialect.state(made.status, made.phase)


def delivery_word(dialect: Dialect, delivery: Delivery) -> str:
    if delivery.trouble is not None:
        return f"Error ({dialect.describe(delivery.trouble)})"
    return "Saved" if delivery.saved else "Open"


def links(dialect: Dialect, site: str, output: Output, made: Made, key: str | None = None) -> Tree:
    """A link to the result where the request named no destination."""
    if output.destinations or made.status is not Status.FINISHED:
        return {}
    key = key or f"{dialect.options['temporary_link']}_destination"
    shown = [file for file in made.files if file.role not in ("segment", "key", "i_frames")]
    if output.package is not None:  # the variants in their order, then the master (4.7)
        shown = [*shown[1:], *shown[:1]]
    files = [f"{site}/_mediaglot/outputs/{file.path}" for file in shown]
    return {key: files} if files else {}


def destinations(dialect: Dialect, made: Made, variants: tuple[str, ...] = ()) -> Tree:
    """Each with its status; the variants of HLS come before their master, in their order (4.7)."""
    told = [(each.location.verbatim, delivery_word(dialect, each)) for each in made.deliveries]
    pairs = [(url, word) for place, word in told for url in (*(beside(place, name) for name in variants), place)]
    if not pairs:
        return {}
    return {"destination": [url for url, _ in pairs], "destination_status": [word for _, word in pairs]}


def task_head(dialect: Dialect, ticket: Ticket, made: Made) -> Tree:
    return {
        "id": made.id,
        "status": task_word(dialect, ticket, made),
        "created": date(made.created or ticket.created),
        "started": date(made.started),
        "finished": date(made.finished),
    } | ({"description": dialect.describe(made.trouble)} if made.trouble else {})


def task_tail(made: Made) -> Tree:
    taken = int((made.finished - made.started).total_seconds()) if made.finished and made.started else 0
    queued = date(made.queued) if made.queued else ""
    return {"convertedsize": str(made.size), "queued": queued, "converttime": str(taken)}


def task_states(dialect: Dialect, made: Made) -> Tree:
    """``include_task_status=yes``: the task's history."""
    steps = [{"time": date(step.at), "message": dialect.state(step.status, step.phase)} for step in made.history]
    return {"task_status": {"state": steps}} if steps else {}


def task(dialect: Dialect, call: Call, ticket: Ticket, output: Output, made: Made) -> Tree:
    where = links(dialect, call.request.site, output, made) | destinations(dialect, made, made.variants(output))
    settings = echo(output.document, where) if dialect.options["echo"] == "full" else where
    tree = task_head(dialect, ticket, made) | settings | task_tail(made)
    return tree | task_states(dialect, made) if given(call.tree, "include_task_status", YES_NO) else tree


def status(dialect: Dialect, call: Call, result: Ticket | tuple[Ticket, ...]) -> Tree:
    if isinstance(result, tuple):
        return {"job": [job(dialect, call, ticket) for ticket in result]}
    formats = [task(dialect, call, result, output, made) for output, made in result.products]
    tree = media_head(dialect, call, result)
    return tree | ({"format": formats} if formats else {}) | {"queue_time": queue_time(result)}


def job(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    """Extended mode: per-task progress, no echo; section 2.9."""
    if ticket.deleted is not None:
        return {"id": ticket.id, "deleted": "yes"}
    formats = [extended_task(dialect, call, ticket, output, made) for output, made in ticket.products]
    return media(dialect, call, ticket, formats)


def extended_task(dialect: Dialect, call: Call, ticket: Ticket, output: Output, made: Made) -> Tree:
    running = made.status is Status.RUNNING
    return {
        **task_head(dialect, ticket, made),
        **links(dialect, call.request.site, output, made),
        **destinations(dialect, made, made.variants(output)),
        **task_tail(made),
        "time_left": str(ticket.left or 0) if running else "0",
        "progress": PERCENT.write(made.progress),
        "time_left_current": str(ticket.phase_left or 0) if running else "0",
        "progress_current": PERCENT.write(made.progress),
        "file_size": str(made.size),
    }


# --- lists ------------------------------------------------------------------------------------------


def listed(dialect: Dialect, call: Call, page: Page[Ticket]) -> Tree:
    if (version := ask.version(call)) == 3:
        return listed_by_page(dialect, call, page)
    return {"media": [entry(dialect, ticket, closed=version == 2) for ticket in page.items]}


def entry(dialect: Dialect, ticket: Ticket, *, closed: bool) -> Tree:
    return {
        "mediafile": source_of(ticket),
        "mediaid": ticket.id,
        "mediastatus": dialect.state(ticket.status, ticket.phase),
        "createdate": date(ticket.created),
        "startdate": date(ticket.started),
        "finishdate": date(ticket.finished),
    } | ({"closeddate": date(ticket.finished)} if closed else {})


def listed_by_page(dialect: Dialect, call: Call, page: Page[Ticket]) -> Tree:
    number, pages = ask.PAGES.pages(page)
    wanted = [name.strip() for part in many(call.tree.get("format_params")) for name in str(part).split(",") if name]
    block = {"per_page": page.limit, "page": number, "count": len(page.items), "total": page.total, "pages": pages}
    return {
        "pagination": {key: str(value) for key, value in block.items()},
        "media": [full_entry(dialect, call, ticket, wanted) for ticket in page.items],
    }


def full_entry(dialect: Dialect, call: Call, ticket: Ticket, wanted: list[str]) -> Tree:
    formats = [
        {"id": made.id, "status": task_word(dialect, ticket, made), "output": one(output.document.get("output"))}
        | {name: output.document.get(name, []) for name in wanted}
        for output, made in ticket.products
    ]
    return media(dialect, call, ticket, formats)


# --- media information ------------------------------------------------------------------------------


def rate(bits: int | None) -> str | None:
    return None if bits is None else f"{round(bits / 1000)}k"


def timing(prefix: str, seconds: Fraction | None) -> Tree:
    if seconds is None:
        return {}
    whole = timecode(Fraction(round(seconds * 100), 100))
    forms = {"": f"{float(seconds):.2f}", "_timestamp": whole, "_hms": whole.split(".")[0]}
    return {f"{prefix}duration{form}": text for form, text in forms.items()}


def video_information(video: VideoFacts) -> Tree:
    codec = f"{video.codec} ({video.profile})" if video.codec == "h264" and video.profile else video.codec
    aspects = {"pixel_aspect_ratio": video.pixel_aspect, "display_aspect_ratio": video.display_aspect}
    return {
        "video_codec": codec,
        "video_bitrate": rate(video.bitrate),
        **timing("video_", video.duration),
        "frame_rate": decimal(Fraction(round(video.frame_rate * 100), 100), 2) if video.frame_rate else None,
        "size": f"{video.width}x{video.height}",
        **{key: f"{value.numerator}:{value.denominator}" for key, value in aspects.items() if value},
    }


def audio_information(tracks: tuple[AudioFacts, ...]) -> Tree:
    """Of the first track, but for the bitrates, which are repeated for each."""
    if not tracks:
        return {}
    first = tracks[0]
    return {
        "audio_codec": first.codec,
        "audio_bitrate": [rate(track.bitrate) for track in tracks if track.bitrate] or None,
        "audio_sample_rate": str(first.sample_rate) if first.sample_rate else None,
        "audio_channels": str(first.channels) if first.channels else None,
        **timing("audio_", first.duration),
    }


FORMATS: Final = {"mov": "mpeg-4", "mp4": "mpeg-4"}


def information(facts: MediaFacts) -> Tree:
    """Section 2.11. No audio or no rotation: no such keys."""
    video = facts.video[0] if facts.video else None
    return present(
        {
            "bitrate": rate(facts.bitrate),
            **timing("", facts.duration),
            **(video_information(video) if video else {}),
            **audio_information(facts.audio),
            "rotation": str(video.rotation) if video and video.rotation else None,
            "format": FORMATS.get(facts.container, facts.container),
            "filesize": str(facts.size),
        }
    )


def media_info(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    facts = [source.facts for source in ticket.sources]
    known = [fact for fact in facts if fact is not None]
    if not known or len(known) < len(facts):
        raise ask.NotReady(kind="job", id=ticket.id)
    return information(known[0]) if len(known) == 1 else {"source": [information(fact) for fact in known]}


def media_info_ex(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    """Only its name and that it tells of the job are known; this shape is proposed."""
    return media(dialect, call, ticket, [])


# --- presets and account -----------------------------------------------------------------------------


def saved(dialect: Dialect, call: Call, done: Done) -> Tree:
    return {"message": "Saved", "SavedPreset": list(done.names)}


def preset(dialect: Dialect, call: Call, item: Preset) -> Tree:
    document = dict(item.output.document)
    kind = "user" if item.owner is not None else "ui"
    return {"name": item.name, "type": kind, "output": one(document.get("output")) or "", "format": document}


def presets(dialect: Dialect, call: Call, page: Page[Preset]) -> Tree:
    wanted = str(one(call.tree.get("type")) or "all").lower()
    items = [preset(dialect, call, item) for item in page.items]
    groups = (group for group in ("user", "ui") if wanted in ("all", group))
    return {group: [item for item in items if item["type"] == group] for group in groups}


def account_answer(action: str, result: Tree) -> Tree:
    return {"action": action, "status": "Success", "result": result}


def user_info(dialect: Dialect, call: Call, facts: AccountFacts) -> Tree:
    user = call.account.user
    told = {"user_id": user, "ID": user, "Login": f"user{user}", "Status": "active", "PlanName": "mediaglot"}
    return account_answer("getuserinfo", told)


def reserved_info(dialect: Dialect, call: Call, facts: AccountFacts) -> Tree:
    threads = {
        "total_threads": facts.workers,
        "processing_threads": min(facts.running, facts.workers),
        "failovers_threads": 0,
        "waiting_threads": facts.waiting,
        "iddle_threads": max(facts.workers - facts.running, 0),
    }
    return account_answer("getreservedinfo", {key: str(value) for key, value in threads.items()})


def health(dialect: Dialect, call: Call, facts: AccountFacts) -> Tree:
    healthy = "Ok" if facts.healthy else "Encoding Queue Processing Delays"
    return {"status": healthy, "status_code": "ok" if facts.healthy else "queue_slow", "incident": ""}
