"""Loss as data: what a reading or a writing could not carry over, where, and how bad that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from mediaglot.gateway.faults import Lossy
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.model.quick import quick


class Kind(StrEnum):
    EXACT = "exact"
    APPROXIMATED = "approximated"
    DEFAULTED = "defaulted"
    DROPPED = "dropped"
    UNREAD = "unread"
    REFUSED = "refused"


@quick
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
    """How much may be lost. Strict: nothing, though more may be said than was asked (defaults). Essential: no setting
    without which the picture is another one. Warn and silent: anything."""

    STRICT = "strict"
    ESSENTIAL = "essential"
    WARN = "warn"
    SILENT = "silent"


STRICTNESS = tuple(Policy)
"""The strictest first."""


def forbidden(losses: Iterable[Loss], policy: Policy) -> list[Loss]:
    """Those that a policy does not let pass."""
    if policy in (Policy.WARN, Policy.SILENT):
        return []
    return [
        loss
        for loss in losses
        if loss.kind is Kind.REFUSED
        or (policy is Policy.STRICT and loss.kind not in (Kind.DEFAULTED, Kind.EXACT))
        or (policy is Policy.ESSENTIAL and loss.essential and loss.kind in (Kind.DROPPED, Kind.UNREAD))
    ]


def enforce(losses: Iterable[Loss], policy: Policy) -> None:
    """Raise ``Lossy`` with the offending paths where the policy forbids some of ``losses``."""
    if refused := forbidden(losses, policy):
        raise Lossy(fields=", ".join(loss.path for loss in refused))


@dataclass(slots=True)
class Ledger:
    """Collects losses while one request travels; ``within`` lends a view that prefixes paths."""

    losses: list[Loss] = field(default_factory=list)
    prefix: str = ""
    policy: Policy | None = None
    """The one that let the losses pass, once somebody has taken the job."""

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

    def since(self, count: int) -> tuple[Loss, ...]:
        """What was noted after the first ``count``, for ``repeat``."""
        return tuple(replace(loss, path=loss.path.removeprefix(self.prefix)) for loss in self.losses[count:])

    def repeat(self, losses: Iterable[Loss]) -> None:
        """Note again, and here, what ``since`` has told."""
        for loss in losses:
            self.losses.append(replace(loss, path=f"{self.prefix}{loss.path}"))

    def enforce(self, policy: Policy) -> None:
        """Raise ``Lossy`` with the offending paths where the policy forbids what was noted."""
        enforce(self.losses, policy)

    def __iter__(self) -> Iterator[Loss]:
        return iter(self.losses)

    def __len__(self) -> int:
        return len(self.losses)
