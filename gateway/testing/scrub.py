"""What of an HTTP message may be kept: names of fields, and the values of those that are known to be harmless. Pure.

All other values are replaced by stand-ins of the same shape, the same for the same value, so that what belongs together
still does. What is not known to be harmless is taken for a secret.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus
from xml.sax.saxutils import escape, quoteattr, unescape

from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.wire.schema import Schemas

LINKS: Final = frozenset({"location"})
HEADERS: Final = frozenset({"accept", "allow", "content-type", "retry-after", "vary", "www-authenticate"})
SCHEMES: Final = frozenset({"basic", "bearer", "token"})
HARMLESS: Final = frozenset(
    """
    acodec action add_iframe_stream align_center aspect_ratio audio_bitrate audio_bufsize audio_channels
    audio_channels_number audio_codec audio_duration audio_duration_hms audio_duration_timestamp audio_maxrate
    audio_minrate audio_normalization audio_only audio_sample_rate audio_stream audio_sync audio_volume autograph
    b_strategy bframes bitrate bitrate_adjust bitrates bufsize burnin_timecode byte_range cancel_timeout cbr codec
    coder color_primaries color_range color_trc colorspace container convertedsize converttime copy_timestamps count
    created created_at created_from created_on created_to createdate crop_bottom crop_left crop_right crop_top
    date_from date_to default_object_timeout deinterlacing deleted direction display_aspect_ratio downloaded
    downmix_mode duration duration_hms duration_timestamp enable_drm encryption encryption_method encryption_scheme
    end_time error_code expand expires_at expires_in expiry expiry_time extended extension fade_in fade_out
    failovers_threads file_extension file_size filesize finish finished finished_at font_color font_rotate font_size
    force_aspect_ratio force_container force_framerate force_interlaced force_keyframes format format_params
    frame_rate framerate framerate_upper_threshold framerates from_date ftyp gop grant_type h264_level h264_preset
    h264_profile hard_cbr height hls_flags hls_list_size hls_time iddle_threads image_format instant interlaced
    keep_aspect_ratio keyframe keyframes limit logo_mode logo_preset logo_threshold logo_transparent logo_x logo_y
    loudnorm loudnorm_peak loudnorm_range max_bitdepth max_bitrate max_buffersize max_channels max_duration
    max_framerate max_height max_key_distance max_ref_frames max_samplingrate max_width maxrate me_method mime_type
    minrate minutes_plan month multi_use muxrate nb_channels nb_chunks noise_reduction notify_body_format
    notify_format offset offset_x offset_y opacity order ordering orientation output overlay_bottom overlay_duration
    overlay_left overlay_right overlay_start overlay_top overlay_x overlay_y padd_bottom padd_left padd_right
    padd_top page page_size pages pagination pan passes per_page percentage_completed pix_fmt pix_format
    pixel_aspect_ratio priority processing_threads processor profile progress progress_current quality queue_time
    rate rc_init_occupancy refs region resize_method resolution resolutions restrict_bitrate rotate rotation
    samplingrate sc_threshold scale_height scale_width scaler scaler_flags scope segment_duration segmentation
    set_aspect_ratio set_rotate size size_on_disk sizes slices sort start start_time started state status
    status_code subq subtitle_policy target_format thumbnail_preset time time_left time_left_current timestamp
    to_date token_type total total_threads turbo twin_turbo two_pass type updated_at uploaded use_vtt vcodec version
    video_aspect video_bitrate video_codec video_duration video_duration_hms video_duration_timestamp video_format
    video_height video_only video_sync video_width vtt_line_size vtt_max_lines waiting_threads watermark_strength
    width year
    """.split()
)
"""Media words, states, times, numbers of things: whatever the value, it is nobody's secret."""
MEMBER: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
PIECE: Final = re.compile(r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<[^>]*>|[^<]+", re.DOTALL)
KNOWN: Final = frozenset(
    ["file", "ftp", "ftps", "gopher", "gs", "http", "https", "rtmp", "rtmps", "rtsp", "s3", "sftp"]
)
"""Schemes of URLs, those that nobody takes among them."""
ENTRY: Final = "item"
"""An element without a name of its own: an entry of the list around it."""
CDATA: Final = "<![CDATA["
NAME: Final = re.compile(r"[A-Za-z_][\w.:-]{0,63}|\d{1,3}", re.ASCII)
"""Of a field; a number is the turn of an entry, as errors have it."""
UNNAMED: Final = "field"
"""In place of a name that is none."""
LONGEST: Final = 64
"""Characters of a harmless value; what is longer, or leads somewhere, is not what its name says."""
ATTRIBUTE: Final = re.compile(r"""\s([A-Za-z_][\w.-]{0,63})\s*=\s*("[^"<]*"|'[^'<]*')""", re.ASCII)
BRACKETS: Final = frozenset({"{}", "[]", "<>"})
PLAIN: Final = frozenset({"true", "false", "null", "yes", "no"})
OWN: Final = frozenset({"client_metadata", "meta", "metadata"})
"""Fields in which clients keep what is theirs, under names that mean what they want."""
FATE: Final = (
    "(at|deliver|duration|fail|fault|for|output|refuse|retry|size|slow|stall|stuck|takes|times|until|wait)"
    r"(=[a-z0-9_.]{1,16})?"
)
"""What is to become of a clip, as it is said in its URL."""
OPEN: Final = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?)?"
    r"|(\d{8} )?\d\d:\d\d:\d\d(\.\d{1,3})?"
    rf"|https?://media\.mediaglot\.test/[a-z0-9]{{1,12}}(-[a-z0-9]{{1,12}}){{0,6}}\.[a-z0-9]{{2,4}}(\?{FATE}(&{FATE})*)?",
    re.ASCII,
)
"""Values that are nobody's secret, whatever their name: times, and clips that are made here by their names."""
PLACE: Final = re.compile(r"\\{(\w+)\\}")
"""A place of a sentence, in its pattern."""
StandIn = Callable[[str], str]


