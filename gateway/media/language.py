"""Languages: the words that clients, MP4 files and players have for them, and the source's sound that speaks one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mediaglot.gateway.faults import NoSuchTrack
from mediaglot.gateway.media.parts import Memo
from mediaglot.gateway.media.scene import Scene
from mediaglot.gateway.model import Audio

ISO_639: Final = {
    word: tuple(line.split())
    for line in (
        *("ar ara", "bg bul", "bn ben", "ca cat", "cs ces cze", "cy cym wel", "da dan", "de deu ger", "el ell gre"),
        *("en eng", "es spa", "et est", "eu eus baq", "fa fas per", "fi fin", "fr fra fre", "ga gle", "gl glg"),
        *("he heb", "hi hin", "hr hrv", "hu hun", "hy hye arm", "id ind", "is isl ice", "it ita", "ja jpn"),
        *("ka kat geo", "kk kaz", "ko kor", "lt lit", "lv lav", "mk mkd mac", "ms msa may", "nb nob", "nl nld dut"),
        *("nn nno", "no nor", "pl pol", "pt por", "ro ron rum", "ru rus", "sk slk slo", "sl slv", "sq sqi alb"),
        *("sr srp", "sv swe", "sw swa", "ta tam", "te tel", "th tha", "tl tgl", "tr tur", "uk ukr", "ur urd"),
        *("vi vie", "zh zho chi"),
    )
    for word in line.split()
}
"""Any code of a language to all of its codes: of two letters, of three, and the older one of three."""


def short(word: str) -> str:
    """As RFC 5646 wants it, the shortest code: ``de`` for ``ger``; ``pt-BR`` stays as it is."""
    first, mark, rest = word.partition("-")
    return ISO_639.get(first.lower(), (first.lower(),))[0] + mark + rest


def long(word: str) -> str:
    """The code of three letters, the only kind that MP4 has room for."""
    codes = ISO_639.get(word.lower(), (word.lower(),))
    return codes[1] if len(codes) > 1 else codes[0]


def listen(scene: Scene, asked: Audio, memo: Memo) -> tuple[Scene, int]:
    """The scene with the sound that is asked for as its own, and that one's place among the source's, from 0.

    Raises NoSuchTrack. Of sources that are joined only the first sound of each is there to take.
    """
    number, language = asked.track, asked.source_language
    if number is None and language is None:
        return scene, 0
    if scene.joined:
        memo.note("track" if number is not None else "source_language")
        return scene, 0
    for position, facts in enumerate(scene.parts[0].sounds):
        spoken = short(facts.language) if facts.language else None
        if position + 1 == number or (number is None and language is not None and spoken == short(language)):
            return replace(scene, audio=facts), position
    raise NoSuchTrack(kind="audio", track=language if number is None else number)
