"""Drift: between recordings of a provider as it was and as it is now, and between two versions of its schemas."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import cli

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def later(plain: Any, altered: str, recorded: Any, tmp_path_factory: Any) -> Path:
    """The same day with the provider as it is after a change."""
    folder: Path = tmp_path_factory.mktemp("drift") / "tape"
    assert recorded(plain, altered, folder).code == 0
    return folder


@pytest.mark.heavy
def test_drift_between_two_recordings(plain: Any, tape: Path, later: Path) -> None:
    said = plain.run("contract", "drift", tape, later, "--json")
    assert said.code == 1, said.err
    found = {(each["operation"], each["place"], each["rule"]): each["message"] for each in said.tree["findings"]}
    places = {"make": "response.body: ", "look": "response.body: ", "list": "response.body: jobs[]."}
    for operation, place in places.items():
        assert found.pop((operation, f"{place}trouble", "vanished")).startswith("was string in ")
        assert found.pop((operation, f"{place}eta", "appeared")).startswith("is number in ")
    assert found == {
        ("list", "response.body: of", "type"): "was number, is string",
        ("list", "response.body: jobs[].files[]", "type"): "was string, is array",
        ("look", "response.body: files[]", "type"): "was string, is array",
        ("look", "response.body of an error: error", "type"): "was string, is array",
        ("stop", "response.body of an error: error", "type"): "was string, is array",
    }


def test_no_drift_between_a_recording_and_itself(capsys: Any) -> None:
    fixtures = ROOT / "fixtures" / "tpstreams"
    assert drift(capsys, fixtures, fixtures, "--requests") == (0, {})


# --- schemas ---------------------------------------------------------------------------------------------


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("old", "new"):
        shutil.copytree(ROOT / "schemas" / "xvid_mediahub", tmp_path / name)
    return tmp_path / "old", tmp_path / "new"


def drift(capsys: Any, *words: object) -> tuple[int, dict[tuple[str, str, str], str]]:
    code = cli.main(["contract", "drift", *map(str, words), "--json"])
    tree = json.loads(capsys.readouterr().out)
    return code, {(each["operation"], each["place"], each["rule"]): each["message"] for each in tree["findings"]}


def changed(file: Path, change: Callable[[Any], object]) -> None:
    tree = json.loads(file.read_text())
    change(tree)
    file.write_text(json.dumps(tree))


def test_the_same_schemas_have_not_drifted(capsys: Any, versions: tuple[Path, Path]) -> None:
    assert drift(capsys, *versions) == (0, {})


def test_drift_between_two_versions_of_schemas(capsys: Any, versions: tuple[Path, Path]) -> None:
    _, new = versions
    changed(new / "error.reply.json", lambda tree: tree["properties"]["error"]["properties"].pop("error_code"))
    changed(new / "jobs_get.reply.json", lambda tree: tree["properties"].update(eta={"type": "integer"}))
    changed(new / "jobs_get.reply.json", lambda tree: tree.pop("required"))
    (new / "codecs_list.reply.json").unlink()
    (new / "codecs_list.request.json").unlink()
    code, found = drift(capsys, *versions)
    assert code == 1
    assert found == {
        ("every operation", "response.body of an error: error.error_code", "vanished"): "was string, is there no more",
        ("jobs_get", "response.body: eta", "appeared"): "is integer, was not there",
        ("jobs_get", "response.body: job", "presence"): "was required, is optional",
        ("codecs_list", "operation", "vanished"): "was there, is there no more",
    }


def test_what_several_operations_share_drifts_in_each(capsys: Any, versions: tuple[Path, Path]) -> None:
    """A definition of ``common.json`` is looked at where it is used."""
    _, new = versions

    def change(tree: Any) -> None:
        del tree["$defs"]["job"]["anyOf"]
        job = tree["$defs"]["job"]["properties"]
        job["status"] = {"enum": ["PENDING", "PAUSED"]}
        job["id"] = {"type": "integer"}

    changed(new / "common.json", change)
    code, found = drift(capsys, *versions)
    assert code == 1
    assert found["jobs_get", "response.body: job.id", "type"] == "was string, is integer"
    assert found["jobs_post", "response.body: job.id", "type"] == "was string, is integer"
    assert found["jobs_get", "response.body: job.status", "values"].startswith("may be PAUSED or PENDING now, is ")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{", "no JSON"),
        ('{"$ref": "../../etc/passwd#/x"}', "which is not in this folder"),
        ('{"$ref": "gone.json"}', "which is not in this folder"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_schemas_of_somebody_else_are_complained_of_in_one_line(
    capsys: Any, versions: tuple[Path, Path], text: str, hint: str
) -> None:
    old, new = versions
    (new / "jobs_get.reply.json").write_text(text)
    assert cli.main(["contract", "drift", str(old), str(new)]) == 2
    said = capsys.readouterr().err
    assert hint in said
    assert said.count("\n") == 1


def test_a_schema_that_refers_to_itself_has_an_end(capsys: Any, versions: tuple[Path, Path]) -> None:
    deep: Any = {"type": "string"}
    for _ in range(200):
        deep = {"properties": {"a": deep}, "items": {"$ref": "#"}}
    for version in versions:
        (version / "jobs_get.reply.json").write_text(json.dumps(deep))
    assert drift(capsys, *versions) == (0, {})


def test_two_kinds_cannot_be_compared(capsys: Any, versions: tuple[Path, Path]) -> None:
    assert cli.main(["contract", "drift", str(versions[0]), str(ROOT / "fixtures" / "xvid_mediahub")]) == 2
    assert "one is a folder of schemas" in capsys.readouterr().err
