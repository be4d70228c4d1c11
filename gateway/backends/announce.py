"""What is written along with a ticket: letters to those who want to hear of it, and documents that follow from it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias
from urllib.parse import urlsplit

from mediaglot.gateway import codec
from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Thing
from mediaglot.gateway.model import Delivery, Event, Made, Notification, Secret, Ticket
from mediaglot.gateway.store import Key, Letter, Transaction

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
    standing: tuple[Notification, ...] = (),
    chance: Chance = SYSTEM,
) -> Iterator[Letter]:
    """A letter for each of the job's targets that wants to hear of ``event``, in the dialect's own shape.

    ``standing`` are subscriptions of the account, beside the job's own.
    """
    for number, notification in enumerate((*ticket.job.notifications, *standing)):
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
            id=chance.of(_occasion(ticket, event, subject, number)).uuid(),
            key=Key.of(ticket),
            target=hashlib.sha256(target.encode()).hexdigest()[:32],
            host=_host(target),
            event=event.value,
            url=Secret(target),
            due=now,
            method=message.method,
            headers=message.headers,
            body=message.body,
        )


def _occasion(ticket: Ticket, event: Event, subject: Subject, number: int) -> str:
    """What only one letter is about, so that its id does not depend on who else draws one."""
    made, delivery = subject or (None, None)
    place = made.deliveries.index(delivery) if made is not None and delivery is not None else ""
    about = f"{made.id if made is not None else ''}/{place}"
    return f"letter/{ticket.dialect}/{ticket.account}/{ticket.id}/{ticket.revision}/{event.value}/{about}/{number}"


def _host(target: str) -> str:
    """Scheme, name and port of a receiver; all mail goes by the same server, and all topics of a region do."""
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme == "arn":
        return ":".join(target.split(":")[:4]).lower()
    return f"{parts.scheme}://{parts.hostname or ''}:{port or ''}"


async def tell(
    tx: Transaction,
    dialect: Dialect,
    ticket: Ticket,
    event: Event,
    base: str,
    now: datetime,
    subject: Subject = None,
    chance: Chance = SYSTEM,
) -> None:
    """Post what is to be told of ``event``, along with the change that it is about."""
    standing: tuple[Notification, ...] = ()
    if dialect.standing:
        things = await tx.list_things(dialect.name, ticket.account, dialect.standing)
        standing = tuple(_standing(dialect, [unpacked(stored) for _, stored in things]))
    for letter in announce(dialect, ticket, event, base, now, subject, standing, chance):
        await tx.post(letter)


def _standing(dialect: Dialect, things: Iterable[Thing]) -> Iterator[Notification]:
    """A subscription that can't be understood is not worth a job's end."""
    for thing in things:
        try:
            yield dialect.subscription(thing)
        except Exception:
            LOG.exception("%s can't read the %s %s", dialect.name, thing.kind, thing.id)


async def keep(tx: Transaction, dialect: Dialect, ticket: Ticket) -> None:
    """Write a changed ticket down, and the documents that follow from it."""
    await tx.put(ticket)
    await follow(tx, dialect, ticket)


async def follow(tx: Transaction, dialect: Dialect, ticket: Ticket) -> None:
    """Write down the documents that follow from a ticket."""
    things = {(thing.kind, thing.id): thing for thing in dialect.derive(ticket)}
    for (kind, thing_id), thing in things.items():
        await tx.put_thing(dialect.name, ticket.account, kind, thing_id, packed(thing))
    for gone in dialect.derive(replace(ticket, deleted=None)) if ticket.deleted is not None else ():
        if (gone.kind, gone.id) not in things:
            await tx.delete_thing(dialect.name, ticket.account, gone.kind, gone.id)


def packed(thing: Thing) -> str:
    return codec.pack(thing).decode()


def unpacked(stored: str) -> Thing:
    return codec.unpack(stored.encode(), Thing)
