"""Findings as SARIF 2.1.0, which code review tools show: each at its line of the schema that it breaks. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.outcome import Outcome

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
MARK: Final = "\N{BLACK FLAG}mark"


def sarif(outcome: Outcome, dialect: str, document: Callable[[str], Any]) -> bytes:
    """``document`` reads a schema by its file's name."""
    rules = sorted({finding.rule for finding in outcome.findings})
    driver = {
        "name": "mediaglot contract",
        "informationUri": "https://pypi.org/project/mediaglot/",
        "rules": [{"id": rule} for rule in rules],
    }
    results = list(map(partial(_result, dialect=dialect, document=document), outcome.findings))
    tree = {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return (json.dumps(tree, indent=2, ensure_ascii=False) + "\n").encode()


def _result(finding: Finding, dialect: str, document: Callable[[str], Any]) -> dict[str, Any]:
    file, _, pointer = finding.schema.partition("#")
    uri = f"schemas/{dialect}/{file or 'error.reply.json'}"
    line = line_of(document(file), pointer) if file else 1
    return {
        "ruleId": finding.rule,
        "level": finding.level,
        "message": {"text": str(finding)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}},
                "logicalLocations": [{"fullyQualifiedName": finding.schema if pointer else finding.place}],
            }
        ],
    }


def line_of(tree: Any, pointer: str) -> int:
    """The line on which a place stands in a document that is indented by two."""
    steps = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    text = json.dumps(_marked(tree, steps), indent=2, ensure_ascii=False)
    return text.partition(MARK)[0].count("\n") + 1


def _marked(tree: Any, steps: list[str]) -> Any:
    if not steps:
        return MARK
    first, *rest = steps
    if isinstance(tree, dict) and first in tree:
        return {key: _marked(value, rest) if key == first else value for key, value in tree.items()}
    if isinstance(tree, list) and first.isdecimal() and int(first) < len(tree):
        return [_marked(value, rest) if at == int(first) else value for at, value in enumerate(tree)]
    return MARK
