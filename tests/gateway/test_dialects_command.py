"""``mediaglot dialects``: everything that a dialect states about itself is shown."""

from __future__ import annotations

import re

import pytest

from mediaglot.gateway import cli
from mediaglot.gateway.command import dialects
from mediaglot.gateway.registry import find, names


def test_all_of_them_with_the_count_and_the_evidence_of_their_operations(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dialects"]) == 0
    out = capsys.readouterr().out
    for name in names():
        dialect = find(name)
        assert re.search(
            rf"^{name} +{re.escape(dialect.title)} +/{name}/ +{len(dialect.routes)} +\d", out, re.MULTILINE
        )


@pytest.mark.parametrize("name", names())
def test_one_of_them_in_full(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dialects", name]) == 0
    out, dialect = capsys.readouterr().out, find(name)
    for fact in (dialect.title, dialect.docs, f"/{name}/", *dialect.hosts):
        assert fact in out
    for route in dialect.routes:
        line = rf"^{re.escape(route.name)} +{route.method} {re.escape(route.path)} +{route.evidence} *$"
        assert re.search(line, out, re.MULTILINE)
    for option, knob in dialect.knobs.items():
        assert re.search(rf"^{option} +{re.escape(' | '.join(knob.values))}", out, re.MULTILINE)


@pytest.mark.parametrize("name", names())
def test_every_evidence_has_a_meaning(name: str) -> None:
    assert {route.evidence for route in find(name).routes} <= dialects.EVIDENCE.keys()


def test_the_evidence_of_all_operations_adds_up() -> None:
    dialect = find("encoding_com")
    counts = [int(part.split()[0]) for part in dialects.tally(dialect).split(", ")]
    assert sum(counts) == len(dialect.routes)
