"""Other texts in place of a document's outermost ones, with every other byte as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from xml.sax.saxutils import escape


class Unswappable(ValueError):
    """The document is not written in a way in which these texts can be exchanged and nothing else."""


def in_json(text: bytes, values: Mapping[str, str]) -> bytes:
    """Of every member with such a name, whatever its case; what is more than meant shows when the text is read."""
    for name, value in values.items():
        member = rf'("{re.escape(name)}"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|[^\s,}}\]"]+)'
        text = _exchanged(text, member, json.dumps(value))
    return text


def in_xml(text: bytes, values: Mapping[str, str]) -> bytes:
    for name, value in values.items():
        element = rf"(<{re.escape(name)}\s*>)[^<]*(?=</{re.escape(name)}\s*>)"
        text = _exchanged(text, element, escape(value))
    return text


def _exchanged(text: bytes, pattern: str, value: str) -> bytes:
    """What follows the pattern's group becomes ``value``. Raises Unswappable unless there is exactly one place."""
    found = re.compile(pattern.encode(), re.IGNORECASE)
    if len(found.findall(text)) != 1:
        raise Unswappable
    return found.sub(lambda match: match[1] + value.encode(), text)
