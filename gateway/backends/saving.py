"""A maker that makes nothing twice: outputs alike within a job, and those that the cache has from another one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

from mediaglot.gateway.backends import Over, Product, Report, again, unheard
from mediaglot.gateway.backends.cache import Cache, describe
from mediaglot.gateway.backends.making import Maker, Results, facts_of
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.media import alike
from mediaglot.gateway.media.plan import needs
from mediaglot.gateway.model import File, Job, Ticket
from mediaglot.gateway.transfer.disk import in_thread


class Saver:
    """Every output keeps its own files, names, facts and faults; only FFmpeg is spared."""

    def __init__(self, maker: Maker, cache: Cache | None = None) -> None:
        self._maker, self._cache = maker, cache

    async def refuse(self, job: Job, ledger: Ledger) -> Mapping[int, Fault]:
        return await self._maker.refuse(job, ledger)

    async def stream(self, outputs: Path, room: str, files: tuple[File, ...]) -> Mapping[str, str]:
        return await self._maker.stream(outputs, room, files)

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int:
        return await self._maker.need(ticket, wanted - alike.twins(ticket.job, wanted).keys())

    async def fetch_needs(
        self, ticket: Ticket, folder: Path, wanted: frozenset[int], *, anew: bool = False
    ) -> dict[int, Fault]:
        return await self._maker.fetch_needs(ticket, folder, wanted, anew=anew)

    async def make(
        self, ticket: Ticket, folder: Path, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        twins = alike.twins(ticket.job, wanted)
        firsts = wanted - twins.keys()
        prints = await self._fingerprints(ticket, folder, firsts)
        known = await in_thread(self._recall, folder, prints) if prints else frozenset()
        made = await self._measured(ticket, folder, {index: index for index in known})
        left = firsts - known
        if twice := left & {*prints, *twins.values()}:
            await in_thread(again.expect, folder, twice)
        if left:
            made |= await self._maker.make(ticket, folder, left, report, over)
        if prints:
            await in_thread(self._remember, folder, prints, [index for index in left if _whole(made[index])])
        return made | await self._repeated(ticket, folder, twins, made)

    # --- outputs alike ------------------------------------------------------------------------------

    async def _repeated(self, ticket: Ticket, folder: Path, twins: Mapping[int, int], made: Results) -> Results:
        """Each twin from the files of its first, measured and named for itself; of a fault it has its own words."""
        good = {index: first for index, first in twins.items() if _good(made[first])}
        lost = frozenset(twins.keys() - good.keys())
        own = (await self._maker.drawn(ticket, lost)).faults if lost else {}
        found = {index: own.get(index, made[twins[index]]) for index in lost}
        return found | await self._measured(ticket, folder, good)

    async def _measured(self, ticket: Ticket, folder: Path, sources: Mapping[int, int]) -> Results:
        """Outputs from files that were put by, each from those of the index beside it."""
        if not sources:
            return {}
        drawn = await self._maker.drawn(ticket, frozenset(sources))
        for index in drawn.products:
            await in_thread(again.spread, again.raw(folder, sources[index]), again.made(folder, index))
        return {**drawn.faults, **await self._maker.measure(ticket, folder, drawn.products)}

    # --- the cache ----------------------------------------------------------------------------------

    async def _fingerprints(self, ticket: Ticket, folder: Path, wanted: frozenset[int]) -> Mapping[int, str]:
        """Of the outputs that can be made and whose pictures and fonts are to be had."""
        if self._cache is None:
            return {}
        lost = await self._maker.fetch_needs(ticket, folder, wanted)
        facts = facts_of(ticket)
        sources = await asyncio.to_thread(_digests, [folder / f"source-{index}" for index in range(len(facts))])
        tool, found = await self._maker.tool(), {}
        for index in wanted - lost.keys():
            paths = [folder / need.path for need in needs(ticket.job, frozenset({index}))]
            known = alike.fingerprint(
                ticket.job,
                index,
                facts,
                [*sources, *await asyncio.to_thread(_digests, paths)],
                encoders=tool.encoders,
                muxers=tool.muxers,
                filters=tool.filters,
                version=tool.version,
                threads=self._maker.threads,
                copy=self._maker.copy,
            )
            if known is not None:
                found[index] = known
        return found

    def _recall(self, folder: Path, prints: Mapping[int, str]) -> frozenset[int]:
        """Put by what the cache has."""
        cache, found = self._cache, set()
        for index, known in prints.items():
            if cache is not None and cache.take(known, again.raw(folder, index)):
                found.add(index)
        return frozenset(found)

    def _remember(self, folder: Path, prints: Mapping[int, str], done: Collection[int]) -> None:
        for index in done:
            if self._cache is not None and index in prints:
                self._cache.put(prints[index], again.raw(folder, index))


def _digests(paths: Collection[Path]) -> list[str]:
    return [describe(path)[1] for path in paths]


def _good(result: tuple[Product, ...] | Fault) -> bool:
    return not isinstance(result, Fault)


def _whole(result: tuple[Product, ...] | Fault) -> bool:
    """Good, and made of whole sources: what was lost of them is told with each job that is made of them."""
    return not isinstance(result, Fault) and not any(product.losses for product in result)
