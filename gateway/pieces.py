"""Ready-made lines of Records: settings that documents commonly say with several keys, or with one odd one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from fractions import Fraction
from typing import Any

from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Field, Inline, Pair, Record, Scalar, Tree, is_empty, many, one
from mediaglot.gateway.model import Average, Constant, Edges, Fit, FrameRate, ImageOverlay, Share, Size, Video
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.values import (
    FRAME_RATE,
    INTEGER,
    KILOBITS,
    NATURAL,
    SECONDS,
    SIZE,
    TEXT,
    YES_NO,
    decimal,
    nonzero,
    or_share,
)


def flat(attribute: str, model: type[Any], via: Scalar = TEXT, /, **keys: str) -> Inline:
    """An object whose fields lie flat among those of its owner: ``flat("clip", Clip, SECONDS, start="from")``.

    What ``via`` reads as None is not said, and where nothing is said there is no object.
    """
    return Inline(attribute, Record(model, *(Field(key, name, via) for name, key in keys.items())))


def flagged(flag: str, attribute: str, record: Record[Any], **defaults: str) -> Pair:
    """An object that lies flat among the fields of its owner, and is there only where ``flag`` says yes."""

    def read(tree: Tree) -> Tree:
        used = YES_NO.read(tree.get(flag) or "no")
        return {attribute: record.read(defaults | tree, Ledger())} if used else {}

    def write(item: Any) -> Tree:
        value = getattr(item, attribute)
        return {flag: "yes"} | record.write(value, Ledger()) if value is not None else {}

    return Pair(" ".join([flag, *sorted(record.keys)]), attribute, read, write)


def edges(attribute: str, prefix: str) -> Inline:
    """Four keys such as ``crop_left`` for one Edges, in pixels."""
    sides = {side: f"{prefix}_{side}" for side in ("left", "top", "right", "bottom")}
    return flat(attribute, Edges, nonzero(NATURAL), **sides)


def switched(key: str, record: Record[Any], **only: str) -> Pair:
    """An object whose fields lie flat beside ``key``, its own name, which says yes where there is one.

    ``only`` are further keys, each with the one word that it may have.
    """

    def read(tree: Tree) -> Tree:
        if not YES_NO.read(tree.get(key, "no")):
            return {}
        for name, word in only.items():
            if str(tree.get(name, word)).lower() != word:
                raise Invalid(field=name, reason=f"can only be {word}")
        return {key: record.read(tree, Ledger())}

    def write(item: Any) -> Tree:
        found = getattr(item, key)
        return {} if found is None else {key: "yes", **only, **record.write(found, Ledger())}

    return Pair(" ".join([key, *only, *sorted(record.keys)]), key, read, write)


def texts(key: str, attribute: str) -> Pair:
    """An object of texts, such as ``metadata``."""

    def read(tree: Tree) -> Tree:
        found = tree[key]
        if not isinstance(found, dict):
            raise ValueError("must be an object")
        return {attribute: {name: TEXT.read(one(value)) for name, value in found.items() if not is_empty(value)}}

    return Pair(key, attribute, read, lambda item: {key: dict(getattr(item, attribute))})


def lines(key: str, attribute: str) -> Pair:
    """A text whose lines are a list, or a single line as it is."""
    return Pair(
        key,
        attribute,
        lambda tree: {attribute: "\n".join(map(str, many(tree[key])))},
        lambda item: {key: getattr(item, attribute).split("\n")},
    )


# --- sizes ----------------------------------------------------------------------------------------


def sized(key: str, keep: str) -> Pair:
    """``640x360`` under ``key``. Unless ``keep`` is ``no``, a picture of another shape is padded, not stretched."""

    def read(tree: Tree) -> Tree:
        if key not in tree:
            return {}
        size = SIZE.read(tree[key])
        kept = YES_NO.read(tree.get(keep, "yes"))
        return {"size": replace(size, fit=Fit.PAD if kept else Fit.STRETCH) if size.width and size.height else size}

    def write(video: Video) -> Tree:
        if video.size is None:
            return {}
        return {key: SIZE.write(video.size), keep: "no" if video.size.fit is Fit.STRETCH else None}

    return Pair(f"{key} {keep}", "size", read, write)


def sides(
    attribute: str, width: str, height: str, via: Scalar = NATURAL, *, fit: Fit | None = None, together: str = ""
) -> Pair:
    """Two keys for one Size, 0 being silence. With both sides the picture is fitted in as ``fit`` says.

    ``together`` is a key for both sides, such as ``640x360``, that counts where the two are silent.
    """

    def read(tree: Tree) -> Tree:
        if together in tree and not {width, height} & tree.keys():
            size = SIZE.read(tree[together])
            tree = {width: size.width or 0, height: size.height or 0}
        found = {name: via.read(tree[key]) or None for name, key in keys.items() if key in tree}
        both = found.get("width") and found.get("height")
        return {attribute: Size(**found, fit=fit if both else None)} if any(found.values()) else {}

    def write(item: Any) -> Tree:
        size = getattr(item, attribute)
        return {key: written(via, getattr(size, name)) for name, key in keys.items()} if size else {}

    keys = {"width": width, "height": height}
    return Pair(f"{width} {height} {together}", attribute, read, write)


def boxed(key: str) -> Pair:
    """``50x0`` under one key for the attributes ``width`` and ``height``, in pixels; a 0 follows from the other."""

    def read(tree: Tree) -> Tree:
        size = SIZE.read(tree[key])
        return {"width": size.width, "height": size.height}

    def write(item: Any) -> Tree:
        if isinstance(item.width, Share) or not (item.width or item.height):
            return {}
        return {key: f"{item.width or 0}x{item.height or 0}"}

    return Pair(key, "width height", read, write)


# --- rates ----------------------------------------------------------------------------------------


def written(via: Scalar, value: Any) -> Any:
    """None for what ``via`` has no way to write; what is then missing is noted as such."""
    with suppress(ValueError):
        text = None if value is None else via.write(value)
        if text is not None and via.read(text) is not None:
            return text
    return None


class BitRate(Pair):
    """The keys of an Average, and those that make it a Constant; a document has no word for those left out.

    ``via`` is for the bitrate and, without ``bounds``, for the bounds too; ``flag`` for the last three.
    """

    def __init__(
        self,
        bitrate: str,
        *,
        least: str = "",
        most: str = "",
        buffer: str = "",
        constant: str = "",
        padded: str = "",
        at_most_source: str = "",
        via: Scalar = KILOBITS,
        bounds: Scalar | None = None,
        flag: Scalar = YES_NO,
    ) -> None:
        self.amounts = {"bitrate": bitrate, "least": least, "most": most, "buffer": buffer}
        self.constant, self.padded, self.at_most_source = constant, padded, at_most_source
        self.via, self.bounds, self.flag = via, bounds or via, flag
        self.flags = [key for key in (constant, padded, at_most_source) if key]
        super().__init__(" ".join([*self.amounts.values(), *self.flags]), "rate", self._rate, self._document)

    def _via(self, name: str) -> Scalar:
        return self.via if name == "bitrate" else self.bounds

    def _rate(self, tree: Tree) -> Tree:
        found = {name: self._via(name).read(tree[key]) for name, key in self.amounts.items() if key in tree}
        yes = {key for key in self.flags if key in tree and self.flag.read(tree[key])}
        if yes & {self.constant, self.padded} and "bitrate" in found:
            return {"rate": Constant(bitrate=found["bitrate"], padded=self.padded in yes)}
        return {"rate": Average(**found, at_most_source=self.at_most_source in yes)} if found else {}

    def _document(self, video: Video) -> Tree:
        rate = video.rate
        if isinstance(rate, Constant):
            said = {self.amounts["bitrate"]: written(self.via, rate.bitrate)}
            word = self.padded if rate.padded and self.padded else self.constant
        elif isinstance(rate, Average):
            keys = {name: key for name, key in self.amounts.items() if key}
            said = {key: written(self._via(name), getattr(rate, name)) for name, key in keys.items()}
            word = self.at_most_source if rate.at_most_source else ""
        else:
            return {}
        return said | ({word: self.flag.write(True)} if word else {})


def frame_rate(key: str, ceiling: str, via: Scalar = FRAME_RATE, *, capped: bool = False) -> Pair:
    """A frame rate, and one that faster sources are brought down to where ``key`` is silent.

    With ``capped`` the ceiling is one for ``key`` as well.
    """

    def read(tree: Tree) -> Tree:
        value = via.read(tree[key]) if key in tree else None
        limit = via.read(tree[ceiling]) if ceiling in tree and (capped or value is None) else None
        if value is None:
            return {} if limit is None else {"frame_rate": FrameRate(value=limit, at_most=True)}
        return {"frame_rate": FrameRate(value=value if limit is None else min(value, limit))}

    def write(video: Video) -> Tree:
        wanted = video.frame_rate
        return {ceiling if wanted.at_most else key: via.write(wanted.value)} if wanted else {}

    return Pair(f"{key} {ceiling}", "frame_rate", read, write)


def forced(key: str) -> Pair:
    """Positions of key frames with commas between them, or a period such as ``2s``."""

    def read(tree: Tree) -> Tree:
        text = str(tree[key])
        if period := re.fullmatch(r"\s*([\d.]+)\s*s\s*", text):
            return {"every": SECONDS.read(period[1])}
        return {"at": tuple(SECONDS.read(part) for part in text.split(","))}

    def write(keys: Any) -> Tree:
        return {key: f"{decimal(keys.every)}s" if keys.every is not None else ",".join(map(decimal, keys.at))}

    return Pair(key, "at every", read, write)


def moment(key: str, default: Fraction) -> Pair:
    """When to take pictures: ``10!`` is one every 10 seconds, ``50%`` a share of the duration, others a time."""

    def read(tree: Tree) -> Tree:
        text = str(tree[key]).strip()
        if text.endswith("!"):
            return {"every": SECONDS.read(text[:-1])}
        return {"at": timed.read(text)}

    def write(stills: Any) -> Tree:
        return {key: f"{decimal(stills.every)}!" if stills.every is not None else timed.write(stills.at or default)}

    timed = or_share(SECONDS)
    return Pair(key, "at every", read, write)


# --- overlays -------------------------------------------------------------------------------------


def distances(prefix: str) -> Pair:
    """Keys such as ``logo_right``: distances from the left or else the right edge, from the top or else the bottom one.

    ``logo_x`` and ``logo_y`` stand for the left and top ones that are absent.
    """

    def read(tree: Tree) -> Tree:
        given = {key.removeprefix(f"{prefix}_"): value for key, value in tree.items()}
        across = "right" if "right" in given and "left" not in given else "left"
        down = "bottom" if "bottom" in given and "top" not in given else "top"
        x, y = given.get(across, given.get("x", 0)), given.get(down, given.get("y", 0))
        return {"anchor": (down, across), "x": INTEGER.read(x), "y": INTEGER.read(y)}

    def write(overlay: ImageOverlay) -> Tree:
        down, across = overlay.anchor
        x, y = (each if isinstance(each, int) else 0 for each in (overlay.x, overlay.y))
        return {f"{prefix}_{across}": str(x), f"{prefix}_{down}": str(y)}

    keys = " ".join(f"{prefix}_{name}" for name in ("left", "right", "top", "bottom", "x", "y"))
    return Pair(keys, "anchor x y", read, write)


class Mixed:
    """Lists under several keys, one for each kind of object, for a single tuple.

    ``kind`` tells the key that an object belongs under. Reading takes the keys in the order of ``records``; there are
    at most ``most`` objects in all.
    """

    def __init__(
        self, attribute: str, records: Mapping[str, Record[Any]], kind: Callable[[Any], str], most: int
    ) -> None:
        self.attribute, self.records, self.kind, self.most = attribute, records, kind, most
        self.keys, self.attributes = frozenset(records), frozenset({attribute})

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        given = [(key, number, item) for key in self.records for number, item in enumerate(many(tree.get(key)))]
        if len(given) > self.most:
            field = f"{ledger.prefix}{'/'.join(self.records)}"
            raise Invalid(field=field, reason=f"is given more than {self.most} times")
        found = []
        for key, number, item in given:
            # What is no object lacks what an object needs: that fault says more.
            document = item if isinstance(item, dict) else {}
            found.append(self.records[key].read(document, ledger.within(key).within(number)))
        return {self.attribute: tuple(found)} if found else {}

    def write(self, item: Any, ledger: Ledger) -> Tree:
        written: dict[str, list[Tree]] = {}
        places = []
        for number, each in enumerate(getattr(item, self.attribute)):
            key = self.kind(each)
            places.append(list(self.records).index(key))
            within = ledger.within(self.attribute).within(number)
            written.setdefault(key, []).append(self.records[key].write(each, within))
        if places != sorted(places):
            ledger.note(Kind.APPROXIMATED, self.attribute, reason="in another order")
        return dict(written)


# --- objects within objects -------------------------------------------------------------------------


def once(value: Any) -> Any:
    """A text that is given several times, and always alike, counts once: clients repeat parameters."""
    return one(value[:1] if isinstance(value, list) and value == [str(*value[:1])] * len(value) else value)


def spread(tree: Tree, key: str, columns: Mapping[str, str], shared: Set[str]) -> Tree:
    """Several things under ``key``, in place of comma lists beside each other: each has the value in its place, or the
    only one, and what is said of all. Without lists the tree as it is.

    ``columns`` are the names of the lists, and by them the key of what they hold; ``shared`` are the keys of what is
    said of all. Raises Invalid for lists of different lengths.
    """
    lists = {name: [word.strip() for word in str(tree[name]).split(",")] for name in columns if tree.get(name)}
    count = max(map(len, lists.values()), default=0)
    for name, words in lists.items():
        if len(words) not in (1, count):
            raise Invalid(field=name, value=str(tree[name]), reason=f"has {len(words)} values, another list {count}")
    if not count:
        return tree
    own = {name: tree[name] for name in shared & tree.keys()}
    things = [{columns[name]: words[at % len(words)] for name, words in lists.items()} for at in range(count)]
    rest = {name: value for name, value in tree.items() if name not in shared and name not in columns}
    return {**rest, key: [own | thing for thing in things]}


def flatten(tree: Tree, nothing: Mapping[str, str] | None = None, prefix: str = "") -> Tree:
    """Objects within objects as one, whose keys are paths (``video.width``).

    ``nothing`` names the paths at which an empty value has a meaning of its own, and the word for it.
    """
    flat: Tree = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if nothing and path in nothing and is_empty(value):
            flat[path] = nothing[path]
        elif isinstance(value, dict):
            flat |= flatten(value, nothing, f"{path}.")
        else:
            flat[path] = value
    return flat


def unflatten(flat: Tree, nothing: Mapping[str, str] | None = None) -> Tree:
    """What ``flatten`` made ``flat`` of."""
    tree: Tree = {}
    for path, value in flat.items():
        *above, key = path.split(".")
        place = tree
        for part in above:
            place = place.setdefault(part, {})
        place[key] = None if nothing and nothing.get(path) == value else value
    return tree
