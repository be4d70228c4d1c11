"""From a job and what was measured on its sources to the FFmpeg processes that make it. Pure.

All outputs come from one process that decodes once; outputs in two passes share one analysis before it. An output
that can't be made becomes a fault and leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from mediaglot.gateway.faults import Fault, SourceUnreadable
from mediaglot.gateway.media import chunk, chunkrun, cost, join, lock, mux, overlay, package, tee, trunk
from mediaglot.gateway.media.bench import Bench
from mediaglot.gateway.media.chunkindex import Index
from mediaglot.gateway.media.draft import Draft, Tools
from mediaglot.gateway.media.machine import Machine
from mediaglot.gateway.media.parts import NULL, Chunks, Fetch, Note, Plan, Product, Run, Target, number
from mediaglot.gateway.media.scene import Scene, Span, scene
from mediaglot.gateway.media.settings import pairs
from mediaglot.gateway.media.still import StillSet
from mediaglot.gateway.media.video import VideoTrack
from mediaglot.gateway.model import Job, MediaFacts

ANALYSIS_WEIGHT: Final = Fraction(1, 3)


def plan(
    job: Job,
    sources: Sequence[MediaFacts],
    *,
    encoders: frozenset[str],
    muxers: frozenset[str],
    filters: frozenset[str] = frozenset(),
    only: frozenset[int] | None = None,
    copy: bool = False,
    machine: Machine | None = None,
    pictures: Index | None = None,
) -> Plan:
    """How to make the outputs of ``job`` (those whose index is in ``only``) from probed sources, one per input.

    ``filters`` are those that not every FFmpeg has; what needs one that is not named is made without.
    With ``copy``, tracks that the source already has as they are asked for are copied (``media/same.py``).
    With a ``machine`` on which chunks are worth it there is a ``scan`` for the source's ``pictures``, and with those
    there are the ``chunks``, if they allow it.
    """
    notes: list[Note] = []
    wanted = [index for index in range(len(job.outputs)) if only is None or index in only]
    tools = Tools(encoders=encoders, muxers=muxers, copy=copy)
    try:
        if not sources:
            raise SourceUnreadable
        view = scene(job, sources, notes, filters)
    except Fault as fault:
        return Plan(runs=(), products={}, faults=dict.fromkeys(wanted, fault))
    drafts, faults = _drafts(job, wanted, view, tools, notes)
    team = None
    if machine is not None and muxers >= chunkrun.NEEDED:
        # sound is encoded in passing, and copied it would forbid chunks
        plain, _ = _drafts(job, wanted, view, replace(tools, sounds=False), [])
        team = chunk.crew(plain, view, machine)
        drafts = drafts if team is None else plain
    return Plan(
        runs=_runs(drafts, view, muxers),
        scan=chunkrun.scan(view) if team is not None and pictures is None else None,
        chunks=_chunks(drafts, view, team, pictures) if team is not None and pictures is not None else None,
        processes=team.workers if team is not None else 1,
        threads=team.threads if team is not None else None,
        products=_products(drafts),
        faults=faults,
        drawings=tuple(drawing for one in drafts for drawing in one.drawings),
        loads=tuple(cost.load(one.video) for one in drafts if one.video is not None and not one.video.copied),
        notes=tuple(dict.fromkeys(notes)),
    )


def _drafts(
    job: Job, wanted: Sequence[int], view: Scene, tools: Tools, notes: list[Note]
) -> tuple[list[Draft], dict[int, Fault]]:
    drafts: list[Draft] = []
    faults: dict[int, Fault] = {}
    for index in wanted:
        try:
            drafts += package.drafts(job.outputs[index], index, view, tools, notes)
        except Fault as fault:
            faults[index] = fault
    return drafts, faults


def needs(job: Job, only: frozenset[int] | None = None) -> tuple[Fetch, ...]:
    """The pictures, fonts and keys to fetch into the work folder, beside the sources (``source-0`` ...)."""
    return tuple(
        fetch
        for index, output in enumerate(job.outputs)
        if only is None or index in only
        for fetch in (*overlay.fetches(output, index), *lock.fetches(output, index))
    )


def _products(drafts: Sequence[Draft]) -> dict[int, tuple[Product, ...]]:
    found: dict[int, tuple[Product, ...]] = {}
    for one in drafts:
        found[one.index] = (*found.get(one.index, ()), *one.products)
    return found


def _runs(drafts: Sequence[Draft], view: Scene, muxers: frozenset[str]) -> tuple[Run, ...]:
    if not drafts:
        return ()
    twice = [one for one in drafts if one.video is not None and one.video.passes]
    # FFmpeg numbers a pass log by the stream's place among all outputs: keep those of two passes in front.
    ordered = [*twice, *(one for one in drafts if one not in twice)]
    cut = _cut(drafts, view)
    longest = max((one.duration for one in drafts if one.duration is not None), default=None)
    if not twice:
        return (_run(ordered, view, cut, longest, Fraction(1), muxers),)
    analysis = _bench(twice, view)
    for one in twice:
        _wire(one, analysis, cut, first_pass=True)
    return (
        analysis.run(max((one.duration for one in twice if one.duration), default=None), ANALYSIS_WEIGHT),
        _run(ordered, view, cut, longest, 1 - ANALYSIS_WEIGHT, muxers),
    )


def _chunks(drafts: Sequence[Draft], view: Scene, team: chunk.Crew, pictures: Index) -> Chunks | None:
    def compose(some: Sequence[Draft]) -> Run:
        return _run(some, view, Span(), view.duration, Fraction(1))

    return chunkrun.chunks(drafts, view, team, pictures, _wire_video, compose)


def _run(
    drafts: Sequence[Draft],
    view: Scene,
    cut: Span,
    duration: Fraction | None,
    weight: Fraction,
    muxers: frozenset[str] = frozenset(),
) -> Run:
    bench = _bench(drafts, view)
    media = [one for one in drafts if one.container is not None]
    for one in media:
        _wire(one, bench, cut)
    bench.targets = tee.poured(bench.targets, media, view, muxers)
    for one in drafts:
        for still in one.stills:
            _wire_still(still, one, bench, cut)
    return bench.run(duration, weight)


def _bench(drafts: Sequence[Draft], view: Scene) -> Bench:
    return Bench(view, paced=any(one.paced for one in drafts), stages=trunk.stages(drafts, view))


def _cut(drafts: Sequence[Draft], view: Scene) -> Span:
    """The clip that all outputs of the common feed have in common: it is cut by seeking, others by filters."""
    spans = {one.span for one in drafts if one.shares}
    return spans.pop() if len(spans) == 1 and not view.joined else Span()


def _feed(one: Draft, bench: Bench, cut: Span) -> tuple[int, Span]:
    """The feed of an output's tracks, and what filters still have to cut off. -1 stands for the joined sources."""
    if bench.scene.joined:
        bench.join()
        return -1, one.span
    part = bench.scene.parts[0]
    if not one.apart:
        return _common(one, bench, cut)
    rotation = one.video.rotation if one.video is not None else 0
    turn = ("-display_rotation:v:0", str(-rotation), "-noautorotate") if rotation else ()
    return bench.feed(part.path, (*turn, *one.span.within(part.span).seek())), Span()


