"""Which providers a job may go to."""

from __future__ import annotations

from collections import Counter

import pytest

from mediaglot.gateway.backends.rules import LOCAL, Rule, check, route
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
