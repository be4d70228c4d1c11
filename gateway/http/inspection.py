"""Where a server says what it found wrong with its own requests and answers: the log, a header, and a count."""

from __future__ import annotations

import json
import logging
from collections import Counter, deque
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from mediaglot.gateway.contract.inspector import Inspector, Verdict
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import Headers, Response, Result
from mediaglot.gateway.faults import Fault

if TYPE_CHECKING:
    from mediaglot.gateway.http.endpoint import Look

LOG = logging.getLogger(__name__)
HEADER: Final = "Mediaglot-Contract"
KEPT: Final = 100


@dataclass(slots=True)
class Inspection:
    """Of all that a server answers."""

    checked: Counter[str] = field(default_factory=Counter)
    """Exchanges by dialect."""
    asked: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    """Requests, and answers, in which something was wrong, by dialect."""
    last: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def of(self, dialect: Dialect) -> Look:
        """For each answer of one dialect: gives it back, with a header where something is wrong."""
        inspector, name = Inspector(dialect), dialect.name

        def look(call: Call, result: Result | Fault, response: Response) -> Response:
            self.checked[name] += 1
            verdict = inspector.look(call, result, response)
            return self._note(name, result, verdict, response) if verdict else response

        return look

    def _note(self, name: str, result: Result | Fault, verdict: Verdict, response: Response) -> Response:
        self.asked[name] += bool(verdict.asked)
        self.told[name] += bool(verdict.told)
        for finding in (*verdict.asked, *verdict.told):
            said = {key: value for key, value in asdict(finding).items() if value}
            line = {"dialect": name, "accepted": not isinstance(result, Fault), **said}
            self.last.append(line)
            LOG.warning("contract %s", json.dumps(line))
        said_so = (HEADER, f"request={len(verdict.asked)}, answer={len(verdict.told)}")
        return replace(response, headers=Headers(lines=(*response.headers, said_so)))

    def document(self) -> dict[str, Any]:
        return {
            "checked": dict(self.checked),
            "requests": {name: count for name, count in self.asked.items() if count},
            "answers": {name: count for name, count in self.told.items() if count},
            "last": list(self.last),
        }
