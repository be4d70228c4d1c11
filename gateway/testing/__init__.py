"""The laws: what holds for every dialect, as tests for pytest. A plug-in runs them from two lines of its own:

    from mediaglot.gateway.testing import *  # noqa: F403

    DIALECTS = ("acme",)

Without ``DIALECTS`` they run over everything that is installed. The plug-in's package (``Dialect.home``) holds
``fixtures/acme/<operation>/<case>/``, described in ``mediaglot.gateway.testing.case``, and ``schemas/acme/``,
described in ``mediaglot.gateway.wire.schema``. The round trip needs hypothesis; without it that law is skipped.

A broken law names the fixture folder, or the fault, the word or the operation that breaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any, Final

from mediaglot.gateway import codec, registry
from mediaglot.gateway.accounts import Accounts
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import Intent, Page, Result
from mediaglot.gateway.faults import Fault, Unauthorized, WorkFault
from mediaglot.gateway.loss import Ledger, Loss
from mediaglot.gateway.model import TERMINAL, Phase, Secret, Status
from mediaglot.gateway.testing.case import (
    Case,
    Notice,
    encode_result,
    every_fault,
    folders,
    write_request,
    write_response,
)
from mediaglot.gateway.testing.claim import blanks, every_leaf, filled, hold, same, with_leaf
from mediaglot.gateway.testing.crossing import *  # noqa: F403
from mediaglot.gateway.testing.crossing import crossings
from mediaglot.gateway.testing.pair import Pair, has_document, pairs
from mediaglot.gateway.wire.schema import Schemas, stem

MARKER: Final = "l34k-marker"
EXAMPLES: Final = 150


def pytest_generate_tests(metafunc: Any) -> None:
    """Gives each law its dialects and fixtures."""
    specs = getattr(metafunc.module, "DIALECTS", None) or registry.names()
    if "dialect" in metafunc.fixturenames:
        metafunc.parametrize("dialect", [registry.find(spec) for spec in specs], ids=specs)
    if "crossing" in metafunc.fixturenames:
        metafunc.parametrize("crossing", list(crossings(specs)), ids=str)
    if "pair" in metafunc.fixturenames:
        metafunc.parametrize("pair", list(pairs(specs)), ids=str)
    for name, kind in (("case", Case), ("notice", Notice)):
        if name in metafunc.fixturenames:
            found = [folder for spec in specs for folder in folders(spec) if isinstance(folder, kind)]
            metafunc.parametrize(name, found, ids=str)


# --- golden: the fixtures ---------------------------------------------------------------------------


def test_request_is_read(case: Case) -> None:
    """A request means what its fixture says, down to the ledger, or is refused with the fixture's fault."""
    reading = case.read()
    if case.has("intent.json"):
        hold(reading.fault is None, f"it is refused: {reading.fault}")
        same("intent", codec.encode(reading.intent, Intent), case.tree_of("intent.json"))
        same("losses", [codec.encode(loss) for loss in reading.losses], case.tree_of("losses.json"))
    else:
        wanted = case.result
        hold(isinstance(wanted, Fault), "it has neither an intent.json nor a fault in result.json")
        hold(type(reading.fault) is type(wanted), f"it gives {reading.fault!r}")
        data = {key: value for key, value in reading.fault.data.items() if key in wanted.data}  # type: ignore[union-attr]
        same("fault", data, wanted.data)  # type: ignore[union-attr]


def test_answer_is_written(case: Case) -> None:
    reading = case.read()
    result = reading.fault or case.result
    if result is not None:
        answer = case.dialect.render_response(reading.call, result)
        same("response.http", write_response(answer), case.bytes_of("response.http"))


def test_notification_is_written(notice: Notice) -> None:
    message = notice.render(notice.ticket)
    wanted = notice.bytes_of("message.http") if notice.has("message.http") else None
    same("message.http", write_request(message) if message else None, wanted)


