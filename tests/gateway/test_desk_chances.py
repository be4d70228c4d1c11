"""The desk and the cabinet where a dialect has a say: ids by chance, jobs that still run, documents that depend."""

from __future__ import annotations

from typing import Any

import pytest

from mediaglot.gateway import codec
from mediaglot.gateway.exchange import GetThing, Page, PutThing, RetryJob, Thing
from mediaglot.gateway.faults import Busy, Conflict, Invalid, NotFound
from mediaglot.gateway.ids import Serial, Stamped
from mediaglot.gateway.model import Output, Status

MP4 = Output(container="mp4")


async def test_an_id_that_is_taken_is_drawn_again(works: Any) -> None:
    works.toy.job_ids = Stamped(1000, 1002)
    ids = {await works.add(MP4) for _ in range(3)}
    stamp = int(works.clock.now().timestamp())
    assert ids == {f"{stamp}-{number}" for number in (1000, 1001, 1002)}
    with pytest.raises(Busy):
        await works.add(MP4)
    await works.clock.advance(1)
    assert await works.add(MP4) not in ids


async def test_a_retry_can_be_for_ended_jobs_only(works: Any) -> None:
    job = await works.add(MP4)
    with pytest.raises(Conflict) as caught:
        await works.ask(RetryJob(id=job, ended=True))
    assert caught.value.data == {"kind": "job", "id": job, "state": "queued"}
    await works.run_once()
    assert (await works.ticket(job)).status is Status.FINISHED
    assert (await works.ask(RetryJob(id=job, ended=True))).status is Status.QUEUED


async def test_a_dialect_may_revise_a_document(works: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    works.toy.thing_ids = {"profile": Serial(counter="toy.profile", start=50)}

    def revise(intent: PutThing, earlier: Thing | None) -> Any:
        if intent.document.get("bad"):
            raise Invalid(field="bad", reason="is there")
        return {"before": None if earlier is None else earlier.document["now"], "now": intent.document["now"]}

    monkeypatch.setattr(works.toy, "revise", revise)
    assert (await works.ask(PutThing(kind="profile", document={"now": 1}))).document == {"before": None, "now": 1}
    changed = await works.ask(PutThing(kind="profile", id="50", document={"now": 2}, merge=True))
    assert changed.document == {"before": 1, "now": 2}
    for thing_id in (None, "50"):
        with pytest.raises(Invalid):
            await works.ask(PutThing(kind="profile", id=thing_id, document={"bad": 1}))
    with pytest.raises(NotFound):
        await works.ask(GetThing(kind="profile", id="51"))
    assert (await works.ask(GetThing(kind="profile", id="50"))).document == {"before": 1, "now": 2}


def test_a_page_of_documents_comes_back_as_it_was() -> None:
    page = Page(items=(Thing(kind="profile", id="50", document={"a": [1, None]}),), total=1)
    assert codec.decode(codec.encode(page, codec.OUTCOME), codec.OUTCOME) == page
