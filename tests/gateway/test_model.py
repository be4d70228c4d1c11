"""The model: secrets stay secret, values stay as they are, and what is essential says so."""

from __future__ import annotations

import dataclasses
import json
import logging
import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass
from fractions import Fraction
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest

from mediaglot.emulators.tpstreams.place import SOURCE
from mediaglot.gateway import exchange, model
from mediaglot.gateway.address import read_location
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.mask import masked, secrets
from mediaglot.gateway.model import Access, Input, Job, Location, Output, Secret, Size, Video, is_essential
from mediaglot.gateway.model.change import replace, watched
from mediaglot.gateway.values import PLACE

TEXT = "hunter2-very-secret"


def every_class(module: ModuleType) -> list[Any]:
    return [
        found
        for found in vars(module).values()
        if isinstance(found, type) and is_dataclass(found) and found.__module__.startswith(module.__name__)
    ]


def test_a_secret_is_in_no_text_that_python_makes_of_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(TEXT)
    holder = Location(url="ftp://h/f", access=Access(user="u", password=secret), spelling=Secret(f"ftp://u:{TEXT}@h/f"))
    job = Job(inputs=(Input(location=holder),), extras={"acme": {"key": TEXT}}, document={"source": TEXT})
    output = Output(destinations=(holder,), document={"destination": TEXT}, extras={"acme": {"x": TEXT}})
    logging.getLogger("test").error("%s %r", job, output)
    made = (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>40}",
        repr(job),
        repr(output),
        str(holder),
    )
    assert not [text for text in (*made, caplog.text) if TEXT in text]
    with pytest.raises(TypeError):
        json.dumps(secret)


SIGNED = (
    f"https://b.s3.amazonaws.com/a.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={TEXT}&X-Amz-Expires=60",
    f"https://b.s3.amazonaws.com/a.mp4?X-Amz-Credential={TEXT}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request",
    f"https://b.s3.amazonaws.com/a.mp4?x-amz-security-token={TEXT}",
    f"https://b.s3.amazonaws.com/a.mp4?AWSAccessKeyId={TEXT}&Signature={TEXT}&Expires=1",
    f"https://x.blob.core.windows.net/c/a.mp4?sv=2022-11-02&se=2026-01-01&sr=b&sp=r&sig={TEXT}",
    f"https://storage.googleapis.com/b/a.mp4?GoogleAccessId={TEXT}&Expires=1&Signature={TEXT}",
    f"https://storage.googleapis.com/b/a.mp4?X-Goog-Credential={TEXT}&X-Goog-Signature={TEXT}",
    f"https://d1.cloudfront.net/a.mp4?Policy={TEXT}&Signature={TEXT}&Key-Pair-Id={TEXT}",
    f"https://cdn.example/a.mp4?hdnts={TEXT}&token={TEXT}",
    f"s3://wasabisys.com/b/a.mp4/?access_key=KEY&secret_key={TEXT}&session_token={TEXT}&region=us-east-1",
)
"""As object stores and networks of caches sign their URLs."""


