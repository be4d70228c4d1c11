"""Records and schemas tell of the same fields: none is in one that the other lacks, but for those with a reason."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.mapping import Record
from mediaglot.gateway.wire.schema import SUFFIX, Schemas, stem


@dataclass(frozen=True, kw_only=True)
class Couple:
    """Records, and the places in the schemas that describe the same document.

    With ``deep`` names are paths through objects; with ``flat`` fields of objects within count by their names alone, as
    a Record sees them that takes them all from one level.
    """

    dialect: str
    records: str
    places: Mapping[str, str]
    """Pointers, and what is put before the names that are found there."""
    deep: bool = False
    flat: bool = False
    unrecorded: Mapping[str, str] = field(default_factory=dict)
    """Fields that no Record has, with several in one row, and why."""
    undescribed: Mapping[str, str] = field(default_factory=dict)
    """Fields that no schema has, and why."""

    def __str__(self) -> str:
        return f"{self.dialect}: {self.records}"


KEPT_ALONE = "turbo twin_turbo two_pass_decoding encoder downmix_mode audio_normalization audio_minrate audio_maxrate "
KEPT_ALONE += "audio_bufsize pan slices rc_init_occupancy muxrate VCodecParameters"
PICTURE = "max_width max_height max_framerate max_key_distance max_ref_frames max_buffersize interlaced"
SOUND = "max_channels max_samplingrate max_bitdepth"


def caps(track: str, names: str) -> str:
    return " ".join(f"preset.target_format.{track}.caps.{name}" for name in names.split())


COUPLES = (
    Couple(
        dialect="encoding_com",
        records="document.FILE document.PICTURES document.PACKAGED",
        places={"common#/$defs/format": ""},
        unrecorded={
            "pack_files": "nothing is packed here: kept and noted as any unknown parameter",
            "bitrates sizes framerates keyframes": "what they list is spread over streams before these are read",
        },
    ),
    Couple(
        dialect="encoding_com",
        records="document.STREAM",
        places={"common#/$defs/stream": ""},
        unrecorded={KEPT_ALONE: "of a stream they have no effect: noted as any unknown parameter"},
    ),
    Couple(dialect="encoding_com", records="overlay.LOGO", places={"common#/$defs/format/properties/logo": ""}),
    Couple(dialect="encoding_com", records="overlay.IMAGE", places={"common#/$defs/format/properties/overlay": ""}),
    Couple(
        dialect="encoding_com", records="overlay.WORDS", places={"common#/$defs/format/properties/text_overlay": ""}
    ),
    Couple(
        dialect="encoding_com",
        records="facts.PICTURE facts.SOUND facts.WHOLE",
        places={"common#/$defs/information": ""},
        unrecorded={
            "duration_hms duration_timestamp video_duration_hms video_duration_timestamp audio_duration_hms "
            "audio_duration_timestamp": "other spellings of a duration, which answer.py writes beside it"
        },
    ),
    Couple(
        dialect="encoding_com",
        records="request.FILTER",
        places={"get_media_list.request#": ""},
        unrecorded={
            "userid userkey oidc_refresh_token action": "of the envelope",
            "version format_params": "how the list is shown: request.version and answer.listed read them",
            "page per_page sort order": "of the page: request.PAGES and request.SORTS",
        },
    ),
    Couple(
        dialect="tpstreams",
        records="document.OUTPUT client.INPUT",
        places={"create_job.request#": ""},
        unrecorded={"input_path enable_drm client_metadata": "read with their errors by fields.py, in request.create"},
    ),
    Couple(
        dialect="transparent_edge",
        records="document.FILE document.STREAM document.IMAGE document.PACKAGE",
        places={"common#/$defs/profile": "", "common#/$defs/profile_sent": ""},
        flat=True,
        unrecorded={
            "custom_profiles": "unfolded by document.outfit, whose Records take the rows' fields",
            "transcoding_profile": "the name under which an order's row shows its profile",
        },
        undescribed={
            "overlay": "where document.py puts a row that is an overlay, beside the fields of the others",
            "label filename thumbnails": "of the order's job, laid over the profile",
        },
    ),
    Couple(dialect="transparent_edge", records="document.THUMBNAIL", places={"common#/$defs/thumbnail": ""}),
    Couple(
        dialect="xvid_mediahub",
        records="document.OUTPUT",
        places={
            "common#/$defs/wish": "",
            "presets_post.request#/properties/preset/properties/target_format": "preset.target_format.",
        },
        deep=True,
        unrecorded={
            "preset.target_format.acodec.passes": "sound has no passes",
            f"{caps('acodec', PICTURE)} {caps('vcodec', SOUND)}": "both tracks have one definition; a preset "
            "that caps what its track has not is refused",
            "preset.target_format.acodec.caps.max_bitdepth": "nothing here has a depth of sound",
        },
    ),
    Couple(dialect="xvid_mediahub", records="document.STILLS", places={"common#/$defs/wish/properties/thumbnails": ""}),
    Couple(
        dialect="xvid_mediahub",
        records="request.INPUT",
        places={"jobs_post.request#/properties/job/properties/input": ""},
    ),
    Couple(dialect="xvid_mediahub", records="facts.PICTURE", places={"common#/$defs/video_track": ""}),
    Couple(dialect="xvid_mediahub", records="facts.SOUND", places={"common#/$defs/audio_track": ""}),
)
PARTS = {
    "encoding_com": "document.AUDIO document.VIDEO document.SHEET document.STILLS document.ENCRYPTION document.PACKAGE "
    "video.KEY_FRAMES",
    "transparent_edge": "document.VIDEO document.STREAMED_VIDEO document.AUDIO document.ENTRY",
    "xvid_mediahub": "document.VIDEO document.AUDIO",
}
"""Records of which others are made."""
SINGLE = {
    ("encoding_com", "client.TIMES"): "common#/$defs/media",
    ("xvid_mediahub", "facts.TIMES"): "common#/$defs/job",
    ("xvid_mediahub", "facts.WHOLE"): "common#/$defs/file",
}
"""Records that pick some fields of a larger document: the schema has all of theirs."""


@cache
def schemas(name: str) -> Schemas:
    return Schemas(registry.find(name))


def record(dialect: str, name: str) -> Record[Any]:
    module, _, attribute = name.partition(".")
    found = getattr(importlib.import_module(f"mediaglot.emulators.{dialect}.{module}"), attribute)
    assert isinstance(found, Record)
    return found


def keys(dialect: str, names: str) -> frozenset[str]:
    return frozenset().union(*(record(dialect, name).keys for name in names.split()))


def resolve(dialect: str, reference: str, home: str) -> tuple[Any, str]:
    file, _, pointer = reference.partition("#")
    name = file.removesuffix(SUFFIX) or home
    found = schemas(dialect).document(name)
    for step in filter(None, pointer.split("/")):
        found = found[step]
    return found, name


def told(couple: Couple, schema: Any, home: str, before: str, depth: int = 12) -> Iterator[str]:
    """The names of a schema's fields, as the couple counts them."""
    if isinstance(schema, list):
        for each in schema:
            yield from told(couple, each, home, before, depth)
    if not isinstance(schema, dict) or not depth:
        return
    if "$ref" in schema:
        yield from told(couple, *resolve(couple.dialect, schema["$ref"], home), before, depth - 1)
    words = ("allOf", "anyOf", "oneOf", *(("items",) if couple.flat or depth == 12 else ()))
    for word in words:
        yield from told(couple, schema.get(word), home, before, depth)
    for name, each in schema.get("properties", {}).items():
        within = f"{before}{name}"
        inner = list(told(couple, each, home, f"{within}." if couple.deep else before, depth - 1))
        if not (couple.deep and inner):
            yield within
        if couple.deep or couple.flat:
            yield from inner


