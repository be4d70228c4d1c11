"""What only a client of the provider needs to know: names and marks of its own, and where orders tell what."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from mediaglot.emulators.transparent_edge.document import stem, within
from mediaglot.emulators.transparent_edge.order import PRIORITIES
from mediaglot.gateway import model
from mediaglot.gateway.address import with_path
from mediaglot.gateway.faults import Unsupported
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.values import LOCATION

MARKER: Final = "mediaglot:"
"""What a marker follows in the label of an order's first job: nothing else of an order is free text and told again."""
NEWEST: Final = 200
"""How many of the newest orders are looked at for a marker, one request each, of ours only once."""
STREAM: Final = "mediaglot-hls"
FILE: Final = "mediaglot"
"""How the names of our profiles begin."""
NEEDED: Final = {"video_format": "mp4", "video_codec": "libx264"}
"""What a profile must say, where the job does not."""
THUMBNAIL: Final = frozenset({"filename", "width", "height", "time"})
SUFFIX: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
ID: Final = re.compile(r"#(\S+)")
"""2.1: what follows the first ``#`` of the answer, up to a blank or its end."""


def time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def marker_of(jobs: list[Tree]) -> str:
    """The last one: what stands before is the client's, who may be a server like this one."""
    return "".join(str(jobs[0].get("label") or "").split(MARKER)[1:][-1:]) if jobs else ""


def place(upload: Tree, job: Tree) -> str:
    """Where a file of a finished order is; of a stream, its playlist."""
    name, profile = str(job.get("filename") or ""), job.get("profile")
    stream = isinstance(profile, dict) and str(profile.get("name")).startswith(f"{STREAM}-")
    below = f"{stem(name)}/{stem(name)}.m3u8" if stream else name
    return f"{str(upload.get('upload_url') or '').rstrip('/')}/{below}"


def addressed(job: model.Job) -> model.Job:
    """Of outputs whose profile nobody knows, and that are as their order says it: directories end in a slash."""
    if not any("profile_id" in output.document for output in job.outputs):
        return job
    return replace(job, outputs=tuple(_addressed(output) for output in job.outputs))


def _addressed(output: model.Output) -> model.Output:
    if "profile_id" not in output.document:
        return output
    return replace(output, destinations=tuple(map(within, output.destinations)))


def streamed(output: model.Output) -> bool:
    return output.package is not None and output.package.kind is model.PackageKind.HLS


def pictures_alone(output: model.Output) -> bool:
    """What an order makes beside its jobs: thumbnails of its own."""
    bare = output.container is None and output.package is None and output.preset is None
    return bare and bool(output.stills) and (isinstance(output.video, model.Skip) or output.name is None)


def single(output: model.Output) -> model.Output:
    """A profile makes one stream: of several variants the highest one."""
    package = output.package
    if package is None or not package.variants or isinstance(output.video, model.Video):
        return output
    best = max(package.variants, key=_height)
    return replace(output, video=best.video, audio=output.audio or best.audio)


def _height(variant: Any) -> int:
    size = variant.video.size if isinstance(variant.video, model.Video) else None
    return size.height if size and isinstance(size.height, int) else 0


def folder(location: model.Location, output: model.Output) -> model.Location:
    """The directory that a destination of ours names: of a stream the one above its own. Raises Unsupported."""

    def directory(path: str) -> str:
        file = path.rstrip("/") if streamed(output) else path
        if streamed(output) and not file:
            raise Unsupported(feature="destinations", reason="a stream needs a directory of its own")
        return f"{file.rpartition('/')[0]}/"

    return replace(location, url=with_path(location.url, directory), spelling=None)


def filename(output: model.Output, number: int) -> str:
    """What the first destination calls it, or the output's own name; a stream's directory is called after it."""
    path = urlsplit(output.destinations[0].url).path if output.destinations else ""
    if streamed(output):
        last = unquote(path.rstrip("/").rpartition("/")[2])
        own = output.name if output.name and stem(output.name) == last else None
        return own or f"{last or f'stream-{number}'}.mp4"
    name = unquote(path.rpartition("/")[2]) or output.name or f"output-{number}"
    return name if SUFFIX.search(name) else f"{name}.{output.extension or output.container or 'mp4'}"


def distinct(names: Iterable[str]) -> list[str]:
    """All files of an order go to the same directories: those that would overwrite each other get numbers."""
    taken: set[str] = set()
    found = []
    for name in names:
        number, free = 2, name
        while free.casefold() in taken:
            free = f"{stem(name)}-{number}{name[len(stem(name)) :]}"
            number += 1
        taken.add(free.casefold())
        found.append(free)
    return found


def told(job: model.Job) -> list[Tree]:
    """Who hears of the end: addresses and URLs."""
    found = []
    for each in job.notifications:
        url = str(LOCATION.write(each.target))
        mail = url.startswith("mailto:")
        if mail or url.lower().startswith(("http://", "https://")):
            found.append({"email": unquote(url.removeprefix("mailto:"))} if mail else {"call": url})
    return found


def rank(priority: int | None) -> int | None:
    """The nearest that there is; below the lowest one there is only none."""
    if priority is None or priority < PRIORITIES[0]:
        return None
    return min(priority, PRIORITIES[-1])
