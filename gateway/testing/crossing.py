"""Laws of clients and translations: what a report says is so, and what a client does its own dialect understands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Final, NoReturn

from mediaglot.gateway import codec, registry
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Client, Errand, Pass, Placed, recognise
from mediaglot.gateway.exchange import CreateJob, Response, headers
from mediaglot.gateway.faults import Fault, Lossy, NotFound, Refused, Unavailable, Unsupported
from mediaglot.gateway.loss import Kind, Ledger, Loss, Policy, forbidden
from mediaglot.gateway.model import Input, Job, Location, Output, Status
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.testing.case import Case, Notice, folders
from mediaglot.gateway.testing.claim import filled, hold, same
from mediaglot.gateway.translation import Translation, client_of, entered, read_job, stage, write_job

OWN: Final = frozenset({"spelling", "document", "extras", "style", codec.TAG})
"""Keys of an encoded job that are no settings of its own."""
MARKER: Final = "m4rk3r"
EXAMPLES: Final = 40


# --- pairs ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Crossing:
    """``one``'s client is served by ``other``'s provider."""

    one: Dialect
    other: Dialect

    def __str__(self) -> str:
        return f"{self.one.name}-{self.other.name}"


def crossings(specs: Sequence[str]) -> Iterator[Crossing]:
    """Each of ``specs`` with everything that is installed and has a client, both ways round, and with itself."""
    found = {spec.partition(",")[0]: registry.find(spec) for spec in (*registry.names(), *specs)}
    wanted = {spec.partition(",")[0] for spec in specs}
    able = [dialect for dialect in found.values() if dialect.client is not None]
    return (Crossing(*both) for both in product(able, repeat=2) if {each.name for each in both} & wanted)


@cache
def asked(spec: str) -> Mapping[str, tuple[Job, tuple[Loss, ...]]]:
    """Every job that a fixture of the dialect asks for, by the fixture's name, with what was left unread of it."""
    found = {}
    for case in folders(spec):
        if isinstance(case, Case) and isinstance(case.read().intent, CreateJob):
            found[str(case)] = read_job(case.dialect, case.request)
    return found


# --- jobs as documents ------------------------------------------------------------------------------


def said(job: Job) -> dict[str, Any]:
    """All that a job says, by path: what the codec writes of it, and not what the report makes of it."""
    return dict(_leaves(codec.encode(job), ""))


