"""The words of a document that a test sends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def check(document: Any, known: Collection[str], what: str) -> Mapping[str, Any]:
    """``document`` as it is. Raises ValueError, whose text names a word that there is not, and those that there are."""
    if not isinstance(document, dict):
        raise ValueError(f"{what} is an object with some of {', '.join(sorted(known))}")
    if strange := sorted(document.keys() - set(known)):
        raise ValueError(f"{what} has no {strange[0][:40]!r}; there are {', '.join(sorted(known))}")
    return document
