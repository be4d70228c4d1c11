"""The stage that scenes play on: what is asked, what was answered, and what is said of it.

A scene is a generator that yields Requests, Pauses and Listens and is sent Responses: who drives it has the sockets and
the clock. ``Stage.ask`` yields one request, judges the answer, and notes what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any, Final, TypeAlias, TypeVar

from mediaglot.gateway.accounts import Accounts
from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.asking import Sample, samples
from mediaglot.gateway.contract.echo import Shadow
from mediaglot.gateway.contract.example import code_path, leaves, value_at
from mediaglot.gateway.contract.finding import Finding, short, spot
from mediaglot.gateway.contract.judge import Judgement, judge
from mediaglot.gateway.contract.post import Post
from mediaglot.gateway.dialect import Dialect, Route
from mediaglot.gateway.errand import Errand, Login, Pass
from mediaglot.gateway.exchange import (
    GetAccount,
    GetJob,
    GetJobs,
    GetPreset,
    GetThing,
    Health,
    ListJobs,
    ListPresets,
    ListThings,
    Request,
    Response,
)
from mediaglot.gateway.faults import Fault, Unavailable, Unsupported
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.testing.case import read_call

T = TypeVar("T")
ABOUT: Final = (GetJob, GetThing, GetPreset)
"""What looks at one thing."""
LOOKS: Final = (*ABOUT, GetJobs, ListJobs, ListPresets, ListThings, GetAccount, Health)
"""What changes nothing."""
GOOD: Final = True
CERTAIN: Final = frozenset({"seed", "documented", "captured", "client"})
"""Evidence of those who have seen it."""


class NoAnswer(Exception):
    """Thrown into a scene for a request that got none; the message says why."""


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait until the messages that came are what is waited for; for so many seconds at the most."""

    until: Callable[[], bool]
    seconds: float


Steps: TypeAlias = Generator[Request | Pause | Listen, Response, T]
Want: TypeAlias = bool | Response | None
"""What an answer has to be: GOOD, a refusal like this one, or whatever the contract allows."""


NOWHERE: Final = frozenset({404, 405, 501})
"""What servers answer at addresses, and to methods, of which they know nothing."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How far a walk may go."""

    jobs: int = 0
    write: bool = False
    source: str = "https://media.mediaglot.test/bars-10s-1280x720-30fps.mp4"
    deliver: str = "s3://mediaglot-contract/"
    broken: str = "https://media.mediaglot.test/absent.mp4?fail=fetching"
    """What is no source: nobody has it, and our own double says so."""
    seed: int = 0
    patience: float = 300.0
    """Seconds that a job may take."""
    pause: float = 1.0
    """Seconds between two looks at it."""
    hear_patience: float = 30.0
    """Seconds that a message may take after the end of a job."""
    linger: float = 2.0
    """Seconds in which a message that comes twice is waited for."""

    @property
    def spent(self) -> str:
        """Why no more jobs are created."""
        return f"the {self.jobs} of --jobs are used up" if self.jobs else "--jobs N lets N jobs be created"


@dataclass(frozen=True, slots=True)
class Told:
    """An exchange of ours, and what was made of it."""

    request: Request
    response: Response
    judgement: Judgement

    @property
    def good(self) -> bool:
        return not self.judgement.is_error


@dataclass(slots=True, kw_only=True)
class Line:
    """One line of the report: what was tried, with how many exchanges, and what was found."""

    scene: str
    name: str
    operation: str = ""
    """The first that was asked for."""
    exchanges: int = 0
    findings: list[Finding] = field(default_factory=list)
    skipped: str = ""
    """Why it was not tried."""


