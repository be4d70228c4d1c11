"""What is told of somebody else's answers: without secrets, and without anything that a terminal would follow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import quote

from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.outcome import Outcome, Trial
from mediaglot.gateway.model.mask import STARS

CUT: Final = "…"
LEAST: Final = 4
"""Characters at the beginning of a secret that are hidden where the rest of it is cut off."""


def cleaned(outcome: Outcome, secrets: Iterable[str]) -> Outcome:
    forms = sorted({form for each in secrets if each for form in _forms(each)}, key=len, reverse=True)
    clean = partial(printable, hidden=forms)
    return replace(outcome, trials=[_trial(each, forms) for each in outcome.trials], subject=clean(outcome.subject))


def _trial(trial: Trial, hidden: Iterable[str]) -> Trial:
    clean = partial(printable, hidden=hidden)
    findings = tuple(_finding(each, hidden) for each in trial.findings)
    return replace(trial, name=clean(trial.name), findings=findings, skipped=clean(trial.skipped))


def _finding(found: Finding, hidden: Iterable[str]) -> Finding:
    clean = partial(printable, hidden=hidden)
    return replace(found, place=clean(found.place), message=clean(found.message), exchange=clean(found.exchange))


def _forms(secret: str) -> Iterator[str]:
    """A secret as messages, documents and URLs have it."""
    escaped = secret.replace("\\", "\\\\")
    yield from (secret, escaped, escaped.replace("'", "\\'"), json.dumps(secret)[1:-1], quote(secret, safe=""))


def printable(text: str, hidden: Iterable[str] = ()) -> str:
    for each in hidden:
        text = text.replace(each, STARS)
        if CUT in text:
            for end in range(len(each) - 1, LEAST - 1, -1):
                text = text.replace(each[:end] + CUT, STARS + CUT)
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(letter: str) -> str:
    return letter if letter.isprintable() else repr(letter)[1:-1]
