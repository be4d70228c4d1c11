"""How much may be lost for the one who asks: by a header of the request, or else by what its account has settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mediaglot.gateway.accounts import Account
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.loss import STRICTNESS, Policy

HEADER: Final = "Mediaglot-Policy"


class Wishes:
    """``accounts`` are policies by dialect and account; a header that asks for less than ``loosest`` gets that."""

    def __init__(
        self, accounts: Mapping[tuple[str, str], Policy] | None = None, loosest: Policy = Policy.SILENT
    ) -> None:
        self._accounts, self._loosest = accounts or {}, loosest

    def of(self, dialect: str, account: Account, request: Request) -> Policy | None:
        """None where nobody says anything. Raises Invalid for a header that is no policy."""
        said = request.headers.get(HEADER).strip().lower()
        if not said:
            return self._accounts.get((dialect, account.id))
        if said not in STRICTNESS:
            raise Invalid(field=HEADER, reason=f"is none of {', '.join(STRICTNESS)}")
        return min(Policy(said), self._loosest, key=STRICTNESS.index)
