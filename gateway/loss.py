"""Loss as data: what a reading or a writing could not carry over, where, and how bad that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from mediaglot.gateway.faults import Lossy


class Kind(StrEnum):
    APPROXIMATED = "approximated"
    DEFAULTED = "defaulted"
    DROPPED = "dropped"
    UNREAD = "unread"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One setting that did not come through exactly.

    ``path`` is dotted with list indices (``outputs.0.video.profile``): a path of the model for what a
    writer could not say, of the client's document for what a reader left unread.
    """

    kind: Kind
    path: str
    wanted: str | None = None
    got: str | None = None
    essential: bool = False
    reason: str | None = None


class Policy(StrEnum):
    STRICT = "strict"
    ESSENTIAL = "essential"
    WARN = "warn"
    SILENT = "silent"


@dataclass(slots=True)
class Ledger:
    """Collects losses while one request travels; ``within`` lends a view that prefixes paths."""

    losses: list[Loss] = field(default_factory=list)
    prefix: str = ""

    def within(self, part: str | int) -> Ledger:
        return Ledger(self.losses, f"{self.prefix}{part}.")

    def note(
        self,
        kind: Kind,
        path: str | int,
        *,
        wanted: object = None,
        got: object = None,
        essential: bool = False,
        reason: str | None = None,
    ) -> None:
        self.losses.append(
            Loss(
                kind=kind,
                path=f"{self.prefix}{path}",
                wanted=None if wanted is None else str(wanted),
                got=None if got is None else str(got),
                essential=essential,
                reason=reason,
            )
        )

    def enforce(self, policy: Policy) -> None:
        """Raise ``Lossy`` with the offending paths where the policy forbids what was noted."""
        refused = [
            loss
            for loss in self.losses
            if loss.kind is Kind.REFUSED
            or (policy is Policy.STRICT and loss.kind is not Kind.DEFAULTED)
            or (policy is Policy.ESSENTIAL and loss.essential and loss.kind is Kind.DROPPED)
        ]
        if refused and policy in (Policy.STRICT, Policy.ESSENTIAL):
            raise Lossy(fields=", ".join(loss.path for loss in refused))

    def __iter__(self) -> Iterator[Loss]:
        return iter(self.losses)

    def __len__(self) -> int:
        return len(self.losses)
