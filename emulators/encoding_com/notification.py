"""Notifications: section 6 of the provider reference."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote_plus

from mediaglot.emulators.encoding_com import answer
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Request, headers
from mediaglot.gateway.mapping import Tree, is_empty, one
from mediaglot.gateway.model import Delivery, Event, Made, Notification, Output, Ticket, Trouble
from mediaglot.gateway.wire.json import Json
from mediaglot.gateway.wire.xml import Xml

WIRES: Final[dict[str, Xml | Json]] = {
    "xml": Xml(root="result", answer_root="result", paired={"destination": "destination_status"}),
    "json": Json(root="result", answer_root="result", stringly=True),
}


def render(
    dialect: Dialect,
    ticket: Ticket,
    notification: Notification,
    event: Event,
    base: str,
    subject: tuple[Made, Delivery | None] | None,
) -> Request | None:
    """``notify`` and ``notify_encoding_errors`` tell of the media, ``notify_upload`` of one delivery."""
    made, delivery = subject or (None, None)
    if event is not Event.DELIVERED:
        document = media(dialect, ticket, base, failed=event is Event.OUTPUT_FAILED)
    elif made is None or delivery is None:
        return None
    else:
        document = upload(dialect, ticket, made, delivery)
    kind = word(ticket, "notify_format") or "xml"
    wire = WIRES[kind]
    body = wire.write(document)
    # To a topic no form is posted: proposed.
    usual = "raw" if notification.target.url.lower().startswith("arn:") else ""
    if (word(ticket, "notify_body_format") or usual) == "raw":
        return Request(method="POST", headers=headers(content_type=wire.content_type), body=body)
    form = f"{kind}={quote_plus(body)}".encode()
    return Request(method="POST", headers=headers(content_type="application/x-www-form-urlencoded"), body=form)


def word(ticket: Ticket, key: str) -> str:
    return str(one(ticket.job.document.get(key)) or "").strip().lower()


def media(dialect: Dialect, ticket: Ticket, base: str, *, failed: bool) -> Tree:
    meta = ticket.job.document.get("meta")
    status = "Error" if failed else dialect.state(ticket.status, ticket.phase)
    formats = [task(dialect, ticket, output, made, base) for output, made in ticket.products]
    tree: Tree = {
        "mediaid": ticket.id,
        "source": answer.source_of(ticket),
        "status": status,
        "description": dialect.describe(ticket.trouble) if ticket.trouble else [],
    }
    if not is_empty(meta):
        tree["meta"] = one(meta)
    return tree | {"encodinghost": f"{base}/"} | ({"format": formats} if formats else {})


def task(dialect: Dialect, ticket: Ticket, output: Output, made: Made, base: str) -> Tree:
    """A result without a destination of its own has its temporary link as one, and no status beside it."""
    tree: Tree = {
        "taskid": made.id,
        "output": one(output.document.get("output")) or [],
        "status": answer.task_word(dialect, ticket, made),
    } | answer.destinations(dialect, made)
    tree |= answer.links(dialect, base.removesuffix(f"/{dialect.name}"), output, made, "destination")
    if made.trouble is None:
        return tree
    return tree | {"description": dialect.describe(made.trouble), "suggestion": suggestion(made.trouble)}


SUGGESTIONS: Final = {
    "unknown_encoder": "Choose another codec",
    "unknown_container": "Choose another output",
    "codec_mismatch": "Choose a codec that the output can hold",
    "no_such_track": "Check the tracks of the source",
    "delivery_failed": "Check the destination and its credentials",
    "delivery_forbidden": "Choose a destination that this server allows",
}


def suggestion(trouble: Trouble) -> str:
    return SUGGESTIONS.get(trouble.code, "Check the source and the parameters of the format")


def upload(dialect: Dialect, ticket: Ticket, made: Made, delivery: Delivery) -> Tree:
    place, status = delivery.location.verbatim, answer.delivery_word(dialect, delivery)
    tree: Tree = {"mediaid": ticket.id, "taskid": made.id, "destination": place, "status": status}
    return tree | {"output_params": parameters(made)} if word(ticket, "notify_upload_extended") == "yes" else tree


PARAMETERS: Final = (
    "format bitrate duration audio_bitrate audio_codec audio_duration audio_sample_rate audio_channels video_bitrate "
    "video_codec video_duration size display_aspect_ratio frame_rate filesize"
).split()


def parameters(made: Made) -> Tree:
    """What probing measured on the output's file; section 6."""
    facts = next((file.facts for file in made.files if file.facts is not None), None)
    if facts is None:
        return {"filesize": str(made.size)}
    information = answer.information(facts)
    return {key: information[key] for key in PARAMETERS if key in information}