def test_request_is_valid(case: Case) -> None:
    """A request that is understood is one that the operation's schema allows."""
    reading = case.read()
    route = reading.call.route
    if reading.intent is not None and route is not None and not route.public:
        same("problems", schemas(case.spec).check(f"{stem(route.name)}.request", reading.call.tree), [])


def test_answer_is_valid(case: Case) -> None:
    reading = case.read()
    result = reading.fault or case.result
    if result is not None:
        answer = case.dialect.render_response(reading.call, result)
        if answer.headers.get("Content-Type") != reading.call.wire.content_type:
            return  # a redirect, or a file
        body = answer.body
        name = f"{_answers(case.dialect, reading.call, result)}.reply"
        same(f"{name}: problems", schemas(case.spec).check(name, reading.call.wire.read_answer(body)), [])


def _answers(dialect: Dialect, call: Call, result: Result | Fault) -> str:
    """The stem of the schema that an answer has to fit."""
    if isinstance(result, Fault) or call.route is None:
        return "error"
    try:
        call.route.gives(dialect, call, result)
    except Fault:
        return "error"
    return stem(call.route.name)


@cache
def schemas(spec: str) -> Schemas:
    return Schemas(registry.find(spec))


# --- purity -----------------------------------------------------------------------------------------


def test_reading_is_pure(case: Case) -> None:
    """The same bytes mean the same again, and reading changes nothing that it was given."""
    one = case.read()
    before = deepcopy(one.call.tree)
    two = case.read()
    same("tree", two.call.tree, before)
    same("intent", codec.encode(two.intent, Intent), codec.encode(one.intent, Intent))
    same("losses", two.losses, one.losses)
    if one.intent is not None:
        again = case.dialect.read(one.call, Ledger())
        same("tree after reading", one.call.tree, before)
        same("intent, read again", codec.encode(again, Intent), codec.encode(one.intent, Intent))


def test_writing_is_pure(case: Case) -> None:
    reading, result = case.read(), case.result
    if result is None or reading.fault is not None:
        return
    before, tree = encode_result(result), deepcopy(reading.call.tree)
    one = case.dialect.render_response(reading.call, result)
    same("second answer", case.dialect.render_response(reading.call, result), one)
    same("result after writing", encode_result(result), before)
    same("request after writing", reading.call.tree, tree)


# --- what a dialect must have -----------------------------------------------------------------------


def cases_of(dialect: Dialect) -> Iterator[Case]:
    return (folder for folder in folders(dialect.name) if isinstance(folder, Case))


def test_every_operation_has_a_fixture(dialect: Dialect) -> None:
    """One that is understood and answered."""
    answered = {
        reading.call.route.name
        for case in cases_of(dialect)
        if (reading := case.read()).call.route and case.has("response.http") and not isinstance(case.result, Fault)
    }
    same("operations without a fixture", [route.name for route in dialect.routes if route.name not in answered], [])


def test_every_operation_has_schemas(dialect: Dialect) -> None:
    there = schemas(dialect.name).names
    needed = ["error.reply"]
    for route in dialect.routes:
        needed += [f"{stem(route.name)}.reply", *([] if route.public else [f"{stem(route.name)}.request"])]
    same("missing schemas", [name for name in needed if name not in there], [])
    for name in there:
        schemas(dialect.name).prove(name)


def test_every_option_is_accepted(dialect: Dialect) -> None:
    for name, knob in dialect.knobs.items():
        for value in knob.values:
            same(name, type(dialect)(**{name: value}).options[name], value)


# --- faults and states ------------------------------------------------------------------------------


def formats(dialect: Dialect) -> list[Call]:
    """A call in every format that the fixtures hold."""
    calls = (case.read().call for case in cases_of(dialect))
    return list({call.wire.content_type: call for call in calls}.values())