@pytest.mark.parametrize("url", SIGNED)
@pytest.mark.parametrize("read", [read_location, PLACE.read, SOURCE.read], ids=["location", "place", "source"])
def test_a_signed_url_is_sent_as_it_is_and_shown_to_nobody(
    read: Any, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = read(url)
    job = Job(inputs=(Input(location=found),), outputs=(Output(destinations=(found,)),))
    logging.getLogger("test").error("%s %r", job, found)
    assert found.verbatim == url
    assert not [text for text in (str(found), repr(job), found.shown, caplog.text) if TEXT in text]
    known = [*secrets(job)]
    assert TEXT in " ".join(known)
    body = f"{url} {quote(url, safe='')} {' and '.join(known)}".encode()
    assert TEXT not in masked(Request(body=body), known).body.decode()


@pytest.mark.parametrize("login", ["a%0d%0ab:c", "a:b%0ac", "a%00:b", "a:%7f"])
@pytest.mark.parametrize("read", [read_location, PLACE.read, SOURCE.read], ids=["location", "place", "source"])
def test_a_login_that_no_header_can_hold_is_refused(read: Any, login: str) -> None:
    for scheme in ("s3", "https", "ftp"):
        with pytest.raises(ValueError, match="is not a usable"):
            read(f"{scheme}://{login}@films.example/a.mp4")


def test_a_secret_gives_its_text_only_when_asked_and_compares_by_it() -> None:
    assert Secret(TEXT).reveal() == TEXT
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_a_location_echoes_what_the_client_wrote_and_compares_without_it() -> None:
    mine = Location(url="ftp://h/f", spelling=Secret("FTP://h/f"))
    assert mine.verbatim == "FTP://h/f"
    assert mine == Location(url="ftp://h/f")
    assert Location(url="ftp://h/f").verbatim == "ftp://h/f"


@pytest.mark.parametrize("cls", [*every_class(model), *every_class(exchange)], ids=lambda cls: cls.__name__)
def test_every_value_is_frozen_and_slotted(cls: Any) -> None:
    assert cls.__dataclass_params__.frozen
    assert "__slots__" in vars(cls)


def test_a_value_cannot_be_changed() -> None:
    video = Video(codec="h264")
    with pytest.raises(FrozenInstanceError):
        video.codec = "vp9"  # type: ignore[misc]


def test_equal_jobs_are_equal_whatever_their_documents_say() -> None:
    assert Job(label="a", document={"x": "1"}) == Job(label="a", document={"y": "2"})
    assert Job(label="a", extras={"acme": {"x": 1}}) != Job(label="a")


def test_what_changes_the_picture_is_marked_essential() -> None:
    marked = {
        f"{cls.__name__}.{f.name}" for cls in every_class(model) for f in fields(cls) if is_essential(cls, f.name)
    }
    assert {"Video.codec", "Video.size", "Video.crop", "Video.rotate", "Audio.codec", "Input.location"} <= marked
    assert {"Output.destinations", "Output.container", "Output.clip", "Input.clip", "Job.inputs"} <= marked
    assert not marked & {"Video.profile", "Output.label", "Job.tags", "Audio.language"}


def test_silence_is_none_and_never_a_default() -> None:
    assert all(getattr(Video(), f.name) is None for f in fields(Video) if f.name != "tune")


def test_no_number_of_the_model_is_a_string() -> None:
    assert Video(rate=model.Quality(level=Fraction(23))).rate == model.Quality(level=Fraction(23))
    numbers = {"width", "height", "bitrate", "size", "sample_rate", "channels", "frame_rate", "duration"}
    for cls in every_class(model):
        for field in fields(cls):
            if field.name in numbers:
                assert "str" not in str(field.type), f"{cls.__name__}.{field.name}"


def test_values_can_cross_to_another_process() -> None:
    job = Job(inputs=(Input(location=Location(url="https://h/f")),), outputs=(Output(container="mp4"),))
    assert pickle.loads(pickle.dumps(job.inputs)) == job.inputs


@pytest.mark.parametrize("item", [Size(width=1), Video(codec="h264"), Output(container="mp4", document={"a": 1})])
def test_a_changed_value_is_what_the_standard_library_makes_of_it(item: Any) -> None:
    name = dataclasses.fields(item)[0].name
    made, other = replace(item, **{name: "x"}), dataclasses.replace(item, **{name: "x"})
    assert type(made) is type(item)
    assert made == other
    assert repr(made) == repr(other)
    assert getattr(made, "document", None) is getattr(item, "document", None)


def test_a_watched_value_says_who_was_looked_at() -> None:
    seen: set[str] = set()
    size = watched(Size(width=1, height=2), seen)
    assert isinstance(size, Size)
    assert seen == set()
    assert (size.width, seen) == (1, {"width"})
