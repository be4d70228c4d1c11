"""How a dialect says no to one of its operations: by asking it to tell each fault that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mediaglot.gateway.dialect import Call, Complaint, Dialect, Route
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.faults import Fault, Refused, Unavailable, WorkFault
from mediaglot.gateway.testing.case import every_fault
from mediaglot.gateway.testing.claim import filled

OWN = "mediaglot.gateway.faults"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One fault, as the clients of one operation are told of it."""

    fault: type[Fault]
    complaint: Complaint
    response: Response


def refusals(dialect: Dialect, route: Route, params: Mapping[str, str]) -> Iterator[Refusal]:
    """``params`` fill the path. What ends a job is no answer to a request and is left out."""
    path = re.sub(r"{(\w+)}", lambda match: params.get(match[1], "1"), route.path)
    request = Request(method=route.method, path=path, base="http://127.0.0.1", site="http://127.0.0.1")
    call = Call(request=request, wire=route.wire or dialect.wire.choose(request), route=route, params=params)
    for cls in known(dialect):
        complaint = dialect.complaint(cls())
        fault = cls(**filled(complaint.text))
        yield Refusal(cls, complaint, dialect.render_response(call, fault))


def known(dialect: Dialect) -> Iterator[type[Fault]]:
    """The faults that any dialect may meet, and those of this one."""
    own = type(dialect).__module__.rpartition(".")[0]
    for cls in dict.fromkeys(every_fault()):
        if issubclass(cls, (WorkFault, Refused, Unavailable)):
            continue
        if cls.__module__ == OWN or cls.__module__.startswith(f"{own}."):
            yield cls
