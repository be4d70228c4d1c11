"""What the files of an output are called where the job does not say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from mediaglot.gateway.backends import Product
from mediaglot.gateway.model import Ticket


def titles(ticket: Ticket, index: int, products: Sequence[Product]) -> list[str]:
    """The names of an output's files, in folders where it is a package."""
    many = len(products) > 1
    return [
        product.name or _title(ticket, index, product, number if many else None)
        for number, product in enumerate(products)
    ]


def _title(ticket: Ticket, index: int, product: Product, number: int | None) -> str:
    """``<source's stem>_<output id>[_<number>].<extension>``, for what the job does not name."""
    output = ticket.job.outputs[index]
    stem = PurePosixPath(unquote(urlsplit(ticket.job.inputs[0].location.url).path)).stem
    safe = "".join(char if char.isalnum() or char in "-_." else "_" for char in stem).lstrip(".")
    safe = safe.encode()[:120].decode(errors="ignore") or "output"
    tail = "" if number is None else f"_{number + 1}"
    own = None if product.file.role in ("archive", "cues") else output.extension
    extension = own or product.path.suffix.lstrip(".")
    return f"{safe}_{ticket.outputs[index].id}{tail}.{extension}"