def test_every_fault_is_told(dialect: Dialect) -> None:
    """In every format, by a text without holes, in an answer that the schema of errors allows."""
    calls = formats(dialect)
    for cls in every_fault():
        fault = cls(**filled(dialect.complaint(cls()).text))
        for data in ({}, fault.data):
            text = dialect.complaint(fault).say(dialect.worded(data))
            hold(bool(text.strip()) and not blanks(text), f"{cls.__name__} is told as {text!r}")
        for call in calls:
            answer = dialect.render_response(call, fault)
            hold(200 <= answer.status < 600, f"{cls.__name__} has status {answer.status}")
            tree = call.wire.read_answer(answer.body)
            same(f"problems of {cls.__name__}", schemas(dialect.name).check("error.reply", tree), [])


def test_every_failure_is_described(dialect: Dialect) -> None:
    """What ends a job is told on the job, without holes."""
    for cls in every_fault(WorkFault):
        text = dialect.describe(cls(**filled(dialect.complaint(cls()).text)).trouble())
        hold(bool(text.strip()) and not blanks(text), f"{cls.__name__} is described as {text!r}")


def test_every_state_has_a_word(dialect: Dialect) -> None:
    """And no word says that a job has ended, or ended otherwise, when it has not."""
    for status in Status:
        for phase in (None, *Phase):
            word = dialect.state(status, phase)
            hold(word in dialect.statuses, f"{word!r} for {status}, {phase} can't be read")
            heard, _ = dialect.statuses.read(word)
            wrong = heard is not status and (status in TERMINAL or heard in TERMINAL)
            hold(not wrong, f"{word!r} for {status}, {phase} is read as {heard}")
            hold(status is Status.UNKNOWN or heard is not Status.UNKNOWN, f"{status}, {phase} has no word")


def test_every_status_word_reads_back(dialect: Dialect) -> None:
    for word in dialect.statuses.words():
        meaning = dialect.statuses.read(word)
        same(f"the meaning of {word!r}", dialect.statuses.read(dialect.statuses.write(meaning)), meaning)


# --- credentials ------------------------------------------------------------------------------------


def test_credentials_open_their_account_only(dialect: Dialect) -> None:
    """Absent and malformed ones are refused by fixtures, wrong ones by the list, right ones are let in."""
    readings = [case.read() for case in cases_of(dialect)]
    signed = [reading.call for reading in readings if reading.call.credential is not None]
    if not signed:
        same("operations that are not public", [route.name for route in dialect.routes if not route.public], [])
        return
    refused = {reading.fault.data.get("reason") for reading in readings if isinstance(reading.fault, Unauthorized)}
    unusable = refused & {"malformed", "empty", "spaces"}
    hold("missing" in refused and bool(unusable), f"fixtures refuse credentials only because they are {refused}")
    free = {dialect.name}.__contains__
    for call in signed:
        credential = call.credential
        assert credential is not None  # noqa: S101
        wrong = Credential(credential.name, Secret(credential.secret.reveal() + "x"))
        if credential.signed is None:
            Accounts({dialect.name: [credential]}, free=free).admit(dialect.name, credential)
        fault = _refusal(Accounts({dialect.name: [wrong]}, free=free), dialect, credential)
        hold(isinstance(fault, Unauthorized), "a credential that is not on the list is let in")
        body = dialect.render_response(call, fault).body.decode()
        hold(credential.secret.reveal() not in body, f"a refusal repeats the secret: {body}")


def _refusal(accounts: Accounts, dialect: Dialect, credential: Credential) -> Fault:
    try:
        accounts.admit(dialect.name, credential)
    except Fault as fault:
        return fault
    return Fault()


def test_a_refusal_does_not_repeat_the_request(case: Case) -> None:
    """A value that can't be used may be a secret in the wrong place: it is not told back, nor is the credential."""
    reading = case.read()
    call, dialect = reading.call, case.dialect
    if reading.fault is not None and call.credential is not None:
        body = dialect.render_response(call, reading.fault).body.decode()
        hold(call.credential.secret.reveal() not in body, f"the secret is in {body}")
    if call.route is None or call.route.public:
        return
    for path in every_leaf(call.tree):
        if path[0] in dialect.quoted:
            continue
        spoiled = replace(call, tree=with_leaf(call.tree, path, MARKER))
        try:
            dialect.read(spoiled, Ledger())
        except Fault as fault:
            body = dialect.render_response(spoiled, fault).body.decode()
            hold(MARKER not in body, f"what stands at {'.'.join(map(str, path))} is told back: {body}")


