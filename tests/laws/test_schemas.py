"""The door of jsonschema, and what every schema that we ship has to have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.wire.schema import Schemas, stem

EVIDENCE = {"seed", "documented", "captured", "client", "inferred", "proposed"}
WHOLE = {"id": "5001", "deleted": "yes"}


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def material(self, kind: str) -> Path:
        return self.path / kind


@pytest.fixture
def small(tmp_path: Path) -> Schemas:
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "common.json").write_text('{"$defs": {"word": {"type": "string", "minLength": 1}}}')
    part = {"anyOf": [{"type": "object", "properties": {"size": {"type": "integer"}}}, {"type": "null"}]}
    names = {"name": {"$ref": "common.json#/$defs/word"}, "parts": {"type": "array", "items": part}}
    thing = {"type": "object", "properties": names, "required": ["name"]}
    (folder / "thing.reply.json").write_text(json.dumps(thing))
    return Schemas(Folder(tmp_path))


def test_a_valid_document_has_no_problems(small: Schemas) -> None:
    assert small.check("thing.reply", {"name": "a", "parts": [{"size": 1}, None]}) == []


def test_a_problem_tells_where_it_is_and_what(small: Schemas) -> None:
    found = small.check("thing.reply", {"name": "", "parts": [{"size": 1}, {"size": "big"}]})
    assert [path for path, _ in found] == ["name", "parts.1.size"]
    assert "'big' is not of type 'integer'" in found[1][1]
    assert small.check("thing.reply", {}) == [("", "'name' is a required property")]


def test_an_unknown_schema_is_a_key_error(small: Schemas) -> None:
    assert small.names == ("common", "thing.reply")
    with pytest.raises(KeyError):
        small.check("other", {})


def test_a_dialect_may_come_without_schemas(tmp_path: Path) -> None:
    assert Schemas(Folder(tmp_path)).names == ()


@pytest.mark.parametrize(
    ("operation", "name"),
    [("GetMediaInfoEx", "get_media_info_ex"), ("status.php", "status_php"), ("videos/create", "videos_create")],
)
def test_operations_have_plain_file_names(operation: str, name: str) -> None:
    assert stem(operation) == name


def properties(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every property of a schema with its path, however deep."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                yield from ((f"{path}.{name}", each) for name, each in value.items())
            yield from properties(value, f"{path}.{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from properties(value, f"{path}.{number}")


@pytest.mark.parametrize("dialect", registry.names())
def test_every_schema_is_complete(dialect: str) -> None:
    """It compiles with all its references, has a title, and says of each property how sure it is."""
    schemas = Schemas(registry.find(dialect))
    for name in schemas.names:
        schemas.check(name, {"": []})
        assert schemas.document(name)["title"]
        unsure = [path for path, each in properties(schemas.document(name)) if each.get("x-evidence") not in EVIDENCE]
        assert unsure == [], name


WRONG = {
    "a number where text belongs": ("get_status.reply", {"job": {"id": 5001, "deleted": "yes"}}),
    "no job at all": ("get_status.reply", {}),
    "an unknown field": ("get_status.reply", {"job": WHOLE | {"more": "x"}}),
    "no errors": ("error.reply", {"errors": {}}),
    "an empty list of errors": ("error.reply", {"errors": []}),
    "another word": ("update_media.reply", {"message": "updated"}),
    "the id in lower case": ("add_media.reply", {"message": "Added", "mediaid": "5001"}),
    "no credentials": ("get_media_list.request", {"action": "GetMediaList"}),
    "another action": ("get_media_list.request", {"userid": "1", "userkey": "k", "action": "GetStatus"}),
    "a date that is empty": (
        "get_media_list.reply",
        {
            "media": {
                "mediafile": "http://a.example/b",
                "mediaid": "5001",
                "mediastatus": "New",
                "createdate": "2020-01-02 03:04:05",
                "startdate": "",
                "finishdate": "0000-00-00 00:00:00",
            }
        },
    ),
}


@pytest.mark.parametrize(("name", "tree"), WRONG.values(), ids=WRONG.keys())
def test_schemas_of_encoding_com_refuse(name: str, tree: dict[str, Any]) -> None:
    assert Schemas(registry.find("encoding_com")).check(name, tree)


def test_schemas_of_encoding_com_take_one_or_many() -> None:
    schemas = Schemas(registry.find("encoding_com"))
    assert schemas.check("get_status.reply", {"job": WHOLE}) == []
    assert schemas.check("get_status.reply", {"job": [WHOLE, WHOLE]}) == []


def test_the_entries_of_a_list_that_is_too_long_are_not_looked_at() -> None:
    schemas = Schemas(registry.find("xvid_mediahub"))
    job = {"pipeline": {"id": 1}, "input": {"input_name": "http://films.test/a.mp4"}, "outputs": [{}] * 101}
    places = [place for place, _ in schemas.check("jobs_post.request", {"job": job})]
    assert [place for place in places if place.startswith("job.outputs")] == ["job.outputs"]
    assert schemas.check("jobs_post.request", {"job": {**job, "outputs": [{}] * 100}})
