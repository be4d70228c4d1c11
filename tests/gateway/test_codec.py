"""The codec: every value of the model survives the way to a plain tree and back, and mistakes are named."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediaglot.gateway import codec, exchange, faults, loss, model
from mediaglot.gateway.exchange import CreateJob, Done, GetJob, Intent, Page, Thing
from mediaglot.gateway.model import (
    SKIP,
    Average,
    Input,
    Job,
    Location,
    Output,
    Preset,
    Secret,
    Share,
    Size,
    Status,
    Ticket,
    Video,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
TEXT = st.text(max_size=6)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**62), 2**62),
    str: TEXT,
    bool: st.booleans(),
    bytes: st.binary(max_size=6),
    Fraction: st.fractions(),
    Secret: TEXT.map(Secret),
    datetime: st.datetimes(timezones=st.just(UTC)),
}
FREE = st.recursive(
    PLAIN | SCALARS[Fraction] | SCALARS[Secret] | SCALARS[datetime],
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT | st.just("is"), inner, max_size=3),
    max_leaves=6,
)


def anything(cls: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a type annotation; deep ones are small."""
    origin, args = get_origin(cls), get_args(cls)
    if cls in SCALARS:
        return SCALARS[cls]
    if cls is Any:
        return FREE
    if origin in (Union, UnionType):
        return st.one_of(*(anything(arg, depth) for arg in args))
    if cls is NoneType:
        return st.none()
    most = 2 if depth < 4 else 0
    if origin is tuple:
        if args[-1] is Ellipsis:
            return st.lists(anything(args[0], depth), max_size=most).map(tuple)
        return st.tuples(*(anything(arg, depth) for arg in args))
    if origin is frozenset:
        return st.frozensets(anything(args[0], depth), max_size=3)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(TEXT, anything(args[1], depth), max_size=most)
    if issubclass(cls, StrEnum):
        return st.sampled_from(cls)
    return records(cls, depth + 1)


@cache
def records(cls: type, depth: int = 0) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    if cls is Ticket:
        hints["losses"] = tuple[loss.Loss, ...]
    optional = {
        field.name
        for field in dataclasses.fields(cls)
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    }
    if depth > 5:
        hints = {name: hint for name, hint in hints.items() if name not in optional}
    members = {name: st.deferred(lambda hint=hint: anything(hint, depth)) for name, hint in hints.items()}
    needed = {name: member for name, member in members.items() if name not in optional}
    offered = {name: member for name, member in members.items() if name in optional}
    return st.fixed_dictionaries(needed, optional=offered).map(lambda values: cls(**values))


def classes() -> list[type]:
    found = [
        cls
        for module in (model, loss, exchange)
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if dataclasses.is_dataclass(cls) and cls.__module__.startswith(module.__name__)
    ]
    return [cls for cls in found if cls not in (Page, Intent, loss.Ledger)]


