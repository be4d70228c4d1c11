"""What only a client of the provider needs to know: what it reads of a job object, and the words of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from mediaglot.emulators.tpstreams.document import PLAYLIST
from mediaglot.emulators.tpstreams.fields import Wrong
from mediaglot.emulators.tpstreams.place import read_place
from mediaglot.emulators.tpstreams.request import moment
from mediaglot.gateway.faults import Fault, Forbidden, Unauthorized
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Job
from mediaglot.gateway.trait import Complaint

LOGIN_REFUSED: Final = Complaint(400, "Unable to log in with provided credentials.", "non_field_errors", "inferred")
TOO_MANY_TOKENS: Final = Complaint(
    400, "The organization already has the maximum number of tokens.", evidence="proposed"
)
LOGINS: Final[Mapping[type[Fault], Complaint]] = {Unauthorized: LOGIN_REFUSED, Forbidden: TOO_MANY_TOKENS}
"""How a login says no."""
MARKER: Final = "mediaglot"
"""A key of ours in ``client_metadata``, which lists and webhooks repeat."""
PAGES: Final = 50
"""How many pages are looked through for a marker or a webhook, the newest jobs first."""
OWN: Final = frozenset({"resolutions", "enable_drm", "client_metadata", "source"})
"""Keys of ``Job.document`` where the job came in this dialect."""


def own_words(job: Job) -> Tree:
    """The fields that no other dialect has: empty for a job that came in another one."""
    if job.document.keys() != OWN:
        return {}
    said = job.document["client_metadata"]
    metadata = {} if said is None else {"client_metadata": json.loads(said)}
    return metadata | ({"enable_drm": True} if job.document["enable_drm"] else {})


def time(value: Any) -> datetime | None:
    try:
        return moment(value, "Asia/Kolkata") if isinstance(value, str) else None
    except Wrong:
        return None


def playlist(tree: Tree) -> str:
    """Where the master playlist of a finished job is, without the credentials that lead there."""
    try:
        return f"{read_place(str(tree.get('output_path')), folder=True).url}{PLAYLIST}"
    except ValueError:
        return ""


def told(tree: Tree) -> Iterator[tuple[str, str]]:
    """What is wrong, field by field: the first text of each, at whatever depth."""
    for name, said in tree.items():
        yield name, _first(said)


def _first(said: Any) -> str:
    if isinstance(said, (dict, list)):
        return next(map(_first, said.values() if isinstance(said, dict) else said), "")
    return str(said or "")