def leaves(paths: Set[str]) -> frozenset[str]:
    """Both sides may also look at an object as a whole."""
    return frozenset(path for path in paths if not any(other.startswith(f"{path}.") for other in paths))


def excused(reasons: Mapping[str, str]) -> frozenset[str]:
    assert all(reasons.values())
    return frozenset(name for names in reasons for name in names.split())


@pytest.mark.parametrize("couple", COUPLES, ids=str)
def test_records_and_schemas_have_the_same_fields(couple: Couple) -> None:
    described: set[str] = set()
    for place, before in couple.places.items():
        schema, home = resolve(couple.dialect, place, place.partition("#")[0])
        described |= set(told(couple, schema, place.partition("#")[0] or home, before))
    recorded = keys(couple.dialect, couple.records)
    if couple.deep:
        described, recorded = leaves(described), leaves(recorded)
    assert described - recorded == excused(couple.unrecorded), "no Record has these"
    assert recorded - described == excused(couple.undescribed), "no schema has these"


@pytest.mark.parametrize(("where", "place"), SINGLE.items(), ids=str)
def test_what_a_record_picks_is_described(where: tuple[str, str], place: str) -> None:
    dialect, name = where
    schema, home = resolve(dialect, place, "")
    couple = Couple(dialect=dialect, records=name, places={place: ""})
    assert record(dialect, name).keys <= set(told(couple, schema, home, ""))


@pytest.mark.parametrize("name", registry.names())
def test_what_an_operation_takes_by_a_record_is_described(name: str) -> None:
    """In its path, or in its schema."""
    for route in registry.find(name).routes:
        if isinstance(route.takes, Record) and not route.public:
            couple = Couple(dialect=name, records="", places={})
            place = f"{stem(route.name)}.request"
            described = set(told(couple, schemas(name).document(place), place, ""))
            in_path = {part[1:-1] for part in route.path.split("/") if part.startswith("{")}
            assert route.takes.keys <= described | in_path, route.name


@pytest.mark.parametrize("name", registry.names())
def test_every_record_has_its_row(name: str) -> None:
    package = importlib.import_module(f"mediaglot.emulators.{name}")
    rows = [record(name, each) for couple in COUPLES if couple.dialect == name for each in couple.records.split()]
    rows += [record(name, each) for each in PARTS.get(name, "").split()]
    rows += [record(*where) for where in SINGLE if where[0] == name]
    rows += [route.takes for route in registry.find(name).routes if isinstance(route.takes, Record)]
    known = {id(each) for each in rows}
    for module in pkgutil.iter_modules(package.__path__):
        content = vars(importlib.import_module(f"{package.__name__}.{module.name}"))
        unknown = [key for key, each in content.items() if isinstance(each, Record) and id(each) not in known]
        assert unknown == [], f"{module.name}: in none of the tables of this test"
