"""What only a client of the provider needs to know: how a job is put into a pipeline, presets and a job of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from mediaglot.emulators.xvid_mediahub import catalog
from mediaglot.emulators.xvid_mediahub.complaint import MODULES
from mediaglot.emulators.xvid_mediahub.file import CONTAINERS
from mediaglot.emulators.xvid_mediahub.request import INPUT, PINGS, allows
from mediaglot.gateway import model
from mediaglot.gateway.errand import Speaker, content_name, held, objects
from mediaglot.gateway.faults import Unsupported
from mediaglot.gateway.likeness import cut, trimmed
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Many, Record, Tree, is_empty
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.values import EPOCH, FRAME_RATE, LOCATION, NATURAL, RATIO, Value, lenient

PAGE: Final = 1000
PAGES: Final = 20
"""How many pages of presets or pipelines are looked through, and how many documents are on each."""
NEWEST: Final = {"sort": "created_at", "direction": "-1", "limit": "100"}
"""What a list of jobs is asked for with."""
PLACES: Final = [key for key in catalog.PIPELINE if key.endswith("_dir")]
ROOM: Final = frozenset({"s3", "sftp", "ftp", "ftps", "http", "https"})
"""Where the provider puts files; s3, sftp and https are documented."""
COUNTER: Final = re.compile(r"[_-]?\{n(:\d+)?\}")
"""The provider counts thumbnails by itself."""
MEANINGS: Final = {
    code: word for invalid, absent, _ in MODULES.values() for code, word in ((invalid, "invalid"), (absent, "absent"))
}
"""The codes of all modules, in the words of the table of faults."""
TIMES: Final = Record(
    model.Made,
    Field("created_at", "created", lenient(EPOCH)),
    Field("finished_at", "finished", lenient(EPOCH)),
    open_keys=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A job, without the ids of the pipeline and of the presets that it wants, one for each output: their names."""

    job: Tree
    pipeline: str
    presets: tuple[str, ...]
    needs: Mapping[tuple[str, str], Tree]
    """The documents that must be there first, by kind and name."""


def order(speaker: Speaker, job: model.Job, ledger: Ledger, *, marker: str = "", hear: str = "") -> Order:
    """Of several sources it is the first. Raises Unsupported for a job without a source or an output, or with an
    output that is no film: pictures are made beside one only."""
    mute = any(output.video is output.audio is model.SKIP for output in job.outputs)
    if mute or not job.inputs or not job.outputs:
        raise Unsupported(feature="stills" if mute else "outputs" if job.inputs else "inputs")
    timed = trimmed(replace(job, inputs=job.inputs[:1]))
    root, prefix = place(job)
    within, wishes = ledger.within("outputs"), []
    for number, output in enumerate(timed.outputs):
        wishes.append(write_wish(speaker, named(output, number, root + prefix), within.within(number)))
    words = {"user_data": marker, "unique_custom_key": marker} if marker else {}
    source = INPUT.write(timed.inputs[0], ledger.within("inputs").within(0))
    document = {"input": source, "outputs": wishes, **words, **({"output_prefix": prefix} if root else {})}
    pings = {key: url for key, url in write_pings(job, hear).items() if url}
    pipeline = ({"output_upload_dir": root} if root else {}) | ({"ping_urls": pings} if pings else {})
    presets = [{"target_format": wish.pop("preset")["target_format"]} for wish in wishes]
    name, *names = map(content_name, (pipeline, *presets))
    needs = {("pipeline", name): pipeline} | {("preset", each): made for each, made in zip(names, presets, strict=True)}
    return Order(job=document, pipeline=name, presets=tuple(names), needs=needs)


# --- where files go -----------------------------------------------------------------------------------


def place(job: model.Job) -> tuple[str, str]:
    """The root of the first place that an output wants to go to, and the folder below it: one of each for a job."""
    wanted = (where for output in job.outputs for where in output.destinations[:1])
    return next((parted(where)[:2] for where in wanted if parted(where)[0]), ("", ""))


def parted(where: model.Location) -> tuple[str, str, str]:
    """Root, folder and file of a place; nothing for one that the provider can't reach."""
    url = LOCATION.write(where)
    return cut(url) if url.partition(":")[0] in ROOM else ("", "", "")


def named(output: model.Output, number: int, folder: str) -> model.Output:
    """An output with the name of the file that it wants to become, or with one that no other output has."""
    root, below, name = parted(output.destinations[0]) if output.destinations else ("", "", "")
    stem, dot, ending = name.rpartition(".") if name and root + below == folder else ("", "", "")
    stills = tuple(replace(each, name=COUNTER.sub("", each.name or "") or None) for each in output.stills)
    output = replace(output, stills=stills)
    if not dot or not stem:
        return replace(output, name=output.name or ("{input_name}" + (f"_{number + 1}" if number else "")))
    return replace(output, name=stem, extension=output.extension if ending == output.container else ending)


