"""The documents of a job's files: section 3.5. They follow from the ticket and exist from submission on."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from mediaglot.emulators.xvid_mediahub import catalog
from mediaglot.emulators.xvid_mediahub.answer import epoch
from mediaglot.emulators.xvid_mediahub.request import input_name
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.exchange import Thing
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import File, Made, MediaFacts, Output, Status, Ticket
from mediaglot.gateway.model.mime import kind_of

WEEK: Final = 7 * 24 * 3600 * 1000
CONTAINERS: Final = {"mov": "ISO MP4/M4A", "matroska": "Matroska", "avi": "AVI", "flv": "Flash", "mpegts": "MPEG-TS"}


def thousands(number: Fraction | int | None) -> int | None:
    """Seconds in milliseconds."""
    return None if number is None else round(number * 1000)


def track(facts: Any, kind: str, more: Tree) -> Tree:
    """What both kinds of tracks have, around what one of them has."""
    rate = facts.bitrate and round(facts.bitrate / 1000)
    codec = {f"{kind}_codec": catalog.CODEC_NAMES.get(facts.codec, facts.codec), f"{kind}_bitrate": rate}
    return codec | more | {f"{kind}_duration": thousands(facts.duration)}


def measured(facts: MediaFacts | None) -> Tree:
    if facts is None:
        return {}
    pictures = []
    for one in facts.video:
        pixel, rate = one.pixel_aspect or Fraction(1), one.frame_rate and round(float(one.frame_rate), 2)
        shape = {"aspect_ratio": f"{pixel.numerator}:{pixel.denominator}"}
        tree = track(one, "video", {"width": one.width, "height": one.height, "framerate": rate, **shape})
        pictures.append(tree | {"orientation": f"rotate-{one.rotation % 360}"})
    sounds = (
        track(one, "audio", {"audio_width": one.bits, "samplingrate": one.sample_rate, "nb_channels": one.channels})
        for one in facts.audio
    )
    container = CONTAINERS.get(facts.container, facts.container)
    tracks = {"video_tracks": pictures, "audio_tracks": list(sounds), "subtitle_tracks": []}
    return {"container": container, "duration": thousands(facts.duration), **weighed(facts.size), **tracks}


def weighed(size: int | None) -> Tree:
    return {"size": size, "size_on_disk": size}


def named(name: str, **more: Any) -> Tree:
    return {"title": name.rpartition(".")[0] or name, "name": name, "mime_type": kind_of(name), **more}


def derive(ticket: Ticket) -> tuple[Thing, ...]:
    """The input outlives its job, and nothing else does. Its bytes are gone when nobody needs them any more."""
    source, own = ticket.sources[0], common(ticket)
    shown = own | named(input_name(ticket.job), type="file", subtype="video") | measured(source.facts)
    shown |= {**weighed(source.size), "finished_at": epoch(ticket.fetched)}
    found = [thing_of(ticket, source.id, {"shown": shown, "files": []})]
    if ticket.deleted is None:
        for output, made in ticket.products:
            found += output_files(ticket, output, made, own)
        if key := ticket.job.document["unique_custom_key"]:
            found.append(thing_of(ticket, str(key), {}, kind="custom_key"))
    return tuple(found)


def thing_of(ticket: Ticket, file_id: str, document: Tree, kind: str = "file") -> Thing:
    now = ticket.updated or ticket.created
    return Thing(kind=kind, id=file_id, document=document, created=ticket.created, updated=now, owner=ticket.account)


def common(ticket: Ticket) -> Tree:
    said = ticket.job.document
    account = Account(id=ticket.account, user=said["application"])
    root = {"id": catalog.own("folder", account), "type": "folder", "is_root": True}
    parents = [root] if said["pipeline"] == catalog.own("pipeline", account) else []
    return {"application": said["application"], "pipeline": said["pipeline"], "parents": parents}


def output_files(ticket: Ticket, output: Output, made: Made, own: Tree) -> Iterator[Thing]:
    """The archive of each row of pictures, the zip of the first, and the video."""
    done = made.status is Status.FINISHED
    ours, finished = done and not output.destinations, epoch(made.finished) if done else None
    own = own | {"job": ticket.id, "finished_at": finished, "expires_at": (finished or 0) + WEEK if ours else None}
    said = ticket.job.document

    def thing(file_id: str, shown: Tree, files: list[File], **more: Any) -> Thing:
        paths = [["outputs", file.path, base_name(file)] for file in files] if ours else []
        return thing_of(ticket, file_id, {"shown": own | shown, "files": paths, **more})

    for number, (pictures, archive) in enumerate(rows(output, made)):
        elements = {"elements": [{"name": base_name(file), "size": file.size} for file in pictures] if done else None}
        name = output.document["thumbnails"][number]["thumbnail_names"] or "thumbnails"
        shown = {"title": name, "name": name, "type": "archive", "subtype": "image", **elements}
        total = sum(file.size for file in pictures) if done else None
        yield thing(made.ids[f"thumbnails.{number}"], shown | weighed(total), pictures)
        if number == 0:
            shown = named(f"{output.stills[0].archive_name}.zip", type="archive", subtype="zip", **elements)
            yield thing(
                made.ids["zip"], shown | weighed(archive.size if archive else None), [archive] if archive else []
            )
    media = next((file for file in made.files if file.role == "media"), None)
    picture = next((file.path for file in made.files if file.role == "still"), None)
    marked = said["autograph"] is not None
    shown = named(f"{output.name}.{output.extension or output.container or 'mp4'}", type="file", subtype="video")
    shown |= {"autograph": True} if marked else {}
    if media is not None and done:
        shown |= measured(media.facts) | weighed(media.size) | {"md5_checksum": media.md5}
        shown["size_on_disk"] = media.size * (8 if marked else 1)
    yield thing(made.id, shown, [media] if media else [], picture=picture)


def rows(output: Output, made: Made) -> list[tuple[list[File], File | None]]:
    """The pictures of each row of stills and their zip, which comes right behind them."""
    found: list[tuple[list[File], File | None]] = []
    pictures: list[File] = []
    for file in made.files:
        if file.role == "still":
            pictures.append(file)
        elif file.role == "archive":
            found.append((pictures, file))
            pictures = []
    return found + [([], None)] * (len(output.stills) - len(found))


def base_name(file: File) -> str:
    return file.path.rpartition("/")[2]
