"""SVG overlays as pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from mediaglot.gateway.faults import Fault, SourceForbidden, SourceUnreadable
from mediaglot.gateway.media.vector import is_svg, raster

RED, GREEN = (255, 0, 0, 255), (0, 255, 0, 255)


def svg(inside: str, attributes: str = 'width="40" height="20"', before: str = "") -> bytes:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{before}<svg {names} {attributes}>{inside}</svg>".encode()


SQUARE = '<rect width="100%" height="100%" fill="#0f0"/>'


def drawn(data: bytes, width: int | None = None) -> tuple[tuple[int, int], object]:
    with Image.open(io.BytesIO(raster(data, width))) as image:
        return image.size, image.convert("RGBA").getpixel((image.width // 2, image.height // 2))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("attributes", "width", "size"),
    [
        ('width="40" height="20"', None, (40, 20)),
        ('width="40px" height="20px"', 400, (400, 200)),
        ('viewBox="0 0 30 60"', None, (30, 60)),
        ('viewBox="0 0 30 60" width="100%"', 10, (10, 20)),
        ('viewBox="0 0 30 60" width="60"', None, (60, 120)),
        ("", None, (300, 150)),
        ('width="1000000" height="500000"', None, (4096, 2048)),
    ],
)
def test_sizes(attributes: str, width: int | None, size: tuple[int, int]) -> None:
    assert drawn(svg(SQUARE, attributes), width) == (size, GREEN)


def test_what_drawing_programs_put_in_front_is_no_obstacle() -> None:
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    data = svg(SQUARE, before=f'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!-- made -->{doctype}\n')
    assert is_svg(data)
    assert drawn(data) == ((40, 20), GREEN)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n", b"GIF89a", b"", b"\x00\x01\x00\x00", b"<html>", b"#EXTM3U"])
def test_other_files_are_none(data: bytes) -> None:
    assert not is_svg(data)


def test_what_it_carries_inside_is_drawn(tmp_path: Path) -> None:
    image = io.BytesIO()
    Image.new("RGB", (8, 8), RED[:3]).save(image, "PNG")
    held = f"data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}"
    assert drawn(svg(f'<image xlink:href="{held}" width="40" height="40" y="-10"/>'))[1] == RED
    used = f'<defs><g id="a">{SQUARE}</g></defs><use href="#a"/>'
    assert drawn(svg(used))[1] == GREEN


@pytest.mark.parametrize(
    "inside",
    [
        '<image xlink:href="{path}" width="40" height="20"/>',
        '<image href="{path}" width="40" height="20"/>',
        '<image href="file://{path}" width="40" height="20"/>',
        '<image href="http://127.0.0.1:9/a.png" width="40" height="20"/>',
        '<use href="{path}#a"/>',
        '<image href="data:image/svg+xml;base64,AAAA" width="40" height="20"/>',
        "<style>@import '{path}';</style>" + SQUARE,
        '<rect width="40" height="20" fill="url({path}#a)"/>',
    ],
)
def test_a_drawing_that_names_other_files_is_refused(inside: str, tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), RED[:3]).save(tmp_path / "secret.png")
    with pytest.raises(SourceForbidden, match="svg_reference"):
        raster(svg(inside.format(path=tmp_path / "secret.png")))


def test_the_renderer_would_have_shown_it(tmp_path: Path) -> None:
    """What the guard is there for."""
    import resvg_py

    Image.new("RGB", (40, 20), RED[:3]).save(tmp_path / "secret.png")
    data = svg(f'<image href="{tmp_path / "secret.png"}" width="40" height="20"/>')
    with Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=data.decode()))) as image:
        assert image.getpixel((20, 10)) == RED


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (svg("<text>&a;</text>", before='<!DOCTYPE svg [<!ENTITY a "b">]>'), SourceForbidden),
        (svg("&a;", before='<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]>'), SourceForbidden),
        (b"<svg", SourceUnreadable),
        (b"<?xml version='1.0'?><html/>", SourceUnreadable),
        (svg("<g>" * 400 + "</g>" * 400), SourceUnreadable),
        (svg("<g/>" * 30_000), SourceUnreadable),
        (b"<svg>" + b" " * 3_000_000, SourceUnreadable),
    ],
)
def test_drawings_that_are_none(data: bytes, fault: type[Fault]) -> None:
    assert is_svg(data)
    with pytest.raises(fault):
        raster(data)
