"""Scenes that change nothing: looks at what is there, at what is not, and requests that have to be refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from mediaglot.gateway.accounts import ANYBODY
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.asking import Sample, formats, with_header
from mediaglot.gateway.contract.stage import ABOUT, GOOD, LOOKS, Stage, Steps
from mediaglot.gateway.exchange import GetJobs, GetPreset, GetThing, Request
from mediaglot.gateway.faults import Malformed, Unauthorized
from mediaglot.gateway.model import Secret
from mediaglot.gateway.testing.case import read_call

NEVER = 987_654_321
"""The number of what is not there."""


def looks(stage: Stage) -> Steps[None]:
    """Lists, and what there is one of for each account, in all the ways of the fixtures."""
    seen: set[Request] = set()
    for sample in stage.samples:
        request = stage.ready(sample.request) if is_list(sample) else None
        if request is not None and request not in seen:
            seen.add(request)
            with stage.line("look", sample.name) as line:
                yield from stage.ask(line, request, stage.likely(request))


def is_list(sample: Sample) -> bool:
    intent = sample.reading.intent
    return sample.reading.fault is None and isinstance(intent, LOOKS) and not isinstance(intent, (*ABOUT, GetJobs))


def provided(stage: Stage) -> Steps[None]:
    """Things that the provider brings for everybody."""
    for sample in stage.firsts(lambda each: isinstance(each.reading.intent, GetThing)):
        intent = sample.reading.intent
        assert isinstance(intent, GetThing)  # noqa: S101
        there = [each.id for each in stage.dialect.provided(ANYBODY) if each.kind == intent.kind and not each.owner]
        request = asking.with_id(stage.dialect, sample, there[0]) if there else None
        if request is not None and (ready := stage.ready(request)) is not None:
            with stage.line("look", f"{sample.operation}: {there[0]}") as line:
                yield from stage.ask(line, ready, GOOD)


def strangers(stage: Stage) -> Steps[None]:
    """What nobody knows, by an id of the right form."""
    for sample in stage.firsts(lambda each: isinstance(each.reading.intent, ABOUT)):
        request = asking.with_id(stage.dialect, sample, unknown_id(stage, sample))
        ready = stage.ready(request) if request is not None else None
        if ready is None:
            stage.skip("unknown id", sample.operation, "its fixtures' ids can't be replaced")
            continue
        with stage.line("unknown id", f"{sample.operation} {short_format(sample.format)}") as line:
            yield from stage.ask(line, ready, stage.paper().answer(ready))


def short_format(content_type: str) -> str:
    return content_type.partition(";")[0].rpartition("/")[2]


def unknown_id(stage: Stage, sample: Sample) -> str:
    intent, dialect = sample.reading.intent, stage.dialect
    if isinstance(intent, GetPreset):
        return f"mediaglot-{NEVER}"
    ids = dialect.thing_ids.get(intent.kind, dialect.job_ids) if isinstance(intent, GetThing) else dialect.job_ids
    return ids.mint(NEVER, datetime(2001, 9, 9, tzinfo=UTC), stage.chance)


# --- who may come in --------------------------------------------------------------------------------------


def doors(stage: Stage) -> Steps[None]:
    """Without a credential, and with one that is not the account's."""
    for sample in stage.firsts(lambda each: is_list(each) and each.reading.call.credential is not None):
        name = f"{sample.operation} {short_format(sample.format)}"
        request = stage.ready(sample.request)
        bare = asking.unsigned(stage.dialect, request) if request is not None else None
        if bare is not None:
            refused = isinstance(read_call(stage.dialect, bare).fault, Unauthorized)
            with stage.line("credentials", f"{name} without any") as line:
                yield from stage.ask(line, bare, stage.refusal(bare) if refused else GOOD)
        if request is not None and stage.login is not None:
            yield from _with_wrong(stage, sample, name)
    if stage.login is None:
        stage.skip("credentials", "wrong ones", "no credentials were given: --user, --secret")


def _with_wrong(stage: Stage, sample: Sample, name: str) -> Steps[None]:
    own = stage.permit.credential if stage.permit else Credential("", Secret(""))
    wrong = replace(own, secret=Secret("".join(stage.chance.choices("abcdef0123456789", k=40))))
    tenant = stage.permit.tenant if stage.permit else ""
    asked = asking.stamped(stage.dialect, replace(sample.request, base=stage.base), wrong, tenant)
    if asked is not None and read_call(stage.dialect, asked).fault is None:
        with stage.line("credentials", f"{name} with wrong ones") as line:
            yield from stage.ask(line, asked, stage.refusal(asked, Unauthorized(reason="unknown")))


# --- what has to be refused -------------------------------------------------------------------------------


def refusals(stage: Stage) -> Steps[None]:
    """Requests that can't be followed; those that would change something only where that is allowed."""
    held_back = 0
    for sample in stage.samples:
        fault = sample.reading.fault
        if fault is None:
            continue
        if not (harmless(stage, sample) or stage.terms.write):
            held_back += 1
            continue
        own = replace(sample.request, base=stage.base, site=stage.base)
        request = own if isinstance(fault, Unauthorized) else stage.ready(sample.request)
        if request is None and isinstance(fault, Malformed):
            request = own  # nobody can put a credential into what can't be read
        if request is not None and type(read_call(stage.dialect, request).fault) is type(fault):
            with stage.line("refused", sample.name) as line:
                yield from stage.ask(line, request, stage.refusal(request))
    if held_back:
        stage.skip("refused", f"{held_back} requests that would change something", "--write lets them be sent")


def harmless(stage: Stage, sample: Sample) -> bool:
    """Whether it changes nothing even where it is followed."""
    route = sample.reading.call.route
    if sample.request.method in ("GET", "HEAD"):
        return True
    return issubclass(route.intent, LOOKS) if route else any(each.when for each in stage.dialect.routes)


# --- formats ----------------------------------------------------------------------------------------------


def choices(stage: Stage) -> Steps[None]:
    """Each format of the dialect, and one that nobody has."""
    for sample in stage.firsts(lambda each: is_list(each) and not each.wrong):
        request = stage.ready(sample.request)
        if request is None:
            continue
        for wanted in formats(stage.home):
            asked = asking.in_format(stage.dialect, request, wanted) if wanted != sample.format else None
            if asked is not None:
                with stage.line("format", f"{sample.operation} as {short_format(wanted)}") as line:
                    yield from stage.ask(line, asked, GOOD)
        odd = with_header(request, "Accept", "image/png")
        refused = read_call(stage.dialect, odd).fault is not None
        with stage.line("format", f"{sample.operation} as image/png") as line:
            yield from stage.ask(line, odd, stage.refusal(odd) if refused else GOOD)
