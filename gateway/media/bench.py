"""Where one FFmpeg process is put together: its feeds, and a filter graph that taps each stream as often as needed.

What filters make of a stream is a stream too, and made once (``through``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from mediaglot.gateway.media import join
from mediaglot.gateway.media.parts import Feed, Run, Target, telling
from mediaglot.gateway.media.scene import Scene
from mediaglot.gateway.media.trunk import Chain
from mediaglot.gateway.model import EMPTY


class Bench:
    """``paced``: a filter makes pictures for moments that have none. Then everything that is encoded goes through the
    graph, also what no filter changes: FFmpeg 9 stands still for good when it waits for that filter's output and for a
    decoder's own one in turns. ``stages`` are the filters of each output's pictures, as ``trunk`` gives them."""

    def __init__(self, scene: Scene, *, paced: bool = False, stages: Mapping[str, tuple[Chain, ...]] = EMPTY) -> None:
        self.scene, self.paced, self.stages = scene, paced, stages
        self.targets: list[Target] = []
        self._feeds: list[Feed] = []
        self._taps: dict[str, list[str]] = {}
        self._chains: list[str] = []
        self._made: dict[tuple[str, Chain], str] = {}

    def feed(self, path: str, options: tuple[str, ...] = (), *, picture: bool = False) -> int:
        """The index of this ``-i``; the same one for the same words."""
        feed = Feed(path=path, options=options, picture=picture)
        if feed not in self._feeds:
            self._feeds.append(feed)
        return self._feeds.index(feed)

    def join(self) -> None:
        """Open all sources, in their order, before anything else."""
        for part in self.scene.parts:
            self.feed(part.path, part.opened()[0].seek())

    def tap(self, stream: str, label: str | None = None) -> str:
        """A label that carries a copy of ``stream`` (``0:V:0``, a joined one, or one that was made)."""
        taps = self._taps.setdefault(stream, [])
        kind = "t" if stream == join.AUDIO or ":a:" in stream else "s"
        taken = sum(len(labels) for labels in self._taps.values())
        taps.append(label or f"{kind}{taken}")
        return taps[-1]

    def through(self, stream: str, filters: Chain) -> str:
        """What the filters make of ``stream``, as a stream."""
        if (stream, filters) not in self._made:
            self._made[stream, filters] = made = f"m{len(self._made)}"
            self.chain(f"[{self.tap(stream)}]{','.join(filters)}[{made}]")
        return self._made[stream, filters]

    def chain(self, text: str) -> None:
        self._chains.append(text)

    def run(self, duration: Fraction | None, weight: Fraction) -> Run:
        graph = self._graph()
        return Run(
            feeds=tuple(map(self._told, self._feeds)),
            graph=graph,
            targets=tuple(self.targets),
            duration=duration,
            weight=weight,
        )

    def _told(self, feed: Feed) -> Feed:
        """Segments that are copied begin where the source says that one can."""
        part = next((part for part in self.scene.parts if part.path == feed.path), None)
        if part is None or not any(target.muxer == "hls" and "copy" in target.options for target in self.targets):
            return feed
        codecs = {*(one.codec for one in (part.video,) if one is not None), *(one.codec for one in part.sounds)}
        return replace(feed, options=(*telling(part.container, codecs), *feed.options))

    def _graph(self) -> str:
        chains = list(self._chains)
        splits: list[str] = []
        for stream, labels in self._taps.items():
            word = "asplit" if labels[0].startswith("t") else "split"
            copies = f"{word}={len(labels)}" + "".join(f"[{label}]" for label in labels)
            if stream in self._made.values():
                end = f"[{labels[0]}]" if len(labels) == 1 else f",{copies}"
                chains = [chain.replace(f"[{stream}]", end) for chain in chains]
            elif len(labels) == 1:
                chains = [chain.replace(f"[{labels[0]}]", f"[{stream}]") for chain in chains]
            else:
                splits.append(f"[{stream}]{copies}")
        return ";".join([*self._joints(), *splits, *chains])

    def _joints(self) -> list[str]:
        video, audio = join.VIDEO in self._taps, join.AUDIO in self._taps
        if not video and not audio:
            return []
        feeds = {part.index: self.feed(part.path, part.opened()[0].seek()) for part in self.scene.parts}
        return list(join.chains(self.scene, feeds, video=video, audio=audio))
