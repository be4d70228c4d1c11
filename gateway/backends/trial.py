"""What of a job can't be made, as far as that is known before its source is: planned for a source that stands in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mediaglot.gateway.backends.latest import Latest
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.model import Job, Location, MediaFacts

KEPT: Final = 16
NOWHERE: Final = Location(url="")
Draw = Callable[[Job, Sequence[MediaFacts]], Plan]


class Trials:
    """Clients ask for the same again and again: of the latest jobs without a fault it is remembered what was noted."""

    def __init__(self) -> None:
        self._good: Latest[Any, tuple[str, ...]] = Latest(KEPT)

    def find(self, job: Job, sources: Sequence[MediaFacts], draw: Draw) -> tuple[Mapping[int, Fault], tuple[str, ...]]:
        """The outputs that can't be made, with the reason, and notes on those that are made otherwise than asked."""
        # All that a plan depends on; where a source lies is not of it.
        question = [replace(source, location=NOWHERE) for source in job.inputs], job.outputs, sources
        if (notes := self._good.find(question)) is not None:
            return {}, notes
        drawn = draw(job, sources)
        if not drawn.faults:
            self._good.keep(question, drawn.notes)
        return drawn.faults, drawn.notes
