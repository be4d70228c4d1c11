"""The same job through every dialect, with a real FFmpeg, and what is said where the same does not come of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import cli, registry
from mediaglot.gateway.contract.parity import Result, commissions, compare
from mediaglot.gateway.model import MediaFacts, Phase, Status, Step, Ticket

SOURCE = "https://media.mediaglot.test/bars-2s-640x360-30fps.mp4"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.ffmpeg
def test_the_same_comes_of_the_same_job_in_every_dialect() -> None:
    words = (sys.executable, "-m", "mediaglot", "contract", "compare", "--source", SOURCE, "--json")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    told = json.loads(done.stdout)
    assert (done.returncode, told["findings"], told["missing"]) == (0, [], [])
    assert set(told["operations"]) == set(registry.names())


@pytest.mark.ffmpeg
def test_a_source_of_which_nothing_comes_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["contract", "compare", "--source", "https://media.mediaglot.test/nothing.mp4"]) == 2
    assert "no dialect makes a file (source_missing); try another --source" in capsys.readouterr().err


def test_every_dialect_has_somebody_to_compare_with() -> None:
    dialects = [registry.find(name) for name in registry.names()]
    wanted = list(commissions(dialects, SOURCE))
    assert all(len(each.able) > 1 for each in wanted)
    assert {name for each in wanted for name in each.able} == set(registry.names())
    assert all(set(each.able).isdisjoint(each.silent) for each in wanted)


def made(**changes: Any) -> Result:
    (first, *_) = commissions([registry.find(name) for name in registry.names()], SOURCE)
    history = tuple(Step(at=NOW, status=Status.RUNNING, phase=each) for each in (Phase.FETCHING, Phase.ENCODING))
    ticket = Ticket(
        id="1", account="a", dialect="x", job=first.job, created=NOW, status=Status.FINISHED, history=history
    )
    facts = MediaFacts(container="mov", size=5, duration=Fraction(2))
    return replace(Result(dialect="one", ticket=ticket, facts=(facts,), sums=("0,v,MD5=1",)), **changes)


def test_what_is_not_the_same_is_named() -> None:
    one = made()
    assert compare("file", one, made(facts=(replace(one.facts[0], size=9),))) == []
    failed = replace(one.ticket, status=Status.FAILED, history=one.ticket.history[:1])
    (output,) = one.ticket.job.outputs
    louder = replace(failed, job=replace(failed.job, outputs=(replace(output, container="webm"),)))
    found = compare("file", one, made(dialect="two", ticket=louder, sums=("0,v,MD5=2",), facts=()))
    assert [each.place for each in found] == [
        *("file: status", "file: phases", "file: outputs.0.container", "file: facts", "file: streams")
    ]
    assert {each.operation for each in found} == {"two"}
    assert found[2].message == "expected 'mp4', as one has it, found 'webm'"
