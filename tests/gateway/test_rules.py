"""Which providers a job may go to."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.accounts import ANYBODY
from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.rules import LOCAL, Leg, Rule, bound, check, route
from mediaglot.gateway.backends.tariff import price, read
from mediaglot.gateway.faults import (
    EncodingFailed,
    Killed,
    NoSpace,
    OutOfMemory,
    ProviderFailed,
    SourceMissing,
    SourceTimeout,
    Stalled,
    TimedOut,
)
from mediaglot.gateway.loss import Policy
from mediaglot.gateway.model import Job, Output, Package, PackageKind, Size, Variant, Video

SMALL = Output(container="mp4", video=Video(codec="h264", size=Size(height=360)))
LADDER = Output(package=Package(kind=PackageKind.HLS, variants=(Variant(video=Video(size=Size(height=1080))),)))


@pytest.mark.parametrize(
    ("when", "job", "fits"),
    [
        ({"codec": "hevc, h264"}, Job(outputs=(SMALL,)), True),
        ({"codec": "hevc"}, Job(outputs=(SMALL,)), False),
        ({"container": "MP4"}, Job(outputs=(LADDER, SMALL)), True),
        ({"package": "hls"}, Job(outputs=(LADDER,)), True),
        ({"package": "hls"}, Job(outputs=(SMALL,)), False),
        ({"label": "news"}, Job(outputs=(SMALL,), label="News"), True),
        ({"least_priority": "5"}, Job(outputs=(SMALL,), priority=5), True),
        ({"least_priority": "5"}, Job(outputs=(SMALL,)), False),
        ({"least_height": "720"}, Job(outputs=(SMALL, LADDER)), True),
        ({"most_height": "720"}, Job(outputs=(SMALL, LADDER)), False),
        ({"codec": "h264", "most_height": "100"}, Job(outputs=(SMALL,)), False),
        ({"least_height": "360", "most_height": "360"}, Job(outputs=(SMALL,)), True),
        ({"least_outputs": "2", "most_outputs": "2"}, Job(outputs=(SMALL, LADDER)), True),
        ({"least_outputs": "3"}, Job(outputs=(SMALL, LADDER)), False),
        ({"most_outputs": "1"}, Job(outputs=(SMALL, LADDER)), False),
        ({"most_priority": "5"}, Job(outputs=(SMALL,), priority=5), True),
        ({"most_priority": "5"}, Job(outputs=(SMALL,), priority=6), False),
    ],
)
def test_every_condition_has_to_hold(when: dict[str, str], job: Job, fits: bool) -> None:
    assert Rule(to=("a",), when=when).fits(job, "d", "1") is fits


def test_the_first_rule_that_fits_counts_and_else_the_work_stays_here() -> None:
    rules = (Rule(to=("a",), dialects=frozenset({"x"})), Rule(to=("b",), accounts=frozenset({"7"})))
    job = Job(outputs=(SMALL,))
    assert [route(rules, job, *who).to for who in (("x", "7"), ("y", "7"), ("y", "8"))] == [("a",), ("b",), (LOCAL,)]


def test_weights_share_the_work_out_and_the_same_job_goes_the_same_way() -> None:
    rule = Rule(to=("a", "b", "c"), weights=(3, 1, 0))
    firsts = Counter(rule.order(f"job {number}")[0] for number in range(2000))
    assert 1350 < firsts["a"] < 1650
    assert firsts["c"] == 0
    assert all(sorted(rule.order(f"job {number}")) == ["a", "b", "c"] for number in range(20))
    assert rule.order("job 1") == rule.order("job 1")


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        (Rule(to=()), "nobody"),
        (Rule(to=("zed",)), "'zed'"),
        (Rule(to=("a", LOCAL), weights=(1,)), "one number for each"),
        (Rule(to=("a",), weights=(0,)), "not all of them 0"),
        (Rule(to=("a",), when={"moon": "full"}), "when.moon"),
        (Rule(to=("a",), when={"least_height": "tall"}), "'tall' is not a number"),
    ],
)
def test_what_can_not_be_is_named(rule: Rule, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        check(rule, frozenset({"a", LOCAL}))


def names_of(rule: Rule, job: Job, seed: str | None = None, **tariffs: object) -> list[str]:
    known = {name: read(value) for name, value in tariffs.items()}
    return [leg.name for leg in rule.legs(job, "d", "1", seed=seed, tariffs=known)]


def test_rules_in_rules_take_their_place_if_they_fit() -> None:
    tall = Rule(to=("b", "c"), when={"least_height": "720"}, policy=Policy.STRICT)
    rule = Rule(to=("a", tall, LOCAL), policy=Policy.WARN, on=frozenset({"work_fault"}))
    assert names_of(rule, Job(outputs=(SMALL,))) == ["a", LOCAL]
    legs = rule.legs(Job(outputs=(LADDER,)), "d", "1")
    assert [(leg.name, leg.policy) for leg in legs] == [
        ("a", "warn"),
        ("b", "strict"),
        ("c", "strict"),
        (LOCAL, "warn"),
    ]
    assert {leg.on for leg in legs} == {frozenset({"work_fault"})}


def test_weights_of_rules_share_out_whole_rules() -> None:
    rule = Rule(to=(Rule(to=("a", "b"), weights=(1, 1)), "c"), weights=(1, 1))
    found = Counter(tuple(names_of(rule, Job(outputs=(SMALL,)), f"job {number}")) for number in range(400))
    assert set(found) == {("a", "b", "c"), ("b", "a", "c"), ("c", "a", "b"), ("c", "b", "a")}
    assert min(found.values()) > 60


def test_a_rule_of_which_nobody_is_left_is_passed_over() -> None:
    rules = (Rule(to=(Rule(to=("a",), when={"codec": "av1"}),)), Rule(to=("b",)))
    assert route(rules, Job(outputs=(SMALL,)), "d", "1").to == ("b",)


def test_price_orders_and_leaves_out() -> None:
    prices = {"a": {"0": 1, "720": 5}, "b": 2, "c": "0.5"}
    rule, tall = Rule(to=("a", "b", "c", LOCAL), cheapest=True), Job(outputs=(LADDER, SMALL))
    assert names_of(rule, Job(outputs=(SMALL,)), **prices) == [LOCAL, "c", "a", "b"]
    assert names_of(rule, tall, **prices) == [LOCAL, "c", "b", "a"]
    capped = Rule(to=("a", "b", "c"), most_price=Fraction(1))
    assert names_of(capped, tall, **prices) == ["c"]
    assert route((Rule(to=("a",), most_price=Fraction(1)), Rule(to=("b",))), tall, "d", "1", {"a": read(9)}).to == (
        "b",
    )


def test_a_price_goes_by_height_and_an_unknown_one_is_the_tallest() -> None:
    tariff = read({"0": "0.1", "720": "0.2", "2160": 1})
    heights = [100, 720, 2159, 2160, None]
    jobs = [Job(outputs=(Output(video=Video(size=Size(height=each))),)) for each in heights]
    assert [price(tariff, job) for job in jobs] == [Fraction(n, 10) for n in (1, 2, 2, 10, 10)]
    assert price(tariff, Job(outputs=(Output(container="mp3"),))) == Fraction(1, 10)
    assert price((), jobs[0]) == 0


@pytest.mark.parametrize("value", [{"720": 1}, {"0": -1}, {}, "much", {"tall": 1}])
def test_a_price_that_can_not_be_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="price wants"):
        read(value)


def test_a_job_goes_on_for_the_providers_reasons_and_not_for_the_sources() -> None:
    leg = Leg(name="a")
    for own in (ProviderFailed(reason="timeout"), NoSpace(), OutOfMemory(), Killed(), Stalled(seconds=9), TimedOut()):
        assert leg.leaves(own), own
    assert not leg.leaves(SourceMissing(status=404))
    assert not leg.leaves(EncodingFailed(text="odd"))
    chosen = Leg(name="a", on=frozenset({"provider_failed:timeout", "source_unreachable"}))
    assert chosen.leaves(ProviderFailed(reason="timeout"))
    assert not chosen.leaves(ProviderFailed(reason="breaker"))
    assert chosen.leaves(SourceTimeout(seconds=3)), "what comes of a fault is that fault too"


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        (Rule(to=(Rule(to=("zed",)),)), "'zed'"),
        (Rule(to=("a",), weights=(1,), cheapest=True), "two orders"),
        (Rule(to=("a",), on=frozenset({"bad_luck"})), "'bad_luck'"),
    ],
)
def test_what_can_not_be_is_named_at_any_depth(rule: Rule, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        check(rule, frozenset({"a", LOCAL}))


def test_the_policy_of_a_route_is_for_those_who_say_none(toy: Any) -> None:
    caller, leg = Caller(dialect=toy, account=ANYBODY), Leg(name="a", policy=Policy.STRICT)
    assert bound(caller, leg) == Caller(dialect=toy, account=ANYBODY, policy=Policy.STRICT)
    asking = Caller(dialect=toy, account=ANYBODY, policy=Policy.WARN)
    assert bound(asking, leg) == asking
    assert bound(None, leg) is None
