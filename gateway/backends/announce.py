"""What a ticket's client is to be told, as letters for the outbox."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from datetime import datetime

from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.model import Delivery, Event, Made, Secret, Ticket
from mediaglot.gateway.store import Key, Letter


def announce(
    dialect: Dialect,
    ticket: Ticket,
    event: Event,
    base: str,
    now: datetime,
    subject: tuple[Made, Delivery | None] | None = None,
) -> Iterator[Letter]:
    """A letter for each of the job's targets that wants to hear of ``event``, in the dialect's own shape."""
    for notification in ticket.job.notifications:
        if event not in notification.events:
            continue
        message = dialect.render_notification(ticket, notification, event, base, subject)
        if message is None:
            continue
        target = notification.target.verbatim
        yield Letter(
            id=str(uuid.uuid4()),
            key=Key.of(ticket),
            target=hashlib.sha256(target.encode()).hexdigest()[:32],
            event=event.value,
            url=Secret(target),
            due=now,
            method=message.method,
            headers=message.headers,
            body=message.body,
        )
