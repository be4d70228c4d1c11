"""The verbs of ``mediaglot contract``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERBS: Final[Mapping[str, str]] = {
    "verify": "walk the contract of a dialect against a running implementation",
    "record": "write down, without secrets, what goes by to a provider and back",
    "replay": "ask a recording of another implementation and tell what it answers otherwise",
    "check": "hold recordings, journals and HAR files to the contract, offline",
    "drift": "tell what appeared, vanished or changed between two recordings, or two folders of schemas",
    "coverage": "tell how much of the contract a test run really used; export it as a Pact file",
    "compare": "take the same job through every dialect, and see whether the same comes of it",
}
"""What each does; it is done by ``run`` of the module of its name in this folder, which also has ``flags``."""