def spelled_out(value: Any) -> Any:
    """Everything in a value, also what does not take part in comparing."""
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return type(value), {name: spelled_out(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: spelled_out(item) for key, item in value.items()}
    return [spelled_out(item) for item in value] if isinstance(value, tuple | list) else value


@pytest.mark.heavy
@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_every_class_comes_back_whole(cls):
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(records(cls))
    def check(value: Any) -> None:
        tree = codec.encode(value)
        assert json.loads(json.dumps(tree)) == tree, "a plain tree"
        assert spelled_out(codec.decode(tree, cls)) == spelled_out(value)
        assert spelled_out(codec.unpack(codec.pack(value), cls)) == spelled_out(value)

    check()


def test_many_tickets_with_and_without_the_same_job_come_back_whole():
    for number in range(3 * codec.MOST_JOBS):
        job = Job(inputs=(Input(location=Location(url=f"http://x/{number}")),), label=str(number))
        for status in (Status.QUEUED, Status.FINISHED):
            ticket = Ticket(id="1", account="a", dialect="acme", job=job, status=status, created=NOW, updated=NOW)
            assert spelled_out(codec.unpack(codec.pack(ticket), Ticket)) == spelled_out(ticket)
            assert json.loads(codec.pack(ticket))["value"] == codec.encode(ticket)
    assert len(codec.JOBS) <= codec.MOST_JOBS


def test_a_huge_job_is_not_kept():
    job = Job(label="x" * codec.LONGEST)
    ticket = Ticket(id="1", account="a", dialect="acme", job=job, created=NOW, updated=NOW)
    assert codec.unpack(codec.pack(ticket), Ticket) == ticket
    assert id(job) not in codec.JOBS


@settings(max_examples=50, deadline=None, database=None)
@given(FREE)
def test_free_documents_come_back_whole(document):
    tree = codec.encode(document, Any)
    assert json.loads(json.dumps(tree)) == tree
    assert codec.decode(tree, Any) == document


def test_documents_are_small_and_readable():
    video = Video(codec="h264", rate=Average(bitrate=1_000_000), size=Size(width=Share(Fraction(1, 2)), height=360))
    source = Input(location=Location(url="http://x/a.mp4"), frame_rate=Fraction(30000, 1001))
    job = Job(inputs=(source,), outputs=(Output(container="mp4", video=video, audio=SKIP),))
    assert codec.encode(job) == {
        "inputs": [{"location": {"url": "http://x/a.mp4"}, "frame_rate": "30000/1001"}],
        "outputs": [
            {
                "container": "mp4",
                "video": {
                    "is": "video",
                    "codec": "h264",
                    "size": {"width": {"is": "share", "of_source": "1/2"}, "height": 360},
                    "rate": {"is": "average", "bitrate": 1_000_000},
                },
                "audio": {"is": "skip"},
            }
        ],
    }


def test_read_only_mappings_are_plain_in_the_tree():
    output = Output(extras=MappingProxyType({"acme": MappingProxyType({"x": (1, 2)})}))
    assert codec.encode(output) == {"extras": {"acme": {"x": [1, 2]}}}


def test_what_no_document_can_hold_is_refused():
    with pytest.raises(TypeError, match="object"):
        codec.encode(Output(extras={"acme": {"x": object()}}))


TICKET = Ticket(id="1", account="a", dialect="d", job=Job(), created=NOW, previous=(Status.QUEUED, None))
OUTCOMES = [
    TICKET,
    (TICKET, TICKET),
    Page(items=(TICKET,), total=3, offset=2, limit=1),
    Page(items=(Preset(name="p", output=Output()),), total=1),
    Page(items=(), total=0),
    Preset(name="p", output=Output()),
    Done(names=("a",)),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=repr)
def test_outcomes_say_what_they_are(outcome):
    tree = codec.encode(outcome, codec.OUTCOME)
    assert json.loads(json.dumps(tree)) == tree
    assert codec.decode(tree, codec.OUTCOME) == outcome


def test_faults_are_outcomes_too():
    tree = codec.encode(faults.NotFound(kind="job", id="7"), codec.OUTCOME)
    assert tree == {"is": "fault", "code": "not_found", "data": {"kind": "job", "id": "7"}}
    fault = codec.decode(tree, codec.OUTCOME)
    assert (type(fault), fault.data) == (faults.NotFound, {"kind": "job", "id": "7"})


def test_intents_say_what_they_are():
    assert codec.encode(GetJob(id="7"), Intent) == {"is": "get_job", "id": "7"}
    for intent in (GetJob(id="7"), CreateJob(job=Job(label="x"))):
        assert codec.decode(codec.encode(intent, Intent), Intent) == intent


@pytest.mark.parametrize(
    ("tree", "cls", "named"),
    [
        ({}, Location, "url"),
        ({"url": 3}, Location, "url"),
        ({"url": "x", "colour": 1}, Location, "colour"),
        ({"width": "4"}, Size, "width"),
        ({"width": True}, Size, "width"),
        ({"fit": "askew"}, Size, "fit"),
        ({"rate": {"bitrate": 5}}, Video, "rate"),
        ({"rate": {"is": "share", "of_source": 1}}, Video, "rate"),
        ({"frame_rate": {"value": 29.97}}, Video, "frame_rate.value"),
        ({"outputs": [{}, {"container": 5}]}, Job, r"outputs\[1\].container"),
        ({"is": "no_such_intent"}, Intent, "no_such_intent"),
        ({"id": "1", "account": "a", "dialect": "d", "job": {}, "created": "2026-01-01T00:00:00"}, Ticket, "created"),
    ],
)
def test_mistakes_are_refused_by_name(tree, cls, named):
    with pytest.raises(codec.Undecodable, match=named):
        codec.decode(tree, cls)


def test_stored_forms_of_earlier_versions_are_lifted_step_by_step():
    stored = json.dumps({"version": 1, "kind": "Location", "value": {"adress": "x"}}).encode()
    seen: list[str] = []

    def to_two(kind: str, tree: Any) -> Any:
        seen.append(kind)
        return {"address": tree["adress"]}

    def to_three(kind: str, tree: Any) -> Any:
        return {"url": tree["address"]}

    found = codec.unpack(stored, Location, upgrades={1: to_two, 2: to_three}, version=3)
    assert found == Location(url="x")
    assert seen == ["Location"]


def test_every_version_up_to_now_has_its_upgrade():
    assert set(codec.UPGRADES) == set(range(1, model.VERSION))
    assert json.loads(codec.pack(Location(url="x")))["version"] == model.VERSION


def test_stored_forms_of_a_later_version_are_refused():
    stored = json.dumps({"version": 99, "kind": "Location", "value": {"url": "x"}}).encode()
    with pytest.raises(codec.Undecodable, match="99"):
        codec.unpack(stored, Location)


@pytest.mark.heavy
def test_importing_the_codec_does_not_import_cattrs():
    code = "import sys, mediaglot.gateway.codec; sys.exit('cattrs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_page_of_things_comes_back() -> None:
    page = Page(items=(Thing(kind="hook", id="1", document={"url": "https://a.example/"}),), total=1)
    assert codec.decode(codec.encode(page, codec.OUTCOME), codec.OUTCOME) == page