UNLIKE: Final = str.maketrans("01234567", "23456789")
"""Digits that no alphabet of ids leaves out for being like a letter."""
LOGIN: Final = re.compile(r"[^:/?#]+://[^/?#]*@")
"""A URL that says who comes."""
ENDING: Final = re.compile(r"\.(?:mp4|mov|mkv|webm|mp3|m3u8|mpd|jpe?g|png|webp|gif|vtt|ts)(?=$|\?)")
SHAPES: Final[Mapping[str, Callable[[int, int], str]]] = {
    r"\d{1,512}": lambda length, number: str(10 ** (length - 1) + number),
    r"-?\d+\.\d+([eE][+-]?\d+)?": lambda _, number: f"{number}.5",
    r"-?\d+([eE][+-]?\d+)?": lambda _, number: str(number),
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": lambda _, number: f"00000000-0000-4000-8000-{number:012x}",
    r"[0-9a-f]{12,}": lambda length, number: f"{number:x}".zfill(length),
    r"[a-z0-9]{4,11}": lambda length, number: f"x{number:0{length - 1}d}",
    r"[A-Za-z0-9]{8,24}": lambda length, number: "X" + f"{number:o}".zfill(length - 1).translate(UNLIKE),
    r"[A-Za-z0-9_-]{25,512}": lambda length, number: f"X{number:0{length - 1}d}",
}
"""By pattern, of a length and a number that no other value has."""


