"""What is lost of a job's sources, once FFmpeg has given up on them or complained: they are read to their end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

from mediaglot.gateway.faults import SourceUnreadable, WorkFault
from mediaglot.gateway.loss import Kind, Loss
from mediaglot.gateway.media import damage
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.damage import Count, Track
from mediaglot.gateway.media.parts import Run, number
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.model import MediaFacts
from mediaglot.gateway.transfer.disk import in_thread

WORDS: Final = {"video": "pictures", "audio": "sound"}
DAMAGED: Final = "the source is damaged"
SIGNS: Final = ("[error]", "changing packet size")
"""What FFmpeg says of damage without giving up. A good source seldom makes it say so, and is only read once more."""


class Complaint:
    """Hears FFmpeg at work: whether it said that something is wrong, and went on."""

    def __init__(self) -> None:
        self.made = False

    def hear(self, line: str) -> None:
        self.made = self.made or any(sign in line for sign in SIGNS)


class Surveyor:
    """Works in one job's folder, with this FFmpeg. ``most`` is the share of a track that may be lost."""

    def __init__(self, folder: Path, program: str, limits: Limits, most: Fraction) -> None:
        self._folder, self._program, self._limits, self._most = folder, program, limits, most

    async def losses(self, runs: Sequence[Run], sources: Sequence[MediaFacts], *, doubt: bool) -> tuple[Loss, ...]:
        """What is lost of each track that the runs use, which may be nothing.

        With ``doubt`` the source is taken for damaged where nobody can say, and whatever is missing for lost. Raises
        SourceUnreadable where too much is.
        """
        found: list[Loss] = []
        for index, facts in enumerate(sources):
            path = f"source-{index}"
            if maps := damage.used(runs, path):
                survey = damage.survey(path, maps, discard=damage.copying(runs))
                found += await self._of(survey, index, facts, doubt=doubt)
        return tuple(found)

    async def _of(self, survey: Run, index: int, facts: MediaFacts, *, doubt: bool) -> list[Loss]:
        whole, mostly = await self._packets(survey, facts)
        if not (whole if doubt else mostly):
            raise SourceUnreadable(reason="invalid_data")
        count = await self._count(survey)
        tracks = count.tracks(facts, survey.targets[0].maps)
        if doubt and (tracks is None or not damage.ended(facts, count.end)):
            raise SourceUnreadable(reason="invalid_data")
        found = (tracks or ()) if doubt else damage.certain(tracks or ())
        if any(track.lost > track.whole * self._most for track in found):
            raise SourceUnreadable(reason="invalid_data")
        return [*_told(index, found), *([] if whole else [_unended(index)])]

    async def _packets(self, survey: Run, facts: MediaFacts) -> tuple[bool, bool]:
        """Whether what has to be packets up to its end is, all of it and but for the share that may be lost."""
        if facts.container != damage.ENDLESS:
            return True, True
        path = self._folder / survey.feeds[0].path
        whole = damage.to_the_end(await in_thread(_before, path, facts.size))
        return whole, whole or damage.to_the_end(await in_thread(_before, path, int(facts.size * (1 - self._most))))

    async def _count(self, survey: Run) -> Count:
        """By one thread: how much is said to be broken depends on luck with several. Empty where the survey fails."""
        count, command = Count(), argv(survey, self._program, threads=1)
        try:
            await run(command, cwd=self._folder, on_progress=count.see, on_line=count.hear, limits=self._limits)
        except WorkFault:
            return Count()
        return count


def _before(path: Path, end: int) -> bytes:
    with path.open("rb") as source:
        source.seek(max(0, end - damage.TAIL))
        return source.read(damage.TAIL)


def _told(index: int, tracks: Sequence[Track]) -> Iterator[Loss]:
    for track in tracks:
        if track.damaged:
            word = WORDS[track.kind]
            left = f"{number(track.whole - track.lost)} s of {word}" if track.lost else f"damaged {word}"
            yield _loss(index, f"{number(track.whole)} s of {word}", left)


def _unended(index: int) -> Loss:
    return _loss(index, "MPEG-TS to its end", "something else at its end")


def _loss(index: int, wanted: str, got: str) -> Loss:
    return Loss(kind=Kind.APPROXIMATED, path=f"inputs.{index}", wanted=wanted, got=got, reason=DAMAGED)
