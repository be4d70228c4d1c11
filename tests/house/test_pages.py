"""The pages on translation are those that the code writes today."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mediaglot.gateway import cli, registry
from mediaglot.gateway.command.pages import pages

FOLDER = Path("docs") / "translation"


@pytest.fixture(scope="module")
def written() -> Mapping[str, str]:
    return pages()


@pytest.mark.heavy
def test_the_pages_are_fresh(root: Path, written: Mapping[str, str]) -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in (root / FOLDER).iterdir()}
    stale = sorted(name for name in written.keys() | kept.keys() if written.get(name) != kept.get(name))
    assert stale == [], f"run: mediaglot dialects --pages {FOLDER}"


@pytest.mark.heavy
def test_there_is_a_page_for_each_pair_and_no_secret_on_any(written: Mapping[str, str]) -> None:
    able = [name for name in registry.names() if registry.find(name).client is not None]
    pairs = {f"{one}-to-{other}.md" for one in registry.names() for other in able if one != other}
    assert written.keys() == {"README.md", *pairs}
    assert not [name for name, text in written.items() if "secret" in text.lower().replace("secrets", "")]


@pytest.mark.heavy
def test_the_command_writes_them_and_takes_away_those_that_are_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: Mapping[str, str]
) -> None:
    folder = tmp_path / "new" / "folder"
    folder.mkdir(parents=True)
    (folder / "gone-to-nowhere.md").write_text("x")
    (folder / "mine.md").write_text("x")
    assert cli.main(["dialects", "--pages", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {*written, "mine.md"}
    assert str(folder) in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dialects", "--pages", "/dev/null/x"]) == 2
    assert "choose another folder" in capsys.readouterr().err
