"""What came of holding something to a contract: trials with their findings, as JSON and as JUnit XML. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from mediaglot.gateway.contract.finding import ERROR, Finding
from mediaglot.gateway.wire.xml import LEGAL

NOBODY: Final = "unknown"
"""The operation of what none was found for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One thing that was tried: an exchange, a scenario. ``skipped`` says why it was not."""

    operation: str
    name: str
    findings: tuple[Finding, ...] = ()
    skipped: str = ""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are no warnings."""
        return tuple(finding for finding in self.findings if finding.level == ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``left_out`` counts what was there and could not be tried, by the reason; ``missing`` are operations that nothing
    of what was tried is about."""

    command: str
    subject: str
    trials: Sequence[Trial]
    left_out: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def findings(self) -> list[Finding]:
        return [finding for trial in self.trials for finding in trial.findings]

    @property
    def errors(self) -> list[Finding]:
        return [finding for trial in self.trials for finding in trial.errors]

    @property
    def tried(self) -> list[Trial]:
        return [trial for trial in self.trials if not trial.skipped]

    @property
    def passed(self) -> bool:
        """What tried nothing has shown nothing. Warnings change nothing."""
        return bool(self.tried) and not self.errors

    @property
    def skipped(self) -> dict[str, list[str]]:
        """The names of what was not tried, by the reason."""
        found: dict[str, list[str]] = {}
        for each in self.trials:
            if each.skipped:
                found.setdefault(each.skipped, []).append(each.name)
        return found

    def by_operation(self) -> dict[str, tuple[int, int]]:
        """Trials and findings of each operation, in alphabetical order."""
        trials = Counter(trial.operation or NOBODY for trial in self.tried)
        findings = Counter(each.operation or NOBODY for each in self.findings)
        return {name: (trials[name], findings[name]) for name in sorted(trials.keys() | findings.keys())}

    def tree(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "command": self.command,
            "subject": self.subject,
            "passed": self.passed,
            "tried": len(self.tried),
            "operations": {name: {"tried": one, "findings": two} for name, (one, two) in self.by_operation().items()},
            "findings": [asdict(finding) for finding in self.findings],
            "skipped": [{"name": each.name, "reason": each.skipped} for each in self.trials if each.skipped],
            "left_out": dict(self.left_out),
            "missing": list(self.missing),
        }


def grouped(findings: Sequence[Finding]) -> list[tuple[Finding, int]]:
    """Findings that are alike but for the exchange, and how many there are; in the order of the first of each."""
    counts: Counter[Finding] = Counter(finding.of("") for finding in findings)
    first: dict[Finding, Finding] = {}
    for finding in findings:
        first.setdefault(finding.of(""), finding)
    return [(first[bare], counts[bare]) for bare in first]


def junit(outcome: Outcome) -> bytes:
    """A test suite with a test case for each trial."""
    failed = sum(bool(trial.errors) for trial in outcome.trials)
    skipped = len(outcome.trials) - len(outcome.tried)
    count = f'tests="{len(outcome.trials)}" failures="{failed}" errors="0" skipped="{skipped}"'
    name = quoteattr(_legal(f"mediaglot contract {outcome.command}: {outcome.subject}"))
    cases = "".join(map(_case, outcome.trials))
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f"{head}<testsuites {count}>\n<testsuite name={name} {count}>\n{cases}</testsuite>\n</testsuites>\n".encode()


def _case(trial: Trial) -> str:
    names = f"classname={quoteattr(_legal(trial.operation or NOBODY))} name={quoteattr(_legal(trial.name))}"
    inside = f"<skipped message={quoteattr(_legal(trial.skipped))}/>" if trial.skipped else ""
    text = "\n".join(" ".join(filter(None, (str(each), each.schema))) for each in trial.findings)
    if trial.errors:
        first = trial.errors[0]
        message = quoteattr(_legal(f"{first.place}: {first.message}"))
        inside += f"<failure type={quoteattr(_legal(first.rule))} message={message}>{escape(_legal(text))}</failure>"
    elif text:
        inside += f"<system-out>{escape(_legal(text))}</system-out>"
    return f"<testcase {names}>{inside}</testcase>\n"


def _legal(text: str) -> str:
    return text.translate(LEGAL)
