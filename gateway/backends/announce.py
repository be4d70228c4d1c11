"""What a ticket's client is to be told, as letters for the outbox."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.model import Delivery, Event, Made, Secret, Ticket
from mediaglot.gateway.store import Key, Letter

LOG = logging.getLogger(__name__)
Subject: TypeAlias = tuple[Made, Delivery | None] | None
"""The output, and the delivery, that an event is about; None for the whole job."""


def announce(
    dialect: Dialect,
    ticket: Ticket,
    event: Event,
    base: str,
    now: datetime,
    subject: Subject = None,
) -> Iterator[Letter]:
    """A letter for each of the job's targets that wants to hear of ``event``, in the dialect's own shape."""
    for notification in ticket.job.notifications:
        if event not in notification.events:
            continue
        try:
            message = dialect.render_notification(ticket, notification, event, base, subject)
        except Exception:
            # A mistake in a message must not undo the transaction that records what it is about.
            LOG.exception("%s has no message about %s of job %s", dialect.name, event.value, ticket.id)
            continue
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