# --- lists and round trips --------------------------------------------------------------------------


def test_pages_cover_the_list(dialect: Dialect) -> None:
    """Each entry is on one page, whatever the size; sizes out of bounds are brought inside."""
    paging = dialect.paging
    if paging is None:
        return
    for total in (0, 1, paging.least, paging.most + 1):
        for size in (None, 0, paging.least, paging.least + 1, paging.most, paging.most * 10):
            asked = {} if size is None else {paging.size: str(size)}
            first = paging.window(asked, sort="created", descending=False)
            limit = first.limit or 0
            hold(paging.least <= limit <= paging.most, f"a page of {size} has {limit} entries")
            _, pages = paging.pages(Page(items=(), total=total, offset=0, limit=limit))
            seen: list[int] = []
            for number in range(1, pages + 1):
                window = paging.window({**asked, paging.page: str(number)}, sort="created", descending=False)
                seen += range(window.offset, min(window.offset + limit, total))
                same("page", paging.pages(Page(items=(), total=total, offset=window.offset, limit=limit))[0], number)
            same(f"entries on pages of {size}", seen, list(range(total)))


def test_outputs_survive(dialect: Dialect) -> None:
    """Whatever a job asks for reads back from its document as it was, or the ledger says where it does not."""
    import pytest  # noqa: PLC0415

    if not has_document(dialect):
        pytest.skip(f"{dialect.name} has no document for an output")
    hypothesis = pytest.importorskip("hypothesis", reason="the round trip needs hypothesis")
    from mediaglot.gateway.testing.output import OUTPUTS, differences  # noqa: PLC0415

    def survives(output: Any) -> None:
        ledger = Ledger()
        tree = dialect.write_output(output, ledger)
        unsaid = [path for path in differences(output, dialect.read_output(tree, Ledger())) if not told(path, ledger)]
        same(f"what was lost in silence by {tree}", unsaid, [])

    for_many(hypothesis, OUTPUTS, survives)


def test_pairs_agree(pair: Pair) -> None:
    """What a client asks for in one dialect reads the same after another dialect has said it, or the ledger names it.

    And what came back goes through a second time unchanged: the settings that both have words for stay as they are.
    """
    import pytest  # noqa: PLC0415

    hypothesis = pytest.importorskip("hypothesis", reason="the round trip needs hypothesis")
    from mediaglot.gateway.testing.output import OUTPUTS, PLAIN, differences  # noqa: PLC0415

    def agree(output: Any) -> None:
        wanted, ledger = pair.said(output), Ledger()
        got = pair.there_and_back(wanted, ledger)
        same(f"what {pair} lost in silence", [path for path in differences(wanted, got) if not told(path, ledger)], [])
        again = pair.there_and_back(got, Ledger())
        same(f"what {pair} changes the second time", list(differences(got, again)), [])

    for_many(hypothesis, PLAIN | OUTPUTS, agree)


def for_many(hypothesis: Any, examples: Any, claim: Callable[[Any], None]) -> None:
    settings = hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    settings(hypothesis.given(examples)(claim))()


def told(path: str, losses: Ledger) -> bool:
    """A loss speaks for its path, for what is below it, and for the object that it lies in."""
    return any(_within(path, loss) for loss in losses)


def _within(path: str, loss: Loss) -> bool:
    return path == loss.path or path.startswith(f"{loss.path}.") or loss.path.startswith(f"{path}.")


__all__ = ["pytest_generate_tests", *(name for name in dir() if name.startswith("test_"))]  # noqa: PLE0604  (no law is forgotten)
