"""Dialects whose requests are held against their schemas before they are read."""

from __future__ import annotations

from typing import Any, Final

from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import Intent
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.wire.choice import parameters
from mediaglot.gateway.wire.schema import Schemas, stem

KNOWN: Final[dict[type[Dialect], Schemas]] = {}
"""One for all instances: options change what a request means, and not what may be written in one."""


class Validated(Dialect):
    """The schema ``parameters`` is for the query of every request, ``<operation>.request`` for the rest."""

    @property
    def _schemas(self) -> Schemas:
        if type(self) not in KNOWN:
            KNOWN[type(self)] = Schemas(self)
        return KNOWN[type(self)]

    def read(self, call: Call, ledger: Ledger) -> Intent:
        """Raises Invalid for the first value that a schema does not allow, and what reading raises."""
        asked: dict[str, Any] = {"parameters": parameters(call.request)}
        if call.route is not None and not call.route.public:
            asked[f"{stem(call.route.name)}.request"] = call.tree
        for name, tree in asked.items():
            for path, _ in self._schemas.check(name, tree):
                raise Invalid(field=path, reason="is not what it should be")
        return super().read(call, ledger)