def _common(one: Draft, bench: Bench, cut: Span) -> tuple[int, Span]:
    """The feed that outputs share, opened early where seeks are not to be trusted."""
    part = bench.scene.parts[0]
    opened, early = part.opened(cut)
    rest = Span() if one.span == cut else one.span
    return bench.feed(part.path, opened.seek()), replace(rest, start=rest.start + early)


def _wire(one: Draft, bench: Bench, cut: Span, *, first_pass: bool = False) -> None:
    feed, trim = _feed(one, bench, cut)
    maps: list[str] = []
    options: list[str] = []
    if one.video is not None:
        maps.append(_wire_video(one, one.video, bench, feed, trim))
        options += _in_pass(one.video, f"pass-{one.tag}", first=first_pass)
    if one.audio is not None and first_pass:
        # any packets will do: the stream only keeps the numbers of the pass logs in step, and knows of no profile
        maps.append("0:0")
        options = ["-profile:v:0" if word == "-profile:v" else word for word in options]
        options += ("-c:1", "copy")
    elif one.audio is not None:
        maps.append(_wire_audio(one, bench, feed, trim))
        options += one.audio.options
    if first_pass:
        bench.targets.append(Target(maps=tuple(maps), options=tuple(options), muxer="null", path=NULL))
        return
    assert one.container is not None  # noqa: S101 - media only
    chapters = one.container.chapters and not bench.scene.joined and one.span.whole and bench.scene.parts[0].span.whole
    options += mux.options(one.output, one.container, max(feed, 0), chapters=chapters, memo=one.memo)
    whole = one.span.whole and bench.scene.parts[0].span.whole
    if one.copies and one.container.from_zero and not whole:
        options += ("-avoid_negative_ts", "make_zero")
    bench.targets.append(Target(maps=tuple(maps), options=tuple(options), muxer=one.container.muxer, path=one.path))


