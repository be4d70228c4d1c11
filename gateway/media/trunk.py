"""What the pictures of several outputs have in common on their way through the filters is done once. Pure.

Outputs that begin alike (deinterlaced, denoised, scaled to one size) part where they begin to differ. A picture that
was made smaller for one output is made smaller still for the next, instead of the source's: that saves two fifths of
what scaling takes in a ladder, and nobody sees it (``tests/benchmarks/media.py ladder`` judges the files).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from mediaglot.gateway.media.draft import Draft
from mediaglot.gateway.media.scene import Scene, upright
from mediaglot.gateway.media.size import Picture

Chain: TypeAlias = tuple[str, ...]
"""Filters, one after another."""

SCALED: Final = re.compile(r"scale=(\d+):(\d+)")
"""To a size and by the usual arithmetic: who names a scaler gets it, from the source's own picture."""
SQUARE: Final = "setsar=1"
SIZELESS: Final = frozenset({"bwdif", "hqdn3d", "fps", "setpts", "trim"})
"""Filters after which a picture is as large as before."""


def stages(drafts: Sequence[Draft], view: Scene) -> Mapping[str, tuple[Chain, ...]]:
    """The filters of each draft's pictures, by its tag, in stages: those that several have in common are equal.

    The last stage is the draft's own, and may be empty.
    """
    sharing = [one for one in drafts if one.video is not None and not one.apart]
    if len(sharing) < 2 or view.video is None:
        return {}
    chains = _through(sharing, upright(view.video))
    forks = _forks(list(chains.values()))
    return {tag: tuple(_cut(chain, forks)) for tag, chain in chains.items()}


def _through(drafts: Sequence[Draft], source: Picture) -> dict[str, Chain]:
    """The chains by tag, where smaller pictures are made of the next greater ones that are made anyway."""
    found: dict[str, Chain] = {}
    alike: defaultdict[object, list[tuple[int, int, int, Draft]]] = defaultdict(list)
    for one in drafts:
        assert one.video is not None  # noqa: S101 - the caller has looked
        found[one.tag] = one.video.filters
        if (place := _shrinks(one.video.filters, source)) is not None:
            alike[one.video.filters[: place[0]], _pixels(one)].append((*place, one))
    for group in alike.values():
        made: list[tuple[int, int, Chain]] = []
        for at, width, height, one in sorted(group, key=lambda each: (-each[1] * each[2], -each[1])):
            greater = [above for wide, high, above in made if wide >= width and high >= height]
            own = found[one.tag]
            begin = greater[-1] if greater else own[:at]
            scaled = begin if greater and own[at] == begin[-2] else (*begin, *own[at : at + 2])
            made.append((width, height, scaled))
            found[one.tag] = (*scaled, *own[at + 2 :])
    return found


def _shrinks(filters: Chain, source: Picture) -> tuple[int, int, int] | None:
    """Where in the chain the source's picture is scaled down, and to what; None where it is not."""
    at = next((at for at, text in enumerate(filters) if text.partition("=")[0] not in SIZELESS), len(filters))
    if filters[at + 1 : at + 2] != (SQUARE,) or (size := SCALED.fullmatch(filters[at])) is None:
        return None
    width, height = int(size[1]), int(size[2])
    return (at, width, height) if width <= source.width and height <= source.height else None


def _pixels(one: Draft) -> object:
    """What has to be the same for two outputs to have pixels of one format."""
    assert one.video is not None  # noqa: S101 - the caller has looked
    options = one.video.options
    form = options[options.index("-pix_fmt") + 1] if "-pix_fmt" in options else None
    return one.video.encoder, form


def _forks(chains: Sequence[Chain]) -> frozenset[Chain]:
    """The beginnings after which chains part, or end."""
    after: defaultdict[Chain, list[str | None]] = defaultdict(list)
    for chain in chains:
        for end in range(1, len(chain) + 1):
            after[chain[:end]].append(chain[end] if end < len(chain) else None)
    return frozenset(begin for begin, rest in after.items() if len(rest) > 1 and (None in rest or len(set(rest)) > 1))


def _cut(chain: Chain, forks: frozenset[Chain]) -> Iterator[Chain]:
    last = 0
    for end in range(1, len(chain) + 1):
        if chain[:end] in forks:
            yield chain[last:end]
            last = end
    yield chain[last:]
