"""``mediaglot demo``: a server of its own, one real job through every dialect, and what came out, measured."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import mediaglot.gateway.config as configuration
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.command.ending import scratch, until_told
from mediaglot.gateway.command.screen import BAD, FAINT, GOOD, Bars, Screen
from mediaglot.gateway.config import Settings, UserError
from mediaglot.gateway.dialect import Dialect, Sample, Sighting
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.http.app import Server
from mediaglot.gateway.http.standing import standing
from mediaglot.gateway.http.transport import Send, Transport, drive
from mediaglot.gateway.http.workshop import LOCAL_MEDIA
from mediaglot.gateway.media.guard import FORMATS, PROTOCOLS
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import run as run_ffmpeg
from mediaglot.gateway.media.tool import Tool
from mediaglot.gateway.model import TERMINAL, MediaFacts, Status
from mediaglot.gateway.transfer.mapped import Mapped
from mediaglot.gateway.transfer.policy import Policy

CLIP: Final = "bars-10s-1280x720-30fps.mp4"
PATIENCE: Final = 120.0
"""Seconds that all jobs together may take."""
PAUSE: Final = 0.1
HEAD: Final = ("dialect", "job id", "status", "codec", "size", "duration", "bytes")
READ: Final = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+warning", "-xerror", "-progress", "pipe:1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A file that came out: its measures, or why it can't be played."""

    name: str
    facts: MediaFacts | None = None
    trouble: str = ""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one dialect's job."""

    dialect: str
    job_id: str = ""
    word: str = ""
    finished: bool = False
    results: tuple[Result, ...] = ()
    trouble: str = ""

    @property
    def good(self) -> bool:
        return self.finished and bool(self.results) and all(result.facts for result in self.results)


def run(given: dict[str, Any]) -> int:
    settings = configuration.load({key: given.get(key) for key in ("ffmpeg", "sandbox", "config")})
    outcomes = until_told(_demonstrated(settings, given.get("keep")))
    return 0 if all(outcome.good for outcome in outcomes) else 1


async def _demonstrated(settings: Settings, keep: str | None) -> Sequence[Outcome]:
    screen = Screen()
    with scratch("demo") as folder:
        # What a server's settings say of mounts, accounts and addresses is not for the demo, which is on its own.
        kept = {name: getattr(settings, name) for name in ("ffmpeg", "sandbox", "workers")}
        try:
            results = _made(Path(keep) if keep else folder / "results")
            outcomes = await demonstrate(Settings(port=0, data=folder / "data", **kept), results, screen)
        except OSError as error:
            if error.filename is None:  # it is what the demo says that can't be written
                raise
            raise UserError(f"{error.filename}: {error.strerror}; choose another folder with --keep") from None
    if keep:
        screen.say(f"The files are in {keep}.")
    return outcomes


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None
    return folder.absolute()


async def demonstrate(settings: Settings, folder: Path, screen: Screen) -> Sequence[Outcome]:
    """One job through each dialect that shows how; the files are saved in ``folder``. Raises UserError."""
    async with standing(settings) as house:
        server, tool = house.server, house.tool
        screen.say(f"server    {server.site.url}")
        screen.say(f"ffmpeg    {tool.version} ({tool.origin})")
        screen.say(f"source    https://{LOCAL_MEDIA}/{CLIP}")
        screen.say()
        shows = {name: dialect for name, dialect in server.dialects.items() if dialect.sample is not None}
        with screen.bars(shows) as bars:
            guide = _Guide(server, house.transport, _Bench(tool, house.prober, folder, settings.data), bars)
            outcomes = await asyncio.gather(*(guide.lead(dialect) for dialect in shows.values()))
    _report(screen, outcomes, sorted(server.dialects.keys() - shows.keys()))
    return outcomes