# --- presets ------------------------------------------------------------------------------------------


def write_wish(speaker: Speaker, output: model.Output, ledger: Ledger) -> Tree:
    """An entry of ``outputs`` with the whole preset in its place."""
    tree = speaker.write_output(output, ledger)
    target = tree.setdefault("preset", {}).setdefault("target_format", {})
    target.setdefault("container", "mp3" if output.video is model.SKIP else "mp4")
    for key, kind, wanted in (("vcodec", "video", output.video), ("acodec", "audio", output.audio)):
        codec = None if wanted is model.SKIP else codec_for(target["container"], kind)
        if codec is None:
            target.pop(key, None)
        else:
            track = {"codec": {"id": codec}} | (target.get(key) or {})
            caps = {cap: value for cap, value in track.pop("caps", {}).items() if allows(kind, cap, value)}
            target[key] = track | ({"caps": caps} if caps else {})
    return tree


def codec_for(container: str, kind: str) -> str | None:
    """The id of the first codec of its kind that a container can hold."""
    fit = (name for name, _, of, *_, containers in catalog.CODECS if of == kind and container in containers.split())
    return next((catalog.code("codec", name) for name in fit), None)


# --- pings --------------------------------------------------------------------------------------------


def write_pings(job: model.Job, hear: str) -> dict[str, str]:
    """The provider has one URL for each event, and no mail."""
    web = [each for each in job.notifications if each.target.url.startswith(("http://", "https://"))]

    def first(event: model.Event) -> str:
        return next((LOCATION.write(each.target) for each in web if event in each.events), "")

    return {key: hear or first(event) for key, event in PINGS.items()}


# --- what the provider says ---------------------------------------------------------------------------


def files_of(output: Tree) -> Iterator[tuple[Tree, bool]]:
    """The files of an output, each with whether it is a row of pictures: the video, the zip, the rows."""
    yield held(output, "file"), False
    yield held(output, "thumbnail_zip", "file"), False
    for row in objects(output, "thumbnails"):
        yield held(row, "file"), True


def bare(pipeline: Tree) -> bool:
    """Whether a pipeline is like every account's own: nothing in it changes a job."""
    return all(is_empty(pipeline.get(key)) for key in PLACES) and not any(held(pipeline, "ping_urls").values())


# --- what was measured on a file: section 3.5 ---------------------------------------------------------


def words(table: Mapping[str, str]) -> Value[str]:
    """From the provider's texts to our words; what the table does not have is the same in both."""
    back = {text: word for word, text in table.items()}
    return Value(lambda text: back.get(str(text), str(text)), lambda word: table.get(word, word))


KILOBITS: Final = Value(lambda value: NATURAL.read(value) * 1000, lambda bits: bits // 1000)
MILLISECONDS: Final = Value(lambda value: Fraction(NATURAL.read(value), 1000), lambda seconds: int(seconds * 1000))
TURN: Final = Value(lambda text: NATURAL.read(str(text).removeprefix("rotate-")), lambda turn: f"rotate-{turn}")
PICTURE: Final = Record(
    model.VideoFacts,
    Field("video_codec", "codec", words(catalog.CODEC_NAMES)),
    Field("video_bitrate", "bitrate", KILOBITS),
    Field("width", "width", NATURAL),
    Field("height", "height", NATURAL),
    Field("framerate", "frame_rate", FRAME_RATE),
    Field("aspect_ratio", "pixel_aspect", RATIO),
    Field("video_duration", "duration", MILLISECONDS),
    Field("orientation", "rotation", TURN),
    open_keys=True,
)
SOUND: Final = Record(
    model.AudioFacts,
    Field("audio_codec", "codec", words(catalog.CODEC_NAMES)),
    Field("audio_bitrate", "bitrate", KILOBITS),
    Field("audio_width", "bits", NATURAL),
    Field("samplingrate", "sample_rate", NATURAL),
    Field("nb_channels", "channels", NATURAL),
    Field("audio_duration", "duration", MILLISECONDS),
    open_keys=True,
)
WHOLE: Final = Record(
    model.MediaFacts,
    Field("container", "container", words(CONTAINERS)),
    Field("size", "size", NATURAL),
    Field("duration", "duration", MILLISECONDS),
    Many("video_tracks", "video", PICTURE),
    Many("audio_tracks", "audio", SOUND),
    open_keys=True,
)
