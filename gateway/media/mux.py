"""What goes around the tracks: the container's own options, metadata and chapters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mediaglot.gateway.media.format import METADATA, Container
from mediaglot.gateway.media.parts import Memo
from mediaglot.gateway.model import Output

MOST_METADATA: Final = 4_096
BRAND: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ]{3}")
BRANDED: Final = frozenset({"mp4", "mov", "ipod", "3gp"})


def options(output: Output, container: Container, feed: int, *, chapters: bool, memo: Memo) -> tuple[str, ...]:
    """``feed`` is where kept metadata come from; ``chapters`` says that the timeline is still the source's.

    Without a word from the client the source's metadata stay behind and its chapters come along.
    """
    if output.keep_chapters and not chapters:
        memo.note("keep_chapters")
    return (
        *("-map_metadata", str(feed) if output.keep_metadata else "-1"),
        *("-map_chapters", str(feed) if chapters and output.keep_chapters is not False else "-1"),
        *_metadata(output, memo),
        *_brand(output, container, memo),
        *container.options,
    )


def _metadata(output: Output, memo: Memo) -> Iterator[str]:
    for key, value in output.metadata.items():
        name = METADATA.get(key.lower())
        if name is None or "\0" in value or len(value) > MOST_METADATA:
            memo.at("metadata").note(key)
        else:
            yield from ("-metadata", f"{name}={value}")


def _brand(output: Output, container: Container, memo: Memo) -> Iterator[str]:
    if output.brand is None:
        return
    if container.muxer in BRANDED and BRAND.fullmatch(output.brand):
        yield from ("-brand", output.brand)
    else:
        memo.note("brand")
