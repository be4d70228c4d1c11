"""Outcomes in words: what they mean, what can't be meant, and that they come back as they were."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediaglot.gateway.faults import Fault, Invalid, NoSpace, SourceMissing, SourceUnreadable, WorkFault
from mediaglot.gateway.script.blame import FAULTS, REFUSALS, Stage, words
from mediaglot.gateway.script.outcome import FINE, WORDS, Outcome, after, of_url, read, recalled, said

SITE = "https://media.mediaglot.test/bars-10s-1280x720.mp4"


def test_the_words_of_a_url() -> None:
    found = of_url(f"{SITE}?fail=encoding&at=40&fault=corrupt")
    assert found == Outcome(fail=Stage.ENCODING, at=40, fault="corrupt")
    assert isinstance(found.blame(), SourceUnreadable)
    assert of_url(f"{SITE}?stuck") == Outcome(stall=Stage.ENCODING)
    assert of_url(f"{SITE}?stall=fetching&for=1.5") == Outcome(stall=Stage.FETCHING, pause=Fraction(3, 2))
    assert of_url(f"{SITE}?fail=storing&retry=succeeds") == Outcome(fail=Stage.STORING, times=1)
    assert of_url(f"{SITE}?duration=3600&size=7&slow=10&until=50") == Outcome(
        duration=Fraction(3600), size=7, slow=Fraction(10), until=50
    )


@pytest.mark.parametrize(
    "url", [SITE, "https://media.example/a.mp4?fail=encoding", "https://[media.mediaglot.test?a=1", ""]
)
def test_other_urls_say_nothing(url: str) -> None:
    assert of_url(url) is None


@pytest.mark.parametrize(
    ("query", "field", "hint"),
    [
        ("fail=cooking", "fail", "fetching, probing"),
        ("fail=fetching&fault=corrupt", "fault", "missing, unreachable"),
        ("fault=corrupt", "fault", "goes with a fail"),
        ("fail=encoding&at=101", "at", "from 0 to 100"),
        ("at=4", "at", "goes with fail or stall"),
        ("fail=encoding&stall=storing", "stall", "does not go with fail"),
        ("stuck&stall=storing", "stall", "said twice"),
        ("slow=0", "slow", "factor"),
        ("until=3", "until", "goes with slow"),
        ("refuse=me", "refuse", "busy"),
        ("duration=-1", "duration", "number"),
        ("retry=maybe", "retry", "succeeds, fails"),
        ("output=0", "output", "whole number from 1"),
        ("fali=encoding", "", "there are fail, fault"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_a_hint(query: str, field: str, hint: str) -> None:
    with pytest.raises(Invalid) as caught:
        of_url(f"{SITE}?{query}")
    assert caught.value.data["field"] == f"inputs.0.location.url{'.' if field else ''}{field}"
    assert hint in caught.value.data["reason"]
    assert query.rpartition("=")[2] not in caught.value.data["reason"].split(), "what was said may be a secret"


def test_there_can_not_be_more_words_than_there_are() -> None:
    with pytest.raises(Invalid, match="more words"):
        of_url(f"{SITE}?{'&'.join(f'a{number}=1' for number in range(100))}")


def test_a_word_can_not_be_said_twice() -> None:
    with pytest.raises(Invalid, match="says a word twice"):
        of_url(f"{SITE}?at=1&at=2")


@pytest.mark.parametrize("stage", [stage for stage in Stage if FAULTS[stage]])
def test_every_fault_of_a_stage_can_be_had_by_its_word_and_by_its_code(stage: Stage) -> None:
    for word, make in words(stage).items():
        fault = read({"fail": stage.value, "fault": word}).blame()
        assert type(fault) is type(make())
        assert isinstance(fault, WorkFault) or word == "internal"
    assert type(read({"fail": stage.value}).blame()) is type(next(iter(FAULTS[stage].values()))())


def test_the_faults_without_a_word_are_the_usual_ones() -> None:
    assert isinstance(read({"fail": "fetching"}).blame(), SourceMissing)
    assert isinstance(read({"fail": "storing"}).blame(), NoSpace)


@pytest.mark.parametrize("word", list(REFUSALS))
def test_a_request_can_be_refused(word: str) -> None:
    assert isinstance(read({"refuse": word}).refusal(), Fault)
    assert FINE.refusal() is None


STAGES = st.sampled_from([stage.value for stage in Stage])
NUMBERS: dict[str, Any] = {
    "wait": st.integers(0, 10**6) | st.floats(0, 1000).map(lambda number: round(number, 6)),
    "takes": st.integers(0, 10**6),
    "duration": st.integers(0, 10**6),
    "size": st.integers(0, 10**12),
    "output": st.integers(1, 99),
    "times": st.integers(1, 99),
    "refuse": st.sampled_from(sorted(REFUSALS)),
}
FAILS = st.fixed_dictionaries({"fail": STAGES, "at": st.integers(0, 100)}, optional={"deliver": st.integers(1, 9)})
STALLS = st.fixed_dictionaries({"stall": STAGES}, optional={"for": st.integers(0, 10**6), "at": st.integers(0, 100)})
SLOWS = st.fixed_dictionaries({"slow": st.integers(2, 99)}, optional={"until": st.integers(0, 99)})
PLAIN = st.fixed_dictionaries({}, optional=NUMBERS)


@pytest.mark.heavy
@settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.tuples(PLAIN, FAILS | STALLS | st.just({}), SLOWS | st.just({})))
def test_what_is_read_is_said_again(parts: tuple[dict[str, Any], ...]) -> None:
    outcome = read({word: value for part in parts for word, value in part.items()})
    assert read(said(outcome)) == recalled(said(outcome)) == outcome
    assert said(outcome).keys() <= WORDS.keys()


@pytest.mark.parametrize("given_", [{"at": True}, {"at": None}, {"at": [1]}, {"duration": float("nan")}, []])
def test_other_values_than_texts_and_numbers_are_refused(given_: Any) -> None:
    with pytest.raises(Invalid):
        read({"fail": "encoding", **given_} if isinstance(given_, dict) else given_)


def test_what_befalls_some_runs_is_over_after_them() -> None:
    outcome = read({"fail": "encoding", "times": 2, "duration": 9})
    assert after(outcome, 1) == outcome
    assert after(outcome, 2) == Outcome(times=2, duration=Fraction(9))


def test_it_may_be_aimed_at_one_output_and_one_delivery() -> None:
    outcome = read({"fail": "delivering", "output": 2, "deliver": 1})
    assert outcome.befalls(Stage.DELIVERING, output=1, delivery=0)
    assert not outcome.befalls(Stage.DELIVERING, output=0, delivery=0)
    assert not outcome.befalls(Stage.DELIVERING, output=1, delivery=1)
    assert not outcome.befalls(Stage.ENCODING, output=1)
