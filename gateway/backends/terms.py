"""The terms on which a provider works for us: what it is asked for, and whether it takes a job at all. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.submission import name_for, named, theirs
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Kind, Ledger, Policy, enforce
from mediaglot.gateway.model import Input, Job, Location
from mediaglot.gateway.translation import Translation, write_job

NOWHERE: Final = Input(location=Location(url="https://media.mediaglot.test/any.mp4"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an operator has settled for one provider. ``options`` are its client's."""

    dialect: Dialect
    policy: Policy = Policy.ESSENTIAL
    options: Mapping[str, str]
    played: bool = False
    """Whether its answers are from a tape, on which jobs have other markers than ours."""

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]:
        """Notes what the translation loses. Raises Lossy where the policy forbids that, and where the provider would
        refuse the job; Invalid for a name that no file can have here."""
        for index, output in enumerate(job.outputs):
            name_for(output, index)
        report = self.prepared(job)[0].report
        enforce(report.of(Kind.REFUSED), Policy.STRICT)
        ledger.policy = policy = (caller.policy if caller else None) or self.policy
        enforce((*(loss for loss in ledger if loss.kind is Kind.UNREAD), *report.losses), policy)
        ledger.losses.extend(loss for loss in report.losses if loss.kind is not Kind.UNREAD)
        return {}

    def prepared(self, job: Job) -> tuple[Translation, frozenset[int]]:
        """A job as the provider is asked for it, and the outputs whose destinations it serves as they are meant.

        The other destinations are served from here, so that they are no loss.
        """
        whole = self._translated(theirs(job))
        read = whole.got.outputs if whole.got is not None else ()
        asked = {number: output.destinations for number, output in enumerate(job.outputs) if output.destinations}
        served = frozenset(
            number
            for number, places in asked.items()
            if named(job.outputs[number]) and number < len(read) and read[number].destinations == places
        )
        return (whole if served == asked.keys() else self._translated(theirs(job, served))), served

    def _translated(self, job: Job) -> Translation:
        whole = job if job.inputs else replace(job, inputs=(NOWHERE,))
        return write_job(self.dialect, whole, options=self.options)
