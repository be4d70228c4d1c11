"""Dialects whose requests are held against their schemas before they are read."""

from __future__ import annotations

from functools import cache
from urllib.parse import parse_qsl

from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import Intent
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.wire.schema import Schemas, stem


class Validated(Dialect):
    """The schema ``parameters`` is for the query of every request, ``<operation>.request`` for the rest."""

    def read(self, call: Call, ledger: Ledger) -> Intent:
        """Raises Invalid for the first value that a schema does not allow, and what reading raises."""
        asked = {"parameters": dict(parse_qsl(call.request.query, keep_blank_values=True, errors="replace"))}
        if call.route is not None and not call.route.public:
            asked[f"{stem(call.route.name)}.request"] = call.tree
        for name, tree in asked.items():
            for path, _ in _schemas(type(self)).check(name, tree):
                raise Invalid(field=path, reason="is not what it should be")
        return super().read(call, ledger)


@cache
def _schemas(cls: type[Dialect]) -> Schemas:
    """Of all instances: options change what a request means, and not what may be written in one."""
    return Schemas(cls())
