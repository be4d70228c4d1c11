"""The ledger: what is noted, where, and what each policy forbids."""

from __future__ import annotations

import pytest

from mediaglot.gateway.faults import Lossy
from mediaglot.gateway.loss import Kind, Ledger, Loss, Policy


def test_a_note_is_located_below_its_views() -> None:
    ledger = Ledger()
    ledger.within("outputs").within(0).within("video").note(Kind.DROPPED, "profile", wanted=5, got=None)
    assert list(ledger) == [Loss(kind=Kind.DROPPED, path="outputs.0.video.profile", wanted="5")]
    assert len(ledger) == 1


def noted(kind: Kind, *, essential: bool = False) -> Ledger:
    ledger = Ledger()
    ledger.note(kind, "outputs.0.x", essential=essential)
    return ledger


@pytest.mark.parametrize(
    ("kind", "essential", "forbidden"),
    [
        (Kind.DROPPED, True, {Policy.STRICT, Policy.ESSENTIAL}),
        (Kind.DROPPED, False, {Policy.STRICT}),
        (Kind.APPROXIMATED, True, {Policy.STRICT}),
        (Kind.APPROXIMATED, False, {Policy.STRICT}),
        (Kind.UNREAD, False, {Policy.STRICT}),
        (Kind.DEFAULTED, True, set()),
        (Kind.REFUSED, False, {Policy.STRICT, Policy.ESSENTIAL}),
    ],
)
def test_each_policy_forbids_its_own(kind: Kind, essential: bool, forbidden: set[Policy]) -> None:
    for policy in Policy:
        ledger = noted(kind, essential=essential)
        if policy in forbidden:
            with pytest.raises(Lossy) as caught:
                ledger.enforce(policy)
            assert caught.value.data["fields"] == "outputs.0.x"
        else:
            ledger.enforce(policy)


def test_an_empty_ledger_satisfies_the_strictest() -> None:
    Ledger().enforce(Policy.STRICT)


def test_all_offending_paths_are_named() -> None:
    ledger = Ledger()
    ledger.note(Kind.DROPPED, "a", essential=True)
    ledger.note(Kind.DROPPED, "b")
    ledger.note(Kind.DROPPED, "c", essential=True)
    with pytest.raises(Lossy, match="a, c"):
        ledger.enforce(Policy.ESSENTIAL)
