"""The canonical errors. Each carries data, never prose: a dialect's own table turns it into words and a status.

``Fault`` subclasses are raised by every layer and classified by type; ``trouble`` is the stored form of
one that ended a job, and ``from_trouble`` brings it back.
"""

from __future__ import annotations

from typing import Any, ClassVar

from mediaglot.gateway.model import Trouble


class Fault(Exception):
    """Something went wrong in a way that a client is told about."""

    code: ClassVar[str] = "fault"
    passing: bool = False
    """It may be over in a while, without anybody's doing."""

    def __init__(self, **data: Any) -> None:
        super().__init__(data)
        self.data = data

    def trouble(self) -> Trouble:
        return Trouble(code=self.code, data={key: str(value) for key, value in self.data.items() if value is not None})

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{key}={value}" for key, value in self.data.items())])


# --- the request ---------------------------------------------------------------------------------


class BadRequest(Fault):
    """The request can't be acted on. ``field`` and ``reason`` say what to change."""

    code = "bad_request"


class Malformed(BadRequest):
    """The bytes are not what their format promises (``reason``)."""

    code = "malformed"


class Missing(BadRequest):
    """A required ``field`` is absent or empty."""

    code = "missing"


class Invalid(BadRequest):
    """The value of ``field`` can't be used, for ``reason``. The value itself may be a secret and stays out."""

    code = "invalid"


class UnknownAction(BadRequest):
    """No operation is called ``name``, or no route leads there."""

    code = "unknown_action"


class MethodNotAllowed(BadRequest):
    code = "method_not_allowed"


class Unsupported(BadRequest):
    """Well-formed, but nothing here can do it: ``feature`` and ``value``."""

    code = "unsupported"


class Lossy(BadRequest):
    """A translation would lose ``fields`` and the policy forbids it."""

    code = "lossy"


class TooLarge(BadRequest):
    """The body is over ``limit`` bytes."""

    code = "too_large"


class TooSlow(BadRequest):
    """The request was not there as a whole after ``seconds``."""

    code = "too_slow"


class Unauthorized(Fault):
    """The credentials are missing or wrong (``reason``)."""

    code = "unauthorized"


class Forbidden(Fault):
    """Known, but not allowed."""

    code = "forbidden"


class NotFound(Fault):
    """No ``kind`` has the id ``id`` in this account."""

    code = "not_found"


class Conflict(Fault):
    """``kind`` ``id`` is in ``state``, in which this can't be done."""

    code = "conflict"


class Busy(Fault):
    """Too many requests; ``retry_after`` seconds."""

    code = "busy"


class Internal(Fault):
    """A mistake of ours. It is logged with ``reference`` and never shown."""

    code = "internal"


# --- a provider that works for us ------------------------------------------------------------------


class Unavailable(Fault):
    """The provider gave no usable answer (``status``, ``reason``); maybe it does after ``retry_after`` seconds.

    Whether it has done what it was asked is not known.
    """

    code = "unavailable"


class Refused(Fault):
    """The provider said no. ``meaning`` is the canonical fault that it stands for; ``status``, ``error`` (its own code)
    and ``text`` are what it said."""

    code = "refused"

    def __init__(self, meaning: Fault | None = None, **data: Any) -> None:
        super().__init__(**data)
        self.meaning = meaning or BadRequest(reason="refused")


# --- the work ------------------------------------------------------------------------------------


class WorkFault(Fault):
    """What ends a job or one output of it. These are stored on tickets."""

    code = "work_fault"


class SourceMissing(WorkFault):
    """The source answered that it is not there (``status``, ``reason``: the HTTP ones, where it was HTTP)."""

    code = "source_missing"


class SourceUnreachable(WorkFault):
    """No answer from the source: name, connection or protocol (``reason``)."""

    code = "source_unreachable"


class SourceTimeout(SourceUnreachable):
    """The source sent nothing for ``seconds``, or was not there as a whole after them (``reason``)."""

    code = "source_timeout"
    passing = True


class SourceForbidden(SourceUnreachable):
    """The fetch policy does not let us go there (``reason``)."""

    code = "source_forbidden"


class SourceTooLarge(WorkFault):
    """The source is over ``limit`` bytes."""

    code = "source_too_large"


class SourceUnreadable(WorkFault):
    """The bytes came, but they are no media that can be decoded."""

    code = "source_unreadable"


class NoSuchTrack(WorkFault):
    """The output needs a ``kind`` of track that the source lacks, or the very ``track`` of that kind."""

    code = "no_such_track"


class UnknownEncoder(WorkFault):
    """No encoder for ``codec`` here."""

    code = "unknown_encoder"


class UnknownContainer(WorkFault):
    """No muxer for ``container`` here."""

    code = "unknown_container"


class CodecMismatch(WorkFault):
    """``container`` can't hold ``codec``."""

    code = "codec_mismatch"


class NoSpace(WorkFault):
    """The disk is full."""

    code = "no_space"


class OutOfMemory(WorkFault):
    """The encoder got no more memory."""

    code = "out_of_memory"


class OutputTooLarge(WorkFault):
    """An output came to more than ``limit`` bytes."""

    code = "output_too_large"


class Killed(WorkFault):
    """The encoder was ended by ``signal`` from outside."""

    code = "killed"


class Stalled(WorkFault):
    """The encoder made no progress for ``seconds``."""

    code = "stalled"


class TimedOut(WorkFault):
    """The encoder ran longer than ``seconds``."""

    code = "timed_out"


class EncodingFailed(WorkFault):
    """The encoder gave up for a reason that has no name of its own."""

    code = "encoding_failed"


class ProviderFailed(EncodingFailed):
    """The ``provider`` that worked for us did not get it done (``reason``; ``status`` and ``error`` are its own)."""

    code = "provider_failed"


class DeliveryFailed(WorkFault):
    """A finished file could not be put where it should go (``reason``).

    ``destination`` says which of its output's, where that is known before it is made.
    """

    code = "delivery_failed"


class DeliveryForbidden(DeliveryFailed):
    """The destination is outside of what is allowed (``reason``)."""

    code = "delivery_forbidden"


def every(cls: type[Fault] = Fault) -> list[type[Fault]]:
    """``cls`` and all that come of it, those of dialects too that are loaded by now."""
    return [cls, *(sub for child in cls.__subclasses__() for sub in every(child))]


def by_code(code: str) -> type[Fault] | None:
    return next((cls for cls in every() if cls.code == code), None)


def from_trouble(trouble: Trouble) -> Fault:
    """The fault that a stored trouble stands for; one that nobody here knows is ``EncodingFailed``."""
    return (by_code(trouble.code) or EncodingFailed)(**trouble.data)