def _leaves(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key not in OWN:
                yield from _leaves(value, f"{path}.{key}".lstrip("."))
    elif isinstance(tree, list) and any(isinstance(item, (dict, list)) for item in tree):
        for number, item in enumerate(tree):
            yield from _leaves(item, f"{path}.{number}")
    else:
        yield path, tree


def within(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}.")


def untold(wanted: Job, got: Job, losses: Iterable[Loss]) -> list[str]:
    """The paths of all that one of the jobs says and the other does not, and that no loss speaks of."""
    one, other, told = said(wanted), said(got), [loss.path for loss in losses]
    apart = [path for path in {**one, **other} if one.get(path) != other.get(path)]
    return [path for path in apart if not any(within(path, loss) for loss in told)]


def check_exact(what: str, paths: Iterable[str], wanted: Job, got: Job) -> None:
    one, other = said(wanted), said(got)
    for path in paths:
        mine, theirs = ({key: value for key, value in each.items() if within(key, path)} for each in (one, other))
        same(f"{path}, exact {what}", theirs, mine)


def check(crossing: Crossing, job: Job, notes: tuple[Loss, ...] = ()) -> Translation:
    """There, and back again: what the client's own provider can be asked for, with the options that it has here.

    What is lost only on the way back, for want of something that was lost before, has to be told there.
    """
    there = write_job(crossing.other, job, notes=notes)
    report = there.report
    if there.got is None:
        hold(bool(report.of(Kind.REFUSED)), "there are no settings, and no refusal either")
        return there
    same("what was lost in silence", untold(job, there.got, report.losses), [])
    check_exact("there", report.exact, job, there.got)
    same("settings without an entry", [path for path in said(job) if not covered(path, report)], [])
    back = write_job(crossing.one, there.got)
    if back.got is not None:
        own = set(write_job(crossing.one, job).report.exact)
        kept = [path for path in report.exact if path in own and not covered(path, back.report.losses)]
        check_exact("there and back", kept, job, back.got)
        losses = (*report.losses, *back.report.losses)
        same("what was lost in silence on the way back", untold(job, back.got, losses), [])
    if report.lossless:
        missing = [path for path, value in said(job).items() if said(there.got).get(path) != value]
        same("what the strictest policy lets be lost", missing, [])
    return there


def covered(path: str, report: Iterable[Loss]) -> bool:
    return any(within(path, entry.path) for entry in report)


# --- laws of translations ---------------------------------------------------------------------------


def test_translations_of_fixtures_tell_all(crossing: Crossing) -> None:
    """Nothing that differs is missing from the report, and what it calls exact is equal after there and back."""
    for name, (job, notes) in asked(crossing.one.name).items():
        try:
            check(crossing, job, notes)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def test_translations_of_any_job_tell_all(crossing: Crossing) -> None:
    """The same for whatever a client of the one dialect can ask for."""
    import pytest  # noqa: PLC0415

    hypothesis = pytest.importorskip("hypothesis", reason="this law needs hypothesis")
    from mediaglot.gateway.testing.output import JOBS  # noqa: PLC0415

    def tells_all(job: Job) -> None:
        wanted = write_job(crossing.one, job).got
        if wanted is not None:
            check(crossing, wanted)

    settings = hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    settings(hypothesis.given(JOBS)(tells_all))()


def test_policies_are_kept(crossing: Crossing) -> None:
    """A translation that a policy forbids something of gives no request."""
    for name, (job, notes) in asked(crossing.one.name).items():
        report = write_job(crossing.other, job, notes=notes).report
        for policy in Policy:
            refused = forbidden(report.losses, policy)
            try:
                report.enforce(policy)
            except Lossy as fault:
                same(f"{name}, {policy}", fault.data["fields"], ", ".join(loss.path for loss in refused))
            else:
                same(f"{name}, {policy}", refused, [])


# --- laws of clients --------------------------------------------------------------------------------


def spoken(dialect: Dialect) -> Client:
    """The dialect's client; without one the law has nothing to say."""
    import pytest  # noqa: PLC0415

    if dialect.client is None:
        pytest.skip(f"{dialect.name} has no client")
    return client_of(dialect)


def plainest(dialect: Dialect) -> Job:
    """The first job of the fixtures that the dialect's own provider takes from its own client; else one of ours."""
    place = Location(url="https://media.example.com/in.mp4")
    ours = Job(inputs=(Input(location=place),), outputs=(Output(container="mp4"),))
    jobs = (job for job, _ in asked(dialect.name).values() if job.outputs and not job.hold)
    return next((job for job in jobs if write_job(dialect, job).got is not None), ours)


def placed_in(dialect: Dialect) -> tuple[Client, Pass, Rehearsal, Placed]:
    client, permit, rehearsal = spoken(dialect), entered(dialect), stage(dialect).again()
    other = rehearsal.run(client.create(permit, plainest(dialect), Ledger(), marker="another"))
    done = rehearsal.run(client.create(permit, plainest(dialect), Ledger(), marker=MARKER))
    if done.value is None or other.value is None:
        raise AssertionError(f"{dialect.name} refuses its own client: {done.fault or other.fault}")
    return client, permit, rehearsal, done.value


def test_a_client_finds_its_job_again(dialect: Dialect) -> None:
    """By the marker that it was created with; and it looks at it."""
    client, permit, rehearsal, placed = placed_in(dialect)
    found = ended(rehearsal, client.find(permit, MARKER))
    same("jobs with the marker", [glimpse.id for glimpse in found], [placed.id])
    newest = ended(rehearsal, client.find(permit))
    same("the newest job", newest[0].id, placed.id)
    seen = ended(rehearsal, client.look(permit, placed))
    ticket = rehearsal.tickets[placed.id]
    same(
        "what is seen of it", (seen.id, seen.status), (placed.id, dialect.heard(dialect.state(Status.QUEUED, None))[0])
    )
    hold(not seen.parts or len(seen.parts) == len(ticket.outputs), f"it sees {len(seen.parts)} outputs")
    same("nothing with an unknown marker", ended(rehearsal, client.find(permit, "n0b0dy")), ())


def test_a_job_is_created_by_the_last_request(dialect: Dialect) -> None:
    """What translations end with is the job that the provider would make."""
    clients = spoken(dialect), spoken(dialect)  # each knows nothing yet
    order, rehearsal = stage(dialect).order(), stage(dialect).again()
    asked_for, done = (
        each.run(client.create(entered(dialect), plainest(dialect), Ledger()))
        for each, client in zip((order, rehearsal), clients, strict=True)
    )
    same("the requests", asked_for.requests, done.requests)
    same("the job", asked_for.job, done.value and rehearsal.tickets[done.value.id].job)


def test_a_client_cancels_its_job(dialect: Dialect) -> None:
    """What is cancelled is seen as such, or not at all any more; where the provider can't, the client says so."""
    client, permit, rehearsal, placed = placed_in(dialect)
    try:
        done = rehearsal.run(client.cancel(permit, placed))
    except Unsupported:
        return
    hold(done.fault is None, f"it is refused: {done.fault}")
    look = rehearsal.run(client.look(permit, placed))
    if look.value is None:
        hold(isinstance(look.fault, Refused) and isinstance(look.fault.meaning, NotFound), f"then it sees {look.fault}")
    else:
        same("the status", look.value.status, Status.CANCELLED)


def test_an_unknown_job_is_not_found(dialect: Dialect) -> None:
    client, permit, rehearsal, placed = placed_in(dialect)
    rehearsal.tickets.clear()
    look = rehearsal.run(client.look(permit, placed))
    hold(isinstance(look.fault, Refused), f"it sees {look.value}, {look.fault!r}")
    same("its meaning", type(look.fault.meaning), NotFound)  # type: ignore[union-attr]


def test_what_is_made_for_a_job_is_made_once(dialect: Dialect) -> None:
    """Presets, profiles and the like are named after what is in them, and used again; also by one who knows of none."""
    client, permit, rehearsal, _ = placed_in(dialect)
    before = (dict(rehearsal.things), dict(rehearsal.presets))
    for again in (client, client_of(dialect)):
        rehearsal.run(again.create(permit, plainest(dialect), Ledger()))
        same("what is kept", sorted(map(str, rehearsal.things)), sorted(map(str, before[0])))
        same("presets", sorted(rehearsal.presets), sorted(before[1]))


def test_complaints_are_recognised(dialect: Dialect) -> None:
    """By the table that they were told from; faults that are told alike are taken for the first of them."""
    spoken(dialect)
    for fault in dialect.faults:
        told = fault(**filled(dialect.complaint(fault()).text))
        complaint = dialect.complaint(told)
        text = complaint.say(dialect.worded(told.data))
        if complaint not in dialect.faults.values():
            continue  # told in another way than by the table
        heard = dialect.complaint(recognise(dialect, complaint.status, complaint.code, text))
        same(f"{fault.__name__}, told as {text!r}", (heard.status, heard.code), (complaint.status, complaint.code))


def test_an_overloaded_provider_is_unavailable(dialect: Dialect) -> None:
    client, permit = spoken(dialect), entered(dialect)
    for status, body in ((500, b""), (503, b"<html>"), (429, b"{}"), (200, b"<ht"), (200, b"")):
        errand = client.look(permit, Placed(id="1"))
        next(errand)
        try:
            errand.send(Response(status=status, headers=headers(retry_after="7"), body=body))
        except Unavailable as fault:
            same("when to come again", fault.data["retry_after"], 7)
        except (StopIteration, Fault) as other:
            raise AssertionError(f"HTTP {status} with {body!r} gives {other!r}") from None


def test_news_is_heard(notice: Notice) -> None:
    """A client reads what its dialect sends about a job: whose it is, and nothing else than how it stands.

    A message with nothing in it is no more than a knock.
    """
    message, ticket = notice.render(notice.ticket), notice.ticket
    if message is None or notice.dialect.client is None or notice.mail or not (message.body or message.query):
        return
    heard = client_of(notice.dialect).hear(message)
    same("the job", heard.id, ticket.id)
    word = notice.dialect.heard(notice.dialect.state(ticket.status, ticket.phase))[0]
    hold(
        heard.status in {word, Status.UNKNOWN, Status.FAILED},
        f"{heard.status} is heard of a job that is {ticket.status}",
    )


def ended(rehearsal: Rehearsal, errand: Errand[Any]) -> Any:
    done = rehearsal.run(errand)
    return done.value if done.fault is None else _fail(done.fault)


def _fail(fault: Fault) -> NoReturn:
    raise AssertionError(f"it is refused: {fault!r}, {getattr(fault, 'meaning', '')}")


__all__ = [name for name in dir() if name.startswith("test_")]