class Shapes:
    """Stand-ins that look like what they stand for: whoever reads them takes them for the same kind of thing."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def __call__(self, value: str) -> str:
        if not value.strip():
            return value
        if re.fullmatch(r"[\w.-]+(, ?[\w.-]+)+", value, re.ASCII):
            return ",".join(map(self, re.split(", ?", value)))  # a list, whose parts may stand alone elsewhere
        if value not in self._given:
            number = len(self._given) + 1
            while (made := _shaped(value, number)) in self._taken:
                number += 1
            self._taken.add(made)
            self._given[value] = made
        return self._given[value]


def _shaped(value: str, number: int) -> str:
    for pattern, shape in SHAPES.items():
        if re.fullmatch(pattern, value, re.ASCII):
            return shape(len(value), number)
    if re.fullmatch(r"\d+-\d+", value, re.ASCII):
        return "-".join(_shaped(part, number) for part in value.split("-"))
    if "://" in value:
        ending = ENDING.search(value)
        scheme = value.partition("://")[0].lower()
        who = f"someone{number}:secret{number}@" if LOGIN.match(value) else ""
        known = scheme if scheme in KNOWN else "https"
        return f"{known}://{who}media.example.test/{number}{ending[0] if ending else ''}"
    ending = ENDING.search(value)
    if "@" in value:
        return f"{'mailto:' * value.startswith('mailto:')}someone{number}@example.test"
    return f"text-{number}{ending[0] if ending else ''}"


class Scrubber:
    """``texts`` are what the dialect itself says; they stay wherever they are the whole of a value."""

    def __init__(self, dialect: Dialect, stand_in: StandIn) -> None:
        self._dialect, self._stand_in = dialect, stand_in
        kind: Any = type(dialect)
        self._host = dialect.hosts[0] if dialect.hosts else "api.example.test"
        self._words = {part for route in dialect.routes for part in route.path.split("/") if "{" not in part}
        ours = [route.path for route in dialect.routes if self._words & {*route.path.split("/")} - {""}]
        self._paths = re.compile(
            "|".join(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + "/?" for path in ours) or "$^"
        )
        self._texts = {each.text for each in dialect.faults.values()} | set(dialect.statuses.words())
        self._texts |= {route.when or "" for route in dialect.routes} | words(kind)
        self._sayings = {text: re.compile(PLACE.sub(r"(?P<\1>.+?)", re.escape(text))) for text in dialect.sayings}

    def request(self, request: Request) -> Request:
        """What is left of a body that is not kept is its length."""
        path = self._path(request.path)
        body = self.body(request.body, request.headers.get("Content-Type"))
        length = [("Content-Length", str(len(request.body)))] if request.body and not body else []
        lines = (("Host", self._host), *self._headers(request.headers), *length)
        query = self._form(request.query)
        return Request(method=request.method, path=path, query=query, headers=Headers(lines=lines), body=body)

    def _path(self, path: str) -> str:
        return "/".join(part if part in self._words else self._stand_in(part) for part in path.split("/"))

    def _link(self, url: str) -> str | None:
        """A link to one of the dialect's own paths, at the dialect's own host; None for any other URL."""
        before, _, query = url.partition("?")
        scheme, mark, rest = before.rpartition("://")
        parts = rest.split("/")
        for start in range(len(parts)):
            path = "/" + "/".join(parts[start + 1 :])
            if start + 1 < len(parts) and self._paths.fullmatch(path):
                place = f"{scheme}://{self._host}" if mark else ""
                return place + self._path(path) + (f"?{self._form(query)}" if query else "")
        return None

    def response(self, response: Response) -> Response:
        body = self.body(response.body, response.headers.get("Content-Type"))
        return replace(response, headers=Headers(lines=tuple(self._headers(response.headers))), body=body)

    def _headers(self, headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        for name, value in headers:
            if name.lower() in HEADERS:
                yield name, value.encode("utf-8", "replace").decode().partition("boundary=")[0]
            elif name.lower() in LINKS:
                yield name, self._link(value) or self._stand_in(value)
            elif name.lower() == "authorization":
                yield name, self._authorization(value)

    def _authorization(self, value: str) -> str:
        scheme, _, secret = value.partition(" ")
        if scheme.lower() not in SCHEMES:
            return self._stand_in(value)
        stand_in = self._stand_in(secret.strip())
        if scheme.lower() == "basic":
            stand_in = base64.b64encode(f"{stand_in}:{stand_in}".encode()).decode()
        return f"{scheme} {stand_in}"

    def body(self, body: bytes, content_type: str) -> bytes:
        """A document or a form; of anything else nothing."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return b""
        kind = content_type.partition(";")[0].strip().lower()
        if kind.startswith("multipart/"):
            return b""
        if (found := self._document(text)) is not None:
            return found.encode()
        is_form = "form" in kind or (not kind and "=" in text)
        return self._form(text).encode() if is_form and text.lstrip()[:1] not in ("{", "[", "<") else b""

    def _document(self, text: str) -> str | None:
        start = text.lstrip()[:1]
        if start in ("{", "["):
            return self._json(text) if is_json(text) else None
        return self._xml(text) if start == "<" else None

    def value(self, name: str, text: str) -> str:
        """A field's value, or its stand-in."""
        if self.keeps(name, text):
            return text
        if (said := self.said(text)) is not None:
            return said[0].format_map({place: self.value(place, word) for place, word in said[1].items()})
        if text.startswith(("http://", "https://", "/")) and (link := self._link(text)) is not None:
            return link
        longer = name.lower() in HARMLESS and not _strange(text)
        return self._stand_in(f"://{text}" if longer else text)

    def said(self, text: str) -> tuple[str, dict[str, str]] | None:
        """Which of its sentences a dialect says, and what stands in the braces."""
        found = ((saying, pattern.fullmatch(text)) for saying, pattern in self._sayings.items())
        return next(((saying, match.groupdict()) for saying, match in found if match), None)

    def keeps(self, name: str, text: str) -> bool:
        """Whether a value stays as it is: a word of the dialect's, or one that is harmless by its name or its form."""
        if text in self._texts or text in PLAIN or OPEN.fullmatch(text):
            return True
        return name.lower() in HARMLESS and len(text) <= LONGEST and not _strange(text)

    def _form(self, text: str) -> str:
        if _is_bare(text.partition("=")[2].strip()):
            return self._pair(text)
        return "&".join(self._pair(part) for part in text.split("&")) if text else ""

    def _pair(self, part: str) -> str:
        name, _, value = part.partition("=")
        if not NAME.fullmatch(name) or (not value and name not in HARMLESS):
            return self._stand_in(part)
        plain = unquote_plus(value)
        document = self._document(plain)
        return f"{name}={quote_plus(document if document is not None else self.value(unquote_plus(name), plain))}"

    def _json(self, text: str) -> str:
        """Word by word, so that the provider's own way of writing stays."""
        stack: list[tuple[bool, str]] = []  # whether it is an object, and the name that values in it have
        name, is_name, made, end = "", False, [], 0
        for match in MEMBER.finditer(text):
            word, blank, end = match[0], text[end : match.start()], match.end()
            if word in "{[":
                stack.append((word == "{", name))
                is_name = word == "{"
            elif word in "}]":
                stack.pop()
            elif word == ",":
                is_name, name = stack[-1]
            elif word == ":":
                is_name = False
            elif is_name:
                name = json.loads(word)
                word = word if NAME.fullmatch(name) else f'"{UNNAMED}"'
            else:
                word = self._scalar("" if any(outer in OWN for _, outer in stack) else name, word)
            made += [blank, word]
        return "".join(made)

    def _scalar(self, name: str, word: str) -> str:
        if not word.startswith('"'):
            return self.value(name, word)
        text = json.loads(word)
        kept = self.value(name, text)
        return word if kept == text else json.dumps(kept)

    def _xml(self, text: str) -> str:
        """Elements, their texts and attributes; comments and instructions are left out."""
        stack: list[str] = []
        made = []
        for piece in map(_plain, PIECE.findall(text)):
            if piece.startswith("<?xml "):
                made.append('<?xml version="1.0"?>')
            elif piece.startswith(("<!", "<?")):
                continue
            elif piece.startswith("</"):
                made += [f"</{stack.pop()}>"] if stack else []
            elif piece.startswith("<"):
                name = re.split(r"[\s/>]", piece[1:], maxsplit=1)[0]
                name = name if NAME.fullmatch(name) else UNNAMED
                closed = piece.endswith("/>")
                made.append(f"<{name}{self._attributes(piece, bool(OWN.intersection(stack)))}{'/' * closed}>")
                stack += [] if closed else [name]
            elif piece.strip():
                named = [name for name in stack if name != ENTRY]
                name = "" if not named or OWN.intersection(named) else named[-1]
                made.append(escape(self.value(name, unescape(piece.strip()))))
            else:
                made.append(piece)
        return "".join(made)

    def _attributes(self, piece: str, own: bool) -> str:
        """That there are some may be what is wrong with a document. What is the client's own is no harmless name."""
        said = {name: unescape(value[1:-1]) for name, value in ATTRIBUTE.findall(piece)}
        return "".join(f" {name}={quoteattr(self.value('' if own else name, value))}" for name, value in said.items())


def _plain(piece: str) -> str:
    """CDATA as the text that it is."""
    return escape(piece.removeprefix(CDATA).removesuffix("]]>")) if piece.startswith(CDATA) else piece


def _strange(text: str) -> bool:
    """Whether it leads somewhere, or to somebody."""
    return "://" in text or "@" in text


@cache
def words(dialect: Any) -> frozenset[str]:
    """What the schemas of a dialect enumerate: everybody can read it there."""
    schemas = Schemas(dialect())
    return frozenset(word for name in schemas.names for word in _enumerated(schemas.document(name)))


def _enumerated(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        allowed = [*schema["enum"]] if isinstance(schema.get("enum"), list) else []
        yield from (str(word) for word in [*allowed, schema.get("const")] if isinstance(word, (str, int)))
        for inner in schema.values():
            yield from _enumerated(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _enumerated(inner)


def _is_bare(value: str) -> bool:
    """Whether it is a document that nobody encoded, in which an ampersand parts nothing."""
    return value[:1] + value[-1:] in BRACKETS and (value[0] == "<" or is_json(unquote_plus(value)))


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