class Stage:
    """One dialect, one implementation, one account there."""

    def __init__(self, dialect: Dialect, base: str, login: Login | None = None, terms: Terms | None = None) -> None:
        self.dialect, self.base, self.login = dialect, base, login
        self.terms = terms or Terms()
        self.home: Any = type(dialect)
        self.chance = Random(self.terms.seed)  # noqa: S311 - the same inputs each time
        self.post: Post | None = None
        """Where messages come to; None where nothing can come."""
        self.permits: list[Pass] = []
        """All that we ever got, the one that counts last."""
        self.jobs_left = self.terms.jobs
        self.lines: list[Line] = []
        self.exercised: set[tuple[str, str]] = set()
        """Operations that were answered well, with the format."""
        self.answered = 0
        self.statuses: set[int] = set()
        """Of all answers."""
        self.made: list[str] = []
        """The ids of our own jobs, in the order of their creation."""
        self.shadows: dict[str, Shadow] = {}
        """Our finished jobs once more, on paper."""
        self.outputs: dict[str, str] = {}
        """The ids of what our finished jobs made, with the job's."""
        self.links: dict[str, dict[Request, None]] = {}
        """Single things that answers lead to, by the operation that shows them."""
        self._seen: set[str] = set()

    @property
    def permit(self) -> Pass | None:
        return self.permits[-1] if self.permits else None

    @property
    def astray(self) -> bool:
        """Whether nothing of the dialect seems to be there at all."""
        lost = 404 in self.statuses and self.statuses <= NOWHERE
        return lost and not self.exercised and any(line.findings for line in self.lines)

    # --- requests -----------------------------------------------------------------------------------

    @property
    def samples(self) -> tuple[Sample, ...]:
        return samples(self.home)

    def ready(self, request: Request) -> Request | None:
        """As our account would send it; None where that can't be said."""
        request = replace(request, base=self.base, site=self.base)
        if self.permit is None:
            return request
        return asking.stamped(self.dialect, request, self.permit.credential, self.permit.tenant)

    def firsts(self, wanted: Callable[[Sample], bool]) -> Iterator[Sample]:
        """The first understood sample of each operation and format, of those that are wanted."""
        seen = set()
        for sample in self.samples:
            key = (sample.operation, sample.format)
            if sample.reading.fault is None and sample.operation and key not in seen and wanted(sample):
                seen.add(key)
                yield sample

    def routes(self) -> dict[str, Route]:
        return {route.name: route for route in self.dialect.routes}

    def paper(self) -> Rehearsal:
        """A provider on paper that lets everybody in."""
        return Rehearsal(self.dialect, Accounts(free={self.dialect.name}.__contains__))

    def likely(self, request: Request) -> Want:
        """GOOD where an account without anything would be answered well; otherwise it depends on what there is."""
        return None if self.refused(self.paper(), request) else GOOD

    def refused(self, paper: Rehearsal, request: Request) -> bool:
        """Whether a provider on paper answers with an error; what nobody asks of it on paper is none."""
        answer = paper.answer(request)
        return not isinstance(paper.fault, Unsupported) and judge(self.dialect, request, answer).is_error

    def refusal(self, request: Request, fault: Fault | None = None) -> Response:
        """How the dialect refuses a request, for ``fault`` or for what is wrong with it."""
        reading = read_call(self.dialect, request)
        return self.dialect.render_response(reading.call, fault or reading.fault or Fault())

    # --- exchanges ----------------------------------------------------------------------------------

    @contextmanager
    def line(self, scene: str, name: str) -> Iterator[Line]:
        line = Line(scene=scene, name=name)
        self.lines.append(line)
        yield line

    def skip(self, scene: str, name: str, why: str) -> None:
        self.lines.append(Line(scene=scene, name=name, skipped=why))

    def ask(self, line: Line, request: Request, want: Want = None) -> Steps[Told | None]:
        """None where no answer came; that is noted, like all that is wrong with one."""
        line.exchanges += 1
        operation = (reading := read_call(self.dialect, request)).call.route
        name = operation.name if operation else ""
        line.operation = line.operation or name
        try:
            response = yield request
        except NoAnswer as error:
            line.findings.append(
                Finding(rule="answer", operation=name, place="response", message=f"expected an answer, {error}")
            )
            return None
        self.answered += 1
        self.statuses.add(response.status)
        told = Told(request, response, judge(self.dialect, request, response))
        expected = [] if isinstance(want, bool) and reading.fault else self.expected(told, want)
        line.findings += [each.of(line.name) for each in (*told.judgement.told, *expected)]
        if told.good and name:
            self.exercised.add((name, reading.call.wire.content_type))
            self._gather(told.judgement.tree)
        return told

    def finding(self, line: Line, operation: str, rule: str, place: str, message: str) -> Finding:
        return Finding(rule=rule, operation=operation, place=place, message=message, exchange=line.name)

    def _gather(self, tree: Any) -> None:
        """The links in an answer that lead to single things."""
        for _, value in leaves(tree):
            if not isinstance(value, str) or not value.startswith(f"{self.base}/") or value in self._seen:
                continue
            self._seen.add(value)
            path, _, query = value.removeprefix(self.base).partition("?")
            request = self.ready(Request(path=path, query=query))
            reading = read_call(self.dialect, request) if request is not None else None
            if request is not None and reading is not None and isinstance(reading.intent, (GetThing, GetPreset)):
                name = reading.call.route.name if reading.call.route else ""
                self.links.setdefault(name, {})[request] = None

    def expected(self, told: Told, want: Want) -> list[Finding]:
        """What is wrong with an answer that the contract allows, because another one had to come."""
        status, name = told.response.status, told.judgement.operation or ""
        if status >= 500 and not (isinstance(want, Response) and want.status == status):
            said = "expected the implementation to cope"
            return [
                Finding(rule="server_error", operation=name, place="response.status", message=f"{said}, found {status}")
            ]
        if want is GOOD and not told.good:
            return [self._other(told, "expected no error")]
        if not isinstance(want, Response):
            return []
        wanted = judge(self.dialect, told.request, want)
        if wanted.is_error is told.judgement.is_error and status == want.status:
            return self._other_code(told, wanted) or [*self._other_text(told, wanted)]
        return [self._other(told, f"expected {'an error' if wanted.is_error else 'an answer'} with {want.status}")]

    def _other(self, told: Told, expected: str) -> Finding:
        found = f"{'an error' if told.judgement.is_error else 'an answer'} with {told.response.status}"
        name = told.judgement.operation or ""
        return Finding(rule="outcome", operation=name, place="response.status", message=f"{expected}, found {found}")

    def _other_code(self, told: Told, wanted: Judgement) -> list[Finding]:
        path = code_path(self.home)
        expected, found = (value_at(tree, path) for tree in (wanted.tree, told.judgement.tree))
        if not path or not wanted.is_error or expected == found:
            return []
        message = f"expected {short(expected)}, found {short(found)}"
        name = told.judgement.operation or ""
        return [Finding(rule="code", operation=name, place=spot("response.body", path), message=message)]

    def _other_text(self, told: Told, wanted: Judgement) -> Iterator[Finding]:
        """Another text in the place of one that the provider is known to send."""
        for path, value in leaves(wanted.tree) if wanted.is_error else ():
            found = value_at(told.judgement.tree, path)
            if value in certain_texts(self.home) and found != value:
                message = f"expected {short(value)}, found {short(found)}"
                name = told.judgement.operation or ""
                yield Finding(rule="text", operation=name, place=spot("response.body", path), message=message)


@cache
def certain_texts(dialect: Any) -> frozenset[str]:
    """Errors whose words nobody had to guess."""
    told = (each for each in dialect.faults.values() if each.evidence in CERTAIN and "{" not in each.text)
    return frozenset(each.text for each in told)


def errand(stage: Stage, line: Line, steps: Errand[T]) -> Steps[T]:
    """A client's errand as a part of a scene. Raises its Faults, and Unavailable where no answer comes."""
    try:
        request = next(steps)
        while True:
            told = yield from stage.ask(line, replace(request, base=stage.base, site=stage.base))
            if told is None:
                steps.close()
                raise Unavailable(reason="no answer")
            request = steps.send(told.response)
    except StopIteration as end:
        found: T = end.value
        return found
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise Unavailable(reason="what came can't be used") from None
