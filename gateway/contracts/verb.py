"""The verbs of ``mediaglot contract``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERBS: Final[Mapping[str, str]] = {
    "verify": "walk the contract of a dialect against a running implementation",
}
"""What each does; it is done by ``run`` of the module of its name in this folder, which also has ``flags``."""
