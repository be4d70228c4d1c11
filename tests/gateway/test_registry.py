"""Finding dialects: the folder, entry points, options, and help with typing errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.registry import UnknownDialect, find, names

CODE = """
from mediaglot.gateway.dialect import Dialect, Knob

class Visitor(Dialect):
    name = "visitor"
    title = "A visitor"
    knobs = {"pace": Knob(("slow", "fast"), "how fast")}

class NoDialect:
    pass
"""
POINTS = "[mediaglot.dialects]\nvisitor = visiting_dialect:Visitor\nbroken = visiting_dialect:NoDialect\n"


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution with a dialect, installed as pip would."""
    (tmp_path / "visiting_dialect.py").write_text(CODE)
    info = tmp_path / "visiting_dialect-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: visiting-dialect\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    registry._class.cache_clear()
    yield
    registry._class.cache_clear()
    sys.modules.pop("visiting_dialect", None)


def test_there_are_dialects_and_each_is_found_under_its_name() -> None:
    assert list(names()) == sorted(names())
    assert names()
    for name in names():
        assert find(name).name == name


def test_a_dialect_by_entry_point_is_as_good_as_ours(visitor: None) -> None:
    assert "visitor" in names()
    assert "visiting_dialect" not in sys.modules, "nothing is imported before it is asked for"
    assert find("visitor").title == "A visitor"
    assert isinstance(find("visitor"), Dialect)


@pytest.mark.parametrize(
    ("spec", "pace"),
    [("visitor", "slow"), ("visitor,pace=fast", "fast"), (" visitor , pace = fast ,", "fast"), ("visitor,", "slow")],
)
def test_options_come_with_the_name(visitor: None, spec: str, pace: str) -> None:
    assert find(spec).options == {"pace": pace}


@pytest.mark.parametrize("spec", ["visitor,pace", "visitor,pace=warp", "visitor,speed=fast"])
def test_an_option_that_is_none_is_an_error(visitor: None, spec: str) -> None:
    with pytest.raises(ValueError, match=r"pace|speed"):
        find(spec)


def test_a_name_that_is_nearly_right_gets_a_hint(visitor: None) -> None:
    with pytest.raises(UnknownDialect, match="did you mean visitor"):
        find("visitr")
    with pytest.raises(UnknownDialect, match=r"there are .*visitor"):
        find("qqqqqq")


def test_an_entry_point_that_is_no_dialect_is_an_error(visitor: None) -> None:
    with pytest.raises(TypeError, match="broken"):
        find("broken")


def test_our_own_folder_goes_before_a_visitor_of_the_same_name(tmp_path: Path, visitor: None) -> None:
    ours = next(name for name in names() if name not in ("visitor", "broken"))
    points = tmp_path / "visiting_dialect-1.0.dist-info" / "entry_points.txt"
    points.write_text(f"[mediaglot.dialects]\n{ours} = visiting_dialect:Visitor\n")
    registry._class.cache_clear()
    assert find(ours).name == ours
