"""Translation without a server: a job that a client asked one provider for, as another provider would be asked for it.

    translate(body, read="acme", write="zed").requests

No I/O: both providers are rehearsed on paper (``mediaglot.gateway.rehearsal``). What the other provider reads of its
requests is compared with what the client asked for, setting by setting; that is the report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.errand import Client, Pass
from mediaglot.gateway.exchange import CreateJob, Headers, Request
from mediaglot.gateway.faults import Fault, Invalid, NotFound, Unsupported
from mediaglot.gateway.loss import Kind, Ledger, Loss, Policy
from mediaglot.gateway.model import EMPTY, Job
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.model.quick import quick
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.report import Report, compare

HEAD: Final = re.compile(rb"[A-Z]+ (/\S*|https?://\S+)( HTTP/[\d.]+)?\r?\n")
"""How an HTTP message begins, and no body."""


class Untranslatable(ValueError):
    """This can't be translated at all, whatever the policy; the message says why."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """``requests`` in their order, with the job's own secrets and a stand-in for the account's."""

    requests: tuple[Request, ...]
    report: Report
    wanted: Job
    """What the client asked for."""
    got: Job | None = None
    """How the provider reads it; None where it refuses."""


def translate(
    asked: Request | bytes | str,
    *,
    read: str | Dialect,
    write: str | Dialect,
    policy: Policy = Policy.ESSENTIAL,
    options: Mapping[str, str] = EMPTY,
) -> Translation:
    """The requests that ``write`` would get for what ``asked`` asks ``read`` for, and what is lost on the way.

    ``asked`` is a request, an HTTP message, or the body of the request that creates a job. ``read`` and ``write`` are
    dialects as ``registry.find`` knows them, ``options`` those of the client (``Client.knobs``).

    Raises Lossy where the policy forbids what is lost, the Fault with which ``read`` refuses the request, ValueError
    for an option, and Untranslatable.
    """
    source, target = find(read), find(write)
    job, notes = read_job(source, asked)
    translation = write_job(target, job, notes=notes, options=options)
    translation.report.enforce(policy)
    return translation


def find(dialect: str | Dialect) -> Dialect:
    return registry.find(dialect) if isinstance(dialect, str) else dialect


def client_of(dialect: Dialect, options: Mapping[str, str] = EMPTY) -> Client:
    """A new client. Raises Untranslatable for a dialect without one, ValueError for an option."""
    if dialect.client is None:
        raise Untranslatable(f"{dialect.name} has no client: it can be read, but not be written")
    return dialect.client(dialect, options)


def read_job(dialect: Dialect, asked: Request | bytes | str) -> tuple[Job, tuple[Loss, ...]]:
    """The job that a request asks for, with what its presets and profiles say; and what of the request is unread.

    Presets and profiles of the client's account are not known here: one that the job needs is unread, and essential.
    Raises the Fault that the provider would answer, and Untranslatable for a request that creates no job.
    """
    rehearsal, call, intent, ledger = heard(dialect, asked)
    try:
        job = rehearsal.settled(intent, call.account)
    except (NotFound, Invalid) as fault:
        path = str(fault.data.get("field") or fault.data.get("kind"))
        missing = rehearsal.missing(intent, call.account)
        for kind in missing or [path]:
            essential = dialect.dispensable.get(kind, True)
            ledger.note(Kind.UNREAD, kind, essential=essential, reason="names what only the account has")
        if not missing:
            return intent.job, tuple(ledger)
        job = rehearsal.settled(intent, call.account, blank=True)
    if any(output.preset is not None for output in job.outputs):
        job = replace(job, outputs=tuple(replace(each, preset=None) for each in job.outputs))
    return job, tuple(ledger)


def heard(dialect: Dialect, asked: Request | bytes | str) -> tuple[Rehearsal, Call, CreateJob, Ledger]:
    """A request as the provider reads it that lets everybody in.

    Raises the Fault that it would answer, and Untranslatable for a request that creates no job.
    """
    request = asked if isinstance(asked, Request) else framed(dialect, asked)
    rehearsal = stage(dialect) if dialect.client else Rehearsal(dialect)
    call, intent, ledger = rehearsal.read(request)
    if not isinstance(intent, CreateJob):
        raise Untranslatable(f"this creates no job: {call.route.name if call.route else request.path}")
    return rehearsal, call, intent, ledger


def framed(dialect: Dialect, asked: bytes | str) -> Request:
    """The request in an HTTP message, or the one that a mere body belongs to.

    A message may be one to the provider, or one to us, where the dialect's paths lie below its name.
    """
    content = asked.encode() if isinstance(asked, str) else asked
    if not HEAD.match(content):
        return client_of(dialect).frame(content)
    request, mount = _message(content), f"/{dialect.name}/"
    return replace(request, path=request.path[len(mount) - 1 :]) if request.path.startswith(mount) else request


def _message(content: bytes) -> Request:
    head, _, body = re.sub(rb"\r?\n\r?\n", b"\n\n", content, count=1).partition(b"\n\n")
    first, *lines = head.decode("utf-8", "replace").splitlines()
    method, target = first.split(" ")[:2]
    path, _, query = re.sub(r"^https?://[^/]*", "", target).partition("?")
    pairs = (line.partition(":") for line in lines if line)
    headers = Headers(lines=tuple((name.strip(), value.strip()) for name, _, value in pairs))
    return Request(method=method, path=path or "/", query=query, headers=headers, body=body)


def write_job(
    dialect: Dialect, job: Job, *, notes: tuple[Loss, ...] = (), options: Mapping[str, str] = EMPTY
) -> Translation:
    """What a provider would be asked for a job, and how it would read that. Nothing is forbidden here.

    What the provider refuses is in the report. Raises ValueError for an option, and Untranslatable.
    """
    client, (known, permit), ledger = client_of(dialect, options), _stage(dialect), Ledger()
    rehearsal = known.order()
    done = rehearsal.run(client.create(permit, job, ledger))
    fault, got = rehearsal.fault or done.fault, done.job
    if fault is not None or got is None:
        report = Report(losses=(*notes, *ledger, refusal(fault or Fault())))
        return Translation(requests=done.requests, report=report, wanted=job)
    unread = (*notes, *(note for note in ledger if note.kind is not Kind.UNREAD))
    return Translation(requests=done.requests, report=compare(job, got, unread), wanted=job, got=got)


def refusal(fault: Fault) -> Loss:
    path = next((fault.data[key] for key in ("field", "feature", "kind") if fault.data.get(key)), "job")
    reason = fault.data.get("reason") if isinstance(fault, (Invalid, Unsupported)) else None
    return Loss(kind=Kind.REFUSED, path=str(path), essential=True, reason=str(reason or fault.code))


@cache
def _entered(dialect: Any, options: tuple[tuple[str, str], ...]) -> tuple[Rehearsal, Pass]:
    speaker = dialect(**dict(options))
    rehearsal, client = Rehearsal(speaker), client_of(speaker)
    done = rehearsal.run(client.enter(client.example))
    if done.value is None:
        raise Untranslatable(f"{speaker.name} does not let its own client in: {done.fault}")
    return rehearsal, done.value


def stage(dialect: Dialect) -> Rehearsal:
    """A provider at which the client's example login is known."""
    return _stage(dialect)[0]


def entered(dialect: Dialect) -> Pass:
    return _stage(dialect)[1]


def _stage(dialect: Dialect) -> tuple[Rehearsal, Pass]:
    cls: Any = type(dialect)
    return _entered(cls, tuple(dialect.options.items()))
