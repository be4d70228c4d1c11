"""The cabinet: what a desk keeps that is no job. Presets, a provider's own documents, tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from mediaglot.gateway import exchange, life
from mediaglot.gateway.accounts import Account, Accounts, Grant, digest
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.announce import packed, unpacked
from mediaglot.gateway.backends.dropbox import UPLOAD, Dropbox, erase, note
from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.exchange import Done, Intent, Page, Result, Thing, Token, Window
from mediaglot.gateway.faults import Conflict, Forbidden, NotFound
from mediaglot.gateway.ids import Ids
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Preset, Secret
from mediaglot.gateway.shelf import Shelf, ShelfView
from mediaglot.gateway.store import Store, Transaction
from mediaglot.gateway.transfer.disk import in_thread

TOKENS: Final = "token"
OLD: Final = 100
"""Tokens that are forgotten with each that is issued, at most."""
SIGNERS: Final = "signer"
EVERYBODY: Final = ("", "")
"""Tokens lie on a shelf of no dialect and no account: they are what tells one account from another."""


def provided(caller: Caller, kind: str) -> tuple[Thing, ...]:
    return tuple(thing for thing in caller.dialect.provided(caller.account) if thing.kind == kind)


def brought(caller: Caller, kind: str, thing_id: str) -> Thing | None:
    """What the provider brings under this id."""
    return next((thing for thing in provided(caller, kind) if thing.id == thing_id), None)


class Cabinet:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        accounts: Accounts,
        chance: Chance = SYSTEM,
        dropbox: Dropbox | None = None,
    ) -> None:
        self.store, self.clock, self.accounts, self._dropbox = store, clock, accounts, dropbox
        self._ids, self._tokens, self._uploads = (chance.of(name) for name in ("ids", "tokens", "uploads"))
        self.verbs: Mapping[type[Intent], Callable[[Any, Caller, Ledger], Awaitable[Result]]] = {
            exchange.PutPresets: self._put_presets,
            exchange.GetPreset: self._get_preset,
            exchange.ListPresets: self._list_presets,
            exchange.DeletePreset: self._delete_preset,
            exchange.PutThing: self._put_thing,
            exchange.GetThing: self._get_thing,
            exchange.ListThings: self._list_things,
            exchange.DeleteThing: self._delete_thing,
            exchange.IssueToken: self._issue,
            exchange.RevokeToken: self._revoke,
        }

    async def mint(self, tx: Transaction, ids: Ids, count: int, now: datetime) -> tuple[str, ...]:
        numbers = await tx.serials(ids.counter, count, start=ids.start) if ids.counter else range(count)
        return tuple(ids.mint(number, now, self._ids) for number in numbers)

    # --- presets ------------------------------------------------------------------------------------

    async def presets(self, caller: Caller) -> tuple[Preset, ...]:
        own = await ShelfView(self.store, *caller.owner).presets()
        return (*caller.dialect.presets, *own)

    async def shelve(self, tx: Transaction, presets: tuple[Preset, ...], caller: Caller) -> None:
        for preset in presets:
            await Shelf(tx, *caller.owner).put_preset(replace(preset, owner=caller.account.id))

    async def _put_presets(self, intent: exchange.PutPresets, caller: Caller, ledger: Ledger) -> Done:
        async with self.store.write() as tx:
            await self.shelve(tx, intent.presets, caller)
        return Done(names=tuple(preset.name for preset in intent.presets))

    async def _get_preset(self, intent: exchange.GetPreset, caller: Caller, ledger: Ledger) -> Preset:
        found = {preset.name: preset for preset in await self.presets(caller)}
        if intent.name not in found:
            raise NotFound(kind="preset", id=intent.name)
        return found[intent.name]

    async def _list_presets(self, intent: exchange.ListPresets, caller: Caller, ledger: Ledger) -> Page[Preset]:
        presets = await self.presets(caller)
        return Page(items=presets, total=len(presets))

    async def _delete_preset(self, intent: exchange.DeletePreset, caller: Caller, ledger: Ledger) -> Done:
        async with self.store.write() as tx:
            if not await Shelf(tx, *caller.owner).delete_preset(intent.name):
                raise NotFound(kind="preset", id=intent.name)
        return Done(names=(intent.name,))

    # --- things -------------------------------------------------------------------------------------

    async def thing(self, caller: Caller, kind: str, thing_id: str) -> Thing | None:
        found = brought(caller, kind, thing_id)
        if found is not None and found.owner is None:
            return found
        stored = await ShelfView(self.store, *caller.owner).get(kind, thing_id)
        return found if stored is None else self._as_it_is(unpacked(stored))

    def _as_it_is(self, thing: Thing) -> Thing:
        """With the size in bytes of what was brought for it, as ``received``."""
        brought = self._dropbox.path(thing.document[UPLOAD]) if self._dropbox and UPLOAD in thing.document else None
        if brought is None:
            return thing
        return replace(thing, document={**thing.document, "received": brought.stat().st_size})

    async def _put_thing(self, intent: exchange.PutThing, caller: Caller, ledger: Ledger) -> Thing:
        if intent.id is not None and (await self._found(caller, intent.kind, intent.id)).owner is None:
            raise Forbidden(kind=intent.kind, id=intent.id)
        async with self.store.write() as tx:
            shelf = Shelf(tx, *caller.owner)
            thing = await self._changed(tx, shelf, intent, caller)
            for alias, name in ((thing.kind, thing.id), *thing.aliases):
                await shelf.put(alias, name, packed(replace(thing, kind=alias, id=name)))
            if intent.id is None and UPLOAD in thing.document:
                await note(tx, *caller.owner, thing)
        return self._as_it_is(thing)

    async def _changed(self, tx: Transaction, shelf: Shelf, intent: exchange.PutThing, caller: Caller) -> Thing:
        now, kind = self.clock.now(), intent.kind
        if intent.id is not None:
            stored = await shelf.get(kind, intent.id)
            before = unpacked(stored) if stored is not None else brought(caller, kind, intent.id)
            if before is None:
                raise NotFound(kind=kind, id=intent.id)
            return replace(before, document=caller.dialect.revise(intent, before), updated=now)
        document = dict(caller.dialect.revise(intent, None))
        if kind == caller.dialect.uploads and self._dropbox:
            document[UPLOAD] = self._uploads.token(18)
            self._dropbox.announce(document[UPLOAD])
        (thing_id,) = await self.mint(tx, caller.dialect.thing_ids[kind], 1, now)
        return Thing(
            kind=kind,
            id=thing_id,
            document=document,
            created=now,
            updated=now,
            owner=caller.account.id,
            aliases=tuple((alias, name or thing_id) for alias, name in intent.aliases),
        )

    async def _found(self, caller: Caller, kind: str, thing_id: str) -> Thing:
        thing = await self.thing(caller, kind, thing_id)
        if thing is None:
            raise NotFound(kind=kind, id=thing_id)
        return thing

    async def _get_thing(self, intent: exchange.GetThing, caller: Caller, ledger: Ledger) -> Thing:
        return await self._found(caller, intent.kind, intent.id)

    async def _list_things(self, intent: exchange.ListThings, caller: Caller, ledger: Ledger) -> Page[Thing]:
        things = {thing.id: thing for thing in provided(caller, intent.kind)}
        own = await ShelfView(self.store, *caller.owner).list(intent.kind)
        things |= {thing_id: self._as_it_is(unpacked(stored)) for thing_id, stored in own}
        return Page(items=tuple(things.values()), total=len(things))

    async def _delete_thing(self, intent: exchange.DeleteThing, caller: Caller, ledger: Ledger) -> Done:
        thing = await self._found(caller, intent.kind, intent.id)
        if brought(caller, intent.kind, intent.id) is not None:
            raise Forbidden(kind=intent.kind, id=intent.id)
        if intent.unless is not None:
            busy = replace(intent.unless, statuses=life.OPEN)
            if (await self.store.list(*caller.owner, busy, Window(limit=1))).total:
                raise Conflict(kind=intent.kind, id=intent.id, state="in use")
        file = thing.document.get(UPLOAD) if self._dropbox else None
        async with self.store.write() as tx:
            if file is not None:
                await erase(tx, [file])
            for kind, name in ((intent.kind, intent.id), *(() if file else thing.aliases)):
                await Shelf(tx, *caller.owner).delete(kind, name)
        if self._dropbox and file is not None:
            with self.clock.busy():
                await in_thread(self._dropbox.forget, file)
        return Done(names=(intent.id,))

    # --- tokens -------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Know the tokens of earlier runs again; those that are over too, where strange ones would be welcome."""
        for name, stored in await ShelfView(self.store, *EVERYBODY).list(TOKENS):
            grant = Grant(Account(stored["id"], stored["user"], tuple(stored["scopes"])), _time(stored["expires"]))
            dialect, _, token = name.partition(" ")
            self.accounts.remember(dialect, token, grant)
        for name, stored in await ShelfView(self.store, *EVERYBODY).list(SIGNERS):
            self.accounts.learn(name.partition(" ")[0], Credential(stored["name"], Secret(stored["secret"])))

    async def _issue(self, intent: exchange.IssueToken, caller: Caller, ledger: Ledger) -> Token:
        credential = Credential(intent.name, intent.secret)
        account = self.accounts.admit(caller.dialect.name, credential)
        now = self.clock.now()
        expires = None if intent.lifetime is None else now + timedelta(seconds=intent.lifetime)
        text = Secret(caller.dialect.mint_token(self._tokens))
        grant = Grant(Account(account.id, account.user, intent.scopes), expires)
        until = expires.isoformat() if expires else None
        stored = {"id": account.id, "user": account.user, "scopes": list(intent.scopes), "expires": until}
        async with self.store.write() as tx:
            shelf = Shelf(tx, *EVERYBODY)
            if intent.most is not None and self.accounts.count(caller.dialect.name, account.user) >= intent.most:
                raise Forbidden(kind="token", limit=intent.most)
            for old in self.accounts.purge(caller.dialect.name, OLD):
                await shelf.delete(TOKENS, f"{caller.dialect.name} {old}")
            await shelf.put(TOKENS, f"{caller.dialect.name} {digest(text)}", stored)
            self.accounts.remember(caller.dialect.name, digest(text), grant)
            if caller.dialect.signed_urls:
                signer = {"name": intent.name, "secret": intent.secret.reveal()}
                await shelf.put(SIGNERS, f"{caller.dialect.name} {account.id}", signer)
                self.accounts.learn(caller.dialect.name, credential)
        return Token(text=text, name=intent.name, issued=now, expires=expires, scopes=intent.scopes)

    async def _revoke(self, intent: exchange.RevokeToken, caller: Caller, ledger: Ledger) -> Done:
        """It is remembered as one that is over: forgotten, it could be taken for a strange one that is welcome."""
        name, now, account = digest(intent.token), self.clock.now(), caller.account
        stored = {"id": account.id, "user": account.user, "scopes": list(account.scopes), "expires": now.isoformat()}
        async with self.store.write() as tx:
            await Shelf(tx, *EVERYBODY).put(TOKENS, f"{caller.dialect.name} {name}", stored)
        self.accounts.remember(caller.dialect.name, name, Grant(account, now))
        return Done()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
