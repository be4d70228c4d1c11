"""The faults that can be asked for, by the stage of a job at which each makes sense, in a word or by their codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from mediaglot.gateway import faults
from mediaglot.gateway.faults import Fault

Make: TypeAlias = Callable[[], Fault]


class Stage(StrEnum):
    """Where in its life a job is."""

    FETCHING = "fetching"
    PROBING = "probing"
    WAITING = "waiting"
    ENCODING = "encoding"
    PACKAGING = "packaging"
    STORING = "storing"
    DELIVERING = "delivering"
    NOTIFYING = "notifying"


DISK_FULL: Final = {"disk_full": faults.NoSpace}
MISHAPS: Final[Mapping[str, Make]] = {
    "failed": faults.EncodingFailed,
    **DISK_FULL,
    "memory": faults.OutOfMemory,
    "output_too_large": lambda: faults.OutputTooLarge(limit=200_000_000_000),
    "killed": lambda: faults.Killed(signal="SIGKILL"),
    "stalled": lambda: faults.Stalled(seconds=60),
    "timed_out": lambda: faults.TimedOut(seconds=86_400),
    "internal": lambda: faults.Internal(reference="scripted"),
}
CORRUPT: Final[Mapping[str, Make]] = {
    "corrupt": lambda: faults.SourceUnreadable(reason="invalid_data"),
    "no_track": lambda: faults.NoSuchTrack(kind="video"),
}
FAULTS: Final[Mapping[Stage, Mapping[str, Make]]] = {
    Stage.FETCHING: {
        "missing": lambda: faults.SourceMissing(status=404, reason="Not Found"),
        "unreachable": lambda: faults.SourceUnreachable(reason="connection"),
        "timeout": lambda: faults.SourceTimeout(seconds=30, reason="stall"),
        "forbidden": lambda: faults.SourceForbidden(reason="address"),
        "too_large": lambda: faults.SourceTooLarge(limit=50_000_000_000),
        **DISK_FULL,
        "internal": MISHAPS["internal"],
    },
    Stage.PROBING: {**CORRUPT, "internal": MISHAPS["internal"]},
    Stage.WAITING: {name: MISHAPS[name] for name in ("internal", "memory", "timed_out")},
    Stage.ENCODING: {
        **MISHAPS,
        **CORRUPT,
        "unknown_encoder": lambda: faults.UnknownEncoder(codec="h264"),
        "unknown_container": lambda: faults.UnknownContainer(container="mp4"),
        "codec_mismatch": lambda: faults.CodecMismatch(container="mp4", codec="h264"),
        "provider": lambda: faults.ProviderFailed(provider="elsewhere", reason="failed"),
    },
    Stage.PACKAGING: MISHAPS,
    Stage.STORING: {**DISK_FULL, "internal": MISHAPS["internal"]},
    Stage.DELIVERING: {
        "failed": lambda: faults.DeliveryFailed(reason="connection"),
        "forbidden": lambda: faults.DeliveryForbidden(reason="address"),
        "disk_full": lambda: faults.DeliveryFailed(reason="no_space"),
    },
    Stage.NOTIFYING: {},
}
"""The first of each stage is what happens without a word."""

REFUSALS: Final[Mapping[str, Make]] = {
    "busy": lambda: faults.Busy(retry_after=30),
    "unavailable": lambda: faults.Unavailable(status=503, reason="overloaded", retry_after=30),
    "unauthorized": lambda: faults.Unauthorized(reason="unknown"),
    "forbidden": faults.Forbidden,
    "invalid": lambda: faults.Invalid(field="inputs.0.location", reason="is not wanted here"),
    "missing": lambda: faults.Missing(field="inputs.0.location"),
    "unsupported": lambda: faults.Unsupported(feature="source", value="of this kind"),
    "too_large": lambda: faults.TooLarge(limit=1_000_000),
    "internal": MISHAPS["internal"],
}
"""What a request can be refused with, before there is a job."""


def words(stage: Stage) -> Mapping[str, Make]:
    """And each fault's own code beside its word."""
    given = FAULTS[stage]
    return {**given, **{make().code: make for make in reversed([*given.values()]) if make().code not in given}}
