"""Chance: a seed tells everything in advance, without one nothing can be told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mediaglot.gateway.backends.desk import Desk
from mediaglot.gateway.chance import SYSTEM, Chance, SeededChance
from mediaglot.gateway.exchange import CreateJob, IssueToken
from mediaglot.gateway.ids import Uuid
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Event, Input, Job, Location, Notification, Output, Secret


def drawn(chance: Chance) -> tuple[object, ...]:
    return chance.random(), chance.token(), chance.uuid(), chance.randbytes(4), chance.choices("abc", k=9)


def test_a_seed_tells_every_draw() -> None:
    assert drawn(SeededChance(7)) == drawn(SeededChance("7")) != drawn(SeededChance(8))
    assert drawn(SYSTEM) != drawn(SYSTEM)


def test_a_purpose_of_its_own_does_not_depend_on_what_others_draw() -> None:
    one, other = SeededChance(7), SeededChance(7)
    drawn(other)
    assert drawn(one.of("letters")) == drawn(other.of("letters")) != drawn(one.of("folders"))
    assert drawn(one.of("a").of("b")) == drawn(SeededChance(7).of("a").of("b"))


@pytest.mark.parametrize("chance", [SYSTEM, SYSTEM.of("x"), SeededChance(1)])
def test_texts_are_fit_for_urls(chance: Chance) -> None:
    assert re.fullmatch(r"[\w-]{22}", chance.token(16))
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", chance.uuid())


async def test_all_that_a_desk_draws_comes_of_its_chance(works: Any) -> None:
    works.toy.job_ids = Uuid()
    source = Input(location=Location(url="https://media.example/in-10s.mp4"))
    hook = Notification(target=Location(url="https://client.example/hook"), events=frozenset(Event))

    async def take_in(seed: int, *accounts: str) -> list[Any]:
        desk = Desk(
            works.store,
            works.engine,
            works.craft,
            works.clock,
            workers=2,
            base=works.base,
            chance=SeededChance(seed),
            accounts=works.accounts,
        )
        found: list[Any] = []
        for account in accounts:
            job = Job(inputs=(source,), outputs=(Output(container="mp4"),), notifications=(hook,))
            ticket: Any = await desk.perform(CreateJob(job=job), works.caller(account), Ledger())
            (letter,) = await works.store.letters(works.key(ticket.id, account))
            token: Any = await desk.perform(
                IssueToken(name=account, secret=Secret("s")), works.caller(account), Ledger()
            )
            found.append((ticket.id, ticket.ids["folder"], letter.id, token.text.reveal()))
        return found

    first, again, other = [await take_in(seed, *names) for seed, names in ((1, "ab"), (1, "cd"), (2, "ef"))]
    assert [one[0] for one in first] == [one[0] for one in again]
    assert [one[3] for one in first] == [one[3] for one in again]
    assert {each for one in first for each in one}.isdisjoint(each for one in other for each in one)
