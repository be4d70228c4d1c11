"""Which failures ``on = ["code:reason"]`` of a route can name: the codes of faults of work, and their reasons. Pure."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from mediaglot.gateway import faults
from mediaglot.gateway.faults import Fault, WorkFault, by_code, every
from mediaglot.gateway.model import TERMINAL

OWN: Final = frozenset({"provider_failed", "no_space", "out_of_memory", "killed", "stalled", "timed_out"})
"""The codes of failures that are the provider's own, and not the source's or the job's."""
NEVER: Final = frozenset({Fault, faults.NotFound, faults.Refused})
"""Faults whose code is no reason of a provider's failure, as those of all its other answers are."""
REASONS: Final[Mapping[str, frozenset[str]]] = {
    code: frozenset(words.split())
    for code, words in {
        "provider_failed": "another_job breaker timeout unreadable too_long not_on_tape no_files lost "
        + " ".join(TERMINAL),
        "encoding_failed": "bitrate_too_low crashed encoder_settings filter font key no_output permission sandbox start"
        " svg unplayable",
        "source_missing": "directory disk file missing name not_a_directory not_a_file permission symbolic_link",
        "source_unreachable": "ca_bundle connection content_encoding cut dns input_output length login names no_space"
        " permission protocol range redirects refused s3_extra scheme ssh_key ssh_known_hosts ssh_met tls url",
        "source_timeout": "connect stall total",
        "source_forbidden": "address authority bucket control_character credential host host_key_changed"
        " host_key_unknown key length outside path port scheme svg_entities svg_reference traversal unmapped url",
        "source_unreadable": "changed crashed empty forbidden_format invalid_data no_decoder no_file no_tracks"
        " out_of_memory svg svg_too_large timeout too_many_pixels truncated",
    }.items()
}
FURTHER: Final[Mapping[str, tuple[str, str]]] = {
    "provider_failed": (
        r"download_.+|no \w+|not all of it|the policy does not allow it \(\w+\)|[A-Z]\w+",
        "`download_` and why not, what its answer lacks (`no id`), an error of the network (`ClientConnectorError`)",
    ),
    "source_missing": (
        "|".join(["[A-Z].*", *map(str.lower, errno.errorcode.values())]),
        "what the server said (`Not Found`), an error of the system (`eio`)",
    ),
    "source_unreachable": (r"[A-Z].*", "what the server said (`Bad Gateway`)"),
    "delivery_failed": (r".+", "what the provider says"),
    "delivery_forbidden": (r".+", "what the provider says"),
}
"""Reasons that no list can have: what they look like, and what they are."""


def check(word: str) -> None:
    """Raises ValueError for what is no ``code`` or ``code:reason`` of a failure."""
    code, _, reason = word.partition(":")
    fault = by_code(code)
    if fault is None:
        raise ValueError(f"{word!r} is the code of no fault, as {', '.join(sorted(OWN))} are")
    if fault is not Fault and not issubclass(fault, WorkFault):
        raise ValueError(f"{word!r} ends no job; a provider that says so is 'provider_failed:{code}'")
    if reason and not _possible(fault, reason):
        raise ValueError(f"{word!r}: {code} has no reason {reason!r}{_meant(fault, reason)}")


def _possible(fault: type[Fault], reason: str) -> bool:
    if reason in reasons(fault):
        return True
    return any(re.fullmatch(FURTHER[one.code][0], reason) for one in every(fault) if one.code in FURTHER)


def reasons(fault: type[Fault]) -> frozenset[str]:
    """Those that can be listed, of all that comes of the fault too."""
    return frozenset().union(*(_own(one) for one in every(fault)))


def _own(fault: type[Fault]) -> frozenset[str]:
    answers = every() if fault is faults.ProviderFailed else []
    codes = {one.code for one in answers if not issubclass(one, WorkFault) and one not in NEVER}
    return REASONS.get(fault.code, frozenset()) | codes


def _meant(fault: type[Fault], reason: str) -> str:
    known = sorted(reasons(fault))
    near = get_close_matches(reason.lower().replace(" ", "_"), known, 1)
    if near:
        return f"; did you mean {near[0]!r}?"
    known += [FURTHER[one.code][1] for one in every(fault) if one.code in FURTHER]
    return f"; there are {', '.join(known)}" if known else "; it has none"


def rows() -> Iterator[tuple[str, str, str]]:
    """Of each code what it says, and the reasons that are its own."""
    for fault in filter(_ours, every(WorkFault)):
        known = (word for word in sorted(_own(fault)) if _ours(by_code(word)))
        words = ", ".join(f"`{word}`" for word in known)
        more = FURTHER.get(fault.code, ("", ""))[1]
        meaning = re.sub(r" \([^()]*``[^()]*\)", "", (fault.__doc__ or "").partition("\n")[0]).replace("``", "`")
        yield fault.code, meaning, "; ".join(filter(None, (words, more)))


def _ours(fault: type[Fault] | None) -> bool:
    """Not one of a dialect's own."""
    return fault is None or fault.__module__ == faults.__name__