@dataclass(frozen=True, slots=True)
class _Bench:
    """Measures files, and plays each of them to its end."""

    tool: Tool
    prober: Prober
    folder: Path
    """Where the files are saved."""
    scratch: Path
    """The server's data folder."""

    def stored(self, url: str) -> Path:
        """The file at a storage URL: the demo's server keeps all storage in its data folder."""
        root, names = Mapped(Policy(), rest=self.scratch / "storage").place(url)
        return root.joinpath(*names)

    async def measure(self, path: Path) -> Result:
        room = Path(tempfile.mkdtemp(dir=self.scratch))
        try:
            facts = await self.prober.probe(path)
            guards = ("-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS)
            line = [self.tool.path, *READ, *guards, "-i", str(path), "-f", "null", "-"]
            await run_ffmpeg(line, cwd=room, on_progress=lambda _: None)
        except Fault as fault:
            return Result(name=path.name, trouble=f"cannot be played ({fault.code})")
        finally:
            shutil.rmtree(room, ignore_errors=True)
        return Result(name=path.name, facts=facts)


@dataclass(frozen=True, slots=True)
class _Guide:
    """Leads a dialect's sample client through its job, over HTTP like any client."""

    server: Server
    transport: Transport
    bench: _Bench
    bars: Bars

    async def lead(self, dialect: Dialect) -> Outcome:
        outcome = Outcome(dialect=dialect.name)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._take(dialect, outcome)
        except TimeoutError:
            outcome.trouble = f"not done after {PATIENCE:.0f} seconds"
        except (ValueError, LookupError, OSError, Fault) as error:
            outcome.trouble = str(error) or type(error).__name__
        return outcome

    async def _take(self, dialect: Dialect, outcome: Outcome) -> None:
        assert dialect.sample is not None  # noqa: S101
        sample = dialect.sample()
        send = partial(self.transport.send, base=self.server.site.base(dialect.name))
        outcome.job_id = await drive(sample.create(f"https://{LOCAL_MEDIA}/{CLIP}"), send)
        status, seen = await self._follow(dialect, sample, outcome.job_id, send)
        outcome.word, outcome.trouble, outcome.finished = seen.word, seen.detail, status is Status.FINISHED
        if outcome.finished:
            outcome.results = tuple([await self._fetch(dialect.name, url) for url in seen.results])

    async def _follow(self, dialect: Dialect, sample: Sample, job_id: str, send: Send) -> tuple[Status, Sighting]:
        while True:
            seen = await drive(sample.status(job_id), send)
            status, _ = dialect.heard(seen.word)
            self.bars.show(dialect.name, seen.word, float(seen.progress))
            if status in TERMINAL:
                return status, seen
            await RealClock().sleep(PAUSE)

    async def _fetch(self, dialect: str, url: str) -> Result:
        parts = urlsplit(url)
        way = PurePosixPath(unquote(parts.path))
        if parts.scheme in ("http", "https"):
            path = self.bench.folder / f"{dialect}-{way.name or 'result'}"
            await self.transport.save(url, path)
        else:
            path = self.bench.folder / "-".join((dialect, *way.parts[-2:])).replace("/", "")
            await asyncio.to_thread(shutil.copyfile, self.bench.stored(url), path)
        return await self.bench.measure(path)


def _report(screen: Screen, outcomes: Sequence[Outcome], silent: Sequence[str]) -> None:
    screen.say()
    screen.table(HEAD, (row for outcome in outcomes for row in rows(outcome)), right=("duration", "bytes"))
    screen.say()
    for name in silent:
        screen.say(f"{name} has no sample job", FAINT)
    bad = [outcome for outcome in outcomes if not outcome.good]
    for outcome in bad:
        unplayable = (f"{result.name} {result.trouble}" for result in outcome.results if result.trouble)
        reasons = (outcome.trouble, *unplayable, "no file came out")
        screen.say(f"{outcome.dialect}: {next(filter(None, reasons))}; try 'mediaglot doctor'", BAD)
    if outcomes and not bad:
        screen.say("Every job finished and every file plays.", GOOD)


def rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """A line of the table for each file, and one for a job without."""
    head = (outcome.dialect, outcome.job_id or "-", outcome.word or "-")
    return [(*head, *measures(result.facts)) for result in outcome.results] or [(*head, *measures(None))]


def measures(facts: MediaFacts | None) -> tuple[str, ...]:
    """Codecs, size in pixels, seconds and bytes."""
    if facts is None:
        return ("-",) * 4
    video = facts.video[0] if facts.video else None
    codecs = [*(track.codec for track in facts.video[:1]), *(track.codec for track in facts.audio[:1])]
    size = f"{video.width}x{video.height}" if video else "-"
    duration = f"{float(facts.duration):.2f} s" if facts.duration is not None else "-"
    return (" + ".join(codecs), size, duration, f"{facts.size:,}")
