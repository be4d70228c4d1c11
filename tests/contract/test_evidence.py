"""What proves each operation, field and error: the command, and pages that are those that the code writes today."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaglot.gateway import cli, registry
from mediaglot.gateway.contract.evidence import KINDS, UNKNOWN, fields, page, proofs

FOLDER = Path("docs") / "evidence"


def test_the_pages_are_fresh(root: Path) -> None:
    wanted = {f"{name}.md": page(registry.find(name)) for name in registry.names()}
    kept = {path.name: path.read_text(encoding="utf-8") for path in (root / FOLDER).iterdir()}
    stale = sorted(name for name in wanted.keys() | kept.keys() if wanted.get(name) != kept.get(name))
    assert stale == [], f"run: mediaglot dialects --evidence --pages {FOLDER}"


@pytest.mark.parametrize("name", registry.names())
def test_nothing_is_left_out(name: str) -> None:
    dialect = registry.find(name)
    found = list(proofs(dialect))
    assert {each.name for each in found if each.what == "operation"} == {route.name for route in dialect.routes}
    assert len([each for each in found if each.what == "error"]) == len(dialect.faults)
    folder = dialect.material("schemas")
    texts = [file.read_text() for file in folder.iterdir() if file.name.endswith(".json")]
    told = [each for each in found if each.what == "field"]
    assert len(told) == sum(text.count('"x-evidence"') for text in texts)
    assert {each.evidence for each in found} <= KINDS.keys()


def test_a_field_of_which_nothing_is_known_is_unknown() -> None:
    schema = {"properties": {"a": {"items": {"properties": {"b": {"type": "string"}}}, "x-evidence": "seed"}}}
    assert [(each.name, each.evidence) for each in fields(schema, "x")] == [("a", "seed"), ("a[].b", UNKNOWN)]


def test_the_command_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dialects", "tpstreams", "--evidence"]) == 0
    told = capsys.readouterr().out
    for words in ("ListJobs", "webhooks", "drm_content_id", "Invalid token.", "nothing is known"):
        assert words in told
    assert cli.main(["dialects", "--evidence"]) == 2
    assert "wants a dialect" in capsys.readouterr().err


def test_the_command_writes_the_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dialects", "--evidence", "--pages", str(tmp_path / "new")]) == 0
    assert {path.stem for path in (tmp_path / "new").iterdir()} == set(registry.names())
    assert cli.main(["dialects", "--evidence", "--pages", "/dev/null/x"]) == 2
    assert "choose another folder" in capsys.readouterr().err
