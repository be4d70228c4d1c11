"""The verbs of ``mediaglot contract``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERBS: Final[Mapping[str, str]] = {
    "verify": "test a running implementation against the contract of a dialect",
    "record": "pass requests on to a provider and record them and the answers, without secrets",
    "replay": "send the requests of a recording to another implementation and tell the differences",
    "check": "check recordings, journals and HAR files against the contract, offline",
    "drift": "tell what appeared, vanished or changed between two recordings, or two folders of schemas",
    "coverage": "tell how much of the contract a test run really used; export it as a Pact file",
    "compare": "run the same job through every dialect and compare the results",
}
"""What each does; it is done by ``run`` of the module of its name in this folder, which also has ``flags``."""
