"""The cabinet: presets, a provider's own documents, and tokens, each account's own."""

from __future__ import annotations

from typing import Any

import pytest

from mediaglot.gateway.accounts import Account, Accounts
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.backends.cabinet import Cabinet
from mediaglot.gateway.exchange import (
    DeletePreset,
    DeleteThing,
    GetPreset,
    GetThing,
    IssueToken,
    ListPresets,
    ListThings,
    PutPresets,
    PutThing,
    RevokeToken,
    Thing,
)
from mediaglot.gateway.faults import Forbidden, NotFound, Unauthorized
from mediaglot.gateway.ids import Serial
from mediaglot.gateway.model import Output, Preset, Secret


def preset(name: str, container: str = "mp4") -> Preset:
    return Preset(name=name, output=Output(container=container))


async def test_presets_are_kept_by_name_and_account(works: Any) -> None:
    assert (await works.ask(PutPresets(presets=(preset("a"), preset("b"))))).names == ("a", "b")
    await works.ask(PutPresets(presets=(preset("a", "mov"),)))
    stored = await works.ask(GetPreset(name="a"))
    assert (stored.output.container, stored.owner) == ("mov", "ann")
    assert [item.name for item in (await works.ask(ListPresets())).items] == ["house", "a", "b"]
    assert [item.name for item in (await works.ask(ListPresets(), "bob")).items] == ["house"]
    with pytest.raises(NotFound):
        await works.ask(GetPreset(name="a"), "bob")


async def test_a_preset_is_deleted_once_and_the_houses_never(works: Any) -> None:
    await works.ask(PutPresets(presets=(preset("a"),)))
    await works.ask(DeletePreset(name="a"))
    for name in ("a", "house", "nope"):
        with pytest.raises(NotFound) as caught:
            await works.ask(DeletePreset(name=name))
        assert caught.value.data == {"kind": "preset", "id": name}


async def test_an_own_preset_goes_before_the_houses(works: Any) -> None:
    await works.ask(PutPresets(presets=(preset("house", "mov"),)))
    assert (await works.ask(GetPreset(name="house"))).output.container == "mov"


@pytest.fixture
def things(works: Any) -> Any:
    works.toy.thing_ids = {"profile": Serial(counter="toy.profile", start=50)}
    works.toy.things = (Thing(kind="profile", id="built-in", document={"k": "v"}),)
    return works


async def test_a_document_is_made_changed_and_deleted(things: Any) -> None:
    made = await things.ask(PutThing(kind="profile", document={"a": 1, "b": {"c": [2]}}))
    assert (made.id, made.created, made.owner) == ("50", things.clock.now(), "ann")
    await things.clock.advance(5)
    merged = await things.ask(PutThing(kind="profile", id="50", document={"a": 9}, merge=True))
    assert (merged.document, merged.created, merged.updated) == (
        {"a": 9, "b": {"c": [2]}},
        made.created,
        things.clock.now(),
    )
    assert (await things.ask(PutThing(kind="profile", id="50", document={"z": 0}))).document == {"z": 0}
    assert (await things.ask(GetThing(kind="profile", id="50"))).document == {"z": 0}
    assert [thing.id for thing in (await things.ask(ListThings(kind="profile"))).items] == ["built-in", "50"]
    await things.ask(DeleteThing(kind="profile", id="50"))
    with pytest.raises(NotFound):
        await things.ask(GetThing(kind="profile", id="50"))


async def test_documents_of_others_and_of_the_provider_are_out_of_reach(things: Any) -> None:
    await things.ask(PutThing(kind="profile", document={}))
    for verb in (GetThing(kind="profile", id="50"), DeleteThing(kind="profile", id="50")):
        with pytest.raises(NotFound):
            await things.ask(verb, "bob")
    with pytest.raises(NotFound):
        await things.ask(PutThing(kind="profile", id="50", document={}), "bob")
    assert (await things.ask(GetThing(kind="profile", id="built-in"), "bob")).document == {"k": "v"}
    for verb in (DeleteThing(kind="profile", id="built-in"), PutThing(kind="profile", id="built-in", document={})):
        with pytest.raises(Forbidden):
            await things.ask(verb)


async def issue(works: Any, **more: Any) -> Any:
    return await works.ask(IssueToken(name="7", secret=Secret("k"), **more))


async def test_a_token_opens_the_account_of_its_credential(works: Any) -> None:
    token = await issue(works, lifetime=60, scopes=("read",))
    credential = Credential("", token.text, token=True)
    own = Credential("7", Secret("k")).account
    assert works.accounts.admit("toy", credential) == Account(own, "7", ("read",))
    assert (token.expires - token.issued).total_seconds() == 60
    assert token.text.reveal() not in repr(token)
    await works.clock.advance(61)
    with pytest.raises(Unauthorized):
        works.accounts.admit("toy", credential)


async def test_tokens_outlive_the_process_but_not_their_time(works: Any) -> None:
    short, long = await issue(works, lifetime=60), await issue(works)
    await works.clock.advance(100)
    later = Accounts(clock=works.clock)
    await Cabinet(works.store, works.clock, later).open()
    assert later.admit("toy", Credential("", long.text, token=True)).user == "7"
    with pytest.raises(Unauthorized):
        later.admit("toy", Credential("", short.text, token=True))


async def test_the_text_of_a_token_is_not_in_the_database(works: Any, tmp_path: Any) -> None:
    token = await issue(works)
    files = [path.read_bytes() for path in (tmp_path / "data").iterdir() if path.is_file()]
    assert files
    assert not [True for content in files if token.text.reveal().encode() in content]


async def test_a_revoked_token_is_worth_nothing_also_after_a_restart(works: Any) -> None:
    token = await issue(works)
    await works.ask(RevokeToken(token=token.text))
    again = Accounts(clock=works.clock)
    await Cabinet(works.store, works.clock, again).open()
    for accounts in (works.accounts, again):
        with pytest.raises(Unauthorized):
            accounts.admit("toy", Credential("", token.text, token=True))


async def test_a_wrong_credential_gets_no_token(works: Any) -> None:
    works.desk.cabinet.accounts = Accounts({"toy": [Credential("7", Secret("right"))]})
    with pytest.raises(Unauthorized):
        await issue(works)