def _in_pass(track: VideoTrack, log: str, *, first: bool) -> tuple[str, ...]:
    """The track's options, with those of its pass where it has two."""
    if not track.passes:
        return track.options
    turn = "1" if first else "2"
    if track.encoder != "libx265":
        return (*track.options, "-pass:v", turn, "-passlogfile:v", log)
    words = dict(pairs(track.options))
    own = words.pop("-x265-params", "")
    words["-x265-params"] = ":".join([*([own] if own else []), f"pass={turn}:stats={log}.log"])
    return tuple(word for pair in words.items() for word in pair)


def _wire_video(one: Draft, track: VideoTrack, bench: Bench, feed: int, trim: Span) -> str:
    """Put the chain of a video track on the bench; gives what to map."""
    stream = join.VIDEO if feed < 0 else f"{feed}:V:0"
    before = [*_trim(trim, "trim", "setpts"), *track.filters]
    if track.copied or not (feed < 0 or bench.paced or before or track.finish or one.covers):
        return stream
    out = f"v{one.tag}"
    if trim.whole:
        *shared, own = bench.stages.get(one.tag, (track.filters,))
        for stage in shared:
            stream = bench.through(stream, stage)
        before = list(own)
        if shared and not (own or track.finish or one.covers):
            return f"[{bench.tap(stream, out)}]"
    label, pending = bench.tap(stream), before
    for position, cover in enumerate(one.covers):
        base, top, mixed = (f"{letter}{one.tag}_{position}" for letter in "bom")
        picture = bench.feed(cover.path, picture=True)
        bench.chain(f"[{picture}:V:0]{cover.prepare}[{top}]")
        if pending:
            bench.chain(f"[{label}]{','.join(pending)}[{base}]")
            label, pending = base, []
        bench.chain(f"[{label}][{top}]overlay={cover.place}[{mixed}]")
        label = mixed
    bench.chain(f"[{label}]{','.join([*pending, *track.finish]) or 'null'}[{out}]")
    return f"[{out}]"


def _wire_audio(one: Draft, bench: Bench, feed: int, trim: Span) -> str:
    assert one.audio is not None  # noqa: S101 - the caller has looked
    stream = join.AUDIO if feed < 0 else f"{feed}:a:{one.audio.track}"
    filters = [*_trim(trim, "atrim", "asetpts"), *one.audio.filters]
    if one.audio.copied or (feed >= 0 and not filters):
        return stream
    bench.chain(f"[{bench.tap(stream)}]{','.join(filters) or 'anull'}[a{one.tag}]")
    return f"[a{one.tag}]"


def _trim(span: Span, cut: str, stamp: str) -> list[str]:
    """Both tracks are counted from the same moment, so that they stay together."""
    if span.whole:
        return []
    end = "" if span.length is None else f":end={number(span.start + span.length)}"
    shift = [f"{stamp}=PTS-{number(span.start)}/TB"] if span.start else []
    return [f"{cut}=start={number(span.start)}{end}", *shift]


def _wire_still(still: StillSet, one: Draft, bench: Bench, cut: Span) -> None:
    if still.source is not None:
        feed = bench.feed(still.source, still.seek)
        filters = ("-filter:v", ",".join(still.filters)) if still.filters else ()
        maps, options = (f"{feed}:V:0",), (*filters, *still.options)
    else:
        joined = bench.scene.joined
        if joined:
            bench.join()
        feed, rest = (-1, one.span) if joined else _common(one, bench, cut)
        stream = join.VIDEO if joined else f"{feed}:V:0"
        trim = _trim(rest, "trim", "setpts")
        label = f"i{one.index}_{one.stills.index(still)}"
        bench.chain(f"[{bench.tap(stream)}]{','.join([*trim, *still.filters])}[{label}]")
        maps, options = (f"[{label}]",), still.options
    bench.targets.append(Target(maps=maps, options=options, muxer=still.muxer, path=still.path))
