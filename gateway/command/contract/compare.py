"""``mediaglot contract compare``: the same job through every dialect, on a server of its own, and whether the same came
of it."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import mediaglot.gateway.config as configuration
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.command.contract import telling
from mediaglot.gateway.command.ending import scratch, until_told
from mediaglot.gateway.config import Settings, UserError
from mediaglot.gateway.contract.outcome import Outcome, Trial
from mediaglot.gateway.contract.parity import Commission, Result, commissions, compare, placed
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Glimpse, Pass, Placed
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.http.standing import Standing, standing
from mediaglot.gateway.http.transport import drive
from mediaglot.gateway.http.workshop import LOCAL_MEDIA
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.media.guard import FORMATS, PROTOCOLS
from mediaglot.gateway.media.run import run as run_ffmpeg
from mediaglot.gateway.model import TERMINAL
from mediaglot.gateway.store import Key
from mediaglot.gateway.translation import client_of

CLIP: Final = f"https://{LOCAL_MEDIA}/bars-5s-640x360-30fps.mp4"
PATIENCE: Final = 120.0
PAUSE: Final = 0.1
MEDIA: Final = frozenset({".mp4", ".ts"})
QUIET: Final = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+warning", "-progress", "pipe:1")
SUM: Final = ("-map", "0", "-c", "copy", "-f", "streamhash", "-hash", "md5")


def flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--source", default=CLIP, metavar="URL", help="the source of the job")
    configuration.flags(command, only=("ffmpeg", "sandbox"))
    telling.flags(command)


def run(given: dict[str, Any]) -> int:
    settings = configuration.load({key: given.get(key) for key in ("config", "ffmpeg", "sandbox")})
    return telling.tell(given, until_told(_compared(settings, given["source"])))


async def _compared(settings: Settings, source: str) -> Outcome:
    with scratch("compare") as folder:
        kept: dict[str, Any] = {"ffmpeg": settings.ffmpeg, "sandbox": settings.sandbox}
        # One core: an encoder with several threads and a buffer to keep full does not write the same twice.
        return await compared(Settings(port=0, data=folder, cores=1, log_level="warning", **kept), source)


async def compared(settings: Settings, source: str) -> Outcome:
    """Raises UserError where there is no FFmpeg, and where nothing comes of the source."""
    async with standing(settings) as house:
        bench, dialects = Bench(house), house.server.dialects
        wanted = list(commissions([*dialects.values()], source))
        trials = [trial for each in wanted for trial in await bench.both(each)]
    done = {trial.operation for trial in trials if not trial.skipped}
    missing = tuple(sorted(dialects.keys() - done))
    return Outcome(command="compare", subject=source, trials=trials, missing=missing)


@dataclass(frozen=True, slots=True)
class Bench:
    own: Standing

    async def both(self, wanted: Commission) -> list[Trial]:
        """A trial for each dialect: what differs from the first one that can say the job."""
        skipped = [
            Trial(operation=name, name=f"{wanted.name} in {name}", skipped=f"it can't say {path}")
            for name, path in wanted.silent.items()
        ]
        results = [await self.result(self.own.server.dialects[name], wanted) for name in wanted.able]
        if results and not any(each.facts for each in results):
            trouble = results[0].ticket.trouble
            why = f" ({trouble.code})" if trouble else ""
            raise UserError(f"no dialect makes a file{why}; try another --source")
        if len(results) < 2:
            alone = [
                Trial(operation=each.dialect, name=wanted.name, skipped="nobody to compare with") for each in results
            ]
            return [*skipped, *alone]
        return [
            *skipped,
            *(
                Trial(
                    operation=each.dialect,
                    name=f"{wanted.name} in {each.dialect}",
                    findings=tuple(compare(wanted.name, results[0], each)),
                )
                for each in results
            ),
        ]

    async def result(self, dialect: Dialect, wanted: Commission) -> Result:
        client, base = client_of(dialect), self.own.server.site.base(dialect.name)
        folder = f"{dialect.name}-{wanted.name}".replace(" ", "-")
        send = partial(self.own.transport.send, base=base)
        try:
            async with asyncio.timeout(PATIENCE):
                permit = await drive(client.enter(client.example), send)
                place = await drive(client.create(permit, placed(wanted.job, folder), Ledger()), send)
                await self._ended(partial(client.look, permit, place), send)
        except (Fault, TimeoutError) as error:
            raise UserError(f"{dialect.name}: the job did not come to an end: {error or 'it takes too long'}") from None
        files = self._files(folder)
        return Result(
            dialect=dialect.name,
            ticket=await self._ticket(dialect, permit, place),
            facts=tuple([await self.own.prober.probe(path) for path in files]),
            sums=tuple([await self._sum(path) for path in files]),
        )

    async def _ended(self, look: Any, send: Any) -> Glimpse:
        while True:
            seen: Glimpse = await drive(look(), send)
            if seen.status in TERMINAL:
                return seen
            await RealClock().sleep(PAUSE)

    async def _ticket(self, dialect: Dialect, permit: Pass, place: Placed) -> Any:
        """The neutral one, as the server has it."""
        house = self.own.server.house
        assert house is not None  # noqa: S101
        request: Request = next(client_of(dialect).look(permit, place))
        call = dialect.open(replace(request, base=self.own.server.site.base(dialect.name)))
        account = dialect.tenant(call, house.accounts.admit(dialect.name, call.credential))
        found = await house.desk.store.get(Key(dialect.name, account.id, place.id))
        assert found is not None  # noqa: S101
        return found

    def _files(self, folder: str) -> Sequence[Path]:
        """The results, which an own server keeps in its data folder."""
        below = self.own.server.settings.data / "storage"
        found = (path for path in below.rglob("*") if path.suffix in MEDIA and folder in path.parts)
        return sorted(found, key=lambda path: (len(path.name), path.name))

    async def _sum(self, path: Path) -> str:
        """The coded pictures and sounds, whatever is around them."""
        room = Path(tempfile.mkdtemp(dir=self.own.server.settings.data))
        guards = ("-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS)
        line = [self.own.tool.path, *QUIET, *guards, "-i", str(path), *SUM, "sum.txt"]
        await run_ffmpeg(line, cwd=room, on_progress=lambda _: None)
        return (room / "sum.txt").read_text()
